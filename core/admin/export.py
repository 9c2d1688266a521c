"""Export of a list of the admin for a spreadsheet: the rows that the filters leave."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst

from core.admin.base import AdminMixin, M, is_out_of_patience, patience, warn_of_patience
from core.csv_export import in_chunks, logged, sheet_response
from core.database import db_clock
from core.display import Text
from core.xlsx_export import TooLong, check_length, workbook_response

ExportColumn = tuple[Text, Callable[[Any], object]]
"""Its title, and the value of a row in it."""


class Exporting(AdminMixin[M]):
    """Adds an export to an admin; ``includes/export.html`` links to it. It changes nothing: GET."""

    export_name: str
    export_columns: Sequence[ExportColumn]
    export_permission = ""
    """Needed besides the right to see the list."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("export/", view(partial(self.export_view, kind="csv")), name=f"{self._name}_export"),
            path(
                "export/xlsx/", view(partial(self.export_view, kind="xlsx")), name=f"{self._name}_export_xlsx"
            ),
            *super().get_urls(),
        ]

    @property
    def _name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def has_export_permission(self, request: HttpRequest) -> bool:
        is_allowed = not self.export_permission or request.user.has_perm(self.export_permission)
        return is_allowed and self.has_view_permission(request)

    def columns_for(self, request: HttpRequest) -> Sequence[ExportColumn]:
        return self.export_columns

    def read_for_export(self, request: HttpRequest) -> QuerySet[M] | None:
        """Say what the columns need, where that is less than what the list shows."""
        return None

    def exports(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Name the files of the filtered list with their addresses; none where they are not allowed."""
        if not self.has_export_permission(request):
            return []
        query = request.GET.copy()
        query.pop("p", None)
        tail = f"?{query.urlencode()}" if query else ""
        kinds = (("CSV", "export"), ("Excel", "export_xlsx"))
        return [(title, reverse(f"admin:{self._name}_{kind}") + tail) for title, kind in kinds]

    def _list_url(self, request: HttpRequest) -> str:
        query = request.GET.urlencode()
        return reverse(f"admin:{self._name}_changelist") + (f"?{query}" if query else "")

    def export_view(self, request: HttpRequest, *, kind: str) -> HttpResponseBase:
        if not self.has_export_permission(request):
            raise PermissionDenied
        try:
            with patience():
                listed = self.get_changelist_instance(request).queryset
                if kind != "csv":
                    check_length(listed)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse(f"admin:{self._name}_changelist"))
        except TooLong as error:
            messages.warning(request, str(error))
            return HttpResponseRedirect(self._list_url(request))
        except OperationalError as error:
            if not is_out_of_patience(error):
                raise
            warn_of_patience(request)
            return HttpResponseRedirect(reverse(f"admin:{self._name}_changelist"))
        columns = self.columns_for(request)
        header = [capfirst(str(title)) for title, _value in columns]
        rows = logged(
            in_chunks(listed, self.read_for_export(request)),
            list=self.opts.label_lower,
            kind=kind,
            filters=sorted(request.GET),
            user_pk=request.user.pk,
        )
        cells = ([value(row) for _title, value in columns] for row in rows)
        name = f"{self.export_name}-{db_clock.now():%Y-%m-%d}"
        if kind == "csv":
            return sheet_response(name, header, cells)
        return workbook_response(name, capfirst(str(self.opts.verbose_name_plural)), header, cells)
