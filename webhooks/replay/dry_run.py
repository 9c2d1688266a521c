"""What a replay would change, told before it is done.

The events go through the same handlers as at their replay, inside a transaction that is rolled back;
the rows they are about are compared before and after. Tasks, signals and everything else that a
handler sets off are part of that transaction and vanish with it.

Events of one entity are tried in their order in one transaction, so that each meets what those before
it have made. Entities are tried a few at a time: nobody waits long for the rows that are locked.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from django.db import OperationalError, connection, transaction
from django.db.models import BooleanField, F, Func, IntegerField, Model, Q
from django.db.models.expressions import ExpressionWrapper
from structlog.contextvars import bound_contextvars

from core.database import db_clock
from webhooks.models.inbox import EventStatus, Reason, WebhookEventQuerySet
from webhooks.processing.claims import Batch, read_events
from webhooks.processing.handlers import by_handler
from webhooks.processing.handlers.base import MIRRORS, Claimed, EventResult, Mirror
from webhooks.processing.worker import apply_events
from webhooks.replay import ReplayBusy

AT_ONCE = 200
"""Events of a transaction, unless one entity has more."""
_STORED_AT_ONCE = 1024 * 1024
_TRIES = 3
PATIENCE = "5s"
"""How long a row is waited for that somebody else holds."""
_IN_THE_WAY = ("40P01", "55P03")
"""SQLSTATE of a deadlock, and of a lock that was not given in time."""

_OURS = frozenset({"id", "created_at", "updated_at", "first_seen_at", "synced_at", "field_precedence"})


@dataclass(frozen=True, slots=True)
class FieldChange:
    name: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class RowChange:
    """A row that would be made, changed or abandoned. ``row`` as it would be, or as it is where it goes."""

    row: Model
    what: str
    """new, changed or gone"""
    fields: tuple[FieldChange, ...]

    @property
    def pk(self) -> int | None:
        """Its number; a new row has none before it is really made."""
        return None if self.what == "new" else self.row.pk


@dataclass(frozen=True, slots=True)
class ReplayResult:
    event_id: int
    event_type: str
    result: EventResult


@dataclass(slots=True)
class DryRun:
    """How the events would end and which rows would change; and the same in numbers."""

    results: list[ReplayResult] = field(default_factory=list)
    changes: list[RowChange] = field(default_factory=list)
    ends: Counter[tuple[EventStatus, str]] = field(default_factory=Counter)
    """How many events would end how (status, reason)."""
    rows: int = 0
    impossible: int = 0
    """Could not be read when they came, or came with another restaurant's token."""
    untried: int = 0
    """So large that only a worker tries them."""

    @property
    def events(self) -> int:
        """How many would be replayed."""
        return self.ends.total() + self.untried

    def count(self, part: Self) -> None:
        """Add the numbers of a part, not its rows: of a selection of any length."""
        self.ends.update(part.ends)
        self.rows += part.rows
        self.impossible += part.impossible
        self.untried += part.untried

    def failures(self) -> list[ReplayResult]:
        """Events that would fail."""
        return [one for one in self.results if one.result.status in (EventStatus.FAILED, EventStatus.DEAD)]


def dry_run_of(events: WebhookEventQuerySet) -> DryRun:
    """Try a selection at once; for one that is not large."""
    whole = DryRun()
    for part in dry_run_in_parts(events):
        whole.count(part)
        whole.results += part.results
        whole.changes += part.changes
    return whole


def dry_run_in_parts(events: WebhookEventQuerySet) -> Iterator[DryRun]:
    """Try a selection of any length; yields what was found a few entities at a time.

    Raises:
        ReplayBusy: others hold the rows all the time; ask again.
    """
    organizations = events.order_by("organization_id").values_list("organization_id", flat=True).distinct()
    # No entity belongs to two organizations; their events are held in mind one organization after another.
    for organization_id in list(organizations):
        chosen, impossible = _choose(events.filter(organization_id=organization_id))
        if impossible:
            yield DryRun(impossible=impossible)
        for ids in _parts(_by_entity(chosen)):
            yield _try(ids)


# --- the order of things -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Chosen:
    id: int
    """Of the original: a replay of a replay is one of its original."""
    names: tuple[str, ...]
    """What ties it to others: its ids; where it has none, its type."""
    size: int


def _choose(events: WebhookEventQuerySet) -> tuple[list[_Chosen], int]:
    """List the originals in their order, and count what cannot be replayed."""
    rows = events.order_by("pk").annotate(
        is_empty=ExpressionWrapper(Q(payload__isnull=True), output_field=BooleanField()),
        stored=Func(F("payload"), function="pg_column_size", output_field=IntegerField()),
    )
    columns = ("pk", "replay_of_id", "reason", "is_empty", "stored", "event_type", "entity_key")
    chosen: dict[int, _Chosen] = {}
    impossible = 0
    for pk, replay_of, reason, is_empty, stored, event_type, entity, external in rows.values_list(
        *columns, "order_external_id"
    ).iterator(chunk_size=2000):
        if is_empty or reason == Reason.WRONG_TENANT:
            impossible += 1
            continue
        names = [f"entity {entity}"] if entity else []
        names += [f"external {external}"] if external else []
        original = _Chosen(replay_of or pk, tuple(names) or (f"type {event_type}",), stored or 0)
        chosen.setdefault(original.id, original)
    return [chosen[pk] for pk in sorted(chosen)], impossible


def _by_entity(chosen: Sequence[_Chosen]) -> list[list[_Chosen]]:
    """Group events that share a name, directly or through others; groups by their first event."""
    above: dict[str, str] = {}

    def root(name: str) -> str:
        while (upper := above.setdefault(name, name)) != name:
            above[name] = above[upper]
            name = above[name]
        return name

    for event in chosen:
        for name in event.names[1:]:
            above[root(name)] = root(event.names[0])
    groups: dict[str, list[_Chosen]] = {}
    for event in chosen:
        groups.setdefault(root(event.names[0]), []).append(event)
    return list(groups.values())


def _parts(groups: list[list[_Chosen]]) -> Iterator[list[int]]:
    """Put groups together until there is enough for one transaction."""
    part: list[_Chosen] = []
    for group in groups:
        both = part + group
        if part and (len(both) > AT_ONCE or sum(event.size for event in both) > _STORED_AT_ONCE):
            yield sorted(event.id for event in part)
            part = group
        else:
            part = both
    if part:
        yield sorted(event.id for event in part)


# --- trying --------------------------------------------------------------------------------------------


def _try(ids: list[int]) -> DryRun:
    for _attempt in range(_TRIES):
        try:
            # What the handlers log meanwhile did not happen.
            with bound_contextvars(dry_run=True), transaction.atomic():
                found = _apply_and_compare(ids)
                transaction.set_rollback(True)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") not in _IN_THE_WAY:
                raise
        else:
            return found
    raise ReplayBusy("Workers hold the rows that these events are about. Ask again in a moment.")


def _apply_and_compare(ids: list[int]) -> DryRun:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [PATIENCE])
    found = DryRun()
    rows = _Rows()
    now = db_clock.now()
    for batch in _batches(ids):
        found.untried += len(batch.large)
        found.results += [
            ReplayResult(pk, "", EventResult(EventStatus.DEAD, Reason.ERROR, error))
            for pk, error in batch.unreadable.items()
        ]
        rows.look_before(batch.events)
        ends = apply_events(batch.events, now)
        found.results += [ReplayResult(one.id, one.event_type, ends[one.id]) for one in batch.events]
        rows.look_after(batch.events)
    found.changes = rows.changes()
    found.rows = len(found.changes)
    found.ends.update((one.result.status, str(one.result.reason)) for one in found.results)
    return found


def _batches(ids: list[int]) -> Iterator[Batch]:
    """Read what fits in memory at a time; what is retained of it are the rows alone."""
    while ids:
        batch = read_events(ids)
        read = {event.id for event in batch.events} | set(batch.unreadable) | {one.id for one in batch.large}
        yield batch
        last = max(read, default=ids[-1])  # none: they were deleted meanwhile
        ids = [pk for pk in ids if pk > last]


class _Rows:
    """The rows that the events are about, as each was when it was first looked at."""

    def __init__(self) -> None:
        self._before: dict[tuple[type[Model], int], Model | None] = {}
        self._fields: dict[type[Model], tuple[str, ...]] = {}

    def look_before(self, events: Sequence[Claimed]) -> None:
        """Lock and remember the rows, in the order in which everybody locks them."""
        for mirror, about in _abouts(events):
            self._fields[mirror.model] = mirror.fields or compared_fields(mirror.model)
            rows = mirror.model._default_manager.filter(about).order_by("pk")
            for row in rows.select_for_update(of=("self",)):
                self._before.setdefault((mirror.model, row.pk), row)

    def look_after(self, events: Sequence[Claimed]) -> None:
        """Note the rows that were made; the next batch must not take them for old ones."""
        for mirror, about in _abouts(events):
            for pk in mirror.model._default_manager.filter(about).values_list("pk", flat=True):
                self._before.setdefault((mirror.model, pk), None)

    def changes(self) -> list[RowChange]:
        changes: list[RowChange] = []
        for model, fields in self._fields.items():
            before = {pk: row for (one, pk), row in self._before.items() if one is model}
            after = model._default_manager.in_bulk(list(before))
            for pk in sorted(before):
                changes += _change(before[pk], after.get(pk), fields)
        return changes


def _abouts(events: Sequence[Claimed]) -> list[tuple[Mirror, Q]]:
    return [
        (mirror, mirror.about(batch))
        for handler, batch in by_handler(events).items()
        if handler is not None
        for mirror in MIRRORS.get(handler, ())
    ]


def _change(was: Model | None, now: Model | None, fields: Sequence[str]) -> list[RowChange]:
    if now is None:
        # A row that was made and abandoned within the same try was never there.
        return [] if was is None else [RowChange(was, "gone", ())]
    if was is None:
        told = [FieldChange(name, None, getattr(now, name)) for name in fields]
        return [RowChange(now, "new", tuple(one for one in told if one.after not in (None, "", [], {})))]
    told = [FieldChange(name, getattr(was, name), getattr(now, name)) for name in fields]
    changed = tuple(one for one in told if one.before != one.after)
    return [RowChange(now, "changed", changed)] if changed else []


def compared_fields(model: type[Model]) -> tuple[str, ...]:
    """List the columns that hold what iiko told, without the hub's own."""
    return tuple(
        one.attname
        for one in model._meta.concrete_fields
        if one.attname not in _OURS and not one.primary_key and not one.generated
    )
