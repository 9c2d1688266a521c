"""The hall in the admin: guests at tables, and tables kept for guests. Mirrors: nothing is changed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from core.admin.base import Context, MirrorAdmin
from core.admin.filters import States, choices_filter, state_choices, states_filter
from core.database import db_clock
from core.display import EMPTY, stacked, truncated
from core.privacy.rights import sees_hall_guests
from core.privacy.rows import PeopleQuerySet
from hall.admin.display import (
    badges,
    cancel_text,
    guest_name,
    guests_text,
    minutes_text,
    tables_text,
)
from hall.admin.row_page import hall_page
from hall.models import H, HallRow, Reserve, ReserveStatus, TableOrder, TableOrderStatus, searched
from orders.admin.display import money_text
from organizations.admin.filters import moment_range_filter, restaurant_filter
from organizations.admin.zones import InZones, moment_text, naming_zones

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

# What a list does not show.
_HEAVY = (
    *("items", "payments", "tips", "discounts", "loyalty", "external_data", "field_precedence", "error_info"),
    *("source_key", "order_type_id", "order_type_name"),
)


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


class HallAdmin(MirrorAdmin[H]):
    list_before_template = "admin/orders/order/above_list.html"
    change_form_template = "admin/hall/change_form.html"
    change_list_template = "admin/orders/order/change_list.html"
    search_fields = ("number",)  # shows the box; see search_rows
    search_help_text = _(
        "A number or an id, exactly; for those who see the guests also a phone, or its last four digits"
    )
    fields = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[H]:
        rows = cast("PeopleQuerySet[H]", super().get_queryset(request))
        return rows.shown(people=sees_hall_guests(request.user)).select_related("organization")

    def list_rows(self, rows: QuerySet[H]) -> QuerySet[H]:
        return naming_zones(rows.defer(*_HEAVY))

    def search_rows(self, request: HttpRequest, rows: QuerySet[H], text: str) -> QuerySet[H]:
        return searched(rows, text, people=sees_hall_guests(request.user))

    def page_context(self, request: HttpRequest, row: H) -> Context:
        page = hall_page(row, now=db_clock.now())
        return page | {"title": f"{self.opts.verbose_name} {row}"}

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("state"))
    def state(self, row: HallRow) -> SafeString:
        return badges(row)

    @admin.display(description=_("guest"))
    def guest(self, row: Reserve) -> SafeString:
        name, phone = guest_name(row), row.phone or ""
        return stacked(truncated(name or phone or EMPTY), phone if name else "")

    @admin.display(description=_("tables"))
    def tables(self, row: HallRow) -> SafeString:
        return stacked(tables_text(row.table_ids), guests_text(row.guests_count))

    @admin.display(description=_("restaurant"))
    def restaurant(self, row: HallRow) -> SafeString:
        return truncated(row.organization.name)


@admin.register(TableOrder)
class TableOrderAdmin(HallAdmin[TableOrder]):
    list_display = ("order", "state", "amount", "tables", "waiter", "opened", "restaurant")
    list_filter = (
        states_filter(TABLE_STATES),
        choices_filter(_("status"), "status", TableOrderStatus.choices),
        restaurant_filter(),
        moment_range_filter(_("opened"), "opened", "when_created"),
    )
    sortable_by = ("order", "opened")
    empty_words = _("Table orders appear once iiko sends its webhooks of them here.")
    quick_choices = state_choices(TABLE_STATES)

    @admin.display(description=_("number"), ordering="id")
    def order(self, order: TableOrder) -> SafeString:
        return stacked(str(order), order.external_number if order.number else "")

    @admin.display(description=_("amount"))
    def amount(self, order: TableOrder) -> SafeString:
        return money_text(order.amount_minor, order.organization.currency)

    @admin.display(description=_("waiter"))
    def waiter(self, order: TableOrder) -> SafeString:
        return truncated(order.waiter_name or EMPTY)

    @admin.display(description=_("opened"), ordering="when_created")
    def opened(self, order: WithAnnotations[TableOrder, InZones]) -> SafeString:
        return moment_text(order.when_created, order)


@admin.register(Reserve)
class ReserveAdmin(HallAdmin[Reserve]):
    list_display = ("expected", "state", "guest", "tables", "about", "restaurant")
    list_filter = (
        states_filter(RESERVE_STATES),
        choices_filter(_("status"), "status", ReserveStatus.choices),
        restaurant_filter(),
        moment_range_filter(pgettext_lazy("reserve", "expected"), "expected", "estimated_start_time"),
    )
    sortable_by = ("expected",)
    empty_words = _("Reserves appear once iiko sends its webhooks of them here.")
    quick_choices = state_choices(RESERVE_STATES)

    @admin.display(description=pgettext_lazy("reserve", "expected"), ordering="estimated_start_time")
    def expected(self, reserve: WithAnnotations[Reserve, InZones]) -> SafeString:
        moment = moment_text(reserve.estimated_start_time, reserve)
        return stacked(moment, minutes_text(reserve.duration_minutes) if reserve.duration_minutes else "")

    @admin.display(description=_("about"))
    def about(self, reserve: Reserve) -> SafeString:
        cause = cancel_text(reserve.cancel_reason) if reserve.cancel_reason else ""
        return stacked(truncated(reserve.occasion or EMPTY), cause)
