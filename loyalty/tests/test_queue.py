"""What waits behind another operation of its wallet: for how long, and how it is cancelled."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from loyalty.models import LoyaltyOperation, OperationState
from loyalty.tests.played_loyalty import (
    BY_DATE,
    CANCEL_HOLD,
    CHARGEOFF,
    GUEST_ID,
    HOLD,
    INFO,
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
from loyalty.wallets import dispatch, submission
from loyalty.wallets.dispatch import ABSENT_AFTER, FOLLOW_FOR, SEND_WITHIN
from loyalty.wallets.holds import release_orphaned
from orders.commands.submission import Requester
from orders.models.order import Order
from organizations.provisioning import create_api_key
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    authorized,
    cloud_event,
    drain,
    make_key,
    make_other_organization,
    post,
)
from tests.pages import markup, rows, sign_in, text
from tests.simulated_iiko import IIKO, SimulatedIiko, linked, refusal

pytestmark = pytest.mark.django_db

OPERATIONS = "/admin/loyalty/loyaltyoperation/"
VIEW = ("loyalty.view_customer", "loyalty.view_loyaltyoperation")


def two(client: Client, iiko: SimulatedIiko) -> tuple[LoyaltyOperation, LoyaltyOperation, HandClock]:
    """Make a top-up whose answer was lost, and one behind it."""
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, refusal("late"), status=408)
    iiko.answers(TOPUP, {})
    iiko.answers(BY_DATE, page())
    clock = HandClock()
    move(client, "topup", "1")
    first = work(clock)
    assert first.state == OperationState.UNKNOWN
    move(client, "topup", "2")
    return first, newest(), clock


def told(client: Client, operation: LoyaltyOperation) -> dict[str, Any]:
    key = make_key(ORGANIZATION_ID)
    answer = client.get(f"/api/v1/loyalty/operations/{operation.pk}", headers=authorized(key))
    assert answer.status_code == 200
    return dict(answer.json())


def call_off(client: Client, operation: LoyaltyOperation, key: str = "", comment: str = "не нужно") -> Any:
    return ask(client, f"operations/{operation.pk}/cancel", key, comment=comment)


def code_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def found(iiko: SimulatedIiko, operation: LoyaltyOperation, amount: str = "1") -> None:
    """From now on iiko shows the transaction of an operation."""
    iiko.forget(BY_DATE)
    iiko.answers(BY_DATE, page(moved(amount, f"[{operation.marker}]")))


# --- looking for a lost one --------------------------------------------------------------------------


def test_lost_answer_is_looked_for_at_once_then_less_and_less_often(
    client: Client, iiko: SimulatedIiko
) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, refusal("late"), status=408)
    iiko.answers(BY_DATE, page())
    clock = HandClock()
    move(client, "topup", "1")
    sent_at, due = clock(), dispatch.advance(newest().pk, clock=clock)
    looks = []
    while due is not None:
        looks.append(due - sent_at)
        clock.instant = due
        due = dispatch.advance(newest().pk, clock=clock)

    seconds = [look.total_seconds() for look in looks]
    assert seconds == [0, 1, 3, 7, 15, *range(30, 600, 30), 600]
    assert (newest().state, newest().error_code) == (OperationState.EXPIRED, "not_done")
    assert newest().finished_at == sent_at + ABSENT_AFTER


def test_last_look_is_not_put_off_beyond_the_moment_that_was_told(
    client: Client, iiko: SimulatedIiko
) -> None:
    first, _second, clock = two(client, iiko)
    clock.forward(seconds=595)
    LoyaltyOperation.objects.filter(pk=first.pk).update(poll_count=20)

    due = dispatch.advance(first.pk, clock=clock)

    assert due == (first.sent_at or clock()) + ABSENT_AFTER


def test_next_one_is_called_at_once_when_the_lost_one_is_found(client: Client, iiko: SimulatedIiko) -> None:
    first, second, clock = two(client, iiko)
    found(iiko, first)
    ProcrastinateJob.objects.all().delete()

    dispatch.advance(first.pk, clock=clock)

    [job] = ProcrastinateJob.objects.filter(args={"operation_id": second.pk})
    assert (job.task_name, job.scheduled_at) == ("loyalty.advance_operation", None)
    assert work(clock).state == OperationState.CONFIRMED
    assert [body["sum"] for body in iiko.bodies(TOPUP)] == [1, 2]


# --- does not expire while it waits -------------------------------------------------------------------


def test_what_waits_behind_an_unsettled_one_does_not_expire(client: Client, iiko: SimulatedIiko) -> None:
    first, second, clock = two(client, iiko)
    iiko.forget(BY_DATE)
    iiko.answers(BY_DATE, refusal("broken"), status=500)
    clock.forward(hours=3)

    assert dispatch.advance(second.pk, clock=clock) is None
    work(clock)
    second.refresh_from_db()
    assert second.state == OperationState.PENDING

    found(iiko, first)
    clock.forward(minutes=2)
    work(clock)
    assert work(clock).state == OperationState.CONFIRMED
    assert [body["sum"] for body in iiko.bodies(TOPUP)] == [1, 2]


def test_its_own_time_begins_once_it_can_be_sent(client: Client, iiko: SimulatedIiko) -> None:
    first, second, clock = two(client, iiko)
    found(iiko, first)
    clock.forward(hours=3)
    work(clock)
    iiko.forget(TOPUP)
    iiko.answers(TOPUP, requests.ConnectTimeout("no line"))
    settled_at = clock()

    clock.forward(seconds=SEND_WITHIN.total_seconds())
    dispatch.advance(second.pk, clock=clock)
    second.refresh_from_db()
    assert (second.state, second.error_code) == (OperationState.PENDING, "iiko_unreachable")
    clock.instant = settled_at + SEND_WITHIN + timedelta(minutes=2)
    dispatch.advance(second.pk, clock=clock)

    second.refresh_from_db()
    assert (second.state, second.error_code) == (OperationState.EXPIRED, "not_sent")


def test_queue_that_cannot_be_sent_expires_together(client: Client, iiko: SimulatedIiko) -> None:
    """Nobody is charged hours later because each of them waited its quarter of an hour."""
    loyal_restaurant(iiko)
    for amount in ("1", "2", "3"):
        move(client, "topup", amount)
    clock = HandClock()
    clock.forward(minutes=16)

    for _ in range(3):
        work(clock)

    ends = LoyaltyOperation.objects.values_list("state", "error_code", "finished_at")
    assert set(ends) == {(OperationState.EXPIRED, "not_sent", clock())}
    assert iiko.bodies(TOPUP) == []


# --- what it is told ---------------------------------------------------------------------------------


def test_api_tells_what_it_waits_for_and_how_long(client: Client, iiko: SimulatedIiko) -> None:
    first, second, clock = two(client, iiko)
    clock.forward(seconds=1)
    dispatch.advance(first.pk, clock=clock)
    move(client, "topup", "3")
    first.refresh_from_db()
    sent_at = first.sent_at or clock()
    expected = {
        "operation_id": first.pk,
        "ahead": 1,
        "reason": "answer_lost",
        "since": as_json(sent_at),
        "next_step_at": as_json(clock() + timedelta(seconds=1)),
        "look_every_s": 1,
        "settled_by": as_json(sent_at + ABSENT_AFTER),
    }

    assert told(client, first)["waiting"] == expected | {"ahead": 0}
    assert told(client, second)["waiting"] == expected
    listed = client.get(
        "/api/v1/loyalty/operations?state=pending", headers=authorized(make_key(ORGANIZATION_ID))
    ).json()["results"]
    assert [row["waiting"]["ahead"] for row in listed] == [2, 1]
    late = move(client, "topup", "4", headers={"Prefer": "wait=1"})
    assert (late.status_code, late.headers["Preference-Applied"]) == (202, "wait=1")
    assert late.json()["waiting"] == expected | {"ahead": 3}


def test_end_waits_for_nothing(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.answers(TOPUP, {})
    move(client, "topup", "1")

    assert told(client, newest())["waiting"]["reason"] == "in_turn"
    assert told(client, work())["waiting"] is None


def test_list_asks_once_for_all_that_wait(
    client: Client, iiko: SimulatedIiko, django_assert_max_num_queries: Any
) -> None:
    two(client, iiko)
    for _ in range(10):
        move(client, "topup", "1")
    headers = authorized(make_key(ORGANIZATION_ID))

    with django_assert_max_num_queries(8):
        listed = client.get("/api/v1/loyalty/operations", headers=headers).json()["results"]

    assert [row["waiting"]["ahead"] for row in listed] == [*range(11, -1, -1)]


def test_iiko_that_cannot_be_asked_in_time_is_told_as_that(client: Client, iiko: SimulatedIiko) -> None:
    first, second, _clock = two(client, iiko)
    sent_at = (first.sent_at or first.created_at) - timedelta(minutes=12)
    LoyaltyOperation.objects.filter(pk=first.pk).update(sent_at=sent_at)

    waiting = told(client, second)["waiting"]

    assert waiting["settled_by"] == as_json(sent_at + FOLLOW_FOR)
    assert waiting["look_every_s"] == 60


def test_number_of_another_restaurant_is_not_told(client: Client, iiko: SimulatedIiko) -> None:
    first, _second, _clock = two(client, iiko)
    linked(make_other_organization(token=None), first.organization.api_login)
    theirs = make_key(OTHER_ORGANIZATION_ID, name="other")

    answer = move(client, "topup", "3", theirs, organization_id=OTHER_ORGANIZATION_ID).json()
    listed = client.get("/api/v1/loyalty/operations", headers=authorized(theirs)).json()["results"]

    assert (answer["waiting"]["operation_id"], answer["waiting"]["ahead"]) == (None, 2)
    assert [row["waiting"]["operation_id"] for row in listed] == [None]
    both = make_key(name="both")
    listed = client.get("/api/v1/loyalty/operations", headers=authorized(both)).json()["results"]
    assert {row["waiting"]["operation_id"] for row in listed} == {first.pk}


def as_json(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


# --- calling off -------------------------------------------------------------------------------------


def test_what_waits_is_called_off_once_with_who_and_why(client: Client, iiko: SimulatedIiko) -> None:
    first, second, clock = two(client, iiko)
    move(client, "topup", "3")

    answer = call_off(client, second)
    again = call_off(client, second, comment="ещё раз")

    assert (answer.status_code, again.status_code) == (200, 200)
    assert answer.json() == again.json()
    told = answer.json()
    assert (told["state"], told["cancelled_by"], told["cancel_comment"], told["error"], told["waiting"]) == (
        "cancelled",
        "API: shop",
        "не нужно",
        None,
        None,
    )
    second.refresh_from_db()
    assert timeline(second) == [("", "pending"), ("pending", "cancelled")]
    step = second.steps.latest("id")
    assert (step.actor, step.detail) == ("API: shop", "не нужно")
    found(iiko, first)
    work(clock)
    assert work(clock).state == OperationState.CONFIRMED
    assert [body["sum"] for body in iiko.bodies(TOPUP)] == [1, 3]


def test_next_one_goes_at_once_when_the_first_is_called_off(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    move(client, "topup", "1")
    first = newest()
    move(client, "topup", "2")
    ProcrastinateJob.objects.all().delete()

    assert call_off(client, first).status_code == 200

    [job] = ProcrastinateJob.objects.filter(task_name="loyalty.advance_operation")
    assert (job.args, job.scheduled_at) == ({"operation_id": newest().pk}, None)


@pytest.mark.parametrize(
    ("state", "sends", "refused"),
    [
        (OperationState.SENT, 1, "already_sent"),
        (OperationState.UNKNOWN, 1, "already_sent"),
        (OperationState.PENDING, 1, "already_sent"),  # a release that is to be sent again
        (OperationState.CONFIRMED, 1, "already_over"),
        (OperationState.REJECTED, 0, "already_over"),
        (OperationState.EXPIRED, 0, "already_over"),
    ],
)
def test_what_was_sent_or_is_over_is_not_called_off(
    client: Client, iiko: SimulatedIiko, state: OperationState, sends: int, refused: str
) -> None:
    loyal_restaurant(iiko)
    move(client, "topup", "1")
    LoyaltyOperation.objects.update(state=state, sends=sends)
    before = LoyaltyOperation.objects.values().get()

    assert code_of(call_off(client, newest())) == (409, refused)

    assert LoyaltyOperation.objects.values().get() == before
    assert timeline(newest()) == [("", "pending")]


def test_worker_that_has_it_in_hand_sends_it_no_more(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    move(client, "withdraw", "25.50")
    operation = newest()
    iiko.forget(INFO)

    def answer(_request: object) -> tuple[int, dict[str, str], str]:
        submission.cancel(operation.pk, by=Requester("Вера", "x"), now=HandClock()())
        return 200, {}, json.dumps(guest())

    iiko.mock.add_callback("POST", f"{IIKO}/api/1/{INFO}", callback=answer)
    done = work()

    assert (done.state, done.sends, done.cancelled_by) == (OperationState.CANCELLED, 0, "Вера")
    assert iiko.bodies(CHARGEOFF) == []


def test_calling_off_needs_the_right_to_ask_for_it(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    move(client, "topup", "1")
    operation = newest()
    reader = create_api_key(name="reader", rights=())[1]
    make_other_organization(token=None)
    stranger = make_key(OTHER_ORGANIZATION_ID, name="other")
    path = f"/api/v1/loyalty/operations/{operation.pk}/cancel"
    person = Client()
    sign_in(person, *VIEW, "loyalty.withdraw_wallet")

    assert call_off(client, operation, reader).status_code == 403
    assert call_off(client, operation, stranger).status_code == 404
    assert person.post(path, "{}", "application/json").status_code == 403
    assert ask(client, f"operations/{operation.pk}/cancel", reason="x").status_code == 422
    assert ask(client, f"operations/{operation.pk}/cancel", comment="x" * 201).status_code == 400

    assert newest().state == OperationState.PENDING
    assert timeline(newest()) == [("", "pending")]


def test_what_was_called_off_counts_against_no_limit_and_no_balance(
    client: Client, iiko: SimulatedIiko, settings: LazySettings
) -> None:
    settings.LOYALTY_MAX_DAY_MINOR = 8000
    loyal_restaurant(iiko, "100.00")
    move(client, "withdraw", "60")
    assert code_of(move(client, "withdraw", "60")) == (409, "limit_day")

    call_off(client, newest())

    assert move(client, "withdraw", "60").status_code == 202


def test_release_that_somebody_called_off_is_left_to_people(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    post(client, [cloud_event()])
    drain()
    iiko.answers(HOLD, {})
    move(client, "hold", "40", order_id=Order.objects.get().pk)
    hold = work()
    Order.objects.update(status="Cancelled")
    clock = HandClock()
    assert release_orphaned(now=clock()) == 1
    assert call_off(client, newest()).status_code == 200

    clock.forward(hours=5)

    assert release_orphaned(now=clock()) == 0
    assert iiko.bodies(CANCEL_HOLD) == []
    assert ask(client, f"holds/{hold.transaction_id}/cancel").status_code == 202


# --- in the admin and from the shell -----------------------------------------------------------------


def test_page_and_list_tell_how_long(client: Client, iiko: SimulatedIiko) -> None:
    first, second, _clock = two(client, iiko)
    # A day that is over, so that the moments are written whole.
    LoyaltyOperation.objects.filter(pk=first.pk).update(sent_at="2026-03-14T09:03:00Z", poll_count=3)
    sign_in(client, *VIEW, "loyalty.topup_wallet")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    waiting = text(client.get(f"{OPERATIONS}{second.pk}/change/"))
    lost = text(client.get(f"{OPERATIONS}{first.pk}/change/"))
    listed = rows(client.get(OPERATIONS))

    sentence = (
        f"Waits behind #{first.pk}, whose answer iiko lost, since 14 Mar 14:03:00; looked up every 1 min. "
        "iiko could not be read in time; the hub goes on trying, until 15 Mar 14:03:00 at the latest."
    )
    assert sentence in waiting
    assert sentence in listed[0]
    assert "a guess" not in waiting  # nothing is concluded from what iiko was not asked
    assert "iiko's answer to it was lost at 14 Mar 14:03:00; looked up every 1 min." in lost
    assert "Call off" in waiting
    assert "Call off" not in lost
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ru"
    russian = text(client.get(f"{OPERATIONS}{second.pk}/change/"))
    assert f"Ждёт за №{first.pk}, ответ iiko на которую потерян, с 14 мар 14:03:00" in russian


def test_page_tells_by_when_it_is_settled_and_that_this_is_a_guess(
    client: Client, iiko: SimulatedIiko
) -> None:
    first, second, _clock = two(client, iiko)
    sign_in(client, *VIEW)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    zone = second.organization.zone()
    settled = ((first.sent_at or first.created_at) + ABSENT_AFTER).astimezone(zone)

    shown = text(client.get(f"{OPERATIONS}{second.pk}/change/"))

    assert f"{settled:%H:%M:%S} at the latest." in shown
    assert "counts as not done: a guess" in shown
    assert "Call off" not in shown  # who may not ask for it may not call it off


def test_person_calls_it_off_with_a_reason(client: Client, iiko: SimulatedIiko) -> None:
    _first, second, _clock = two(client, iiko)
    user = sign_in(client, *VIEW, "loyalty.topup_wallet", "loyalty.view_personal_data")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    url = f"{OPERATIONS}{second.pk}/cancel/"

    assert "Kept in the ledger, with your name." in text(client.get(url))
    assert "This field is required." in text(client.post(url, {"reason": " "}))
    assert newest().state == OperationState.PENDING
    answer = client.post(url, {"reason": "гость передумал"}, follow=True)

    done = newest()
    assert (done.state, done.cancelled_by, done.cancel_comment) == (
        OperationState.CANCELLED,
        user.username,
        "гость передумал",
    )
    assert "гость передумал" in text(answer)
    assert "called off" in text(answer)
    assert 'href="' + url not in markup(answer)


def test_person_is_told_that_it_was_sent(client: Client, iiko: SimulatedIiko) -> None:
    first, _second, _clock = two(client, iiko)
    sign_in(client, *VIEW, "loyalty.topup_wallet")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    answer = client.post(f"{OPERATIONS}{first.pk}/cancel/", {"reason": "x"}, follow=True)

    assert "was sent to iiko already and cannot be called off" in text(answer)
    first.refresh_from_db()
    assert (first.state, first.cancelled_by) == (OperationState.UNKNOWN, "")
    assert client.post(f"{OPERATIONS}999999/cancel/", {"reason": "x"}).status_code == 404


def test_command_tells_the_wait_and_calls_off(
    client: Client, iiko: SimulatedIiko, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _clock = two(client, iiko)
    asked = ("loyalty", "topup", ORGANIZATION_ID, GUEST_ID, WALLET_ID, "3", "--comment", "x", "--wait", "0")
    with pytest.raises(CommandError, match="Not over yet"):
        call_command(*asked)
    assert f"Waits behind #{first.pk}, whose answer iiko lost, since " in capsys.readouterr().out

    call_command("loyalty", "cancel", str(second.pk), "--comment", "не нужно")
    assert f"#{second.pk}  topup  2.00  cancelled" in capsys.readouterr().out
    second.refresh_from_db()
    assert (second.cancelled_by, second.cancel_comment) == ("manage.py loyalty", "не нужно")
    with pytest.raises(CommandError, match="cannot be called off"):
        call_command("loyalty", "cancel", str(first.pk), "--comment", "x")
    with pytest.raises(CommandError, match="no operation with this number"):
        call_command("loyalty", "cancel", "999999", "--comment", "x")
