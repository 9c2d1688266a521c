"""Money moved by the API's door, and what becomes of it when answers are lost."""

from datetime import timedelta

import pytest
import requests
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from loyalty.models import LoyaltyOperation, OperationState
from loyalty.tasks import sweep_operations
from loyalty.tests.played_loyalty import (
    BY_DATE,
    CANCEL_HOLD,
    CHARGEOFF,
    HOLD,
    INFO,
    PROGRAMS,
    TOPUP,
    WALLET_ID,
    HandClock,
    ask,
    guest,
    loyal_restaurant,
    move,
    moved,
    newest,
    page,
    timeline,
    work,
)
from loyalty.wallets import dispatch
from loyalty.wallets.dispatch import ABSENT_AFTER, LEASE
from organizations.provisioning import create_api_key
from tests.builders import OTHER_ORGANIZATION_ID, authorized, make_key, make_other_organization
from tests.simulated_iiko import IIKO, SimulatedIiko, refusal

pytestmark = pytest.mark.django_db


# --- the plain way -----------------------------------------------------------------------------------


def test_topup_is_stored_sent_once_and_confirmed(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, {})

    answer = move(client, "topup", "25.50")
    done = work()

    assert answer.status_code == 202
    assert answer.json() | {"created_at": None, "id": None} == {
        "id": None,
        "organization_id": done.organization_id,
        "customer_id": "55667788-99aa-4bbc-8dde-eff001122334",
        "wallet_id": WALLET_ID,
        "kind": "topup",
        "state": "pending",
        "amount_minor": 2550,
        "currency": "RUB",
        "comment": "подарок",
        "order_id": None,
        "transaction_id": "",
        "hold_transaction_id": None,
        "trace_id": None,
        "error": None,
        "confirmed_by": "",
        "requested_by": "API: shop",
        "created_at": None,
        "sent_at": None,
        "finished_at": None,
        "released_at": None,
        "waiting": answer.json()["waiting"],
        "cancelled_by": "",
        "cancel_comment": "",
    }
    assert done.state == OperationState.CONFIRMED
    assert done.confirmed_by == "answer"
    [sent] = iiko.bodies(TOPUP)
    assert sent["sum"] == 25.5
    assert sent["comment"] == f"[{done.marker}] подарок"
    assert timeline(done) == [("", "pending"), ("pending", "sent"), ("sent", "confirmed")]
    called = ProcrastinateJob.objects.filter(task_name="loyalty.advance_operation")
    # Once to send it, once should whoever sends it die.
    assert sorted(job.scheduled_at is None for job in called) == [False, True]


def test_withdrawal_reads_the_balance_again_before_it_is_sent(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko, "100.00")
    iiko.answers(INFO, guest("20.00"))  # somebody spent at the POS meanwhile

    assert move(client, "withdraw", "50").status_code == 202
    done = work()

    assert (done.state, done.error_code) == (OperationState.REJECTED, "insufficient_balance")
    assert iiko.bodies(CHARGEOFF) == []


def test_withdrawal_beyond_the_balance_is_refused_at_once(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko, "100.00")

    answer = move(client, "withdraw", "100.01")

    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "insufficient_balance"
    assert not LoyaltyOperation.objects.exists()
    assert iiko.bodies(CHARGEOFF) == []


def test_what_is_under_way_cannot_be_spent_twice(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko, "100.00")
    assert move(client, "withdraw", "60").status_code == 202

    answer = move(client, "hold", "60")

    assert answer.status_code == 409
    assert "60.00" in answer.json()["errors"][0]["detail"]
    assert LoyaltyOperation.objects.count() == 1


def test_iikos_own_refusal_is_kept_word_for_word(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(CHARGEOFF, {"code": "Wallet_NotEnoughMoney", "message": "Недостаточно средств"}, status=400)

    move(client, "withdraw", "50")
    done = work()

    assert (done.state, done.error_code, done.error) == (
        OperationState.REJECTED,
        "Wallet_NotEnoughMoney",
        "Недостаточно средств",
    )
    assert len(iiko.bodies(CHARGEOFF)) == 1


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", "too_small"),
        ("-5", "too_small"),
        ("1.001", "not_money"),
        ("много", "not_money"),
        (None, "null"),
        (True, "not_money"),
    ],
)
def test_amount_that_is_none_is_refused(
    client: Client, iiko: SimulatedIiko, amount: object, code: str
) -> None:
    loyal_restaurant(iiko)

    answer = move(client, "topup", amount)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == code
    assert not LoyaltyOperation.objects.exists()
    assert iiko.operations() == []


def test_limits_hold_per_operation_and_per_day(
    client: Client, iiko: SimulatedIiko, settings: LazySettings
) -> None:
    settings.LOYALTY_MAX_OPERATION_MINOR, settings.LOYALTY_MAX_DAY_MINOR = 5000, 8000
    loyal_restaurant(iiko)

    assert move(client, "topup", "50.01").json()["errors"][0]["code"] == "limit_operation"
    assert move(client, "topup", "50").status_code == 202
    assert move(client, "topup", "30.01").json()["errors"][0]["code"] == "limit_day"
    assert move(client, "withdraw", "50").status_code == 202  # out of the wallet is counted apart

    assert sorted(LoyaltyOperation.objects.values_list("kind", "amount_minor")) == [
        ("topup", 5000),
        ("withdraw", 5000),
    ]


def test_operations_of_a_wallet_go_one_after_the_other(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, {})
    move(client, "topup", "1")
    move(client, "topup", "2")
    _first, second = LoyaltyOperation.objects.order_by("id")

    dispatch.advance(second.pk, clock=HandClock())
    assert iiko.bodies(TOPUP) == []

    work()
    work()
    assert [body["sum"] for body in iiko.bodies(TOPUP)] == [1, 2]


# --- lost answers ------------------------------------------------------------------------------------

LOST = [
    pytest.param({"body": requests.ReadTimeout("read timed out")}, id="timeout"),
    pytest.param({"body": requests.ConnectionError("connection reset")}, id="reset"),
    pytest.param({"body": refusal("late"), "status": 408}, id="408"),
    pytest.param({"body": refusal("broken"), "status": 500}, id="500"),
    pytest.param({"body": refusal("late", "EXTERNAL_SYSTEM_TIMEOUT"), "status": 400}, id="timeout behind"),
    pytest.param({"body": "<html>", "status": 200}, id="unreadable"),
]


@pytest.mark.parametrize("answer", LOST)
@pytest.mark.parametrize(("path", "operation", "sign"), [("topup", TOPUP, ""), ("withdraw", CHARGEOFF, "-")])
def test_lost_answer_is_found_by_mark_and_sum(
    client: Client, iiko: SimulatedIiko, answer: dict[str, object], path: str, operation: str, sign: str
) -> None:
    loyal_restaurant(iiko)
    iiko.answers(operation, **answer)  # type: ignore[arg-type]  # a row of the table above
    clock = HandClock()
    move(client, path, "25.50")

    lost = work(clock)
    iiko.answers(BY_DATE, page(moved(f"{sign}25.50", f"[{lost.marker}] подарок")))
    clock.forward(seconds=2)
    done = work(clock)

    assert lost.state == OperationState.UNKNOWN
    assert (done.state, done.confirmed_by) == (OperationState.CONFIRMED, "transaction")
    assert done.transaction_id == "c0ffee00-0000-4000-8000-000000000001"
    assert len(iiko.bodies(operation)) == 1
    assert timeline(done)[-2:] == [("sent", "unknown"), ("unknown", "confirmed")]


def test_absent_transaction_is_waited_for_and_never_sent_again(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, refusal("late"), status=408)
    iiko.answers(BY_DATE, page(moved("25.50", "another's [hub:0000000000000000]")))
    clock = HandClock()
    move(client, "topup", "25.50")
    work(clock)

    clock.forward(minutes=9)
    waiting = work(clock)
    clock.forward(minutes=2)
    over = work(clock)

    assert waiting.state == OperationState.UNKNOWN
    assert (over.state, over.error_code) == (OperationState.EXPIRED, "not_done")
    assert len(iiko.bodies(TOPUP)) == 1
    assert ABSENT_AFTER.total_seconds() == 600


def test_late_transaction_is_found_while_it_is_waited_for(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, refusal("late"), status=408)
    iiko.answers(BY_DATE, page())
    clock = HandClock()
    move(client, "topup", "25.50")
    lost = work(clock)
    clock.forward(minutes=5)
    assert work(clock).state == OperationState.UNKNOWN

    iiko.forget(BY_DATE)
    iiko.answers(BY_DATE, page(moved("25.50", f"[{lost.marker}]")))
    clock.forward(minutes=1)

    assert work(clock).state == OperationState.CONFIRMED


def _die(_request: object) -> tuple[int, dict[str, str], str]:
    """End the process in the middle of the call."""
    raise KeyboardInterrupt


def test_worker_that_died_leaves_an_operation_that_is_looked_for(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.mock.add_callback("POST", f"{IIKO}/api/1/{TOPUP}", callback=_die)
    clock = HandClock()
    move(client, "topup", "25.50")
    with pytest.raises(KeyboardInterrupt):
        work(clock)
    assert newest().state == OperationState.SENT

    iiko.answers(BY_DATE, page(moved("25.50", f"[{newest().marker}]")))
    work(clock)
    assert newest().state == OperationState.SENT  # still leased
    clock.forward(seconds=LEASE.total_seconds() + 1)
    done = work(clock)

    assert done.state == OperationState.CONFIRMED
    assert len(iiko.bodies(TOPUP)) == 1


def test_sweep_calls_what_a_dead_worker_left(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    move(client, "topup", "25.50")
    ProcrastinateJob.objects.all().delete()
    LoyaltyOperation.objects.update(created_at="2026-01-01T00:00:00Z")

    sweep_operations.func()

    assert ProcrastinateJob.objects.filter(task_name="loyalty.advance_operation").count() == 1


def test_sweep_leaves_those_in_a_queue_to_whoever_is_before_them(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    move(client, "topup", "1")
    move(client, "topup", "2")
    ProcrastinateJob.objects.all().delete()

    first = LoyaltyOperation.objects.earliest("id")

    for minutes in (5, 16):
        LoyaltyOperation.objects.update(created_at=timezone.now() - timedelta(minutes=minutes))
        sweep_operations.func()

    called = ProcrastinateJob.objects.filter(task_name="loyalty.advance_operation")
    assert [job.args for job in called] == [{"operation_id": first.pk}] * 2


def test_busy_iiko_is_asked_again(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, refusal("Too many requests"), status=429)
    iiko.answers(TOPUP, {})
    clock = HandClock()
    move(client, "topup", "25.50")

    put_off = work(clock)
    assert (put_off.state, put_off.error_code, put_off.sends) == (OperationState.PENDING, "iiko_busy", 0)


def test_wallet_waits_while_an_operation_is_unknown(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, refusal("late"), status=408)
    iiko.answers(BY_DATE, page())
    clock = HandClock()
    move(client, "topup", "1")
    work(clock)
    move(client, "topup", "2")

    dispatch.advance(newest().pk, clock=clock)

    assert newest().state == OperationState.PENDING
    assert len(iiko.bodies(TOPUP)) == 1


# --- holds -------------------------------------------------------------------------------------------


def held(client: Client, iiko: SimulatedIiko, amount: str = "40") -> LoyaltyOperation:
    """Make a hold in force."""
    move(client, "hold", amount)
    transaction_id = newest().transaction_id
    iiko.answers(HOLD, {"transactionId": transaction_id})
    hold = work()
    assert hold.state == OperationState.CONFIRMED
    return hold


def test_hold_goes_by_our_own_id_and_is_released_once(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    hold = held(client, iiko)
    iiko.answers(CANCEL_HOLD, {})
    iiko.answers(BY_DATE, page())

    answer = ask(client, f"holds/{hold.transaction_id}/cancel")
    again = ask(client, f"holds/{hold.transaction_id}/cancel")
    release = work()
    afterwards = ask(client, f"holds/{hold.transaction_id}/cancel")

    assert answer.status_code == 202
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "already_asked")
    assert release.state == OperationState.CONFIRMED
    assert answer.json()["hold_transaction_id"] == hold.transaction_id
    assert (afterwards.status_code, afterwards.json()["errors"][0]["code"]) == (409, "hold_released")
    assert [body["transactionId"] for body in iiko.bodies(HOLD)] == [hold.transaction_id]
    assert [body["transactionId"] for body in iiko.bodies(CANCEL_HOLD)] == [hold.transaction_id]


def test_lost_hold_is_found_by_its_id(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(HOLD, refusal("late"), status=408)
    clock = HandClock()
    move(client, "hold", "40")
    lost = work(clock)
    iiko.answers(BY_DATE, page(moved("-40", "", id=lost.transaction_id)))
    clock.forward(seconds=2)

    assert work(clock).state == OperationState.CONFIRMED
    assert len(iiko.bodies(HOLD)) == 1


def test_lost_release_is_told_by_the_money_that_came_back(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    hold = held(client, iiko)
    before = moved("-40", f"[{hold.marker}]", id=hold.transaction_id, revision=7)
    iiko.answers(BY_DATE, page(before))
    iiko.answers(CANCEL_HOLD, requests.ReadTimeout("late"))
    clock = HandClock()
    ask(client, f"holds/{hold.transaction_id}/cancel")
    lost = work(clock)
    assert (lost.state, lost.baseline_revision) == (OperationState.UNKNOWN, 7)

    iiko.forget(BY_DATE)
    other = moved("40", "[hub:0123456789abcdef]", id="c0ffee00-0000-4000-8000-00000000000a", revision=8)
    back = moved("40", "", id="c0ffee00-0000-4000-8000-00000000000b", revision=9)
    iiko.answers(BY_DATE, page(before, other, back))
    clock.forward(seconds=2)
    release = work(clock)

    hold.refresh_from_db()
    assert (release.state, release.confirmed_by) == (OperationState.CONFIRMED, "transaction")
    assert release.transaction_id == "c0ffee00-0000-4000-8000-00000000000b"
    assert hold.released_at == clock()
    assert len(iiko.bodies(CANCEL_HOLD)) == 1


def test_release_that_left_no_trace_is_sent_again(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    hold = held(client, iiko)
    iiko.answers(BY_DATE, page())
    iiko.answers(CANCEL_HOLD, refusal("late"), status=408)
    iiko.answers(CANCEL_HOLD, {})
    clock = HandClock()
    ask(client, f"holds/{hold.transaction_id}/cancel")
    work(clock)
    clock.forward(minutes=11)

    assert work(clock).state == OperationState.PENDING
    done = work(clock)

    assert (done.state, done.sends) == (OperationState.CONFIRMED, 2)
    assert len(iiko.bodies(CANCEL_HOLD)) == 2


def test_hold_of_another_restaurant_is_not_known(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    make_other_organization()
    hold = held(client, iiko)

    answer = ask(client, f"holds/{hold.transaction_id}/cancel", make_key(OTHER_ORGANIZATION_ID, name="other"))

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "hold_not_found")
    assert LoyaltyOperation.objects.count() == 1


# --- who and how often -------------------------------------------------------------------------------


def test_idempotency_key_gets_the_first_operation(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    key = make_key()
    once = {"Idempotency-Key": "gift-1"}

    first = move(client, "topup", "10", key, headers=once)
    iiko.forget(INFO)  # the repeat does not need iiko
    again = move(client, "topup", "10", key, headers=once)
    another = move(client, "topup", "11", key, headers=once)

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert (another.status_code, another.json()["errors"][0]["code"]) == (422, "idempotency_key_reused")
    assert LoyaltyOperation.objects.count() == 1


def test_key_that_may_only_read_moves_nothing(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    _row, key = create_api_key(name="reader", organization_ids=[], rights=())

    answers = [move(client, path, "10", key) for path in ("topup", "withdraw", "hold")]
    answers.append(ask(client, "holds/whatever/cancel", key))

    assert [answer.status_code for answer in answers] == [403] * 4
    assert not LoyaltyOperation.objects.exists()
    assert iiko.operations() == []


def test_restaurant_out_of_scope_is_not_known(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    make_other_organization()

    answer = move(client, "topup", "10", make_key(OTHER_ORGANIZATION_ID, name="other"))

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "unknown_organization")
    assert not LoyaltyOperation.objects.exists()


def test_loyalty_that_is_not_switched_on_is_a_clear_409(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.forget(INFO)
    iiko.answers(INFO, refusal("Loyalty is not available", "Some_Code"), status=400)
    iiko.answers(PROGRAMS, refusal("Loyalty is not available", "Some_Code"), status=400)

    answer = move(client, "withdraw", "10")

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "loyalty_not_provisioned")
    assert not LoyaltyOperation.objects.exists()


def test_unknown_wallet_is_404(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)

    answer = move(client, "topup", "10", wallet_id="00000000-0000-4000-8000-000000000000")

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "wallet_not_found")
    assert not LoyaltyOperation.objects.exists()


def test_unreachable_iiko_is_503_and_stores_nothing(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.forget(INFO)
    iiko.answers(INFO, refusal("broken"), status=500)

    client.raise_request_exception = False  # as a server does
    answer = move(client, "topup", "10")

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "iiko_unreachable")
    assert not LoyaltyOperation.objects.exists()


def test_ledger_is_listed_with_its_filters(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    hold = held(client, iiko)
    move(client, "topup", "10")
    key = make_key(name="reader")

    def ids(query: str) -> list[int]:
        answer = client.get(
            f"/api/v1/loyalty/operations?{query}", headers={"Authorization": f"Api-Key {key}"}
        )
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()["results"]]

    assert ids("") == [newest().pk, hold.pk]
    assert ids("kind=hold&state=confirmed") == [hold.pk]
    assert ids("open_holds=true") == [hold.pk]
    assert ids("open_holds=false") == [newest().pk]
    assert ids(f"wallet_id={WALLET_ID.upper()}&until=2020-01-01T00:00:00Z") == []
    make_other_organization()
    other = make_key(OTHER_ORGANIZATION_ID, name="other")
    answer = client.get("/api/v1/loyalty/operations", headers=authorized(other))
    assert answer.json()["results"] == []
