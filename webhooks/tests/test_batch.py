"""Webhooks that are stored together: what goes this short way, what does not, and what failures do."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
import structlog
from django.conf import LazySettings
from django.db import OperationalError, connection
from django.test import Client
from prometheus_client import REGISTRY

from core import spans
from organizations.models.organization import Organization
from tests.builders import (
    REVISION,
    TOKEN,
    cloud_event,
    make_organization,
    make_other_organization,
    post,
    soi_message,
)
from webhooks.models.inbox import WebhookEvent
from webhooks.receiving import batch, insert
from webhooks.receiving.batch import PlainWebhook, receive_batch
from webhooks.receiving.big_bodies import BIG_BYTES
from webhooks.receiving.configs import set_webhook_token
from webhooks.receiving.database_watch import DatabaseAway, database_watch
from webhooks.receiving.tokens import webhook_tokens

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def organization() -> Organization:
    """Have the token in memory, as it is after the first webhook."""
    organization = make_organization()
    webhook_tokens.scope_of(TOKEN)
    return organization


def brought(event: Any, *, token: str = TOKEN, own_id: str = "own") -> PlainWebhook:
    body = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
    return PlainWebhook(body, token, "", own_id)


def revision(number: int) -> Any:
    return cloud_event(timestamp=REVISION + number)


def test_each_is_a_row_with_the_trace_that_its_answer_names() -> None:
    replies = receive_batch([brought(revision(1), own_id="a"), brought(revision(2), own_id="b")])

    answers = [reply.answer for reply in replies if reply]
    assert [(answer.status, answer.body) for answer in answers] == [(200, b'{"status": "OK"}')] * 2
    rows = dict(WebhookEvent.objects.values_list("trace_id", "revision"))
    for reply, own, number in zip(replies, "ab", (1, 2), strict=True):
        assert reply is not None
        headers = dict(reply.headers)
        assert headers["X-Request-ID"] == own
        assert rows[UUID(headers["X-Trace-ID"])] == REVISION + number
    assert len(rows) == 2


def test_row_is_the_same_as_by_the_usual_way() -> None:
    post(Client(), revision(1))
    receive_batch([brought(revision(2))])

    usual, short = WebhookEvent.objects.order_by("revision").values()
    own = {
        "id",
        "revision",
        "event_time",
        "dedup_key",
        "digest",
        "received_at",
        "due_at",
        "trace_id",
        "payload",
    }
    assert {name: value for name, value in usual.items() if name not in own} == {
        name: value for name, value in short.items() if name not in own
    }


def test_repeat_of_a_stored_one_is_counted_and_answered() -> None:
    post(Client(), revision(1))

    (reply,) = receive_batch([brought(revision(1))])

    assert reply is not None
    assert reply.answer.status == 200
    assert WebhookEvent.objects.get().duplicates == 1


def test_the_second_of_two_alike_takes_the_usual_way() -> None:
    first, second = receive_batch([brought(revision(1)), brought(revision(1))])

    assert first is not None
    assert second is None
    assert WebhookEvent.objects.get().duplicates == 0


@pytest.mark.parametrize(
    "unusual",
    [
        pytest.param(brought(soi_message()), id="soi"),
        pytest.param(brought([revision(3), revision(4)]), id="several messages"),
        pytest.param(brought([]), id="no message"),
        pytest.param(brought(b"{"), id="no JSON"),
        pytest.param(brought(b"[1]"), id="no object"),
        pytest.param(brought(b'[{"a": "\\u0000"}]'), id="what jsonb does not take"),
        pytest.param(brought(b'[{"a": "' + b" " * BIG_BYTES + b'"}]'), id="big"),
        pytest.param(brought(revision(3), token="wrong"), id="wrong token"),
        pytest.param(brought(revision(3), token=""), id="no token"),
    ],
)
def test_what_needs_more_than_a_row_is_left_alone(unusual: PlainWebhook) -> None:
    replies = receive_batch([brought(revision(1)), unusual, brought(revision(2))])

    assert [reply is not None for reply in replies] == [True, False, True]
    assert set(WebhookEvent.objects.values_list("revision", flat=True)) == {REVISION + 1, REVISION + 2}


def test_event_of_another_restaurant_takes_the_usual_way() -> None:
    other = make_other_organization()

    assert receive_batch([brought(cloud_event(organization_id=other.iiko_id))]) == [None]
    assert not WebhookEvent.objects.exists()


def test_a_new_token_takes_the_usual_way_so_that_the_one_before_ends(
    organization: Organization,
) -> None:
    set_webhook_token(organization=organization, token="next-token")
    webhook_tokens.forget()
    webhook_tokens.scope_of("next-token")

    assert receive_batch([brought(revision(1), token="next-token")]) == [None]


def test_a_limit_of_the_body_holds_here_too(settings: LazySettings) -> None:
    settings.WEBHOOK_MAX_BODY_BYTES = 100

    assert receive_batch([brought(revision(1))]) == [None]
    assert not WebhookEvent.objects.exists()


def test_no_more_than_a_statement_has_room_for_are_taken() -> None:
    replies = receive_batch([brought(revision(number)) for number in range(insert.MOST_ROWS + 3)])

    assert [reply is not None for reply in replies] == [True] * insert.MOST_ROWS + [False] * 3
    assert WebhookEvent.objects.count() == insert.MOST_ROWS


def test_spans_are_of_single_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans, "are_sent", lambda: True)

    assert receive_batch([brought(revision(1))]) == [None]
    assert not WebhookEvent.objects.exists()


def test_batch_that_fails_at_once_is_tried_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_WAITED_S", 60.0)  # at once, however slow the machine
    monkeypatch.setattr(batch, "insert_plain", _fail)

    assert receive_batch([brought(revision(1)), brought(revision(2))]) == [None, None]


def test_who_waited_for_a_database_that_failed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "insert_plain", _fail)
    monkeypatch.setattr(batch, "_WAITED_S", 0.0)
    before = _receipts("unavailable")

    first, second, third = receive_batch([brought(revision(1)), brought(b"{"), brought(revision(2))])

    assert first is not None
    assert third is not None
    assert second is None
    assert (first.answer.status, third.answer.status) == (503, 503)
    assert ("Retry-After", "5") in first.headers
    assert _receipts("unavailable") == before + 2
    assert not WebhookEvent.objects.exists()


def test_nothing_is_asked_of_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def away() -> None:
        raise DatabaseAway("The database is away.")

    monkeypatch.setattr(database_watch, "check", away)
    monkeypatch.setattr(batch, "insert_plain", asked.append)

    assert receive_batch([brought(revision(1))]) == [None]
    assert asked == []


def test_broken_connection_is_replaced_for_the_next_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_WAITED_S", 60.0)
    receive_batch([brought(revision(1))])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    _terminate(pid)

    assert receive_batch([brought(revision(2))]) == [None]
    (reply,) = receive_batch([brought(revision(3))])

    assert reply is not None
    assert set(WebhookEvent.objects.values_list("revision", flat=True)) == {REVISION + 1, REVISION + 3}


def test_receipts_and_events_are_counted() -> None:
    post(Client(), revision(1))
    before = _receipts("stored"), _events("new"), _events("duplicate")

    receive_batch([brought(revision(1)), brought(revision(2)), brought(revision(3))])

    assert (_receipts("stored"), _events("new"), _events("duplicate")) == (
        before[0] + 3,
        before[1] + 2,
        before[2] + 1,
    )


def test_each_has_its_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "webhooks.event_log")

    (reply, _) = receive_batch([brought(revision(1), own_id="first"), brought(revision(2), own_id="second")])

    lines: list[Any] = [record.msg for record in caplog.records]
    assert reply is not None
    assert [line["request_id"] for line in lines] == ["first", "second"]
    assert lines[0]["trace_id"] == reply.trace_id
    assert structlog.contextvars.get_contextvars() == {}


def test_webhooks_brought_at_once_by_many_threads_are_each_stored_once() -> None:
    """Two threads bring the same events in batches that overlap, as two processes do."""
    start = threading.Barrier(4)

    def bring(thread: int) -> list[int]:
        try:
            start.wait(10)
            events = [brought(revision(1000 * (thread // 2) + number)) for number in range(60)]
            return [
                reply.answer.status if reply else 0
                for at in range(0, 60, 20)
                for reply in receive_batch(events[at : at + 20])
            ]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        statuses = {status for answers in threads.map(bring, range(4)) for status in answers}

    assert statuses == {200}
    assert WebhookEvent.objects.count() == 120
    assert set(WebhookEvent.objects.values_list("duplicates", flat=True)) == {1}


def _fail(_events: object) -> list[bool]:
    raise OperationalError("the server went away")


def _terminate(pid: int) -> None:
    """End a connection of ours from another one."""

    def end() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        finally:
            connection.close()

    thread = threading.Thread(target=end)
    thread.start()
    thread.join(10)


def _receipts(outcome: str) -> float:
    return REGISTRY.get_sample_value("iikohub_webhook_receipts_total", {"outcome": outcome}) or 0.0


def _events(kind: str) -> float:
    return REGISTRY.get_sample_value("iikohub_inbox_events_total", {"kind": kind}) or 0.0
