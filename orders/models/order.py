"""The mirror: what iiko says of each order, and how it came to be so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Self

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.expressions import Case, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Upper
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from core.privacy.rows import PeopleQuerySet, PeopleRow
from core.privacy.shown import masked
from core.values.ids import searchable_id
from core.values.phones import has_phone, phone_key, visible
from iiko_client.json_reader import LONGEST_EXTERNAL_ID, external_id
from iiko_client.models.statuses import TERMINAL_STATUSES, DeliveryStatus
from organizations.fields import StampField
from organizations.models.organization import Organization, TerminalGroup, parents_organization


class Status(models.TextChoices):
    """iiko's ten delivery statuses, in their usual course; skips and steps back are allowed."""

    UNCONFIRMED = DeliveryStatus.UNCONFIRMED.value, _("Unconfirmed")
    WAIT_COOKING = DeliveryStatus.WAIT_COOKING.value, _("Waiting for the kitchen")
    READY_FOR_COOKING = DeliveryStatus.READY_FOR_COOKING.value, _("Ready for cooking")
    COOKING_STARTED = DeliveryStatus.COOKING_STARTED.value, _("Cooking")
    COOKING_COMPLETED = DeliveryStatus.COOKING_COMPLETED.value, _("Cooked")
    WAITING = DeliveryStatus.WAITING.value, _("Waiting for dispatch")
    ON_WAY = DeliveryStatus.ON_WAY.value, _("On the way")
    DELIVERED = DeliveryStatus.DELIVERED.value, _("Delivered")
    CLOSED = DeliveryStatus.CLOSED.value, _("Closed")
    CANCELLED = DeliveryStatus.CANCELLED.value, _("Cancelled")


TERMINAL = tuple(sorted(status.value for status in TERMINAL_STATUSES))


def is_over(fields: Mapping[str, Any]) -> bool:
    """Whether an order, by its fields in the mirror's names, has ended: closed, cancelled or deleted."""
    return fields.get("status") in TERMINAL or fields.get("is_deleted") is True


class CreationStatus(models.TextChoices):
    """Whether the POS took the order. The Cloud says Success, SOI says OK."""

    IN_PROGRESS = "InProgress", pgettext_lazy("one order", "being sent to the POS")
    SUCCESS = "Success", _("accepted")
    OK = "OK", _("accepted (SOI)")
    ERROR = "Error", _("not accepted")


class OrderType(models.TextChoices):
    DELIVERY = "DELIVERY", _("delivery")
    PICKUP = "PICKUP", _("pickup")
    HALL = "HALL", _("hall")


COUNTED_FOR = timedelta(hours=24)
"""What went wrong is counted for so long, unless somebody acknowledges it before."""


class OrderQuerySet(PeopleQuerySet["Order"]):
    def open(self) -> OrderQuerySet:
        """Neither closed, cancelled nor deleted, nor refused by the POS; unknown statuses count as open.

        Nor those that iiko no longer lists.
        """
        return self.filter(is_open=True)

    def refused(self) -> OrderQuerySet:
        """Not taken by the POS."""
        return self.filter(status__isnull=True, creation_status=CreationStatus.ERROR)

    def refused_lately(self, now: datetime) -> OrderQuerySet:
        """Not taken by the POS lately, and not acknowledged; without its guest nobody can do anything."""
        return self.refused().filter(
            updated_at__gte=now - COUNTED_FOR,
            refusal_acknowledged_at__isnull=True,
            personal_data_removed_at__isnull=True,
        )

    def listed_nowhere(self) -> OrderQuerySet:
        """Unknown to iiko, or left out by one answer so far."""
        return self.filter(Q(not_listed_since__isnull=False) | Q(unknown_to_iiko_at__isnull=False))

    def late(self, now: datetime, *, is_late: bool = True) -> OrderQuerySet:
        """Handed over after the promised time, or not yet though it has passed (see ``Order.late_at``)."""
        still_waiting = Case(When(is_open=True, then=Value(now)), output_field=models.DateTimeField())
        end = Coalesce("when_delivered", "when_closed", still_waiting)
        overdue = Q(promised_time__lt=end)
        # A CASE, because NOT over comparisons with NULL would lose the orders that promise nothing.
        is_nobodys = Q(status=Status.CANCELLED) | Q(is_deleted=True)
        outcome = Case(When(is_nobodys, then=False), When(overdue, then=True), default=False)
        return self.filter(Exact(outcome, is_late))

    def with_pos_silence(self, now: datetime) -> OrderQuerySet:
        """Add ``pos_silent_since``: the POS of the order does not answer, or none of its restaurant does.

        For orders that it matters to: open ones, and those that the POS did not take and may still take.
        """
        groups = TerminalGroup.objects.in_use().filter(organization_id=OuterRef("organization_id"))
        own = groups.filter(iiko_id=OuterRef("terminal_group_id"))
        silent = TerminalGroup.objects.silent(now).filter(organization_id=OuterRef("organization_id"))
        one = silent.filter(iiko_id=OuterRef("terminal_group_id")).values("not_answering_since")[:1]
        first = silent.order_by("not_answering_since").values("not_answering_since")[:1]
        answers = groups.exclude(pk__in=TerminalGroup.objects.silent(now).values("pk"))
        matters = Q(is_open=True) | Q(
            status__isnull=True,
            creation_status=CreationStatus.ERROR,
            unknown_to_iiko_at__isnull=True,
            updated_at__gte=now - COUNTED_FOR,
        )
        since = Case(
            When(matters & Exists(own), then=Subquery(one)),
            When(matters & ~Exists(answers), then=Subquery(first)),
            default=None,
            output_field=models.DateTimeField(),
        )
        return self.annotate(pos_silent_since=since)

    def with_replacement(self) -> OrderQuerySet:
        """Add ``replaced_by``: the number of the order that stands for a cancelled one, if it is here."""
        same = Order.objects.filter(
            organization_id=OuterRef("organization_id"), iiko_order_id=OuterRef("replacement_id")
        )
        number = Coalesce("readable_number", "external_order_id", "iiko_order_id")
        stands = When(
            status=Status.CANCELLED,
            moved__has_key="to_order_id",
            then=Subquery(same.order_by().annotate(number=number).values("number")[:1]),
        )
        # The condition keeps the look-up to the few orders that were moved.
        named = self.annotate(replacement_id=KeyTextTransform("to_order_id", "moved"))
        return named.annotate(replaced_by=Case(stands, output_field=models.CharField()))

    def searched(self, text: str, *, people: bool) -> OrderQuerySet:
        """Whose number, ids or phone are ``text`` as a whole, of any case; each is an index look-up.

        For what leads to one order; people search by ``orders.search``, which finds parts and names, too.
        Without ``people`` no phone is looked at.
        """
        text = visible(text)
        number = external_id(text)
        found = (
            Q(readable_number=text.lstrip("#№ \N{NO-BREAK SPACE}"))
            | Q(external_order_id__iexact=number)
            | Q(soi_external_id__iexact=number)
            | Q(iiko_order_id__in={text, text.lower(), searchable_id(text)})
        )
        if people:
            found |= has_phone("phone_key", text)
        return self.alias(phone_key=phone_key("phone")).filter(found)


class Order(PeopleRow):
    """A delivery order as iiko last reported it. Written by ``mirror.apply`` alone.

    ``field_precedence`` says of each mirrored field which message set it (see ``core.mirror.precedence``), so
    that late, repeated and partial messages end in the same order whatever way they arrive.
    """

    organization = models.ForeignKey(
        Organization,
        models.PROTECT,
        to_field="iiko_id",
        related_name="orders",
        verbose_name=_("organization"),
        db_index=False,
    )
    iiko_order_id = models.CharField(_("iiko order id"), max_length=200, null=True)
    external_order_id = models.CharField(_("external order id"), max_length=LONGEST_EXTERNAL_ID, null=True)
    soi_external_id = models.CharField(
        _("external order id (SOI)"), max_length=LONGEST_EXTERNAL_ID, null=True
    )
    pos_id = models.CharField(_("id on the POS"), max_length=200, null=True)
    readable_number = models.CharField(_("number"), max_length=200, null=True)

    status = models.CharField(_("status"), max_length=20, choices=Status, null=True)
    raw_status = models.TextField(_("status as sent"), null=True)
    creation_status = models.CharField(_("creation"), max_length=200, choices=CreationStatus, null=True)
    error_info = models.JSONField(_("creation error"), null=True)
    is_deleted = models.BooleanField(_("deleted in iiko"), null=True)
    is_open = models.GeneratedField(
        verbose_name=_("open"),
        expression=Case(
            When(status__in=TERMINAL, then=False),
            When(is_deleted=True, then=False),
            When(creation_status="Error", raw_status__isnull=True, then=False),
            When(unknown_to_iiko_at__isnull=False, then=False),
            default=True,
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )

    order_type = models.CharField(_("type"), max_length=200, choices=OrderType, null=True)
    order_type_id = models.TextField(_("order type id"), null=True)
    order_type_name = models.TextField(_("order type"), null=True)
    amount_minor = models.BigIntegerField(_("amount"), null=True)
    processed_payments_minor = models.BigIntegerField(_("paid"), null=True)
    terminal_group_id = models.CharField(_("terminal group"), max_length=200, null=True)
    restaurant_name = models.TextField(_("restaurant"), null=True)
    courier_id = models.CharField(_("courier id"), max_length=200, null=True)
    courier_name = models.TextField(_("courier"), null=True)
    courier_phone = models.TextField(_("courier's phone"), null=True)
    external_courier_service_id = models.TextField(_("outside courier service id"), null=True)
    external_courier_service_name = models.TextField(_("outside courier service"), null=True)
    tracking_link = models.TextField(_("tracking link"), null=True)
    customer = models.JSONField(_("customer"), null=True)
    phone = models.CharField(_("phone"), max_length=200, null=True)
    phone_extension = models.CharField(_("phone extension"), max_length=200, null=True)
    address = models.JSONField(_("address"), null=True)
    comment = models.TextField(_("comment"), null=True)
    problem = models.TextField(_("problem"), null=True, help_text=_("Empty text: a problem without words."))
    operator_name = models.TextField(_("operator"), null=True)
    guests_count = models.BigIntegerField(_("guests"), null=True)
    delivery_zone = models.TextField(_("delivery zone"), null=True)
    source_key = models.TextField(_("source"), null=True)
    is_asap = models.BooleanField(_("as soon as possible"), null=True)
    cancel_cause = models.TextField(_("cancel cause"), null=True)
    cancel_cause_id = models.TextField(_("cancel cause id"), null=True)
    cancel_comment = models.TextField(_("cancel comment"), null=True)
    loyalty = models.JSONField(_("loyalty"), null=True)
    external_data = models.JSONField(_("external data"), null=True)
    moved = models.JSONField(_("moved"), null=True)

    promised_time = models.DateTimeField(_("promised"), null=True)
    estimated_time = models.DateTimeField(_("estimated"), null=True)
    cooking_start_time = models.DateTimeField(_("cooking starts"), null=True)
    when_created = models.DateTimeField(_("created in iiko"), null=True)
    when_confirmed = models.DateTimeField(_("confirmed"), null=True)
    when_printed = models.DateTimeField(_("sent to the kitchen"), null=True)
    when_cooking_completed = models.DateTimeField(_("cooked"), null=True)
    when_packed = models.DateTimeField(_("packed"), null=True)
    when_sent = models.DateTimeField(_("sent"), null=True)
    when_delivered = models.DateTimeField(_("delivered"), null=True)
    when_bill_printed = models.DateTimeField(_("bill printed"), null=True)
    when_closed = models.DateTimeField(_("closed"), null=True)
    when_cancelled = models.DateTimeField(_("cancelled"), null=True)
    when_received_by_api = models.DateTimeField(_("received by iiko"), null=True)

    items = models.JSONField(_("items"), default=list)
    payments = models.JSONField(_("payments"), default=list)
    tips = models.JSONField(_("tips"), default=list)
    discounts = models.JSONField(_("discounts"), default=list)

    revision = models.BigIntegerField(
        _("revision"), null=True, help_text=_("iiko's timestamp of the newest Cloud message.")
    )
    field_precedence = models.JSONField(default=dict, editable=False)
    created_at = StampField(_("first seen"), auto_now_add=True)
    # What the hub found itself (see ``mirror.unlisted``); no message sets them.
    not_listed_since = models.DateTimeField(null=True, editable=False)
    unknown_to_iiko_at = models.DateTimeField(_("unknown to iiko since"), null=True, editable=False)
    # Who acknowledged that the POS did not take the order (see ``commands.acknowledge``).
    refusal_acknowledged_at = models.DateTimeField(null=True, editable=False)
    refusal_acknowledged_by = models.CharField(max_length=200, blank=True, editable=False)
    # Since then the row has no guest, and takes none (core.privacy.removal).
    personal_data_removed_at = models.DateTimeField(_("guest removed"), null=True, editable=False)
    # From core.mirror.change_feed alone: integrators read the changes in its order.
    updated_at = models.DateTimeField(_("changed"))
    trace_id = models.UUIDField(_("trace"), null=True, editable=False)
    """Of what changed it last. Whoever changes what integrators receive sets it: a trigger reads it."""

    objects = OrderQuerySet.as_manager()

    class Meta:
        db_table = "orders"
        ordering = ("-id",)
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        permissions = [("export_order", "Can export lists of orders")]
        constraints = [
            models.UniqueConstraint(
                fields=("organization", "iiko_order_id"),
                condition=Q(iiko_order_id__isnull=False),
                name="orders_one_per_iiko_id",
            ),
            # The shop may use its id again, so it names a row only until iiko's id is known.
            models.UniqueConstraint(
                fields=("organization", "external_order_id"),
                condition=Q(iiko_order_id__isnull=True),
                name="orders_one_per_external_id",
            ),
        ]
        indexes = [
            models.Index("organization", "id", name="orders_organization"),
            models.Index("status", "id", name="orders_status"),
            models.Index("updated_at", "id", name="orders_updated"),
            models.Index("iiko_order_id", name="orders_iiko_id"),
            models.Index("external_order_id", name="orders_external_id"),
            models.Index(
                "soi_external_id", name="orders_soi_external_id", condition=Q(soi_external_id__isnull=False)
            ),
            # For ``searched``, which does not tell upper case from lower.
            models.Index(Upper("external_order_id"), name="orders_external_id_upper"),
            models.Index(
                Upper("soi_external_id"),
                name="orders_soi_external_id_upper",
                condition=Q(soi_external_id__isnull=False),
            ),
            models.Index("readable_number", "id", name="orders_number"),
            models.Index(phone_key("phone"), name="orders_phone_key"),
            models.Index("courier_id", "id", name="orders_courier", condition=Q(courier_id__isnull=False)),
            models.Index("id", name="orders_open", condition=Q(is_open=True)),
            models.Index("promised_time", name="orders_promised"),
            # Read backwards the one above begins with the orders that promise nothing.
            models.Index(F("promised_time").desc(nulls_last=True), name="orders_promised_latest"),
            models.Index("created_at", name="orders_created"),
            models.Index("when_closed", name="orders_closed", condition=Q(when_closed__isnull=False)),
            models.Index(
                "when_cancelled", name="orders_cancelled", condition=Q(when_cancelled__isnull=False)
            ),
            # Apart, for in the index of all orders those under way stand last.
            models.Index("promised_time", name="orders_open_promised", condition=Q(is_open=True)),
            models.Index("order_type", "id", name="orders_type"),
            models.Index("id", name="orders_deleted", condition=Q(is_deleted=True)),
            models.Index(
                "organization",
                "id",
                name="orders_listed_nowhere",
                condition=Q(not_listed_since__isnull=False) | Q(unknown_to_iiko_at__isnull=False),
            ),
            models.Index(
                "updated_at", name="orders_refused", condition=Q(status__isnull=True, creation_status="Error")
            ),
            models.Index(
                "updated_at",
                "id",
                name="orders_with_guests",
                condition=Q(personal_data_removed_at__isnull=True),
            ),
            # Few orders are moved: the index costs nothing but with those (see mirror.relations).
            GinIndex(
                fields=["moved"],
                opclasses=["jsonb_path_ops"],
                name="orders_moved",
                condition=Q(moved__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"№{self.readable_number}" if self.readable_number else str(self.external_order_id or self.pk)

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any]) -> Self:
        """Make an order of a row. Django looks up each of the fields in the names: a list is slow at that."""
        return super().from_db(db, frozenset(field_names), values)

    @property
    def has_unknown_status(self) -> bool:
        return self.status is None and self.raw_status is not None

    @property
    def has_external_courier(self) -> bool:
        """Whether a courier service that is not the restaurant's carries it."""
        return bool(self.external_courier_service_id or self.external_courier_service_name)

    @property
    def is_refused(self) -> bool:
        return self.status is None and self.creation_status == CreationStatus.ERROR

    def late_at(self, now: datetime) -> bool:
        """Whether the guest got it after the promised time, or still waits though it has passed."""
        if self.promised_time is None or self.status == Status.CANCELLED or self.is_deleted:
            return False
        end = self.when_delivered or self.when_closed or (now if self.is_open else None)
        return end is not None and end > self.promised_time


class OrderTerms(models.Model):
    """By which words an order is found (``orders.search``). Triggers write it, whoever writes the order.

    Apart from the order, whose row is written with every status: these words change seldom, and their index
    with them. The database deletes the row with its order.
    """

    order = models.OneToOneField(
        Order, models.DO_NOTHING, primary_key=True, related_name="search", db_constraint=False
    )
    organization = parents_organization()
    terms = SearchVectorField()

    class Meta:
        db_table = "order_terms"
        # The pending list is read by every search, so it is kept short (kB).
        indexes = [GinIndex(fields=["terms"], name="order_terms_terms", gin_pending_list_limit=512)]

    def __str__(self) -> str:
        return f"{self.order_id}"


class MergedOrder(models.Model):
    """The number of a row that turned out to be another's order, so that it still leads there.

    Written by ``mirror.apply`` where it deletes the row.
    """

    id = models.BigIntegerField(primary_key=True)
    order = models.ForeignKey(Order, models.CASCADE, related_name="former_rows")
    organization = parents_organization()

    class Meta:
        db_table = "orders_merged"

    def __str__(self) -> str:
        return f"{self.pk} → {self.order_id}"


class TimelineEntry(PeopleRow):
    """One change of an order: what, from, to, when by iiko, and the event that brought it."""

    order = models.ForeignKey(
        Order, models.CASCADE, related_name="timeline", verbose_name=_("order"), db_index=False
    )
    organization = parents_organization()
    what = models.CharField(_("what"), max_length=40)
    from_value = models.JSONField(_("from"), null=True)
    to_value = models.JSONField(_("to"), null=True)
    happened_at = models.DateTimeField(
        _("when"), null=True, help_text=_("By iiko's clock; empty where iiko said none.")
    )
    recorded_at = models.DateTimeField(_("recorded"))
    # The inbox lies above this app, so its row is named by number, not by a foreign key.
    source_event_id = models.BigIntegerField(_("event"), null=True)
    actor = models.CharField(_("who"), max_length=100, default="iiko")

    objects = PeopleQuerySet.as_manager()

    class Meta:
        db_table = "order_timeline"
        ordering = ("id",)
        verbose_name = _("change")
        verbose_name_plural = _("timeline")
        indexes = [models.Index("order", "id", name="order_timeline_order")]

    def __str__(self) -> str:
        return f"{self.what}: {self.from_value} → {self.to_value}"

    def masked_value(self, name: str, value: object) -> object:
        """Hide what the field that changed would hide; of a command what it hides itself."""
        if self.what == "command" and isinstance(value, dict):
            return value | {
                name: masked("orders.OrderCommand", name, value[name])
                for name in ("params", "error")
                if name in value
            }
        return masked("orders.Order", self.what, value)
