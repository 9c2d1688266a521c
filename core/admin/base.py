"""What the lists of the admin share: they stay fast over millions of rows."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from typing import Any, TypeVar

from django.contrib import admin, messages
from django.contrib.admin import FieldListFilter, ShowFacets, SimpleListFilter
from django.contrib.admin.utils import get_fields_from_path
from django.core.paginator import Paginator
from django.db import OperationalError, connection, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from core.database.counting import COUNT_UP_TO
from core.database.snapshots import one_snapshot
from core.display import EMPTY
from core.values.name_keys import has_words

M = TypeVar("M", bound=Model)

PATIENCE_S = 8
_CANCELLED = "57014"
"""SQLSTATE of a statement that was stopped by its timeout."""


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts at most ``COUNT_UP_TO`` rows; pages past them are reached by narrowing the list."""

    template_name = "admin/includes/bounded_pagination.html"

    @cached_property
    def counted(self) -> int:
        rows = self.object_list
        if isinstance(rows, QuerySet):
            # Only the ids: what a list adds to its rows is not computed for ten thousand of them.
            return rows.order_by().values("pk")[: COUNT_UP_TO + 1].count()
        return len(rows)

    @cached_property
    def count(self) -> int:
        return min(self.counted, COUNT_UP_TO)

    @property
    def count_text(self) -> str:
        number = number_format(self.count, 0, force_grouping=True)
        return gettext("more than %(number)s") % {"number": number} if self.counted > COUNT_UP_TO else number


class Worded:
    """Puts the name of what is added or deleted in the case that a sentence needs: Russian has cases."""

    empty_value_display = EMPTY
    accusative: Any = ""
    """The name of one row after a verb; lists where nothing is added or deleted need none."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Title a list as the menu does: Django's "Select shift to view" fits no Russian case."""
        own = {"title": capfirst(self.opts.verbose_name_plural)}  # type: ignore[attr-defined]  # the admin's
        return super().changelist_view(request, own | (extra_context or {}))  # type: ignore[misc]  # the admin's

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        name = {"name": self.accusative}
        own = {"delete_words": pgettext("accusative", "Delete %(name)s") % name}
        if object_id is None:
            own["title"] = pgettext("accusative", "Add %(name)s") % name
        return super().changeform_view(request, object_id, form_url, own | (extra_context or {}))  # type: ignore[misc]  # the admin's

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        own = {"object_name": self.accusative}
        return super().delete_view(request, object_id, own | (extra_context or {}))  # type: ignore[misc]  # the admin's


class ListedLookups:
    """Takes from the address of a list only what its filters offer.

    Django's own takes any lookup of the model's fields, and ``?phone__startswith=`` finds a masked phone
    digit by digit.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        listed: Any = self.get_list_filter(request)  # type: ignore[attr-defined]  # the admin's
        return any(lookup in self._parameters(one, request) for one in listed)

    def _parameters(self, listed: Any, request: HttpRequest) -> Collection[str | None]:
        if isinstance(listed, str):
            model: type[Model] = self.model  # type: ignore[attr-defined]  # the admin's
            field: Any = get_fields_from_path(model, listed)[-1]
            spec = FieldListFilter.create(field, request, {}, model, self, field_path=listed)  # type: ignore[arg-type]
            return spec.expected_parameters()
        if issubclass(listed, SimpleListFilter):
            return (listed.parameter_name,)
        parameters: Collection[str] = listed.parameters()
        return parameters


class HubAdmin(ListedLookups, Worded, ModelAdmin):  # type: ignore[misc]  # Unfold is untyped
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # each would count the whole table
    list_per_page = 50
    list_filter_submit = True
    list_horizontal_scrollbar_top = True  # below the list it is under the fold
    empty_words: Any = ""
    """What to do for the first row to appear."""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        # The header would show the bounded count as if it were all; the count stands below the list.
        changelist.full_result_count = changelist.result_count
        return changelist

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find rows by parts of names and ids: the key of a name (``name_keys``), an id as it is."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(has_words(search_term, *self.search_fields)), False

    @admin.display(description=_("name"), ordering="name_key")
    def sorted_name(self, row: Any) -> str:
        """Show the name; a click on the title of the column sorts alphabetically (``name_key``)."""
        return str(row.name)


class MirrorAdmin(HubAdmin):
    """Rows that iiko writes; read-only.

    No index answers every combination of filters. A list that takes longer than ``PATIENCE_S`` is
    stopped and says so, instead of keeping the database busy for somebody who has left.
    """

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show one row with all that belongs to it as of one moment."""
        is_read = request.method in ("GET", "HEAD")
        with one_snapshot() if is_read else nullcontext():
            response: HttpResponse = super().changeform_view(request, *args, **kwargs)
            if is_read and isinstance(response, TemplateResponse):
                response.render()  # its template may ask for more
        return response

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "GET":
            return self._list(request, extra_context)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{PATIENCE_S}s"])
                response = self._list(request, extra_context)
                # Here, because the rows are read while the page is made.
                return response.render() if isinstance(response, TemplateResponse) else response
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != _CANCELLED:
                raise
            text = gettext(
                "This search took too long and was stopped. Choose less, for example a shorter time."
            )
            messages.warning(request, text)
            return HttpResponseRedirect(request.path)

    def _list(self, request: HttpRequest, extra_context: dict[str, Any] | None) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
