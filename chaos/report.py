"""What a run came to, readable in a minute: what each fault cost, what people saw, what was breached."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from chaos.evidence import Evidence, Injected, Json, Sample
from chaos.pace import Pace, caught_up_s
from chaos.watch import HEALTHZ, READYZ, WEBHOOK

_GROUPS: dict[str, Callable[[str], bool]] = {
    "webhooks": lambda endpoint: endpoint == WEBHOOK,
    "healthz": lambda endpoint: endpoint == HEALTHZ,
    "readyz": lambda endpoint: endpoint == READYZ,
    "API": lambda endpoint: (endpoint.startswith("GET ") and "/" in endpoint) or endpoint == "GET orders",
    "console": lambda endpoint: endpoint.startswith("console"),
    "admin": lambda endpoint: endpoint.startswith("admin"),
}
_SHOWN = (
    WEBHOOK, HEALTHZ, READYZ, "GET orders", "GET loyalty/customers", "POST orders/{id}/…", "POST loyalty/…",
    "console: board", "console: attention", "admin: overview",
)  # fmt: skip
"""What the report tells by fault; the rest stands in the JSON."""
_BREACHES_SHOWN = 5
_SAID_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Report:
    """``breaches`` by check; empty lists are what is wanted."""

    minutes: float
    seed: int
    settle_s: float
    disk: str
    evidence: Evidence
    breaches: dict[str, list[str]]

    @property
    def is_clean(self) -> bool:
        return not any(self.breaches.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "minutes": self.minutes,
            "seed": self.seed,
            "settle_s": round(self.settle_s, 1),
            "disk_full": self.disk,
            "counts": counts(self.evidence),
            "faults": [
                asdict(one)
                | {
                    "longest_unavailable_s": unavailable(self.evidence, one),
                    "spares": one.spares.name.lower(),
                    "caught_up_s": caught_up_s(self.evidence, one),
                    "answers": answers(self.evidence, one),
                    "meanwhile": {
                        endpoint: {"longest_s": seen.longest_s, "said": seen.said}
                        for endpoint, seen in meanwhile(self.evidence, [one]).items()
                    },
                }
                for one in self.evidence.injected
            ],
            "statuses": {name: dict(found) for name, found in statuses(self.evidence.samples).items()},
            "readyz": readyz_history(self.evidence),
            "breaches": self.breaches,
            "is_clean": self.is_clean,
        }

    def write(self, folder: Path) -> None:
        """Leave report and evidence behind for whoever looks into a breach."""
        for name, content in (("report.json", self.as_json()), ("evidence.json", asdict(self.evidence))):
            (folder / name).write_text(json.dumps(_plain(content), indent=1, ensure_ascii=False))

    def __str__(self) -> str:
        parts = (self._head(), self._meanwhile(), self._faults(), self._statuses(), self._checks())
        return "\n\n".join("\n".join(part) for part in parts)

    def _head(self) -> list[str]:
        counted = len(self.evidence.injected)
        counted_up = ", ".join(f"{count} {name}" for name, count in counts(self.evidence).items())
        calm, times = self.evidence.calm, Pace(self.evidence).times
        return [
            f"chaos, seed {self.seed}: {counted} faults; caught up in {self.settle_s:.0f} s.",
            f"{counted_up}.",
            f"Before the first fault {calm.webhooks} webhooks took {calm.webhook_s:.2f} s at most.",
            f"So this machine is given {times:.1f} times as long to come back.",
        ]

    def _meanwhile(self) -> list[str]:
        rows = ["What people and programs saw meanwhile: answers (0: none), the longest, and what it said."]
        for name, injections in self._by_name().items():
            rows.append(f"  {name}: {injections[0].not_injected or injections[0].hit}")
            rows += [
                f"    {endpoint:<24}{_counted(seen.statuses):<24}{seen.longest_s:>6.1f} s  "
                + "; ".join(seen.said)
                for endpoint, seen in meanwhile(self.evidence, injections).items()
                if endpoint in _SHOWN
            ]
        return rows

    def _by_name(self) -> dict[str, list[Injected]]:
        found: dict[str, list[Injected]] = {}
        for one in self.evidence.injected:
            found.setdefault(one.name, []).append(one)
        return found

    def _faults(self) -> list[str]:
        rows = [
            "Longest time without a good answer, in seconds, by fault (the worst of its injections), then"
        ]
        rows.append("how long after its end /readyz was good and all was applied that had come before:")
        names = [*_GROUPS, "ready", "applied"]
        rows.append(f"  {'':<28}{'times':>6}" + "".join(f"{name:>10}" for name in names))
        for name, injections in self._by_name().items():
            worst = {
                group: max(unavailable(self.evidence, one)[group] for one in injections) for group in _GROUPS
            }
            worst["ready"] = max(one.up_again - one.ended for one in injections)
            worst["applied"] = max(caught_up_s(self.evidence, one) or 0.0 for one in injections)
            cells = "".join(f"{worst[column]:>10.1f}" for column in names)
            rows.append(f"  {name:<28}{len(injections):>6}{cells}")
            rows += [f"    not injected: {one.not_injected}" for one in injections[:1] if one.not_injected]
        return [*rows, f"  Full disk: {self.disk}."]

    def _statuses(self) -> list[str]:
        rows = ["Answers of the whole run by endpoint (0: no answer):"]
        for endpoint, found in statuses(self.evidence.samples).items():
            rows.append(f"  {endpoint:<28}{_counted(found)}")
        return rows

    def _checks(self) -> list[str]:
        rows = []
        for name, breaches in self.breaches.items():
            rows.append(
                f"  {'BREACH' if breaches else 'holds ':<8}{name}{f': {len(breaches)}' if breaches else ''}"
            )
            rows += [f"            {breach[:300]}" for breach in breaches[:_BREACHES_SHOWN]]
        return [*rows, "All holds." if self.is_clean else "The run FAILED."]


def _plain(value: Any) -> Any:  # noqa: ANN401  # anything that dataclasses hold
    """Turn what JSON cannot hold into what it can."""
    if isinstance(value, dict):
        keys = ("/".join(map(str, key)) if isinstance(key, tuple) else key for key in value)
        return dict(zip(keys, map(_plain, value.values()), strict=True))
    if isinstance(value, set):
        return sorted(map(_plain, value), key=str)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.name if isinstance(value, Enum) else value


def counts(evidence: Evidence) -> dict[str, int]:
    return {
        "webhooks acknowledged": len(evidence.acknowledged),
        "lost by iiko after its tries": evidence.webhooks_lost,
        "events in the inbox": len(evidence.inbox),
        "orders": len(evidence.orders),
        "actions requested": len(evidence.requests),
        "of them acknowledged": sum(one.is_acknowledged for one in evidence.requests),
        "repeated under their key": sum(one.tries > 1 for one in evidence.requests),
        "never answered": sum(one.status == 0 for one in evidence.requests),
        **_by_state("commands", evidence.commands),
        **_by_state("wallet operations", evidence.operations),
    }


def _by_state(what: str, rows: dict[int, Json]) -> dict[str, int]:
    found = Counter(row["state"] for row in rows.values())
    return {f"{what} {state}": count for state, count in found.most_common()}


def unavailable(evidence: Evidence, fault: Injected) -> dict[str, float]:
    """Return the longest time without a good answer that has a part in the fault, by group of endpoints.

    An endpoint is asked a few times a second at most, so less than that is nothing.
    """
    return {name: _longest(evidence, fault, belongs) for name, belongs in _GROUPS.items()}


def _longest(evidence: Evidence, fault: Injected, belongs: Callable[[str], bool]) -> float:
    by_endpoint: dict[str, list[Sample]] = {}
    for sample in evidence.samples:
        if belongs(sample.endpoint):
            by_endpoint.setdefault(sample.endpoint, []).append(sample)
    return max((_longest_of(samples, fault) for samples in by_endpoint.values()), default=0.0)


def _longest_of(samples: Iterable[Sample], fault: Injected) -> float:
    """Measure from the first bad answer's question to the next good answer."""
    longest, since = 0.0, None
    for sample in samples:
        end = sample.at + sample.took_s
        if sample.is_good:
            began = sample.at if since is None else since
            waited = end - began
            if since is not None and end >= fault.began and began <= fault.up_again:
                longest = max(longest, waited)
            elif fault.began <= end and sample.at <= fault.up_again:
                longest = max(longest, sample.took_s)
            since = None
        elif since is None:
            since = sample.at
    return round(longest, 1)


def statuses(samples: Iterable[Sample]) -> dict[str, Counter[int]]:
    found: dict[str, Counter[int]] = {}
    for sample in samples:
        found.setdefault(sample.endpoint, Counter())[sample.status] += 1
    return dict(sorted(found.items()))


def answers(evidence: Evidence, fault: Injected) -> dict[str, dict[int, int]]:
    return {name: dict(found) for name, found in statuses(_during(evidence, fault)).items()}


@dataclass(slots=True)
class Seen:
    """What an endpoint answered during a fault."""

    statuses: Counter[int]
    longest_s: float
    said: list[str]


def meanwhile(evidence: Evidence, injections: list[Injected]) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    for fault in injections:
        for sample in _during(evidence, fault):
            seen = found.setdefault(sample.endpoint, Seen(Counter(), 0.0, []))
            seen.statuses[sample.status] += 1
            seen.longest_s = max(seen.longest_s, round(sample.took_s, 1))
            if sample.said and sample.said not in seen.said and len(seen.said) < _SAID_SHOWN:
                seen.said.append(sample.said)
    return {endpoint: found[endpoint] for endpoint in sorted(found, key=_by_place)}


def _by_place(endpoint: str) -> tuple[int, str]:
    return (_SHOWN.index(endpoint) if endpoint in _SHOWN else len(_SHOWN), endpoint)


def _during(evidence: Evidence, fault: Injected) -> list[Sample]:
    return [
        one for one in evidence.samples if fault.began <= one.at + one.took_s and one.at <= fault.up_again
    ]


def readyz_history(evidence: Evidence) -> list[tuple[float, int]]:
    """When the answer of readyz changed, in seconds since the first, and to what."""
    found: list[tuple[float, int]] = []
    samples = [one for one in evidence.samples if one.endpoint == READYZ]
    for one in samples:
        if not found or found[-1][1] != one.status:
            found.append((round(one.at - samples[0].at, 1), one.status))
    return found


def _counted(found: Counter[int]) -> str:
    return ", ".join(f"{status} × {count}" for status, count in sorted(found.items()))
