"""The short way of usual webhooks: those that arrive together share one statement and one commit.

A web server that has whole requests at hand gives them in one call (docs/adr/0006-webhooks-share-commits.md).
One thread reads all of them, and each is answered after the commit of its own row. What needs more than one
plain row is left alone: it gets no reply here, and takes the usual way (``webhooks.receiving.view``).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from core import spans, trace
from core.request_id import id_headers, request_id
from webhooks.event_log import log_received
from webhooks.receiving.big_bodies import BIG_BYTES
from webhooks.receiving.database_watch import ANSWER_WITHIN_S, database_watch
from webhooks.receiving.inbox import plain_event
from webhooks.receiving.insert import MOST_ROWS, NewEvent, insert_plain
from webhooks.receiving.tokens import presented_tokens, webhook_tokens
from webhooks.receiving.view import OK, UNAVAILABLE, Answer, count_stored, count_unavailable

logger = structlog.stdlib.get_logger(__name__)

_WAITED_S = 0.5
"""Who has waited so long for a database that then failed is not asked to wait again."""


@dataclass(frozen=True, slots=True)
class PlainWebhook:
    """A request to the webhooks' address that is here whole, with nothing unusual in its head."""

    body: bytes
    authorization: str
    auth_token: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Reply:
    answer: Answer
    request_id: str
    trace_id: str

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the answer's headers, those of the two ids among them."""
        return (*self.answer.headers, *id_headers(self.request_id, self.trace_id))


@dataclass(frozen=True, slots=True)
class _Ready:
    """The webhook at a place of the batch, which needs nothing but its row."""

    at: int
    event: NewEvent
    request_id: str
    trace_id: str


def receive_batch(webhooks: Sequence[PlainWebhook]) -> list[Reply | None]:
    """Store those that need nothing but a plain row, and reply to them; None for each of the others.

    Whoever gets None has to take the usual way: not all of those were looked at, and none of them is
    known to be stored. It never raises for what a request or the database does.
    """
    ready: dict[str, _Ready] = {}
    # Spans are of single requests, and one statement may not touch a row twice.
    if not (spans.are_sent() or connection.queries_logged or connection.execute_wrappers):
        for at, webhook in enumerate(webhooks):
            if len(ready) < MOST_ROWS and (one := _ready(at, webhook)) is not None:
                ready.setdefault(one.event.dedup_key, one)
    replies: list[Reply | None] = [None] * len(webhooks)
    answer = _stored(list(ready.values())) if ready else None
    if answer is not None:
        for one in ready.values():
            replies[one.at] = Reply(answer, one.request_id, one.trace_id)
    return replies


def _ready(at: int, webhook: PlainWebhook) -> _Ready | None:
    if len(webhook.body) > min(settings.WEBHOOK_MAX_BODY_BYTES, BIG_BYTES):
        return None
    scope = webhook_tokens.remembered_scope(presented_tokens(webhook.authorization, webhook.auth_token))
    # A new token that is shown makes the one before it end: a statement of its own.
    if scope is None or scope.introduced:
        return None
    event = plain_event(webhook.body, scope)
    if event is None:
        return None
    event.trace_id = trace.new_id()
    return _Ready(at, event, webhook.request_id, event.trace_id)


def _stored(ready: Sequence[_Ready]) -> Answer | None:
    """Return the answer to all of them; None where each has to try alone."""
    began = time.monotonic()
    try:
        with database_watch.within(ANSWER_WITHIN_S):
            database_watch.check()
            new = _insert([one.event for one in ready])
    except (DatabaseError, InterfaceError) as error:
        logger.warning("inbox.batch_failed", webhooks=len(ready), error_type=type(error).__name__)
        if time.monotonic() - began < _WAITED_S:
            return None
        count_unavailable(len(ready))
        return UNAVAILABLE
    count_stored(new=sum(new), duplicates=len(new) - sum(new), receipts=len(ready))
    for one in ready:
        _log(one)
    return OK


def _insert(events: Sequence[NewEvent]) -> list[bool]:
    connection.close_if_unusable_or_obsolete()
    # Without a question before it: who finds the connection broken takes the usual way, which replaces it.
    connection.health_check_done = True  # type: ignore[attr-defined]  # the stubs do not know it
    try:
        return insert_plain(events)
    except (OperationalError, InterfaceError):
        database_watch.note_failure()
        if connection.connection is not None and connection.connection.closed:
            connection.close()
        raise


def _log(one: _Ready) -> None:
    """Log the event that was stored as its request would."""
    own = request_id.set(one.request_id)
    try:
        with trace.following(one.trace_id):
            log_received((one.event.envelope,))
    finally:
        request_id.reset(own)
