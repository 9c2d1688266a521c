"""What a guest orders: dishes, discount and payments, with sums that agree to the kopeck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from random import Random

from sandbox.catalogue import names
from sandbox.catalogue.menu import MakeId, Menu, ModifierGroup, PizzaOfHalves, Product
from sandbox.catalogue.money import ZERO, percent_of, split
from sandbox.catalogue.world import Dictionaries, DiscountType, PaymentType
from sandbox.orders.order import (
    Discount,
    Dish,
    DishModifier,
    Half,
    HalfAndHalf,
    Line,
    Payment,
    Service,
    ServiceType,
)

FREE_DELIVERY_FROM = Decimal(1500)

_SHARE_OF_HALVES = 0.2
_ONE_IN_SO_MANY_IS_WHOLE = 3
_SHARE_WITH_MODIFIERS = 0.45
_SHARE_WITH_COMMENT = 0.15
_SHARE_WITH_DISCOUNT = 0.25


def choose_lines(menu: Menu, service: ServiceType, make_id: MakeId, random: Random) -> tuple[Line, ...]:
    """Choose one to four different dishes, and the delivery where a courier brings them."""
    dishes = random.sample(menu.dishes, k=random.choices((1, 2, 3, 4), (3, 5, 3, 1))[0])
    lines: list[Line] = [_choose_dish(dish, make_id, random) for dish in dishes]
    if menu.pizza_of_halves and random.random() < _SHARE_OF_HALVES:
        lines.append(_choose_halves(menu.pizza_of_halves, make_id, random))
    if service is ServiceType.COURIER:
        lines.append(delivery_line(menu, lines))
    return tuple(lines)


def _choose_dish(product: Product, make_id: MakeId, random: Random) -> Dish:
    key = f"position/{product.id}"
    return Dish(
        position_id=make_id(key),
        product=product,
        size=random.choice(product.sizes) if product.sizes else None,
        amount=_choose_amount(product, random),
        modifiers=_choose_modifiers(product.modifiers, key, make_id, random),
        comment=random.choice(names.DISH_COMMENTS) if random.random() < _SHARE_WITH_COMMENT else None,
    )


def _choose_amount(product: Product, random: Random) -> Decimal:
    if product.by_weight:
        return Decimal(random.randint(250, 900)) / 1000
    return Decimal(random.choices((1, 2, 3), (7, 2, 1))[0])


def _choose_modifiers(
    group: ModifierGroup | None, key: str, make_id: MakeId, random: Random
) -> tuple[DishModifier, ...]:
    if group is None or random.random() > _SHARE_WITH_MODIFIERS:
        return ()
    chosen = random.sample(group.modifiers, k=random.randint(1, 2))
    return tuple(
        DishModifier(make_id(f"{key}/{modifier.id}"), modifier, Decimal(random.choices((1, 2), (4, 1))[0]))
        for modifier in chosen
    )


def _choose_halves(template: PizzaOfHalves, make_id: MakeId, random: Random) -> HalfAndHalf:
    """Choose two halves, or for a part of them the first alone; both draw the same random numbers."""
    first, second = random.sample(template.halves, k=2)
    other = make_id("position/second half")
    is_whole = other.int % _ONE_IN_SO_MANY_IS_WHOLE == 0
    return HalfAndHalf(
        template, Half(make_id("position/first half"), first), None if is_whole else Half(other, second)
    )


def delivery_line(menu: Menu, lines: list[Line]) -> Service:
    """Make the line of the delivery, which is free from a certain sum on."""
    is_free = sum((line.total for line in lines), ZERO) >= FREE_DELIVERY_FROM
    return Service(menu.delivery, ZERO if is_free else menu.delivery.price)


def choose_discount(lines: tuple[Line, ...], dictionaries: Dictionaries, random: Random) -> Discount | None:
    """Give a part of the guests a discount on the dishes."""
    if random.random() > _SHARE_WITH_DISCOUNT:
        return None
    kind = random.choice(dictionaries.discounts)
    dishes = sum((charge for line in lines for charge in line.charges), ZERO)
    return Discount(kind, _discount_sum(kind, dishes))


def _discount_sum(kind: DiscountType, dishes: Decimal) -> Decimal:
    if kind.percent is None:
        return min(Decimal(100), dishes)
    return percent_of(dishes, kind.percent)


def take_discount(lines: tuple[Line, ...], discount: Discount | None) -> tuple[Line, ...]:
    """Spread the discount over the dishes in proportion to what they cost."""
    return take_discounts(lines, (discount,) if discount else ())


def take_discounts(lines: tuple[Line, ...], discounts: Sequence[Discount]) -> tuple[Line, ...]:
    """Spread several discounts as if they were one."""
    if not discounts:
        return lines
    total = sum((discount.sum for discount in discounts), ZERO)
    parts = iter(split(total, [charge for line in lines for charge in line.charges]))
    return tuple(line.discounted(tuple(islice(parts, len(line.charges)))) for line in lines)


def choose_payments(total: Decimal, dictionaries: Dictionaries, random: Random) -> tuple[Payment, ...]:
    """Choose how the guest pays; for some that is decided only at the door."""
    way = random.choices(("cash", "card", "online", "bonuses", "later"), (30, 20, 32, 10, 8))[0]
    if way == "later":
        return ()
    if way == "bonuses":
        return _pay_with_bonuses(total, dictionaries, random)
    kinds = {
        "cash": dictionaries.cash,
        "card": dictionaries.card_to_courier,
        "online": dictionaries.card_online,
    }
    return (_paid_online(kinds[way], total) if way == "online" else Payment(kinds[way], total),)


def _pay_with_bonuses(total: Decimal, dictionaries: Dictionaries, random: Random) -> tuple[Payment, ...]:
    bonuses = percent_of(total, Decimal(random.randint(5, 30)))
    return (
        replace(_paid_online(dictionaries.bonuses, bonuses), is_prepay=False),
        Payment(dictionaries.cash, total - bonuses),
    )


def _paid_online(kind: PaymentType, total: Decimal) -> Payment:
    return Payment(kind, total, is_settled=True, is_processed_externally=True, is_prepay=True)
