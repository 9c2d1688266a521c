"""A replay of everything rebuilds the orders in an empty mirror, to the last value."""

import json
from collections import defaultdict
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings, strategies as st

from iiko_client.json_reader import loads
from orders.models.order import Order, TimelineEntry
from tests.builders import ORGANIZATION_ID, drain, make_organization, post, soi_message
from tests.examples import examples
from tests.test_convergence import ORDERS, cloud_events, mirror, soi_messages
from webhooks.models.inbox import EventSource, WebhookEvent
from webhooks.reconciliation.store import store_orders
from webhooks.replay.dry_run import DryRun, dry_run_of

pytestmark = pytest.mark.django_db

EXAMPLES = examples(8, search=300)

Told = tuple[str, Any, Any, Any]


def stories() -> dict[Any, list[Told]]:
    """Return what the timeline of each order records of iiko, in its order."""
    told: dict[Any, list[Told]] = defaultdict(list)
    for entry in TimelineEntry.objects.select_related("order").order_by("id"):
        name = (entry.order.iiko_order_id, entry.order.external_order_id)
        if entry.what != "merged":  # names our own numbers
            told[name].append((entry.what, entry.from_value, entry.to_value, entry.happened_at))
    return dict(told)


def replay_results() -> list[tuple[int, str, str]]:
    replays = WebhookEvent.objects.filter(source=EventSource.REPLAY).order_by("replay_of_id")
    return list(replays.values_list("replay_of_id", "status", "reason"))


Traffic = list[tuple[str, dict[str, Any]]]


@st.composite
def cloud_traffic(draw: st.DrawFn) -> Traffic:
    """Cloud events with repeats and disorder, some brought by reconciliation or read after a command."""
    messages = draw(st.lists(cloud_events(), min_size=2, max_size=6))
    repeated = messages + draw(st.lists(st.sampled_from(messages), max_size=3))
    how = st.sampled_from(["webhook", "webhook", "reconcile", "command"])
    return [(draw(how), message) for message in draw(st.permutations(repeated))]


@st.composite
def mixed_traffic(draw: st.DrawFn) -> Traffic:
    """SOI messages among them; each order is named by both its ids (see test_convergence)."""
    named = [
        soi_message(kind="CREATE", order_id=order_id, external_id=f"S-{number}")
        for number, order_id in enumerate(ORDERS)
    ]
    updates = [one for one in draw(soi_messages()) if one["type"] == "UPDATE"]
    soi = [("webhook", message) for message in named + updates]
    return draw(st.permutations(soi + draw(cloud_traffic())))


def arrive(traffic: Traffic, batches: list[bool]) -> None:
    for number, (how, message) in enumerate(traffic):
        if how == "webhook":
            assert post(Client(), message).status_code == 200
        else:
            info = loads(json.dumps(message["eventInfo"]))  # numbers as an answer of iiko's is read
            store_orders(ORGANIZATION_ID, [info], source=EventSource(how))
        if batches[number % len(batches)]:
            drain()
    drain()


def replay_into_nothing() -> DryRun:
    """Wipe the mirror, ask what a replay would do, and do it."""
    Order.objects.all().delete()
    promised = dry_run_of(WebhookEvent.objects.all())
    call_command("replay_webhooks", stdout=StringIO(), stderr=StringIO())
    drain()
    return promised


def promised_rows(promised: DryRun) -> list[str]:
    assert {one.what for one in promised.changes} == {"new"}
    return sorted(str(getattr(one.row, "iiko_order_id", "")) for one in promised.changes)


given_traffic = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given_traffic
@given(traffic=cloud_traffic(), batches=st.lists(st.booleans(), min_size=1, max_size=5))
def test_orders_and_their_timelines_are_rebuilt(traffic: Traffic, batches: list[bool]) -> None:
    with transaction.atomic():
        make_organization()
        arrive(traffic, batches)
        before, told = mirror(), stories()
        promised = replay_into_nothing()
        again, told_again, ended = mirror(), stories(), replay_results()
        transaction.set_rollback(True)

    assert again == before
    assert told_again == told
    assert [(one.event_id, one.result.status, one.result.reason) for one in promised.results] == ended
    assert promised_rows(promised) == [str(row["iiko_order_id"]) for row in before]


@given_traffic
@given(traffic=mixed_traffic(), batches=st.lists(st.booleans(), min_size=1, max_size=5))
def test_orders_of_both_formats_are_rebuilt(traffic: Traffic, batches: list[bool]) -> None:
    """Their stories too, but in another order: messages under different ids are applied side by side."""
    with transaction.atomic():
        make_organization()
        arrive(traffic, batches)
        before = mirror()
        promised = replay_into_nothing()
        again = mirror()
        transaction.set_rollback(True)

    assert again == before
    assert promised_rows(promised) == [str(row["iiko_order_id"]) for row in before]
