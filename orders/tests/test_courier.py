"""The courier of an order: by which call of iiko's, and taken off again."""

from typing import Any

import pytest
import requests

from iiko_client.http.transport import Retries
from orders.models.command import OrderCommand
from orders.models.order import Order
from tests.acting import QUEUED, SUCCESS, Acting, make_courier, refused
from tests.builders import COURIER_ID, ORDER_ID, ORGANIZATION_ID, courier, make_terminal_group
from tests.simulated_iiko import SimulatedIiko, refusal

pytestmark = pytest.mark.django_db

NEW, OLD = "deliveries/change_driver_info", "deliveries/update_order_courier"
IDS = {"organizationId": ORGANIZATION_ID, "orderId": ORDER_ID}
VERA, NOBODY = {"courier_id": COURIER_ID}, {"courier_id": None}
NO_RIGHT = refusal("Right api/1/deliveries/change_driver_info is not allowed for this ApiLogin.")
TOO_OLD = {"state": "Error", "exception": {"message": "too old"}, "errorReason": "IikoFrontTooOldVersion"}
OTHER_NAME = QUEUED["correlationId"].replace("e4", "e5")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Retries, "pause_s", lambda *_: 0.0)


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    """Make a POS that knows the newer call, and an order without a courier."""
    one = Acting(iiko, pos_version="8.6.6")
    make_courier()
    one.has(status="Waiting", courierInfo=None)
    return one


def assigned(acting: Acting, body: dict[str, Any] = VERA) -> OrderCommand:
    command = acting.asked("assign-courier", body)
    acting.step(command)
    return command


def play_to_the_end(acting: Acting, command: OrderCommand) -> None:
    for _ in range(300):
        if command.is_final:
            return
        acting.step_when_due(command)
    raise AssertionError(command.state)


# --- by which call -----------------------------------------------------------------------------------


def test_pos_that_knows_it_gets_the_newer_call(acting: Acting) -> None:
    acting.iiko.answers(NEW, QUEUED)

    command = assigned(acting)

    assert acting.sent() == [NEW]
    assert acting.body(NEW) == IDS | {"driverId": COURIER_ID}
    assert (command.state, command.correlation_id) == ("sent", QUEUED["correlationId"])
    acting.has(status="Waiting", courierInfo=courier())
    command.refresh_from_db()
    assert (command.state, command.confirmed_by) == ("confirmed", "event")


@pytest.mark.parametrize("body", [VERA, NOBODY], ids=["on", "off"])
def test_estimated_time_stays_as_it_is(acting: Acting, body: dict[str, Any]) -> None:
    make_terminal_group(acting.organization, timezone="Asia/Vladivostok", pos_version="9.1.1")
    had = None if body is VERA else courier()
    acting.has(status="Waiting", courierInfo=had, estimatedTime="2026-03-14 19:40:00.000")
    acting.iiko.answers(NEW, QUEUED)

    assigned(acting, body)

    assert acting.body(NEW)["estimatedTime"] == "2026-03-14 19:40:00.000"


@pytest.mark.parametrize("version", ["8.6.5", "7.1.5.100", "", "unknown"])
def test_older_or_unknown_pos_gets_the_older_call(iiko: SimulatedIiko, version: str) -> None:
    acting = Acting(iiko, pos_version=version)
    make_courier()
    acting.has(status="Waiting", courierInfo=None)
    iiko.answers(OLD, QUEUED)

    assigned(acting)

    assert acting.sent() == [OLD]
    assert acting.body(OLD) == IDS | {"employeeId": COURIER_ID}


def test_pos_groups_version_counts_before_the_restaurants(acting: Acting) -> None:
    make_terminal_group(acting.organization, pos_version="8.2.7014")
    acting.iiko.answers(OLD, QUEUED)

    assigned(acting)

    assert acting.sent() == [OLD]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, NO_RIGHT),
        (404, "Not Found"),
        (405, ""),
        (400, refusal("iikoFront version is too old", "IikoFrontTooOldVersion")),
        (400, refusal("POS version is too old for this method")),
    ],
)
def test_call_that_iiko_does_not_know_is_followed_by_the_older(
    acting: Acting, status: int, body: Any
) -> None:
    acting.iiko.answers(NEW, body, status=status)
    acting.iiko.answers(OLD, QUEUED)

    command = assigned(acting)

    assert set(acting.sent()) == {NEW, OLD}
    assert acting.sent().count(OLD) == 1
    assert (command.state, command.correlation_id) == ("sent", QUEUED["correlationId"])


def test_call_refused_again_and_again_is_left_alone_for_a_while(acting: Acting) -> None:
    acting.iiko.answers(NEW, "Not Found", status=404)
    acting.iiko.answers(OLD, QUEUED)
    acting.iiko.answers("commands/status", SUCCESS)
    acting.shows(status="Waiting", courierInfo=None)
    for _ in range(7):
        command = assigned(acting)
        acting.step_when_due(command)
        assert command.state == "confirmed"

    assert (acting.sent().count(NEW), acting.sent().count(OLD)) == (5, 7)


@pytest.mark.parametrize("lost", [requests.ReadTimeout(), (408, ""), (500, ""), "<html>"])
def test_nothing_follows_a_call_whose_outcome_nobody_knows(acting: Acting, lost: Any) -> None:
    status, body = lost if isinstance(lost, tuple) else (200, lost)
    acting.iiko.answers(NEW, body, status=status)
    acting.shows(status="Waiting", courierInfo=None)
    acting.shows(status="Waiting", courierInfo=courier())

    command = assigned(acting)
    assert command.state == "unknown"
    play_to_the_end(acting, command)

    assert acting.sent() == [NEW]
    assert (command.state, command.confirmed_by) == ("confirmed", "order")


def test_other_refusals_are_final(acting: Acting) -> None:
    acting.iiko.answers(NEW, refusal("no such courier", "CourierIdDoesNotExist"), status=400)

    command = assigned(acting)

    assert acting.sent() == [NEW]
    assert (command.state, command.error_code) == ("rejected", "CourierIdDoesNotExist")


def test_pos_that_turns_out_too_old_is_sent_the_older_call_once(acting: Acting) -> None:
    acting.iiko.answers(NEW, QUEUED)
    acting.iiko.answers(OLD, {"correlationId": OTHER_NAME})
    acting.iiko.answers("commands/status", TOO_OLD)
    acting.iiko.answers("commands/status", SUCCESS)
    acting.shows(status="Waiting", courierInfo=courier())
    command = assigned(acting)

    acting.step_when_due(command)
    assert (command.state, command.correlation_id, command.sent_at) == ("pending", "", None)
    play_to_the_end(acting, command)

    assert acting.sent() == [NEW, OLD]
    assert (command.state, command.confirmed_by) == ("confirmed", "status")
    asked = [body["correlationId"] for body in acting.iiko.bodies("commands/status")]
    assert asked == [QUEUED["correlationId"], OTHER_NAME]


def test_pos_that_is_too_old_for_both_refuses(acting: Acting) -> None:
    acting.iiko.answers(NEW, QUEUED)
    acting.iiko.answers(OLD, QUEUED)
    acting.iiko.answers("commands/status", TOO_OLD)
    command = assigned(acting)

    play_to_the_end(acting, command)

    assert acting.sent() == [NEW, OLD]
    assert (command.state, command.error_code) == ("rejected", "IikoFrontTooOldVersion")


def test_refusal_that_comes_late_is_not_followed_by_the_older_call(acting: Acting) -> None:
    acting.iiko.answers(NEW, QUEUED)
    acting.iiko.answers("commands/status", TOO_OLD)
    command = assigned(acting)
    acting.clock.move(16 * 60)

    acting.step_when_due(command)

    assert acting.sent() == [NEW]
    assert (command.state, command.error_code) == ("rejected", "IikoFrontTooOldVersion")


# --- taken off ---------------------------------------------------------------------------------------


@pytest.fixture
def driven(acting: Acting) -> Acting:
    acting.has(status="Waiting", courierInfo=courier())
    return acting


def test_courier_is_taken_off_once_the_order_shows_none(driven: Acting) -> None:
    driven.iiko.answers(NEW, QUEUED)

    command = assigned(driven, NOBODY)

    assert driven.body(NEW) == IDS | {"driverId": None}
    assert command.params == {"courier_id": None, "courier_name": None}
    assert Order.objects.get().courier_id == COURIER_ID
    driven.has(status="Waiting", courierInfo=None)
    command.refresh_from_db()
    assert (command.state, command.confirmed_by) == ("confirmed", "event")
    assert driven.get(f"orders/{command.order_id}")["courier_id"] is None


def test_taking_off_is_confirmed_by_the_order_that_was_read(driven: Acting) -> None:
    driven.iiko.answers(NEW, QUEUED)
    driven.iiko.answers("commands/status", SUCCESS)
    driven.shows(status="Waiting", courierInfo=None)
    command = assigned(driven, NOBODY)

    driven.step_when_due(command)

    assert (command.state, command.confirmed_by) == ("confirmed", "status")


def test_iikos_word_alone_does_not_prove_that_a_courier_is_off(driven: Acting) -> None:
    """That a null takes a courier off is a guess."""
    driven.iiko.answers(NEW, QUEUED)
    driven.iiko.answers("commands/status", SUCCESS)
    driven.shows(status="Waiting", courierInfo=courier())
    command = assigned(driven, NOBODY)

    driven.step_when_due(command)
    assert (command.state, command.error_code) == ("unknown", "not_shown")
    play_to_the_end(driven, command)

    assert (command.state, command.error_code) == ("expired", "not_shown")
    assert driven.sent() == [NEW]


@pytest.mark.parametrize(
    ("version", "order", "code"),
    [
        ("8.6.5", {"courierInfo": courier()}, "till_too_old"),
        ("8.6.6", {"courierInfo": None}, "already_so"),
        ("8.6.6", {"courierInfo": courier(), "status": "Closed"}, "order_closed"),
    ],
)
def test_courier_that_cannot_be_taken_off_is_refused(
    iiko: SimulatedIiko, version: str, order: dict[str, Any], code: str
) -> None:
    acting = Acting(iiko, pos_version=version)
    acting.has(**({"status": "Waiting"} | order))

    assert refused(acting.ask("assign-courier", NOBODY)) == (409, code)
    assert iiko.operations() == []


def test_pos_of_unknown_version_is_asked(iiko: SimulatedIiko) -> None:
    acting = Acting(iiko, pos_version="")
    acting.has(status="Waiting", courierInfo=courier())
    iiko.answers(NEW, QUEUED)
    iiko.answers("commands/status", TOO_OLD)

    command = assigned(acting, NOBODY)
    play_to_the_end(acting, command)

    assert acting.sent() == [NEW]
    assert (command.state, command.error_code) == ("rejected", "IikoFrontTooOldVersion")


@pytest.mark.parametrize(
    ("status", "body", "code"), [(401, NO_RIGHT, "right_missing"), (404, "Not Found", "refused")]
)
def test_older_call_cannot_take_a_courier_off(driven: Acting, status: int, body: Any, code: str) -> None:
    driven.iiko.answers(NEW, body, status=status)

    command = assigned(driven, NOBODY)

    assert set(driven.sent()) == {NEW}
    assert (command.state, command.error_code) == ("rejected", code)


def test_courier_must_be_named_or_null(driven: Acting) -> None:
    response = driven.ask("assign-courier", {})

    assert response.status_code == 400
    assert response.json()["errors"][0]["attr"] == "courier_id"
    assert OrderCommand.objects.count() == 0
