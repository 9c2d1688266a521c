"""Bringing stored events in once more, by the same way in.

A replay is a row of its own (``source=replay``) that stands in the place of its original: it counts
by the original's revision or arrival, so repeating old news changes nothing that is newer.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import QuerySet

from core.errors import HubError
from iiko_client.models.events import Envelope
from webhooks.models.inbox import (
    DUE_STATUSES,
    EventSource,
    EventStatus,
    Reason,
    WebhookEvent,
    WebhookEventQuerySet,
)
from webhooks.receiving.inbox import store
from webhooks.receiving.insert import NewEvent


class UnknownEvent(HubError):
    code = "unknown_event"
    http_status = 404


class NotReplayable(HubError):
    code = "not_replayable"


class ReplayBusy(HubError):
    code = "replay_busy"


class TooManyEvents(HubError):
    code = "too_many_events"


_CHUNK = 200

REPLAY_AT_ONCE = 1_000
"""For more there is ``manage.py replay_webhooks``, which nobody waits for in a browser."""


@dataclass(frozen=True, slots=True)
class ReplayCount:
    queued: int = 0
    waiting: int = 0
    impossible: int = 0


def replay_event(*, event_id: int) -> WebhookEvent:
    """Queue one event again and return the new row; while that one waits a repeat returns the same row.

    Raises:
        UnknownEvent: no such event.
        NotReplayable: it holds no readable content, only raw bytes.
    """
    return _replay(event_id)[0]


@transaction.atomic
def _replay(event_id: int) -> tuple[WebhookEvent, bool]:
    """Return the row that will be applied and whether it is a new one."""
    found = WebhookEvent.objects.select_for_update().filter(pk=event_id).first()
    if found is None:
        raise UnknownEvent(f"There is no event {event_id}.")
    original = found
    if found.replay_of_id is not None:
        original = WebhookEvent.objects.select_for_update().get(replays=found)
    if original.payload is None:
        raise NotReplayable(f"Event {event_id} could not be read when it came; only its raw bytes are kept.")
    if original.status in DUE_STATUSES:
        WebhookEvent.objects.filter(pk=original.pk).update(due_at=original.received_at)
        return original, False
    latest = original.replays.order_by("-id").first()
    if latest is not None and latest.status in DUE_STATUSES:
        return latest, False
    store([_again(original, after=latest.pk if latest else 0)])
    return WebhookEvent.objects.filter(replay_of=original).latest("id"), True


def _again(original: WebhookEvent, *, after: int) -> NewEvent:
    with connection.cursor() as cursor:
        cursor.execute("SELECT payload::text FROM webhook_events WHERE id = %s", [original.pk])
        payload = cursor.fetchone()[0]
    return NewEvent(
        envelope=Envelope(
            original.format,
            original.event_type,
            original.organization_id,
            original.entity_key,
            original.order_external_id,
            original.correlation_id,
            original.event_time,
            original.revision,
            original.digest,
        ),
        payload=payload,
        dedup_key=f"replay:{original.pk}:{after}",
        source=EventSource.REPLAY,
        replay_of=original.pk,
    )


def once_each(events: WebhookEventQuerySet, *, statuses: Collection[str]) -> WebhookEventQuerySet:
    """Leave the replays out of a selection: their originals stand for them.

    Where those that failed are asked for they stay: the original of one may have ended otherwise.
    """
    if {EventStatus.FAILED, EventStatus.DEAD} & set(statuses):
        return events
    return events.exclude(source=EventSource.REPLAY)


def ids_at_once(events: QuerySet[WebhookEvent]) -> list[int]:
    """Return the ids of a selection: the replays themselves might answer the same filters.

    Raises:
        TooManyEvents: more than are replayed at once.
    """
    ids = list(events.order_by().values_list("pk", flat=True)[: REPLAY_AT_ONCE + 1])
    if len(ids) > REPLAY_AT_ONCE:
        raise TooManyEvents(
            f"More than {REPLAY_AT_ONCE} events answer these filters. Choose fewer (since, until), or "
            "run manage.py replay_webhooks, which takes any number."
        )
    return ids


def replay_now(events: WebhookEventQuerySet) -> ReplayCount:
    """Queue every event of a selection that is not large; see ``replay_all``."""
    return [ReplayCount(), *replay_all(events)][-1]


def replay_all(events: WebhookEventQuerySet) -> Iterator[ReplayCount]:
    """Queue every event of a selection again, oldest first; yields the running count after each chunk.

    Events brought with another organization's token are left out: somebody has to look at each.
    """
    count: Counter[str] = Counter()
    # What is queued meanwhile may match the selection too; it is not replayed in turn.
    newest = events.order_by("-pk").values_list("pk", flat=True).first() or 0
    last = 0
    while chunk := list(
        events.filter(pk__gt=last, pk__lte=newest).order_by("pk").values_list("pk", "reason")[:_CHUNK]
    ):
        for pk, reason in chunk:
            count["impossible" if reason == Reason.WRONG_TENANT else _try_replay(pk)] += 1
        last = chunk[-1][0]
        yield ReplayCount(**count)


def _try_replay(event_id: int) -> str:
    try:
        _, is_new = _replay(event_id)
    except NotReplayable:
        return "impossible"
    return "queued" if is_new else "waiting"
