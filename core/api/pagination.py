"""``skip``, ``limit`` and ``cursor``, without counting millions of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from core.api.keyset import BadCursor, Keyset
from core.database.counting import COUNT_UP_TO, count_rows

if TYPE_CHECKING:
    # DRF loads this module while it is loading its views.
    from rest_framework.views import APIView

M = TypeVar("M", bound=Model)
R = TypeVar("R")

Schema = dict[str, Any]

LONGEST_PAGE = 200


class SkipLimitPagination(LimitOffsetPagination):
    """``count`` is exact up to 10 000 and null past it; ``limit`` is cut to 200.

    ``next`` holds a cursor, which makes a deep page as fast as the first one. ``skip`` beside it only says
    how many rows came before.
    """

    offset_query_param = "skip"
    limit_query_param = "limit"
    page_edges: tuple[Any, Any] | None = None
    """The first row of the page and the first of the next one, where there is one."""
    next_cursor = ""

    def paginate_queryset(
        self, queryset: QuerySet[M, R], request: Request, view: APIView | None = None
    ) -> list[R]:
        self.request = request
        self.offset = skip = self._number(request, "skip", default=0, lowest=0)
        limit = self._number(request, "limit", default=50, lowest=1)
        self.limit = limit = min(limit, LONGEST_PAGE)
        cursor = request.query_params.get("cursor", "")
        rows = self._rows(queryset, cursor, skip=skip, limit=limit)
        has_more = len(rows) > limit
        self.page_edges = (rows[0], rows[limit]) if has_more else None
        # The parent links to a next page by its count; ours may be unknown while there is one.
        self.count = skip + limit + 1 if has_more else skip + len(rows)
        is_whole = not has_more and (bool(rows) or skip == 0) and not cursor
        counted = skip + len(rows) if is_whole else count_rows(queryset, up_to=COUNT_UP_TO)
        self.shown_count = counted if is_whole or counted <= COUNT_UP_TO else None
        return rows[:limit]

    def _rows(self, queryset: QuerySet[M, R], cursor: str, *, skip: int, limit: int) -> list[R]:
        """Read a page and the row behind it, and note the cursor of the next one."""
        keyset = Keyset.of(queryset)
        if cursor:
            queryset, skip = self._behind(queryset, keyset, cursor), 0
        rows = list(queryset[skip : skip + limit + 1])
        last = rows[limit - 1] if len(rows) > limit else None
        self.next_cursor = keyset.cursor_of(last) if keyset and isinstance(last, Model) else ""
        return rows

    def _behind(self, queryset: QuerySet[M, R], keyset: Keyset | None, cursor: str) -> QuerySet[M, R]:
        try:
            if keyset is None:
                raise BadCursor
            return keyset.behind(queryset, cursor)
        except BadCursor as error:
            words = _("No cursor of this list in this order. Follow “next” of an answer, or leave it out.")
            raise ValidationError({"cursor": words}) from error

    def _number(self, request: Request, name: str, *, default: int, lowest: int) -> int:
        text = request.query_params.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= lowest):
            words = _("A whole number of at least %(lowest)d is expected, not “%(text)s”.")
            raise ValidationError({name: words % {"lowest": lowest, "text": text[:40]}})
        return int(text)

    def get_next_link(self) -> str | None:
        link: str | None = super().get_next_link()
        if link is None or not self.next_cursor:
            return link
        return replace_query_param(link, "cursor", self.next_cursor)

    def get_previous_link(self) -> str | None:
        link: str | None = super().get_previous_link()
        return remove_query_param(link, "cursor") if link else link

    def get_paginated_response(self, data: object) -> Response:
        return Response(
            {
                "count": self.shown_count,
                "next": self.get_next_link(),
                "previous": self.get_previous_link(),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: Schema) -> Schema:
        shape: Schema = super().get_paginated_response_schema(schema)
        shape["properties"]["count"] |= {
            "nullable": True,
            "description": "Exact up to 10 000; null when there are more.",
        }
        return shape

    def get_schema_operation_parameters(self, view: APIView) -> list[Schema]:
        integer = {"type": "integer"}
        return [
            {
                "name": "limit",
                "in": "query",
                "description": "Rows at most.",
                "schema": integer | {"minimum": 1, "maximum": 200, "default": 50},
            },
            {
                "name": "skip",
                "in": "query",
                "description": "Rows to leave out first. They are read one by one: to go deep follow `next`.",
                "schema": integer | {"minimum": 0, "default": 0},
            },
            {
                "name": "cursor",
                "in": "query",
                "description": "Where the page before ended, as its `next` has it; `skip` is left aside.",
                "schema": {"type": "string"},
            },
        ]
