"""Lists as workbooks of Excel: written to a temporary file row by row, so that a long one costs no memory."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from xlsxwriter import Workbook

from core.csv_export import Row
from core.errors import HubError

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_ROWS = 100_000
"""A workbook is written whole before its first byte is sent: so many rows take up to a minute."""
_BLOCK = 64 * 1024
_LONGEST_TEXT = 32_767
_FIRST_YEAR = 1900
"""Excel knows no day before it."""
_WIDTHS = {datetime: 19, Decimal: 12}
_USUAL_WIDTH = 16


class TooLong(HubError):
    """A list is too long for a workbook; the message says what to do."""


def check_length(rows: QuerySet[Any]) -> None:
    """Refuse a list of more than ``MOST_ROWS``.

    Raises:
        TooLong: it is longer.
    """
    if rows.order_by().values("pk")[: MOST_ROWS + 1].count() > MOST_ROWS:
        number = number_format(MOST_ROWS, force_grouping=True)
        raise TooLong(
            _("A workbook takes at most %(number)s rows. Choose less, or take the CSV.") % {"number": number}
        )


def workbook_response(name: str, title: str, header: Row, rows: Iterable[Row]) -> StreamingHttpResponse:
    """Answer with a workbook of one sheet; ``check_length`` has refused what is too long for it.

    A text stays a text, whatever it begins with: only Excel's own formulas are formulas.
    """
    file = TemporaryFile()  # noqa: SIM115  # closed by _Blocks
    try:
        _write(file, title, header, rows)
    except BaseException:
        file.close()
        raise
    length = file.tell()
    file.seek(0)
    return StreamingHttpResponse(
        _Blocks(file),
        content_type=CONTENT_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="{name}.xlsx"',
            "Content-Length": str(length),
            "Cache-Control": "no-store",
        },
    )


class _Blocks(Iterator[bytes]):
    """The file piece by piece; it is closed at its end, or with the response (``close``)."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __next__(self) -> bytes:
        block = b"" if self._file.closed else self._file.read(_BLOCK)
        if not block:
            self.close()
            raise StopIteration
        return block

    def close(self) -> None:
        self._file.close()


def _write(file: IO[bytes], title: str, header: Row, rows: Iterable[Row]) -> None:
    workbook = Workbook(file, {"constant_memory": True})
    _Writer(workbook).fill(workbook.add_worksheet(_sheet_name(title)), header, rows)
    workbook.close()


def _sheet_name(title: str) -> str:
    clean = "".join(" " if sign in "[]:*?/\\" else sign for sign in title)
    return clean[:31]


class _Writer:
    def __init__(self, workbook: Any) -> None:  # noqa: ANN401  # the library declares no types
        self._bold = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        self._moment = workbook.add_format({"num_format": "dd.mm.yyyy hh:mm:ss"})
        self._fraction = workbook.add_format({"num_format": "#,##0.00"})

    def fill(self, sheet: Any, header: Row, rows: Iterable[Row]) -> None:  # noqa: ANN401  # the same
        sheet.freeze_panes(1, 0)
        remaining = iter(rows)
        first = next(remaining, None)
        for column, title in enumerate(header):
            kind = type(first[column]) if first else str
            sheet.set_column(column, column, max(_WIDTHS.get(kind, _USUAL_WIDTH), len(str(title)) + 2))
            sheet.write_string(0, column, str(title), self._bold)
        line = 0
        for line, row in enumerate(chain([] if first is None else [first], remaining), start=1):
            for column, cell in enumerate(row):
                self._write_cell(sheet, line, column, cell)
        sheet.autofilter(0, 0, line, len(header) - 1)

    def _write_cell(self, sheet: Any, line: int, column: int, cell: object) -> None:  # noqa: ANN401  # the same
        if cell is None or cell == "":
            return
        if isinstance(cell, bool):
            sheet.write_boolean(line, column, cell)
        elif isinstance(cell, datetime) and cell.year >= _FIRST_YEAR:
            sheet.write_datetime(line, column, cell, self._moment)
        elif isinstance(cell, Decimal):
            sheet.write_number(line, column, cell, self._fraction)
        elif isinstance(cell, int | float):
            sheet.write_number(line, column, cell)
        else:
            sheet.write_string(line, column, str(cell)[:_LONGEST_TEXT])
