"""When a request is refused at once because others wait for the database."""

from contextlib import ExitStack

import pytest

from webhooks.receiving import database_watch
from webhooks.receiving.database_watch import ANSWER_WITHIN_S, PAGE_STATEMENT_S, DatabaseAway, DatabaseWatch


@pytest.fixture(autouse=True)
def _soon_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_watch, "_SLOW_S", -1.0)


def test_long_pages_do_not_have_webhooks_refused() -> None:
    watch = DatabaseWatch()

    with ExitStack() as requests:
        for _ in range(20):
            requests.enter_context(watch.each_statement_within(PAGE_STATEMENT_S))
        watch.check()


def test_webhooks_that_wait_have_those_that_come_refused() -> None:
    watch = DatabaseWatch()

    with ExitStack() as requests:
        for _ in range(7):
            requests.enter_context(watch.within(ANSWER_WITHIN_S))
        watch.check()
        requests.enter_context(watch.within(ANSWER_WITHIN_S))
        with pytest.raises(DatabaseAway):
            watch.check()
    watch.check()


def test_steps_of_one_request_wait_no_longer_than_one_may(monkeypatch: pytest.MonkeyPatch) -> None:
    watch, now = DatabaseWatch(), [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    with watch.within_in_all(4.0):
        with watch.within(4.0):
            now[0] += 2.5
        now[0] += 60.0  # the sender is slow with his body
        with watch.within(4.0):
            assert watch.left_s() == 1.5
            with watch.within(4.0):
                assert watch.left_s() == 1.5
            now[0] += 1.5
        with watch.within(4.0), pytest.raises(DatabaseAway):
            watch.check_in_time()
    with watch.within(4.0):
        assert watch.left_s() == 4.0
