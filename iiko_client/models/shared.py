"""What deliveries, table orders and reserves have in common in iiko's JSON.

All three come in one wrapper (id, number, organization, ``timestamp``, creation status, error), whose
content is null until the creation succeeded (OpenAPI, ``OrderInfo``, ``TableOrderInfo``,
``ReserveInfo``, read 2026-11).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict

from iiko_client.json_reader import Reader
from iiko_client.models.order_lines import read_discounts, read_items, read_payments, word
from iiko_client.models.statuses import customer_type, gender, normalise_creation_status

Parse = Callable[[Reader, str], Any]
FieldMap = tuple[tuple[str, str, Parse], ...]
"""For each field: iiko's name, our name, how it is read."""


class InfoFields(TypedDict, total=False):
    """A missing key: the message lacks the field. None: the field is empty."""

    status: str | None
    raw_status: str | None
    creation_status: str | None
    error_info: Any


# What guests owe and paid; the same in all three. whenBillPrinted: the schema names no clock, the samples
# show the terminal's. A real account settles it.
BILL: FieldMap = (
    ("sum", "amount_minor", Reader.money),
    ("processedPaymentsSum", "processed_payments_minor", Reader.money),
    ("terminalGroupId", "terminal_group_id", Reader.ident),
    ("sourceKey", "source_key", Reader.label),
    ("whenBillPrinted", "when_bill_printed", Reader.local_time),
    ("whenClosed", "when_closed", Reader.local_time),
    ("items", "items", read_items),
    ("payments", "payments", read_payments),
    ("tips", "tips", read_payments),
    ("discounts", "discounts", read_discounts),
)


_LISTS = frozenset({"items", "payments", "tips", "discounts", "table_ids"})


def read_fields(reader: Reader, field_map: FieldMap, fields: InfoFields) -> None:
    """Read plain fields; one that cannot be read is noted and becomes None (a list becomes empty)."""
    for wire_name, name, parse in field_map:
        if reader.has(wire_name):
            try:
                value = parse(reader, wire_name)
            except ValueError as error:
                reader.note(wire_name, error)
                value = [] if name in _LISTS else None
            fields[name] = value  # type: ignore[literal-required]  # the map's names are the keys


def read_groups(
    reader: Reader, groups: Mapping[str, Callable[[Reader | None], InfoFields]], fields: InfoFields
) -> None:
    """Read the objects that fill several fields; a null one empties them, and so does an unreadable one."""
    for key, read in groups.items():
        if reader.has(key):
            fields.update(read(reader.read(key, _read_group)))


# What a text in the place of an object means.
_TEXT_IS = {
    "customer": "name",
    "operator": "name",
    "externalCourierService": "name",
    "waiter": "name",
    "orderType": "name",
    "courierInfo": "courier",
    "deliveryPoint": "address",
    "cancelInfo": "comment",
    "problem": "description",
}


def _read_group(reader: Reader, key: str) -> Reader | None:
    return reader.named(key, _TEXT_IS[key]) if key in _TEXT_IS else reader.child(key)


def read_deletion(readers: Iterable[Reader], fields: Any) -> None:
    """Set ``is_deleted`` by the last flag; an absent or null flag does not count."""
    for reader in readers:
        if reader.wire.get("isDeleted") is not None:
            fields["is_deleted"] = reader.read("isDeleted", Reader.boolean)


RAW = {"loyaltyInfo": "loyalty", "externalData": "external_data"}
"""What is kept as it came."""


def read_raw(reader: Reader, names: Mapping[str, str], fields: InfoFields) -> None:
    for wire_name, name in names.items():
        if reader.has(wire_name):
            fields[name] = reader.raw(wire_name)  # type: ignore[literal-required]  # the map's names are the keys


def read_creation(info: Reader, fields: InfoFields) -> None:
    """Read whether the POS accepted it, and why not."""
    read_fields(info, (("creationStatus", "creation_status", word(normalise_creation_status)),), fields)
    read_raw(info, {"errorInfo": "error_info"}, fields)


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


def read_customer(wire: Reader) -> dict[str, Any]:
    customer: dict[str, Any] = {"id": wire.read("id", Reader.ident)}
    customer["type"] = wire.read("type", word(customer_type))
    customer |= {name: wire.read(name, Reader.label) for name in ("name", "surname", "comment")}
    customer["gender"] = wire.read("gender", word(gender))
    customer["birthdate"] = wire.read("birthdate", Reader.label)
    customer["is_in_blacklist"] = wire.read("inBlacklist", Reader.boolean) or False
    customer["blacklist_reason"] = wire.read("blacklistReason", Reader.label)
    return customer
