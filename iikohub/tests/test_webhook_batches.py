"""Which requests a web server's loop sends together, and when."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from iikohub.operations import webhook_batches
from iikohub.operations.webhook_batches import LONGEST_HEAD, PATIENCE_S, WebhookBatches
from webhooks.receiving.batch import PlainWebhook, Reply
from webhooks.receiving.insert import MOST_ROWS
from webhooks.receiving.view import OK

HEAD = (
    b"POST /api/v1/webhooks/iiko HTTP/1.1\r\nHost: hub\r\nAuthorization:  token \r\n"
    b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"
)


class Pool(Executor):
    """Threads that answer when a test says so."""

    def __init__(self) -> None:
        self.jobs: list[tuple[list[PlainWebhook], Future[Any]]] = []

    def submit(self, _function: Callable[..., Any], /, *given: Any, **_named: Any) -> Future[Any]:
        job: Future[Any] = Future()
        self.jobs.append((given[0], job))
        return job

    @property
    def sizes(self) -> list[int]:
        return [len(webhooks) for webhooks, _ in self.jobs]

    def answer(self, at: int) -> None:
        webhooks, job = self.jobs[at]
        job.set_result([Reply(OK, one.request_id, "trace") for one in webhooks])


class Loop:
    """A server's loop with its batches; ``deferred`` runs when it comes to it."""

    def __init__(self) -> None:
        self.pool = Pool()
        self.batches = WebhookBatches(self.pool, lambda function, *given: function(*given))
        self.answers: list[Reply | None] = []

    def bring(self, count: int = 1) -> None:
        for _ in range(count):
            assert self.batches.take_bytes(HEAD, b"[]", self.answers.append)
        self.batches.send()


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_what_is_here_goes_at_once_and_together(loop: Loop) -> None:
    loop.bring(3)

    assert loop.pool.sizes == [3]
    assert loop.batches.look_again_s is None


def test_those_who_come_meanwhile_go_with_the_next(loop: Loop) -> None:
    loop.bring()
    loop.bring()
    loop.bring(2)
    assert loop.pool.sizes == [1]
    assert loop.batches.look_again_s == PATIENCE_S

    loop.pool.answer(0)

    assert loop.pool.sizes == [1, 3]
    assert len(loop.answers) == 1
    loop.pool.answer(1)
    assert [reply.answer for reply in loop.answers if reply] == [OK] * 4


def test_a_batch_has_room_for_as_many_as_a_statement(loop: Loop) -> None:
    loop.bring(MOST_ROWS + 5)
    loop.pool.answer(0)

    assert loop.pool.sizes == [MOST_ROWS, 5]


def test_who_waits_for_a_batch_that_hangs_takes_the_usual_way(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.bring()
    loop.bring(2)
    assert loop.answers == []
    monkeypatch.setattr(webhook_batches, "PATIENCE_S", -1.0)

    loop.batches.send()

    assert loop.answers == [None, None]
    assert loop.pool.sizes == [1]
    loop.pool.answer(0)
    assert loop.answers[2] is not None


def test_batch_that_breaks_is_answered_by_the_usual_way(loop: Loop, caplog: pytest.LogCaptureFixture) -> None:
    loop.bring(2)
    loop.pool.jobs[0][1].set_exception(RuntimeError("a mistake of ours"))

    assert loop.answers == [None, None]
    assert "inbox.batch_broken" in caplog.text
    loop.bring()
    assert loop.pool.sizes == [2, 1]


def test_webhook_is_read_from_its_head(loop: Loop) -> None:
    loop.bring()

    (((webhook,), _),) = loop.pool.jobs
    assert (webhook.body, webhook.authorization, webhook.auth_token) == (b"[]", "token", "")
    assert len(webhook.request_id) == 32


def test_names_of_headers_are_read_in_any_case_and_the_callers_id_is_kept(loop: Loop) -> None:
    head = (
        b"POST /api/v1/webhooks/iiko/ HTTP/1.1\r\nAUTHTOKEN: t\r\nx-request-id: abc\r\n"
        b"Connection: Close\r\ncontent-length: 2\r\n\r\n"
    )

    assert loop.batches.take_bytes(head, b"[]", loop.answers.append)

    loop.batches.send()
    (((webhook,), _),) = loop.pool.jobs
    assert (webhook.auth_token, webhook.request_id) == ("t", "abc")


@pytest.mark.parametrize(
    ("part", "other"),
    [
        (b"POST /api/v1/webhooks/iiko HTTP", b"GET /api/v1/webhooks/iiko HTTP"),
        (b"/webhooks/iiko HTTP", b"/orders HTTP"),
        (b"/webhooks/iiko HTTP", b"/webhooks/iiko?a=1 HTTP"),
        (b"/webhooks/iiko HTTP", b"/webhooks//iiko HTTP"),
        (b"/webhooks/iiko HTTP", b"/webhooks/%69iko HTTP"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"Content-Length: 2", b"Content-Length: 3"),
        (b"Content-Length: 2", b"Content-Length: +2"),
        (b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 2"),
        (b"Content-Length: 2", b"Content-Length : 2"),
        (b"Content-Length: 2", b"Content_Length: 2"),
        (b"Content-Length: 2\r\n", b""),
        (b"Host: hub", b"Host: hub\r\n folded"),
        (b"Host: hub", b"Host: h\xc3\xbcb"),
        (b"Host: hub", b"Host: h\x00b"),
        (b"Host: hub\r\n", b"Host: hub\n"),
        (b"Host: hub", b"Transfer-Encoding: chunked"),
        (b"Host: hub", b"Transfer-Encoding: identity"),
        (b"Host: hub", b"Content-Encoding: gzip"),
        (b"Host: hub", b"Expect: 100-continue"),
        (b"Host: hub", b"Upgrade: h2c"),
        (b"Host: hub", b"Connection: upgrade"),
        (b"Host: hub", b"Authorization: another"),
        (b"Host: hub", b"Host: " + b"h" * LONGEST_HEAD),
    ],
)
def test_an_unusual_head_is_the_usual_ways_to_judge(loop: Loop, part: bytes, other: bytes) -> None:
    assert part in HEAD

    assert not loop.batches.take_bytes(HEAD.replace(part, other), b"[]", loop.answers.append)

    loop.batches.send()
    assert loop.pool.sizes == []
