"""The body of an event: its type, when it happened, and the present state of what it is about.

``data`` is read when the body is made, shortly after the change: of two changes in quick succession both may
show the second. What each of them did is in ``changes``.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import DateTimeField, Model

from attention.models.items import AttentionItem
from iiko_client.json_reader import JsonObject
from iiko_client.models.order_lines import iso
from loyalty.models import LoyaltyOperation
from orders.models.command import OrderCommand
from orders.models.order import MergedOrder, Order
from organizations.models.stop_lists import StopListItem
from outbound.events import examples
from outbound.events.data import READERS, READERS_WITHOUT_PEOPLE, Rows
from outbound.events.people import without_people
from outbound.models.events import EventType, OutboundEvent

_MODELS: tuple[type[Model], ...] = (Order, OrderCommand, LoyaltyOperation, StopListItem, AttentionItem)
_MOMENTS = frozenset(
    field.name for model in _MODELS for field in model._meta.get_fields() if isinstance(field, DateTimeField)
)


def render_bodies(events: Sequence[OutboundEvent], *, with_people: bool) -> dict[int, str]:
    """Return the JSON of each event by its pk; a few queries, however many events there are.

    ``with_people``: names, phones and words of guests are in it; without it they are masked.
    """
    rows = _read(events, with_people=with_people)
    merged = _survivors(events)
    bodies: dict[int, str] = {}
    for event in events:
        data = _data(event, rows[event.entity_type], merged)
        shown = data if with_people else without_people(event.entity_type, data)
        body = {"type": event.event_type, "timestamp": iso(event.occurred_at), "data": shown}
        bodies[event.pk] = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return bodies


def _read(events: Iterable[OutboundEvent], *, with_people: bool) -> defaultdict[str, Rows]:
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    for event in events:
        if event.row_id is not None:
            wanted[event.entity_type].add(event.row_id)
    readers = READERS if with_people else READERS_WITHOUT_PEOPLE
    read = {about: readers[about](ids) for about, ids in wanted.items() if about in readers}
    return defaultdict(dict, read)


def _survivors(events: Iterable[OutboundEvent]) -> dict[int, int]:
    """Find which orders replace those that are gone."""
    gone = [event.row_id for event in events if event.event_type == EventType.ORDER_MERGED]
    found = MergedOrder.objects.filter(pk__in=[ident for ident in gone if ident is not None])
    return dict(found.values_list("pk", "order_id")) if gone else {}


def _data(event: OutboundEvent, rows: Rows, merged: Mapping[int, int]) -> JsonObject:
    if event.event_type == EventType.TEST:
        return examples.TEST
    ident = event.row_id
    own: JsonObject = {"organization_id": event.organization_id}
    if event.event_type == EventType.ORDER_MERGED:
        survivor = merged.get(ident) if ident is not None else None
        return {"id": ident, "merged_into": survivor, **own, "changes": {}}
    row = rows.get(ident) if ident is not None else None
    if row is None:  # deleted meanwhile
        return {"id": ident, **own, "changes": _changes(event, event.changes)}
    return {**row, **own, "changes": _changes(event, row)}


def _changes(event: OutboundEvent, shown: Mapping[str, object]) -> JsonObject:
    """Return from and to of the fields that are shown. Of personal ones and long texts there are none."""
    return {
        name: {side: _value(name, value) for side, value in change.items()}
        for name, change in event.changes.items()
        if name in shown
    }


def _value(name: str, value: object) -> object:
    """Write what a trigger wrote as the API does."""
    if name not in _MOMENTS or not isinstance(value, str):
        return value
    return iso(datetime.fromisoformat(value))
