"""Commits shared by threads: who joins whom, and what becomes of them when one goes wrong."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from tests.builders import REVISION, cloud_event, make_organization, post
from webhooks.models.inbox import WebhookEvent
from webhooks.receiving import insert
from webhooks.receiving.group_commit import GroupCommit


class Disk:
    """Work that waits at a gate, so that a test decides who comes meanwhile."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.groups: list[list[str]] = []
        self.broken = False
        self.together = GroupCommit(self.work, alone=self.alone, at_most=3)

    def work(self, items: Sequence[str]) -> list[str]:
        self.groups.append(sorted(items))
        if self.broken:
            raise OperationalError("the disk is full")
        return [item.upper() for item in items]

    def alone(self, item: str) -> str:
        self.groups.append([item])
        assert self.gate.wait(10)
        if item.startswith("bad"):
            raise ValueError(item)
        return item.upper()

    def start(self, pool: ThreadPoolExecutor, *items: str) -> list[Future[str]]:
        """Let the first item occupy the disk while the others wait for it, then open the gate."""
        futures = [pool.submit(self.together, items[0].split("#")[0], items[0])]
        _until(lambda: self.groups == [[items[0]]])
        for number, item in enumerate(items[1:], 1):
            futures.append(pool.submit(self.together, item.split("#")[0], item))
            _until(lambda: len(self.together._waiting) == number)  # noqa: B023  # called at once
        self.gate.set()
        return futures


def _until(holds: Any) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if holds():
            return
        pause.wait(0.005)
    raise AssertionError("it did not come to that")


@pytest.fixture
def pool() -> Any:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def test_those_who_come_meanwhile_share_one_piece_of_work(pool: ThreadPoolExecutor) -> None:
    disk = Disk()

    answers = [future.result(10) for future in disk.start(pool, "a", "b", "c", "d", "e")]

    assert answers == ["A", "B", "C", "D", "E"]
    assert disk.groups == [["a"], ["b", "c", "d"], ["e"]]
    assert disk.together("f", "f") == "F"


def test_same_key_is_never_twice_in_a_group(pool: ThreadPoolExecutor) -> None:
    disk = Disk()

    answers = [future.result(10) for future in disk.start(pool, "a", "b", "b#2", "c")]

    assert answers == ["A", "B", "B#2", "C"]
    assert disk.groups == [["a"], ["b", "c"], ["b#2"]]


def test_group_that_fails_is_done_one_by_one_and_each_meets_his_own_error(pool: ThreadPoolExecutor) -> None:
    disk = Disk()
    disk.broken = True

    first, good, bad = disk.start(pool, "a", "b", "bad")

    assert (first.result(10), good.result(10)) == ("A", "B")
    with pytest.raises(ValueError, match="bad"):
        bad.result(10)
    disk.broken = False
    assert disk.together("f", "f") == "F"


def test_first_caller_who_fails_leaves_the_lead_to_the_next(pool: ThreadPoolExecutor) -> None:
    disk = Disk()

    bad, good = disk.start(pool, "bad", "b")

    with pytest.raises(ValueError, match="bad"):
        bad.result(10)
    assert good.result(10) == "B"


@pytest.mark.django_db(transaction=True)
def test_webhooks_brought_at_once_are_each_stored_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen threads, repeats among them, and a statement that fails for all of its group."""
    make_organization()
    sizes: list[int] = []
    run_group = insert._commit_in_group._work

    def counted(events: Sequence[insert.NewEvent]) -> Sequence[bool]:
        sizes.append(len(events))
        if len(sizes) == 2:
            raise OperationalError("the server went away")
        return run_group(events)

    monkeypatch.setattr(insert._commit_in_group, "_work", counted)
    start = threading.Barrier(16)

    def bring(thread: int) -> list[int]:
        try:
            start.wait(10)
            return [_bring(thread, number) for number in range(20)]
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(bring, range(16)))

    assert {status for statuses in answers for status in statuses} == {200}
    assert len(sizes) > 2
    assert max(sizes) > 1
    # Threads 2n and 2n + 1 bring the same.
    assert WebhookEvent.objects.count() == 8 * 20
    assert set(WebhookEvent.objects.values_list("duplicates", flat=True)) == {1}


def _bring(thread: int, number: int) -> int:
    event = cloud_event(timestamp=REVISION + 1000 * (thread // 2) + number)
    return int(post(Client(), event).status_code)
