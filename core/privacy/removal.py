"""Taking guests out of rows that stay: an order without its guest was cooked and paid all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, models, transaction
from django.db.models import BinaryField, JSONField, Q, QuerySet, TextField
from django.db.models.functions import Cast
from psycopg import sql

from core.database.advisory_locks import AdvisoryLock, acquire
from core.mirror.change_feed import change_times
from core.privacy.registry import Declaration, Found, Kind, Personal, declaration_of, declarations
from core.privacy.search import find_what_goes_with, without_phone
from core.privacy.treatments import Treatment
from iiko_client.json_writer import dumps

_AT_ONCE = 500


def removed_columns(model: type[models.Model]) -> dict[str, Personal]:
    """Return the columns that lose their content when a row of the model loses its guest."""
    declared = declaration_of(model._meta.label)
    return declared.removed if declared else {}


def without_guest(model: type[models.Model], name: str, value: object) -> object:
    """Return a value of a column as a row without guest may hold it."""
    personal = removed_columns(model).get(name)
    if personal is None or value is None:
        return value
    change = personal.treatment.change
    return change(value) if change else _empty(_column(model, name))


def _column(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    return next(column for column in model._meta.concrete_fields if column.name == name)


def _empty(column: models.Field[Any, Any]) -> object:
    return None if column.null else column.get_default()


@transaction.atomic
def remove_guests(found: Found, *, now: datetime, is_told: bool) -> dict[str, int]:
    """Remove the guests from the rows found; return how many rows changed, by table.

    Marked first: from then on no message brings the guest of a marked row again (``core.mirror.precedence``).
    What a worker may hold is left to it: it treats what it applies to a marked row. ``is_told`` has the
    change feed tell of marked rows.
    """
    with _in_silence():
        if is_told:
            # Bodies of outbound events that are being made are written first, and so found with the others.
            acquire(AdvisoryLock.OUTBOUND, "")
        for declared in declarations():
            if declared.is_root and (ids := found.of(declared.label)):
                _mark(declared, ids, now=now, is_told=is_told)
        _add_newer(found)
        counts = {}
        for declared in declarations():
            if declared.removed and (ids := found.of(declared.label)):
                chunks = (ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE))
                counts[declared.model._meta.db_table] = sum(_change(declared, chunk) for chunk in chunks)
            if others := found.mentioned.get(declared.label):
                count = _leave_out_phone(declared, others, found.phone, is_told=is_told)
                counts[declared.model._meta.db_table] = count + counts.get(declared.model._meta.db_table, 0)
    return {table: count for table, count in counts.items() if count}


@transaction.atomic
def remove_from_rows(label: str, ids: Sequence[int]) -> int:
    """Remove the guests from rows of one model alone; return how many held anything personal."""
    declared = declaration_of(label)
    with _in_silence():
        return _change(declared, ids) if declared and ids else 0


@contextmanager
def _in_silence() -> Iterator[None]:
    """Have triggers write no outbound events. What fails is rolled back, and the setting with it."""
    _set_silent("on")
    yield
    _set_silent("off")


def _set_silent(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('iikohub.silent', %s, true)", [value])


def _add_newer(found: Found) -> None:
    """Add what was written of the roots before they were locked."""
    roots = {declared.label for declared in declarations() if declared.is_root}
    newer = Found(
        keys={label: ids for label, ids in found.keys.items() if label in roots}, iiko_ids=found.iiko_ids
    )
    for label, ids in find_what_goes_with(newer).keys.items():
        found.keys[label] = sorted({*found.of(label), *ids})


def _mark(declared: Declaration, ids: Sequence[int], *, now: datetime, is_told: bool) -> None:
    """Lock rows in the order of their ids, as the mirror does, and say that they lost their guests."""
    rows = declared.model._default_manager.filter(pk__in=ids)
    list(rows.select_for_update().order_by("pk").values_list("pk"))
    if not declared.rows.mark:
        return
    rows.update(**{declared.rows.mark: now})
    if is_told:
        _tell(rows, ids)


def _tell(rows: QuerySet[Any], ids: Sequence[int]) -> None:
    """Have the change feed tell of rows."""
    for pk, moment in zip(ids, change_times(), strict=False):
        rows.filter(pk=pk).update(updated_at=moment)


def _leave_out_phone(declared: Declaration, ids: Sequence[int], phone: str, *, is_told: bool) -> int:
    """Mask a phone in the words of rows about other people; return how many there are."""
    rows = declared.model._default_manager.filter(pk__in=ids)
    if declared.is_root:
        list(rows.select_for_update().order_by("pk").values_list("pk"))
        if is_told and declared.rows.mark:
            _tell(rows, ids)
    masking = Treatment("its phone masked", without_phone(phone))
    for name in declared.rows.mentions:
        if isinstance(_column(declared.model, name), BinaryField):
            rows.filter(**{f"{name}__isnull": False}).update(**{name: None})
        else:
            _rewrite(rows, name, Personal(Kind.TEXT, masking))
    return len(ids)


def _change(declared: Declaration, ids: Sequence[int]) -> int:
    """Treat rows; return how many held anything personal."""
    rows = declared.model._default_manager.filter(pk__in=ids)
    if declared.rows.is_left is not None:
        rows = rows.exclude(declared.rows.is_left)
    changed = {pk for name, one in declared.removed.items() for pk in _rewrite(rows, name, one)}
    empty = {
        name: _empty(_column(declared.model, name))
        for name, one in declared.removed.items()
        if one.treatment.change is None
    }
    held = Q(pk__in=())
    for name, value in empty.items():
        held |= Q(**{f"{name}__isnull": False}) if value is None else ~Q(**{name: value})
    changed |= set(rows.filter(held).values_list("pk", flat=True))
    if empty:
        rows.filter(held).update(**empty)
    return len(changed)


def _rewrite(rows: QuerySet[Any], name: str, personal: Personal) -> list[int]:
    """Rewrite a column where its content changes; JSON by its text, so that numbers stay as they came."""
    if (change := personal.treatment.change) is None:
        return []
    column = _column(rows.model, name)
    is_json = isinstance(column, JSONField)
    stored = rows.exclude(**{f"{name}__isnull": True}).annotate(stored_text=Cast(name, TextField()))
    written: list[tuple[str, int]] = []
    for pk, text in stored.values_list("pk", "stored_text"):
        before = json.loads(text, parse_float=Decimal) if is_json else text
        if (after := change(before)) != before:
            written.append((dumps(after) if is_json else str(after), pk))
    if written:
        statement = _UPDATE.format(
            table=sql.Identifier(rows.model._meta.db_table),
            column=sql.Identifier(str(column.column)),
            type=sql.SQL("jsonb" if is_json else "text"),
            key=sql.Identifier(str(rows.model._meta.pk.column)),
        )
        with connection.cursor() as cursor:
            cursor.executemany(statement.as_string(connection.connection), written)
    return [pk for _, pk in written]


_UPDATE = sql.SQL("UPDATE {table} SET {column} = %s::{type} WHERE {key} = %s")
