"""Export of a list of the admin for a spreadsheet: the rows that the filters leave."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from core.admin.base import AdminMixin, M
from core.csv_export import in_chunks, sheet_response
from core.display import Text

ExportColumn = tuple[Text, Callable[[Any], object]]
"""Its title, and the value of a row in it."""


class Exporting(AdminMixin[M]):
    """Adds an export to an admin; ``above_list.html`` links to ``export_url``. It changes nothing: GET."""

    export_name: str
    export_columns: Sequence[ExportColumn]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name=f"{self._name}_export"), *super().get_urls()]

    @property
    def _name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def export_url(self, request: HttpRequest) -> str:
        query = request.GET.copy()
        query.pop("p", None)
        tail = f"?{query.urlencode()}" if query else ""
        return reverse(f"admin:{self._name}_export") + tail

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse(f"admin:{self._name}_changelist"))
        header = [str(title) for title, _value in self.export_columns]
        cells = ([value(row) for _title, value in self.export_columns] for row in in_chunks(rows))
        return sheet_response(self.export_name, header, cells)
