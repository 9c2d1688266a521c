"""Lists as CSV, sent while they are read, so that a long one costs no memory."""

import csv
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import TypeVar

import structlog
from django.db.models import Model, QuerySet
from django.dispatch import Signal
from django.http import StreamingHttpResponse
from django.utils.formats import get_format
from django.utils.translation import get_language

logger = structlog.stdlib.get_logger(__name__)

list_exported = Signal()
"""Sent before the first row leaves: ``name`` of the list, ``kind`` of the file, names of its ``filters``."""

M = TypeVar("M", bound=Model)
T = TypeVar("T")
Row = Sequence[object]
"""Cells of one line: texts, numbers, and times as the clock shows them, without a zone."""

_CHUNK = 1000
_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"-[0-9]+([.,][0-9]+)?")


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_response(name: str, header: Row, rows: Iterable[Row]) -> StreamingHttpResponse:
    """Answer with rows for a program: commas, UTF-8, values as they are, nothing put before any text."""
    return _respond(name, _lines(chain([header], rows), delimiter=","))


def sheet_response(name: str, header: Row, rows: Iterable[Row]) -> StreamingHttpResponse:
    """Answer with rows for a person's spreadsheet.

    Excel knows UTF-8 by its mark, and expects semicolons where the comma divides whole from fraction. A
    text that it would take for a formula gets an apostrophe, a phone with its plus too. A number stays
    one, a negative one as well (-2, in Russian -1,5).
    """
    delimiter = ";" if (get_language() or "").startswith("ru") else ","
    point = get_format("DECIMAL_SEPARATOR")
    safe = ([_harmless(_written(cell, point)) for cell in row] for row in chain([header], rows))
    return _respond(name, chain([_BOM], _lines(safe, delimiter=delimiter)))


def in_chunks(rows: QuerySet[M], read: QuerySet[M] | None = None) -> Iterator[M]:
    """Yield all rows in their order, read in chunks; those deleted meanwhile are left out.

    ``read`` says what is read of each, where that is less than what ``rows`` adds to them.

    No server-side cursor is used: it does not work behind pgbouncer. What is kept of each row meanwhile
    are the eight bytes of its id.
    """
    ids = array("q", rows.values_list("pk", flat=True))
    unsorted = (rows if read is None else read).order_by()
    for at in range(0, len(ids), _CHUNK):
        pks = list(ids[at : at + _CHUNK])
        found = {row.pk: row for row in unsorted.filter(pk__in=pks)}
        yield from (found[pk] for pk in pks if pk in found)


def logged(rows: Iterable[T], *, kind: str, filters: Sequence[str] = (), **fields: object) -> Iterator[T]:
    """Tell at once that a list is taken, and log how many rows once they are; ``fields`` say who took what.

    Of filters they name the names alone: what was searched for may be a phone.
    """
    list_exported.send(sender=None, name=str(fields["list"]), kind=kind, filters=filters)
    return _counted(rows, kind=kind, filters=filters, **fields)


def _counted(rows: Iterable[T], **fields: object) -> Iterator[T]:
    count = 0
    try:
        for row in rows:
            count += 1
            yield row
    finally:
        logger.info("list.exported", rows=count, **fields)


def _lines(rows: Iterable[Row], *, delimiter: str) -> Iterator[str]:
    writer = csv.writer(_Echo(), delimiter=delimiter)
    return (writer.writerow(row) for row in rows)  # it returns what write() does


def _written(cell: object, point: str) -> object:
    """Write a time and a fraction as the spreadsheets of this language read them."""
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    return f"{cell:f}".replace(".", point) if isinstance(cell, Decimal) else cell


def _harmless(cell: object) -> object:
    if not (isinstance(cell, str) and cell.startswith(_FORMULA)) or _NUMBER.fullmatch(cell):
        return cell
    return f"'{cell}"


def _respond(name: str, lines: Iterable[str]) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        (line.encode() for line in lines),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}.csv"',
            "Cache-Control": "no-store",
        },
    )
