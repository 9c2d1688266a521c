"""Lists that may also be had as files: ``?format=csv`` or ``?format=xlsx``, or by ``Accept``."""

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import mixins, viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from core.csv_export import Row, csv_response, in_chunks, logged
from core.xlsx_export import CONTENT_TYPE, TooLong, check_length, workbook_response

M = TypeVar("M", bound=Model)

FORMAT = OpenApiParameter(
    "format",
    str,
    enum=["json", "csv", "xlsx"],
    description="`csv`: all rows that the filters leave, as a file; the columns are those of the JSON. "
    "`skip` and `limit` do not count. `Accept: text/csv` asks for the same. Values are those of the JSON, "
    "for a program: a text that a spreadsheet would take for a formula is not changed. The files of the "
    "admin are made for spreadsheets. `xlsx`: the same rows as a workbook of Excel, where a text is never a "
    "formula.",
)


class CsvRenderer(BaseRenderer):
    """Offers a list as a file; the list itself is streamed and does not pass here."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: object, *_: object, **__: object) -> bytes:
        return json.dumps(data).encode()


class XlsxRenderer(CsvRenderer):
    media_type = CONTENT_TYPE
    format = "xlsx"
    charset = None


class CsvListViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[M]):
    """Rows by the view's serializer, in JSON by the page and as a file all of them."""

    renderer_classes = (JSONRenderer, CsvRenderer, XlsxRenderer)
    file_name: str

    def get_renderers(self) -> list[BaseRenderer]:
        """Offer files of the list alone, not of what else the view answers."""
        is_list = getattr(self, "action", None) == "list"
        return super().get_renderers() if is_list else [JSONRenderer()]

    def check_export(self, request: Request) -> None:
        """Refuse whoever may not take the whole list away.

        Raises:
            PermissionDenied: 403.
        """

    def list(self, request: Request, *args: object, **kwargs: object) -> Any:  # noqa: ANN401  # a response of DRF, or a stream of Django's
        kind = request.accepted_renderer.format
        if kind == JSONRenderer.format:
            return super().list(request, *args, **kwargs)
        self.check_export(request)
        found = self.filter_queryset(self.get_queryset())
        is_workbook = kind == XlsxRenderer.format
        if is_workbook:
            _check_length(found)
        header, rows = self.workbook(found) if is_workbook else self._as_in_json(found)
        rows = logged(
            rows,
            list=self.file_name,
            kind=kind,
            filters=sorted(request.query_params),
            user_pk=request.user.pk,
            key_pk=getattr(request.auth, "pk", None),
        )
        if is_workbook:
            return workbook_response(self.file_name, self.file_name, header, rows)
        return csv_response(self.file_name, header, rows)

    def workbook(self, found: QuerySet[M]) -> tuple[Row, Iterable[Row]]:
        """Return the head and the lines of the workbook."""
        return self._as_in_json(found)

    def _as_in_json(self, found: QuerySet[M]) -> tuple[Row, Iterable[Row]]:
        serializer: Any = self.get_serializer()
        names = list(serializer.fields)
        shown = (serializer.to_representation(row) for row in self.all_rows(found))
        return names, ([cell_of(row[name]) for name in names] for row in shown)

    def all_rows(self, rows: QuerySet[M]) -> Iterable[object]:
        return in_chunks(rows)

    def finalize_response(self, request: Request, response: Any, *args: object, **kwargs: object) -> Response:  # noqa: ANN401  # the same
        if isinstance(response, Response) and response.exception:
            request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)


def _check_length(found: QuerySet[M]) -> None:
    try:
        check_length(found)
    except TooLong as error:
        raise ValidationError({"format": str(error)}) from error


def cell_of(value: object) -> object:
    """Write what is no single value as JSON."""
    is_compound = isinstance(value, dict | list)
    return json.dumps(value, ensure_ascii=False, cls=JSONEncoder) if is_compound else value
