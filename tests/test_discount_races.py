"""Discounts that others meddle with: news that is late, second commands, orders that change on the way."""

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from orders.commands.submission import Requester, abandon
from orders.models.command import OrderCommand
from orders.models.order import Order, TimelineEntry
from sandbox.orders.order import DeliveryStatus
from tests.builders import authorized
from tests.sandbox_restaurant import SandboxRestaurant

pytestmark = pytest.mark.django_db

CREATE, CANCEL = "deliveries/create", "deliveries/cancel"
BY_SUM = {"discount_sum": "50.50", "reissue": True}


@pytest.fixture
def order(sandbox: SandboxRestaurant) -> Order:
    return sandbox.order()


def at_cancelling(sandbox: SandboxRestaurant, order: Order) -> OrderCommand:
    """Bring the discount to where the new order is taken and the old one about to be cancelled."""
    command = sandbox.asked(order, BY_SUM)
    sandbox.until(command, lambda: command.phase == "cancel_old")
    return command


def phases(command: OrderCommand) -> list[tuple[str, str]]:
    rows = TimelineEntry.objects.filter(order_id=command.order_id, what="command").order_by("id")
    return [(row.to_value["phase"], row.to_value["state"]) for row in rows if row.to_value]


def act(sandbox: SandboxRestaurant, order: Order, action: str, body: Any) -> Any:
    return Client().post(
        f"/api/v1/orders/{order.pk}/{action}",
        data=json.dumps(body),
        content_type="application/json",
        headers=authorized(sandbox.key),
    )


def cancels(sandbox: SandboxRestaurant, order: Order) -> OrderCommand:
    """Ask for a cancellation as an integrator."""
    response = act(sandbox, order, "cancel", {})
    assert response.status_code == 202, response.content
    return OrderCommand.objects.get(pk=response.json()["id"])


# --- news that is late -------------------------------------------------------------------------------


def test_end_stays_while_the_mirror_still_shows_the_new_order(
    sandbox: SandboxRestaurant, order: Order
) -> None:
    """What iiko showed counts: the webhook of the cancellation may come any time later."""
    command = at_cancelling(sandbox, order)
    sandbox.bring()
    sandbox.brings_news = False
    sandbox.put(order.iiko_order_id, status=DeliveryStatus.COOKING_STARTED)
    sandbox.end(command)
    before = phases(command)

    for _ in range(3):
        sandbox.step(command)

    assert (command.state, command.error_code) == ("rejected", "undone_cooking")
    assert phases(command) == before
    sandbox.brings_news = True
    sandbox.play(60)
    sandbox.step(command)
    assert (command.state, command.error_code) == ("rejected", "undone_cooking")


def test_new_order_cancelled_by_somebody_stays_so_whatever_the_mirror_shows(
    sandbox: SandboxRestaurant, order: Order
) -> None:
    command = at_cancelling(sandbox, order)
    sandbox.bring()
    sandbox.brings_news = False
    sandbox.put(command.new_order_id, status=DeliveryStatus.CANCELLED)
    sandbox.end(command)

    sandbox.step(command)

    assert (command.state, command.error_code) == ("rejected", "reissue_cancelled")


# --- both gone, or both there ------------------------------------------------------------------------


def test_new_order_cancelled_while_the_old_one_is(sandbox: SandboxRestaurant, order: Order) -> None:
    command = at_cancelling(sandbox, order)
    sandbox.until(command, lambda: command.state == "sent")
    sandbox.put(command.new_order_id, status=DeliveryStatus.CANCELLED)

    sandbox.end(command)

    assert (command.state, command.error_code) == ("attention", "both_cancelled")


def test_lost_answer_and_a_new_order_that_is_gone(sandbox: SandboxRestaurant, order: Order) -> None:
    command = at_cancelling(sandbox, order)
    sandbox.lose(CANCEL, "408")
    sandbox.until(command, lambda: command.state == "unknown")
    sandbox.put(command.new_order_id, status=DeliveryStatus.CANCELLED)

    sandbox.end(command)

    assert (command.state, command.error_code) == ("attention", "both_cancelled")


def test_new_order_that_is_closed_already_is_told(sandbox: SandboxRestaurant, order: Order) -> None:
    command = at_cancelling(sandbox, order)
    sandbox.put(command.new_order_id, status=DeliveryStatus.CLOSED)

    sandbox.end(command)

    assert (command.state, command.error_code) == ("attention", "two_orders")
    assert sandbox.changes() == {CREATE: 1}


def test_old_order_is_not_abandoned_for_one_whose_cancellation_may_still_come(
    sandbox: SandboxRestaurant, order: Order
) -> None:
    """The first try may lie in the queue of a POS that is away; taking the new order back leaves none."""
    command = at_cancelling(sandbox, order)
    engine = sandbox.harness.simulator.engine
    engine.set_online(sandbox.cafe, sandbox.clock(), is_online=False)
    sandbox.lose(CANCEL, "408", *["unsent"] * 3000)
    sandbox.end(command, seconds=3000)
    assert (command.state, command.error_code) == ("attention", "old_not_proved")

    sandbox.losing.clear()
    engine.set_online(sandbox.cafe, sandbox.clock(), is_online=True)
    sandbox.until(command, lambda: command.state == "confirmed", seconds=60)
    assert command.new_order_id in sandbox.living()


def test_new_order_that_cannot_be_read_is_a_persons_after_a_while(
    sandbox: SandboxRestaurant, order: Order
) -> None:
    """It may live beside the old one: nobody waits a day to be told."""
    command = sandbox.asked(order, BY_SUM)
    sandbox.lose(CREATE, "408")
    sandbox.until(command, lambda: command.phase == "create" and command.state == "unknown")
    sandbox.lose("deliveries/by_id", *["unsent"] * 5000)

    sandbox.end(command, seconds=1800)
    assert (command.state, command.error_code) == ("attention", "new_not_proved")

    sandbox.losing.clear()
    sandbox.until(command, lambda: command.phase == "cancel_new", seconds=60)
    sandbox.end(command)
    assert (command.state, command.error_code) == ("rejected", "undone_late")
    assert sandbox.truth(order.iiko_order_id).status is not DeliveryStatus.CANCELLED
    assert command.new_order_id not in sandbox.living()


# --- other commands ----------------------------------------------------------------------------------


def test_cancellation_asked_meanwhile_ends_the_discount_first(
    sandbox: SandboxRestaurant, order: Order
) -> None:
    command = at_cancelling(sandbox, order)
    cancel = cancels(sandbox, order)

    sandbox.end(command)
    sandbox.end(cancel)

    assert (command.state, command.error_code) == ("rejected", "undone_cancel_asked")
    assert cancel.state == "confirmed"
    assert {order.iiko_order_id, command.new_order_id}.isdisjoint(sandbox.living())


def test_cancellation_asked_before_anything_was_made(sandbox: SandboxRestaurant, order: Order) -> None:
    command = sandbox.asked(order, BY_SUM)
    cancel = cancels(sandbox, order)

    sandbox.end(command)
    sandbox.end(cancel)

    assert (command.state, command.error_code) == ("rejected", "cancel_asked")
    assert cancel.state == "confirmed"
    assert sandbox.changes() == {CANCEL: 1}


def test_cancellation_that_comes_too_late_is_not_called_done(
    sandbox: SandboxRestaurant, order: Order
) -> None:
    """The old order is cancelled, but the guest's meal is cooked under the new one."""
    command = at_cancelling(sandbox, order)
    sandbox.until(command, lambda: command.state == "sent")
    cancel = cancels(sandbox, order)
    sandbox.end(command)

    sandbox.end(cancel)

    assert command.state == "confirmed"
    assert (cancel.state, cancel.error_code) == ("rejected", "order_made_anew")
    assert command.new_order_id in sandbox.living()


def test_discount_on_a_new_order_that_is_not_settled_yet(sandbox: SandboxRestaurant, order: Order) -> None:
    """A third order for one meal would hide that two are there."""
    command = at_cancelling(sandbox, order)
    sandbox.put(command.new_order_id, status=DeliveryStatus.CLOSED)
    sandbox.end(command)
    sandbox.put(command.new_order_id, status=DeliveryStatus.WAIT_COOKING)
    sandbox.play(5)
    new = Order.objects.get(iiko_order_id=command.new_order_id)

    answer = sandbox.ask(new, {"discount_sum": "10", "reissue": True})

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "discount_unsettled")


def test_discount_upon_discount(sandbox: SandboxRestaurant, order: Order) -> None:
    """A→B→C, with the second discount in place of the first."""
    first = sandbox.end(sandbox.asked(order, BY_SUM))
    sandbox.play(5)
    middle = Order.objects.get(iiko_order_id=first.new_order_id)
    sandbox._hold(sandbox.truth(first.new_order_id))

    second = sandbox.end(sandbox.asked(middle, {"discount_sum": "70", "reissue": True}))

    assert (first.state, second.state) == ("confirmed", "confirmed"), second.error
    alive = set(sandbox.living()) & {order.iiko_order_id, first.new_order_id, second.new_order_id}
    assert alive == {second.new_order_id}
    assert [str(one.sum) for one in sandbox.truth(second.new_order_id).discounts] == ["70.00"]


def test_giving_up_at_each_step_never_hides_a_second_order(sandbox: SandboxRestaurant, order: Order) -> None:
    command = at_cancelling(sandbox, order)
    abandon(command_id=command.pk, by=Requester("Оля", "user:1"), now=timezone.now())
    sandbox.play(5)

    sandbox.step(command)
    command.refresh_from_db()

    assert (command.state, command.error_code) == ("attention", "two_orders")
