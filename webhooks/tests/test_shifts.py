"""PersonalShift events, by the public door: the same shifts whatever order they come in."""

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from organizations.models.organization import Organization
from organizations.models.shifts import Shift
from organizations.shifts.pairing import ShiftReport, apply_shift_reports
from tests.builders import (
    COURIER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    TERMINAL_GROUP_ID,
    arrive,
    drain,
    inbox,
    make_organization,
    make_other_organization,
    post,
    shift_event,
)

pytestmark = pytest.mark.django_db

ROLE_ID = "a1a2a3a4-b1b2-4c3c-8d4d-e5e6e7e8e9f0"
OTHER_GROUP_ID = "1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9"


def opened(clock: str, **changes: Any) -> dict[str, Any]:
    return shift_event(event_time=f"2026-03-14 {clock}:00.000", **changes)


def closed(clock: str, **changes: Any) -> dict[str, Any]:
    return opened(clock, is_opened=False, **changes)


def told() -> list[tuple[str | None, str | None, bool]]:
    """List opening, closing and whether it is open, of every shift in order."""
    rows = Shift.objects.order_by("began_at", "id")
    return [(_clock(one.opened_at), _clock(one.closed_at), one.is_open) for one in rows]


def _clock(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%H:%M}"


def test_opening_makes_a_shift_with_every_value() -> None:
    make_organization()

    arrive(opened("06:00", role_id=ROLE_ID))

    shift = Shift.objects.get()
    assert (shift.organization_id, shift.terminal_group_id, shift.employee_id, shift.role_id) == (
        ORGANIZATION_ID,
        TERMINAL_GROUP_ID,
        COURIER_ID,
        ROLE_ID,
    )
    assert (shift.opened_at, shift.closed_at) == (datetime(2026, 3, 14, 6, tzinfo=UTC), None)
    assert (shift.is_open, shift.began_at) == (True, shift.opened_at)
    assert [(event.status, event.reason, event.notes) for event in inbox()] == [("processed", "", [])]


def test_closing_ends_the_shift_and_keeps_its_row() -> None:
    make_organization()
    arrive(opened("06:00"))
    before = Shift.objects.get().pk

    arrive(closed("15:30"))

    assert (Shift.objects.get().pk, told()) == (before, [("06:00", "15:30", False)])


DAY = (
    opened("06:00"),
    closed("10:00"),
    opened("11:00"),
    closed("15:00"),
    closed("16:00"),
    opened("17:00"),
    opened("20:00"),
)
DAY_TOLD = [
    ("06:00", "10:00", False),
    ("11:00", "15:00", False),
    (None, "16:00", False),
    ("17:00", None, False),
    ("20:00", None, True),
]


@pytest.mark.parametrize("seed", range(40))
def test_any_order_one_by_one_or_together_ends_in_the_same_shifts(seed: int) -> None:
    make_organization()
    dice = random.Random(seed)
    events = list(DAY)
    dice.shuffle(events)

    while events:
        number = dice.randint(1, 3)
        arrive(*events[:number])
        events = events[number:]

    assert told() == DAY_TOLD


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_every_order_of_three_ends_in_the_same_shifts(order: tuple[int, ...]) -> None:
    make_organization()
    events = (opened("06:00"), closed("10:00"), opened("11:00"))

    for at in order:
        arrive(events[at])

    assert told() == [("06:00", "10:00", False), ("11:00", None, True)]


def test_late_opening_does_not_reopen_a_shift() -> None:
    make_organization()
    arrive(closed("15:00"))

    arrive(opened("06:00"))

    assert told() == [("06:00", "15:00", False)]


def test_repeat_changes_nothing() -> None:
    make_organization()

    arrive(opened("06:00"), opened("06:00"))
    arrive(opened("06:00"))

    assert told() == [("06:00", None, True)]
    assert [event.duplicates for event in inbox()] == [2]


def test_second_opening_leaves_the_end_of_the_first_unknown() -> None:
    make_organization()

    arrive(opened("06:00"), opened("12:00"))

    assert told() == [("06:00", None, False), ("12:00", None, True)]
    now = datetime(2026, 3, 14, 13, tzinfo=UTC)
    assert [one.span(now) for one in Shift.objects.order_by("began_at")] == [None, timedelta(hours=1)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_both_at_one_moment_leave_nobody_on_shift(order: tuple[int, int]) -> None:
    make_organization()
    events = (opened("06:00"), closed("06:00"))

    for at in order:
        arrive(events[at])

    assert told() == [("06:00", "06:00", False)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_roles_at_one_moment_the_same_one_counts(order: tuple[int, int]) -> None:
    make_organization()
    events = (opened("06:00"), opened("06:00", role_id=ROLE_ID))

    for at in order:
        arrive(events[at])

    assert [shift.role_id for shift in Shift.objects.all()] == [ROLE_ID]


def test_role_of_a_closing_leaves_with_it() -> None:
    make_organization()
    arrive(opened("06:00"), closed("15:00", role_id=ROLE_ID))
    assert [shift.role_id for shift in Shift.objects.all()] == [ROLE_ID]

    arrive(opened("12:00"))

    shifts = Shift.objects.order_by("began_at")
    assert [(_clock(shift.closed_at), shift.role_id) for shift in shifts] == [(None, ""), ("15:00", ROLE_ID)]


def test_people_groups_and_restaurants_are_kept_apart() -> None:
    make_organization()
    make_other_organization()

    arrive(opened("06:00"), opened("06:00", terminal_group_id=OTHER_GROUP_ID))
    arrive(opened("06:00", organization_id=OTHER_ORGANIZATION_ID), token=OTHER_TOKEN)
    arrive(closed("09:00", terminal_group_id=OTHER_GROUP_ID))

    rows = [(one.organization_id, one.terminal_group_id, one.is_open) for one in Shift.objects.order_by("id")]
    assert rows == [
        (ORGANIZATION_ID, TERMINAL_GROUP_ID, True),
        (ORGANIZATION_ID, OTHER_GROUP_ID, False),
        (OTHER_ORGANIZATION_ID, TERMINAL_GROUP_ID, True),
    ]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (shift_event(envelope={"eventInfo": None}), "no_content"),
        (shift_event(envelope={"eventInfo": ["x"]}), "no_content"),
        (shift_event(info={"id": None}), "unreadable"),
        (shift_event(info={"terminalGroupId": {"a": 1}}), "unreadable"),
        (shift_event(info={"opened": "yes"}), "unreadable"),
        (shift_event(event_time="soon"), "no_time"),
        (shift_event(envelope={"eventTime": None}), "no_time"),
        (shift_event(organization_id=OTHER_ORGANIZATION_ID), "unknown_organization"),
    ],
)
def test_what_cannot_be_understood_is_kept_with_a_reason(event: dict[str, Any], reason: str) -> None:
    make_organization()

    arrive(event)

    assert [(one.status, one.reason) for one in inbox()] == [("ignored", reason)]
    assert not Shift.objects.exists()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_clock_far_ahead_does_not_end_the_shifts_of_today(order: tuple[int, int]) -> None:
    make_organization()
    events = (opened("06:00"), shift_event(event_time="9999-12-31 23:59:59.999"))

    for at in order:
        arrive(events[at])

    ahead = inbox()[order.index(1)]
    assert (ahead.status, ahead.reason) == ("ignored", "no_time")
    assert ahead.processing_error == "eventTime lies ahead: 9999-12-31 23:59 UTC."
    assert told() == [("06:00", None, True)]


def test_clock_a_little_ahead_is_believed() -> None:
    make_organization()
    soon = timezone.now() + timedelta(hours=23)

    arrive(shift_event(event_time=f"{soon:%Y-%m-%d %H:%M:%S}.000"))

    assert [event.status for event in inbox()] == ["processed"]


def test_restaurant_that_is_switched_off_gets_no_shift() -> None:
    organization = make_organization()
    post(Client(), [opened("06:00")])
    Organization.objects.filter(pk=organization.pk).update(is_active=False)

    drain()

    assert [(one.status, one.reason) for one in inbox()] == [("ignored", "inactive_organization")]
    assert not Shift.objects.exists()


def test_many_people_in_one_batch_cost_a_fixed_number_of_queries(
    django_assert_max_num_queries: Any,
) -> None:
    make_organization()
    now = timezone.now()
    reports = [
        ShiftReport(ORGANIZATION_ID, f"person-{number}", TERMINAL_GROUP_ID, now + timedelta(hours=hour), True)
        for number in range(50)
        for hour in range(2)
    ]

    with django_assert_max_num_queries(4):
        apply_shift_reports(reports)

    assert Shift.objects.count() == 100
