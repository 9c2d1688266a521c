"""What a dry run tells of events of every type is what a replay of them then does."""

import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client

from hall.models import Reserve, TableOrder
from iiko_client.models.events import EVENT_TYPES
from orders.models.order import Order
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListGroup
from tests.builders import (
    ORGANIZATION_ID,
    cloud_event,
    drain,
    make_organization,
    post,
    reserve_event,
    shift_event,
    stop_list_event,
    table_order_event,
)
from tests.test_every_event_type import random_event
from tests.test_payloads import PAYLOADS
from webhooks.models.inbox import WebhookEvent
from webhooks.replay import replay_all
from webhooks.replay.dry_run import DryRun, compared_fields, dry_run_of

pytestmark = pytest.mark.django_db

COMPARED: dict[type[Model], tuple[str, ...]] = {
    **{model: compared_fields(model) for model in (Order, TableOrder, Reserve, Shift)},
    StopListGroup: ("changed_since",),
}
OURS_BY_THE_CLOCK = {"changed_since"}
"""Two runs cannot write the same moment; that it is written is compared."""

Rows = dict[tuple[type[Model], int], dict[str, Any]]
BUILDERS = (cloud_event, table_order_event, reserve_event, shift_event, stop_list_event)


def rows() -> Rows:
    return {
        (model, row.pk): {name: plain(name, getattr(row, name)) for name in names}
        for model, names in COMPARED.items()
        for row in model._default_manager.all()
    }


def plain(name: str, value: Any) -> Any:
    return value is not None if name in OURS_BY_THE_CLOCK else value


def of_the_schema(random: Random) -> list[Any]:
    return [random_event(random.choice(EVENT_TYPES), random) for _ in range(60)]


def of_the_payloads(random: Random) -> list[Any]:
    """Draw the project's own bodies, moved into the one restaurant, some of them without their fields."""
    found: list[Any] = []
    for file in sorted(PAYLOADS.glob("*.json")):
        body = json.loads(file.read_text())
        for event in body if isinstance(body, list) else [body]:
            event |= {"organizationId": ORGANIZATION_ID}
            if (info := event.get("eventInfo")) and random.random() < 0.3:
                info.pop(random.choice(list(info)))
            if "organizationId" in (event.get("eventInfo") or {}):
                event["eventInfo"]["organizationId"] = ORGANIZATION_ID
            found.append(event)
    return found


def traffic(random: Random, events: list[Any]) -> list[Any]:
    """Draw these events among some that certainly mean something, with repeats."""
    events = list(events)
    events += [random.choice(BUILDERS)() for _ in range(5)]
    events += [
        shift_event(
            event_time=f"2026-03-14 {hour:02}:00:00.000",
            is_opened=random.random() < 0.5,
            organization_id=ORGANIZATION_ID,
        )
        for hour in random.sample(range(24), 8)
    ]
    return random.sample(events, len(events)) + random.sample(events, 10)


def disturb(random: Random) -> None:
    """Let rows get lost or say something else, so that a replay has something to do."""
    for model in COMPARED:
        for row in model._default_manager.all():
            if random.random() < 0.4:
                row.delete()
    TableOrder.objects.update(status="Bill", amount_minor=100)
    Reserve.objects.update(guests_count=77, comment="not what iiko said")
    StopListGroup.objects.update(changed_since=None)


def told_rows(told: DryRun) -> Counter[tuple[Any, ...]]:
    return Counter(
        (
            type(change.row),
            change.what,
            change.pk,
            tuple(
                sorted(
                    (one.name, repr(plain(one.name, one.before)), repr(plain(one.name, one.after)))
                    for one in change.fields
                )
            ),
        )
        for change in told.changes
        if type(change.row) in COMPARED
    )


def done_rows(before: Rows, after: Rows) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for model, pk in before.keys() | after.keys():
        was, now = before.get((model, pk)), after.get((model, pk))
        if was is None and now is not None:
            fields = [
                (name, repr(plain(name, None)), repr(value))
                for name, value in now.items()
                if value not in (None, "", [], {})
            ]
            found[model, "new", None, tuple(sorted(fields))] += 1
        elif was is not None and now is None:
            found[model, "gone", pk, ()] += 1
        elif was is not None and now is not None and was != now:
            fields = [(name, repr(was[name]), repr(now[name])) for name in was if was[name] != now[name]]
            found[model, "changed", pk, tuple(sorted(fields))] += 1
    return found


@pytest.mark.parametrize("make", [of_the_payloads, pytest.param(of_the_schema, marks=pytest.mark.vendor)])
@pytest.mark.parametrize("seed", range(4))
def test_replay_does_what_the_dry_run_told(make: Callable[[Random], list[Any]], seed: int) -> None:
    random = Random(seed)
    make_organization()
    assert post(Client(), traffic(random, make(random))).status_code == 200
    drain()
    disturb(random)
    asked = WebhookEvent.objects.all()
    before = rows()

    told = dry_run_of(asked)
    assert rows() == before
    list(replay_all(asked))
    drain()

    done = {
        one.replay_of_id: (one.status, one.reason)
        for one in WebhookEvent.objects.filter(replay_of__isnull=False)
    }
    results = {one.event_id: (str(one.result.status), str(one.result.reason)) for one in told.results}
    assert results == done
    assert told_rows(told) == done_rows(before, rows())
    assert {what for _model, what, *_ in told_rows(told)} == {"new", "changed"}
    assert {status for status, _reason in done.values()} == {"processed", "stale", "ignored"}
