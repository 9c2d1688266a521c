"""Table orders and reserves as iiko writes them: ``TableOrderInfo`` and ``ReserveInfo`` (read 2026-11)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Generic, TypeVar

from iiko_client.json_reader import JsonObject, Reader, word
from iiko_client.message_fields import At, AtWrapper, Plan, plan_of
from iiko_client.models import shared, statuses


class BanquetFields(shared.BillFields, total=False):
    """The order of a table or a banquet."""

    number: Annotated[str | None, At("number", Reader.short)]


class HallFields(shared.InfoFields, BanquetFields, total=False):
    """What both have: guests, tables and a bill; that of a reserve is of its banquet."""

    external_number: str
    phone: Annotated[str | None, At("phone", Reader.short)]
    table_ids: Annotated[Sequence[str], At("tableIds", Reader.idents, is_list=True)]


class TableOrderFields(HallFields, total=False):
    pos_id: Annotated[str | None, AtWrapper("posId", Reader.ident)]
    tab_name: Annotated[str | None, At("tabName", Reader.label)]
    split_between_registers: Annotated[
        str | None, At("splitOrderBetweenCashRegisters", word(statuses.split_between_registers))
    ]
    when_created: Annotated[datetime | None, At("whenCreated", Reader.local_time)]
    guests_count: Annotated[int | None, At("guestsInfo.count", Reader.integer)]
    waiter_id: Annotated[str | None, At("waiter.id", Reader.ident)]
    waiter_name: Annotated[str | None, At("waiter.name", Reader.label)]
    customer: Annotated[dict[str, object] | None, At("customer", shared.read_customer)]


class ReserveFields(HallFields, total=False):
    """The schema names no clock for the two times (docs/iiko.md#times-of-reserves).

    Of estimatedStartTime another schema, ReserveInWorkload, says "Local for the terminal" (OpenAPI, read
    2026-11); that guestsComingTime follows the same clock is a guess, which a real account confirms or
    refutes.
    """

    guests_count: Annotated[int | None, At("guestsCount", Reader.integer)]
    duration_minutes: Annotated[int | None, At("durationInMinutes", Reader.integer)]
    should_remind: Annotated[bool | None, At("shouldRemind", Reader.boolean)]
    cancel_reason: Annotated[str | None, At("cancelReason", word(statuses.reserve_cancel_reason))]
    estimated_start_time: Annotated[datetime | None, At("estimatedStartTime", Reader.local_time)]
    guests_coming_time: Annotated[datetime | None, At("guestsComingTime", Reader.local_time)]
    comment: Annotated[str | None, At("comment", Reader.label)]
    occasion: Annotated[str | None, At("eventType", Reader.label)]
    customer: Annotated[dict[str, object] | None, At("customer", shared.read_customer)]


_TABLE_ORDER_WRAPPER = plan_of(TableOrderFields, AtWrapper)
_TABLE_ORDER = plan_of(TableOrderFields)
_RESERVE_WRAPPER = plan_of(ReserveFields, AtWrapper)
_RESERVE = plan_of(ReserveFields, without=BanquetFields)
_BANQUET = plan_of(BanquetFields)

F = TypeVar("F", bound=HallFields)


@dataclass(frozen=True, slots=True)
class HallReading(Generic[F]):
    """The result of reading: the ids, the fields, and what could not be read."""

    organization_id: str | None
    iiko_id: str | None
    fields: F
    issues: tuple[str, ...]


def read_table_order_info(wire: JsonObject, zone_of: shared.ZoneOf) -> HallReading[TableOrderFields]:
    """Read a ``TableOrderInfo``; never raise for bad content (see ``HallReading.issues``)."""
    zone = zone_of(shared.terminal_group_in(wire.get("order")))
    info = Reader(wire, zone=zone)
    return _read(info, TableOrderFields(), _TABLE_ORDER_WRAPPER, "order", _read_table_order)


def read_reserve_info(wire: JsonObject, zone_of: shared.ZoneOf) -> HallReading[ReserveFields]:
    """Read a ``ReserveInfo``; never raise for bad content (see ``HallReading.issues``).

    A reserve names a terminal group only in the order of a banquet.
    """
    reserve = wire.get("reserve")
    banquet = reserve.get("order") if isinstance(reserve, Mapping) else None
    info = Reader(wire, zone=zone_of(shared.terminal_group_in(banquet)))
    return _read(info, ReserveFields(), _RESERVE_WRAPPER, "reserve", _read_reserve)


def _read(
    info: Reader, fields: F, wrapper: Plan, key: str, read_content: Callable[[Reader, F], None]
) -> HallReading[F]:
    wrapper.read(info, fields)
    # iiko sends null where it was given no number; one that it named before stays.
    if (external := info.read("externalNumber", Reader.external_id)) is not None:
        fields["external_number"] = external
    content = info.read(key, Reader.child)
    if content is not None:
        read_content(content, fields)
    shared.read_deletion((info, content), fields)
    return HallReading(
        organization_id=info.read("organizationId", Reader.ident),
        iiko_id=info.read("id", Reader.ident),
        fields=fields,
        issues=tuple(info.issues),
    )


def _read_table_order(order: Reader, fields: TableOrderFields) -> None:
    _TABLE_ORDER.read(order, fields)
    shared.read_status(order, "status", fields, statuses.normalise_table_order_status)


def _read_reserve(reserve: Reader, fields: ReserveFields) -> None:
    _RESERVE.read(reserve, fields)
    shared.read_status(reserve, "status", fields, statuses.normalise_reserve_status)
    if reserve.has("order"):
        # Null: it is no banquet, or no longer one, and its bill is empty.
        banquet = reserve.read("order", Reader.child) or Reader(dict.fromkeys(_BANQUET.keys))
        _BANQUET.read(banquet, fields)
