"""The measuring itself; ``python -m bench`` starts it and gives it a database of its own."""

import signal
import sys
from types import FrameType

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bench import (
    analytics,
    board,
    boards,
    database,
    drain,
    ingest,
    latency,
    loyalty,
    outbound,
    reconcile,
    report,
    scaling,
    search,
)
from bench.processes import ProcessFailed

PARTS = {
    "ingest": ingest.section,
    "drain": drain.section,
    "scaling": scaling.section,
    "latency": latency.section,
    "reconcile": reconcile.section,
    "loyalty": loyalty.section,
    "board": board.section,
    "boards": boards.section,
    "search": search.section,
    "analytics": analytics.section,
    "outbound": outbound.section,
}


class Command(BaseCommand):
    help = "Measure how fast webhooks are taken, applied, shown and made up for. Use `python -m bench`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("part", nargs="?", choices=PARTS, help="only this one (default: all)")
        parser.add_argument("--runs", type=int, default=3, help="medians are over so many (default: 3)")
        parser.add_argument("--quick", action="store_true", help="short runs: to see that it works")

    def handle(self, *_: object, part: str | None, runs: int, quick: bool, **__: object) -> None:
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
        comparisons = [one for section in sections for one in section.comparisons]
        sys.exit(1 if any(one.is_goal and not one.is_met for one in comparisons) else 0)

    def _measure(self, parts: list[str], *, runs: int, quick: bool) -> list[report.Section]:
        call_command("migrate", verbosity=0)
        database_facts = database.facts()
        facts = report.machine(database_facts)
        self.stdout.write(report.describe(facts, database_facts))
        length = report.Length(runs, quick, token=database.add_restaurant(), key=database.add_key())
        sections: list[report.Section] = []
        for part in parts:
            sections.append(PARTS[part](length))
            self.stdout.write(f"\n{sections[-1]}")
        self.stdout.write(f"\nWritten to {report.save(facts, sections)}")
        return sections


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
