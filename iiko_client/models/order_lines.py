"""The lines of an order: items with modifiers, payments, tips, discounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypedDict

from iiko_client.json_reader import Reader
from iiko_client.models.statuses import item_kind, item_status, payment_kind
from iiko_client.units import MinorUnits, without_noise


class ItemRow(TypedDict):
    """One line of the order, ready for JSON.

    ``amount`` is decimal text, for it may be a fraction (0.35 kg); ``when_printed`` is ISO 8601 UTC.
    A deleted line stays in the list with ``is_deleted``. A compound line of one product is that product;
    one of two is named after both, ``½ … / ½ …``, under the id of its template. The template is the scheme
    by which the POS puts it together, not a dish.
    """

    position_id: str | None
    kind: str | None
    status: str | None
    product_id: str | None
    name: str | None
    size: str | None
    amount: str | None
    price_minor: MinorUnits | None
    cost_minor: MinorUnits | None
    result_minor: MinorUnits | None
    comment: str | None
    modifiers: list[dict[str, Any]]
    components: list[dict[str, Any]]
    template_id: str | None
    template_name: str | None
    combo_id: str | None
    combo_name: str | None
    is_deleted: bool
    deletion_reason: str | None
    when_printed: str | None


class PaymentRow(TypedDict):
    type_id: str | None
    name: str | None
    kind: str | None
    sum_minor: MinorUnits | None
    is_preliminary: bool | None
    is_external: bool | None
    is_processed_externally: bool | None
    is_fiscalized_externally: bool | None
    is_prepay: bool | None


class MoneyRow(TypedDict):
    type_id: str | None
    name: str | None
    sum_minor: MinorUnits | None


def exact(number: Decimal | None) -> str | None:
    """Write a number without exponent and trailing zeros."""
    if number is None:
        return None
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def iso(instant: datetime | None) -> str | None:
    """Write an instant as ISO 8601 UTC with ``Z``."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def word(known: Callable[[str], str | None]) -> Callable[[Reader, str], str | None]:
    """Make a parser of a listed value; see ``Reader.word``."""
    return lambda reader, key: reader.word(key, known)


_KIND, _STATUS, _PAYMENT_KIND = word(item_kind), word(item_status), word(payment_kind)


_COMPONENTS = ("primaryComponent", "secondaryComponent")


def read_items(reader: Reader, key: str) -> list[ItemRow]:
    combos = {row["id"]: row["name"] for row in _read_combos(reader)}
    return [_read_item(item, combos) for item in reader.children(key)]


def _read_combos(reader: Reader) -> list[dict[str, str | None]]:
    rows = reader.read("combos", Reader.children) or []
    return [{"id": row.read("id", Reader.ident), "name": row.read("name", Reader.label)} for row in rows]


def _read_item(item: Reader, combos: dict[str | None, str | None]) -> ItemRow:
    kind = item.read("type", _KIND)
    # Compound has one or two components and no product of its own, Service has a service in its place.
    components = [item.inner_named(key, "product") for key in _COMPONENTS if item.wire.get(key)]
    parts = [_read_component(component) for component in components]
    template = _read_product(item.inner_named("template"))
    product = _read_product(item.inner_named("service" if kind == "Service" else "product"))
    if components:
        product = _product_of(parts, template)
    money = components or [item]
    combo = item.inner("comboInformation")
    combo_id = combo.read("comboId", Reader.ident)
    deletion = _deletion(item)
    return ItemRow(
        position_id=item.read("positionId", Reader.ident) or money[0].read("positionId", Reader.ident),
        kind=kind,
        status=item.read("status", _STATUS),
        product_id=product["id"],
        name=product["name"],
        size=item.inner_named("size").read("name", Reader.label),
        amount=_amount(item),
        price_minor=_sum(money, "price"),
        cost_minor=_sum(money, "cost"),
        result_minor=_sum(money, "resultSum"),
        comment=item.read("comment", Reader.label),
        modifiers=_read_modifiers(item, "modifiers") + _read_modifiers(item, "commonModifiers"),
        components=parts,
        template_id=template["id"],
        template_name=template["name"],
        combo_id=combo_id,
        combo_name=combos.get(combo_id) if combo_id else None,
        is_deleted=_is_deleted(item),
        deletion_reason=deletion.read("comment", Reader.label)
        or deletion.inner_named("removalType").read("name", Reader.label),
        when_printed=iso(item.read("whenPrinted", Reader.local_time)),
    )


def _amount(wire: Reader) -> str | None:
    number = wire.read("amount", Reader.decimal)
    return None if number is None else exact(without_noise(number))


def _is_deleted(wire: Reader) -> bool:
    """Tell whether a line is deleted: by the schema ``deleted`` is null where it is not."""
    return wire.wire.get("deleted") not in (None, False)


def _deletion(item: Reader) -> Reader:
    deleted = item.wire.get("deleted")
    # A bare flag has no details to read.
    details = item.inner_named("deleted", "deletionMethod") if not isinstance(deleted, bool) else None
    return (details or item).inner_named("deletionMethod", "comment")


def _read_product(wire: Reader) -> dict[str, str | None]:
    return {"id": wire.read("id", Reader.ident), "name": wire.read("name", Reader.label)}


def _product_of(parts: list[dict[str, Any]], template: dict[str, str | None]) -> dict[str, str | None]:
    """Name a compound line: by its product, or by the halves of two under the id of its template."""
    named = [part for part in parts if part["product_id"] or part["name"]]
    ids = {(part["product_id"], part["name"]) for part in named}
    if len(ids) == 1:
        return {"id": named[0]["product_id"], "name": named[0]["name"]}
    names = [part["name"] for part in named if part["name"]]
    if len(names) < 2 or len(names) < len(named):
        return template
    return template | {"name": " / ".join(f"½ {name}" for name in names)}


def _sum(parts: list[Reader], key: str) -> MinorUnits | None:
    """Add the parts' sums; None unless every part names one."""
    sums = [part.read(key, Reader.money) for part in parts]
    return MinorUnits(sum(one for one in sums if one is not None)) if None not in sums else None


def _read_component(component: Reader) -> dict[str, Any]:
    product = component.inner_named("product")
    return {
        "product_id": product.read("id", Reader.ident),
        "name": product.read("name", Reader.label),
        "price_minor": component.read("price", Reader.money),
        "result_minor": component.read("resultSum", Reader.money),
        "modifiers": _read_modifiers(component, "modifiers"),
    }


def _read_modifiers(item: Reader, key: str) -> list[dict[str, Any]]:
    return [_read_modifier(modifier) for modifier in item.read(key, Reader.children) or []]


def _read_modifier(modifier: Reader) -> dict[str, Any]:
    product = modifier.inner_named("product")
    return {
        "product_id": product.read("id", Reader.ident),
        "name": product.read("name", Reader.label),
        "amount": _amount(modifier),
        "price_minor": modifier.read("price", Reader.money),
        "result_minor": modifier.read("resultSum", Reader.money),
        "is_deleted": _is_deleted(modifier),
    }


def read_payments(reader: Reader, key: str) -> list[PaymentRow]:
    return [_read_payment(payment) for payment in reader.children(key)]


def _read_payment(payment: Reader) -> PaymentRow:
    kind = payment.inner_named("paymentType")
    return PaymentRow(
        type_id=kind.read("id", Reader.ident),
        name=kind.read("name", Reader.label),
        kind=kind.read("kind", _PAYMENT_KIND),
        sum_minor=payment.read("sum", Reader.money),
        is_preliminary=payment.read("isPreliminary", Reader.boolean),
        is_external=payment.read("isExternal", Reader.boolean),
        is_processed_externally=payment.read("isProcessedExternally", Reader.boolean),
        is_fiscalized_externally=payment.read("isFiscalizedExternally", Reader.boolean),
        is_prepay=payment.read("isPrepay", Reader.boolean),
    )


def read_discounts(reader: Reader, key: str) -> list[MoneyRow]:
    return [
        MoneyRow(
            type_id=kind.read("id", Reader.ident),
            name=kind.read("name", Reader.label),
            sum_minor=row.read("sum", Reader.money),
        )
        for row in reader.children(key)
        for kind in (row.inner_named("discountType"),)
    ]
