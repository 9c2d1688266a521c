"""``manage.py prune``."""

from datetime import datetime

from django.core.management.base import CommandError, CommandParser

from audit.commands import AuditedCommand
from core.database import db_clock
from core.privacy.retention import Rule, figures, prune, reasons, rules


class Command(AuditedCommand):
    help = (
        "Delete what is over its age and remove guests from what stays, as the worker does every night. Can "
        "be interrupted and repeated. The ages are settings: see .env.example and docs/privacy.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count; nothing is done")
        parser.add_argument(
            "--table", action="append", default=[], metavar="NAME", help="only this table; repeat for more"
        )

    def handle(self, *_: object, dry_run: bool, table: list[str], **__: object) -> None:
        now = db_clock.now()
        for rule in _chosen(table):
            if dry_run:
                self.stdout.write(_figures(rule, now))
            elif rule.kept_for is None:
                self.stdout.write(f"{rule.table}: kept for ever ({rule.age}=0)")
            else:
                self._prune(rule, now)
        if dry_run:
            self.stdout.write("Nothing was done: this was a dry run.")

    def _prune(self, rule: Rule, now: datetime) -> None:
        done = 0
        for done in prune(rule, now=now):
            self.stderr.write(f"{rule.table}: {done} so far")
        self.stdout.write(f"{rule.table}: {done} ({rule.words})")


def _chosen(tables: list[str]) -> list[Rule]:
    known = {rule.table for rule in rules()}
    for name in tables:
        if why := reasons().get(name):
            raise CommandError(f"No rule takes rows of {name}: {why}.")
        if name not in known:
            raise CommandError(f"There is no rule for {name!r}. Tables with one: {', '.join(sorted(known))}.")
    return [rule for rule in rules() if not tables or rule.table in tables]


def _figures(rule: Rule, now: datetime) -> str:
    if rule.kept_for is None:
        return f"{rule.table}: kept for ever ({rule.age}=0)"
    found = figures(rule, now=now)
    age = f"{rule.kept_for.days} days" + (f", {rule.age}" if isinstance(rule.age, str) else "")
    oldest = f", the oldest of {found.oldest:%Y-%m-%d}" if found.oldest else ""
    return f"{rule.table}: {found.due} rows due{oldest} ({age}; {rule.words})"
