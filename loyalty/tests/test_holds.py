"""Holds follow their order: released when it comes to nothing, by the event and by the sweep."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from loyalty.models import LoyaltyOperation, OperationKind, OperationState
from loyalty.tests.played_loyalty import (
    BY_DATE,
    CANCEL_HOLD,
    CHARGEOFF,
    GUEST_ID,
    HOLD,
    TOPUP,
    WALLET_ID,
    HandClock,
    ask,
    loyal_restaurant,
    move,
    moved,
    newest,
    page,
    work,
)
from loyalty.wallets import dispatch
from loyalty.wallets.holds import release_of_orders, release_orphaned
from orders.commands.dispatch import advance
from orders.models.command import CommandKind, OrderCommand, Phase
from orders.models.order import Order
from orders.signals import order_merged, order_reissued
from tests.builders import ORGANIZATION_ID, REVISION, cloud_event, drain, post, soi_message
from tests.simulated_iiko import SimulatedIiko, refusal

pytestmark = pytest.mark.django_db

NEW_ORDER_ID = "7c3f2a10-0000-4000-8000-0000000000aa"


def held_for_order(client: Client, iiko: SimulatedIiko) -> LoyaltyOperation:
    """Make a hold in force for an order that cooks."""
    loyal_restaurant(iiko)
    post(client, [cloud_event()])
    drain()
    iiko.answers(HOLD, {"transactionId": "5a5a5a5a-0000-4000-8000-000000000001"})
    iiko.answers(BY_DATE, page())
    move(client, "hold", "40", order_id=Order.objects.get().pk)
    hold = work()
    assert hold.state == OperationState.CONFIRMED
    return hold


def jobs(name: str) -> int:
    return ProcrastinateJob.objects.filter(task_name=f"loyalty.{name}").count()


@pytest.mark.parametrize("end", [{"status": "Cancelled"}, {"isDeleted": True}])
def test_order_that_came_to_nothing_releases_its_hold(
    client: Client, iiko: SimulatedIiko, end: dict[str, Any]
) -> None:
    hold = held_for_order(client, iiko)
    iiko.answers(CANCEL_HOLD, {})

    post(client, [cloud_event(timestamp=REVISION + 1, **end)])
    drain()
    assert jobs("release_of_order") == 1
    release_of_orders([hold.order_id or 0], now=timezone.now())
    release = work()

    hold.refresh_from_db()
    assert (release.kind, release.state) == (OperationKind.CANCEL_HOLD, OperationState.CONFIRMED)
    assert release.requested_by == "hub"
    assert hold.released_at is not None
    assert [body["transactionId"] for body in iiko.bodies(CANCEL_HOLD)] == [hold.transaction_id]


@pytest.mark.parametrize(
    ("state", "is_kept"),
    [("sent", True), ("attention", True), ("confirmed", True), ("rejected", False), ("expired", False)],
)
def test_order_reissued_takes_its_hold_along(
    client: Client, iiko: SimulatedIiko, state: str, is_kept: bool
) -> None:
    """The guest gets the meal all the same: the money stays on hold, for the new order."""
    hold = held_for_order(client, iiko)
    command = OrderCommand.objects.create(
        order_id=hold.order_id or 0,
        kind=CommandKind.APPLY_DISCOUNT,
        state=state,
        phase=Phase.CANCEL_OLD,
        new_order_id=NEW_ORDER_ID,
        created_at=timezone.now(),
    )

    post(client, [cloud_event(status="Cancelled", timestamp=REVISION + 1)])
    drain()

    assert jobs("release_of_order") == (not is_kept)
    assert release_orphaned(now=timezone.now()) == (not is_kept)
    post(client, [cloud_event(order_id=NEW_ORDER_ID)])
    drain()
    advance(command.pk, clock=timezone.now)
    hold.refresh_from_db()
    is_moved = state == "confirmed" or state == "attention"
    assert (hold.order.iiko_order_id == NEW_ORDER_ID if hold.order else None) is is_moved


def test_hold_that_moved_is_released_with_the_new_order(client: Client, iiko: SimulatedIiko) -> None:
    hold = held_for_order(client, iiko)
    post(client, [cloud_event(order_id=NEW_ORDER_ID)])
    drain()
    new = Order.objects.get(iiko_order_id=NEW_ORDER_ID)
    order_reissued.send(Order, old_id=hold.order_id, new_id=new.pk)

    post(client, [cloud_event(order_id=NEW_ORDER_ID, status="Cancelled", timestamp=REVISION + 1)])
    drain()

    assert jobs("release_of_order") == 1
    assert release_of_orders([new.pk], now=timezone.now()) == 1


def test_iikos_own_id_of_a_hold_is_kept(client: Client, iiko: SimulatedIiko) -> None:
    assert held_for_order(client, iiko).transaction_id == "5a5a5a5a-0000-4000-8000-000000000001"


def test_order_that_the_pos_refused_releases_its_hold(client: Client, iiko: SimulatedIiko) -> None:
    hold = held_for_order(client, iiko)
    Order.objects.update(creation_status="Error", raw_status=None, status=None)

    assert release_orphaned(now=timezone.now()) == 1
    assert newest().hold_id == hold.pk


@pytest.mark.parametrize("word", ["Error", "ERROR", " error "])
def test_refusal_in_any_spelling_releases_the_hold(client: Client, iiko: SimulatedIiko, word: str) -> None:
    hold = held_for_order(client, iiko)
    Order.objects.update(creation_status="InProgress", raw_status=None, status=None)

    post(client, [cloud_event(creation_status=word, order=None, timestamp=REVISION + 1)])
    drain()

    assert jobs("release_of_order") == 1
    assert release_of_orders([hold.order_id or 0], now=timezone.now()) == 1


def test_open_order_keeps_its_hold_and_closed_one_has_spent_it(client: Client, iiko: SimulatedIiko) -> None:
    hold = held_for_order(client, iiko)
    assert list(LoyaltyOperation.objects.open_holds()) == [hold]

    post(client, [cloud_event(status="Closed", timestamp=REVISION + 1)])
    drain()

    assert release_orphaned(now=timezone.now()) == 0
    assert not LoyaltyOperation.objects.open_holds().exists()
    assert jobs("release_of_order") == 0


def test_release_that_failed_is_tried_again_later_and_not_for_ever(
    client: Client, iiko: SimulatedIiko
) -> None:
    held_for_order(client, iiko)
    Order.objects.update(status="Cancelled")
    iiko.answers(CANCEL_HOLD, refusal("Нельзя", "No"), status=400)
    now = timezone.now()

    asked = []
    for minutes in (0, 0, 2, 5, 60, 600):
        asked.append(release_orphaned(now=now + timedelta(minutes=minutes)))
        work()

    assert asked == [1, 0, 1, 1, 0, 0]  # after three refusals it needs attention
    assert len(iiko.bodies(CANCEL_HOLD)) == 3
    assert LoyaltyOperation.objects.open_holds().count() == 1


def test_nothing_is_held_for_an_order_that_is_over(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    post(client, [cloud_event(status="Cancelled")])
    drain()

    answer = move(client, "hold", "40", order_id=Order.objects.get().pk)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "order_over")
    assert not LoyaltyOperation.objects.exists()


def test_order_cancelled_before_the_hold_was_sent_keeps_it_from_being_sent(
    client: Client, iiko: SimulatedIiko
) -> None:
    loyal_restaurant(iiko)
    post(client, [cloud_event()])
    drain()
    move(client, "hold", "40", order_id=Order.objects.get().pk)
    Order.objects.update(status="Cancelled")

    assert (work().state, newest().error_code) == (OperationState.REJECTED, "order_over")
    assert iiko.bodies(HOLD) == []


def test_order_cancelled_while_its_hold_is_looked_for_gets_the_money_back(
    client: Client, iiko: SimulatedIiko
) -> None:
    loyal_restaurant(iiko)
    post(client, [cloud_event()])
    drain()
    iiko.answers(HOLD, refusal("late"), status=408)
    iiko.answers(CANCEL_HOLD, {})
    clock = HandClock()
    move(client, "hold", "40", order_id=Order.objects.get().pk)
    lost = work(clock)
    post(client, [cloud_event(status="Cancelled", timestamp=REVISION + 1)])
    drain()
    assert (lost.state, release_orphaned(now=clock())) == (
        OperationState.UNKNOWN,
        0,
    )  # nothing to release yet

    iiko.answers(BY_DATE, page(moved("-40", f"[{lost.marker}]", id=lost.transaction_id)))
    clock.forward(seconds=2)
    assert work(clock).state == OperationState.CONFIRMED
    assert release_orphaned(now=clock()) == 1
    release = work(clock)

    assert (release.hold_id, release.state) == (lost.pk, OperationState.CONFIRMED)
    assert len(iiko.bodies(CANCEL_HOLD)) == 1


@pytest.mark.parametrize(
    "over",
    [
        pytest.param(soi_message(orderStatus="CANCELLED"), id="cancelled"),
        pytest.param(
            soi_message(kind="CREATE", message={"creationStatus": "Error", "iikoOrderDetails": None}),
            id="refused by the POS",
        ),
    ],
)
def test_hold_of_a_soi_order_follows_it(client: Client, iiko: SimulatedIiko, over: dict[str, object]) -> None:
    loyal_restaurant(iiko)
    first = (
        soi_message()
        if over["type"] == "UPDATE"
        else soi_message(kind="CREATE", message={"creationStatus": "IN_PROGRESS", "iikoOrderDetails": None})
    )
    post(client, first)
    drain()
    iiko.answers(HOLD, {})
    iiko.answers(BY_DATE, page())
    move(client, "hold", "40", order_id=Order.objects.get().pk)
    hold = work()
    assert hold.state == OperationState.CONFIRMED

    post(client, over)
    drain()

    assert jobs("release_of_order") == 1
    assert release_of_orders([hold.order_id or 0], now=timezone.now()) == 1


def test_release_and_withdrawal_of_one_wallet_go_one_after_the_other(
    client: Client, iiko: SimulatedIiko
) -> None:
    hold = held_for_order(client, iiko)
    iiko.answers(CHARGEOFF, refusal("late"), status=408)
    iiko.answers(CANCEL_HOLD, {})
    clock = HandClock()
    move(client, "withdraw", "10")
    work(clock)
    Order.objects.update(status="Cancelled")
    assert release_orphaned(now=clock()) == 1

    dispatch.advance(newest().pk, clock=clock)

    assert (newest().hold_id, newest().state) == (hold.pk, OperationState.PENDING)
    assert iiko.bodies(CANCEL_HOLD) == []


def test_merged_order_takes_its_hold_along(client: Client, iiko: SimulatedIiko) -> None:
    hold = held_for_order(client, iiko)
    post(client, [cloud_event(order_id="3c5e7a91-b2d4-4f60-8172-93a4b5c6d700", external_number="WEB-118")])
    drain()
    survivor = Order.objects.get(external_order_id="WEB-118")
    order_merged.send(Order, duplicate_id=hold.order_id, survivor_id=survivor.pk)

    hold.refresh_from_db()
    assert hold.order_id == survivor.pk


# --- from the shell ----------------------------------------------------------------------------------


def test_command_moves_money_and_tells_the_outcome(
    iiko: SimulatedIiko, capsys: pytest.CaptureFixture[str]
) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, {})

    call_command("loyalty", "topup", ORGANIZATION_ID, GUEST_ID, WALLET_ID, "10.50", "--comment", "подарок")
    call_command("loyalty", "show", str(newest().pk))

    told = capsys.readouterr().out
    assert f"#{newest().pk}  topup  10.50  confirmed" in told
    assert "pending -> sent" in told
    assert newest().amount_minor == 1050


def test_command_fails_where_iiko_refuses(iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, refusal("Нельзя", "No"), status=400)

    with pytest.raises(CommandError, match="Нельзя"):
        call_command("loyalty", "topup", ORGANIZATION_ID, GUEST_ID, WALLET_ID, "1", "--comment", "x")
    with pytest.raises(CommandError, match=r"100\.00"):
        call_command("loyalty", "withdraw", ORGANIZATION_ID, GUEST_ID, WALLET_ID, "1000", "--comment", "x")
    with pytest.raises(CommandError, match="amount"):
        call_command("loyalty", "hold", ORGANIZATION_ID, GUEST_ID, WALLET_ID, "1.001", "--comment", "x")

    assert LoyaltyOperation.objects.count() == 1


def test_command_releases_a_hold(client: Client, iiko: SimulatedIiko) -> None:
    hold = held_for_order(client, iiko)
    iiko.answers(CANCEL_HOLD, {})

    call_command("loyalty", "cancel-hold", hold.transaction_id)

    assert newest().state == OperationState.CONFIRMED
    assert ask(client, f"holds/{hold.transaction_id}/cancel").status_code == 409
