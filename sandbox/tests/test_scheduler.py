from datetime import UTC, datetime, timedelta

from sandbox.engine.clock import Scheduler

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_actions_run_in_order_of_their_instants_with_these_instants() -> None:
    scheduler, ran = Scheduler(), []
    scheduler.add(NOON + 2 * MINUTE, lambda at: ran.append(("late", at)))
    scheduler.add(NOON + MINUTE, lambda at: ran.append(("early", at)))
    scheduler.add(NOON + MINUTE, lambda at: ran.append(("early, added later", at)))
    scheduler.add(NOON + 9 * MINUTE, lambda at: ran.append(("not yet", at)))

    scheduler.run_due(NOON + 5 * MINUTE)

    assert ran == [
        ("early", NOON + MINUTE),
        ("early, added later", NOON + MINUTE),
        ("late", NOON + 2 * MINUTE),
    ]


def test_what_an_action_adds_runs_too_when_it_is_due() -> None:
    scheduler, ran = Scheduler(), []

    def again(at: datetime) -> None:
        ran.append(at)
        scheduler.add(at + MINUTE, again)

    scheduler.add(NOON, again)
    scheduler.run_due(NOON + 2 * MINUTE)

    assert ran == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]


def test_postponed_actions_wait_as_much_longer() -> None:
    scheduler = Scheduler()
    ran: list[datetime] = []
    scheduler.add(NOON, ran.append)

    scheduler.postpone(10 * MINUTE)
    scheduler.run_due(NOON + 9 * MINUTE)
    assert ran == []
    scheduler.run_due(NOON + 10 * MINUTE)

    assert ran == [NOON + 10 * MINUTE]


def test_stretched_actions_take_longer_from_now_on_and_overdue_ones_do_not() -> None:
    scheduler = Scheduler()
    ran: list[datetime] = []
    for minutes in (-1, 2, 4):
        scheduler.add(NOON + minutes * MINUTE, ran.append)

    scheduler.stretch(10, now=NOON)
    scheduler.run_due(NOON + 39 * MINUTE)

    assert ran == [NOON - MINUTE, NOON + 20 * MINUTE]
