"""Where a page of a list ended, so that the next one begins there however deep it lies.

``skip`` makes the database read all that is left out; a cursor holds what the last row is sorted by, and an
index leads behind it. It is no secret: it says nothing that the row did not.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self, TypeVar

import orjson
from django.core.exceptions import FieldDoesNotExist, ValidationError as BadValue
from django.db.models import F, Field, Model, Q, QuerySet
from django.db.models.expressions import OrderBy

M = TypeVar("M", bound=Model)
R = TypeVar("R")


class BadCursor(ValueError):
    """It was not given by this list in this order."""


@dataclass(frozen=True, slots=True)
class _Term:
    """One of the fields that a list is sorted by; PostgreSQL puts NULL last, and first when descending."""

    field: "Field[object, object]"
    is_descending: bool
    nulls_last: bool

    def same(self, value: object) -> Q:
        return Q(**{self.field.attname: value}) if value is not None else self._is_null(yes=True)

    def after(self, value: object) -> Q:
        """Match what stands behind a value: nothing behind a NULL that stands last."""
        if value is None:
            return Q(pk__in=()) if self.nulls_last else self._is_null(yes=False)
        behind = Q(**{f"{self.field.attname}__{'lt' if self.is_descending else 'gt'}": value})
        return behind | self._is_null(yes=True) if self.nulls_last and self.field.null else behind

    def read(self, value: object) -> object:
        read = self.field.to_python(value) if value is not None else None
        # Ours are in UTC; PostgreSQL does not take every offset that Python does.
        is_elsewhere = isinstance(read, datetime) and read.utcoffset() != timedelta()
        if is_elsewhere or (isinstance(read, str) and "\0" in read):
            raise BadCursor
        return read

    def _is_null(self, *, yes: bool) -> Q:
        return Q(**{f"{self.field.attname}__isnull": yes})


class Keyset:
    """The order of a list, which has to end with its primary key; see ``of``."""

    def __init__(self, terms: Sequence[_Term]) -> None:
        self._terms = terms

    @classmethod
    def of(cls, rows: "QuerySet[M, R]") -> Self | None:
        """Read the order of a query; None where a cursor cannot name a place in it."""
        named = rows.query.order_by or tuple(rows.model._meta.ordering or ())
        terms = [_term(rows.model, one) for one in named]
        known = [term for term in terms if term is not None]
        is_total = len(known) == len(terms) > 0 and known[-1].field.primary_key
        return cls(known) if is_total else None

    def cursor_of(self, row: Model) -> str:
        values = [getattr(row, term.field.attname) for term in self._terms]
        return urlsafe_b64encode(orjson.dumps([self._signature, *values])).decode().rstrip("=")

    def behind(self, rows: "QuerySet[M, R]", cursor: str) -> "QuerySet[M, R]":
        """Keep what stands behind the row that a cursor was made of, which may be gone since.

        Raises:
            BadCursor: it is none, or one of a list in another order.
        """
        values = self._read(cursor)
        ties, found = Q(), Q()
        for term, value in zip(self._terms, values, strict=True):
            found |= ties & term.after(value)
            ties &= term.same(value)
        # An index is entered by one condition that holds for all of them.
        first, value = self._terms[0], values[0]
        return rows.filter(first.same(value) | first.after(value), found)

    @property
    def _signature(self) -> str:
        return ",".join(f"{'-' if one.is_descending else ''}{one.field.attname}" for one in self._terms)

    def _read(self, cursor: str) -> list[object]:
        try:
            signature, *values = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if signature != self._signature:
                raise BadCursor
            return [term.read(value) for term, value in zip(self._terms, values, strict=True)]
        except (ValueError, TypeError, BadValue) as error:
            raise BadCursor from error


def _term(model: type[Model], named: object) -> _Term | None:
    nulls_last = None
    if isinstance(named, OrderBy) and isinstance(named.expression, F):
        name, is_descending, nulls_last = named.expression.name, named.descending, bool(named.nulls_last)
    elif isinstance(named, str):
        name, is_descending = named.removeprefix("-"), named.startswith("-")
    else:
        return None
    try:
        field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(field, Field):
        return None
    return _Term(field, is_descending, not is_descending if nulls_last is None else nulls_last)
