"""Cancelling food that is made: what writes it off, and what is asked for."""

from typing import Any

import pytest

from tests.acting import QUEUED, REMOVAL_ID, Acting, make_removal_type, refused
from tests.builders import ORDER_ID, ORGANIZATION_ID, product
from tests.simulated_iiko import SimulatedIiko

pytestmark = pytest.mark.django_db

IDS = {"organizationId": ORGANIZATION_ID, "orderId": ORDER_ID}
HARMLESS_ID = "3c4d5e6f-0000-4000-8000-000000000004"
LATE = {"cancel_reason": "Долго"}
MADE: list[dict[str, Any]] = [
    {"status": "CookingStarted"},
    {"status": "OnWay"},
    {"status": "WaitCooking", "whenPrinted": None, "items": [product()]},
    {"status": "CookingStarted", "whenPrinted": None, "items": []},
]


def harmless() -> None:
    make_removal_type(HARMLESS_ID, "Без списания", can_write_off_to_cafe=False)


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    return Acting(iiko)


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize(
    ("action", "body"), [("cancel", LATE), ("cancel", {}), ("update-status", {"status": "Cancelled"})]
)
def test_made_food_is_written_off_by_the_one_type_that_does(
    acting: Acting, made: dict[str, Any], action: str, body: dict[str, Any]
) -> None:
    make_removal_type()
    harmless()
    acting.has(**made)
    acting.iiko.answers("deliveries/cancel", QUEUED)

    command = acting.asked(action, body)
    acting.step(command)

    assert acting.body("deliveries/cancel")["removalTypeId"] == REMOVAL_ID
    assert command.params["removal_type"] == "Списание"


@pytest.mark.parametrize("made", MADE)
def test_made_food_is_never_written_off_nowhere_unasked(acting: Acting, made: dict[str, Any]) -> None:
    harmless()
    acting.has(**made)

    response = acting.ask("cancel", LATE, headers={"Accept-Language": "en"})

    assert refused(response) == (422, "removal_type_needed")
    assert response.json()["errors"][0]["detail"] == (
        "Food of this order is made already: say how it is removed. Give removal_type_id: "
        f"Без списания (nothing is written off) = {HARMLESS_ID}."
    )
    assert acting.iiko.operations() == []


def test_type_that_writes_nothing_off_is_taken_where_it_is_asked_for(acting: Acting) -> None:
    make_removal_type()
    harmless()
    acting.has(status="CookingStarted")
    acting.iiko.answers("deliveries/cancel", QUEUED)

    acting.step(acting.asked("cancel", LATE | {"removal_type_id": HARMLESS_ID}))

    assert acting.body("deliveries/cancel") == IDS | {
        "cancelComment": "Долго",
        "removalTypeId": HARMLESS_ID,
        "removalComment": "Долго",
    }


def test_nobody_is_charged_unasked(acting: Acting) -> None:
    make_removal_type(can_write_off_to_cafe=False, can_write_off_to_waiter=True)
    acting.has(status="CookingStarted")

    response = acting.ask("cancel", LATE, headers={"Accept-Language": "en"})

    assert refused(response) == (422, "removal_type_needed")
    assert "Списание (written off to: the waiter)" in response.json()["errors"][0]["detail"]


def test_food_that_is_not_made_needs_no_removal_type(acting: Acting) -> None:
    harmless()
    acting.has(status="WaitCooking", whenPrinted=None, items=[product(whenPrinted=None)])
    acting.iiko.answers("deliveries/cancel", QUEUED)

    acting.step(acting.asked("cancel", LATE))

    assert acting.body("deliveries/cancel") == IDS | {"cancelComment": "Долго"}


def test_pos_that_knows_no_removal_types_is_asked_without(iiko: SimulatedIiko) -> None:
    acting = Acting(iiko, pos_version="7.7.0")
    harmless()
    acting.has(status="CookingStarted")
    iiko.answers("deliveries/cancel", QUEUED)

    acting.step(acting.asked("cancel", LATE))

    assert acting.body("deliveries/cancel") == IDS


def test_kitchen_known_by_its_status_alone_is_left_to_the_pos_without_types(acting: Acting) -> None:
    acting.has(status="CookingStarted", whenPrinted=None, items=[])
    acting.iiko.answers("deliveries/cancel", QUEUED)

    acting.step(acting.asked("cancel", LATE))

    assert acting.body("deliveries/cancel") == IDS | {"cancelComment": "Долго"}
