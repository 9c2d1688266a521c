"""Resolve names within a limit: the system's resolver knows no timeout and may take half a minute.

A lookup runs in a thread of its own, one for each name at a time. Who has waited for its limit goes on
without it. What comes late serves the next who asks, so that a resolver that is only slow leads somewhere.
"""

import os
import socket
import threading
import time
from concurrent.futures import Future
from typing import Any

Found = list[tuple[Any, ...]]
"""As ``socket.getaddrinfo`` returns it."""

LATE_KEPT_S = 30.0

_Key = tuple[str, int | None]


class Names:
    """Lookups under way, and what came after its asker had gone on."""

    def __init__(self) -> None:
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[_Key, Future[Found]] = {}
        self._given_up: set[_Key] = set()
        self._late: dict[_Key, tuple[float, Found]] = {}

    def resolve(self, host: str, port: int | None, *, within_s: float) -> Found:
        """Return the addresses of a name.

        Raises:
            socket.gaierror: there is no such name, or it was not resolved in time.
        """
        key = (host, port)
        with self._lock:
            kept_until, found = self._late.pop(key, (0.0, []))
            if time.monotonic() < kept_until:
                return found
            lookup = self._under_way.get(key) or self._begin(key)
        try:
            return lookup.result(within_s)
        except TimeoutError as error:
            with self._lock:
                self._given_up |= {key} & self._under_way.keys()
            words = f"the name was not resolved within {within_s:.1f} s"
            raise socket.gaierror(socket.EAI_AGAIN, words) from error

    def _begin(self, key: _Key) -> Future[Found]:
        lookup: Future[Found] = Future()
        self._under_way[key] = lookup
        threading.Thread(target=self._look_up, args=(key, lookup), name="name-lookup", daemon=True).start()
        return lookup

    def _look_up(self, key: _Key, lookup: Future[Found]) -> None:
        try:
            found = socket.getaddrinfo(*key, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._end(key)
            lookup.set_exception(error)
        else:
            self._end(key, found)
            lookup.set_result(list(found))

    def _end(self, key: _Key, found: Found | None = None) -> None:
        with self._lock:
            self._under_way.pop(key, None)
            if key in self._given_up:
                self._given_up.discard(key)
                if found:
                    self._late[key] = (time.monotonic() + LATE_KEPT_S, list(found))


names = Names()
