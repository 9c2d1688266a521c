"""What the lists of the admin share: they stay fast over millions of rows."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from django.contrib import admin, messages
from django.contrib.admin import FieldListFilter, ShowFacets, SimpleListFilter
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import OperationalError, connection, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy as _, pgettext
from unfold.admin import ModelAdmin as UnfoldAdmin

from core.access import visible_to
from core.admin.filters import Choice
from core.database.counting import COUNT_UP_TO, count_rows
from core.database.snapshots import one_snapshot
from core.display import EMPTY, Text
from core.privacy.rights import sees_all_guests
from core.privacy.shown import masks_of
from core.redaction import MASK
from core.values.name_keys import has_words

M = TypeVar("M", bound=Model)
Context = dict[str, Any]
"""What a template is given."""

if TYPE_CHECKING:
    from django.db.models.fields.related import RelatedField

    # Unfold declares no types, and a mixin none of what it is mixed into: to the checker they are Django's.
    class ModelAdmin(admin.ModelAdmin[M]): ...

    class AdminMixin(admin.ModelAdmin[M]): ...

    UnfoldChangeList = ChangeList
else:
    from unfold.views import ChangeList as UnfoldChangeList

    class ModelAdmin(UnfoldAdmin, Generic[M]): ...

    class AdminMixin(Generic[M]): ...


PATIENCE_S = 8
_CANCELLED = "57014"
"""SQLSTATE of a statement that was stopped by its timeout."""


@contextmanager
def patience() -> Iterator[None]:
    """Stop each statement of a list that takes longer than ``PATIENCE_S``."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{PATIENCE_S}s"])
        yield


def is_out_of_patience(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", "") == _CANCELLED


def warn_of_patience(request: HttpRequest) -> None:
    text = gettext("This search took too long and was stopped. Choose less, for example a shorter time.")
    messages.warning(request, text)


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts at most ``COUNT_UP_TO`` rows; pages past them are reached by narrowing the list."""

    template_name = "admin/includes/bounded_pagination.html"

    @cached_property
    def counted(self) -> int:
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return count_rows(rows, up_to=COUNT_UP_TO)
        return len(rows)

    @cached_property
    def count(self) -> int:
        return min(self.counted, COUNT_UP_TO)

    @property
    def count_text(self) -> str:
        number = number_format(self.count, 0, force_grouping=True)
        return gettext("more than %(number)s") % {"number": number} if self.counted > COUNT_UP_TO else number


class Worded(AdminMixin[M]):
    """Puts the name of what is added or deleted in the case that a sentence needs: Russian has cases."""

    empty_value_display = EMPTY
    accusative: Text = ""
    """The name of one row after a verb; lists where nothing is added or deleted need none."""

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        """Title a list as the menu does: Django's "Select shift to view" fits no Russian case."""
        own = {"title": capfirst(str(self.opts.verbose_name_plural))}
        return super().changelist_view(request, own | (extra_context or {}))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Context | None = None,
    ) -> HttpResponse:
        name = {"name": self.accusative}
        own = {"delete_words": pgettext("accusative", "Delete %(name)s") % name}
        if object_id is None:
            own["title"] = pgettext("accusative", "Add %(name)s") % name
        return super().changeform_view(request, object_id, form_url, own | (extra_context or {}))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Context | None = None
    ) -> HttpResponse:
        own = {"object_name": self.accusative}
        return super().delete_view(request, object_id, own | (extra_context or {}))


class AuditedHistory(AdminMixin[M]):
    """Leads from the history of a row to its entries in the audit log."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Context | None = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if row is None or not request.user.has_perm("audit.view_auditentry"):
            return super().history_view(request, object_id, extra_context)
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        return HttpResponseRedirect(history_url(row))


def history_url(row: Model) -> str:
    """Return the address of what the audit log has of a row."""
    query = urlencode({"object": f"{row._meta.label_lower}:{row.pk}"})
    return f"{reverse('admin:audit_auditentry_changelist')}?{query}"


class VisibleRows(AdminMixin[M]):
    """Shows and takes the rows that the person may see, and offers such rows in its forms."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        return visible_to(request.user, super().get_queryset(request))

    def get_field_queryset(
        self, db: str | None, db_field: "RelatedField[Any, Any]", request: HttpRequest
    ) -> QuerySet[Any]:
        offered = super().get_field_queryset(db, db_field, request)
        rows = db_field.remote_field.model._default_manager.all() if offered is None else offered
        return visible_to(request.user, rows)


class ListedLookups(AdminMixin[M]):
    """Takes from the address of a list only what its filters offer.

    Django's own takes any lookup of the model's fields, and ``?phone__startswith=`` finds a masked phone
    digit by digit.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:  # type: ignore[override]  # Django always gives the request
        return any(lookup in self._parameters(one, request) for one in self.get_list_filter(request))

    def _parameters(self, listed: Any, request: HttpRequest) -> Collection[str | None]:  # noqa: ANN401  # a field, a filter, or one of Unfold's, which has no type
        if isinstance(listed, str):
            field: Any = get_fields_from_path(self.model, listed)[-1]
            spec = FieldListFilter.create(field, request, {}, self.model, self, field_path=listed)
            return spec.expected_parameters()
        if issubclass(listed, SimpleListFilter):
            return (listed.parameter_name,)
        parameters: Collection[str] = listed.parameters()
        return parameters


class HubChangeList(UnfoldChangeList):
    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Model]:
        hub_admin = cast("HubAdmin[Model]", self.model_admin)
        return hub_admin.list_rows(super().get_queryset(request, exclude_parameters))


class HubAdmin(AuditedHistory[M], VisibleRows[M], ListedLookups[M], Worded[M], ModelAdmin[M]):
    """Lists that count no further than they show; pages get what they show by ``page_context``."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # each would count the whole table
    list_per_page = 50
    list_filter_submit = True
    list_horizontal_scrollbar_top = True  # below the list it is under the fold
    empty_words: Text = ""
    """What to do for the first row to appear."""
    quick_choices: Sequence[Choice] = ()
    """What ``chips.html`` offers above the list: values of the filter ``quick_parameter``."""
    quick_parameter = "state"

    def list_context(self, request: HttpRequest) -> Context:
        """Return what the page of the list shows beside its rows."""
        return {}

    def page_context(self, request: HttpRequest, row: M) -> Context:
        """Return what the page of a row shows beside its fields; with a ``title`` it has no subtitle."""
        return {}

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        chosen = request.GET.get(self.quick_parameter, "")
        chips = [(value, text, chosen == value) for value, text in self.quick_choices]
        own = {"chips": chips} | self.list_context(request)
        return super().changelist_view(request, own | (extra_context or {}))

    def render_change_form(
        self,
        request: HttpRequest,
        context: Context,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: M | None = None,
    ) -> HttpResponse:
        if obj is not None:
            own = self.page_context(request, obj)
            context |= ({"subtitle": None} if "title" in own else {}) | own
        return super().render_change_form(request, context, add, change, form_url, obj)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Context | None = None
    ) -> HttpResponse:
        """Show what was changed by hand; of rows that name guests not what was written, to who sees none."""
        response = super().history_view(request, object_id, extra_context)
        if isinstance(response, TemplateResponse) and masks_of(self.opts.label):
            entries = (response.context_data or {}).get("action_list", ())
            for entry in entries if not sees_all_guests(request.user) else ():
                entry.change_message = entry.object_repr = MASK
        return response

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        # The header would show the bounded count as if it were all; the count stands below the list.
        changelist.full_result_count = changelist.result_count
        return changelist

    def ask_first(self, request: HttpRequest, **shown: object) -> TemplateResponse:
        """Ask before something is done: ``title``, ``words_template``, ``verb``, and ``back`` to where."""
        context = self.admin_site.each_context(request) | {"opts": self.opts} | shown
        return TemplateResponse(request, "admin/confirm.html", context)

    def list_rows(self, rows: QuerySet[M]) -> QuerySet[M]:
        """Add to the rows of the list what it alone shows, and leave out what it does not."""
        return rows

    def search_rows(self, request: HttpRequest, rows: QuerySet[M], text: str) -> QuerySet[M]:
        """Find rows by parts of names and ids: the key of a name (``name_keys``), an id as it is."""
        return rows.filter(has_words(text, *self.search_fields))

    def get_changelist(self, request: HttpRequest, **_options: object) -> type[ChangeList]:
        return HubChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        text = search_term.strip()
        rows = self.search_rows(request, queryset, text) if text else queryset
        return rows, False

    @admin.display(description=_("name"), ordering="name_key")
    def sorted_name(self, row: M) -> str:
        """Show the name; a click on the title of the column sorts alphabetically (``name_key``)."""
        return str(row.name)  # type: ignore[attr-defined]  # lists that show it are of rows with a name


class MirrorAdmin(HubAdmin[M]):
    """Rows that iiko writes; read-only.

    The page of a row is Unfold's, with its ``fieldsets``; one that shows more has no ``fields`` and extends
    ``admin/record.html``.

    No index answers every combination of filters. A list that takes longer than ``PATIENCE_S`` is
    stopped and says so, instead of keeping the database busy for somebody who has left.
    """

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Context | None = None,
    ) -> HttpResponse:
        """Show one row with all that belongs to it as of one moment."""
        is_read = request.method in ("GET", "HEAD")
        with one_snapshot() if is_read else nullcontext():
            response = super().changeform_view(request, object_id, form_url, extra_context)
            if is_read and isinstance(response, TemplateResponse):
                response.render()  # its template may ask for more
        return response

    def changelist_view(self, request: HttpRequest, extra_context: Context | None = None) -> HttpResponse:
        if request.method != "GET":
            return super().changelist_view(request, extra_context)
        try:
            with patience():
                response = super().changelist_view(request, extra_context)
                # Here, because the rows are read while the page is made.
                return response.render() if isinstance(response, TemplateResponse) else response
        except OperationalError as error:
            if not is_out_of_patience(error):
                raise
            warn_of_patience(request)
            return HttpResponseRedirect(request.path)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False
