"""The one way in: messages become rows of the inbox, each once.

iiko sends no event id, so the key is made of organization, type, entity, revision (or time) and a
digest of the content. A repeat of a key is counted on the row it repeats.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import DataError, OperationalError, connection, transaction

from iiko_client.types import events as wire
from iiko_client.types.events import Envelope
from webhooks.models import LANES, EventSource, EventStatus, Reason, WebhookEvent
from webhooks.services.bodies import Message, NotMessages, read_body
from webhooks.services.prepared import PreparedStatement
from webhooks.services.tokens import Scope

_CHUNK = 500
_SOI_MARK = "soi"


@dataclass(slots=True)
class NewEvent:
    """A row about to be stored."""

    envelope: Envelope
    payload: str | None
    dedup_key: str
    raw: bytes | None = None
    status: str = EventStatus.PENDING
    reason: str = ""
    error: str = ""
    source: str = EventSource.WEBHOOK
    replay_of: int | None = None
    repeats: int = field(default=0)

    @property
    def lane(self) -> int:
        of_entity = f"{self.envelope.organization_id}\0{self.envelope.entity_key or self.dedup_key}"
        return zlib.crc32(of_entity.encode()) % LANES


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a body: ``ignored`` when it held no messages."""

    is_ignored: bool
    stored: int
    duplicates: int


def receive_body(body: bytes, scope: Scope) -> Receipt:
    """Store every message of a body; when this returns they are committed.

    Raises:
        DatabaseError: the database did not take them; nothing is promised to the sender.
        TooManyMessages: more than are taken at once; nothing was stored.
    """
    try:
        messages = read_body(body)
    except NotMessages as problem:
        stored = store([_unreadable(body, problem)])
        return Receipt(True, stored, 1 - stored)
    events = [event_of(message, scope) for message in messages]
    stored = store(events)
    return Receipt(False, stored, len(events) - stored)


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
        event.dedup_key = f"foreign:{event.dedup_key}"
        event.status, event.reason = EventStatus.IGNORED, Reason.FOREIGN_TOKEN
    return event


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
    """The key of a message that carries a revision or a time; SOI messages get theirs in ``store``."""
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
        event.repeats = 0  # an attempt before this one may have counted
    if len(events) == 1 and not _needs_soi_key(events[0]):
        return _insert(events, ids=None)
    with transaction.atomic():
        ids = _take_ids(len(events))
        _give_soi_keys(events, ids)
        unique = _fold(events, ids)
        return sum(
            _insert([event for _, event in chunk], ids=[pk for pk, _ in chunk]) for chunk in _chunks(unique)
        )


def _chunks(rows: list[tuple[int, NewEvent]]) -> list[list[tuple[int, NewEvent]]]:
    # Sorted by key, so that two bodies with the same events lock them in the same order.
    rows = sorted(rows, key=lambda row: row[1].dedup_key)
    return [rows[at : at + _CHUNK] for at in range(0, len(rows), _CHUNK)]


def _fold(events: Sequence[NewEvent], ids: list[int]) -> list[tuple[int, NewEvent]]:
    """Fold repeats within one body into their first; one INSERT may not touch a row twice."""
    first: dict[str, tuple[int, NewEvent]] = {}
    for pk, event in zip(ids, events, strict=True):
        if (known := first.get(event.dedup_key)) is not None:
            known[1].repeats += 1
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
    latest: dict[tuple[str, str], tuple[int, str]] = {}
    for pk, event in zip(ids, events, strict=True):
        if not _needs_soi_key(event):
            _remember(latest, event, pk)
            continue
        before = _latest_of(event, latest)
        if before is not None and before[1].startswith(_soi_stem(event)):
            event.dedup_key = before[1]
        else:
            event.dedup_key = f"{_soi_stem(event)}{before[0] if before else 0}"
            _remember(latest, event, pk)


def _soi_stem(event: NewEvent) -> str:
    foreign = "foreign:" if event.reason == Reason.FOREIGN_TOKEN else ""
    return f"{foreign}{_SOI_MARK}:{dedup_key(event.envelope)}:"


def _names(event: NewEvent) -> list[tuple[str, str]]:
    envelope = event.envelope
    names = [("entity", envelope.entity_key), ("external", envelope.order_external_id)]
    return [(kind, f"{envelope.organization_id}\0{name}") for kind, name in names if name]


def _remember(latest: dict[tuple[str, str], tuple[int, str]], event: NewEvent, pk: int) -> None:
    for name in _names(event):
        latest[name] = (pk, event.dedup_key)


def _latest_of(event: NewEvent, latest: dict[tuple[str, str], tuple[int, str]]) -> tuple[int, str] | None:
    found = [latest[name] for name in _names(event) if name in latest]
    return max(found) if found else _latest_stored(event)


def _latest_stored(event: NewEvent) -> tuple[int, str] | None:
    envelope = event.envelope
    stored = WebhookEvent.objects.filter(organization_id=envelope.organization_id).exclude(
        source=EventSource.REPLAY
    )
    if event.reason != Reason.FOREIGN_TOKEN:
        stored = stored.exclude(reason=Reason.FOREIGN_TOKEN)
    found: list[tuple[int, str]] = []
    for column, value in (
        ("entity_key", envelope.entity_key),
        ("order_external_id", envelope.order_external_id),
    ):
        if value:
            row = stored.filter(**{column: value}).order_by("-id").values_list("id", "dedup_key").first()
            found += [row] if row else []
    return max(found, default=None)


# --- the statement -----------------------------------------------------------------------------------

_COLUMNS: tuple[tuple[str, str], ...] = (
    ("event_type", "text"),
    ("format", "text"),
    ("status", "text"),
    ("reason", "text"),
    ("error", "text"),
    ("organization_id", "text"),
    ("entity_key", "text"),
    ("order_external_id", "text"),
    ("correlation_id", "text"),
    ("event_time", "timestamptz"),
    ("revision", "bigint"),
    ("source", "text"),
    ("payload", "jsonb"),
    ("raw_body", "bytea"),
    ("digest", "text"),
    ("dedup_key", "text"),
    ("duplicates", "integer"),
    ("lane", "smallint"),
    ("replay_of_id", "bigint"),
)
_NAMES = ", ".join(name for name, _ in _COLUMNS)
_CONFLICT = (
    " ON CONFLICT (dedup_key) DO UPDATE SET duplicates = webhook_events.duplicates + 1 + excluded.duplicates"
    " RETURNING (xmax = 0)"
)
_INSERT_ONE = (
    f"INSERT INTO webhook_events ({_NAMES}, notes, attempts)"  # noqa: S608  # constants
    f" VALUES ({', '.join(f'%s::{kind}' for _, kind in _COLUMNS)}, '[]', 0){_CONFLICT}"
)
_insert_one = PreparedStatement(
    "iikohub_inbox_insert",
    f"INSERT INTO webhook_events ({_NAMES}, notes, attempts) VALUES ("  # noqa: S608  # constants
    f"{', '.join(f'${at}::{kind}' for at, (_, kind) in enumerate(_COLUMNS, 1))}, '[]', 0){_CONFLICT}",
)
_INSERT_MANY = (
    f"INSERT INTO webhook_events (id, {_NAMES}, notes, attempts)"  # noqa: S608  # constants
    f" SELECT *, '[]'::jsonb, 0 FROM unnest(%s::bigint[], "
    f"{', '.join(f'%s::{kind}[]' for _, kind in _COLUMNS)}){_CONFLICT}"
)


def _values(event: NewEvent) -> list[Any]:
    envelope = event.envelope
    moment: datetime | None = envelope.event_time
    return [
        envelope.event_type,
        envelope.format,
        str(event.status),
        str(event.reason),
        event.error,
        envelope.organization_id,
        envelope.entity_key,
        envelope.order_external_id,
        envelope.correlation_id,
        moment,
        envelope.revision,
        str(event.source),
        event.payload,
        event.raw,
        envelope.digest,
        event.dedup_key,
        event.repeats,
        event.lane,
        event.replay_of,
    ]


def _insert(events: Sequence[NewEvent], *, ids: list[int] | None) -> int:
    """Insert and return how many were new (``xmax = 0``: inserted, not updated)."""
    is_watched = connection.queries_logged or connection.execute_wrappers
    if ids is None and not is_watched:
        return int(_insert_one.run(_values(events[0])) == [b"t"])
    with connection.cursor() as cursor:
        if ids is None:
            cursor.execute(_INSERT_ONE, _values(events[0]))
        else:
            columns = [list(column) for column in zip(*map(_values, events), strict=True)]
            cursor.execute(_INSERT_MANY, [ids, *columns])
        return sum(is_new for (is_new,) in cursor.fetchall())
