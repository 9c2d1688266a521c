"""Stop lists in the admin: what is and was out of stock, for how long, and how fresh the lists are."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _, ngettext, pgettext

from core.access import visible_to
from core.admin.base import Context
from core.admin.filters import States, state_choices, states_filter
from core.admin.list_links import list_url
from core.csv_export import sheet_response
from core.database import db_clock
from core.display import EMPTY, badge, span_text, stacked
from organizations.admin.current_lists import (
    CurrentListAdmin,
    Named,
    exported_moment,
    group_text,
    whole_minutes,
)
from organizations.admin.display import freshness_notes
from organizations.admin.filters import (
    ORGANIZATION_PARAMETER,
    GroupOfRestaurantFilter,
    moment_range_filter,
    restaurant_filter,
    restaurants,
    restaurants_chosen,
)
from organizations.admin.zones import moment_text
from organizations.models.organization import Organization
from organizations.models.stop_lists import StopListItem
from organizations.name_annotations import product_named, with_product_names
from organizations.stop_lists.refresh import want_lists
from organizations.stop_lists.totals import time_out_of_stock

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

STOP_LIST_STATES: States = {
    "": (_("On a list now"), lambda items: items.filter(until__isnull=True)),
    "out": (
        _("Out of stock now"),
        lambda items: items.filter(until__isnull=True).filter(is_out_of_stock=True),
    ),
    "ended": (_("Ended"), lambda items: items.filter(until__isnull=False)),
    "all": (_("All"), lambda items: items),
}
PERIODS = (1, 7, 30)
_MOST_TOTALS = 500
TOTAL_COLUMNS = (
    (_("Restaurant"), "restaurant"),
    (_("Terminal group"), "group"),
    (_("Product"), "product"),
    (_("Size"), "size"),
    (_("How often"), "times"),
    (_("Out of stock, minutes"), "minutes"),
)
"""Of the file of the time out of stock; see ``_total``."""


class NamedItem(Named):
    product_name: str | None
    size_name: str | None


def product_text(item: WithAnnotations[StopListItem, NamedItem]) -> str:
    return str(item.product_name or item.product_id)


def size_text(item: WithAnnotations[StopListItem, NamedItem]) -> str:
    return str(item.size_name or item.size_id)


def balance_text(item: StopListItem) -> str:
    return EMPTY if item.balance is None else number_format(item.balance.normalize())


@admin.register(StopListItem)
class StopListItemAdmin(CurrentListAdmin[StopListItem]):
    quick_choices = state_choices(STOP_LIST_STATES)
    named = "product"
    by_name = staticmethod(product_named)
    list_display = ("product", "state", "group", "started", "ended", "lasted")
    list_filter = (
        states_filter(STOP_LIST_STATES),
        restaurant_filter(),
        GroupOfRestaurantFilter,
        moment_range_filter(_("on the list since"), "since", "since"),
    )
    list_before_template = "admin/organizations/stoplistitem/above_list.html"
    change_form_after_template = "admin/organizations/stoplistitem/events.html"
    search_fields = ("product_id",)  # shows the box; see search_rows
    search_help_text = _("A part of the product's name, or iiko's id")
    empty_words = _(
        "Nothing is out of stock, as far as the hub knows. It reads the lists when iiko reports a change, "
        "and every half hour, from restaurants that have an API login."
    )
    fields = ("product", "identifier", "state", "group", "started", "ended", "lasted")
    export_name = "stop-lists"
    export_columns = (
        (_("Restaurant"), lambda item: item.organization.name),
        (_("Terminal group"), group_text),
        (_("Product"), product_text),
        (_("Size"), size_text),
        (_("SKU"), lambda item: item.sku),
        (_("Left"), balance_text),
        (_("Out of stock"), lambda item: gettext("yes") if item.is_out_of_stock else gettext("no")),
        (_("On the list since"), lambda item: exported_moment(item.since, item)),
        (_("On the list until"), lambda item: exported_moment(item.until, item)),
        (
            _("Out of stock, minutes"),
            lambda item: whole_minutes(item.span(db_clock.now())) if item.is_out_of_stock else 0,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[StopListItem]:
        return with_product_names(super().get_queryset(request))

    def list_context(self, request: HttpRequest) -> Context:
        chosen = restaurants_chosen(request)
        return super().list_context(request) | {
            "notes": freshness_notes(chosen, user=request.user, now=db_clock.now()),
            "restaurants_query": urlencode({ORGANIZATION_PARAMETER: chosen}, doseq=True),
            "restaurant_query": urlencode({ORGANIZATION_PARAMETER: chosen[0]}) if len(chosen) == 1 else "",
            "may_refresh": request.user.has_perm("organizations.refresh_stoplistitem"),
        }

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("refresh/", view(self.refresh_view), name="organizations_stoplistitem_refresh"),
            path("totals/", view(self.totals_view), name="organizations_stoplistitem_totals"),
        ]
        return [*own, *super().get_urls()]

    # --- refresh ---------------------------------------------------------------------------------------

    def refresh_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for confirmation on GET; on POST queue the reading of the lists of one restaurant or all."""
        if not request.user.has_perm("organizations.refresh_stoplistitem"):
            raise PermissionDenied
        back = list_url(request, reverse("admin:organizations_stoplistitem_changelist"))
        organizations = visible_to(request.user, Organization.objects.filter(is_active=True))
        if chosen := restaurants_chosen(request):
            organizations = organizations.filter(iiko_id__in=chosen)
        if request.method != "POST":
            return self.ask_first(
                request,
                title=gettext("Read the stop lists from iiko now?"),
                words_template="admin/organizations/stoplistitem/refresh_words.html",
                names=list(organizations.values_list("name", flat=True)[:6]),
                verb=pgettext("button", "Read"),
                back=back,
            )
        count = want_lists(organizations.values_list("iiko_id", flat=True), now=db_clock.now())
        words = ngettext(
            "The hub asks iiko for the stop lists of %(count)d restaurant; reload the page in a moment.",
            "The hub asks iiko for the stop lists of %(count)d restaurants; reload the page in a moment.",
            count,
        )
        messages.success(request, words % {"count": count})
        return HttpResponseRedirect(back)

    # --- time out of stock -------------------------------------------------------------------------------

    def totals_view(self, request: HttpRequest) -> HttpResponseBase:
        """Show how long each product was out of stock in the last days; with ``format=csv`` as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET.get("days", "")
        days = int(asked) if asked in {str(one) for one in PERIODS} else 7
        restaurant = request.GET.get(ORGANIZATION_PARAMETER, "").replace("\0", "")
        now = db_clock.now()
        items: QuerySet[StopListItem] = visible_to(request.user, StopListItem.objects.all())
        if restaurant:
            items = items.filter(organization_id=restaurant)
        totals = time_out_of_stock(items, since=now - timedelta(days=days), until=now)
        if request.GET.get("format") == "csv":
            header = [str(title) for title, _name in TOTAL_COLUMNS]
            cells = ([row[name] for _title, name in TOTAL_COLUMNS] for row in map(_total, totals))
            return sheet_response("time-out-of-stock", header, cells)
        chosen: dict[str, str | int] = {ORGANIZATION_PARAMETER: restaurant} if restaurant else {}
        context = self.admin_site.each_context(request) | {
            "title": gettext("Time out of stock"),
            "opts": self.opts,
            "rows": [_total(row) for row in totals[:_MOST_TOTALS]],
            "periods": [
                (
                    urlencode(chosen | {"days": one}),
                    ngettext("%(count)d day", "%(count)d days", one) % {"count": one},
                    one == days,
                )
                for one in PERIODS
            ],
            "restaurants": restaurants(request),
            "restaurant": restaurant,
            "days": days,
            "export_url": f"?{urlencode(chosen | {'days': days, 'format': 'csv'})}",
        }
        return TemplateResponse(request, "admin/organizations/stoplistitem/totals.html", context)

    # --- columns -----------------------------------------------------------------------------------------

    @admin.display(description=_("product"))
    def product(self, item: WithAnnotations[StopListItem, NamedItem]) -> SafeString:
        return stacked(product_text(item), size_text(item) or item.sku)

    @admin.display(description=_("iiko id"))
    def identifier(self, item: StopListItem) -> str:
        return item.product_id

    @admin.display(description=_("state"))
    def state(self, item: StopListItem) -> SafeString:
        if item.until is not None:
            return badge(
                "off", gettext("was out of stock") if item.is_out_of_stock else gettext("was running out")
            )
        if item.is_out_of_stock:
            return badge("late", gettext("out of stock"))
        if item.balance is None:
            return badge(
                "problem", gettext("on the list"), gettext("iiko did not say readably how much is left")
            )
        return badge("problem", gettext("%(balance)s left") % {"balance": balance_text(item)})

    @admin.display(description=_("since"))
    def started(self, item: WithAnnotations[StopListItem, NamedItem]) -> SafeString:
        return stacked(
            moment_text(item.since, item), "" if item.is_since_told else gettext("or earlier: seen then")
        )

    @admin.display(description=_("until"))
    def ended(self, item: WithAnnotations[StopListItem, NamedItem]) -> SafeString:
        return moment_text(item.until, item)

    @admin.display(description=_("how long"))
    def lasted(self, item: StopListItem) -> str:
        return span_text(item.span(db_clock.now()))


def _total(row: dict[str, Any]) -> dict[str, Any]:
    return row | {
        "product": row["product_name"] or row["product_id"],
        "size": row["size_name"] or row["size_id"],
        "group": row["terminal_group_name"] or row["terminal_group_id"],
        "restaurant": row["organization__name"],
        "spent": exact_span_text(row["out_for"]),
        "minutes": whole_minutes(row["out_for"]),
        "is_now": bool(row["now"]),
    }


def exact_span_text(span: timedelta) -> str:
    """Write a length of time in hours and minutes, for sums that are compared."""
    minutes = int(span.total_seconds()) // 60
    hours, rest = divmod(minutes, 60)
    if not hours:
        return gettext("%(count)d min") % {"count": rest}
    return gettext("%(hours)d h %(minutes)02d min") % {"hours": hours, "minutes": rest}
