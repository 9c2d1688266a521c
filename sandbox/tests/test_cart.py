from decimal import Decimal
from functools import partial
from random import Random
from uuid import UUID, uuid5

from sandbox.catalogue.world import build_world
from sandbox.orders.order import Discount, Dish, HalfAndHalf, Service, ServiceType, take_discounts
from sandbox.orders.order_generator import choose_lines
from sandbox.tests.builders import beryozka, histories, make_order

NOBODY = UUID(int=0)


def test_line_costs_its_portions_with_their_extras() -> None:
    pizza, drink, delivery = make_order().lines

    # 2 × 690 and 45.50 of jalapeño on each
    assert (pizza.total, drink.total, delivery.total) == (Decimal(1471), Decimal(180), Decimal(149))
    assert make_order().sum == Decimal(1800)


def test_dish_by_weight_costs_whole_kopecks() -> None:
    shashlik = next(dish for dish in build_world().organizations[3].menu.dishes if dish.by_weight)

    assert Dish(NOBODY, shashlik, None, Decimal("0.333")).total == Decimal("496.17")
    assert Dish(NOBODY, shashlik, None, Decimal("0.3335")).total == Decimal("496.92")


def test_discount_is_spread_over_the_dishes_and_spares_the_delivery() -> None:
    order = make_order()
    ten_percent = Discount(beryozka().dictionaries.discounts[0], Decimal("165.10"))

    pizza, drink, delivery = take_discounts(order.lines, ten_percent)

    assert (pizza.total, drink.total, delivery.total) == (Decimal("1323.90"), Decimal(162), Decimal(149))


def test_discount_reaches_both_halves_of_a_pizza() -> None:
    template = beryozka().menu.pizza_of_halves
    assert template is not None
    pizza = next(
        line
        for seed in range(100)
        for line in choose_lines(
            beryozka().menu, ServiceType.PICKUP, partial(uuid5, uuid5(NOBODY, str(seed))), Random(seed)
        )
        if isinstance(line, HalfAndHalf) and line.second
    )
    discount = Discount(beryozka().dictionaries.discounts[2], Decimal(100))

    (cheaper,) = take_discounts((pizza,), discount)

    assert isinstance(cheaper, HalfAndHalf)
    assert cheaper.total == pizza.total - 100
    assert cheaper.second is not None
    assert min(cheaper.first.discount, cheaper.second.discount) > 40


def test_sums_of_every_order_agree_to_the_kopeck() -> None:
    orders = [
        change.order
        for history in histories().values()
        for change in history
        if not change.order.cancellation
    ]

    for order in orders:
        dishes = sum((charge for line in order.lines for charge in line.charges), Decimal(0))
        service = sum((line.cost for line in order.lines if isinstance(line, Service)), Decimal(0))
        discount = order.discount.sum if order.discount else Decimal(0)
        assert order.sum == dishes - discount + service
        assert sum((payment.sum for payment in order.payments), Decimal(0)) in {order.sum, 0}
        assert all(line.total >= 0 for line in order.lines)
    assert any(order.discount for order in orders)


def test_delivery_is_free_from_fifteen_hundred() -> None:
    costs = {
        (
            sum((line.total for line in order.lines if not isinstance(line, Service)), Decimal(0)) >= 1500,
            line.cost,
        )
        for history in histories().values()
        for order in [history[0].order]
        if order.discount is None
        for line in order.lines
        if isinstance(line, Service)
    }

    assert costs == {(True, Decimal(0)), (False, Decimal(149))}


def test_closed_order_is_paid_in_full_and_a_cancelled_one_costs_nothing() -> None:
    ends = [history[-1].order for history in histories().values()]

    for order in ends:
        if order.status == "Closed":
            assert order.settled_sum == order.sum > 0
        if order.status == "Cancelled":
            assert order.sum == 0
            assert (order.payments, order.discount) == ((), None)


def test_only_what_is_paid_outside_is_settled_before_the_end() -> None:
    for history in histories().values():
        for change in history:
            if not change.order.is_over:
                outside = [each.sum for each in change.order.payments if each.type.processed_outside]
                assert change.order.settled_sum == sum(outside)
