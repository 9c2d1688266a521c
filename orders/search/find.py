"""Orders by what people know of them: one search for the console, the admin and the API.

PostgreSQL would have to know how rare a word is to choose between two ways to the newest orders that have
it: walk down from the newest, or read all of them from the index and sort. The wrong one takes seconds, and
of rare words its statistics know nothing. So the newest orders are looked at first: a word that many of them
have is left to the walk, any other has so few orders that the index names them.
"""

from typing import Any, cast

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, Value
from django.db.models.sql.compiler import SQLCompiler
from django.utils.translation import gettext_lazy as _

from core.database.counting import COUNT_UP_TO
from orders.models.order import OrderQuerySet
from orders.search.words import query_of

_SEARCHABLE = {
    True: _(
        "Number or a part of it, external id, id in iiko or on the POS, phone or its last four digits, "
        "guest, courier, street and house"
    ),
    False: _("Number or a part of it, external id, id in iiko or on the POS, courier"),
}

_NEWEST = 4_000
_COMMON = 40
"""Found so often among the newest, a word fills a page before the walk becomes long."""

_AMONG_NEWEST = """
SELECT count(*) FROM (
    SELECT FROM (SELECT terms FROM order_terms ORDER BY order_id DESC LIMIT %s) AS newest
    WHERE terms @@ %s::tsquery LIMIT %s
) AS found
"""
# OFFSET 0 keeps the planner from walking after all.
_OF_INDEX = """
SELECT order_id FROM (SELECT order_id FROM order_terms WHERE terms @@ %s::tsquery OFFSET 0) AS found
ORDER BY order_id DESC LIMIT %s
"""


def searchable(*, people: bool) -> str:
    """Say what a search finds orders by."""
    return str(_SEARCHABLE[people])


def found_by(orders: OrderQuerySet, text: str, *, people: bool) -> OrderQuerySet:
    """Keep the orders that ``text`` finds: every word of it, in any case, each in any field.

    Number and ids by their beginning, parts and last digits; courier, guest and street by the beginnings of
    words; phones whole in any writing, or by the last four digits. Without ``people`` neither guests nor
    streets nor phones.
    """
    query = query_of(text, people=people)
    if not query:
        return orders.none()
    if _is_common(query):
        return orders.filter(_Matches(query, by_walk=True))
    ids = _ids_by_index(query)
    return orders.filter(_Matches(query) if ids is None else _is_one_of(ids))


class _Matches(Func):
    """Whether the terms of an order match, by the index; ``by_walk``: of a page in some order row by row.

    The planner takes the index for a page, too, where it thinks a common word rare, and sorts all it finds.
    """

    output_field = BooleanField()

    def __init__(self, query: str, *, by_walk: bool = False) -> None:
        super().__init__(F("search__terms"), Value(query))
        self._by_walk = by_walk

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *_given: Any, **_named: Any
    ) -> tuple[str, list[str | int] | tuple[str | int, ...] | tuple[()]]:
        query = compiler.query
        is_page = query.is_sliced and bool(query.order_by or query.default_ordering)
        if self._by_walk and is_page:
            return super().as_sql(compiler, connection, template="ts_match_vq(%(expressions)s::tsquery)")
        return super().as_sql(compiler, connection, template="(%(expressions)s::tsquery)", arg_joiner=" @@ ")


def _is_one_of(ids: list[int]) -> Func:
    """Name the orders by one array: as ``IN`` ten thousand take longer to read than to find."""
    return Func(
        F("pk"),
        Value(f"{{{','.join(map(str, ids))}}}"),
        template="(%(expressions)s::bigint[]))",
        arg_joiner=" = ANY(",
        output_field=BooleanField(),
    )


def _is_common(query: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_AMONG_NEWEST, [_NEWEST, query, _COMMON])
        return bool(cast("tuple[Any, ...]", cursor.fetchone())[0] == _COMMON)


def _ids_by_index(query: str) -> list[int] | None:
    """Return the orders that a query finds; None where these are more than can be named."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_INDEX, [query, COUNT_UP_TO + 1])
        ids = [row[0] for row in cursor.fetchall()]
    return ids if len(ids) <= COUNT_UP_TO else None
