"""The log of calls to iiko: what was asked, what came back, how long it took."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC
from typing import TYPE_CHECKING, TypedDict, cast

from django.contrib import admin
from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _

from core.access import visible_to
from core.admin.base import Context, MirrorAdmin
from core.admin.filters import (
    Choice,
    ChoicesFilter,
    Rows,
    States,
    choices_filter,
    state_choices,
    states_filter,
)
from core.admin.json_text import pretty_json
from core.admin.trace_link import trace_link
from core.database import db_clock
from core.display import EMPTY, badge, clock, stacked, truncated
from core.privacy.rights import sees_all_guests
from core.values.ids import searchable_id
from iiko_client import vendor_time
from organizations.admin.filters import moment_range_filter, restaurant_filter
from organizations.admin.zones import naming_zones
from organizations.models.connection import CALL_BODIES, SLOW_MS, ApiCall, ApiCallQuerySet, ApiLogin
from organizations.models.organization import Organization

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

# Written as the partial indexes are, so that they answer.
OUTCOMES: States = {
    "": (_("All"), lambda calls: calls),
    "failed": (_("failed"), lambda calls: calls.filter(~Q(error=""))),
    "slow": (_("slow"), lambda calls: calls.filter(duration_ms__gte=SLOW_MS)),
}

# Names under which the hub's own work is logged.
_OWN_WORK = {
    "automatic registration": _("registration of webhooks"),
    "check": _("daily check of balances"),
    "hub": _("the hub"),
    "pos watch": _("watch over the POS"),
    "register_webhooks": _("registration of webhooks"),
    "stop lists": _("reading of stop lists"),
    "sync_dictionaries": _("reading of dictionaries"),
    "sync_orders": _("reconciliation of orders"),
    "sync_orders (by the clock)": _("reconciliation of orders"),
    "webhook watch": _("watch over the webhooks"),
}

# One probe of the index for each operation, however many calls there are.
_OPERATIONS_MET = """
WITH RECURSIVE met(operation, number) AS (
    (SELECT operation, 1 FROM iiko_api_calls ORDER BY operation LIMIT 1)
    UNION ALL
    SELECT (SELECT operation FROM iiko_api_calls c WHERE c.operation > met.operation
            ORDER BY operation LIMIT 1), number + 1
    FROM met WHERE met.operation IS NOT NULL AND number < 200
)
SELECT operation FROM met WHERE operation IS NOT NULL
"""


def operations_met(_request: HttpRequest) -> Iterable[Choice]:
    with connection.cursor() as cursor:
        cursor.execute(_OPERATIONS_MET)
        return [(name, name) for (name,) in cursor.fetchall()]


class LoginFilter(ChoicesFilter):
    title = _("API login")
    parameter_name = "login"
    column = "api_login_id"

    def offered(self, request: HttpRequest) -> list[Choice]:
        logins = visible_to(request.user, ApiLogin.objects.all())
        return [(str(pk), name) for pk, name in logins.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        numbers = [one for one in self.chosen if one.isascii() and one.isdigit() and len(one) < 19]
        return queryset.filter(api_login_id__in=numbers) if self.chosen else queryset


class Placed(TypedDict):
    """What a row has besides; ``is_many_zones`` in the list alone."""

    restaurant_name: str | None
    restaurant_zone: str | None
    is_many_zones: bool


@admin.register(ApiCall)
class ApiCallAdmin(MirrorAdmin[ApiCall]):
    list_display = ("started", "operation", "outcome", "took", "restaurant", "asked_by")
    quick_choices = state_choices(OUTCOMES)
    quick_parameter = "outcome"
    list_filter = (
        states_filter(OUTCOMES, _("outcome"), "outcome"),
        choices_filter(_("operation"), "operation", operations_met),
        restaurant_filter(),
        LoginFilter,
        moment_range_filter(_("made"), "started", "started_at"),
    )
    list_before_template = "admin/organizations/apicall/above_list.html"
    search_fields = ("order_id",)  # shows the box; see search_rows
    search_help_text = _("iiko's id of an order, or a correlation id")
    sortable_by = ()
    empty_words = _(
        "Calls appear here once the hub asks iiko for something: check an API login, for example."
    )
    fields = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiCall]:
        """Add the restaurant, which a call knows by its id alone."""
        restaurant = Organization.objects.filter(iiko_id=OuterRef("organization_id"))
        calls = cast("ApiCallQuerySet", super().get_queryset(request))
        return calls.shown(people=sees_all_guests(request.user)).annotate(
            restaurant_name=Subquery(restaurant.values("name")[:1]),
            restaurant_zone=Subquery(restaurant.values("timezone")[:1]),
        )

    def list_rows(self, rows: QuerySet[ApiCall]) -> QuerySet[ApiCall]:
        return naming_zones(rows.defer(*CALL_BODIES))

    def search_rows(self, request: HttpRequest, rows: QuerySet[ApiCall], text: str) -> QuerySet[ApiCall]:
        ident = searchable_id(text)
        # The exclusions let the partial indexes answer.
        of_order = Q(order_id=ident) & ~Q(order_id="")
        return rows.filter(of_order | Q(correlation_id=ident) & ~Q(correlation_id=""))

    def page_context(self, request: HttpRequest, row: ApiCall) -> Context:
        placed = cast("WithAnnotations[ApiCall, Placed]", row)
        order = row.order_id
        if order and request.user.has_perm("orders.view_order"):
            url = f"{reverse('admin:orders_order_changelist')}?{urlencode({'q': order})}"
            order = format_html('<a class="hub-link" href="{}">{}</a>', url, order)
        facts = [
            (gettext("Address"), row.url),
            (gettext("API login"), row.api_login),
            (gettext("Error"), row.error),
            (gettext("Error code"), row.error_code),
            (gettext("Order"), order),
            (gettext("Command"), _command_link(row, request)),
            (gettext("Restaurant's iiko id"), row.organization_id),
            (gettext("Correlation id"), row.correlation_id),
            (gettext("Trace"), trace_link(row.trace_id)),
        ]
        return {
            "title": row.operation,
            "badge": outcome_badge(row),
            "headline": [
                (gettext("Made"), _made(placed, with_offset=True)),
                (gettext("Took"), _took(row)),
                (gettext("Restaurant"), _restaurant(placed)),
                (gettext("Asked by"), asked_by_text(row)),
                (gettext("Attempt"), row.attempt),
            ],
            "request_json": _formatted(row.request),
            "response_json": _formatted(row.response),
            "facts": [(title, value) for title, value in facts if value],
        }

    # --- columns; a row is an ApiCall with what the querysets added --------------------------------------

    @admin.display(description=_("made"))
    def started(self, call: WithAnnotations[ApiCall, Placed]) -> SafeString:
        return _made(call, with_offset=call.is_many_zones or not call.restaurant_zone)

    @admin.display(description=_("outcome"))
    def outcome(self, call: ApiCall) -> SafeString:
        return stacked(outcome_badge(call), call.error_code)

    @admin.display(description=_("took"))
    def took(self, call: ApiCall) -> SafeString | str:
        return badge("pending", _took(call), gettext("slow")) if call.duration_ms >= SLOW_MS else _took(call)

    @admin.display(description=_("restaurant"))
    def restaurant(self, call: WithAnnotations[ApiCall, Placed]) -> SafeString:
        return truncated(_restaurant(call))

    @admin.display(description=_("asked by"))
    def asked_by(self, call: ApiCall) -> SafeString:
        return truncated(asked_by_text(call))


def _command_link(call: ApiCall, request: HttpRequest) -> SafeString | str:
    if call.command_id is None:
        return ""
    name = f"#{call.command_id}"
    if not request.user.has_perm("orders.view_ordercommand"):
        return name
    url = reverse("admin:orders_ordercommand_change", args=[call.command_id])
    return format_html('<a class="hub-link" href="{}">{}</a>', url, name)


def _made(call: WithAnnotations[ApiCall, Placed], *, with_offset: bool) -> SafeString:
    zone = vendor_time.zone(call.restaurant_zone) if call.restaurant_zone else UTC
    return clock(call.started_at, zone, now=db_clock.now(), seconds=True, with_offset=with_offset)


def _took(call: ApiCall) -> str:
    return gettext("%(count)d ms") % {"count": call.duration_ms}


def _restaurant(call: WithAnnotations[ApiCall, Placed]) -> str:
    return call.restaurant_name or call.organization_id or EMPTY


def asked_by_text(call: ApiCall) -> str:
    """Name who asked: a person or a key by name, the hub's own work by a label."""
    return str(_OWN_WORK.get(call.requested_by, call.requested_by)) or EMPTY


def outcome_badge(call: ApiCall) -> SafeString:
    if not call.error:
        return badge("processed", str(call.http_status or "OK"))
    return badge("refused", f"{call.http_status} {call.error}" if call.http_status else call.error)


def _formatted(body: object) -> SafeString | None:
    return None if body is None else pretty_json(json.dumps(body, ensure_ascii=False))
