"""Export of a list of the admin for a spreadsheet: the rows that the filters leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from core.csv_export import in_chunks, sheet_response

ExportColumn = tuple[Any, Callable[[Any], Any]]
"""Its title, and the value of a row in it."""


class Exporting:
    """Adds an export to an admin; ``above_list.html`` links to ``export_url``. It changes nothing: GET."""

    export_name: str
    export_columns: Sequence[ExportColumn]

    def get_urls(self) -> list[URLPattern]:
        mine: Any = self
        own = [path("export/", mine.admin_site.admin_view(self.export_view), name=f"{self._name}_export")]
        return [*own, *super().get_urls()]  # type: ignore[misc]  # the admin's

    @property
    def _name(self) -> str:
        opts: Any = self.opts  # type: ignore[attr-defined]  # the admin's
        return f"{opts.app_label}_{opts.model_name}"

    def export_url(self, request: HttpRequest) -> str:
        query = request.GET.copy()
        query.pop("p", None)
        tail = f"?{query.urlencode()}" if query else ""
        return reverse(f"admin:{self._name}_export") + tail

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        mine: Any = self
        if not mine.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = mine.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse(f"admin:{self._name}_changelist"))
        header = [str(title) for title, _value in self.export_columns]
        cells = ([value(row) for _title, value in self.export_columns] for row in in_chunks(rows))
        return sheet_response(self.export_name, header, cells)
