"""Carrying a command to iiko: answers lost and late, refusals, busy lines, killed workers, two at once."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.contrib.auth.models import User
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone, translation
from procrastinate.contrib.django.models import ProcrastinateJob

from core.database import db_clock
from core.errors import HubError
from core.outbox import StepOutcome
from iiko_client.http.transport import Retries
from iiko_client.tests.harness import document, needs_schema
from orders import tasks
from orders.actions.cancel import CancelOrder, CancelParams
from orders.admin.command_display import outcome_lines
from orders.api.command_serializers import CommandSerializer
from orders.commands import dispatch, submission
from orders.commands.refusals import OF_HUB, OF_IIKO, code_of
from orders.commands.submission import Requester
from orders.errors import NotAllowed
from orders.models.command import CommandState, OrderCommand
from orders.models.order import Order
from orders.signals import order_read
from tests.acting import (
    CASH_ID,
    IN_PROGRESS,
    QUEUED,
    STATUS,
    SUCCESS,
    Acting,
    make_courier,
    make_payment_type,
    make_removal_type,
    timeline,
    wire_payment,
)
from tests.builders import COURIER_ID, ORDER_ID, ORGANIZATION_ID, courier, drain, post, soi_message
from tests.simulated_iiko import SimulatedIiko, refusal

pytestmark = pytest.mark.django_db

ASKED_STATUS = {"organizationId": ORGANIZATION_ID, "correlationId": QUEUED["correlationId"]}
NO_ANSWERS: list[Any] = [
    requests.ReadTimeout(),
    (408, ""),
    (500, ""),
    requests.ConnectionError("reset"),
    "<html>",
]


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    """Make an order that waits for dispatch."""
    one = Acting(iiko)
    one.has(status="Waiting")
    return one


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client's own retries of reads come at once."""
    monkeypatch.setattr(Retries, "pause_s", lambda *_: 0.0)


def on_way(acting: Acting) -> OrderCommand:
    return acting.asked("update-status", {"status": "OnWay"})


def sent_on_way(acting: Acting) -> OrderCommand:
    acting.iiko.answers(STATUS, QUEUED)
    command = on_way(acting)
    acting.step(command)
    assert command.state == "sent"
    return command


def error_of(acting: Acting, command: OrderCommand, language: str = "en") -> dict[str, Any]:
    with translation.override(language):
        error: dict[str, Any] = CommandSerializer(command).data["error"]
        return error


# --- the usual course --------------------------------------------------------------------------------


def test_command_is_followed_until_iiko_says_yes(acting: Acting) -> None:
    acting.iiko.answers("commands/status", IN_PROGRESS)
    acting.iiko.answers("commands/status", IN_PROGRESS)
    acting.iiko.answers("commands/status", SUCCESS)
    acting.shows(status="OnWay")
    command = sent_on_way(acting)

    waits = []
    while not command.is_final:
        assert command.next_attempt_at
        waits.append((command.next_attempt_at - acting.clock.now).total_seconds())
        acting.step_when_due(command)

    assert (command.state, command.confirmed_by, command.error) == ("confirmed", "status", "")
    assert command.finished_at == acting.clock.now
    assert waits == [2, 3, 5]
    assert acting.iiko.bodies("commands/status") == [ASKED_STATUS] * 3
    assert acting.sent() == [STATUS]
    assert timeline(command) == [
        (None, "pending", "API: shop"),
        ("pending", "sent", "hub"),
        ("sent", "confirmed", "iiko"),
    ]


def test_who_comes_too_early_or_too_late_does_nothing(acting: Acting) -> None:
    acting.iiko.answers("commands/status", SUCCESS)
    acting.iiko.answers("deliveries/by_id", {"correlationId": ORDER_ID, "orders": []})
    command = sent_on_way(acting)

    assert acting.step(command) is None
    assert acting.iiko.bodies("commands/status") == []
    acting.step_when_due(command)
    assert command.state == "confirmed"
    assert acting.step(command) is None

    assert len(acting.iiko.bodies("commands/status")) == 1
    assert dispatch.advance(10**9, clock=acting.clock) is None


def test_order_is_read_after_success_and_handed_to_the_mirror(acting: Acting) -> None:
    acting.iiko.answers("commands/status", SUCCESS)
    acting.shows(status="OnWay")
    command = sent_on_way(acting)
    heard: list[Any] = []

    def hear(organization: Any, infos: Any, **_: Any) -> None:
        heard.append((organization.iiko_id, [info["id"] for info in infos], connection.in_atomic_block))

    order_read.connect(hear)
    try:
        acting.step_when_due(command)
    finally:
        order_read.disconnect(hear)

    assert [(one[0], one[1]) for one in heard] == [(ORGANIZATION_ID, [ORDER_ID])]


def test_success_counts_though_the_order_cannot_be_read(acting: Acting) -> None:
    acting.iiko.answers("commands/status", SUCCESS)
    acting.iiko.answers("deliveries/by_id", refusal("down"), status=500)
    command = sent_on_way(acting)

    acting.step_when_due(command)

    assert command.state == "confirmed"


def test_steps_are_jobs_at_their_time(acting: Acting) -> None:
    acting.iiko.answers(STATUS, QUEUED)
    acting.iiko.answers("commands/status", SUCCESS)
    acting.shows(status="OnWay")
    command = on_way(acting)

    tasks.advance_command(command.pk)
    command.refresh_from_db()
    jobs = ProcrastinateJob.objects.filter(task_name="orders.advance_command").order_by("id")
    assert command.state == "sent"
    assert [job.scheduled_at for job in jobs] == [None, command.next_attempt_at]

    OrderCommand.objects.update(next_attempt_at=db_clock.exactly_now())
    tasks.advance_command(command.pk)
    command.refresh_from_db()
    assert command.state == "confirmed"
    assert jobs.count() == 2


# --- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exception", "reason", "code", "message"),
    [
        (
            {"message": "Courier 7 does not exist"},
            "CourierIdDoesNotExist",
            "CourierIdDoesNotExist",
            "Courier 7 does not exist. CourierIdDoesNotExist",
        ),
        (
            {"message": "Can not update order, order status was changed at the restaurant checkout"},
            None,
            "OrderStatusChangedInIikoFront",
            "Can not update order, order status was changed at the restaurant checkout",
        ),
        (
            "Payment of order #12 failed. Reason: PaymentSumNotEnough",
            None,
            "PaymentSumNotEnough",
            "Payment of order #12 failed. Reason: PaymentSumNotEnough",
        ),
        (None, "MayBeInconsistentUpdates", "MayBeInconsistentUpdates", "MayBeInconsistentUpdates"),
        ({"message": "Нельзя"}, "Так нельзя", "refused", "Нельзя. Так нельзя"),
        (None, None, "refused", ""),
    ],
)
def test_refusal_tells_iikos_words_what_they_mean_and_what_to_do(
    acting: Acting, exception: Any, reason: str | None, code: str, message: str
) -> None:
    acting.iiko.answers("commands/status", {"state": "Error", "exception": exception, "errorReason": reason})
    command = sent_on_way(acting)

    acting.step_when_due(command)

    assert (command.state, command.error_code, command.error) == ("rejected", code, message)
    assert timeline(command)[-1] == ("sent", "rejected", "iiko")
    known = (OF_IIKO | OF_HUB)[code]
    with translation.override("en"):
        told = {"cause": str(known.cause), "next_step": str(known.next_step)}
    assert error_of(acting, command) == {"code": code, "message": message or told["cause"]} | told
    assert Order.objects.get().status == "Waiting"


def test_refused_request_is_final(acting: Acting) -> None:
    acting.iiko.answers(STATUS, refusal("Order is in a wrong status", "WrongDeliveryStatus"), status=400)
    command = on_way(acting)

    acting.step(command)

    assert (command.state, command.error_code) == ("rejected", "WrongDeliveryStatus")
    assert "Order is in a wrong status" in command.error
    assert acting.sent() == [STATUS]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("no \\ud83d money", "no \N{REPLACEMENT CHARACTER} money"),
        ("\\u0000no", "\N{REPLACEMENT CHARACTER}no"),
    ],
)
@pytest.mark.parametrize("where", ["request", "exception", "errorReason"])
def test_refusal_in_words_that_no_database_keeps_is_a_refusal(
    acting: Acting, where: str, said: str, kept: str
) -> None:
    bodies = {
        "request": f'{{"errorDescription": "{said}"}}',
        "exception": f'{{"state": "Error", "exception": {{"message": "{said}"}}}}',
        "errorReason": f'{{"state": "Error", "errorReason": "{said}"}}',
    }
    if where == "request":
        acting.iiko.answers(STATUS, bodies[where], status=400)
    else:
        acting.iiko.answers(STATUS, QUEUED)
    acting.iiko.answers("commands/status", bodies[where])
    command = on_way(acting)

    acting.step(command)
    acting.step_when_due(command)

    assert (command.state, command.error_code) == ("rejected", "refused")
    assert kept in command.error
    assert acting.sent() == [STATUS]


@pytest.mark.parametrize("name", ["a\\u0000b", "\\ud83d", "0815"])
def test_answer_by_whose_name_iiko_cannot_be_asked_is_looked_into(acting: Acting, name: str) -> None:
    acting.iiko.answers(STATUS, f'{{"correlationId": "{name}"}}')
    acting.shows(status="OnWay")
    command = on_way(acting)

    acting.step(command)
    assert (command.state, command.correlation_id) == ("unknown", "")
    acting.step_when_due(command)

    assert (command.state, command.confirmed_by) == ("confirmed", "order")
    assert acting.sent() == [STATUS]


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        (400, "refused", "iiko refused and named no reason that the hub knows."),
        (
            302,
            "redirect",
            "iiko's address sends the hub elsewhere, and the hub does not follow; nothing was done.",
        ),
    ],
)
def test_no_words_are_put_into_iikos_mouth(acting: Acting, status: int, code: str, cause: str) -> None:
    acting.iiko.answers(STATUS, "", status=status)
    command = on_way(acting)

    acting.step(command)

    assert (command.state, command.error_code, command.error) == ("rejected", code, "")
    assert error_of(acting, command)["message"] == cause
    with translation.override("en"):
        assert "In iiko's words" not in dict(outcome_lines(command))


def test_words_of_an_unknown_refusal_are_iikos(acting: Acting) -> None:
    acting.iiko.answers(STATUS, refusal("Стол занят"), status=400)
    command = on_way(acting)

    acting.step(command)

    with translation.override("en"):
        assert dict(outcome_lines(command))["In iiko's words"] == "Стол занят"


def test_missing_right_says_what_to_switch_on(acting: Acting) -> None:
    acting.iiko.answers(STATUS, "Right api/1/deliveries is not allowed for this ApiLogin.", status=401)
    command = on_way(acting)

    acting.step(command)

    assert (command.state, command.error_code) == ("rejected", "right_missing")
    assert error_of(acting, command)["next_step"] == (
        "Switch the right on in the settings of the login in iikoWeb."
    )


def test_login_switched_off_meanwhile_ends_the_command(acting: Acting) -> None:
    command = on_way(acting)
    assert acting.organization.api_login
    type(acting.organization.api_login).objects.update(is_active=False)

    acting.step(command)

    assert (command.state, command.error_code) == ("rejected", "no_api_login")
    assert acting.iiko.operations() == []


def test_codes_are_found_whole() -> None:
    assert code_of(None, "MayBeInconsistentUpdates!") == "MayBeInconsistentUpdates"
    assert code_of("12345", "") == "12345"
    assert code_of("no code, a sentence", "iikoFront version is too old") == "IikoFrontTooOldVersion"
    assert code_of(None, "") == "refused"


@needs_schema
def test_every_code_of_the_vendor_we_know_is_in_its_schema() -> None:
    name = "iikoTransport.PublicApi.Contracts.Errors.ErrorCode"
    assert set(OF_IIKO) - {"PaymentSumNotEnough"} <= set(document()["components"]["schemas"][name]["enum"])


# --- what is not sent yet ----------------------------------------------------------------------------


def test_busy_line_is_waited_for_and_nothing_is_sent_twice(acting: Acting) -> None:
    acting.iiko.answers(STATUS, refusal("Too many requests"), status=429, **{"Retry-After": "7"})
    acting.iiko.answers(STATUS, QUEUED)
    command = on_way(acting)

    acting.step(command)
    assert (command.state, command.error_code, command.sent_at) == ("pending", "iiko_busy", None)
    assert command.next_attempt_at
    assert 6 <= (command.next_attempt_at - acting.clock.now).total_seconds() <= 8

    connection.cursor().execute("UPDATE iiko_pauses SET until = now() - interval '1 second'")
    acting.step_when_due(command)
    assert (command.state, command.error_code, command.poll_count) == ("sent", "", 0)
    assert timeline(command) == [(None, "pending", "API: shop"), ("pending", "sent", "hub")]
    assert acting.sent() == [STATUS, STATUS]


def test_long_pause_does_not_keep_a_command_past_its_time(acting: Acting) -> None:
    acting.iiko.answers(STATUS, refusal("Too many requests"), status=429, **{"Retry-After": "1200"})
    command = on_way(acting)

    acting.step(command)
    assert command.next_attempt_at
    assert (command.next_attempt_at - acting.clock.now).total_seconds() == 60
    for _ in range(16):
        acting.step_when_due(command)

    assert (command.state, command.error_code) == ("expired", "not_sent")
    assert acting.sent() == [STATUS]


def test_what_was_not_sent_is_sent_when_iiko_can_be_reached(acting: Acting) -> None:
    for _ in range(3):
        acting.iiko.answers(STATUS, requests.ConnectTimeout())
    acting.iiko.answers(STATUS, QUEUED)
    command = on_way(acting)

    acting.step(command)
    assert (command.state, command.error_code) == ("pending", "iiko_unreachable")

    acting.step_when_due(command)
    assert command.state == "sent"


def test_command_that_could_not_be_sent_in_time_expires(acting: Acting) -> None:
    acting.iiko.answers(STATUS, requests.ConnectTimeout())
    command = on_way(acting)
    acting.step(command)

    acting.clock.move(15 * 60 + 1)
    acting.step(command)

    assert (command.state, command.error_code) == ("expired", "not_sent")
    assert error_of(acting, command)["cause"] == "The hub could not reach iiko in time; nothing was sent."
    assert timeline(command)[-1] == ("pending", "expired", "hub")


def test_worker_that_slept_over_its_claim_sends_nothing(
    acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = on_way(acting)
    claim = dispatch.OUTBOX.claim

    def sleep_after(*arguments: Any) -> Any:
        claimed = claim(*arguments)
        acting.clock.move(91)
        return claimed

    monkeypatch.setattr(dispatch.OUTBOX, "claim", sleep_after)
    acting.step(command)

    assert command.state == "pending"
    assert acting.iiko.operations() == []


def test_command_that_came_true_meanwhile_is_not_sent(acting: Acting) -> None:
    command = on_way(acting)
    acting.has(status="Delivered")

    acting.step(command)

    assert (command.state, command.confirmed_by) == ("confirmed", "event")
    assert acting.iiko.operations() == []


@pytest.mark.parametrize(("status", "code"), [("Closed", "order_closed"), ("Cancelled", "order_cancelled")])
def test_nothing_is_sent_for_an_order_that_ended_meanwhile(acting: Acting, status: str, code: str) -> None:
    make_courier()
    command = acting.asked("assign-courier", {"courier_id": COURIER_ID})
    acting.has(status=status)

    acting.step(command)

    assert (command.state, command.error_code) == ("rejected", code)
    assert timeline(command)[-1] == ("pending", "rejected", "hub")
    assert acting.iiko.operations() == []


def test_restaurant_switched_off_meanwhile_ends_the_command_unsent(acting: Acting) -> None:
    command = on_way(acting)
    acting.organization.is_active = False
    acting.organization.save()

    acting.step(command)

    assert (command.state, command.error_code, command.sent_at) == ("rejected", "restaurant_off", None)
    assert timeline(command)[-1] == ("pending", "rejected", "hub")
    assert acting.iiko.operations() == []


# --- commands that correct each other ------------------------------------------------------------------


def sent_and_done(acting: Acting, command: OrderCommand) -> None:
    """Sent, and iiko says yes; its cloud still shows the order as it was."""
    acting.step(command)
    acting.step_when_due(command)
    assert (command.state, command.confirmed_by) == ("confirmed", "status")


@pytest.fixture
def corrected(acting: Acting) -> tuple[OrderCommand, OrderCommand]:
    """OnWay was asked of a cooked order, and at once Waiting instead."""
    acting.has(status="CookingCompleted")
    acting.iiko.answers(STATUS, QUEUED)
    acting.iiko.answers("commands/status", SUCCESS)
    acting.shows(status="CookingCompleted")
    return on_way(acting), acting.asked("update-status", {"status": "Waiting"})


def test_correction_is_not_proved_by_the_command_it_corrects(
    acting: Acting, corrected: tuple[OrderCommand, OrderCommand]
) -> None:
    first, second = corrected
    sent_and_done(acting, first)
    acting.has(status="OnWay")

    acting.step(second)

    assert (second.state, second.confirmed_by) == ("sent", "")
    assert [body["deliveryStatus"] for body in acting.iiko.bodies(STATUS)] == ["OnWay", "Waiting"]


def test_late_webhook_of_the_first_command_does_not_end_its_correction(
    acting: Acting, corrected: tuple[OrderCommand, OrderCommand]
) -> None:
    first, second = corrected
    sent_and_done(acting, first)
    acting.step(second)
    acting.iiko.forget("commands/status")
    acting.iiko.answers("commands/status", {"state": "Error", "errorReason": "IllegalDeliveryStatus"})

    acting.has(status="OnWay")
    acting.step_when_due(second)

    assert (second.state, second.error_code) == ("rejected", "IllegalDeliveryStatus")


def test_nothing_is_taken_for_done_while_an_earlier_command_may_undo_it(acting: Acting) -> None:
    """Vera, no, Anna, no, Vera: the webhook of the first comes when the second is under way."""
    make_courier()
    anna = make_courier(iiko_id="5ca7f8b0-0000-4000-8000-00000000000a", name="Анна")
    courier_call = "deliveries/update_order_courier"
    acting.iiko.answers(courier_call, QUEUED)
    acting.iiko.answers("commands/status", SUCCESS)
    acting.shows(status="Waiting")
    first, second = (
        acting.asked("assign-courier", {"courier_id": one}) for one in (COURIER_ID, anna.iiko_id)
    )
    sent_and_done(acting, first)
    acting.step(second)
    third = acting.asked("assign-courier", {"courier_id": COURIER_ID})

    acting.has(status="Waiting", courierInfo=courier())
    acting.step(third)
    assert third.state == "pending"

    acting.step_when_due(second)
    assert (second.state, second.confirmed_by) == ("confirmed", "status")
    acting.step(third)
    assert third.state == "sent"
    acting.has(status="Waiting", courierInfo=courier(), comment="Позвонить")
    third.refresh_from_db()
    assert third.state == "sent"
    acting.step_when_due(third)
    assert (third.state, third.confirmed_by) == ("confirmed", "status")
    assert [body["employeeId"] for body in acting.iiko.bodies(courier_call)] == [
        COURIER_ID,
        anna.iiko_id,
        COURIER_ID,
    ]


def test_refused_command_before_does_not_keep_news_from_counting(acting: Acting) -> None:
    acting.has(status="CookingCompleted")
    acting.iiko.answers(STATUS, refusal("no", "IllegalDeliveryStatus"), status=400)
    first, second = on_way(acting), acting.asked("update-status", {"status": "Waiting"})
    acting.step(first)
    assert first.state == "rejected"
    acting.has(status="OnWay")  # a person did it on the POS

    acting.step(second)

    assert (second.state, second.confirmed_by) == ("confirmed", "event")
    assert acting.sent() == [STATUS]


# --- when the guest had it ---------------------------------------------------------------------------


def test_time_past_the_calendar_ends_the_command_unsent(acting: Acting) -> None:
    """Wished by an earlier version, which asked for any time."""
    acting.has(status="OnWay")
    command = acting.asked("update-status", {"status": "Delivered", "delivered_at": HANDED_OVER})
    command.params["delivered_at"] = "9999-12-31T23:59:59+00:00"
    command.save()

    acting.step(command)

    assert (command.state, command.error_code) == ("rejected", "breaks_a_limit")
    assert "lies outside the calendar" in command.error
    assert acting.iiko.operations() == []


HANDED_OVER = "2026-03-14T19:25:00+05:00"


@pytest.mark.parametrize(
    ("shown", "state"),
    [(None, "sent"), ("2026-03-14 20:00:00.000", "sent"), ("2026-03-14 19:25:00.000", "confirmed")],
)
def test_delivered_is_proved_by_an_order_delivered_at_that_time_alone(
    acting: Acting, shown: str | None, state: str
) -> None:
    acting.has(status="OnWay")
    acting.iiko.answers(STATUS, QUEUED)
    command = acting.asked("update-status", {"status": "Delivered", "delivered_at": HANDED_OVER})

    acting.has(status="Delivered", whenDelivered=shown)
    acting.step(command)

    assert command.state == state
    assert acting.sent() == ([STATUS] if state == "sent" else [])


# --- lost answers ------------------------------------------------------------------------------------

PARAMS: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "status": ("update-status", {"status": "OnWay"}, STATUS, {"status": "OnWay"}),
    "close": ("update-status", {"status": "Closed"}, "deliveries/close", {"status": "Closed"}),
    "courier": (
        "assign-courier",
        {"courier_id": COURIER_ID},
        "deliveries/update_order_courier",
        {"courierInfo": courier()},
    ),
    "payment": (
        "update-payment",
        {"payments": [{"paymentTypeId": CASH_ID, "sum": "1700.01"}]},
        "deliveries/change_payments",
        {"payments": [wire_payment(amount=1700.01)]},
    ),
    "cancel": ("cancel", {"cancel_reason": "Долго"}, "deliveries/cancel", {"status": "Cancelled"}),
}


def lose(acting: Acting, operation: str, answer: Any) -> None:
    status, body = answer if isinstance(answer, tuple) else (200, answer)
    acting.iiko.answers(operation, body, status=status)


@pytest.mark.parametrize("params", PARAMS)
@pytest.mark.parametrize("lost", NO_ANSWERS, ids=["timeout", "408", "500", "reset", "rubbish"])
def test_lost_answer_is_resolved_by_the_order_without_a_second_call(
    acting: Acting, params: str, lost: Any
) -> None:
    make_courier()
    make_payment_type()
    make_removal_type()
    action, body, operation, effect = PARAMS[params]
    now = {"status": "Delivered"} if params == "close" else {"status": "Waiting"}
    acting.has(**now, payments=[wire_payment()])
    lose(acting, operation, lost)
    acting.shows(**now, payments=[wire_payment()])  # not carried out yet
    acting.shows(**({**now, "payments": [wire_payment()]} | effect))
    command = acting.asked(action, body)

    acting.step(command)
    assert (command.state, command.error_code, command.correlation_id) == ("unknown", "answer_lost", "")
    acting.step_when_due(command)
    assert command.state == "unknown"
    acting.step_when_due(command)

    assert (command.state, command.confirmed_by) == ("confirmed", "order")
    assert acting.sent() == [operation]
    assert timeline(command)[1:] == [("sent", "unknown", "hub"), ("unknown", "confirmed", "iiko")]


def test_order_that_shows_no_trace_ends_the_search(acting: Acting) -> None:
    acting.iiko.answers(STATUS, requests.ReadTimeout())
    acting.shows(status="Waiting")
    command = on_way(acting)
    acting.step(command)

    for _ in range(200):
        acting.step_when_due(command)
        if command.is_final:
            break

    assert (command.state, command.error_code) == ("expired", "not_done")
    assert command.sent_at
    assert timedelta(minutes=10) < acting.clock.now - command.sent_at < timedelta(minutes=11)
    assert acting.sent() == [STATUS]
    assert acting.ask("update-status", {"status": "OnWay"}).status_code == 202


@pytest.mark.parametrize("over", ["Closed", "Cancelled"])
def test_search_ends_once_an_order_that_is_over_shows_nothing(acting: Acting, over: str) -> None:
    make_courier()
    acting.iiko.answers("deliveries/update_order_courier", requests.ReadTimeout())
    acting.shows(status=over)
    command = acting.asked("assign-courier", {"courier_id": COURIER_ID})
    acting.step(command)
    assert command.state == "unknown"

    acting.step_when_due(command)

    assert (command.state, command.error_code) == ("expired", "over_without_it")
    assert len(acting.iiko.bodies("deliveries/by_id")) == 1


def test_order_still_delivered_does_not_prove_that_it_went_back(acting: Acting) -> None:
    acting.has(status="Delivered")
    acting.iiko.answers(STATUS, requests.ReadTimeout())
    acting.shows(status="Delivered")
    acting.shows(status="OnWay")
    command = on_way(acting)
    acting.step(command)

    acting.has(status="Delivered", comment="Позвонить")
    acting.step_when_due(command)
    assert command.state == "unknown"

    acting.step_when_due(command)
    assert command.state == "confirmed"


def test_forgotten_command_is_looked_for_in_the_order(acting: Acting) -> None:
    acting.iiko.answers("commands/status", refusal("no longer supported"), status=410)
    acting.shows(status="OnWay")
    command = sent_on_way(acting)

    acting.step_when_due(command)
    assert (command.state, command.error_code) == ("unknown", "forgotten")
    acting.step_when_due(command)

    assert (command.state, command.confirmed_by) == ("confirmed", "order")
    assert len(acting.iiko.bodies("commands/status")) == 1


def test_worker_killed_after_sending_leaves_a_command_that_is_looked_into(acting: Acting) -> None:
    command = on_way(acting)
    assert dispatch.OUTBOX.claim(command.pk, acting.clock()) is not None  # and here it is killed

    assert acting.step(command) is None
    assert command.state == "sent"
    acting.shows(status="OnWay")
    acting.clock.move(91)
    acting.step(command)

    assert (command.state, command.confirmed_by) == ("confirmed", "order")
    assert acting.sent() == []


def test_worker_killed_while_asking_is_replaced(acting: Acting) -> None:
    acting.iiko.answers("commands/status", SUCCESS)
    acting.shows(status="OnWay")
    command = sent_on_way(acting)
    acting.clock.move(2)
    assert dispatch.OUTBOX.claim(command.pk, acting.clock()) is not None

    acting.clock.move(91)
    acting.step(command)

    assert command.state == "confirmed"


def test_late_worker_does_not_undo_a_later_step(acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    acting.iiko.answers("commands/status", IN_PROGRESS)
    command = sent_on_way(acting)
    acting.clock.move(2)
    slow = dispatch.OUTBOX.claim(command.pk, acting.clock())
    assert slow is not None
    acting.clock.move(91)
    acting.step(command)
    due = command.next_attempt_at

    late = StepOutcome(CommandState.UNKNOWN, timedelta(seconds=99))
    assert dispatch.OUTBOX.record(slow, late, acting.clock()) is None

    command.refresh_from_db()
    assert (command.state, command.next_attempt_at) == ("sent", due)


def test_answer_that_comes_after_the_claim_ran_out_still_counts(acting: Acting) -> None:
    command = on_way(acting)
    slow = dispatch.OUTBOX.claim(command.pk, acting.clock())
    assert slow is not None
    acting.clock.move(91)
    acting.shows(status="Waiting")
    acting.step(command)
    assert command.state == "unknown"

    answer = StepOutcome(CommandState.SENT, timedelta(seconds=2), iiko_id=QUEUED["correlationId"])
    dispatch.OUTBOX.record(slow, answer, acting.clock())

    command.refresh_from_db()
    assert (command.state, command.correlation_id) == ("sent", QUEUED["correlationId"])


def test_command_of_a_pos_that_never_answers_expires_after_a_day(acting: Acting) -> None:
    acting.iiko.answers("commands/status", IN_PROGRESS)
    command = sent_on_way(acting)
    for _ in range(100):
        acting.step_when_due(command)
    assert command.state == "sent"

    acting.clock.move(24 * 3600)
    acting.step(command)

    assert (command.state, command.error_code) == ("expired", "no_answer")
    assert len(acting.iiko.bodies("commands/status")) == 100


def test_command_stays_with_the_order_when_its_row_is_joined_with_an_older_one(
    iiko: SimulatedIiko, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SOI told of the order first, without iiko's id; the command is being sent when that turns out."""
    acting = Acting(iiko)
    assert post(Client(), soi_message(external_id="WEB-9", order_id=None)).status_code == 200
    acting.has(status="Waiting", external_number=None)
    older = Order.objects.get(iiko_order_id=None)
    command = on_way(acting)
    assert command.order_id != older.pk
    iiko.answers(STATUS, QUEUED)
    claim = dispatch.OUTBOX.claim

    def join_after(*arguments: Any) -> Any:
        claimed = claim(*arguments)
        assert post(Client(), soi_message(external_id="WEB-9", orderStatus="WAITING")).status_code == 200
        drain()
        return claimed

    monkeypatch.setattr(dispatch.OUTBOX, "claim", join_after)
    acting.step(command)

    assert Order.objects.get().pk == older.pk
    assert (command.state, command.order_id) == ("sent", older.pk)
    assert acting.sent() == [STATUS]
    assert [state for _, state, _ in timeline(command)] == ["pending", "sent"]


@pytest.mark.parametrize("lost", NO_ANSWERS[:4], ids=["timeout", "408", "500", "reset"])
def test_status_is_not_asked_twice_at_once(acting: Acting, lost: Any) -> None:
    lose(acting, "commands/status", lost)
    command = sent_on_way(acting)

    acting.step_when_due(command)

    assert command.state == "sent"
    assert command.next_attempt_at == acting.clock.now + timedelta(seconds=3)
    assert len(acting.iiko.bodies("commands/status")) == 1


def test_question_that_fails_is_asked_again_later(acting: Acting) -> None:
    acting.iiko.answers("commands/status", refusal("Access denied"), status=403)
    acting.iiko.answers("commands/status", SUCCESS)
    acting.shows(status="OnWay")
    command = sent_on_way(acting)

    acting.step_when_due(command)
    assert command.state == "sent"
    assert command.next_attempt_at
    assert (command.next_attempt_at - acting.clock.now).total_seconds() == 30
    assert "Access denied" in command.error

    acting.step_when_due(command)
    assert (command.state, command.error, command.error_code) == ("confirmed", "", "")


# --- proof by a webhook ------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", ["OnWay", "Delivered", "Closed"])
def test_webhook_may_prove_it_first(acting: Acting, shown: str) -> None:
    command = sent_on_way(acting)

    acting.has(status=shown)

    command.refresh_from_db()
    assert (command.state, command.confirmed_by) == ("confirmed", "event")
    assert acting.step(command) is None
    assert acting.iiko.bodies("commands/status") == []


def test_webhook_of_something_else_proves_nothing(acting: Acting) -> None:
    command = sent_on_way(acting)

    acting.has(status="Waiting", comment="Позвонить")

    command.refresh_from_db()
    assert command.state == "sent"


def test_webhook_before_the_answer_is_recorded_wins(acting: Acting) -> None:
    command = on_way(acting)
    claim = dispatch.OUTBOX.claim(command.pk, acting.clock())
    assert claim is not None

    acting.has(status="OnWay")
    answer = StepOutcome(CommandState.SENT, timedelta(seconds=2), iiko_id="x")

    assert dispatch.OUTBOX.record(claim, answer, acting.clock()) is None
    command.refresh_from_db()
    assert command.state == "confirmed"


# --- one after another -------------------------------------------------------------------------------


def test_commands_of_one_order_go_one_after_another(acting: Acting) -> None:
    make_courier()
    acting.iiko.answers(STATUS, QUEUED)
    acting.iiko.answers("deliveries/update_order_courier", QUEUED)
    first = acting.asked("assign-courier", {"courier_id": COURIER_ID})
    second = on_way(acting)

    acting.step(second)
    assert (second.state, acting.sent()) == ("pending", [])
    acting.step(first)
    acting.step(second)
    assert acting.sent() == ["deliveries/update_order_courier"]

    ProcrastinateJob.objects.all().delete()
    acting.has(status="Waiting", courierInfo=courier())
    assert [job.args for job in ProcrastinateJob.objects.all()] == [{"command_id": second.pk}]
    acting.step(second)
    assert acting.sent() == ["deliveries/update_order_courier", STATUS]


def test_other_orders_do_not_wait(acting: Acting) -> None:
    other = "3c5e7a91-b2d4-4f60-8172-93a4b5c6d7e9"
    sent_on_way(acting)
    acting.has(order_id=other, external_number=None, status="Waiting")
    by = Requester("test", "test")
    pk = Order.objects.get(iiko_order_id=other).pk
    make_removal_type()
    command = submission.request(CancelOrder(), CancelParams(), order_id=pk, by=by, now=timezone.now())
    acting.iiko.answers("deliveries/cancel", QUEUED)

    acting.step(command)

    assert command.state == "sent"


def test_command_behind_one_that_takes_long_expires_in_time(acting: Acting) -> None:
    make_courier()
    acting.iiko.answers("deliveries/update_order_courier", QUEUED)
    first = acting.asked("assign-courier", {"courier_id": COURIER_ID})
    second = on_way(acting)
    acting.step(first)

    # It was asked by the clock of the wall, however long that took.
    acting.clock.now = second.created_at + timedelta(minutes=15, seconds=1)
    acting.step(second)

    assert (second.state, second.error_code) == ("expired", "waited_too_long")
    first.refresh_from_db()
    assert first.state == "sent"


def test_person_abandons(acting: Acting) -> None:
    operator = User.objects.create_user("Оля")
    by = Requester("Оля", f"user:{operator.pk}", operator)
    first = sent_on_way(acting)
    make_removal_type()
    second = acting.asked("cancel", {})
    ProcrastinateJob.objects.all().delete()

    submission.abandon(command_id=first.pk, by=by, now=timezone.now())
    submission.abandon(command_id=second.pk, by=by, now=timezone.now())

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.error_code) == ("expired", "given_up")
    assert (second.state, second.error_code) == ("expired", "given_up_unsent")
    assert timeline(first)[-2:] == [("sent", "expired", "Оля"), ("pending", "expired", "Оля")]
    assert [job.args for job in ProcrastinateJob.objects.all()] == [{"command_id": second.pk}]
    with pytest.raises(NotAllowed):
        submission.abandon(command_id=first.pk, by=by, now=timezone.now())


# --- the minute's round ------------------------------------------------------------------------------


def test_round_wakes_what_a_dead_worker_left(acting: Acting) -> None:
    command = sent_on_way(acting)
    ProcrastinateJob.objects.all().delete()

    tasks.sweep_commands(timestamp=0)
    assert ProcrastinateJob.objects.count() == 0

    OrderCommand.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=6))
    tasks.sweep_commands(timestamp=0)
    assert [job.args for job in ProcrastinateJob.objects.all()] == [{"command_id": command.pk}]


# --- two at once -------------------------------------------------------------------------------------


@pytest.fixture
def _no_jobs_left() -> Iterator[None]:
    """Their tables are procrastinate's: Django does not empty them after a test."""
    yield
    ProcrastinateJob.objects.all().delete()


@pytest.mark.usefixtures("_no_jobs_left")
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_once(acting: Acting) -> None:
    acting.iiko.answers(STATUS, QUEUED)
    command = on_way(acting)
    together = threading.Barrier(4)

    def work() -> None:
        try:
            together.wait()
            dispatch.advance(command.pk, clock=acting.clock)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert acting.sent() == [STATUS]
    command.refresh_from_db()
    assert command.state == "sent"


@pytest.mark.usefixtures("_no_jobs_left")
@pytest.mark.django_db(transaction=True)
def test_mirror_workers_and_people_do_not_lock_each_other_out(acting: Acting) -> None:
    """A deadlock would end one of them with an error."""
    acting.iiko.answers("commands/status", IN_PROGRESS)
    command = sent_on_way(acting)
    errors: list[Exception] = []
    stop = threading.Event()

    def repeatedly(act: Any) -> threading.Thread:
        def run() -> None:
            try:
                while not stop.is_set():
                    act()
            except (DatabaseError, HubError, AssertionError) as error:
                errors.append(error)
            finally:
                connection.close()

        return threading.Thread(target=run)

    def step() -> None:
        acting.clock.move(400)
        dispatch.advance(command.pk, clock=acting.clock)

    def ask_and_abandon() -> None:
        by = Requester("Оля", "user:1")
        asked = submission.request(
            CancelOrder(), CancelParams(), order_id=command.order_id, by=by, now=timezone.now()
        )
        submission.abandon(command_id=asked.pk, by=by, now=timezone.now())

    make_removal_type()
    threads = [
        repeatedly(step),
        repeatedly(ask_and_abandon),
        repeatedly(lambda: acting.has(status="Waiting", comment=str(timezone.now()))),
    ]
    for thread in threads:
        thread.start()
    stop.wait(2)
    stop.set()
    for thread in threads:
        thread.join()

    assert errors == []
