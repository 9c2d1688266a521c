"""What the report makes of the samples."""

import json
from pathlib import Path

from chaos.checks import judge
from chaos.evidence import Evidence, Injected, Sample, Spares
from chaos.report import Report, readyz_history, unavailable
from chaos.tests.test_checks import answer_with_an_internal_error, clean
from chaos.watch import READYZ, WEBHOOK

CUT = Injected("database cut off", "packets are swallowed", began=10.0, ended=18.0, up_again=19.0)
KILL = Injected("worker killed", "one of 2 workers, kill -9", began=30.0, ended=31.0, up_again=31.5)
OF_NOBODY = dict.fromkeys(("webhooks", "healthz", "readyz", "API", "console", "admin"), 0.0)


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

    assert unavailable(evidence, CUT) == OF_NOBODY | {"webhooks": 8.5, "admin": 7.0}
    assert unavailable(evidence, KILL) == OF_NOBODY | {"webhooks": 0.2}


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
    [row] = [line for line in lines if line.startswith("  database cut off ")]
    assert row.split()[3:] == ["1", "0.0", "0.0", "0.0", "3.5", "0.0", "0.0", "1.0", "0.0"]


def test_report_tells_what_people_saw_meanwhile() -> None:
    evidence = watched(
        (11.0, WEBHOOK, 503, 4.0),
        (15.5, WEBHOOK, 0, 1.0),
        (12.0, "admin: orders", 503, 0.2),
        (25.0, "console: board", 200, 0.2),
    )
    evidence.samples.append(Sample(12.0, READYZ, 503, 0.1, "the database does not answer"))

    told = str(Report(1.5, 7, 12.3, "a file system of its own", evidence, judge(evidence)))

    assert """
  database cut off: packets are swallowed
    POST webhooks/iiko      0 × 1, 503 × 1             4.0 s
    GET readyz              503 × 1                    0.1 s  the database does not answer
  worker killed: one of 2 workers, kill -9
""" in "\n".join(line.rstrip() for line in told.splitlines())


def test_what_a_failed_run_leaves_behind_can_be_read(tmp_path: Path) -> None:
    evidence = watched((11.0, WEBHOOK, 503, 6.0))
    evidence.injected[0].spares = Spares.WEB

    Report(1.5, 7, 12.3, "a file system of its own", evidence, judge(evidence)).write(tmp_path)

    written = json.loads((tmp_path / "evidence.json").read_text())
    assert written["samples"] == [{"at": 11.0, "endpoint": WEBHOOK, "status": 503, "took_s": 6.0, "said": ""}]
    assert written["balances"] == {"guest/wallet": "103.51"}
    assert written["injected"][0]["spares"] == "WEB"
    assert json.loads((tmp_path / "report.json").read_text())["breaches"]["answers came in time"] == [
        "POST webhooks/iiko took 6.0 s during: database cut off; 5.0 s at most here"
    ]


def test_clean_report_says_so_and_can_be_read_by_a_program() -> None:
    evidence = clean()

    report = Report(1.5, 7, 12.3, "a file system of its own", evidence, judge(evidence))
    written = json.loads(json.dumps(report.as_json()))

    assert str(report).splitlines()[-1] == "All holds."
    assert written["is_clean"] is True
    assert written["counts"]["commands confirmed"] == 5
    assert written["statuses"] == {"GET orders": {"200": 1, "503": 1}}
