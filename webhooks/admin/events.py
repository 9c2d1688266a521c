"""The inbox in the admin: what came, what became of it, and bringing it in once more."""

from datetime import UTC
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.db.models import BigIntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from unfold.views import ChangeList

from core.access import visible_to
from core.admin.base import Context, MirrorAdmin
from core.admin.filters import Choice, ChoicesFilter, choices_filter
from core.admin.list_links import keep_filters
from core.admin.live import LiveList
from core.database import db_clock
from core.display import EMPTY, clock, stacked, truncated
from core.values.ids import searchable_id
from hall.models import HallRow, Reserve, TableOrder
from iiko_client import vendor_time
from iiko_client.json_reader import external_id
from orders.models.order import Order
from orders.permissions import finds_people
from organizations.access import is_restricted
from organizations.admin.filters import moment_range_filter, restaurant_filter
from organizations.admin.zones import naming_zones
from organizations.models.organization import Organization
from webhooks import replay
from webhooks.admin import display, dry_run_display, event_page
from webhooks.event_subjects import HALL
from webhooks.masking import masked_words, sees_people
from webhooks.models.inbox import EventSource, EventStatus, Reason, WebhookEvent, WebhookEventQuerySet
from webhooks.monitoring.inbox_state import (
    GROUPS_SHOWN,
    NO_TYPE,
    dead_letter_groups,
    dead_letters_like,
    types_met,
)
from webhooks.processing.handlers import KNOWN_TYPES
from webhooks.replay.dry_run import dry_run_of

DRY_RUN = "dry_run"
"""The button that asks what would change."""

CHIPS = (EventStatus.PENDING, EventStatus.FAILED, EventStatus.DEAD, EventStatus.IGNORED)

_ORDERS_SEARCHED = 200

_LISTED = (
    "event_type",
    "entity_key",
    "format",
    "status",
    "reason",
    "processing_error",
    "organization_id",
    "order_external_id",
    "source",
    "duplicates",
    "received_at",
    "order__readable_number",
    "order__external_order_id",
)


ListedEvent = Any
"""A ``WebhookEvent`` with what ``EventChangeList`` adds to it."""


class EventChangeList(ChangeList):  # type: ignore[misc]  # Unfold is untyped
    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str] | None = None
    ) -> QuerySet[WebhookEvent]:
        """Rows without their bodies, each with the name and the clock of its restaurant."""
        events: QuerySet[WebhookEvent] = super().get_queryset(request, exclude_parameters)
        restaurant = Organization.objects.filter(iiko_id=OuterRef("organization_id"))
        return naming_zones(events.only(*_LISTED)).annotate(
            restaurant_name=Subquery(restaurant.values("name")[:1]),
            restaurant_zone=Subquery(restaurant.values("timezone")[:1]),
            links_orders=Value(_sees_orders(request)),
            shows_people=Value(sees_people(request.user)),
            table_order_pk=_hall_pk(request, TableOrder),
            reserve_pk=_hall_pk(request, Reserve),
        )


def _sees_orders(request: HttpRequest) -> bool:
    return request.user.has_perm("orders.view_order")


class MetTypeFilter(ChoicesFilter):
    title = _("type")
    parameter_name = "type"
    column = "event_type"

    def offered(self, request: HttpRequest) -> list[Choice]:
        """Offer every type that ever came; to a restricted person iiko's own, for others came elsewhere."""
        met = types_met()
        if is_restricted(request.user):
            met = [name for name in met if name in KNOWN_TYPES]
        return [(name or NO_TYPE, display.type_text(name)) for name in met]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:
        # An event without a type has the empty one, which no address can name.
        types = ["" if one == NO_TYPE else one for one in self.chosen if "\0" not in one]
        return queryset.filter(event_type__in=types) if self.chosen else queryset


class ReasonFilter(ChoicesFilter):
    title = _("reason")
    parameter_name = "reason"
    column = "reason"

    def offered(self, request: HttpRequest) -> list[Choice]:
        return list(Reason.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:
        # An applied event has no reason; without them the index of the others answers.
        chosen = super().queryset(request, queryset)
        return chosen.exclude(status=EventStatus.PROCESSED) if self.chosen else chosen


@admin.register(WebhookEvent)
class WebhookEventAdmin(LiveList[WebhookEvent], MirrorAdmin[WebhookEvent]):
    quick_choices = (("", _("All")), *((status.value, status.label) for status in CHIPS))
    quick_parameter = "status"
    list_display = ("received", "kind", "outcome", "restaurant", "order_link", "repeats")
    list_select_related = ("order",)
    list_filter = (
        choices_filter(_("status"), "status", EventStatus.choices),
        MetTypeFilter,
        restaurant_filter(),
        ReasonFilter,
        choices_filter(_("source"), "source", EventSource.choices),
        moment_range_filter(_("received"), "received", "received_at"),
    )
    list_before_template = "admin/webhooks/webhookevent/above_list.html"
    search_fields = ("entity_key",)  # shows the box; see get_search_results
    search_help_text = _("An order's number or id, or a correlation id")
    sortable_by = ("received",)
    empty_words = _("Events appear here as soon as iiko sends the first one.")
    actions = ("replay",)
    fields = ()

    def has_replay_permission(self, request: HttpRequest) -> bool:
        may_replay: bool = request.user.has_perm("webhooks.replay_webhookevent")
        return may_replay and self.has_view_permission(request)

    def get_changelist(self, request: HttpRequest, **_kwargs: object) -> type[EventChangeList]:
        return EventChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEvent]:
        events: QuerySet[WebhookEvent] = super().get_queryset(request)
        return events.select_related("order").defer("payload", "raw_body")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[WebhookEvent], search_term: str
    ) -> tuple[QuerySet[WebhookEvent], bool]:
        if not search_term.strip():
            return queryset, False
        visible = visible_to(request.user, WebhookEvent.objects.all())
        people = finds_people(request.user)
        orders = visible_to(request.user, Order.objects.searched(search_term.strip(), people=people))
        return queryset.filter(_found(search_term.strip(), visible, orders)), False

    # --- pages -----------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages = (
            ("dead/", self.dead_letters_view, "dead"),
            ("dead/replay/", self.dead_letters_replay_view, "dead_replay"),
            ("<int:event_id>/replay/", self.replay_view, "replay"),
            ("<int:event_id>/payload/", self.payload_view, "payload"),
        )
        own = [path(url, view(page), name=f"webhooks_webhookevent_{name}") for url, page, name in pages]
        return [*own, *super().get_urls()]

    def list_context(self, request: HttpRequest) -> Context:
        return {"shows_dead": request.GET.getlist("status") == [EventStatus.DEAD]}

    def page_context(self, request: HttpRequest, row: WebhookEvent) -> Context:
        page = event_page.event_page(
            row,
            shows_people=sees_people(request.user, row),
            sees_commands=request.user.has_perm("orders.view_ordercommand"),
            now=db_clock.now(),
        )
        subject = page["subject"]
        return page | {
            "title": f"{display.type_text(row.event_type)} #{row.pk}",
            "sees_subject": subject is not None and request.user.has_perm(subject["permission"]),
            "may_replay": self.has_replay_permission(request),
            "sees_orders": _sees_orders(request),
        }

    def payload_view(self, request: HttpRequest, event_id: int) -> HttpResponse:
        """Send the payload alone, as a file: for tools, and for payloads too big for a page."""
        event = self._event(request, event_id)
        text = event_page.payload_text(event, shows_people=sees_people(request.user, event))
        if text is None:
            raise Http404
        response = HttpResponse(text, content_type="application/json; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="event-{event_id}.json"'
        return response

    def _event(self, request: HttpRequest, event_id: int) -> WebhookEvent:
        if not self.has_view_permission(request):
            raise PermissionDenied
        event = self.get_queryset(request).filter(pk=event_id).first()
        if event is None:
            raise Http404
        return event

    # --- replay ----------------------------------------------------------------------------------------

    def replay_view(self, request: HttpRequest, event_id: int) -> HttpResponse:
        """Ask on GET, replay on POST."""
        if not self.has_replay_permission(request):
            raise PermissionDenied
        event = self._event(request, event_id)
        if request.method == "POST" and DRY_RUN not in request.POST:
            self._replay_one(request, event)
            url = reverse("admin:webhooks_webhookevent_change", args=[event_id])
            return HttpResponseRedirect(keep_filters(request, url))
        has_payload = event_page.payload_text(event, shows_people=True) is not None
        impossible = 0 if event_page.is_replayable(event, has_payload=has_payload) else 1
        one = WebhookEvent.objects.filter(pk=event_id)
        return self._ask(request, one, total=1, impossible=impossible, hidden=[])

    def _replay_one(self, request: HttpRequest, event: WebhookEvent) -> None:
        try:
            replayed = replay.replay_event(event_id=event.pk)
        except replay.NotReplayable:
            words = gettext("This event could not be read when it came; there is nothing to apply.")
            messages.error(request, words)
            return
        if replayed.pk == event.pk:
            messages.info(request, gettext("The event is waiting to be applied already."))
            return
        url = reverse("admin:webhooks_webhookevent_change", args=[replayed.pk])
        link = format_html('<a class="hub-link" href="{}">#{}</a>', url, replayed.pk)
        messages.success(request, format_html(gettext("Queued again as event {}."), link))

    @admin.action(description=_("Replay"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> HttpResponse | None:
        """Ask first; the answer comes as a second POST with ``confirmed``."""
        try:
            ids = replay.ids_at_once(queryset)
        except replay.TooManyEvents:
            words = gettext(
                "%(selected)s events are selected; here at most %(most)s are replayed at once, so none was. "
                "Select fewer, or use the command that takes any number: %(command)s"
            )
            details = {
                "selected": number_format(queryset.order_by().count()),
                "most": number_format(replay.REPLAY_AT_ONCE),
                "command": "manage.py replay_webhooks",
            }
            messages.error(request, words % details)
            return None
        events = WebhookEvent.objects.filter(pk__in=ids)
        if "confirmed" not in request.POST or DRY_RUN in request.POST:
            unreadable = Q(payload__isnull=True, replay_of__isnull=True)
            impossible = events.filter(unreadable | Q(reason=Reason.WRONG_TENANT)).count()
            # What the list's form sent, to be sent again with the confirmation.
            names = ("action", "select_across", "index", helpers.ACTION_CHECKBOX_NAME)
            hidden = [(name, value) for name in names for value in request.POST.getlist(name)]
            return self._ask(request, events, total=len(ids), impossible=impossible, hidden=hidden)
        count = replay.replay_now(events)
        level = messages.WARNING if count.impossible else messages.SUCCESS
        messages.add_message(request, level, display.replay_text(count))
        return None

    # --- those that failed for good ----------------------------------------------------------------------

    def dead_letters_view(self, request: HttpRequest) -> TemplateResponse:
        """Show what failed for good, by its cause."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        shows_people = sees_people(request.user)
        now = db_clock.now()
        groups = [
            display.dead_letter_row(group, shows_people=shows_people, now=now)
            for group in dead_letter_groups(visible_to(request.user, WebhookEvent.objects.all()))
        ]
        context = self.admin_site.each_context(request) | {
            "title": gettext("Failed for good"),
            "opts": self.opts,
            "groups": groups,
            "is_cut": len(groups) == GROUPS_SHOWN,
            # Its address holds the words of the error.
            "may_replay": shows_people and self.has_replay_permission(request),
        }
        return TemplateResponse(request, "admin/webhooks/webhookevent/dead_letters.html", context)

    def dead_letters_replay_view(self, request: HttpRequest) -> HttpResponse:
        """Replay all that failed of the same thing: ask on GET, replay on POST."""
        if not self.has_replay_permission(request):
            raise PermissionDenied
        names = ("event_type", "reason", "alike")
        chosen = {name: request.GET.get(name, "").replace("\0", "") for name in names}
        alike = dead_letters_like(visible_to(request.user, WebhookEvent.objects.all()), **chosen)
        ids = list(alike.order_by("pk").values_list("pk", flat=True)[: replay.REPLAY_AT_ONCE])
        events = WebhookEvent.objects.filter(pk__in=ids)
        back_url = reverse("admin:webhooks_webhookevent_dead")
        if request.method == "POST" and DRY_RUN not in request.POST:
            count = replay.replay_now(events)
            messages.success(
                request, f"{display.replay_text(count)} {display.left_text(alike.count())}".strip()
            )
            return HttpResponseRedirect(back_url)
        left = alike.count() - len(ids) if len(ids) == replay.REPLAY_AT_ONCE else 0
        asking = {"total": len(ids), "impossible": 0, "left": left}
        return self._ask(request, events, hidden=[], back_url=back_url, **asking)

    def _ask(
        self,
        request: HttpRequest,
        events: WebhookEventQuerySet,
        *,
        total: int,
        impossible: int,
        hidden: list[tuple[str, str]],
        left: int = 0,
        back_url: str = "",
    ) -> TemplateResponse:
        """Ask whether to replay; with what would change, if that was asked first.

        ``left``: how many more there are than are taken at once.
        """
        question = ngettext("Replay %(count)d event?", "Replay %(count)d events?", total) % {"count": total}
        context = self.admin_site.each_context(request) | {
            "title": question,
            "opts": self.opts,
            "hidden": hidden,
            "impossible": impossible,
            "left": left,
            "is_possible": total > impossible,
            "back_url": back_url
            or (request.get_full_path() if hidden else keep_filters(request, "../change/")),
        }
        if request.method == "POST" and DRY_RUN in request.POST:
            context |= self._dry_run(request, events)
        return TemplateResponse(request, "admin/webhooks/webhookevent/replay.html", context)

    def _dry_run(self, request: HttpRequest, events: WebhookEventQuerySet) -> dict[str, object]:
        try:
            found = dry_run_of(events)
        except replay.ReplayBusy:
            messages.warning(request, gettext("The orders are being changed at this moment. Ask again."))
            return {}
        return {
            "dry_run": dry_run_display.shown(found, dry_run_display.staff(request.user), now=db_clock.now())
        }

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("received"), ordering="received_at")
    def received(self, event: ListedEvent) -> SafeString:
        zone = vendor_time.zone(event.restaurant_zone) if event.restaurant_zone else UTC
        is_shifted = event.is_many_zones or not event.restaurant_zone
        return clock(event.received_at, zone, now=db_clock.now(), seconds=True, with_offset=is_shifted)

    @admin.display(description=_("type"))
    def kind(self, event: WebhookEvent) -> SafeString:
        is_webhook = event.source == "webhook"
        return stacked(display.type_text(event.event_type), "" if is_webhook else event.get_source_display())

    @admin.display(description=_("outcome"))
    def outcome(self, event: ListedEvent) -> SafeString:
        reason = display.reason_text(event)
        error = event.processing_error if event.shows_people else masked_words(event.processing_error)
        told = format_html('<span title="{}">{}</span>', f"{reason}. {error[:300]}", reason) if reason else ""
        return stacked(display.status_badge(event), told)

    @admin.display(description=_("restaurant"))
    def restaurant(self, event: ListedEvent) -> SafeString:
        if event.restaurant_name:
            return truncated(event.restaurant_name)
        return format_html(
            '<span class="hub-mono hub-muted">{}</span>', truncated(event.organization_id or EMPTY)
        )

    @admin.display(description=_("order"))
    def order_link(self, event: ListedEvent) -> SafeString:
        if event.order is None:
            return _hall_link(event) or stacked(event.order_external_id or EMPTY, "")
        number: str | SafeString = str(event.order)
        if event.links_orders:
            url = reverse("admin:orders_order_change", args=[event.order_id])
            number = format_html('<a class="hub-link" href="{}">{}</a>', url, number)
        external = event.order_external_id or event.order.external_order_id
        return stacked(number, external if external != str(event.order) else "")

    @admin.display(description=_("repeats"))
    def repeats(self, event: WebhookEvent) -> str:
        return str(event.duplicates or "")


def _hall_link(event: ListedEvent) -> SafeString | None:
    """Lead to the table order or reserve of an event; ``EventChangeList`` knows those that may be seen."""
    for model, pk, words in (
        (TableOrder, event.table_order_pk, _("table order")),
        (Reserve, event.reserve_pk, _("reserve")),
    ):
        if pk is not None and HALL.get(event.event_type) is model:
            url = reverse(f"admin:hall_{model._meta.model_name}_change", args=[pk])
            link = format_html('<a class="hub-link" href="{}">{} #{}</a>', url, words, pk)
            return stacked(link, event.order_external_id)
    return None


def _hall_pk(request: HttpRequest, model: type[HallRow]) -> Value | Subquery:
    """Find the row of the hall that an event is about, for those who may see it."""
    if not request.user.has_perm(f"hall.view_{model._meta.model_name}"):
        return Value(None, output_field=BigIntegerField())
    rows = model._default_manager.filter(
        organization_id=OuterRef("organization_id"), iiko_id=OuterRef("entity_key")
    )
    return Subquery(rows.values("pk")[:1])


def _found(text: str, events: QuerySet[WebhookEvent], found: QuerySet[Order]) -> Q:
    """Find the events of an order, by its number, its ids or a phone; else those of one correlation id.

    ``events`` are those that may be seen, ``found`` the orders that a number or phone finds.
    """
    ident = searchable_id(text)
    orders = list(found.values_list("pk", flat=True)[:_ORDERS_SEARCHED])
    of_order = (
        Q(entity_key=ident)
        | Q(order_external_id=external_id(text)) & ~Q(order_external_id="")
        | Q(order_id__in=orders)
    )
    # Apart, and only if nothing else is found: one command's answer may touch many orders.
    if events.filter(of_order).exists():
        return of_order
    return Q(correlation_id=ident)
