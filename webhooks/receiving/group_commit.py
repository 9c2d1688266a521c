"""Commits shared by the threads of a process: whoever comes while one is under way joins the next.

A commit waits for the disk, and a statement makes the same way for one row as for ten. The first
caller works at once; those who come meanwhile are gathered, and one of them takes all of them to the
database. Nobody waits for company, and nobody is answered before the commit of his own row.
"""

import os
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Generic, TypeVar

import structlog

logger = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")
R = TypeVar("R")


class _Caller(Generic[T, R]):
    """A thread that waits: until its outcome is there, or until it is called to lead a group."""

    __slots__ = ("group", "item", "key", "outcome", "turn")

    def __init__(self, key: Hashable, item: T) -> None:
        self.key = key
        self.item = item
        self.outcome: R | None = None
        self.group: list[_Caller[T, R]] = []
        self.turn = Lock()
        self.turn.acquire()


class GroupCommit(Generic[T, R]):
    """Runs ``work`` for groups of items with different keys; it returns their outcomes in order.

    ``alone`` does the same for one item. Where ``work`` fails, each caller does his own alone: an item
    that cannot be stored hurts nobody else, and a broken connection is met by its own thread.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Sequence[R]], *, alone: Callable[[T], R], at_most: int
    ) -> None:
        self._work = work
        self._alone = alone
        self._at_most = at_most
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Start again: after a fork the threads that waited are the parent's."""
        self._lock = Lock()
        self._waiting: deque[_Caller[T, R]] = deque()
        self._is_led = False

    def __call__(self, key: Hashable, item: T) -> R:
        """Return the item's outcome; raises what ``alone`` raises for it."""
        me = self._join(key, item)
        if me is None:
            try:
                return self._alone(item)
            finally:
                self._pass_on()
        me.turn.acquire()
        if me.group:
            self._lead(me.group)
        return self._alone(item) if me.outcome is None else me.outcome

    def _join(self, key: Hashable, item: T) -> _Caller[T, R] | None:
        """Take the lead (None) or a place among those who wait for it."""
        with self._lock:
            if not self._is_led:
                self._is_led = True
                return None
            me = _Caller[T, R](key, item)
            self._waiting.append(me)
            return me

    def _lead(self, group: list[_Caller[T, R]]) -> None:
        try:
            if len(group) > 1:
                self._work_for(group)
            else:
                group[0].outcome = self._alone(group[0].item)
        finally:
            self._pass_on()
            for other in group[1:]:
                other.turn.release()

    def _work_for(self, group: list[_Caller[T, R]]) -> None:
        try:
            outcomes = self._work([caller.item for caller in group])
        except Exception as error:  # noqa: BLE001  # each of them meets his own error alone
            logger.warning("inbox.group_failed", items=len(group), error_type=type(error).__name__)
            return
        for caller, outcome in zip(group, outcomes, strict=True):
            caller.outcome = outcome

    def _pass_on(self) -> None:
        with self._lock:
            group = self._next_group()
            self._is_led = bool(group)
        if group:
            group[0].group = group
            group[0].turn.release()

    def _next_group(self) -> list[_Caller[T, R]]:
        """Take those who wait, each key once: one statement may not touch a row twice."""
        group: dict[Hashable, _Caller[T, R]] = {}
        left: list[_Caller[T, R]] = []
        while self._waiting and len(group) < self._at_most:
            caller = self._waiting.popleft()
            if group.setdefault(caller.key, caller) is not caller:
                left.append(caller)
        self._waiting.extendleft(reversed(left))
        return list(group.values())
