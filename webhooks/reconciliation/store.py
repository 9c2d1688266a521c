"""What reconciliation reads becomes inbox events, unless the hub knows it already.

An order in an answer is exactly the ``eventInfo`` of a webhook (docs/iiko.md#one-shape-of-orders), so
it is stored as the webhook that should have brought it, without ``eventTime`` and ``correlationId``,
which no answer tells. Where both say the same of an order they have the same key, and the later one is
a repeat. They need not: a webhook may carry the shop's own data (``externalData``) that an answer
leaves out. So a state is known when the hub has heard of that order at that revision or a later one.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from django.db import connection

from core.database import db_clock
from core.mirror.precedence import AHEAD, milliseconds
from iiko_client import json_writer
from iiko_client.json_reader import JsonObject
from iiko_client.models.statuses import CreationStatus, normalise_creation_status
from orders.mirror.unlisted import note_listed
from webhooks.models.inbox import EventSource
from webhooks.receiving.inbox import event_of, store
from webhooks.receiving.insert import NewEvent
from webhooks.receiving.parser import Message, NotMessages, read_body
from webhooks.receiving.tokens import Scope

logger = logging.getLogger(__name__)

AT_ONCE = 200
_EVERYONE = Scope(frozenset(), everyone=True)

# The inbox for what is not applied yet, the mirror for what the inbox no longer holds. An event that
# was not applied (its restaurant was switched off) is heard of, but not known.
_HEARD_OF = """
SELECT wanted.id, greatest(brought.revision, CASE WHEN o.revision <= %(latest)s THEN o.revision END),
       coalesce(brought.was_ignored, false)
FROM unnest(%(ids)s::text[]) AS wanted(id)
CROSS JOIN LATERAL (
    SELECT max(e.revision) FILTER (WHERE e.status <> 'ignored' AND e.revision <= %(latest)s) AS revision,
           bool_or(e.status = 'ignored') AS was_ignored
    FROM webhook_events e WHERE e.entity_key = wanted.id AND e.organization_id = %(organization)s
) AS brought
LEFT JOIN orders o ON o.iiko_order_id = wanted.id AND o.organization_id = %(organization)s
"""


@dataclass(frozen=True, slots=True)
class _Heard:
    revision: int | None
    was_ignored: bool


def store_orders(
    organization_id: str,
    infos: Sequence[JsonObject],
    *,
    source: EventSource = EventSource.RECONCILE,
    dry_run: bool = False,
) -> int:
    """Store the states of orders that the hub does not know; returns how many. Repeating it stores none.

    ``source`` says why they were read: what is read after a command was not missed by webhooks.
    ``dry_run`` only counts.
    """
    found = 0
    for at in range(0, len(infos), AT_ONCE):
        some = infos[at : at + AT_ONCE]
        if not dry_run:
            listed = {str(info.get("id", "")).lower() for info in some}
            note_listed(organization_id, listed, now=db_clock.now())
        events = list(_unknown(organization_id, some, source))
        found += len(events) if dry_run else store(events)
    return found


def _unknown(organization_id: str, infos: Sequence[JsonObject], source: EventSource) -> Iterator[NewEvent]:
    events = [event for info in infos if (event := _event(organization_id, info, source))]
    heard = _heard_of(organization_id, {event.envelope.entity_key for event in events} - {""})
    for event in events:
        known = heard.get(event.envelope.entity_key)
        revision = event.envelope.revision
        if known and revision is not None and known.revision is not None and known.revision >= revision:
            continue
        if known and known.was_ignored:
            # The row with this key was put aside; as its repeat this one would be, too.
            event = replace(event, dedup_key=f"{source}:{event.dedup_key}")
        yield event


def _heard_of(organization_id: str, ids: set[str]) -> dict[str, _Heard]:
    with connection.cursor() as cursor:
        latest = milliseconds(db_clock.now() + AHEAD)
        cursor.execute(_HEARD_OF, {"organization": organization_id, "ids": sorted(ids), "latest": latest})
        return {ident: _Heard(revision, ignored) for ident, revision, ignored in cursor.fetchall()}


def _event(organization_id: str, info: JsonObject, source: EventSource) -> NewEvent | None:
    try:
        event = event_of(_message(organization_id, info), _EVERYONE, source=source)
        order = info.get("order")
        if isinstance(order, Mapping) and "externalData" in order and not order["externalData"]:
            # Not empty but untold: null would clear what a webhook brought. The key stays a webhook's.
            told = {name: value for name, value in order.items() if name != "externalData"}
            event.payload = _message(organization_id, {**info, "order": told}).payload
    except NotMessages:  # nested beyond reading: no order of the vendor's
        logger.warning("sync.order_unreadable", extra={"organization_id": organization_id})
        return None
    return event


def _message(organization_id: str, info: JsonObject) -> Message:
    is_refused = normalise_creation_status(str(info.get("creationStatus"))) == CreationStatus.ERROR
    webhook = {
        "eventType": "DeliveryOrderError" if is_refused else "DeliveryOrderUpdate",
        "organizationId": organization_id,
        "eventInfo": info,
    }
    # Written and read again, so that the key is made of the same numbers as a webhook's.
    return read_body(json_writer.dumps(webhook).encode("utf-8", "surrogatepass"))[0]
