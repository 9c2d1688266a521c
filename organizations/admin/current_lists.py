"""What the lists of stop lists and shifts share: the current rows first, names, an export."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from core.admin.base import Context, M, MirrorAdmin
from core.admin.export import Exporting
from core.display import clock_reading, stacked
from organizations.admin.zones import InZones, naming_zones
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem
from organizations.name_annotations import with_group_names

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations


class Named(InZones):
    """What a row of each of these lists has besides."""

    terminal_group_name: str | None


Row: TypeAlias = "WithAnnotations[Shift, Named] | WithAnnotations[StopListItem, Named]"


def exported_moment(moment: datetime | None, row: Row) -> datetime | None:
    """Read a time of a row from the clock of its restaurant, for a spreadsheet."""
    return clock_reading(moment, row.organization.zone())


def whole_minutes(span: timedelta | None) -> int | str:
    return "" if span is None else int(span.total_seconds()) // 60


def group_text(row: Row) -> str:
    return str(row.terminal_group_name or row.terminal_group_id)


class CurrentListAdmin(Exporting[M], MirrorAdmin[M]):
    """``named`` says whose id is searched, ``product`` or ``employee``, and ``by_name`` finds its name."""

    named: str
    by_name: Callable[[str], Q]
    list_select_related = ("organization",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        return naming_zones(with_group_names(super().get_queryset(request).select_related("organization")))

    def search_rows(self, request: HttpRequest, rows: QuerySet[M], text: str) -> QuerySet[M]:
        text = text.replace("\0", "").strip()
        by_id = Q(**{f"{self.named}_id": text.lower()})
        return rows.filter(self.by_name(text) | by_id) if text else rows

    def list_context(self, request: HttpRequest) -> Context:
        return {"exports": self.exports(request)}

    @admin.display(description=_("terminal group"))
    def group(self, row: Row) -> SafeString:
        return stacked(group_text(row), row.organization.name)
