"""Every type of event that the vendor names is handled or kept on purpose, and none is ever lost."""

import json
from collections import Counter
from functools import cache
from random import Random
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings, strategies as st

from iiko_client.models.events import EVENT_TYPES, SOI_TYPES
from iiko_client.tests.harness import SCHEMA
from sandbox.tests import vendor_schema
from tests.builders import (
    CORRELATION_ID,
    ORDER_ID,
    ORGANIZATION_ID,
    REVISION,
    drain,
    inbox,
    make_organization,
    post,
)
from tests.examples import examples
from tests.vendor_examples import example
from webhooks.models.inbox import WebhookEvent
from webhooks.processing.handlers import HANDLERS, KEPT
from webhooks.replay.dry_run import dry_run_of

pytestmark = pytest.mark.django_db

ENDED = {"processed", "stale", "ignored"}
EXAMPLES = examples(8)
"""For each type, some events each."""


@pytest.mark.parametrize("event_type", [*EVENT_TYPES, *SOI_TYPES])
def test_type_is_handled_or_kept_on_purpose(event_type: str) -> None:
    assert (event_type in HANDLERS) != (event_type in KEPT)


@vendor_schema.needs_schema
def test_list_of_types_is_the_vendors() -> None:
    (names,) = [schema["enum"] for name, schema in components().items() if name.endswith(".WebHookEventType")]

    assert list(EVENT_TYPES) == names


@pytest.mark.parametrize("event_type", sorted(KEPT))
@pytest.mark.parametrize("info", [{"id": ORDER_ID, "anything": [1, {"deep": None}]}, {}, None, [], "text", 7])
def test_kept_type_is_kept_whatever_it_holds(event_type: str, info: Any) -> None:
    make_organization()
    event = {"eventType": event_type, "organizationId": ORGANIZATION_ID, "eventInfo": info}

    assert post(Client(), event).json() == {"status": "OK"}
    drain()

    (kept,) = inbox()
    assert (kept.status, kept.reason, kept.payload) == ("ignored", KEPT[event_type], event)
    assert post(Client(), event).json() == {"status": "OK"}
    assert [one.duplicates for one in inbox()] == [1]


@pytest.mark.parametrize("event_type", ["DroneLanded", "", "x" * 300, "CREATE"])
def test_unknown_type_is_kept(event_type: str) -> None:
    make_organization()

    post(
        Client(), {"eventType": event_type, "organizationId": ORGANIZATION_ID, "eventInfo": {"id": ORDER_ID}}
    )
    drain()

    (kept,) = inbox()
    assert (kept.status, kept.reason, kept.event_type) == ("ignored", "unknown_type", event_type[:100])


# --- whatever the vendor's schema allows -------------------------------------------------------------


@cache
def components() -> dict[str, Any]:
    """List the vendor's types, with their full names."""
    found: dict[str, Any] = json.loads(SCHEMA.read_text())["components"]["schemas"]
    return found


def has_schema(event_type: str) -> bool:
    return any(name.endswith(f".WebHooks.{event_type}WebHookEventInfo") for name in components())


def random_event(event_type: str, random: Random) -> dict[str, Any]:
    """Draw an event as the schema describes it; often of the restaurant here, of a known entity."""
    event: dict[str, Any] = {}
    if has_schema(event_type):
        event = example(f"WebHooks.{event_type}WebHookEventInfo", random)
    info = event.get("eventInfo")
    is_ours = random.random() < 0.85
    event["eventType"] = event_type
    if is_ours:
        event |= {"organizationId": ORGANIZATION_ID, "correlationId": CORRELATION_ID}
    if isinstance(info, dict) and is_ours:
        ours = {
            "id": f"00000000-0000-4000-8000-{random.randrange(3):012d}",
            "organizationId": ORGANIZATION_ID,
            "timestamp": REVISION + random.randrange(5),
        }
        info |= {name: value for name, value in ours.items() if name in info}
    return event


@vendor_schema.needs_schema
@pytest.mark.parametrize("event_type", EVENT_TYPES)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
        HealthCheck.large_base_example,
    ],
)
@given(random=st.randoms(use_true_random=False), count=st.integers(1, 4))
def test_random_events_all_end(event_type: str, random: Random, count: int) -> None:
    """All are answered 200, and end as applied, outdated or not applied for a reason; a replay too."""
    with transaction.atomic():
        make_organization()
        events = [random_event(event_type, random) for _ in range(count)]
        assert [post(Client(), event).status_code for event in events] == [200] * count
        drain()
        found = list(WebhookEvent.objects.values_list("status", "reason", "processing_error"))
        told = [one.result for one in dry_run_of(WebhookEvent.objects.all()).results]
        transaction.set_rollback(True)

    assert {status for status, _reason, _error in found} <= ENDED, found
    assert all(reason for status, reason, _error in found if status == "ignored")
    assert {result.status for result in told} <= ENDED, told


@vendor_schema.needs_schema
@pytest.mark.parametrize("event_type", [name for name in EVENT_TYPES if name not in KEPT])
def test_random_events_of_a_handled_type_are_mostly_applied(event_type: str) -> None:
    """Otherwise the test above would prove nothing."""
    make_organization()
    random = Random(event_type)
    post(Client(), [random_event(event_type, random) for _ in range(60)])
    drain()

    ended = Counter(WebhookEvent.objects.values_list("status", flat=True))
    assert ended["processed"] + ended["stale"] > 15
