"""What a run came to, readable in a minute: what each fault cost, what people saw, what was breached."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from chaos.evidence import Evidence, Injected, Json, Sample
from chaos.watch import WEBHOOK

_GROUPS: dict[str, Callable[[str], bool]] = {
    "webhooks": lambda endpoint: endpoint == WEBHOOK,
    "API": lambda endpoint: (endpoint.startswith("GET ") and "/" in endpoint) or endpoint == "GET orders",
    "admin": lambda endpoint: endpoint.startswith("admin"),
    "readyz": lambda endpoint: endpoint == "GET readyz",
}
_BREACHES_SHOWN = 5
_BAD = {0, 500, 502, 503, 504}


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
                    "answers": answers(self.evidence, one),
                }
                for one in self.evidence.injected
            ],
            "statuses": {name: dict(found) for name, found in statuses(self.evidence.samples).items()},
            "readyz": readyz_history(self.evidence),
            "breaches": self.breaches,
            "is_clean": self.is_clean,
        }

    def __str__(self) -> str:
        return "\n".join([*self._head(), "", *self._faults(), "", *self._statuses(), "", *self._checks()])

    def _head(self) -> list[str]:
        counted = len(self.evidence.injected)
        counted_up = ", ".join(f"{count} {name}" for name, count in counts(self.evidence).items())
        return [
            f"chaos, seed {self.seed}: {counted} faults; caught up in {self.settle_s:.0f} s.",
            f"{counted_up}.",
        ]

    def _faults(self) -> list[str]:
        rows = ["Longest time without a good answer, in seconds, by fault (the worst of its injections):"]
        rows.append(f"  {'':<28}{'injections':>6}" + "".join(f"{name:>10}" for name in _GROUPS))
        for name in dict.fromkeys(one.name for one in self.evidence.injected):
            injections = [one for one in self.evidence.injected if one.name == name]
            worst = {
                group: max(unavailable(self.evidence, one)[group] for one in injections) for group in _GROUPS
            }
            cells = "".join(f"{worst[group]:>10.1f}" for group in _GROUPS)
            rows.append(f"  {name:<28}{len(injections):>6}{cells}")
            rows += [f"    not injected: {one.not_injected}" for one in injections[:1] if one.not_injected]
        return [*rows, f"  Full disk: {self.disk}."]

    def _statuses(self) -> list[str]:
        rows = ["Answers by endpoint (0: no answer), and by fault those that were not good:"]
        for endpoint, found in statuses(self.evidence.samples).items():
            rows.append(f"  {endpoint:<28}{_counted(found)}")
        for name in dict.fromkeys(one.name for one in self.evidence.injected):
            injections = [one for one in self.evidence.injected if one.name == name]
            bad = Counter(
                sample.status
                for one in injections
                for sample in _during(self.evidence, one)
                if sample.status in _BAD
            )
            rows.append(f"  {name:<28}{_counted(bad) or 'none'}")
        return rows

    def _checks(self) -> list[str]:
        rows = []
        for name, breaches in self.breaches.items():
            rows.append(
                f"  {'BREACH' if breaches else 'holds ':<8}{name}{f': {len(breaches)}' if breaches else ''}"
            )
            rows += [f"            {breach[:300]}" for breach in breaches[:_BREACHES_SHOWN]]
        return [*rows, "All holds." if self.is_clean else "The run FAILED."]


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


def _during(evidence: Evidence, fault: Injected) -> list[Sample]:
    return [
        one for one in evidence.samples if fault.began <= one.at + one.took_s and one.at <= fault.up_again
    ]


def readyz_history(evidence: Evidence) -> list[tuple[float, int]]:
    """When the answer of readyz changed, in seconds since the first, and to what."""
    found: list[tuple[float, int]] = []
    samples = [one for one in evidence.samples if one.endpoint == "GET readyz"]
    for one in samples:
        if not found or found[-1][1] != one.status:
            found.append((round(one.at - samples[0].at, 1), one.status))
    return found


def _counted(found: Counter[int]) -> str:
    return ", ".join(f"{status} × {count}" for status, count in sorted(found.items()))
