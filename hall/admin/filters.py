"""What is asked of the lists of the hall."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.admin.filters import HubDropdownFilter
from hall.models import ReserveStatus, TableOrderStatus
from organizations.admin.filters import MomentRangeFilter

Choose = Callable[[QuerySet[Any]], QuerySet[Any]]
States = Mapping[str, tuple[Any, Choose]]

TABLE_STATES: States = {
    "open": (_("open"), lambda rows: rows.filter(is_open=True)),
    "unknown": (
        _("with an unknown status"),
        lambda rows: rows.filter(is_open=True, status=None, raw_status__isnull=False),
    ),
    "refused": (
        _("not accepted by the POS"),
        lambda rows: rows.filter(status=None, creation_status="Error"),
    ),
    "deleted": (
        pgettext_lazy("reserves", "deleted in iiko"),
        lambda rows: rows.filter(Q(is_deleted=True) | Q(status="Deleted")),
    ),
}
RESERVE_STATES: States = {
    **TABLE_STATES,
    "cancelled": (
        pgettext_lazy("reserves", "cancelled"),
        lambda rows: rows.filter(cancel_reason__isnull=False),
    ),
}


class StateFilter(HubDropdownFilter):
    title = _("state")
    parameter_name = "state"
    states: States

    def offered(self, request: HttpRequest) -> list[tuple[str, Any]]:
        return [(name, title) for name, (title, _choose) in self.states.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        known = self.states.get(self.value())
        return known[1](queryset) if known else queryset.none()


class TableStateFilter(StateFilter):
    states = TABLE_STATES


class ReserveStateFilter(StateFilter):
    states = RESERVE_STATES


class TableStatusFilter(HubDropdownFilter):
    title = _("status")
    parameter_name = "status"
    column = "status"

    def offered(self, request: HttpRequest) -> list[tuple[str, Any]]:
        return list(TableOrderStatus.choices)


class ReserveStatusFilter(TableStatusFilter):
    def offered(self, request: HttpRequest) -> list[tuple[str, Any]]:
        return list(ReserveStatus.choices)


class OpenedFilter(MomentRangeFilter):
    name = "opened"
    label = _("opened")
    field = "when_created"


class ExpectedFilter(MomentRangeFilter):
    name = "expected"
    label = pgettext_lazy("reserve", "expected")
    field = "estimated_start_time"
