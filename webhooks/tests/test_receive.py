"""The door: methods, addresses, sizes, broken connections, and when 200 may be said."""

import gzip
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import InterfaceError, OperationalError, connection
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    RECEIVE_URL,
    REVISION,
    TOKEN,
    cloud_event,
    inbox,
    make_organization,
    post,
    soi_message,
)
from webhooks.api.receive_view import ReceiveView
from webhooks.models.inbox import WebhookEvent
from webhooks.receiving import view


@pytest.fixture
def restaurant(db: None) -> None:
    make_organization()


def stored() -> int:
    return WebhookEvent.objects.count()


def in_other_thread(task: Callable[[], Any]) -> Any:
    """Run on a connection of its own, which sees only what is committed."""
    result: list[Any] = []

    def run() -> None:
        try:
            result.append(task())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return result[0]


# --- what is stored ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("restaurant")
def test_cloud_event_becomes_a_row_with_what_stands_outside(client: Client) -> None:
    sent = cloud_event()

    response = post(client, [sent])

    assert (response.status_code, response.json()) == (200, {"status": "OK"})
    assert response["Content-Type"] == "application/json"
    (event,) = inbox()
    assert event.payload == sent
    assert (event.event_type, event.format, event.source) == ("DeliveryOrderUpdate", "cloud", "webhook")
    assert (event.status, event.reason, event.processing_error, event.duplicates) == ("pending", "", "", 0)
    assert (event.organization_id, event.entity_key) == (ORGANIZATION_ID, ORDER_ID)
    assert event.order_external_id == "WEB-117"
    assert event.correlation_id == "e4f5a6b7-c8d9-4e0f-a1b2-c3d4e5f6a7b8"
    assert event.event_time is not None
    assert event.event_time.isoformat() == "2026-03-14T13:54:53.100000+00:00"
    assert event.revision == REVISION
    assert event.raw_body is None
    assert (event.attempts, event.processed_at, event.order_id) == (0, None, None)


@pytest.mark.usefixtures("restaurant")
def test_soi_message_becomes_a_row_with_what_stands_outside(client: Client) -> None:
    sent = soi_message(kind="CREATE")

    response = post(client, sent)

    assert (response.status_code, response.json()) == (200, {"status": "OK"})
    (event,) = inbox()
    assert event.payload == sent
    assert (event.event_type, event.format) == ("CREATE", "soi")
    assert (event.organization_id, event.entity_key) == (ORGANIZATION_ID, ORDER_ID)
    assert event.order_external_id == "20260314-117"
    assert (event.event_time, event.revision) == (None, None)


# --- methods and addresses ---------------------------------------------------------------------------


@pytest.mark.usefixtures("restaurant")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused_and_leave_no_row(client: Client, method: str) -> None:
    response = client.generic(method, RECEIVE_URL, b"[{}]", HTTP_AUTHORIZATION=TOKEN)

    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert stored() == 0


@pytest.mark.usefixtures("restaurant")
@pytest.mark.parametrize(
    "url", ["/api/v1/webhooks/iiko", "/api/v1/webhooks/iiko/", "/api/v1/webhooks/iiko?source=1"]
)
def test_address_is_taken_with_and_without_slash_and_query(client: Client, url: str) -> None:
    response = post(client, [cloud_event()], url=url)

    assert (response.status_code, response.json()) == (200, {"status": "OK"})
    assert stored() == 1


@pytest.mark.usefixtures("restaurant")
@pytest.mark.parametrize("accept", ["text/xml", "application/xml", "", "nonsense"])
def test_whatever_the_sender_would_like_to_get_the_event_is_taken(client: Client, accept: str) -> None:
    response = post(client, [cloud_event()], HTTP_ACCEPT=accept)

    assert (response.status_code, response.json()) == (200, {"status": "OK"})
    assert stored() == 1


def test_receiving_stands_in_the_schema_with_its_answers(client: Client, db: None) -> None:
    schema = client.get("/api/schema/", HTTP_ACCEPT="application/json").json()

    operation = schema["paths"]["/api/v1/webhooks/iiko"]
    assert set(operation) == {"post"}
    assert set(operation["post"]["responses"]) == {"200", "400", "401", "405", "413", "415", "429", "503"}
    assert "security" not in operation["post"] or operation["post"]["security"] in ([], [{}])
    (stored_answer,) = operation["post"]["responses"]["200"]["content"].values()
    name = stored_answer["schema"]["$ref"].rpartition("/")[2]
    assert set(schema["components"]["schemas"][name]["properties"]) == {"status"}


@pytest.mark.usefixtures("restaurant")
@pytest.mark.parametrize("host", ["unknown.example.org", "a_b.example.org", "[::1", "тест", ""])
def test_unknown_host_is_received_all_the_same(client: Client, settings: Settings, host: str) -> None:
    settings.ALLOWED_HOSTS = ["hub.example.org"]

    response = post(client, [cloud_event()], HTTP_HOST=host)

    assert response.status_code == 200
    assert stored() == 1


@pytest.mark.usefixtures("restaurant")
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=rubbish",
    ],
)
def test_content_type_does_not_matter(client: Client, content_type: str) -> None:
    response: Any = client.generic(
        "POST",
        RECEIVE_URL,
        b'[{"eventType": "X", "n": 1}]',
        content_type=content_type,
        HTTP_AUTHORIZATION=TOKEN,
    )

    assert (response.status_code, response.json()) == (200, {"status": "OK"})
    assert inbox()[0].payload == {"eventType": "X", "n": 1}


@pytest.mark.usefixtures("restaurant")
def test_csrf_is_not_asked_for() -> None:
    assert post(Client(enforce_csrf_checks=True), [cloud_event()]).status_code == 200


@pytest.mark.usefixtures("restaurant")
def test_receiving_touches_neither_session_nor_cookies(client: Client) -> None:
    response = post(client, [cloud_event()])

    assert dict(response.cookies) == {}
    assert "Cookie" not in response.get("Vary", "")


@pytest.mark.usefixtures("restaurant")
def test_receiving_one_event_takes_one_query_once_tokens_are_known(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    post(client, [cloud_event()])

    with django_assert_num_queries(1):
        post(client, [cloud_event(timestamp=REVISION + 1)])


# --- sizes -------------------------------------------------------------------------------------------


def body_of_size(size: int) -> bytes:
    frame = b'[{"eventType":"X","pad":""}]'
    return frame.replace(b'""', b'"' + b"p" * (size - len(frame)) + b'"')


@pytest.mark.usefixtures("restaurant")
def test_body_of_exactly_the_limit_is_taken(client: Client, settings: Settings) -> None:
    settings.WEBHOOK_MAX_BODY_BYTES = 1000

    assert post(client, body_of_size(1000)).status_code == 200
    assert stored() == 1


@pytest.mark.usefixtures("restaurant")
def test_body_one_byte_over_the_limit_is_refused(client: Client, settings: Settings) -> None:
    settings.WEBHOOK_MAX_BODY_BYTES = 1000

    response = post(client, body_of_size(1001))

    assert (response.status_code, response.json()) == (
        413,
        {
            "status": "too_large",
            "detail": "The body is larger than 1000 bytes (WEBHOOK_MAX_BODY_BYTES).",
        },
    )
    assert stored() == 0


@pytest.mark.usefixtures("restaurant")
def test_default_limit_is_five_mebibytes(client: Client, settings: Settings) -> None:
    assert settings.WEBHOOK_MAX_BODY_BYTES == 5 * 1024 * 1024

    assert post(client, body_of_size(5 * 1024 * 1024 + 1)).status_code == 413
    assert post(client, body_of_size(5 * 1024 * 1024)).status_code == 200


@pytest.mark.usefixtures("restaurant")
def test_more_messages_than_are_taken_at_once_are_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.receiving.parser.MOST_MESSAGES", 3)

    response = post(client, [{"n": at} for at in range(4)])

    assert (response.status_code, response.json()) == (
        413,
        {"status": "too_large", "detail": "The body holds 4 messages; at most 3 are taken."},
    )
    assert stored() == 0
    assert post(client, [{"n": at} for at in range(3)]).status_code == 200
    assert post(client, {"a": 1, "b": 2, "c": 3, "d": 4}).status_code == 200
    assert stored() == 4


@pytest.mark.usefixtures("restaurant")
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " br", "deflate", "gzip, identity", "x" * 5000])
def test_compressed_body_is_refused_and_counted(client: Client, encoding: str) -> None:
    body = gzip.compress(json.dumps([cloud_event()]).encode())
    before = refused_encodings(client)

    response = post(client, body, HTTP_CONTENT_ENCODING=encoding)

    assert (response.status_code, response["Accept-Encoding"]) == (415, "identity")
    assert response.json() == {
        "status": "unsupported_encoding",
        "detail": f"Content-Encoding {encoding.strip()[:40]} is not taken. "
        "Send the body as it is, without compression.",
    }
    assert stored() == 0
    assert refused_encodings(client) == before + 1


def refused_encodings(client: Client) -> float:
    line = re.search(
        r'^iikohub_webhook_receipts_total\{outcome="unsupported_encoding"\} (.+)$',
        client.get("/metrics").content.decode(),
        re.MULTILINE,
    )
    return float(line[1]) if line else 0.0


@pytest.mark.usefixtures("restaurant")
@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_body_that_says_it_is_not_compressed_is_taken(client: Client, encoding: str) -> None:
    assert post(client, [cloud_event()], HTTP_CONTENT_ENCODING=encoding).status_code == 200
    assert stored() == 1


@pytest.mark.usefixtures("restaurant")
def test_compressed_body_of_a_stranger_is_unauthorized(client: Client) -> None:
    assert post(client, gzip.compress(b"[{}]"), "wrong", HTTP_CONTENT_ENCODING="gzip").status_code == 401
    assert stored() == 0


class Exploding(io.BytesIO):
    def read(self, *_: Any) -> bytes:
        raise AssertionError("the body must not be read")


def delivered(body: io.BytesIO | bytes, **environ: Any) -> Any:
    """Call the view with a server's environment of our own making."""
    request = RequestFactory().post(RECEIVE_URL, b"", content_type="application/json")
    stream = io.BytesIO(body) if isinstance(body, bytes) else body
    full = {**request.environ, "HTTP_AUTHORIZATION": TOKEN, "wsgi.input": stream} | environ
    full = {name: value for name, value in full.items() if value is not None}
    return ReceiveView.as_view()(type(request)(full))


@pytest.mark.usefixtures("restaurant")
@pytest.mark.parametrize("length", ["1001", "9" * 25, "9" * 5000])
def test_too_large_by_its_own_word_is_refused_unread(settings: Settings, length: str) -> None:
    settings.WEBHOOK_MAX_BODY_BYTES = 1000

    assert delivered(Exploding(), CONTENT_LENGTH=length).status_code == 413
    assert stored() == 0


@pytest.mark.usefixtures("restaurant")
def test_chunked_body_is_read_from_the_server_stream() -> None:
    body = b'[{"eventType": "X", "n": 1}]'

    response = delivered(body, CONTENT_LENGTH=None, **{"wsgi.input_terminated": True})

    assert response.status_code == 200
    assert inbox()[0].payload == {"eventType": "X", "n": 1}


@pytest.mark.usefixtures("restaurant")
def test_chunked_body_over_the_limit_is_refused(settings: Settings) -> None:
    settings.WEBHOOK_MAX_BODY_BYTES = 1000
    environ: dict[str, Any] = {"CONTENT_LENGTH": None, "wsgi.input_terminated": True}

    assert delivered(body_of_size(1001), **environ).status_code == 413
    assert stored() == 0
    assert delivered(body_of_size(1000), **environ).status_code == 200
    assert stored() == 1


@pytest.mark.usefixtures("restaurant")
def test_no_length_on_a_server_that_does_not_end_bodies_is_an_empty_body() -> None:
    response = delivered(b"[{}]", CONTENT_LENGTH=None)

    assert (response.status_code, response.content) == (200, b'{"status": "ignored"}')
    assert [(event.reason, event.raw_body) for event in inbox()] == [("not_json", b"")]


@pytest.mark.usefixtures("restaurant")
@pytest.mark.parametrize("length", ["abc", "-5", "+5", "1e3", "²"])
def test_length_that_is_no_number_does_not_break_the_view(length: str) -> None:
    assert delivered(b"[{}]", CONTENT_LENGTH=length).status_code == 200


@pytest.mark.usefixtures("restaurant")
def test_body_shorter_than_promised_is_refused_and_leaves_no_row() -> None:
    response = delivered(b'[{"eventType":"X"}]', CONTENT_LENGTH="500")

    assert response.status_code == 400
    assert b"incomplete" in response.content
    assert stored() == 0


class Broken(io.BytesIO):
    def read(self, *_: Any) -> bytes:
        raise ConnectionResetError("reset by peer")


@pytest.mark.usefixtures("restaurant")
@pytest.mark.parametrize(
    "environ", [{"CONTENT_LENGTH": "500"}, {"CONTENT_LENGTH": None, "wsgi.input_terminated": True}]
)
def test_connection_that_breaks_is_refused_and_leaves_no_row(environ: dict[str, Any]) -> None:
    response = delivered(Broken(), **environ)

    assert (response.status_code, stored()) == (400, 0)


# --- when 200 may be said ----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("count", [1, 3])
def test_rows_are_committed_before_200_is_said(
    client: Client, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    make_organization()
    seen: list[int] = []
    answer = view.answer_webhook

    def counting(request: view.WebhookRequest) -> view.Answer:
        answered = answer(request)
        seen.append(in_other_thread(stored))
        return answered

    monkeypatch.setattr(view, "answer_webhook", counting)

    response = post(client, [cloud_event(timestamp=REVISION + at) for at in range(count)])

    assert response.status_code == 200
    assert seen == [count]


@pytest.mark.django_db(transaction=True)
def test_body_is_stored_whole_or_not_at_all(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_organization()
    monkeypatch.setattr("webhooks.receiving.inbox._CHUNK", 2)
    seen: list[str] = []

    def fail_at_second_insert(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith("INSERT INTO webhook_events"):
            seen.append(sql)
            if len(seen) == 2:
                raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, *args)

    with connection.execute_wrapper(fail_at_second_insert):
        response = post(client, [cloud_event(timestamp=REVISION + at) for at in range(5)])

    assert response.status_code == 503
    assert stored() == 0


@pytest.mark.usefixtures("restaurant")
@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("connection is closed")])
@pytest.mark.parametrize("statement", ["webhook_configs", "INSERT INTO webhook_events"])
def test_database_that_fails_promises_nothing(client: Client, error: Exception, statement: str) -> None:
    def fail(execute: Any, sql: str, *args: Any) -> Any:
        if statement in sql:
            raise error
        return execute(sql, *args)

    with connection.execute_wrapper(fail):
        response = post(client, [cloud_event()])

    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json() == {
        "status": "unavailable",
        "detail": "Not stored: the hub cannot use its database. Send it again.",
    }
    assert stored() == 0


@pytest.fixture
def wsgi() -> Iterator[Callable[[bytes], int]]:
    """Send a body through the whole WSGI application on a thread of its own, as gunicorn calls it."""
    application = get_wsgi_application()

    def call(body: bytes) -> int:
        environ = RequestFactory().post(RECEIVE_URL, body, content_type="application/json").environ
        statuses: list[str] = []

        def start_response(status: str, *_: Any) -> Any:
            statuses.append(status)

        response = application(environ | {"HTTP_AUTHORIZATION": TOKEN}, start_response)
        b"".join(response)
        response.close()
        return int(statuses[0].split()[0])

    yield call
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_connection_lost_between_requests_costs_no_webhook(wsgi: Callable[[bytes], int]) -> None:
    make_organization()

    def scene() -> list[int]:
        answers = [wsgi(b'[{"eventType":"X","n":1}]')]
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
        in_other_thread(lambda: terminate(pid))
        answers.append(wsgi(b'[{"eventType":"X","n":2}]'))
        return answers

    assert in_other_thread(scene) == [200, 200]
    assert [event.payload["n"] for event in inbox()] == [1, 2]


def terminate(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 2000)", [pid])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("lost", "answers"),
    [
        pytest.param(1, [200, 200], id="once: stored on a new connection"),
        pytest.param(2, [503, 200], id="twice: not promised, the next is taken"),
    ],
)
def test_connection_lost_while_storing(wsgi: Callable[[bytes], int], lost: int, answers: list[int]) -> None:
    make_organization()
    losses = iter([True] * lost)

    def lose(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith("INSERT INTO webhook_events") and next(losses, False):
            pid = connection.connection.info.backend_pid
            in_other_thread(lambda: terminate(pid))
        return execute(sql, *args)

    def scene() -> list[int]:
        with connection.execute_wrapper(lose):
            return [wsgi(b'[{"eventType":"X","n":1}]'), wsgi(b'[{"eventType":"X","n":1}]')]

    assert in_other_thread(scene) == answers
    assert stored() == 1


class SlowDelivery:
    """A body that comes later than the database may be waited for."""

    method: str | None = "POST"

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.META: dict[str, Any] = {"HTTP_AUTHORIZATION": TOKEN, "CONTENT_LENGTH": str(len(body))}

    def read(self, _size: int, /) -> bytes:
        time.sleep(0.6)
        return self._body


@pytest.mark.django_db
def test_slow_sender_is_not_taken_for_a_slow_database(monkeypatch: pytest.MonkeyPatch) -> None:
    make_organization()
    monkeypatch.setattr(view, "ANSWER_WITHIN_S", 0.3)

    answer = view.answer_webhook(SlowDelivery(json.dumps([cloud_event()]).encode()))

    assert (answer.status, json.loads(answer.body)) == (200, {"status": "OK"})
    assert WebhookEvent.objects.count() == 1
