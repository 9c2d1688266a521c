"""The orders in the admin: the mirror to watch and search, and the actions to request.

Nothing here changes an order: an action stores a command, and the mirror changes once iiko confirms.
"""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _
from unfold.views import ChangeList

from core.access import visible_to
from core.admin.base import Context, MirrorAdmin
from core.admin.export import ExportColumn, Exporting
from core.admin.filters import choices_filter, state_choices, states_filter
from core.admin.live import LiveList
from core.database import db_clock
from core.display import EMPTY, ago, clock, clock_text, stacked, truncated
from core.privacy.rights import sees_guests
from orders.admin.action_views import ActionViews
from orders.admin.command_panel import commands_of, may_acknowledge, requested_note
from orders.admin.display import amount_text, badges, courier_cell, restaurant_text, type_text
from orders.admin.filters import ORDER_STATES, couriers_under_way, newest_values
from orders.admin.order_page import order_page
from orders.models.order import Order, OrderQuerySet, OrderType, Status
from orders.permissions import EXPORT, finds_people
from orders.search.find import found_by, searchable
from orders.search.words import LONGEST
from orders.sheet import read_for_sheet, sheet_columns
from organizations.admin.filters import moment_range_filter, restaurant_filter
from organizations.admin.zones import naming_zones

CHIPS = ("open", "late_now", "problem", "unknown", "refused", "unknown_to_iiko")

_UNDER_WAY = ("open", "late_now", "problem")

_LISTED = (
    "readable_number",
    "external_order_id",
    "soi_external_id",
    "status",
    "raw_status",
    "creation_status",
    "is_open",
    "is_deleted",
    "problem",
    "unknown_to_iiko_at",
    "promised_time",
    "when_delivered",
    "when_closed",
    "order_type",
    "order_type_name",
    "amount_minor",
    "courier_name",
    "external_courier_service_id",
    "external_courier_service_name",
    "tracking_link",
    "restaurant_name",
    "updated_at",
    "organization__iiko_id",
    "organization__name",
    "organization__timezone",
    "organization__currency",
)


class OrderChangeList(ChangeList):  # type: ignore[misc]  # Unfold is untyped
    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str] | None = None
    ) -> QuerySet[Order]:
        orders: OrderQuerySet = super().get_queryset(request, exclude_parameters)
        return naming_zones(orders.only(*_LISTED).with_replacement())

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Order]) -> list[Any]:
        """Put orders that promise nothing last, whichever way the list is sorted; an index has both ways."""
        last = {"-promised_time": F("promised_time").desc(nulls_last=True)}
        return [last.get(one, one) for one in super().get_ordering(request, queryset)]

    def get_ordering_field_columns(self) -> dict[int, str]:
        """Say where the arrow stands; Django looks for it in the order of all lists."""
        if ORDER_VAR not in self.params and self.params.get("state", "") in _UNDER_WAY:
            return {self.list_display.index("promised"): "asc"}
        columns: dict[int, str] = super().get_ordering_field_columns()
        return columns


@admin.register(Order)
class OrderAdmin(ActionViews, Exporting[Order], LiveList[Order], MirrorAdmin[Order]):
    quick_choices = state_choices(ORDER_STATES, *CHIPS)
    list_display = ("number", "state", "promised", "amount", "courier", "restaurant", "changed")
    list_select_related = ("organization",)
    list_filter = (
        states_filter(ORDER_STATES),
        choices_filter(_("status"), "status", Status.choices),
        restaurant_filter(),
        choices_filter(_("type"), "type", OrderType.choices, column="order_type"),
        choices_filter(_("courier"), "courier", couriers_under_way, column="courier_id"),
        choices_filter(_("delivery zone"), "zone", newest_values("delivery_zone"), column="delivery_zone"),
        choices_filter(_("source"), "source", newest_values("source_key"), column="source_key"),
        moment_range_filter(_("promised"), "promised", "promised_time"),
        moment_range_filter(_("first seen"), "created", "created_at"),
        moment_range_filter(_("closed"), "closed", "when_closed"),
        moment_range_filter(_("cancelled"), "cancelled", "when_cancelled"),
    )
    list_before_template = "admin/orders/order/above_list.html"
    search_fields = ("readable_number",)  # shows the box; see search_rows
    sortable_by = ("number", "promised", "changed")
    empty_words = _("Orders appear by themselves once iiko sends its webhooks here.")
    actions = ("acknowledge_refusals",)
    fields = ()
    export_name = "orders"
    export_permission = EXPORT

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        return self.action_urls() + urls

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[OrderChangeList]:
        return OrderChangeList

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Put the latest of the orders under way first, then the next to be handed over."""
        is_open = request.GET.get("state", "") in _UNDER_WAY
        return ("promised_time", "-id") if is_open else ("-id",)

    def search_rows(self, request: HttpRequest, rows: QuerySet[Order], text: str) -> QuerySet[Order]:
        return found_by(cast("OrderQuerySet", rows), text[:LONGEST], people=finds_people(request.user))

    def columns_for(self, request: HttpRequest) -> Sequence[ExportColumn]:
        return sheet_columns()

    def read_for_export(self, request: HttpRequest) -> QuerySet[Order]:
        return read_for_sheet().shown(people=sees_guests(request.user))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        changelist.search_help_text = searchable(people=finds_people(request.user))
        return changelist

    def list_context(self, request: HttpRequest) -> Context:
        return {"exports": self.exports(request)}

    def page_context(self, request: HttpRequest, row: Order) -> Context:
        sees_events = request.user.has_perm("webhooks.view_webhookevent")
        now = db_clock.now()
        return {
            **order_page(
                row, visible=visible_to(request.user, Order.objects.all()), now=now, sees_events=sees_events
            ),
            **commands_of(row, user=request.user, now=now),
            "requested": requested_note(row, request.GET, user=request.user, now=now),
            "title": str(row),
            "sees_events": sees_events,
            "may_acknowledge": may_acknowledge(row, request.user),
            "sees_calls": request.user.has_perm("organizations.view_apicall"),
        }

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Order | None:
        """Return the order; the number of a row that was merged into it leads there, too."""
        order: Order | None = super().get_object(request, object_id, from_field)
        if order is None and object_id.isdecimal():
            order = self.get_queryset(request).filter(former_rows__pk=object_id).first()
        return order

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        orders = cast("OrderQuerySet", super().get_queryset(request))
        shown = orders.shown(people=sees_guests(request.user))
        return shown.select_related("organization").with_pos_silence(db_clock.now())

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("number"), ordering="id")
    def number(self, order: Order) -> SafeString:
        external = order.external_order_id or order.soi_external_id
        return stacked(str(order), external if external != str(order) else "")

    @admin.display(description=_("state"))
    def state(self, order: Order) -> SafeString:
        number = getattr(order, "replaced_by", None)  # of the list alone
        replaced = gettext("replaced by №%(number)s") % {"number": number} if number else ""
        return stacked(badges(order, db_clock.now()), replaced)

    @admin.display(description=_("promised, type"), ordering="promised_time")
    def promised(self, order: Any) -> SafeString:  # noqa: ANN401  # has a column more
        zone, is_shifted = order.organization.zone(), order.is_many_zones
        promised = clock(order.promised_time, zone, now=db_clock.now(), with_offset=is_shifted)
        kind = type_text(order)
        return stacked(promised, "" if kind == EMPTY else kind)

    @admin.display(description=_("amount"))
    def amount(self, order: Order) -> SafeString:
        return amount_text(order)

    @admin.display(description=_("courier"))
    def courier(self, order: Order) -> SafeString:
        return courier_cell(order)

    @admin.display(description=_("restaurant"))
    def restaurant(self, order: Order) -> SafeString:
        return truncated(restaurant_text(order))

    @admin.display(description=_("changed"), ordering="updated_at")
    def changed(self, order: Order) -> SafeString:
        now = db_clock.now()
        when = clock_text(order.updated_at, order.organization.zone(), now=now, seconds=True)
        return ago(order.updated_at, now, when)
