"""What an operator asks of the list of orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core import db_clock
from core.admin.filters import HubDropdownFilter
from core.name_keys import fold
from orders.models.order import Order, OrderQuerySet, OrderType, Status
from organizations.admin.filters import MomentRangeFilter

_COURIERS_OF = 2_000
"""Couriers are offered from so many of the newest open orders."""

Choose = Callable[[OrderQuerySet, datetime], QuerySet[Order]]

# Those that look for an empty status find it by the index on it.
STATES: Mapping[str, tuple[Any, Choose]] = {
    "open": (_("open"), lambda orders, _now: orders.open()),
    "late_now": (_("open and late"), lambda orders, now: orders.open().late(now)),
    "problem": (_("open with a problem"), lambda orders, _now: orders.open().filter(problem__isnull=False)),
    "unknown": (
        _("with an unknown status"),
        lambda orders, _now: orders.open().filter(status__isnull=True, raw_status__isnull=False),
    ),
    "refused": (
        _("not accepted by the POS, 24 h"),
        lambda orders, now: orders.refused_lately(now),
    ),
    "refused_all": (_("not accepted by the POS, all"), lambda orders, _now: orders.refused()),
    "sending": (
        _("being sent to the POS"),
        lambda orders, _now: orders.open().filter(status__isnull=True, creation_status="InProgress"),
    ),
    "unknown_to_iiko": (
        _("unknown to iiko"),
        lambda orders, _now: orders.listed_nowhere().filter(unknown_to_iiko_at__isnull=False),
    ),
    "deleted": (
        pgettext_lazy("orders", "deleted in iiko"),
        lambda orders, _now: orders.filter(is_deleted=True),
    ),
    "late": (_("late, finished ones too"), lambda orders, now: orders.late(now)),
}


class StateFilter(HubDropdownFilter):
    title = _("state")
    parameter_name = "state"

    def offered(self, request: HttpRequest) -> list[tuple[str, Any]]:
        return [(name, title) for name, (title, _choose) in STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        if self.value() not in STATES or not isinstance(queryset, OrderQuerySet):
            return queryset.none()
        return STATES[self.value()][1](queryset, db_clock.now())


class StatusFilter(HubDropdownFilter):
    title = _("status")
    parameter_name = "status"
    column = "status"

    def offered(self, request: HttpRequest) -> list[tuple[str, Any]]:
        return list(Status.choices)


class TypeFilter(HubDropdownFilter):
    title = _("type")
    parameter_name = "type"
    column = "order_type"

    def offered(self, request: HttpRequest) -> list[tuple[str, Any]]:
        return list(OrderType.choices)


class CourierFilter(HubDropdownFilter):
    """Couriers who are under way now; any other by the link on an order's page."""

    title = _("courier")
    parameter_name = "courier"
    column = "courier_id"

    def offered(self, request: HttpRequest) -> list[tuple[str, Any]]:
        couriers = (
            Order.objects.open().order_by("-id").values_list("courier_id", "courier_name")[:_COURIERS_OF]
        )
        named = {courier_id: name or courier_id for courier_id, name in couriers if courier_id}
        return sorted(named.items(), key=lambda courier: (fold(courier[1]), courier))


class PromisedFilter(MomentRangeFilter):
    name = "promised"
    label = _("promised")
    field = "promised_time"


class FirstSeenFilter(MomentRangeFilter):
    name = "created"
    label = _("first seen")
    field = "created_at"

    def narrowed(self, queryset: QuerySet[Any], since: datetime | None, until: datetime) -> QuerySet[Any]:
        narrowed = super().narrowed(queryset, since, until)
        if since is None:
            return narrowed
        # Nothing changes before it is seen (but for the worker's clock), and the change has an index.
        return narrowed.filter(updated_at__gte=since - timedelta(minutes=5))
