"""The measuring itself; ``python -m bench`` starts it and gives it a database of its own."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bench import database, drain, ingest, latency, loyalty, reconcile, report
from bench.bodies import STEPS
from bench.processes import ProcessFailed

PARTS = ("ingest", "drain", "latency", "reconcile", "loyalty")


class Command(BaseCommand):
    help = "Measure how fast webhooks are taken, applied, shown and made up for. Use `python -m bench`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("part", nargs="?", choices=PARTS, help="only this one (default: all)")
        parser.add_argument("--runs", type=int, default=3, help="medians are over so many (default: 3)")
        parser.add_argument("--quick", action="store_true", help="short runs: to see that it works")

    def handle(self, *_: Any, part: str | None, runs: int, quick: bool, **__: Any) -> None:
        # So that `with` blocks end what they started.
        signal.signal(signal.SIGTERM, _leave)
        if runs < 1:
            raise CommandError("--runs must be at least 1.")
        try:
            sections = self._measure([part] if part else list(PARTS), runs=runs, quick=quick)
        except ProcessFailed as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(130)
        missed = [
            one for section in sections for one in section.comparisons if one.is_goal and not one.is_met
        ]
        sys.exit(1 if missed else 0)

    def _measure(self, parts: list[str], *, runs: int, quick: bool) -> list[report.Section]:
        call_command("migrate", verbosity=0)
        facts = report.machine(database.facts())
        self.stdout.write(report.describe(facts))
        measurements = Measurements(
            token=database.add_restaurant(), key=database.add_key(), runs=runs, quick=quick
        )
        sections: list[report.Section] = []
        for part in parts:
            sections.append(getattr(measurements, part)())
            self.stdout.write(f"\n{sections[-1]}")
        self.stdout.write(f"\nWritten to {report.save(facts, sections)}")
        return sections


class Measurements:
    """The measurements with their lengths."""

    def __init__(self, *, token: str, key: str, runs: int, quick: bool) -> None:
        self._token = token
        self._key = key
        self._runs = runs
        self._quick = quick

    def ingest(self) -> report.Section:
        seconds = 2 if self._quick else 8
        runs = list(ingest.measure(runs=self._runs, seconds=seconds, token=self._token))
        how = (
            f"{ingest.CONNECTIONS} connections to gunicorn, pgbench with {ingest.PGBENCH_CLIENTS} clients, "
            f"{seconds} s each"
        )
        return report.ingest_section(runs, how)

    def drain(self) -> report.Section:
        orders = 150 if self._quick else 1500
        runs = list(drain.measure(runs=self._runs, orders=orders))
        how = (
            f"{orders * len(STEPS)} events of {orders} orders by {drain.PROCESSES} processes, "
            f"jobs by procrastinate (concurrency {drain.CONCURRENCY})"
        )
        return report.drain_section(runs, how)

    def latency(self) -> report.Section:
        seconds = 5 if self._quick else 20
        runs = list(latency.measure(runs=self._runs, seconds=seconds, token=self._token, key=self._key))
        how = f"{latency.RATE} webhooks/s for {seconds} s, one worker; from sending to GET orders/{{id}}"
        return report.latency_section(runs, how)

    def reconcile(self) -> report.Section:
        orders = 80 if self._quick else 2000
        # One run takes minutes, and its goals are far from what a noisy machine changes.
        runs = list(reconcile.measure(runs=1, orders=orders))
        how = (
            f"{orders} orders twice: 20 % of webhooks dropped, 20 % twice, the rest shuffled and batched, "
            f"5 % of calls failing; then {reconcile.AWAY_S // 3600} h of the sandbox's clock without the hub"
        )
        return report.reconcile_section(runs, how)

    def loyalty(self) -> report.Section:
        operations, wallets = (100, 10) if self._quick else (1000, 50)
        outcome = loyalty.Trial(operations=operations, wallets=wallets, seed=1).run()
        how = (
            f"{operations} random operations on {wallets} wallets of the sandbox; answers lost before and "
            "after the effect, resets, 408, 429, 500, workers that die between any two steps"
        )
        return report.loyalty_section(outcome, how)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
