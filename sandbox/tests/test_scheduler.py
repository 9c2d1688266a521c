from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sandbox.engine.scheduler import Agenda

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_actions_run_in_order_of_their_instants_with_these_instants() -> None:
    agenda, ran = Agenda(), []
    agenda.add(NOON + 2 * MINUTE, lambda at: ran.append(("late", at)))
    agenda.add(NOON + MINUTE, lambda at: ran.append(("early", at)))
    agenda.add(NOON + MINUTE, lambda at: ran.append(("early, added later", at)))
    agenda.add(NOON + 9 * MINUTE, lambda at: ran.append(("not yet", at)))

    agenda.run_due(NOON + 5 * MINUTE)

    assert ran == [
        ("early", NOON + MINUTE),
        ("early, added later", NOON + MINUTE),
        ("late", NOON + 2 * MINUTE),
    ]


def test_what_an_action_adds_runs_too_when_it_is_due() -> None:
    agenda, ran = Agenda(), []

    def again(at: datetime) -> None:
        ran.append(at)
        agenda.add(at + MINUTE, again)

    agenda.add(NOON, again)
    agenda.run_due(NOON + 2 * MINUTE)

    assert ran == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]


def test_postponed_actions_wait_as_much_longer() -> None:
    agenda = Agenda()
    ran: list[datetime] = []
    agenda.add(NOON, ran.append)

    agenda.postpone(10 * MINUTE)
    agenda.run_due(NOON + 9 * MINUTE)
    assert ran == []
    agenda.run_due(NOON + 10 * MINUTE)

    assert ran == [NOON + 10 * MINUTE]
