"""Usual webhooks on their way from a web server's loop to a thread: all that are whole go together.

Both servers read requests in a loop and answer them in threads. To hand each over alone costs more than
to store it, so those that came meanwhile go in one call (``webhooks.receiving.batch``). Nobody waits for
company: while no batch is under way, what is here goes at once.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future

import structlog

from core.request_id import id_of
from webhooks.receiving.batch import PlainWebhook, Reply, receive_batch
from webhooks.receiving.insert import MOST_ROWS
from webhooks.receiving.view import RECEIVE_PATHS

logger = structlog.stdlib.get_logger(__name__)

LONGEST_HEAD = 8000
"""Bytes; usual ones have some 300."""

PATIENCE_S = 0.25
"""Who has waited so long for the batch before it takes the usual way: that one may hang."""

# Anything else in a head is the usual way's to judge: its parser knows more.
_HEAD = re.compile(rb"POST ([!-~]+) HTTP/1\.1\r\n((?:[A-Za-z0-9-]+:[\t\x20-\x7e]*+\r\n)+)\r\n")
_UNUSUAL = {
    *("transfer-encoding", "content-encoding", "expect", "te", "trailer", "upgrade", "http2-settings"),
    "proxy-connection",
}

Answered = Callable[[Reply | None], object]
"""Takes the reply, in the loop; None: the request has to take the usual way."""


class WebhookBatches:
    """The webhooks of one process that wait while a batch is under way. Used in the loop alone.

    ``defer`` calls a function in the loop, from any thread.
    """

    def __init__(self, pool: Executor, defer: Callable[..., object]) -> None:
        self._pool = pool
        self._defer = defer
        self._waiting: deque[tuple[float, PlainWebhook, Answered]] = deque()
        self._is_under_way = False

    def take_bytes(self, head: bytes, body: bytes, answered: Answered) -> bool:
        """Take a request as it came, the head with its empty line; False for all but usual webhooks."""
        found = _HEAD.fullmatch(head) if len(head) <= LONGEST_HEAD else None
        if found is None:
            return False
        lines = (line.partition(":") for line in found[2].decode().split("\r\n")[:-1])
        headers = ((name.lower(), value.strip(" \t")) for name, _, value in lines)
        return self.take(found[1].decode(), headers, body, answered)

    def take(
        self, target: str, headers: Iterable[tuple[str, str]], body: bytes | bytearray, answered: Answered
    ) -> bool:
        """Take a POST whose head is read, names in lower case; False for all but usual webhooks.

        ``send`` has to follow once the loop has read what there was.
        """
        webhook = _plain_webhook(list(headers), body) if target in RECEIVE_PATHS else None
        if webhook is not None:
            self._waiting.append((time.monotonic(), webhook, answered))
        return webhook is not None

    def send(self) -> None:
        """Send what waits on its way, as far as it may go."""
        if self._waiting and not self._is_under_way:
            count = min(len(self._waiting), MOST_ROWS)
            self._send([self._waiting.popleft()[1:] for _ in range(count)])
        while self._waiting and time.monotonic() - self._waiting[0][0] > PATIENCE_S:
            self._waiting.popleft()[2](None)

    @property
    def look_again_s(self) -> float | None:
        """In how many seconds ``send`` has to be called whatever comes; None: it need not be."""
        return PATIENCE_S if self._waiting else None

    def _send(self, batch: list[tuple[PlainWebhook, Answered]]) -> None:
        self._is_under_way = True
        job = self._pool.submit(receive_batch, [webhook for webhook, _ in batch])
        job.add_done_callback(lambda done: self._defer(self._finish, batch, done))

    def _finish(self, batch: list[tuple[PlainWebhook, Answered]], done: Future[list[Reply | None]]) -> None:
        self._is_under_way = False
        replies: list[Reply | None] = [None] * len(batch)
        if error := done.exception():
            logger.error("inbox.batch_broken", exc_info=error)
        else:
            replies = done.result()
        for (_, answered), reply in zip(batch, replies, strict=True):
            answered(reply)
        self.send()


def _plain_webhook(headers: Sequence[tuple[str, str]], body: bytes | bytearray) -> PlainWebhook | None:
    """Return None for an unusual head, of which another could read something else than this."""
    given = dict(headers)
    if len(given) != len(headers) or not _UNUSUAL.isdisjoint(given):
        return None
    if given.get("connection", "keep-alive").lower() not in ("keep-alive", "close"):
        return None
    if given.get("content-length") != str(len(body)):
        return None
    return PlainWebhook(
        bytes(body),
        given.get("authorization", ""),
        given.get("authtoken", ""),
        id_of(given.get("x-request-id", "")),
    )
