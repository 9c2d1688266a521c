"""Events made at random from the vendor's schema are applied or kept with a reason; none ends as dead."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from django.db import models
from django.test import Client

from hall.models import HallRow, Reserve, TableOrder
from sandbox.tests.vendor_schema import errors, needs_schema
from tests.builders import CORRELATION_ID, ORGANIZATION_ID, REVISION, drain, make_organization, post
from tests.vendor_examples import example
from webhooks.models.inbox import WebhookEvent

pytestmark = [pytest.mark.django_db, needs_schema]

EVENTS = 150

KINDS: dict[str, tuple[str, str, type[HallRow]]] = {
    "TableOrderUpdate": ("TableOrders.Response.TableOrderInfo", "order", TableOrder),
    "TableOrderError": ("TableOrders.Response.TableOrderInfo", "order", TableOrder),
    "ReserveUpdate": ("Reserves.ReserveInfo", "reserve", Reserve),
    "ReserveError": ("Reserves.ReserveInfo", "reserve", Reserve),
}


def events_of(kind: str, seed: int) -> list[dict[str, Any]]:
    random = Random(f"{kind}/{seed}")
    component = KINDS[kind][0]
    events = []
    for number in range(EVENTS):
        info = example(component, random)
        assert errors(component, info) == []
        # A few entities, so that they meet; the restaurant that is here.
        info |= {
            "id": f"00000000-0000-4000-8000-{random.randrange(12):012d}",
            "organizationId": ORGANIZATION_ID,
            "timestamp": REVISION + random.randrange(30),
        }
        events.append(
            {
                "eventType": kind,
                "eventTime": f"2026-03-14 13:{number % 60:02d}:53.100",
                "organizationId": ORGANIZATION_ID,
                "correlationId": CORRELATION_ID,
                "eventInfo": info,
            }
        )
    return events


def mirror(model: type[models.Model]) -> list[dict[str, Any]]:
    ours = {"id", "created_at", "updated_at", "field_precedence"}
    names = [field.attname for field in model._meta.concrete_fields if field.attname not in ours]
    return sorted(model._default_manager.values(*names), key=lambda row: str(row["iiko_id"]))


@pytest.mark.parametrize("kind", KINDS)
def test_random_events_are_applied_and_end_the_same_in_any_order(kind: str) -> None:
    _, content, model = KINDS[kind]
    make_organization()
    events = events_of(kind, seed=1)
    for event in events:
        assert post(Client(), event).status_code == 200
    drain()

    ended = Counter(WebhookEvent.objects.values_list("status", flat=True))
    assert set(ended) <= {"processed", "stale"}
    assert ended["processed"] > EVENTS / 5
    assert sum(1 for event in events if event["eventInfo"].get(content)) > EVENTS / 5
    rows = mirror(model)
    assert len(rows) == 12

    WebhookEvent.objects.all().delete()
    model._default_manager.all().delete()
    again = [*events, *events[:40]]
    Random(kind).shuffle(again)
    for at in range(0, len(again), 7):
        assert post(Client(), again[at : at + 7]).status_code == 200
        if at % 3 == 0:
            drain()
    drain()

    assert mirror(model) == rows
    assert sum(WebhookEvent.objects.values_list("duplicates", flat=True)) >= 40


def test_rows_of_random_events_are_shown(client: Client) -> None:
    """Whatever the schema allows, the pages and the API can put it in words."""
    make_organization()
    for kind in KINDS:
        for event in events_of(kind, seed=2)[:40]:
            post(client, event)
    drain()
    assert TableOrder.objects.count() + Reserve.objects.count() == 24
