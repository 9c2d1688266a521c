"""The mirror: what iiko says of each order, and how it came to be so."""

from __future__ import annotations

import re
from datetime import datetime

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.expressions import Case, Value, When
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from iiko_client.types.statuses import TERMINAL_STATUSES, DeliveryStatus
from orders import command_models  # noqa: F401  # where Django looks for models
from organizations.models import Organization


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


class CreationStatus(models.TextChoices):
    """Whether the till took the order. The Cloud says Success, SOI says OK."""

    IN_PROGRESS = "InProgress", _("being sent to the till")
    SUCCESS = "Success", _("accepted")
    OK = "OK", _("accepted (SOI)")
    ERROR = "Error", _("not accepted")


class OrderType(models.TextChoices):
    DELIVERY = "DELIVERY", _("delivery")
    PICKUP = "PICKUP", _("pickup")
    HALL = "HALL", _("hall")


_PHONE = re.compile(r"[+\d][\d\s()-]{6,20}", re.ASCII)


def phone_forms(text: str) -> list[str]:
    """The ways a phone typed by a person may be stored: iiko writes +7…, people write 8…"""
    if not _PHONE.fullmatch(text):
        return []
    digits = "".join(letter for letter in text if letter.isdigit())
    forms = {f"+{digits}", digits}
    if len(digits) == 11 and digits[0] == "8":
        forms.add(f"+7{digits[1:]}")
    return sorted(forms)


class OrderQuerySet(models.QuerySet["Order"]):
    def open(self) -> OrderQuerySet:
        """Neither closed nor cancelled, nor refused by the till; unknown statuses count as open."""
        return self.filter(is_open=True)

    def late(self, now: datetime, *, is_late: bool = True) -> OrderQuerySet:
        """Handed over after the promised time, or not yet though it has passed (see ``Order.late_at``)."""
        still_waiting = Case(When(is_open=True, then=Value(now)), output_field=models.DateTimeField())
        end = Coalesce("when_delivered", "when_closed", still_waiting)
        overdue = Q(promised_time__lt=end)
        # A CASE, because NOT over comparisons with NULL would lose the orders that promise nothing.
        verdict = Case(When(status=Status.CANCELLED, then=False), When(overdue, then=True), default=False)
        return self.filter(Exact(verdict, is_late))

    def searched(self, text: str) -> OrderQuerySet:
        """Whose number, ids or phone are exactly ``text``; each is an index look-up."""
        text = text.strip()
        found = (
            Q(readable_number=text.lstrip("#№ "))
            | Q(external_order_id=text)
            | Q(soi_external_id=text)
            | Q(iiko_order_id=text.lower())
            | Q(iiko_order_id=text)
        )
        if phones := phone_forms(text):
            found |= Q(phone__in=phones)
        return self.filter(found)


class Order(models.Model):
    """A delivery order as iiko last told it. Written by ``services.mirror`` alone.

    ``field_ranks`` says of each mirrored field which message set it (see ``services.ranks``), so that
    late, repeated and partial messages end in the same order whatever way they arrive.
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
    external_order_id = models.CharField(_("external order id"), max_length=200, null=True)
    soi_external_id = models.CharField(_("external order id (SOI)"), max_length=200, null=True)
    pos_id = models.CharField(_("id on the till"), max_length=200, null=True)
    readable_number = models.CharField(_("number"), max_length=200, null=True)

    status = models.CharField(_("status"), max_length=20, choices=Status, null=True)
    raw_status = models.TextField(_("status as sent"), null=True)
    creation_status = models.CharField(_("creation"), max_length=200, choices=CreationStatus, null=True)
    error_info = models.JSONField(_("creation error"), null=True)
    is_open = models.GeneratedField(
        verbose_name=_("open"),
        expression=Case(
            When(status__in=TERMINAL, then=False),
            When(creation_status="Error", raw_status__isnull=True, then=False),
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
    customer = models.JSONField(_("customer"), null=True)
    phone = models.CharField(_("phone"), max_length=200, null=True)
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
    field_ranks = models.JSONField(default=dict, editable=False)
    created_at = models.DateTimeField(_("first seen"), auto_now_add=True)
    # From services.horizon alone: integrators read the changes in its order.
    updated_at = models.DateTimeField(_("changed"))

    objects = OrderQuerySet.as_manager()

    class Meta:
        db_table = "orders"
        ordering = ("-id",)
        verbose_name = _("order")
        verbose_name_plural = _("orders")
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
            models.Index("readable_number", "id", name="orders_number"),
            models.Index("phone", "id", name="orders_phone"),
            models.Index("courier_id", "id", name="orders_courier", condition=Q(courier_id__isnull=False)),
            models.Index("id", name="orders_open", condition=Q(is_open=True)),
            models.Index("promised_time", name="orders_promised"),
            # Apart, for in the index of all orders those under way stand last.
            models.Index("promised_time", name="orders_open_promised", condition=Q(is_open=True)),
            models.Index("order_type", "id", name="orders_type"),
            # Few orders are moved: the index costs nothing but with those (see services.relations).
            GinIndex(
                fields=["moved"],
                opclasses=["jsonb_path_ops"],
                name="orders_moved",
                condition=Q(moved__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"№{self.readable_number}" if self.readable_number else str(self.external_order_id or self.pk)

    @property
    def has_unknown_status(self) -> bool:
        return self.status is None and self.raw_status is not None

    def late_at(self, now: datetime) -> bool:
        """Whether the guest got it after the promised time, or still waits though it has passed."""
        if self.promised_time is None or self.status == Status.CANCELLED:
            return False
        end = self.when_delivered or self.when_closed or (now if self.is_open else None)
        return end is not None and end > self.promised_time


class MergedOrder(models.Model):
    """The number of a row that turned out to be another's order, so that it still leads there.

    Written by ``services.mirror`` where it deletes the row.
    """

    id = models.BigIntegerField(primary_key=True)
    order = models.ForeignKey(Order, models.CASCADE, related_name="former_rows")

    class Meta:
        db_table = "orders_merged"

    def __str__(self) -> str:
        return f"{self.pk} → {self.order_id}"


class TimelineEntry(models.Model):
    """One change of an order: what, from, to, when by iiko, and the event that brought it."""

    order = models.ForeignKey(
        Order, models.CASCADE, related_name="timeline", verbose_name=_("order"), db_index=False
    )
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

    class Meta:
        db_table = "order_timeline"
        ordering = ("id",)
        verbose_name = _("change")
        verbose_name_plural = _("timeline")
        indexes = [models.Index("order", "id", name="order_timeline_order")]

    def __str__(self) -> str:
        return f"{self.what}: {self.from_value} → {self.to_value}"
