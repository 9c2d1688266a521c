"""How far lists and overviews count rows: past it, counting would be slower than the page."""

import time
from typing import Any

from django.db.models import QuerySet

COUNT_UP_TO = 10_000

_LONG_FOR_S = 60.0
_long: dict[tuple[str, int], float] = {}
"""Until when a table is taken for longer than a number of rows."""


def count_rows(rows: QuerySet[Any, Any], *, up_to: int) -> int:
    """Count the rows of a list, one more than ``up_to`` at most.

    That a whole table has more is remembered for a minute: else each look at a long list would read as many
    rows as two hundred pages hold.
    """
    is_whole_table = not (rows.query.where or rows.query.is_sliced or rows.query.combinator)
    table = rows.model._meta.db_table, up_to
    if is_whole_table and time.monotonic() < _long.get(table, 0.0):
        return up_to + 1
    # Only the ids: what a list adds to its rows is not computed for ten thousand of them.
    counted = rows.order_by().values("pk")[: up_to + 1].count()
    if is_whole_table and counted > up_to:
        _long[table] = time.monotonic() + _LONG_FOR_S
    return counted


def forget_long_tables() -> None:
    _long.clear()
