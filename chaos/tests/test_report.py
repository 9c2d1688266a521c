"""What the report makes of the samples."""

import json

from chaos.checks import judge
from chaos.evidence import Evidence, Injected, Sample
from chaos.report import Report, readyz_history, unavailable
from chaos.tests.test_checks import answer_with_an_internal_error, clean
from chaos.watch import WEBHOOK

CUT = Injected("database cut off", "packets are swallowed", began=10.0, ended=18.0, up_again=19.0)
KILL = Injected("worker killed", "one of 2 workers, kill -9", began=30.0, ended=31.0, up_again=31.5)


def watched(*samples: tuple[float, str, int, float]) -> Evidence:
    evidence = clean()
    evidence.samples = [Sample(*one) for one in samples]
    evidence.injected = [CUT, KILL]
    return evidence


def test_unavailable_is_from_the_first_bad_question_to_the_next_good_answer() -> None:
    evidence = watched(
        (9.0, WEBHOOK, 200, 0.1),
        (11.0, WEBHOOK, 503, 4.0),
        (15.5, WEBHOOK, 0, 1.0),
        (19.0, WEBHOOK, 200, 0.5),
        (30.5, WEBHOOK, 200, 0.2),
        (11.0, "admin: orders", 200, 7.0),
    )

    assert unavailable(evidence, CUT) == {"webhooks": 8.5, "API": 0.0, "admin": 7.0, "readyz": 0.0}
    assert unavailable(evidence, KILL) == {"webhooks": 0.2, "API": 0.0, "admin": 0.0, "readyz": 0.0}


def test_readyz_history_lists_its_changes() -> None:
    evidence = watched(
        (5.0, "GET readyz", 200, 0.1),
        (6.0, "GET readyz", 200, 0.1),
        (11.0, "GET readyz", 503, 0.1),
        (12.0, "GET orders", 200, 0.1),
        (19.0, "GET readyz", 200, 0.1),
    )

    assert readyz_history(evidence) == [(0.0, 200), (6.0, 503), (14.0, 200)]


def test_report_lists_breaches_and_what_each_fault_cost() -> None:
    evidence = watched((11.0, "GET orders", 503, 2.0), (14.0, "GET orders", 200, 0.5))
    answer_with_an_internal_error(evidence)

    report = Report(1.5, 7, 12.3, "a file system of its own", evidence, judge(evidence))

    lines = str(report).splitlines()
    assert not report.is_clean
    assert lines[-1] == "The run FAILED."
    assert "  BREACH  nobody met an internal error: 1" in lines
    assert "            admin: orders answered 500, 1 times" in lines
    assert "  holds   no command was taken twice" in lines
    [row] = [line for line in lines if line.startswith("  database cut off ") and "×" not in line]
    assert row.split() == ["database", "cut", "off", "1", "0.0", "3.5", "0.0", "0.0"]


def test_clean_report_says_so_and_can_be_read_by_a_program() -> None:
    evidence = clean()

    report = Report(1.5, 7, 12.3, "a file system of its own", evidence, judge(evidence))
    written = json.loads(json.dumps(report.as_json()))

    assert str(report).splitlines()[-1] == "All holds."
    assert written["is_clean"] is True
    assert written["counts"]["commands confirmed"] == 5
    assert written["statuses"] == {"GET orders": {"200": 1, "503": 1}}
