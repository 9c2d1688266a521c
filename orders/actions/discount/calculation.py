"""A discount that was asked for, made exact with the restaurant's dictionary."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from core.values.name_keys import NAME_ORDER
from iiko_client.json_reader import JsonObject, canonical_id
from iiko_client.units import MinorUnits, NotMoney, to_major, to_minor
from orders.actions.params import Params
from orders.commands.refusals import refusal
from orders.models.order import Order
from organizations.models.dictionaries import DictionaryEntry, DictionaryKind

FLEXIBLE, FIXED, PERCENT = "FlexibleSum", "FixedSum", "Percent"


@dataclass(frozen=True, slots=True)
class AskedDiscount:
    """A type by iiko's id, a sum or a percentage of what the dishes cost; ``reissue``: see docs/adr/0007."""

    type_id: str | None = None
    sum_minor: MinorUnits | None = None
    percent: Decimal | None = None
    reissue: bool = False


@dataclass(frozen=True, slots=True)
class DiscountParams(Params):
    """The type, the sum where it takes one, and what that was reckoned from."""

    discount_id: str
    name: str = ""
    mode: str | None = None
    sum_minor: MinorUnits | None = None
    percent: Decimal | None = None
    base_minor: int = 0
    reissue: bool = False


def types_of(organization_id: str) -> list[DictionaryEntry]:
    """List the discounts that may be given by hand."""
    entries = DictionaryEntry.objects.filter(
        organization_id=organization_id, kind=DictionaryKind.DISCOUNT, is_deleted=False
    )
    return [entry for entry in entries.order_by(*NAME_ORDER) if entry.data.get("is_manual")]


def takes_sum(entry: DictionaryEntry) -> bool:
    return bool(entry.data.get("mode") == FLEXIBLE)


def base_of(
    amount_minor: int | None, discounts: Iterable[JsonObject], items: Iterable[JsonObject]
) -> int | None:
    """Return what the dishes cost before any discount; None where iiko did not tell what the order costs.

    Services (the delivery) are no dishes. That a discount is not taken from them is a guess: the schema
    does not say what a percentage is of (read 2026-11).
    """
    if amount_minor is None:
        return None
    given = sum(one.get("sum_minor") or 0 for one in discounts)
    services = sum(
        item.get("cost_minor") or 0
        for item in items
        if item.get("kind") == "Service" and not item.get("is_deleted")
    )
    return int(amount_minor + given - services)


def discount(order: Order, asked: AskedDiscount) -> DiscountParams:
    """Make a discount exact with the dictionary and with what the order costs.

    Raises:
        InvalidParams: it cannot be understood, or does not fit the dictionary or the order.
        NotAllowed: the order has this discount.
    """
    if asked.sum_minor is not None and asked.percent is not None:
        raise refusal("discount_ambiguous")
    entry = _by_id(order, asked.type_id) if asked.type_id else _flexible(order, asked)
    base = base_of(order.amount_minor, order.discounts, order.items)
    if base is None:
        raise refusal("amount_unknown")
    if base < (least := entry.data.get("min_order_sum_minor") or 0):
        raise refusal("order_below_minimum", name=entry.name, least=_major(least), base=_major(base))
    others = sum(one.get("sum_minor") or 0 for one in order.discounts if one.get("type_id") != entry.iiko_id)
    sum_minor = _sum(entry, asked, base, base - others)
    same = [one for one in order.discounts if one.get("type_id") == entry.iiko_id]
    if any(sum_minor is None or one.get("sum_minor") == sum_minor for one in same):
        raise refusal("already_so.discount")
    return DiscountParams(
        discount_id=entry.iiko_id,
        name=entry.name,
        mode=entry.data.get("mode"),
        sum_minor=sum_minor,
        percent=asked.percent,
        base_minor=base,
        reissue=asked.reissue,
    )


def _by_id(order: Order, type_id: str) -> DictionaryEntry:
    entry = DictionaryEntry.objects.filter(
        organization_id=order.organization_id,
        kind=DictionaryKind.DISCOUNT,
        iiko_id=canonical_id(type_id),
        is_deleted=False,
    ).first()
    if entry is None:
        raise refusal("unknown_discount")
    if not entry.data.get("is_manual"):
        raise refusal("discount_not_manual", discount=entry.name)
    return entry


def _flexible(order: Order, asked: AskedDiscount) -> DictionaryEntry:
    """Choose the one type that takes a sum."""
    if asked.sum_minor is None and asked.percent is None:
        raise refusal("discount_missing")
    fitting = [entry for entry in types_of(order.organization_id) if takes_sum(entry)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise refusal("no_discount_takes_a_sum")
    listed = "; ".join(f"{entry.name} = {entry.iiko_id}" for entry in fitting)
    raise refusal("discount_type_ambiguous", discounts=listed)


def _sum(entry: DictionaryEntry, asked: AskedDiscount, base: int, most: int) -> MinorUnits | None:
    """Return the sum that iiko is told: of flexible types alone, others have their own.

    A percentage is of ``base``; ``most`` is what other discounts leave of it.
    """
    is_given = asked.sum_minor is not None or asked.percent is not None
    if not takes_sum(entry):
        if is_given:
            raise refusal("discount_takes_no_sum", discount=entry.name)
        return None
    if not is_given:
        raise refusal("discount_sum_needed", discount=entry.name)
    minor = asked.sum_minor if asked.sum_minor is not None else _of_percent(asked.percent, base)
    if minor <= 0:
        raise refusal("discount_too_small")
    if minor > most:
        raise refusal("discount_too_large", sum=_major(minor), base=_major(most))
    return minor


def _of_percent(percent: Decimal | None, base: int) -> MinorUnits:
    # Four places of a percentage of 1/100, and at most eight digits before: far within 28 digits.
    exact = to_major(MinorUnits(base)) * (percent or Decimal(0)) / 100
    try:
        return to_minor(exact)
    except NotMoney as error:
        lower = exact.quantize(Decimal("0.01"), rounding=ROUND_DOWN)
        raise refusal(
            "discount_percent_not_exact",
            percent=format((percent or Decimal(0)).normalize(), "f"),
            base=_major(base),
            exact=format(exact.normalize(), "f"),
            lower=lower,
            upper=lower + Decimal("0.01"),
        ) from error


def _major(minor: int) -> Decimal:
    return to_major(MinorUnits(minor))
