"""Events of stop lists and shifts made at random, after the vendor's schema and beyond: none dies."""

import random
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings, strategies as st

from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListGroup
from sandbox.tests import vendor_schema
from tests.builders import ORGANIZATION_ID, drain, inbox, make_organization, post
from tests.examples import examples
from webhooks.models.inbox import WebhookEvent

pytestmark = pytest.mark.django_db

UUIDS = st.uuids().map(str)
# iiko tells of shifts that were; those of the future are refused, which has tests of its own.
_LATEST = datetime(2026, 1, 1)  # noqa: DTZ001  # iiko's times are written without a zone
MOMENTS = st.datetimes(max_value=_LATEST).map(lambda moment: moment.isoformat(" ", "milliseconds"))
ENVELOPE: dict[str, Any] = {
    "eventTime": MOMENTS,
    "organizationId": st.just(ORGANIZATION_ID),
    "correlationId": UUIDS,
}


def event(kind: str, info: Any) -> Any:
    """Make the envelope, of which the schema demands no field but where we look for the organization."""
    needed = {"eventType": st.just(kind), "organizationId": ENVELOPE["organizationId"]}
    spare = {name: value for name, value in ENVELOPE.items() if name not in needed}
    return st.fixed_dictionaries(needed, optional=spare | {"eventInfo": info})


SHIFTS = event(
    "PersonalShift",
    st.fixed_dictionaries(
        {"id": UUIDS, "opened": st.booleans(), "terminalGroupId": UUIDS},
        optional={"roleId": st.none() | UUIDS},
    ),
)
UPDATE = st.fixed_dictionaries({"id": UUIDS, "isFull": st.booleans()})
STOP_LISTS = event(
    "StopListUpdate", st.fixed_dictionaries({"terminalGroupsStopListsUpdates": st.lists(UPDATE, max_size=4)})
)
RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
BROKEN = st.one_of(
    event("PersonalShift", RUBBISH),
    event("StopListUpdate", RUBBISH),
    event(
        "PersonalShift",
        st.fixed_dictionaries(
            {"id": RUBBISH, "opened": RUBBISH, "terminalGroupId": RUBBISH, "roleId": RUBBISH}
        ),
    ),
    event("StopListUpdate", st.fixed_dictionaries({"terminalGroupsStopListsUpdates": st.lists(RUBBISH)})),
)
OFTEN = settings(
    max_examples=examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(autouse=True)
def _restaurant(db: None) -> None:
    make_organization()


def arrive(events: list[Any]) -> None:
    WebhookEvent.objects.all().delete()
    response = post(Client(), events)
    assert response.status_code == 200, response.content
    drain()


@OFTEN
@given(events=st.lists(SHIFTS | STOP_LISTS, min_size=1, max_size=8))
def test_events_of_the_schema_are_applied_or_kept_with_a_reason(events: list[Any]) -> None:
    arrive(events)

    for one in inbox():
        # A stop list's message is a bell, whatever it says.
        is_told = one.event_type == "StopListUpdate" or (one.payload.get("eventInfo") and one.event_time)
        expected = "processed" if is_told else "ignored"
        assert (one.status, bool(one.reason)) == (expected, expected == "ignored"), one.payload


@vendor_schema.needs_schema
@OFTEN
@given(shift=SHIFTS, stop_list=STOP_LISTS)
def test_what_is_made_here_fits_the_vendors_schema(shift: Any, stop_list: Any) -> None:
    assert vendor_schema.errors("WebHooks.PersonalShiftWebHookEventInfo", shift) == []
    assert vendor_schema.errors("WebHooks.StopListUpdateWebHookEventInfo", stop_list) == []


@OFTEN
@given(events=st.lists(BROKEN, min_size=1, max_size=5))
def test_broken_events_are_kept_and_none_dies(events: list[Any]) -> None:
    arrive(events)

    assert {one.status for one in inbox()} <= {"processed", "ignored"}
    assert all(one.reason for one in inbox() if one.status == "ignored")


@settings(OFTEN, max_examples=examples(10))
@given(events=st.lists(SHIFTS | STOP_LISTS, min_size=2, max_size=8), seed=st.integers(0, 10**6))
def test_disorder_and_repeats_end_in_the_same_rows(events: list[Any], seed: int) -> None:
    few = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"]
    for at, one in enumerate(events):
        if isinstance(info := one.get("eventInfo"), dict) and "id" in info:
            info["id"], info["terminalGroupId"] = few[at % 2], few[0]
    ended = []
    shuffled = [*events, *events]
    random.Random(seed).shuffle(shuffled)

    for batch in (events, shuffled):
        Shift.objects.all().delete()
        StopListGroup.objects.all().delete()
        arrive(batch)
        ended.append(
            (
                set(
                    Shift.objects.values_list(
                        "employee_id",
                        "terminal_group_id",
                        "opened_at",
                        "closed_at",
                        "opening_role_id",
                        "is_open",
                    )
                ),
                set(StopListGroup.objects.values_list("terminal_group_id", "is_full")),
            )
        )

    assert ended[0] == ended[1]
