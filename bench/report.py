"""The outcome as a table for people and as JSON for comparison with a later day."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.drain import DrainRun
from bench.ingest import IngestRun
from bench.latency import LatencyRun
from bench.loyalty import Outcome
from bench.reconcile import ReconcileRun

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether a number is what we promise (a missed goal fails the benchmark) or hope for."""

    what: str
    is_met: bool
    is_goal: bool = True

    def __str__(self) -> str:
        return f"{'goal' if self.is_goal else 'aim '} {self.what:<34} {'met' if self.is_met else 'MISSED'}"


@dataclass(slots=True)
class Section:
    name: str
    how: str
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    medians: dict[str, float] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, values: Iterable[float], show: Callable[[float], str]) -> float:
        """Add a row: the median and, behind it, what it is the median of. Returns the median."""
        values = list(values)
        self.medians[name] = median(values)
        self.rows.append((name, show(self.medians[name]), "  ".join(map(show, values))))
        return self.medians[name]

    def __str__(self) -> str:
        width = max(len(name) for name, _, _ in self.rows)
        lines = [f"{self.name}: {self.how}"]
        lines += [f"  {name:<{width}}  {middle:>9}   ({each})" for name, middle, each in self.rows]
        lines += [f"  {comparison}" for comparison in self.comparisons]
        return "\n".join(lines)


def loyalty_section(outcome: Outcome, how: str) -> Section:
    section = Section("loyalty", how, runs=[outcome.as_json()])
    counts = {"operations": outcome.operations, "refused at once": outcome.refused} | outcome.states
    counts |= {"answers lost": outcome.lost_answers, "deaths": outcome.crashes, "repeats": outcome.repeats}
    for name, count in counts.items():
        section.add(name, [count], _whole)
    section.add("seconds", [outcome.duration_s], _whole)
    section.comparisons = [
        Comparison("every wallet equals the ledger", not outcome.wrong_balances),
        Comparison("nothing carried out twice", not outcome.carried_out_twice),
        Comparison("every outcome is as told", not outcome.not_as_told),
        Comparison("no wallet overdrawn", not outcome.overdrawn),
        Comparison("nothing left open", not outcome.unfinished),
    ]
    return section


def ingest_section(runs: Sequence[IngestRun], how: str) -> Section:
    section = Section("ingest", how, runs=[run.as_json() for run in runs])
    section.add("webhooks/s", (run.load.per_s for run in runs), _whole)
    section.add("pgbench commits/s", (run.pgbench_per_s for run in runs), _whole)
    ratio = section.add("ratio", (run.ratio for run in runs), _hundredths)
    section.add("answered in, p50", (run.load.p50_ms for run in runs), _ms)
    section.add("answered in, p99", (run.load.p99_ms for run in runs), _ms)
    section.add("errors", (sum(run.load.errors.values()) for run in runs), _whole)
    section.add("lost", (run.lost for run in runs), _whole)
    section.comparisons += [
        Comparison("ratio at least 0.15", ratio >= 0.15),
        Comparison("ratio at least 0.25", ratio >= 0.25, is_goal=False),
        Comparison("every 200 is a row", all(run.lost == 0 for run in runs)),
        Comparison("no errors", not any(run.load.errors for run in runs)),
    ]
    return section


def drain_section(runs: Sequence[DrainRun], how: str) -> Section:
    section = Section("drain", how, runs=[run.as_json() for run in runs])
    section.add("events/s", (run.hub.per_s for run in runs), _whole)
    section.add("one job an event, events/s", (run.jobs.per_s for run in runs), _whole)
    ratio = section.add("ratio", (run.ratio for run in runs), _tenths)
    section.add("lost", (run.lost for run in runs), _whole)
    section.comparisons += [
        Comparison("ratio at least 8", ratio >= 8),
        Comparison("no event lost", all(run.lost == 0 for run in runs)),
        Comparison("both sides end with equal orders", all(run.is_equal for run in runs)),
    ]
    return section


def latency_section(runs: Sequence[LatencyRun], how: str) -> Section:
    section = Section("latency", how, runs=[run.as_json() for run in runs])
    section.add("sent/s", (run.sent_per_s for run in runs), _whole)
    section.add("watched", (len(run.visible_ms) for run in runs), _whole)
    section.add("visible in, p50", (run.percentile(0.50) for run in runs), _ms)
    p99 = section.add("visible in, p99", (run.percentile(0.99) for run in runs), _ms)
    section.add("lost", (run.lost for run in runs), _whole)
    section.comparisons += [
        Comparison("p99 at most 300 ms", p99 <= 300, is_goal=False),
        Comparison("no event lost", all(run.lost == 0 for run in runs)),
    ]
    return section


def reconcile_section(runs: Sequence[ReconcileRun], how: str) -> Section:
    section = Section("reconcile", how, runs=[run.as_json() for run in runs])
    storm = section.add("storm: equal after", (run.storm.seconds for run in runs), _seconds)
    away = section.add("away: equal after", (run.away.seconds for run in runs), _seconds)
    different = section.add(
        "orders that differ", (run.storm.different + run.away.different for run in runs), _whole
    )
    section.add("read, not brought (storm)", (run.storm.found_by_reading for run in runs), _whole)
    section.add("webhooks dropped or lost", (_lost(run) for run in runs), _whole)
    for name in ("by_revision", "by_delivery_date_and_status", "by_id"):
        busiest = (run.busiest_minute(f"deliveries/{name}") for run in runs)
        section.add(f"{name}, busiest minute", busiest, _whole)
    refused = section.add("refused by iiko's limits", (run.refused_by_limits for run in runs), _whole)
    section.comparisons += [
        Comparison("storm: equal within 2 minutes", storm <= 120),
        Comparison("away: equal within 10 minutes", away <= 600),
        Comparison("equal field by field", different == 0),
        Comparison("no limit exceeded", refused == 0),
    ]
    return section


def _lost(run: ReconcileRun) -> int:
    return run.webhooks["dropped"] + run.webhooks["lost"]


def machine(database_facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "postgres": database_facts,
    }


def describe(facts: dict[str, Any]) -> str:
    postgres = dict(facts["postgres"])
    version = postgres.pop("server_version")
    settings = ", ".join(f"{name} {value}" for name, value in postgres.items())
    return (
        f"{facts['cores']} cores (load average {facts['load_average']} before the start), "
        f"Python {facts['python']}, PostgreSQL {version} ({settings})"
    )


def save(facts: dict[str, Any], sections: Sequence[Section]) -> Path:
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    content = {"machine": facts, "sections": [asdict(section) for section in sections]}
    file.write_text(json.dumps(content, indent=1) + "\n")
    return file


def _whole(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def _tenths(value: float) -> str:
    return f"{value:.1f}"


def _hundredths(value: float) -> str:
    return f"{value:.2f}"


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _ms(value: float) -> str:
    return f"{value:.0f} ms"
