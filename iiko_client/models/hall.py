"""Table orders and reserves as iiko writes them: ``TableOrderInfo`` and ``ReserveInfo`` (read 2026-11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Generic, TypeVar

from iiko_client.json_reader import JsonObject, Reader
from iiko_client.models.order_lines import ItemRow, MoneyRow, PaymentRow, word
from iiko_client.models.shared import (
    BILL,
    RAW,
    FieldMap,
    InfoFields,
    read_creation,
    read_customer,
    read_deletion,
    read_fields,
    read_groups,
    read_raw,
    read_status,
)
from iiko_client.models.statuses import (
    normalise_reserve_status,
    normalise_table_order_status,
    reserve_cancel_reason,
    split_between_registers,
)
from iiko_client.units import MinorUnits


class HallFields(InfoFields, total=False):
    """What both have: guests, tables and a bill; that of a reserve is of its banquet."""

    external_number: str
    is_deleted: bool | None
    table_ids: Sequence[str]
    customer: dict[str, Any] | None
    phone: str | None
    guests_count: int | None
    number: str | None
    amount_minor: MinorUnits | None
    processed_payments_minor: MinorUnits | None
    terminal_group_id: str | None
    source_key: str | None
    order_type_id: str | None
    order_type_name: str | None
    when_bill_printed: datetime | None
    when_closed: datetime | None
    items: Sequence[ItemRow]
    payments: Sequence[PaymentRow]
    tips: Sequence[PaymentRow]
    discounts: Sequence[MoneyRow]
    loyalty: Any
    external_data: Any


class TableOrderFields(HallFields, total=False):
    pos_id: str | None
    waiter_id: str | None
    waiter_name: str | None
    tab_name: str | None
    split_between_registers: str | None
    when_created: datetime | None


class ReserveFields(HallFields, total=False):
    duration_minutes: int | None
    should_remind: bool | None
    cancel_reason: str | None
    estimated_start_time: datetime | None
    guests_coming_time: datetime | None
    comment: str | None
    occasion: str | None


F = TypeVar("F", bound=HallFields)


@dataclass(frozen=True, slots=True)
class HallReading(Generic[F]):
    """The result of reading: the ids, the fields, and what could not be read."""

    organization_id: str | None
    iiko_id: str | None
    fields: F
    issues: tuple[str, ...]


ZoneOf = Callable[[str | None], tzinfo]
"""Gives the clock of a terminal group, or of the restaurant where none is named."""

_ORDER: FieldMap = (*BILL, ("number", "number", Reader.short))
_TABLE_ORDER: FieldMap = (
    *_ORDER,
    ("phone", "phone", Reader.short),
    ("tableIds", "table_ids", Reader.idents),
    ("tabName", "tab_name", Reader.label),
    ("splitOrderBetweenCashRegisters", "split_between_registers", word(split_between_registers)),
    ("whenCreated", "when_created", Reader.local_time),
)
# The schema names no clock for the two times (docs/iiko.md#times-of-reserves). Of estimatedStartTime
# another schema, ReserveInWorkload, says "Local for the terminal" (OpenAPI, read 2026-11); that
# guestsComingTime follows the same clock is a guess, which a real account confirms or refutes.
_RESERVE: FieldMap = (
    ("phone", "phone", Reader.short),
    ("tableIds", "table_ids", Reader.idents),
    ("guestsCount", "guests_count", Reader.integer),
    ("durationInMinutes", "duration_minutes", Reader.integer),
    ("shouldRemind", "should_remind", Reader.boolean),
    ("cancelReason", "cancel_reason", word(reserve_cancel_reason)),
    ("estimatedStartTime", "estimated_start_time", Reader.local_time),
    ("guestsComingTime", "guests_coming_time", Reader.local_time),
    ("comment", "comment", Reader.label),
    ("eventType", "occasion", Reader.label),
)


def read_table_order_info(wire: JsonObject, zone_of: ZoneOf) -> HallReading[TableOrderFields]:
    """Read a ``TableOrderInfo``; never raise for bad content (see ``HallReading.issues``)."""
    zone = zone_of(_terminal_group(wire.get("order")))
    return _read(
        wire, zone, TableOrderFields(), "order", _read_table_order, (("posId", "pos_id", Reader.ident),)
    )


def read_reserve_info(wire: JsonObject, zone_of: ZoneOf) -> HallReading[ReserveFields]:
    """Read a ``ReserveInfo``; never raise for bad content (see ``HallReading.issues``).

    A reserve names a terminal group only in the order of a banquet.
    """
    reserve = wire.get("reserve")
    zone = zone_of(_terminal_group(reserve.get("order") if isinstance(reserve, Mapping) else None))
    return _read(wire, zone, ReserveFields(), "reserve", _read_reserve)


def _terminal_group(order: object) -> str | None:
    found = order.get("terminalGroupId") if isinstance(order, Mapping) else None
    return found if isinstance(found, str) else None


def _read(
    wire: JsonObject,
    zone: tzinfo,
    fields: F,
    key: str,
    read_content: Callable[[Reader, F], None],
    wrapper: FieldMap = (),
) -> HallReading[F]:
    issues: list[str] = []
    info = Reader(wire, zone=zone, issues=issues)
    read_creation(info, fields)
    read_fields(info, wrapper, fields)
    # iiko sends null where it was given no number; one that it named before stays.
    if (external := info.read("externalNumber", Reader.external_id)) is not None:
        fields["external_number"] = external
    content = info.read(key, Reader.child)
    if content is not None:
        read_content(content, fields)
    read_deletion([one for one in (info, content) if one is not None], fields)
    return HallReading(
        organization_id=info.read("organizationId", Reader.ident),
        iiko_id=info.read("id", Reader.ident),
        fields=fields,
        issues=tuple(issues),
    )


def _read_table_order(order: Reader, fields: TableOrderFields) -> None:
    read_fields(order, _TABLE_ORDER, fields)
    read_status(order, "status", fields, normalise_table_order_status)
    read_groups(order, _TABLE_ORDER_GROUPS, fields)
    read_raw(order, RAW, fields)


def _read_reserve(reserve: Reader, fields: ReserveFields) -> None:
    read_fields(reserve, _RESERVE, fields)
    read_status(reserve, "status", fields, normalise_reserve_status)
    read_groups(reserve, {"customer": _read_customer, "order": _read_banquet}, fields)


def _read_banquet(order: Reader | None) -> HallFields:
    """Read the order of a banquet. Null: it is no banquet, or no longer one, and its bill is empty."""
    fields = HallFields()
    if order is None:
        order = Reader(_NO_ORDER, zone=UTC, issues=[])
    read_fields(order, _ORDER, fields)
    read_groups(order, {"orderType": _read_order_type}, fields)
    read_raw(order, RAW, fields)
    return fields


def _read_customer(wire: Reader | None) -> HallFields:
    return HallFields(customer=None if wire is None else read_customer(wire))


def _read_order_type(wire: Reader | None) -> HallFields:
    return HallFields(
        order_type_id=wire.read("id", Reader.ident) if wire else None,
        order_type_name=wire.read("name", Reader.label) if wire else None,
    )


def _read_guests(wire: Reader | None) -> HallFields:
    return HallFields(guests_count=wire.read("count", Reader.integer) if wire else None)


def _read_waiter(wire: Reader | None) -> TableOrderFields:
    return TableOrderFields(
        waiter_id=wire.read("id", Reader.ident) if wire else None,
        waiter_name=wire.read("name", Reader.label) if wire else None,
    )


_TABLE_ORDER_GROUPS: dict[str, Callable[[Reader | None], InfoFields]] = {
    "customer": _read_customer,
    "orderType": _read_order_type,
    "guestsInfo": _read_guests,
    "waiter": _read_waiter,
}
_NO_ORDER = dict.fromkeys([*(wire_name for wire_name, _, _ in _ORDER), "orderType", *RAW])
