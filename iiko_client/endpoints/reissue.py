"""Reissue of an order: the ``order`` of ``deliveries/create`` from iiko's order, without loss.

A field that a request has no place for is refused with a code, never dropped silently. Left out are deleted
items, which are no longer part of the order, and services (the delivery) and the conception, which the POS
adds by itself: a guess, for a request has no place for either. The guest keeps the promised time, so
``isAsap`` is not sent. Courier, problem and tracking link are not carried over either: the form and the API
say so before (docs/iiko.md#making-an-order-again). Names, limits and versions: OpenAPI,
CreateOrder.DeliveryOrder and Response.Order, read 2026-11.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NoReturn
from uuid import uuid4

from iiko_client.json_reader import JsonObject

Version = tuple[int, ...]

_LARGEST_AMOUNT = Decimal("999.999")
_GENDERS = ("NotSpecified", "Male", "Female")
_CUSTOMER_LIMITS = {"name": 60, "surname": 60, "comment": 60}
_ADDRESS_LIMITS = {"index": 10, "building": 10, "flat": 100, "entrance": 10, "floor": 10, "doorphone": 10}
_CITY_ADDRESS = ("flat", "entrance", "floor", "doorphone")
_NOT_IN_CITY_ADDRESS = ("house", "building", "index")


class NotReissuable(ValueError):
    """The order cannot be reissued without loss; ``code`` says what stands in the way."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def reissued_order(
    order: JsonObject,
    *,
    order_id: str,
    external_number: str | None,
    discounts: Iterable[JsonObject],
    payments: Sequence[JsonObject],
    pos_version: Version,
) -> dict[str, object]:
    """Write the order of a request under an id of our own; ``pos_version`` empty: it is not known.

    ``discounts`` are those of type RMS with their old ``selectivePositions``; positions get new ids, which
    must be unique in all of iiko.

    Raises:
        NotReissuable: something of the order has no place in a request.
    """
    _check(order)
    _check_length({"externalNumber": external_number}, {"externalNumber": 50})
    positions: dict[str, str] = {}
    reissued: dict[str, object] = {
        "id": order_id,
        "externalNumber": external_number,
        "phone": _phone(order),
        "deliveryPoint": _delivery_point(order),
        "customer": _customer(order),
        "guests": _guests(order),
        "items": [_item(item, positions) for item in _goods(order.get("items"))],
        "payments": payments or None,
    }
    reissued |= {key: order.get(key) for key in ("completeBefore", "comment", "menuId", "sourceKey")}
    reissued |= {
        f"{key}Id": _of(order, key).get("id") for key in ("orderType", "marketingSource", "operator")
    }
    reissued |= _of_newer_versions(order, pos_version)
    reissued["discountsInfo"] = {"discounts": [_discount(one, positions) for one in discounts]}
    return _present(reissued)


def _present(fields: JsonObject) -> dict[str, object]:
    """Leave out what is null: a request has it absent."""
    return {key: value for key, value in fields.items() if value is not None}


def _refuse(code: str) -> NoReturn:
    raise NotReissuable(code)


def _of(wire: JsonObject, key: str) -> JsonObject:
    inner = wire.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _not_deleted(rows: object) -> list[JsonObject]:
    listed = rows if isinstance(rows, list) else []
    return [row for row in listed if isinstance(row, Mapping) and row.get("deleted") in (None, False)]


def _goods(items: object) -> list[JsonObject]:
    return [item for item in _not_deleted(items) if item.get("type") != "Service"]


def _check(order: JsonObject) -> None:
    if any(_of(order, "externalCourierService").values()):
        _refuse("has_external_courier")
    if order.get("combos"):
        _refuse("has_combo")
    if not _of(order, "orderType").get("id") or not order.get("terminalGroupId"):
        _refuse("item_not_rebuildable")


def _of_newer_versions(order: JsonObject, pos_version: Version) -> dict[str, object]:
    """Write fields of newer POS versions. Older ones find zone and duration by themselves."""
    is_new = not pos_version or pos_version >= (8, 8, 6)
    reissued = {key: order.get(key) for key in ("deliveryZone", "deliveryDuration") if is_new}
    if extension := order.get("phoneExtension"):
        if pos_version and pos_version < (9, 2, 5):
            _refuse("guest_not_rebuildable")
        _check_length(order, {"phoneExtension": 10})
        reissued["phoneExtension"] = extension
    if category := _of(order, "priceCategory").get("id"):
        if pos_version and pos_version < (9, 0, 5):
            _refuse("item_not_rebuildable")
        reissued["priceCategoryId"] = category
    return reissued


# --- the guest ---------------------------------------------------------------------------------------


def _phone(order: JsonObject) -> str:
    phone = order.get("phone")
    if not isinstance(phone, str) or not phone.startswith("+") or not 8 <= len(phone) <= 40:
        _refuse("guest_not_rebuildable")
    return phone


def _customer(order: JsonObject) -> dict[str, object] | None:
    customer = _of(order, "customer")
    if not customer:
        return None
    if customer.get("type") == "one-time":
        return {"type": "one-time", "name": customer.get("name") or ""}
    if not customer.get("id"):
        _refuse("guest_not_rebuildable")
    _check_length(customer, _CUSTOMER_LIMITS)
    if customer.get("gender") not in (None, *_GENDERS):
        _refuse("guest_not_rebuildable")
    kept = {key: customer.get(key) for key in (*_CUSTOMER_LIMITS, "gender", "birthdate")}
    return _present({"type": "regular", "id": customer["id"]} | kept)


def _guests(order: JsonObject) -> dict[str, object] | None:
    guests = _of(order, "guestsInfo")
    if not guests:
        return None
    if not isinstance(guests.get("count"), int):
        _refuse("guest_not_rebuildable")
    return {"count": guests["count"], "splitBetweenPersons": bool(guests.get("splitBetweenPersons"))}


def _delivery_point(order: JsonObject) -> dict[str, object] | None:
    point = _of(order, "deliveryPoint")
    if not point:
        if _of(order, "orderType").get("orderServiceType") == "DeliveryByCourier":
            _refuse("address_not_rebuildable")
        return None
    _check_length(point, {"externalCartographyId": 100, "comment": 500})
    kept = {key: point.get(key) for key in ("coordinates", "externalCartographyId", "comment")}
    return _present({"address": _address(_of(point, "address"))} | kept)


def _address(address: JsonObject) -> dict[str, object]:
    region = _of(address, "region").get("id")
    street = _of(address, "street").get("id")
    if street and address.get("house"):
        _check_length(address, _ADDRESS_LIMITS)
        reissued = {"type": "legacy", "street": {"id": street}, "house": address["house"]}
        parts: Iterable[str] = _ADDRESS_LIMITS
    elif address.get("line1") and not street and not any(address.get(part) for part in _NOT_IN_CITY_ADDRESS):
        _check_length(address, {"line1": 250} | dict.fromkeys(_CITY_ADDRESS, 10))
        reissued = {"type": "city", "line1": address["line1"]}
        parts = _CITY_ADDRESS
    else:
        _refuse("address_not_rebuildable")
    reissued |= {part: address[part] for part in parts if address.get(part)}
    return reissued | ({"regionId": region} if region else {})


def _check_length(wire: JsonObject, limits: Mapping[str, int]) -> None:
    for key, most in limits.items():
        if len(str(wire.get(key) or "")) > most:
            _refuse("text_too_long")


# --- what was ordered --------------------------------------------------------------------------------


def _item(item: JsonObject, positions: dict[str, str]) -> dict[str, object]:
    product = _of(item, "product").get("id")
    if item.get("type") != "Product" or not product or item.get("price") is None:
        _refuse("has_compound_item" if item.get("type") == "Compound" else "item_not_rebuildable")
    if item.get("codes"):
        _refuse("item_not_rebuildable")  # marked goods: a request has no place for their codes
    if not 0 <= _number(item.get("amount")) <= _LARGEST_AMOUNT:
        _refuse("amount_too_large")
    _check_length(item, {"comment": 255})
    written = {
        "type": "Product",
        "productId": product,
        "price": item["price"],
        "amount": item["amount"],
        "productSizeId": _of(item, "size").get("id"),
        "comment": item.get("comment"),
        "modifiers": [_modifier(one) for one in _not_deleted(item.get("modifiers"))] or None,
        "positionId": _new_position(item.get("positionId"), positions),
    }
    return _present(written)


def _number(amount: object) -> Decimal:
    if isinstance(amount, bool) or not isinstance(amount, (int, float, Decimal)):
        _refuse("item_not_rebuildable")
    return Decimal(str(amount))


def _modifier(modifier: JsonObject) -> dict[str, object]:
    """Write a modifier. That its amount means the same in a request as in an answer is a guess."""
    product = _of(modifier, "product").get("id")
    if not product or modifier.get("amount") is None or modifier.get("codes"):
        _refuse("item_not_rebuildable")
    written = {
        "productId": product,
        "amount": modifier["amount"],
        "productGroupId": _of(modifier, "productGroup").get("id"),
        "price": modifier.get("price"),
        "positionId": str(uuid4()),
    }
    return _present(written)


def _new_position(old: object, positions: dict[str, str]) -> str:
    fresh = str(uuid4())
    if isinstance(old, str):
        positions[old.lower()] = fresh
    return fresh


def _discount(discount: JsonObject, positions: Mapping[str, str]) -> dict[str, object]:
    chosen = discount.get("selectivePositions")
    if not chosen:
        return {key: value for key, value in discount.items() if key != "selectivePositions"}
    if not all(isinstance(one, str) and one.lower() in positions for one in chosen):
        _refuse("discount_not_rebuildable")
    return {**discount, "selectivePositions": [positions[one.lower()] for one in chosen]}
