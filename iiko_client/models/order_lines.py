"""The lines of an order: items with modifiers, payments, tips, discounts."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypedDict, cast

from iiko_client.json_reader import Reader, word
from iiko_client.message_fields import At, Plan, plan_of
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
    modifiers: list[dict[str, object]]
    components: list[dict[str, object]]
    template_id: str | None
    template_name: str | None
    combo_id: str | None
    combo_name: str | None
    is_deleted: bool
    deletion_reason: str | None
    when_printed: str | None


class PaymentRow(TypedDict):
    type_id: Annotated[str | None, At("paymentType.id", Reader.ident)]
    name: Annotated[str | None, At("paymentType.name", Reader.label)]
    kind: Annotated[str | None, At("paymentType.kind", word(payment_kind))]
    sum_minor: Annotated[MinorUnits | None, At("sum", Reader.money)]
    is_preliminary: Annotated[bool | None, At("isPreliminary", Reader.boolean)]
    is_external: Annotated[bool | None, At("isExternal", Reader.boolean)]
    is_processed_externally: Annotated[bool | None, At("isProcessedExternally", Reader.boolean)]
    is_fiscalized_externally: Annotated[bool | None, At("isFiscalizedExternally", Reader.boolean)]
    is_prepay: Annotated[bool | None, At("isPrepay", Reader.boolean)]


class MoneyRow(TypedDict):
    type_id: Annotated[str | None, At("discountType.id", Reader.ident)]
    name: Annotated[str | None, At("discountType.name", Reader.label)]
    sum_minor: Annotated[MinorUnits | None, At("sum", Reader.money)]


_PAYMENT, _MONEY = plan_of(PaymentRow), plan_of(MoneyRow)


def read_payments(reader: Reader, key: str) -> list[PaymentRow]:
    return [cast("PaymentRow", _PAYMENT.row(payment)) for payment in reader.children(key)]


def read_discounts(reader: Reader, key: str) -> list[MoneyRow]:
    return [cast("MoneyRow", _MONEY.row(discount)) for discount in reader.children(key)]


def exact(number: Decimal | None) -> str | None:
    """Write a number without exponent and trailing zeros."""
    if number is None:
        return None
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def iso(instant: datetime | None) -> str | None:
    """Write an instant as ISO 8601 UTC with ``Z``."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


_KIND, _STATUS = word(item_kind), word(item_status)
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
    parts = [_COMPONENT.row(component) for component in components]
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
        amount=item.read("amount", _amount),
        price_minor=_sum(money, "price"),
        cost_minor=_sum(money, "cost"),
        result_minor=_sum(money, "resultSum"),
        comment=item.read("comment", Reader.label),
        modifiers=_modifiers(item, "modifiers") + _modifiers(item, "commonModifiers"),
        components=parts,
        template_id=template["id"],
        template_name=template["name"],
        combo_id=combo_id,
        combo_name=combos.get(combo_id) if combo_id else None,
        is_deleted=_is_deleted(item, "deleted"),
        deletion_reason=deletion.read("comment", Reader.label)
        or deletion.inner_named("removalType").read("name", Reader.label),
        when_printed=iso(item.read("whenPrinted", Reader.local_time)),
    )


def _amount(reader: Reader, key: str) -> str | None:
    number = reader.decimal(key)
    return None if number is None else exact(without_noise(number))


def _is_deleted(reader: Reader, key: str) -> bool:
    """Tell whether a line is deleted: by the schema ``deleted`` is null where it is not."""
    return reader.wire.get(key) not in (None, False)


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


_MODIFIER = Plan(
    {
        "product_id": At("product.id", Reader.ident),
        "name": At("product.name", Reader.label),
        "amount": At("amount", _amount),
        "price_minor": At("price", Reader.money),
        "result_minor": At("resultSum", Reader.money),
        "is_deleted": At("deleted", _is_deleted),
    }
)


def _modifiers(item: Reader, key: str) -> list[dict[str, object]]:
    return [_MODIFIER.row(modifier) for modifier in item.read(key, Reader.children) or []]


_COMPONENT = Plan(
    {
        "product_id": At("product.id", Reader.ident),
        "name": At("product.name", Reader.label),
        "price_minor": At("price", Reader.money),
        "result_minor": At("resultSum", Reader.money),
        "modifiers": At("modifiers", _modifiers),
    }
)
