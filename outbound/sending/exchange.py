"""One request and its answer, within 15 seconds whatever the receiver does."""

import contextlib
import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from outbound.sending.connections import Connection, Kept, NotConnected, connect_to
from outbound.sending.errors import BAD_ANSWER, NO_ANSWER, NOT_SENT, TIMEOUT, TLS, code_of_status

logger = structlog.stdlib.get_logger(__name__)

WITHIN_S = 15.0
_MOST_READ = 64 * 1024
_MOST_KEPT = 1000
"""Characters of the answer that are kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request: ``error`` is a code of ``errors``, empty where the message was taken.

    ``status`` is None where there was no answer, ``retry_after_s`` what a receiver asked for that is busy.
    """

    status: int | None
    error: str
    text: str = ""
    retry_after_s: float | None = None
    duration_ms: int = 0


class Exchange:
    """Sends one message; ``run`` in a thread, ``cut`` from another once ``is_late``."""

    def __init__(
        self, url: str, headers: dict[str, str], body: str, *, kept: Kept, may_be_private: bool
    ) -> None:
        self._url, self._headers, self._body = url, headers, body.encode()
        self._kept, self._may_be_private = kept, may_be_private
        self._until = time.monotonic() + WITHIN_S
        self._connection: Connection | None = None
        self._socket: socket.socket | None = None
        self._is_cut = False

    @property
    def is_late(self) -> bool:
        return time.monotonic() >= self._until

    def cut(self) -> None:
        """End the connection, so that whoever waits at it goes on."""
        self._is_cut = True
        sock = self._socket or (self._connection.sock if self._connection else None)
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def run(self) -> Answer:
        began = time.monotonic()
        status, error, text, retry_after_s = None, "", "", None
        try:
            status, text, retry_after_s = self._ask()
            error = code_of_status(status)
        except NotConnected as failure:
            error = failure.code
        except ssl.SSLError:
            error = TLS
        except TimeoutError:
            error = TIMEOUT
        except (HTTPError, http.client.HTTPException):
            error = BAD_ANSWER
        except OSError:
            error = NO_ANSWER
        except Exception:  # outermost in its thread: an address that no library can send to, say
            logger.exception("outbound.not_sent")
            error = NOT_SENT
        if self._is_cut:
            status, error = None, TIMEOUT
        return Answer(status, error, text, retry_after_s, round((time.monotonic() - began) * 1000))

    def _ask(self) -> tuple[int, str, float | None]:
        kept = self._kept.take(self._url)
        if kept is not None:
            # It may have been closed by the other side: then nothing was answered, and a new one is asked.
            with contextlib.suppress(ConnectionError, HTTPError, http.client.HTTPException):
                return self._ask_over(kept)
            kept.close()
        fresh = connect_to(self._url, may_be_private=self._may_be_private, until=self._until)
        return self._ask_over(fresh)

    def _ask_over(self, connection: Connection) -> tuple[int, str, float | None]:
        self._connection, self._socket = connection, None
        try:
            self._stop_if_cut()
            if connection.sock is None:
                connection.connect()
                # It was cut while there was nothing to shut down: counted as not sent, so it is not.
                self._stop_if_cut()
            connection.request(
                "POST",
                _target(self._url),
                self._body,
                self._headers,
                preload_content=False,
                decode_content=False,
            )
            # Of each wait for a piece; all of them together end with ``cut``.
            connection.timeout = max(0.1, self._until - time.monotonic())
            # An answer that ends with its connection takes the socket away from it.
            self._socket = connection.sock
            response = connection.getresponse()
            answer, is_whole = _read(response)
        except BaseException:
            connection.close()
            raise
        # Where an answer ends with its connection, as those of HTTP/1.0 do, there is nothing to keep.
        if is_whole and connection.sock is not None and not self._is_cut:
            self._kept.give(self._url, connection)
        else:
            connection.close()
        return response.status, answer, _retry_after_s(response)

    def _stop_if_cut(self) -> None:
        if self._is_cut:
            raise TimeoutError


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _read(response: HTTPResponse) -> tuple[str, bool]:
    """Return the beginning of the answer, and whether it was read to its end and the connection stays."""
    content = response.read(_MOST_READ, decode_content=False)
    is_whole = len(content) < _MOST_READ and response.headers.get("connection", "").lower() != "close"
    # PostgreSQL keeps no zeros in texts.
    return content[: 4 * _MOST_KEPT].decode(errors="replace").replace("\0", "\ufffd")[:_MOST_KEPT], is_whole


def _retry_after_s(response: HTTPResponse) -> float | None:
    """Return for how long a busy receiver wants to be left alone; said as a date it is not read."""
    said = response.headers.get("retry-after", "")
    return float(said) if response.status in (429, 503) and said.isascii() and said.isdigit() else None
