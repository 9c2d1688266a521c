"""Finding an operation again: pages, other wallets, copied comments, doubles, look-alikes."""

from typing import Any

import pytest
from django.test import Client

from loyalty.models import LoyaltyOperation, OperationState
from loyalty.tests.played_loyalty import (
    BY_DATE,
    CANCEL_HOLD,
    CHARGEOFF,
    HOLD,
    TOPUP,
    HandClock,
    ask,
    loyal_restaurant,
    move,
    moved,
    page,
    work,
)
from loyalty.wallets.transactions import CLOCK_SKEW
from tests.simulated_iiko import SimulatedIiko, refusal

pytestmark = pytest.mark.django_db

OTHER_WALLET = "aa11bb22-cc33-4d44-9e55-ff6677889999"


def one(number: int, **changes: Any) -> dict[str, Any]:
    """Return a movement that is none of ours."""
    return moved("1", "", id=f"c0ffee00-0000-4000-8000-{number:012d}", revision=number) | changes


def lost(client: Client, iiko: SimulatedIiko, clock: HandClock, path: str = "topup") -> LoyaltyOperation:
    loyal_restaurant(iiko)
    iiko.answers({"topup": TOPUP, "withdraw": CHARGEOFF, "hold": HOLD}[path], refusal("late"), status=408)
    move(client, path, "25.50")
    operation = work(clock)
    assert operation.state == OperationState.UNKNOWN
    clock.forward(seconds=2)
    return operation


@pytest.mark.parametrize("page_size", [None, 1000, 100])
def test_pages_are_read_to_the_end_whatever_length_iiko_says_they_have(
    client: Client, iiko: SimulatedIiko, page_size: int | None
) -> None:
    clock = HandClock()
    operation = lost(client, iiko, clock)
    first = [one(number) for number in range(1, 101)]
    mine = moved("25.50", f"[{operation.marker}]", id="c0ffee00-0000-4000-8000-00000000ffff")
    for transactions in (first, [first[-1], mine], []):
        iiko.answers(BY_DATE, {"transactions": transactions, "pageNumber": 0, "pageSize": page_size})

    assert work(clock).state == OperationState.CONFIRMED
    assert [body["pageNumber"] for body in iiko.bodies(BY_DATE)] == [0, 1, 2]


def test_clock_that_keeps_local_time_for_utc_misses_nothing(client: Client, iiko: SimulatedIiko) -> None:
    clock = HandClock()
    operation = lost(client, iiko, clock)
    iiko.answers(BY_DATE, page())
    work(clock)

    asked = iiko.bodies(BY_DATE)[0]
    since = (operation.created_at - CLOCK_SKEW).strftime("%Y-%m-%d %H:%M:%S")
    assert asked["dateFrom"].startswith(since)
    assert CLOCK_SKEW.total_seconds() >= 14 * 3600  # the widest zone


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"walletId": OTHER_WALLET}, id="another wallet"),
        pytest.param({"balanceBefore": 100, "balanceAfter": 74.5}, id="the other direction"),
        pytest.param({"comment": "[hub:0000000000000000]"}, id="another mark"),
    ],
)
def test_comment_that_was_copied_proves_nothing(
    client: Client, iiko: SimulatedIiko, changes: dict[str, Any]
) -> None:
    clock = HandClock()
    operation = lost(client, iiko, clock)
    iiko.answers(BY_DATE, page(moved("25.50", f"[{operation.marker}] подарок") | changes))

    assert work(clock).state == OperationState.UNKNOWN


@pytest.mark.parametrize(
    ("path", "amount", "changes"),
    [
        pytest.param("topup", "25.50", {"sum": 25.500000000000004}, id="a double"),
        pytest.param("topup", "25.50", {"walletId": None}, id="no wallet told"),
        pytest.param("topup", "25.50", {"balanceBefore": None, "balanceAfter": None}, id="no balances told"),
        pytest.param("withdraw", "-25.50", {"sum": 25.5}, id="a withdrawal without its sign"),
        pytest.param("hold", "-25.50", {"balanceBefore": 100, "balanceAfter": 100}, id="a hold beside"),
        pytest.param(
            "topup", "25.50", {"comment": "Кассир: «{mark}»… обрезано"}, id="a comment cut and wrapped"
        ),
    ],
)
def test_what_iiko_may_leave_out_or_write_otherwise_is_found(
    client: Client, iiko: SimulatedIiko, path: str, amount: str, changes: dict[str, Any]
) -> None:
    clock = HandClock()
    operation = lost(client, iiko, clock, path)
    found = moved(amount, f"[{operation.marker}]") | changes
    found["comment"] = found["comment"].format(mark=f"[{operation.marker}]")
    iiko.answers(BY_DATE, page(found))

    assert work(clock).state == OperationState.CONFIRMED


def test_two_of_one_sum_are_told_apart_by_their_marks(client: Client, iiko: SimulatedIiko) -> None:
    clock = HandClock()
    first = lost(client, iiko, clock)
    move(client, "topup", "25.50")
    second = LoyaltyOperation.objects.order_by("-id")[0]
    iiko.answers(BY_DATE, page(moved("25.50", f"[{second.marker}]")))

    work(clock)

    first.refresh_from_db()
    assert first.state == OperationState.UNKNOWN
    assert second.marker != first.marker
    assert first.sent_comment.startswith(f"[{first.marker}]")  # a comment cut at 22 letters is enough


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"orderNumber": 118}, id="bonuses for an order"),
        pytest.param({"posOrderId": "3c5e7a91-b2d4-4f60-8172-93a4b5c6d700"}, id="of an order of the POS"),
        pytest.param({"balanceBefore": 100, "balanceAfter": 60, "sum": -40}, id="money that left"),
        pytest.param({"revision": 7}, id="from before"),
        pytest.param({"walletId": OTHER_WALLET}, id="another wallet"),
        pytest.param({"sum": 40.01}, id="another sum"),
    ],
)
def test_rise_that_only_looks_like_the_release_is_not_taken_for_it(
    client: Client, iiko: SimulatedIiko, changes: dict[str, Any]
) -> None:
    loyal_restaurant(iiko)
    iiko.answers(HOLD, {})
    iiko.answers(BY_DATE, page(one(7)))
    iiko.answers(CANCEL_HOLD, refusal("late"), status=408)
    clock = HandClock()
    move(client, "hold", "40")
    hold = work(clock)
    ask(client, f"holds/{hold.transaction_id}/cancel")
    assert work(clock).baseline_revision == 7
    iiko.forget(BY_DATE)
    iiko.answers(BY_DATE, page(one(7), moved("40", "", revision=8) | changes))
    clock.forward(seconds=2)

    assert work(clock).state == OperationState.UNKNOWN
    hold.refresh_from_db()
    assert hold.released_at is None
