"""The mirror of the hall: guests at tables, and tables kept for guests."""

from __future__ import annotations

from typing import TypeVar

from django.db import models
from django.db.models import Q, QuerySet
from django.db.models.expressions import Case, When
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from core.privacy.rows import PeopleQuerySet, PeopleRow
from core.values.ids import searchable_id
from core.values.phones import has_phone, phone_key, visible
from iiko_client.json_reader import LONGEST_EXTERNAL_ID, external_id
from iiko_client.models.statuses import (
    ReserveStatus as WireReserveStatus,
    TableOrderStatus as WireTableOrderStatus,
)
from orders.models.order import CreationStatus
from organizations.fields import StampField
from organizations.models.organization import organization_key

H = TypeVar("H", bound="HallRow")


class TableOrderStatus(models.TextChoices):
    NEW = WireTableOrderStatus.NEW.value, pgettext_lazy("table order", "New")
    BILL = WireTableOrderStatus.BILL.value, pgettext_lazy("table order", "Bill")
    CLOSED = WireTableOrderStatus.CLOSED.value, pgettext_lazy("table order", "Closed")
    DELETED = WireTableOrderStatus.DELETED.value, pgettext_lazy("table order", "Deleted")


class ReserveStatus(models.TextChoices):
    NEW = WireReserveStatus.NEW.value, pgettext_lazy("reserve", "New")
    STARTED = WireReserveStatus.STARTED.value, pgettext_lazy("reserve", "Started")
    CLOSED = WireReserveStatus.CLOSED.value, pgettext_lazy("reserve", "Closed")


class CancelReason(models.TextChoices):
    """``Reserves.ReserveCancelReason`` (OpenAPI, read 2026-11); others are shown as they came."""

    NOT_APPEARED = "ClientNotAppeared", _("the guests did not come")
    REFUSED = "ClientRefused", _("the guests refused")
    OTHER = "Other", _("another reason")


def searched(rows: QuerySet[H], text: str, *, people: bool) -> QuerySet[H]:
    """Whose number or id is ``text``, of any case; with ``people`` also whose phone is, or ends so."""
    text = visible(text)
    found = Q(number=text.lstrip("#№ \N{NO-BREAK SPACE}")) | Q(external_number__iexact=external_id(text))
    found |= Q(iiko_id__in={text, text.lower(), searchable_id(text)})
    if people:
        found |= has_phone("phone_key", text, by_last_digits=True)
    keyed: QuerySet[H] = rows.alias(phone_key=phone_key("phone"))
    return keyed.filter(found)


class HallRow(PeopleRow):
    """What table orders and reserves have alike. Written by ``mirror.apply`` alone.

    ``number`` and what is paid are those of the order, of a banquet's with a reserve.

    ``field_precedence`` says of each mirrored field which message set it, as for orders (ADR 2).
    """

    status: models.CharField[str | None, str | None]
    is_open: models.GeneratedField

    organization = organization_key("+", on_delete=models.PROTECT, db_index=False)
    iiko_id = models.CharField(_("id in iiko"), max_length=200)
    raw_status = models.TextField(_("status as sent"), null=True)
    external_number = models.CharField(_("external number"), max_length=LONGEST_EXTERNAL_ID, null=True)
    creation_status = models.CharField(_("creation"), max_length=200, choices=CreationStatus, null=True)
    error_info = models.JSONField(_("creation error"), null=True)
    is_deleted = models.BooleanField(_("deleted in iiko"), null=True)

    table_ids = models.JSONField(
        _("tables"), default=list, help_text=_("iiko's ids; the events do not name the tables.")
    )
    customer = models.JSONField(_("customer"), null=True)
    phone = models.CharField(_("phone"), max_length=200, null=True)
    guests_count = models.BigIntegerField(_("guests"), null=True)

    number = models.CharField(_("number"), max_length=200, null=True)
    amount_minor = models.BigIntegerField(_("amount"), null=True)
    processed_payments_minor = models.BigIntegerField(_("paid"), null=True)
    terminal_group_id = models.CharField(_("terminal group"), max_length=200, null=True)
    source_key = models.TextField(_("source"), null=True)
    order_type_id = models.TextField(_("order type id"), null=True)
    order_type_name = models.TextField(_("order type"), null=True)
    when_bill_printed = models.DateTimeField(_("bill printed"), null=True)
    when_closed = models.DateTimeField(_("closed"), null=True)
    items = models.JSONField(_("items"), default=list)
    payments = models.JSONField(_("payments"), default=list)
    tips = models.JSONField(_("tips"), default=list)
    discounts = models.JSONField(_("discounts"), default=list)
    loyalty = models.JSONField(_("loyalty"), null=True)
    external_data = models.JSONField(_("external data"), null=True)

    revision = models.BigIntegerField(
        _("revision"), null=True, help_text=_("iiko's timestamp of the newest message.")
    )
    field_precedence = models.JSONField(default=dict, editable=False)
    created_at = StampField(_("first seen"), auto_now_add=True)
    # Since then the row has no guest, and takes none (core.privacy.removal).
    personal_data_removed_at = models.DateTimeField(_("guest removed"), null=True, editable=False)
    # From core.mirror.change_feed alone: integrators read the changes in its order.
    updated_at = models.DateTimeField(_("changed"))

    objects = PeopleQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def has_unknown_status(self) -> bool:
        return self.status is None and self.raw_status is not None


class TableOrder(HallRow):
    """What guests at a table ordered. iiko reports those that its API made or read."""

    status = models.CharField(_("status"), max_length=20, choices=TableOrderStatus, null=True)
    is_open = models.GeneratedField(
        verbose_name=_("open"),
        expression=Case(
            When(status__in=("Closed", "Deleted"), then=False),
            When(is_deleted=True, then=False),
            When(creation_status="Error", raw_status__isnull=True, then=False),
            default=True,
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    pos_id = models.CharField(_("id on the POS"), max_length=200, null=True)
    waiter_id = models.CharField(_("waiter id"), max_length=200, null=True)
    waiter_name = models.TextField(_("waiter"), null=True)
    tab_name = models.TextField(_("tab"), null=True)
    split_between_registers = models.TextField(_("split between registers"), null=True)
    when_created = models.DateTimeField(_("opened"), null=True)

    class Meta:
        db_table = "table_orders"
        ordering = ("-id",)
        verbose_name = _("table order")
        verbose_name_plural = _("table orders")
        constraints = [
            models.UniqueConstraint(fields=("organization", "iiko_id"), name="table_orders_one_per_iiko_id")
        ]
        indexes = [
            models.Index("organization", "id", name="table_orders_organization"),
            models.Index("status", "id", name="table_orders_status"),
            models.Index("updated_at", "id", name="table_orders_updated"),
            models.Index("iiko_id", name="table_orders_iiko_id"),
            models.Index("external_number", name="table_orders_external_number"),
            models.Index(Upper("external_number"), name="table_orders_external_upper"),
            models.Index("number", "id", name="table_orders_number"),
            models.Index(phone_key("phone"), name="table_orders_phone_key"),
            models.Index("when_created", "id", name="table_orders_opened"),
            models.Index("id", name="table_orders_open", condition=Q(is_open=True)),
            models.Index("id", name="table_orders_deleted", condition=Q(is_deleted=True)),
        ]

    def __str__(self) -> str:
        return f"№{self.number}" if self.number else str(self.external_number or f"#{self.pk}")


class Reserve(HallRow):
    """A table kept for guests, or a banquet, which has a bill. Times and guests are those planned."""

    status = models.CharField(_("status"), max_length=20, choices=ReserveStatus, null=True)
    cancel_reason = models.TextField(_("cancel reason"), null=True)
    is_open = models.GeneratedField(
        verbose_name=_("open"),
        expression=Case(
            When(status="Closed", then=False),
            When(is_deleted=True, then=False),
            # By the schema it is null "if the reserve hasn't been canceled" (OpenAPI, read 2026-11).
            When(cancel_reason__isnull=False, then=False),
            When(creation_status="Error", raw_status__isnull=True, then=False),
            default=True,
        ),
        output_field=models.BooleanField(),
        db_persist=True,
    )
    estimated_start_time = models.DateTimeField(pgettext_lazy("reserve", "expected"), null=True)
    guests_coming_time = models.DateTimeField(_("guests came"), null=True)
    duration_minutes = models.BigIntegerField(_("duration, min"), null=True)
    should_remind = models.BooleanField(_("remind the staff"), null=True)
    comment = models.TextField(_("comment"), null=True)
    occasion = models.TextField(_("occasion"), null=True)

    class Meta:
        db_table = "reserves"
        ordering = ("-id",)
        verbose_name = _("reserve")
        verbose_name_plural = _("reserves")
        permissions = [("view_personal_data", "Can see guests of the hall: names, phones, comments")]
        constraints = [
            models.UniqueConstraint(fields=("organization", "iiko_id"), name="reserves_one_per_iiko_id")
        ]
        indexes = [
            models.Index("organization", "id", name="reserves_organization"),
            models.Index("status", "id", name="reserves_status"),
            models.Index("updated_at", "id", name="reserves_updated"),
            models.Index("iiko_id", name="reserves_iiko_id"),
            models.Index("external_number", name="reserves_external_number"),
            models.Index(Upper("external_number"), name="reserves_external_number_upper"),
            models.Index("number", "id", name="reserves_number"),
            models.Index(phone_key("phone"), name="reserves_phone_key"),
            models.Index("estimated_start_time", "id", name="reserves_expected"),
            models.Index("id", name="reserves_open", condition=Q(is_open=True)),
            models.Index("id", name="reserves_deleted", condition=Q(is_deleted=True)),
            models.Index(
                "cancel_reason", "id", name="reserves_cancelled", condition=Q(cancel_reason__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return str(self.external_number or f"#{self.pk}")
