"""What the hub must show for an order, worked out from the sandbox's own word, field by field.

Shares no code with ``iiko_client``: an error of the reader must not be made again here.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

Json = Mapping[str, Any]

_TIMES = {
    "promised_time": "completeBefore",
    "cooking_start_time": "cookingStartTime",
    "when_created": "whenCreated",
    "when_confirmed": "whenConfirmed",
    "when_printed": "whenPrinted",
    "when_cooking_completed": "whenCookingCompleted",
    "when_packed": "whenPacked",
    "when_bill_printed": "whenBillPrinted",
    "when_sent": "whenSended",
    "when_delivered": "whenDelivered",
    "when_closed": "whenClosed",
}
_PLAIN = {
    "status": "status",
    "terminal_group_id": "terminalGroupId",
    "phone": "phone",
    "comment": "comment",
    "delivery_zone": "deliveryZone",
    "source_key": "sourceKey",
    "is_asap": "isAsap",
}
_ORDER_TYPES = {"DeliveryByCourier": "DELIVERY", "DeliveryByClient": "PICKUP", "Common": "HALL"}


def differences(reported: Json, shown: Json | None, zone: str) -> dict[str, tuple[object, object]]:
    """Compare an order of the sandbox with the hub's detail of it: what differs, as (truth, hub)."""
    if shown is None:
        return {"order": (reported["id"], None)}
    wanted = expected(reported, zone)
    found = {name: _plain(name, shown.get(name)) for name in wanted}
    return {name: (wanted[name], found[name]) for name in wanted if wanted[name] != found[name]}


def expected(reported: Json, zone: str) -> dict[str, object]:
    """Read the hub's order detail: times as instants, items and payments as what counts of them."""
    fields: dict[str, object] = {
        "organization_id": reported["organizationId"],
        "iiko_order_id": reported["id"],
        "pos_id": reported["posId"],
        "revision": reported["timestamp"],
        "creation_status": reported["creationStatus"],
        "error_info": reported["errorInfo"],
    }
    if reported["externalNumber"]:
        fields["external_order_id"] = reported["externalNumber"]
    if reported["order"] is not None:
        fields |= _order(reported["order"], ZoneInfo(zone))
    return fields


def _order(order: Json, zone: ZoneInfo) -> dict[str, object]:
    courier = (order["courierInfo"] or {}).get("courier") or {}
    cancel = order["cancelInfo"] or {}
    problem = order["problem"] or {}
    return {
        **{ours: order[theirs] for ours, theirs in _PLAIN.items()},
        **{ours: _instant(order[theirs], zone) for ours, theirs in _TIMES.items()},
        "when_cancelled": _instant(cancel.get("whenCancelled"), zone),
        "when_received_by_api": _instant(order["whenReceivedByApi"], UTC),
        "readable_number": str(order["number"]),
        "amount_minor": _minor(order["sum"]),
        "processed_payments_minor": _minor(order["processedPaymentsSum"]),
        "courier_id": courier.get("id"),
        "courier_name": courier.get("name"),
        "courier_phone": courier.get("phone"),
        "cancel_cause": (cancel.get("cause") or {}).get("name"),
        "cancel_comment": cancel.get("comment"),
        "problem": problem.get("description") if problem.get("hasProblem") else None,
        "operator_name": (order["operator"] or {}).get("name"),
        "guests_count": order["guestsInfo"]["count"],
        "order_type": _ORDER_TYPES[order["orderType"]["orderServiceType"]],
        "customer": [(order["customer"] or {}).get(name) for name in ("name", "surname")],
        "address": _address(order["deliveryPoint"]),
        "items": [_item(item) for item in order["items"]],
        "payments": [
            (payment["paymentType"]["name"], payment["paymentType"]["kind"], _minor(payment["sum"]),
             payment["isPreliminary"], payment["isProcessedExternally"])
            for payment in order["payments"]
        ],
        "discounts": [(row["discountType"]["name"], _minor(row["sum"])) for row in order["discounts"]],
    }  # fmt: skip


def _address(point: Json | None) -> list[str | None]:
    place = (point or {}).get("address") or {}
    street = place.get("street") or {}
    return [(street.get("city") or {}).get("name"), street.get("name"), place.get("house"), place.get("flat")]


def _item(item: Json) -> tuple[object, ...]:
    components = [item[key] for key in ("primaryComponent", "secondaryComponent") if item.get(key)]
    parts = components or [item]
    names = [(part.get("product") or part.get("service") or {}).get("name") for part in parts]
    sums = [_minor(part.get("resultSum")) for part in parts]
    return (
        item["type"],
        names[0] if len(names) == 1 else " / ".join(f"½ {name}" for name in names),
        item["status"],
        Decimal(str(item["amount"])),
        None if None in sums else sum(one for one in sums if one is not None),
        len(item.get("modifiers") or []),
        item["deleted"] is not None,
    )


# --- the hub's side ------------------------------------------------------------------------------------


def _plain(name: str, value: Any) -> object:  # noqa: ANN401  # any JSON value
    """Reduce a value of the hub's API to the form in which it is compared."""
    if name in _READERS:
        return _READERS[name](value)
    if value is not None and (name in _TIMES or name.startswith("when_")):
        return value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return value


def _shown_item(item: Json) -> tuple[object, ...]:
    return (
        item["kind"], item["name"], item["status"], Decimal(item["amount"]), item["result_minor"],
        len(item["modifiers"]), item["is_deleted"],
    )  # fmt: skip


_READERS: dict[str, Callable[[Any], object]] = {
    "customer": lambda shown: [(shown or {}).get(name) for name in ("name", "surname")],
    "address": lambda shown: [(shown or {}).get(name) for name in ("city", "street", "house", "flat")],
    "items": lambda shown: [_shown_item(item) for item in shown],
    "payments": lambda shown: [
        (row["name"], row["kind"], row["sum_minor"], row["is_preliminary"], row["is_processed_externally"])
        for row in shown
    ],
    "discounts": lambda shown: [(row["name"], row["sum_minor"]) for row in shown],
}


def _minor(amount: float | None) -> int | None:
    return None if amount is None else int(Decimal(str(amount)) * 100)


def _instant(text: str | None, zone: tzinfo) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC) if text else None
