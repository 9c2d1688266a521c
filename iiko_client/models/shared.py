"""What deliveries, table orders and reserves have in common in iiko's JSON.

All three come in one wrapper (id, number, organization, ``timestamp``, creation status, error), whose
content is null until the creation succeeded (OpenAPI, ``OrderInfo``, ``TableOrderInfo``,
``ReserveInfo``, read 2026-11).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Annotated, TypedDict

from iiko_client.json_reader import Reader, word
from iiko_client.message_fields import At, AtWrapper, Plan
from iiko_client.models import order_lines as lines
from iiko_client.models.statuses import customer_type, gender, normalise_creation_status
from iiko_client.units import MinorUnits

ZoneOf = Callable[[str | None], tzinfo]
"""Gives the clock of a terminal group, or of the restaurant where none is named."""


class InfoFields(TypedDict, total=False):
    """A missing key: the message lacks the field. None: the field is empty."""

    status: str | None
    raw_status: str | None
    creation_status: Annotated[str | None, AtWrapper("creationStatus", word(normalise_creation_status))]
    error_info: Annotated[object, AtWrapper("errorInfo", Reader.raw)]
    is_deleted: bool | None


class BillFields(TypedDict, total=False):
    """What guests owe and paid; the same in all three.

    whenBillPrinted: the schema names no clock, the samples show the terminal's. A real account settles it.
    """

    amount_minor: Annotated[MinorUnits | None, At("sum", Reader.money)]
    processed_payments_minor: Annotated[MinorUnits | None, At("processedPaymentsSum", Reader.money)]
    terminal_group_id: Annotated[str | None, At("terminalGroupId", Reader.ident)]
    source_key: Annotated[str | None, At("sourceKey", Reader.label)]
    when_bill_printed: Annotated[datetime | None, At("whenBillPrinted", Reader.local_time)]
    when_closed: Annotated[datetime | None, At("whenClosed", Reader.local_time)]
    items: Annotated[Sequence[lines.ItemRow], At("items", lines.read_items, is_list=True)]
    payments: Annotated[Sequence[lines.PaymentRow], At("payments", lines.read_payments, is_list=True)]
    tips: Annotated[Sequence[lines.PaymentRow], At("tips", lines.read_payments, is_list=True)]
    discounts: Annotated[Sequence[lines.MoneyRow], At("discounts", lines.read_discounts, is_list=True)]
    order_type_id: Annotated[str | None, At("orderType.id", Reader.ident)]
    order_type_name: Annotated[str | None, At("orderType.name", Reader.label)]
    loyalty: Annotated[object, At("loyaltyInfo", Reader.raw)]
    external_data: Annotated[object, At("externalData", Reader.raw)]


_CUSTOMER = Plan(
    {
        "id": At("id", Reader.ident),
        "type": At("type", word(customer_type)),
        "name": At("name", Reader.label),
        "surname": At("surname", Reader.label),
        "comment": At("comment", Reader.label),
        "gender": At("gender", word(gender)),
        "birthdate": At("birthdate", Reader.label),
        "is_in_blacklist": At("inBlacklist", Reader.boolean),
        "blacklist_reason": At("blacklistReason", Reader.label),
    }
)


def read_customer(reader: Reader, key: str) -> dict[str, object] | None:
    customer = reader.named(key)
    if customer is None:
        return None
    row = _CUSTOMER.row(customer)
    return row | {"is_in_blacklist": row["is_in_blacklist"] or False}


def terminal_group_in(order: object) -> str | None:
    """Return the terminal group that an order's JSON names."""
    found = order.get("terminalGroupId") if isinstance(order, Mapping) else None
    return found if isinstance(found, str) else None


def read_deletion(readers: Iterable[Reader | None], fields: InfoFields) -> None:
    """Set ``is_deleted`` by the last flag; an absent or null flag does not count."""
    for reader in readers:
        if reader is not None and reader.wire.get("isDeleted") is not None:
            fields["is_deleted"] = reader.read("isDeleted", Reader.boolean)


def read_status(reader: Reader, key: str, fields: InfoFields, normalise: Callable[[str], str | None]) -> None:
    """Set ``status`` and ``raw_status``; an unknown status leaves ``status`` empty and is noted."""
    if not reader.has(key):
        return
    raw = reader.read(key, Reader.label)
    known = normalise(raw) if raw else None
    if raw and known is None:
        reader.note(key, f"unknown status {raw[:60]!r}")
    fields["raw_status"] = raw
    fields["status"] = str(known) if known else None
