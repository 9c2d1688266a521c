"""The list of commands in the admin: request, requester, outcome; retrying, abandoning, acknowledging."""

from collections.abc import Iterable
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _

from audit.trail import note_refusal
from core.access import visible_to
from core.admin.base import Context, MirrorAdmin
from core.admin.filters import Choice, States, choices_filter, state_choices, states_filter
from core.admin.list_links import FILTERS
from core.admin.live import LiveList
from core.admin.trace_link import trace_link
from core.database import db_clock
from core.display import EMPTY, clock, span_text, stacked, truncated
from core.errors import HubError
from core.privacy.rights import sees_guests
from core.privacy.rows import without_people
from core.values.ids import searchable_id
from core.values.name_keys import fold
from orders.admin.action_views import AT_ONCE, order_url, report_acknowledged, requested_url, requester_of
from orders.admin.call_rows import calls_of_command
from orders.admin.command_display import (
    command_text,
    outcome_lines,
    phase_text,
    refusal_text,
    state_badge,
    title_text,
)
from orders.admin.command_panel import (
    command_row,
    event_url,
    kept_events,
    may_be_abandoned,
    may_be_retried,
)
from orders.admin.display import badges, restaurant_text
from orders.commands.acknowledge import acknowledge_command
from orders.commands.submission import abandon, retry
from orders.models.command import FAILED_STATES, CommandKind, CommandState, OrderCommand, OrderCommandQuerySet
from orders.models.order import Order
from orders.permissions import finds_people, may_request, may_request_any
from organizations.admin.filters import moment_range_filter, restaurant_filter
from organizations.admin.zones import naming_zones

OPEN = "open"
_ORDERS_SEARCHED = 200
_ASKERS_OF = 2_000
"""Requesters are offered from so many of the newest commands."""

# What the overview counts, row by row.
COMMAND_STATES: States = {
    OPEN: (_("under way"), lambda commands: commands.open()),
    "hanging": (_("without an answer"), lambda commands: commands.hanging(db_clock.now())),
    "failed": (_("refused or not done, 24 h"), lambda commands: commands.failed_lately(db_clock.now())),
    "unsettled": (_("need attention, 7 days"), lambda commands: commands.unsettled_lately(db_clock.now())),
}


def newest_askers(request: HttpRequest) -> Iterable[Choice]:
    commands = visible_to(request.user, OrderCommand.objects.order_by("-id"))
    newest = commands.values_list("requested_by", flat=True)[:_ASKERS_OF]
    return [(name, name) for name in sorted(set(newest), key=lambda name: (fold(name), name))]


@admin.register(OrderCommand)
class OrderCommandAdmin(LiveList[OrderCommand], MirrorAdmin[OrderCommand]):
    quick_choices = (
        *state_choices(COMMAND_STATES, OPEN, "hanging", "failed"),
        *(
            (one.value, one.label)
            for one in (CommandState.NEEDS_ATTENTION, CommandState.REJECTED, CommandState.EXPIRED)
        ),
    )
    list_display = ("requested", "what", "order_link", "restaurant", "outcome", "requester")
    list_select_related = ("order__organization",)
    list_filter = (
        states_filter(COMMAND_STATES, values=CommandState.choices),
        choices_filter(_("what"), "kind", CommandKind.choices),
        restaurant_filter("order__organization_id"),
        choices_filter(_("asked by"), "by", newest_askers, column="requested_by"),
        moment_range_filter(_("asked at"), "asked", "created_at", organization="order__organization_id"),
    )
    list_before_template = "admin/orders/ordercommand/above_list.html"
    search_fields = ("correlation_id",)  # shows the box; see get_search_results
    search_help_text = _("An order's number or id, or a correlation id")
    sortable_by = ()
    actions = ("acknowledge",)
    empty_words = _("Commands appear here once somebody requests an action on an order's page.")
    fields = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderCommand]:
        commands = cast("OrderCommandQuerySet", super().get_queryset(request))
        shown = commands.shown(people=sees_guests(request.user))
        whole = naming_zones(shown.select_related("order__organization"))
        return whole.defer("order__items", "order__field_precedence", "order__customer", "order__address")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OrderCommand], search_term: str
    ) -> tuple[QuerySet[OrderCommand], bool]:
        text = search_term.strip()
        if not text or "\0" in text:
            return (queryset.none() if text else queryset), False
        found = visible_to(request.user, Order.objects.searched(text, people=finds_people(request.user)))
        orders = list(found.values_list("pk", flat=True)[:_ORDERS_SEARCHED])
        named = {text, searchable_id(text)}
        # The exclusion lets the partial index answer.
        return queryset.filter(
            Q(order_id__in=orders) | Q(correlation_id__in=named) & ~Q(correlation_id="")
        ), False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<int:command_id>/retry/", view(self.retry_view), name="orders_ordercommand_retry"),
            path("<int:command_id>/seen/", view(self.acknowledge_view), name="orders_ordercommand_seen"),
            path("<int:command_id>/abandon/", view(self.abandon_view), name="orders_ordercommand_abandon"),
        ]
        urls: list[URLPattern] = super().get_urls()
        return own + urls

    # --- pages -----------------------------------------------------------------------------------------

    def page_context(self, request: HttpRequest, row: OrderCommand) -> Context:
        now = db_clock.now()
        shown = command_row(row, order=row.order, now=now, user=request.user)
        sees_calls = request.user.has_perm("organizations.view_apicall")
        return {
            "calls": calls_of_command(row, now=now) if sees_calls else None,
            "title": f"{shown['title']} #{row.pk}",
            "row": shown,
            "headline": _headline(row, request),
            "facts": _facts(row, request),
            "order_snapshot": _order_snapshot(row),
        }

    def retry_view(self, request: HttpRequest, command_id: int) -> HttpResponse:
        """Show the question on GET; on POST store the same command again, as a new one."""
        command = self._permitted(request, command_id)
        if request.method != "POST":
            return self._question(request, command, "retry")
        if not may_be_retried(command):
            messages.error(request, gettext("Only refused or abandoned commands can be retried."))
            return HttpResponseRedirect(_back_url(request, command))
        try:
            again, is_new = retry(command, by=requester_of(request), now=db_clock.now())
        except HubError as error:
            note_refusal(error.code)
            messages.error(request, refusal_text(error))
        else:
            how = "again" if is_new else "again-repeat"
            return HttpResponseRedirect(_with_filters(request, requested_url(again, how)))
        return HttpResponseRedirect(_back_url(request, command))

    def abandon_view(self, request: HttpRequest, command_id: int) -> HttpResponse:
        """Show the question on GET, abandon the command on POST."""
        command = self._permitted(request, command_id)
        if request.method != "POST":
            return self._question(request, command, "abandon")
        try:
            abandon(command_id=command.pk, by=requester_of(request), now=db_clock.now())
        except HubError as error:
            note_refusal(error.code)
            messages.error(request, refusal_text(error))
        else:
            return HttpResponseRedirect(_with_filters(request, requested_url(command, "given-up")))
        return HttpResponseRedirect(_back_url(request, command))

    def acknowledge_view(self, request: HttpRequest, command_id: int) -> HttpResponse:
        """On POST acknowledge a command that failed."""
        command = self._permitted(request, command_id)
        if request.method == "POST":
            try:
                acknowledge_command(command_id=command.pk, by=request.user.get_username(), now=db_clock.now())
            except HubError as error:
                note_refusal(error.code)
                messages.error(request, refusal_text(error))
        return HttpResponseRedirect(_back_url(request, command))

    def has_acknowledge_permission(self, request: HttpRequest) -> bool:
        return may_request_any(request.user)

    @admin.action(description=_("Acknowledge"), permissions=["acknowledge"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[OrderCommand]) -> None:
        """Acknowledge those that failed and that the person may request."""
        failed = queryset.filter(state__in=FAILED_STATES).order_by("id")
        chosen = [
            one for one in failed.values_list("pk", "kind")[:AT_ONCE] if may_request(request.user, one[1])
        ]
        by, now = request.user.get_username(), db_clock.now()
        report_acknowledged(
            request, [acknowledge_command(command_id=pk, by=by, now=now) for pk, _kind in chosen]
        )

    def _permitted(self, request: HttpRequest, command_id: int) -> OrderCommand:
        """Return a command of a kind that the person may request."""
        commands = visible_to(request.user, OrderCommand.objects.select_related("order__organization"))
        command = commands.filter(pk=command_id).first()
        if not may_request_any(request.user) or (command and not may_request(request.user, command.kind)):
            raise PermissionDenied
        if command is None:
            raise Http404
        return command

    def _question(self, request: HttpRequest, command: OrderCommand, what: str) -> TemplateResponse:
        titles = {
            "retry": gettext("Retry this command?"),
            "abandon": gettext("Stop following this command?"),
        }
        is_possible = may_be_retried(command) if what == "retry" else may_be_abandoned(command)
        shown = command if sees_guests(request.user) else without_people(command)
        context = self.admin_site.each_context(request) | {
            "title": titles[what],
            "opts": self.opts,
            "what": what,
            "is_possible": is_possible,
            "row": command_row(shown, order=command.order, now=db_clock.now()),
            "order": command.order,
            "back_url": _back_url(request, command),
        }
        return TemplateResponse(request, "admin/orders/ordercommand/question.html", context)

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("requested at"))
    def requested(self, command: Any) -> SafeString:  # noqa: ANN401  # has a column more
        zone, is_shifted = command.order.organization.zone(), command.is_many_zones
        return clock(command.created_at, zone, now=db_clock.now(), seconds=True, with_offset=is_shifted)

    @admin.display(description=_("what"))
    def what(self, command: OrderCommand) -> SafeString:
        text = command_text(command, now=db_clock.now())
        return stacked(title_text(command.kind), format_html('<span title="{}">{}</span>', text, text))

    @admin.display(description=_("order"))
    def order_link(self, command: OrderCommand) -> SafeString:
        return format_html('<a class="hub-link" href="{}">{}</a>', order_url(command.order), command.order)

    @admin.display(description=_("restaurant"))
    def restaurant(self, command: OrderCommand) -> SafeString:
        return truncated(restaurant_text(command.order))

    @admin.display(description=_("outcome"))
    def outcome(self, command: OrderCommand) -> SafeString:
        lines = outcome_lines(command)
        cause = lines[0][1] if lines and command.state != CommandState.CONFIRMED else ""
        return stacked(
            state_badge(command.state), cause and format_html('<span title="{}">{}</span>', cause, cause)
        )

    @admin.display(description=_("requested by"))
    def requester(self, command: OrderCommand) -> SafeString:
        return truncated(command.requested_by)


def _back_url(request: HttpRequest, command: OrderCommand) -> str:
    """Return the order's page, which leads on to the list as it was filtered."""
    return _with_filters(request, order_url(command.order))


def _with_filters(request: HttpRequest, url: str) -> str:
    kept = request.GET.get("_order_filters", "")
    return f"{url}{'&' if '?' in url else '?'}{urlencode({FILTERS: kept})}" if kept else url


def _headline(command: OrderCommand, request: HttpRequest) -> list[tuple[str, Any]]:
    order: Any = command.order
    if request.user.has_perm("orders.view_order"):
        order = format_html('<a class="hub-link" href="{}">{}</a>', order_url(command.order), command.order)
    zone, now = command.order.organization.zone(), db_clock.now()
    return [
        (gettext("Order"), order),
        (gettext("Restaurant"), restaurant_text(command.order)),
        (gettext("Requested by"), command.requested_by),
        (gettext("Requested at"), clock(command.created_at, zone, now=now, seconds=True)),
        (gettext("Sent"), clock(command.sent_at, zone, now=now, seconds=True)),
        (gettext("Ended"), clock(command.finished_at, zone, now=now, seconds=True)),
    ]


def _facts(command: OrderCommand, request: HttpRequest) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [*outcome_lines(command)]
    if command.phase:
        facts.append((gettext("Step"), phase_text(command.phase)))
    if not command.is_final and command.error:
        facts.append((gettext("So far"), command.error))
    if command.finished_at:
        facts.append((gettext("Took"), span_text(command.finished_at - command.created_at)))
    facts.append((gettext("Polls"), str(command.poll_count)))
    facts.append((gettext("Correlation id"), command.correlation_id or EMPTY))
    facts.append((gettext("Trace"), trace_link(command.trace_id) or EMPTY))
    if event := _event_link(command, request):
        facts.append((gettext("Shown by"), event))
    return facts


def _event_link(command: OrderCommand, request: HttpRequest) -> SafeString | str:
    """Lead to the event that confirmed a command; by its number alone where it has no page for the person."""
    if command.confirmed_event_id is None:
        return ""
    name = gettext("event %(number)s") % {"number": command.confirmed_event_id}
    sees_events = request.user.has_perm("webhooks.view_webhookevent")
    url = event_url(command, kept_events([command]) if sees_events else ())
    return format_html('<a class="hub-link" href="{}">{}</a>', url, name) if url else name


def _order_snapshot(command: OrderCommand) -> list[tuple[str, Any]]:
    """Return how the order stood at the request."""
    then = Order(
        organization=command.order.organization,
        **{name: command.order_snapshot.get(name) for name in ("status", "raw_status", "courier_name")},
    )
    return [
        (gettext("Status"), badges(then, db_clock.now())),
        (gettext("Courier"), then.courier_name or EMPTY),
    ]
