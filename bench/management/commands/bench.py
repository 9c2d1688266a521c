"""The measuring itself; ``python -m bench`` starts it and gives it a database of its own."""

import os
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bench import (
    analytics,
    board,
    boards,
    database,
    drain,
    growth,
    ingest,
    latency,
    loyalty,
    outbound,
    reconcile,
    report,
    scaling,
    search,
    soak,
)
from bench.processes import ProcessFailed
from iikohub.operations.web_server import SERVERS

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
LONG_PARTS = {"growth": growth.section, "soak": soak.section}
"""Only where they are named: they take ten minutes and more."""


class Command(BaseCommand):
    help = "Measure how fast webhooks are taken, applied, shown and made up for. Use `python -m bench`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "part",
            nargs="?",
            choices=PARTS | LONG_PARTS,
            help="only this one (default: all but the long growth and soak)",
        )
        parser.add_argument("--runs", type=int, default=3, help="medians are over so many (default: 3)")
        parser.add_argument(
            "--servers",
            nargs="+",
            choices=SERVERS,
            default=[os.environ.get("SERVER") or "gunicorn"],
            help="web servers that ingest, growth and soak measure in turns (default: that of SERVER)",
        )
        parser.add_argument("--events", type=int, default=0, help="of growth (2000000) and soak (100000)")
        parser.add_argument("--quick", action="store_true", help="short runs: to see that it works")

    def handle(self, *_: object, part: str | None, **options: Any) -> None:
        # So that `with` blocks end what they started.
        signal.signal(signal.SIGTERM, _leave)
        if options["runs"] < 1:
            raise CommandError("--runs must be at least 1.")
        try:
            sections = self._measure([part] if part else list(PARTS), options)
        except ProcessFailed as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(130)
        comparisons = [one for section in sections for one in section.comparisons]
        sys.exit(1 if any(one.is_goal and not one.is_met for one in comparisons) else 0)

    def _measure(self, parts: list[str], options: Mapping[str, Any]) -> list[report.Section]:
        call_command("migrate", verbosity=0)
        database_facts = database.facts()
        facts = report.machine(database_facts)
        self.stdout.write(report.describe(facts, database_facts))
        length = report.Length(
            options["runs"],
            options["quick"],
            token=database.add_restaurant(),
            key=database.add_key(),
            servers=tuple(options["servers"]),
            events=options["events"],
        )
        sections: list[report.Section] = []
        for part in parts:
            sections.append((PARTS | LONG_PARTS)[part](length))
            self.stdout.write(f"\n{sections[-1]}")
        self.stdout.write(f"\nWritten to {report.save(facts, sections)}")
        return sections


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
