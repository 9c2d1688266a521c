"""The outcome as a table for people and as JSON for comparison with a later day."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Generic, TypeVar

RESULTS = Path(__file__).resolve().parent / "results"
WHOLE, TENTHS, HUNDREDTHS = "{:,.0f}", "{:.1f}", "{:.2f}"
SECONDS, MS = "{:.1f} s", "{:.0f} ms"

Run = TypeVar("Run")
JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class Length:
    """How long to measure, and the keys of the restaurant to measure with."""

    runs: int
    quick: bool
    token: str
    key: str
    servers: tuple[str, ...] = ("gunicorn",)
    """The web servers to measure, in turns where a part measures them."""
    events: int = 0
    """How many to send where a part counts them; 0: as many as it sends usually."""


@dataclass(frozen=True, slots=True)
class Row(Generic[Run]):
    """A number of each run, and how it is shown."""

    name: str
    value: Callable[[Run], float]
    show: str = WHOLE


def rows_of_each(servers: Sequence[str], rows: Sequence[Row[Run]]) -> Iterator[Row[Mapping[str, Run]]]:
    """Name the rows of each server, where a run measures all of them in turns."""
    for server in servers:
        for row in rows:
            yield Row(f"{server}: {row.name}", partial(_of, server=server, row=row), row.show)


def _of(turns: Mapping[str, Run], *, server: str, row: Row[Run]) -> float:
    return row.value(turns[server])


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
    """One part of the benchmark. A row holds the median and, behind it, what it is the median of."""

    name: str
    how: str
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    medians: dict[str, float] = field(default_factory=dict)
    runs: list[JsonObject] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        name: str,
        how: str,
        runs: Sequence[Run],
        rows: Iterable[Row[Run]],
        as_json: Callable[[Run], JsonObject],
    ) -> Section:
        section = cls(name, how, runs=[as_json(run) for run in runs])
        for row in rows:
            values = [row.value(run) for run in runs]
            section.medians[row.name] = median(values)
            shown = [row.show.format(value).replace(",", " ") for value in (median(values), *values)]
            section.rows.append((row.name, shown[0], "  ".join(shown[1:])))
        return section

    def __str__(self) -> str:
        width = max(len(name) for name, _, _ in self.rows)
        lines = [f"{self.name}: {self.how}"]
        lines += [f"  {name:<{width}}  {middle:>9}   ({each})" for name, middle, each in self.rows]
        lines += [f"  {comparison}" for comparison in self.comparisons]
        return "\n".join(lines)


def machine(database_facts: Mapping[str, str]) -> JsonObject:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "postgres": database_facts,
    }


def describe(facts: JsonObject, database_facts: Mapping[str, str]) -> str:
    settings = ", ".join(
        f"{name} {value}" for name, value in database_facts.items() if name != "server_version"
    )
    return (
        f"{facts['cores']} cores (load average {facts['load_average']} before the start), "
        f"Python {facts['python']}, PostgreSQL {database_facts['server_version']} ({settings})"
    )


def save(facts: JsonObject, sections: Sequence[Section]) -> Path:
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    content = {"machine": facts, "sections": [asdict(section) for section in sections]}
    file.write_text(json.dumps(content, indent=1) + "\n")
    return file
