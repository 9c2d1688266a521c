"""The one way in: messages become rows of the inbox, each once.

iiko sends no event id, so the key is made of organization, type, entity, revision (or time) and a
digest of the content. A repeat of a key is counted on the row it duplicates.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import DataError, OperationalError, connection, transaction

from iiko_client.models import events as wire
from iiko_client.models.events import Envelope
from organizations.models.organization import Organization
from webhooks.models.inbox import EventSource, EventStatus, Reason
from webhooks.receiving.insert import NewEvent, insert, insert_one
from webhooks.receiving.parser import Message, NotMessages, read_body, read_plain
from webhooks.receiving.tokens import Scope

_CHUNK = 500
_SOI_MARKER = "soi"
_WRONG_TENANT_PREFIX = "foreign:"

_Name = tuple[str, str, str]
"""A column that names an order, the organization, the value."""
_Latest = dict[_Name, tuple[int, str]]
"""The id and the key of the latest message under a name."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a body: ``ignored`` when it held no messages. ``envelopes``: of what it held."""

    is_ignored: bool
    stored: int
    duplicates: int
    envelopes: tuple[Envelope, ...] = ()


def receive_body(body: bytes, scope: Scope) -> Receipt:
    """Store every message of a body; when this returns they are committed.

    Raises:
        DatabaseError: the database did not take them; nothing is promised to the sender.
        TooManyMessages: more than are taken at once; nothing was stored.
    """
    try:
        messages = read_body(body)
    except NotMessages as problem:
        event = _unreadable(body, problem)
        stored = store([event])
        return Receipt(True, stored, 1 - stored, (event.envelope,))
    events = [event_of(message, scope) for message in messages]
    if wrong_tenant := [event for event in events if event.is_wrong_tenant]:
        _give_wrong_tenant_reasons(wrong_tenant)
    stored = store(events)
    return Receipt(False, stored, len(events) - stored, tuple(event.envelope for event in events))


def plain_event(body: bytes, scope: Scope) -> NewEvent | None:
    """Make the row of a body that needs nothing but this one row; None for any other body."""
    message = read_plain(body)
    event = event_of(message, scope) if message is not None else None
    return event if event is not None and event.is_plain and not _needs_soi_key(event) else None


def _unreadable(body: bytes, problem: NotMessages) -> NewEvent:
    digest = hashlib.sha256(body).hexdigest()
    return NewEvent(
        envelope=Envelope(wire.UNKNOWN, "", "", "", "", "", None, None, digest[:32]),
        payload=None,
        dedup_key=f"raw:{digest}",
        raw=body,
        status=EventStatus.IGNORED,
        reason=problem.reason,
        error=problem.detail,
    )


def event_of(message: Message, scope: Scope, *, source: EventSource = EventSource.WEBHOOK) -> NewEvent:
    """Make the row of a message that somebody with this scope brought; ``store`` writes it."""
    envelope = message.envelope
    if not envelope.organization_id and message.is_object and len(scope.organization_ids) == 1:
        # SOI messages may come without transactionDetails; the token then says whose they are.
        envelope = replace(envelope, organization_id=next(iter(scope.organization_ids)))
    event = NewEvent(envelope, message.payload, dedup_key(envelope), message.raw, source=source)
    if message.problem:
        return _not_storable(event, message.problem)
    if not message.is_object:
        event.status, event.reason = EventStatus.IGNORED, Reason.NOT_AN_OBJECT
    elif envelope.organization_id and not scope.covers(envelope.organization_id):
        # A key of its own: a message brought with another's token must not shadow the true one.
        event.dedup_key = f"{_WRONG_TENANT_PREFIX}{event.dedup_key}"
        event.status, event.is_wrong_tenant = EventStatus.IGNORED, True
    return event


def _give_wrong_tenant_reasons(events: Sequence[NewEvent]) -> None:
    """Tell another's restaurant from one that nobody has set up here; neither is applied by itself.

    The second is an omission of ours: once the restaurant is added a person replays its events, one or all.
    """
    named = {event.envelope.organization_id for event in events}
    known = set(Organization.objects.filter(iiko_id__in=named).values_list("iiko_id", flat=True))
    for event in events:
        organization_id = event.envelope.organization_id
        event.reason = Reason.WRONG_TENANT
        if organization_id not in known:
            event.reason = Reason.UNKNOWN_ORGANIZATION
            event.error = (
                f"Organization {organization_id} is not set up, and the token was another's. Add the "
                "organization (manage.py add_organization), then replay this event if it is genuine."
            )


def _not_storable(event: NewEvent, problem: str) -> NewEvent:
    raw = event.raw or (event.payload or "").encode("utf-8", "surrogateescape")
    return replace(
        event,
        envelope=replace(event.envelope, format=wire.UNKNOWN),
        payload=None,
        raw=raw,
        dedup_key=f"raw:{hashlib.sha256(raw).hexdigest()}",
        status=EventStatus.IGNORED,
        reason=Reason.NOT_STORABLE,
        error=problem[:300],
    )


def dedup_key(envelope: Envelope) -> str:
    """Make the key of a message that carries a revision or a time; SOI messages get theirs in ``store``."""
    moment = envelope.revision if envelope.revision is not None else envelope.event_time
    parts = (
        envelope.format,
        envelope.organization_id,
        envelope.event_type,
        envelope.entity_key,
        "" if moment is None else str(moment),
        envelope.digest,
    )
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def store(events: Sequence[NewEvent]) -> int:
    """Insert events in their order, once each; returns how many were new. Commits before it returns.

    A value that PostgreSQL cannot keep (a number beyond its range) puts that event's text into
    ``raw_body`` and marks it; the others are stored as they are.
    """
    for attempt in range(4):
        try:
            return _store_all(events)
        except DataError:
            break
        except OperationalError as error:
            # Two bodies that repeat each other's events crosswise; one of them is asked to try again.
            if attempt == 3 or getattr(error.__cause__, "sqlstate", "") != "40P01":
                raise
    return sum(_store_or_keep_raw(event) for event in events)


def _store_or_keep_raw(event: NewEvent) -> int:
    try:
        return _store_all([event])
    except DataError as error:
        return _store_all([_not_storable(event, str(error).splitlines()[0])])


def _store_all(events: Sequence[NewEvent]) -> int:
    for event in events:
        event.duplicates = 0  # an attempt before this one may have counted
    if len(events) == 1 and not _needs_soi_key(events[0]):
        return int(insert_one(events[0]))
    with transaction.atomic():
        ids = _take_ids(len(events))
        _give_soi_keys(events, ids)
        # Sorted by key, so that two bodies with the same events lock them in the same order.
        rows = sorted(_fold(events, ids), key=lambda row: row[1].dedup_key)
        chunks = (rows[at : at + _CHUNK] for at in range(0, len(rows), _CHUNK))
        return sum(insert([event for _, event in chunk], ids=[pk for pk, _ in chunk]) for chunk in chunks)


def _fold(events: Sequence[NewEvent], ids: list[int]) -> list[tuple[int, NewEvent]]:
    """Fold duplicates within one body into their first; one INSERT may not touch a row twice."""
    first: dict[str, tuple[int, NewEvent]] = {}
    for pk, event in zip(ids, events, strict=True):
        if (known := first.get(event.dedup_key)) is not None:
            known[1].duplicates += 1
        else:
            first[event.dedup_key] = (pk, event)
    return list(first.values())


def _take_ids(count: int) -> list[int]:
    # The ids are taken before sorting, so that they follow the order within the body.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('webhook_events', 'id')) FROM generate_series(1, %s)",
            [count],
        )
        return sorted(pk for (pk,) in cursor.fetchall())


# --- SOI: no revision, no time -----------------------------------------------------------------------


def _needs_soi_key(event: NewEvent) -> bool:
    # A replay has a key of its own: it is a repeat on purpose.
    return event.envelope.format == wire.SOI and event.source != EventSource.REPLAY


def _give_soi_keys(events: Sequence[NewEvent], ids: list[int]) -> None:
    """Key SOI messages by their content and the message before them of the same order.

    The same body again is a repeat only if nothing else came for that order in between: OnWay,
    Waiting, OnWay are three pieces of news.
    """
    stored = _latest_stored([event for event in events if _needs_soi_key(event)])
    latest: _Latest = {}
    for pk, event in zip(ids, events, strict=True):
        if not _needs_soi_key(event):
            _remember(latest, event, pk)
            continue
        before = _latest_of(event, latest) or _latest_of(event, stored)
        if before is not None and before[1].startswith(_soi_stem(event)):
            event.dedup_key = before[1]
        else:
            event.dedup_key = f"{_soi_stem(event)}{before[0] if before else 0}"
            _remember(latest, event, pk)


def _soi_stem(event: NewEvent) -> str:
    wrong_tenant = _WRONG_TENANT_PREFIX if event.is_wrong_tenant else ""
    return f"{wrong_tenant}{_SOI_MARKER}:{dedup_key(event.envelope)}:"


def _names(event: NewEvent) -> list[_Name]:
    envelope = event.envelope
    names = [("entity_key", envelope.entity_key), ("order_external_id", envelope.order_external_id)]
    return [(column, envelope.organization_id, value) for column, value in names if value]


def _remember(latest: _Latest, event: NewEvent, pk: int) -> None:
    for name in _names(event):
        latest[name] = (pk, event.dedup_key)


def _latest_of(event: NewEvent, latest: _Latest) -> tuple[int, str] | None:
    return max((latest[name] for name in _names(event) if name in latest), default=None)


def _latest_stored(events: Sequence[NewEvent]) -> _Latest:
    """Find the latest row under each name; what another's token brought does not part true ones."""
    wanted = {name: event.is_wrong_tenant for event in events for name in _names(event)}
    latest: _Latest = {}
    for column, statement in _LATEST_STORED.items():
        rows = [(*name[1:], is_wrong_tenant) for name, is_wrong_tenant in wanted.items() if name[0] == column]
        if not rows:
            continue
        with connection.cursor() as cursor:
            cursor.execute(statement, [list(values) for values in zip(*rows, strict=True)])
            latest |= {(column, row[0], row[1]): (row[2], row[3]) for row in cursor.fetchall()}
    return latest


_LATEST_STORED = {
    column: f"""
SELECT wanted.organization_id, wanted.value, found.id, found.dedup_key
FROM unnest(%s::text[], %s::text[], %s::boolean[]) AS wanted(organization_id, value, is_wrong_tenant)
CROSS JOIN LATERAL (
    SELECT id, dedup_key FROM webhook_events e
    WHERE e.{column} = wanted.value AND e.{column} <> '' AND e.organization_id = wanted.organization_id
      AND e.source <> 'replay'
      AND (wanted.is_wrong_tenant OR NOT starts_with(e.dedup_key, '{_WRONG_TENANT_PREFIX}'))
    ORDER BY e.id DESC
    LIMIT 1
) AS found
"""  # noqa: S608  # constants
    for column in ("entity_key", "order_external_id")
}
