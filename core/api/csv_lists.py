"""Lists that a program may also have as CSV: ``?format=csv``, or ``Accept: text/csv``."""

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import mixins, viewsets
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core.csv_export import csv_response, in_chunks

M = TypeVar("M", bound=Model)

FORMAT = OpenApiParameter(
    "format",
    str,
    enum=["json", "csv"],
    description="`csv`: all rows that the filters leave, as a file; the columns are those of the JSON. "
    "`skip` and `limit` do not count. `Accept: text/csv` asks for the same. Values are those of the JSON, "
    "for a program: a text that a spreadsheet would take for a formula is not changed. The files of the "
    "admin are made for spreadsheets.",
)


class CsvRenderer(BaseRenderer):
    """Offers a list as CSV; the list itself is streamed and does not pass here."""

    media_type = "text/csv"
    format = "csv"

    def render(self, data: object, *_: object, **__: object) -> bytes:
        return json.dumps(data).encode()


class CsvListViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[M]):
    """Rows by the view's serializer, in JSON by the page and in CSV all of them."""

    renderer_classes = (JSONRenderer, CsvRenderer)
    file_name: str

    def list(self, request: Request, *args: object, **kwargs: object) -> Any:  # noqa: ANN401  # a response of DRF, or a stream of Django's
        if request.accepted_renderer.format != CsvRenderer.format:
            return super().list(request, *args, **kwargs)
        serializer: Any = self.get_serializer()
        names = list(serializer.fields)
        rows = self.all_rows(self.filter_queryset(self.get_queryset()))
        shown = (serializer.to_representation(row) for row in rows)
        return csv_response(self.file_name, names, ([row[name] for name in names] for row in shown))

    def all_rows(self, rows: QuerySet[M]) -> Iterable[object]:
        return in_chunks(rows)

    def finalize_response(self, request: Request, response: Any, *args: object, **kwargs: object) -> Response:  # noqa: ANN401  # the same
        if isinstance(response, Response) and response.exception:
            request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)
