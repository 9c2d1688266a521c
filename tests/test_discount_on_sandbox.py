"""A discount by reissuing the order, in the sandbox: one meal whatever is lost, late or refused."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from orders.commands import dispatch
from orders.models.command import OrderCommand
from orders.models.order import Order, TimelineEntry
from sandbox.catalogue.money import ZERO
from sandbox.orders.order import DeliveryStatus, Dish, Order as SandboxOrder
from tests.pages import ORDERS, sign_in_superuser, text
from tests.sandbox_restaurant import PICKUP, SandboxRestaurant

pytestmark = pytest.mark.django_db

CREATE, CANCEL = "deliveries/create", "deliveries/cancel"
BY_SUM = {"discount_sum": "50.50", "reissue": True}


@pytest.fixture
def order(sandbox: SandboxRestaurant) -> Order:
    return sandbox.order()


def ends_with_one_meal(sandbox: SandboxRestaurant, order: Order, command: OrderCommand) -> None:
    """Check that the new order lives with its discount and the old one is cancelled, each asked once."""
    assert (command.state, command.error_code) == ("confirmed", ""), command.error
    new = sandbox.truth(command.new_order_id)
    old = sandbox.truth(order.iiko_order_id)
    assert old.status is DeliveryStatus.CANCELLED
    assert (str(old.moved_to), str(new.moved_from)) == (command.new_order_id, order.iiko_order_id)
    assert [str(one.sum) for one in new.discounts] == ["50.50"]
    assert not new.is_over
    sandbox.check_bodies()


def dishes(order: SandboxOrder) -> list[tuple[Any, ...]]:
    """List what is to be cooked."""
    return [
        (
            one.product,
            one.size,
            one.amount,
            one.comment,
            [(each.modifier, each.amount) for each in one.modifiers],
        )
        for one in order.lines
        if isinstance(one, Dish)
    ]


def stays_as_it_was(sandbox: SandboxRestaurant, order: Order, command: OrderCommand) -> None:
    """Check that the old order lives and nothing of the new one is left to cook."""
    assert order.iiko_order_id in sandbox.living()
    assert command.new_order_id not in sandbox.living()
    assert sandbox.truth(order.iiko_order_id).moved_to is None


# --- the usual course --------------------------------------------------------------------------------


@pytest.mark.parametrize("service", [{}, PICKUP], ids=["courier", "pickup"])
def test_order_is_reissued_with_the_discount_and_the_old_one_cancelled(
    sandbox: SandboxRestaurant, service: dict[str, Any]
) -> None:
    order = sandbox.order(**service)
    was = sandbox.truth(order.iiko_order_id)
    place = sandbox.retrieved(order.iiko_order_id)["order"]["deliveryPoint"]

    command = sandbox.end(sandbox.asked(order, BY_SUM))
    sandbox.play(5)

    ends_with_one_meal(sandbox, order, command)
    assert sandbox.changes() == {CREATE: 1, CANCEL: 1}
    new = sandbox.truth(command.new_order_id)
    assert new.sum == was.sum - new.discounts[0].sum
    kept = ("phone", "guest", "comment", "external_number", "service")
    assert abs(new.complete_before - was.complete_before) < timedelta(milliseconds=1)
    assert [getattr(new, name) for name in kept] == [getattr(was, name) for name in kept]
    assert sandbox.retrieved(command.new_order_id)["order"]["deliveryPoint"] == place
    assert dishes(new) == dishes(was)
    assert sum(payment.sum for payment in new.payments) in (0, new.sum)


def test_both_orders_tell_of_each_other(sandbox: SandboxRestaurant, order: Order) -> None:
    command = sandbox.end(sandbox.asked(order, BY_SUM))
    sandbox.until(command, lambda: TimelineEntry.objects.filter(what="reissued").count() == 2, seconds=30)

    new = Order.objects.get(iiko_order_id=command.new_order_id)
    [on_old] = order.timeline.filter(what="reissued")
    [on_new] = new.timeline.filter(what="reissued")
    assert on_old.to_value
    assert on_new.to_value
    assert on_old.to_value["made_as"]["order_id"] == new.pk
    assert on_new.to_value["made_for"]["order_id"] == order.pk
    told = [
        (one.to_value["phase"], one.to_value["state"], one.actor)  # type: ignore[index]  # a command's row has it
        for one in order.timeline.filter(what="command").order_by("id")
    ]
    assert told == [
        ("read", "pending", "API: shop"),
        ("create", "pending", "hub"),
        ("create", "sent", "hub"),
        ("cancel_old", "pending", "hub"),
        ("cancel_old", "sent", "hub"),
        ("cancel_old", "confirmed", "iiko"),
    ]
    assert "body" not in command.state_data


@pytest.mark.parametrize("place", [0, 3], ids=["percent", "fixed"])
def test_type_with_a_size_of_its_own_is_told_no_sum(
    sandbox: SandboxRestaurant, order: Order, place: int
) -> None:
    kind = sandbox.cafe.dictionaries.all_discounts[place]

    command = sandbox.end(sandbox.asked(order, {"discount_id": str(kind.id), "reissue": True}))

    assert command.state == "confirmed", command.error
    [sent] = [body for operation, body in sandbox.bodies if operation == CREATE]
    assert sent["order"]["discountsInfo"] == {"discounts": [{"type": "RMS", "discountTypeId": str(kind.id)}]}
    assert [one.type for one in sandbox.truth(command.new_order_id).discounts] == [kind]
    sandbox.check_bodies()


_MEANT_TO_DIFFER = {
    "id",
    "posId",
    "timestamp",
    # An order of its own, with a number and times of its own.
    "order/number",
    "order/whenCreated",
    "order/whenReceivedByApi",
    "order/whenReceivedFromFront",
    # The one that it stands for.
    "order/movedFromDeliveryId",
    "order/movedFromTerminalGroupId",
    "order/movedFromOrganizationId",
    # What was asked for.
    "order/discounts/0/discountType/id",
    "order/discounts/0/discountType/name",
    "order/discounts/0/selectivePositions",
    "order/discounts/0/selectivePositionsWithSum",
    "order/discounts/0/sum",
    "order/items/0/resultSum",
    "order/payments/0/sum",
    "order/sum",
    # Must be unique in all of iiko.
    "order/items/0/positionId",
    "order/items/0/modifiers/0/positionId",
}


def leaves(told: Any, path: str = "") -> dict[str, Any]:
    """Give each value of a JSON document by its place in it."""
    if isinstance(told, dict):
        rows = list(told.items())
    elif isinstance(told, list):
        rows = list(enumerate(told))
    else:
        return {path: told}
    inner = [leaves(value, f"{path}/{key}" if path else str(key)) for key, value in rows]
    return {place: value for one in inner for place, value in one.items()}


def test_reissue_loses_no_field_that_it_does_not_name(sandbox: SandboxRestaurant) -> None:
    order = sandbox.written()
    was = leaves(sandbox.retrieved(order.iiko_order_id))

    command = sandbox.end(sandbox.asked(order, BY_SUM))
    sandbox.play(5)

    ends_with_one_meal(sandbox, order, command)
    now = leaves(sandbox.retrieved(command.new_order_id))
    missing = object()
    differing = {key for key in was | now if was.get(key, missing) != now.get(key, missing)}
    assert differing == _MEANT_TO_DIFFER
    assert {key: now.get(key) for key in ("order/phoneExtension", "order/deliveryPoint/comment")} == {
        "order/phoneExtension": "9876",
        "order/deliveryPoint/comment": "Вход со двора",
    }
    # Nothing that a client can say was left empty, so that there is something to lose.
    assert [key for key in was if key.startswith("order/deliveryPoint") and was[key] is None] == [
        "order/deliveryPoint/address/line1"
    ]


def test_both_pages_lead_to_each_other_by_number_and_say_it_once(
    sandbox: SandboxRestaurant, order: Order, client: Client
) -> None:
    sign_in_superuser(client)

    command = sandbox.end(sandbox.asked(order, BY_SUM))
    sandbox.until(command, lambda: TimelineEntry.objects.filter(what="reissued").count() == 2, seconds=30)
    new = Order.objects.get(iiko_order_id=command.new_order_id)

    def page(of: Order) -> str:
        return text(client.get(f"{ORDERS}{of.pk}/change/", headers={"accept-language": "en"}))

    order.refresh_from_db()
    assert f"Replaced by {new} This order is cancelled" in page(order)
    assert f"Made in place of {order}" in page(new)
    for each in (order, new):
        shown = page(each)
        assert "Related orders" not in shown
        assert "Take a" not in shown
        timeline = shown[shown.index("One timeline") : shown.index(" Customer and address ")]
        assert "Moved:" not in timeline
        assert str(order.iiko_order_id) not in timeline
        assert str(new.iiko_order_id) not in timeline
        assert f"New order made in place of this one: {new}" in timeline
        assert "Made in place of" not in timeline
    refused = sandbox.ask(order, BY_SUM, **{"accept-language": "en"})
    assert refused.status_code == 409
    [error] = refused.json()["errors"]
    assert error["detail"] == f"The order was replaced by {new}. Ask the same of that one."


def test_reissue_refuses_what_it_would_lose_before_anything_is_sent(sandbox: SandboxRestaurant) -> None:
    order = sandbox.written()
    guest = replace(sandbox.truth(order.iiko_order_id).guest, name="В" * 61)
    sandbox.put(order.iiko_order_id, guest=guest)

    command = sandbox.end(sandbox.asked(order, BY_SUM))

    assert (command.state, command.error_code) == ("rejected", "text_too_long")
    assert sandbox.changes() == {}
    stays_as_it_was(sandbox, order, command)


# --- answers that are lost ---------------------------------------------------------------------------


@pytest.mark.parametrize("news", [True, False], ids=["webhooks", "none"])
@pytest.mark.parametrize("how", ["408", "reset"])
@pytest.mark.parametrize("operation", [CREATE, CANCEL])
def test_answer_lost_after_the_effect(
    sandbox: SandboxRestaurant, order: Order, operation: str, how: str, news: bool
) -> None:
    sandbox.brings_news = news
    sandbox.lose(operation, how)

    command = sandbox.end(sandbox.asked(order, BY_SUM))

    ends_with_one_meal(sandbox, order, command)
    assert sandbox.changes() == {CREATE: 1, CANCEL: 1}


@pytest.mark.parametrize("operation", [CREATE, CANCEL])
def test_line_that_is_down_for_a_while(sandbox: SandboxRestaurant, order: Order, operation: str) -> None:
    sandbox.lose(operation, "unsent", "unsent")

    command = sandbox.end(sandbox.asked(order, BY_SUM))

    ends_with_one_meal(sandbox, order, command)
    assert sandbox.changes() == {CREATE: 1, CANCEL: 1}


@pytest.mark.parametrize("operation", ["deliveries/by_id", "commands/status"])
def test_reads_that_bring_nothing_are_made_again(
    sandbox: SandboxRestaurant, order: Order, operation: str
) -> None:
    sandbox.lose(operation, *["408"] * 5)

    command = sandbox.end(sandbox.asked(order, BY_SUM))

    ends_with_one_meal(sandbox, order, command)


# --- what the other side does meanwhile --------------------------------------------------------------


def _at_cancelling(sandbox: SandboxRestaurant, order: Order) -> OrderCommand:
    command = sandbox.asked(order, BY_SUM)
    sandbox.until(command, lambda: command.phase == "cancel_old")
    assert command.state == "pending"
    return command


def test_kitchen_that_began_meanwhile_keeps_the_old_order(sandbox: SandboxRestaurant, order: Order) -> None:
    command = _at_cancelling(sandbox, order)
    sandbox.put(order.iiko_order_id, status=DeliveryStatus.COOKING_STARTED)

    sandbox.end(command)

    assert (command.state, command.error_code) == ("rejected", "undone_cooking")
    stays_as_it_was(sandbox, order, command)
    assert sandbox.changes() == {CREATE: 1, CANCEL: 1}


def test_pos_that_refuses_the_cancellation_keeps_the_old_order(
    sandbox: SandboxRestaurant, order: Order
) -> None:
    command = _at_cancelling(sandbox, order)
    sandbox.until(command, lambda: command.state == "sent")
    # Printed on the way: the POS deletes printed dishes only with a removal type.
    stamps = sandbox.truth(order.iiko_order_id).stamps
    sandbox.put(order.iiko_order_id, stamps=replace(stamps, printed=sandbox.clock()))

    sandbox.end(command)

    assert (command.state, command.error_code) == ("rejected", "undone_refused")
    assert "Removal type is needed" in command.error
    stays_as_it_was(sandbox, order, command)
    assert sandbox.changes() == {CREATE: 1, CANCEL: 2}


def test_guest_who_cancels_meanwhile_gets_no_meal(sandbox: SandboxRestaurant, order: Order) -> None:
    command = _at_cancelling(sandbox, order)
    sandbox.put(order.iiko_order_id, status=DeliveryStatus.CANCELLED)

    sandbox.end(command)

    assert (command.state, command.error_code) == ("rejected", "undone_cancelled")
    assert command.new_order_id not in sandbox.living()


def test_new_order_that_somebody_cancelled_leaves_the_old_one(
    sandbox: SandboxRestaurant, order: Order
) -> None:
    command = _at_cancelling(sandbox, order)
    sandbox.put(command.new_order_id, status=DeliveryStatus.CANCELLED)

    sandbox.end(command)

    assert (command.state, command.error_code) == ("rejected", "reissue_cancelled")
    stays_as_it_was(sandbox, order, command)
    assert sandbox.changes() == {CREATE: 1}


def test_new_order_without_the_discount_is_taken_back(sandbox: SandboxRestaurant, order: Order) -> None:
    command = sandbox.asked(order, BY_SUM)
    sandbox.until(command, lambda: command.phase == "create" and command.state == "sent")
    new = sandbox.truth(command.new_order_id)
    plain = tuple(replace(line, discount=ZERO) if isinstance(line, Dish) else line for line in new.lines)
    sandbox.put(command.new_order_id, discount=None, lines=plain)

    sandbox.end(command)

    assert (command.state, command.error_code) == ("rejected", "undone_differs")
    stays_as_it_was(sandbox, order, command)


def test_pos_that_does_not_take_the_new_order(sandbox: SandboxRestaurant, order: Order) -> None:
    payment = sandbox.cafe.dictionaries.cash
    sandbox.before = lambda operation: _forget_drinks(sandbox) if operation == CREATE else None
    assert payment is not None

    command = sandbox.end(sandbox.asked(order, BY_SUM))

    assert (command.state, command.error_code) == ("rejected", "reissue_refused")
    assert "ProductNotFound" in command.error
    stays_as_it_was(sandbox, order, command)
    assert sandbox.changes() == {CREATE: 1}


def _forget_drinks(sandbox: SandboxRestaurant) -> None:
    """Change the POS's menu before the order comes."""
    menu = replace(sandbox.cafe.menu, dishes=())
    cafe = replace(sandbox.cafe, menu=menu)
    world = sandbox.harness.simulator.world
    others = tuple(one for one in world.organizations if one.id != cafe.id)
    sandbox.harness.simulator.world = replace(world, organizations=(cafe, *others))


def test_pos_that_is_away_is_sent_nothing(sandbox: SandboxRestaurant, order: Order) -> None:
    sandbox.harness.simulator.engine.set_online(sandbox.cafe, sandbox.clock(), is_online=False)

    command = sandbox.end(sandbox.asked(order, BY_SUM))

    assert (command.state, command.error_code) == ("rejected", "till_offline")
    assert sandbox.changes() == {}


def test_new_order_taken_after_its_time_is_taken_back(sandbox: SandboxRestaurant, order: Order) -> None:
    """Error becomes Success: the POS was away and comes back (reference 1.5, read 2026-11)."""
    engine = sandbox.harness.simulator.engine
    command = sandbox.asked(order, BY_SUM)
    sandbox.until(command, lambda: command.phase == "create" and command.state == "sent")
    engine.set_online(sandbox.cafe, sandbox.clock(), is_online=False)
    sandbox.end(command)
    assert (command.state, command.error_code) == ("rejected", "reissue_refused")
    assert "Creation timeout expired" in command.error

    engine.set_online(sandbox.cafe, sandbox.clock(), is_online=True)
    sandbox.until(command, lambda: command.phase == "cancel_new")
    sandbox.end(command)

    assert (command.state, command.error_code) == ("rejected", "undone_late")
    assert sandbox.truth(command.new_order_id).status is DeliveryStatus.CANCELLED
    assert sandbox.changes() == {CREATE: 1, CANCEL: 1}


def test_compensation_that_fails_too_is_left_to_a_person(sandbox: SandboxRestaurant, order: Order) -> None:
    command = _at_cancelling(sandbox, order)
    sandbox.put(order.iiko_order_id, status=DeliveryStatus.COOKING_STARTED)
    sandbox.until(command, lambda: command.phase == "cancel_new" and command.state == "sent")
    sandbox.put(command.new_order_id, status=DeliveryStatus.CLOSED)

    sandbox.end(command)

    assert (command.state, command.error_code) == ("attention", "two_orders")
    assert command.finished_at is not None
    again = sandbox.ask(order, BY_SUM)
    assert again.status_code == 409


def test_attention_ends_when_iiko_shows_that_one_order_is_left(
    sandbox: SandboxRestaurant, order: Order
) -> None:
    command = _at_cancelling(sandbox, order)
    sandbox.lose(CANCEL, "408")
    # Neither this nor any other is carried out: the POS is away from now on.
    engine = sandbox.harness.simulator.engine
    engine.set_online(sandbox.cafe, sandbox.clock(), is_online=False)
    sandbox.lose(CANCEL, "408", "408", "408")
    sandbox.end(command)
    assert (command.state, command.error_code) == ("attention", "old_not_proved")

    engine.set_online(sandbox.cafe, sandbox.clock(), is_online=True)
    sandbox.until(command, lambda: command.state == "confirmed", seconds=60)

    assert sandbox.truth(order.iiko_order_id).status is DeliveryStatus.CANCELLED
    assert command.new_order_id in sandbox.living()


# --- workers that die --------------------------------------------------------------------------------


@pytest.fixture
def lost_records(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Kill the worker of chosen steps before it writes down what it found."""
    doomed: list[int] = []
    record, taken = dispatch.OUTBOX.record, iter(range(1, 1000))

    def die(*args: Any) -> Any:
        return None if next(taken) in doomed else record(*args)

    monkeypatch.setattr(dispatch.OUTBOX, "record", die)
    return doomed


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_worker_killed_after_any_step(
    sandbox: SandboxRestaurant, order: Order, lost_records: list[int], number: int
) -> None:
    lost_records.append(number)

    command = sandbox.end(sandbox.asked(order, BY_SUM))

    ends_with_one_meal(sandbox, order, command)
    assert sandbox.changes() == {CREATE: 1, CANCEL: 1}


@pytest.mark.parametrize("number", [2, 3, 4])
def test_worker_killed_before_it_sends(
    sandbox: SandboxRestaurant, order: Order, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    taken = iter(range(1, 1000))

    class Killed(BaseException):
        pass

    def die(operation: str) -> None:
        if operation in (CREATE, CANCEL, "deliveries/by_id") and next(taken) == number:
            raise Killed

    sandbox.before = die
    command = sandbox.asked(order, BY_SUM)
    with pytest.raises(Killed):
        sandbox.end(command)
    sandbox.before = lambda _operation: None

    sandbox.end(command)

    if command.state == "confirmed":
        ends_with_one_meal(sandbox, order, command)
    else:
        # The creation never went out: nothing came of it, and nothing was sent twice.
        assert (command.state, command.error_code) == ("expired", "reissue_not_done")
        stays_as_it_was(sandbox, order, command)
    assert sandbox.changes().get(CREATE, 0) <= 1
