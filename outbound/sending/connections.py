"""Connections to receivers: to checked addresses alone, through no proxy, kept alive for a while."""

import socket
import ssl
import threading
import time
from collections import defaultdict
from functools import lru_cache
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection

from iiko_client.http.addresses import NoSuchName, NotPublicAddress, connect_checked
from outbound.sending.errors import NO_ADDRESS, NO_ANSWER, PRIVATE

CONNECT_S = 5.0
_KEPT_S = 20.0
_MOST_KEPT = 32


class NotConnected(OSError):
    """No connection was made; ``code`` of ``errors`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _OutOfTime(Exception):
    """There is no time left for another attempt."""


def open_checked(host: str, port: int, *, may_be_private: bool, until: float) -> socket.socket:
    """Connect to a checked address. All of it ends at ``until`` (of ``time.monotonic``).

    A resolver that is slower is waited for all the same.

    Raises:
        NotConnected
        TimeoutError
    """

    def wait_s() -> float:
        if (left_s := until - time.monotonic()) <= 0:
            raise _OutOfTime
        return min(CONNECT_S, left_s)

    options = HTTPConnection.default_socket_options
    try:
        return connect_checked(host, port, only_public=not may_be_private, wait_s=wait_s, options=options)
    except _OutOfTime:
        raise TimeoutError from None
    except NoSuchName as error:
        raise NotConnected(NO_ADDRESS) from error
    except NotPublicAddress as error:
        raise NotConnected(PRIVATE) from error
    except OSError as error:
        raise NotConnected(NO_ANSWER) from error


class _Plain(HTTPConnection):
    may_be_private = False
    until = 0.0

    def _new_conn(self) -> socket.socket:
        return open_checked(self.host, self.port, may_be_private=self.may_be_private, until=self.until)


class _Tls(HTTPSConnection):
    may_be_private = False
    until = 0.0

    def _new_conn(self) -> socket.socket:
        port = self.port or 443
        return open_checked(self.host, port, may_be_private=self.may_be_private, until=self.until)


Connection = _Plain | _Tls


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    context.load_default_certs()
    return context


def connect_to(url: str, *, may_be_private: bool, until: float) -> Connection:
    """Make a connection to the server of an address; who uses it opens it, before ``until``."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    made: Connection
    if parts.scheme == "https":
        made = _Tls(host, parts.port, timeout=CONNECT_S, ssl_context=_tls_context())
    else:
        made = _Plain(host, parts.port, timeout=CONNECT_S)
    made.may_be_private, made.until = may_be_private, until
    return made


class Kept:
    """Open connections that wait for the next message, by server; shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: defaultdict[str, list[tuple[float, Connection]]] = defaultdict(list)

    def take(self, url: str) -> Connection | None:
        with self._lock:
            idle = self._idle[_server(url)]
            while idle:
                since, one = idle.pop()
                if time.monotonic() - since < _KEPT_S:
                    return one
                one.close()
        return None

    def give(self, url: str, connection: Connection) -> None:
        with self._lock:
            idle = self._idle[_server(url)]
            if len(idle) < _MOST_KEPT:
                idle.append((time.monotonic(), connection))
                return
        connection.close()

    def close(self) -> None:
        with self._lock:
            for idle in self._idle.values():
                for _since, one in idle:
                    one.close()
            self._idle.clear()


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
