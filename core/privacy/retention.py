"""How long rows are kept: a rule or a stated reason for every table of the database.

Each app says so of its own tables in ``retention.py``; a test walks the schema, so that a table cannot be
added without a word on how long its rows stay. Rules work in batches, each in a transaction of its own: they
may be interrupted at any moment, run twice and run beside each other.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import Min, QuerySet

from core.privacy.registry import Found, declaration_of
from core.privacy.removal import remove_from_rows, remove_guests
from core.privacy.search import find_what_goes_with, note_roots

_DELETED_AT_ONCE = 5_000
_ANONYMISED_AT_ONCE = 50

Due = Callable[[datetime], QuerySet[Any]]
"""The rows that are over a moment's age; where a rule spares some of them still, at least those it takes."""
Forget = Callable[[int, datetime], Iterable[int]]
"""Takes days and the present moment; yields how many rows each batch took."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``age`` is a length of time, or the name of the setting that holds days; 0 days there: never."""

    table: str
    words: str
    age: str | timedelta
    due: Due
    moment: str
    forget: Forget

    @property
    def kept_for(self) -> timedelta | None:
        if isinstance(self.age, timedelta):
            return self.age
        days = getattr(settings, self.age)
        return timedelta(days=days) if days else None


@dataclass(frozen=True, slots=True)
class Figures:
    """``due``: rows over their age; ``oldest``: the moment of the oldest row of these."""

    due: int
    oldest: datetime | None


_RULES: list[Rule] = []
_REASONS: dict[str, str] = {}


def delete_after(
    table: str, words: str, *, age: str | timedelta, due: Due, moment: str = "", forget: Forget | None = None
) -> None:
    """Have rows deleted once they are of this age; ``forget`` deletes them where more than age decides."""
    _RULES.append(Rule(table, f"deleted: {words}", age, due, moment, forget or _deleting(due, age)))


def remove_guests_after(label: str, words: str, *, age: str, due: Due, moment: str) -> None:
    """Have the guests removed from rows of a root and from all that goes with them; the rows stay."""
    if (declared := declaration_of(label)) is None:
        raise LookupError(f"{label} declares no personal data.")
    table = declared.model._meta.db_table

    def forget(days: int, now: datetime) -> Iterator[int]:
        rows = due(now - timedelta(days=days)).order_by(moment, "pk").values_list("pk", flat=True)
        while ids := sorted(rows[:_ANONYMISED_AT_ONCE]):
            found = Found()
            note_roots(declared, ids, found)
            remove_guests(find_what_goes_with(found), now=now, is_told=False)
            yield len(ids)

    _RULES.append(Rule(table, f"guests removed, rows stay: {words}", age, due, moment, forget))


def mask_after(label: str, words: str, *, age: str, due: Due, moment: str) -> None:
    """Have the guests removed from few rows that belong to no root; looked through again each time."""

    def forget(days: int, now: datetime) -> Iterator[int]:
        rows, last = due(now - timedelta(days=days)).order_by("pk").values_list("pk", flat=True), 0
        while ids := list(rows.filter(pk__gt=last)[:_ANONYMISED_AT_ONCE]):
            yield remove_from_rows(label, ids)
            last = ids[-1]

    table = apps.get_model(label)._meta.db_table
    _RULES.append(Rule(table, f"guests removed, rows stay: {words}", age, due, moment, forget))


def stays(tables: str, reason: str) -> None:
    """Say why no rule takes the rows of these tables (parted by spaces) by their age."""
    _REASONS.update(dict.fromkeys(tables.split(), reason))


def _deleting(due: Due, age: str | timedelta) -> Forget:
    def forget(days: int, now: datetime) -> Iterator[int]:
        before = now - (age if isinstance(age, timedelta) else timedelta(days=days))
        rows = due(before).order_by("pk").values_list("pk", flat=True)
        while ids := list(rows[:_DELETED_AT_ONCE]):
            due(before).filter(pk__in=ids).delete()
            yield len(ids)

    return forget


def rules() -> list[Rule]:
    return list(_RULES)


def reasons() -> dict[str, str]:
    """Return why the rows of tables without a rule stay."""
    return dict(_REASONS)


def figures(rule: Rule, *, now: datetime) -> Figures:
    """Count what a rule would take now."""
    if rule.kept_for is None:
        return Figures(0, None)
    rows = rule.due(now - rule.kept_for)
    oldest = rows.aggregate(oldest=Min(rule.moment))["oldest"] if rule.moment else None
    return Figures(rows.count(), oldest)


def prune(rule: Rule, *, now: datetime) -> Iterator[int]:
    """Apply a rule; yields the running count after each batch."""
    done = 0
    if rule.kept_for is not None:
        for count in rule.forget(rule.kept_for.days, now):
            done += count
            yield done


def tables_of_database() -> set[str]:
    """List every table of the database, whoever made it; a table in partitions once."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
            "WHERE relkind IN ('r', 'p', 'm') AND NOT relispartition "
            "AND nspname NOT IN ('pg_catalog', 'information_schema') "
            "AND nspname NOT LIKE 'pg_toast%' AND nspname NOT LIKE 'pg_temp%'"
        )
        return {name for (name,) in cursor.fetchall()}
