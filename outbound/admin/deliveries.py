"""The log of deliveries in the admin: each message, its attempts and answers, and sending it again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy as _

from audit.trail import note_refusal
from core.access import visible_to
from core.admin.base import Context, MirrorAdmin
from core.admin.filters import Choice, choices_filter
from core.admin.list_links import keep_filters
from core.admin.trace_link import trace_link
from core.database import db_clock
from core.display import EMPTY, clamped, clock, stacked, truncated
from core.errors import HubError
from core.privacy.rights import sees_guests
from organizations.admin.filters import moment_range_filter, restaurant_filter
from organizations.admin.zones import InZones, naming_zones
from outbound import acts
from outbound.access import ACT, SEEN_BY, Viewer
from outbound.admin.display import answer_text, state_badge, zone_of
from outbound.admin.order_names import NamesOrder, naming_orders
from outbound.events.catalogue import CATALOGUE, title_of
from outbound.models.deliveries import Delivery, DeliveryAttempt, DeliveryState
from outbound.models.events import EntityType
from outbound.models.subscriptions import Subscription
from outbound.sending.errors import explain

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class Added(InZones, NamesOrder): ...

    Listed = WithAnnotations[Delivery, Added]

_NAME = "outbound_delivery"


def _subscription_choices(request: HttpRequest) -> list[Choice]:
    rows = visible_to(request.user, Subscription.objects.all())
    return [(str(one.pk), one.name) for one in rows.only("name")]


@admin.register(Delivery)
class DeliveryAdmin(MirrorAdmin[Delivery]):
    list_display = ("created", "what", "about", "to_whom", "state_and_why", "tried", "arrived")
    list_display_links = ("created",)
    list_filter = (
        choices_filter(
            _("state"), "state", [(state.value, capfirst(str(state.label))) for state in DeliveryState]
        ),
        choices_filter(_("subscription"), "subscription", _subscription_choices),
        choices_filter(
            _("event"),
            "event_type",
            [(name, entry.title) for name, entry in CATALOGUE.items()],
        ),
        restaurant_filter(),
        moment_range_filter(_("created"), "created", "created_at"),
    )
    sortable_by = ()
    ordering = ("-id",)
    fields = ()
    change_form_template = "admin/outbound/delivery.html"
    empty_words = _("Nothing was sent yet: somebody has to subscribe first.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows = (
            super()
            .get_queryset(request)
            .select_related("subscription__api_key", "subscription__created_by", "event__organization")
        )
        # Whoever may not see orders is shown the hub's own number.
        may_name = request.user.has_perm(SEEN_BY[EntityType.ORDER])
        return naming_zones(naming_orders(rows) if may_name else rows)

    def list_rows(self, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return rows.defer("event__body", "event__personal_body", "event__changes", "subscription__url")

    def page_context(self, request: HttpRequest, row: Delivery) -> Context:
        viewer = Viewer(None, request.user, sees_guests(request.user))
        text = viewer.body_of(row)
        return {
            "title": title_of(row.event.event_type),
            "badge": state_badge(row),
            "headline": self._headline(cast("Listed", row)),
            "notices": self._notices(row, shows_people=viewer.sees_people),
            "body": json.dumps(json.loads(text), ensure_ascii=False, indent=2) if text else None,
            "lines": [self._line(cast("Listed", row), one, viewer) for one in row.log.all()],
            "may_act": request.user.has_perm(ACT),
            "delivery": row,
        }

    def _headline(self, row: Listed) -> list[tuple[str, object]]:
        return [
            (gettext("Subscription"), row.subscription.name),
            (gettext("Server"), row.subscription.shown_host),
            (gettext("About"), self.about(row)),
            (gettext("Created"), self._clock(row.created_at, row)),
            (gettext("Attempts"), row.attempts),
            *([(gettext("Next attempt"), self._clock(row.next_attempt_at, row))] if self._waits(row) else []),
            ("webhook-id", row.message_id),
            *([(gettext("Trace"), trace_link(row.event.trace_id))] if row.event.trace_id else []),
        ]

    def _waits(self, row: Delivery) -> bool:
        return row.state == DeliveryState.PENDING and row.next_attempt_at is not None

    def _notices(self, row: Delivery, *, shows_people: bool) -> list[tuple[str, str, str]]:
        found = []
        if row.last_error:
            severity = "bad" if row.state == DeliveryState.FAILED else "warn"
            found.append((severity, gettext("The last attempt failed"), explain(row.last_error)))
        if row.state == DeliveryState.PENDING and not row.subscription.is_active:
            words = gettext("It is sent once the subscription is enabled again.")
            found.append(("warn", gettext("The subscription is switched off"), words))
        if row.subscription.includes_personal_data and not shows_people:
            words = gettext("What is sent names the guest. You are shown *** in that place.")
            found.append(("info", gettext("Personal data is hidden"), words))
        return found

    def _line(self, row: Listed, one: DeliveryAttempt, viewer: Viewer) -> dict[str, object]:
        return {
            "at": self._clock(one.began_at, row),
            "took": one.duration_ms,
            "status": answer_text(one.status, one.error),
            "answer": viewer.answer_of(one),
            "is_probe": one.is_probe,
        }

    def _clock(self, moment: datetime | None, row: Listed) -> SafeString:
        has_offset = row.event.organization is None or row.is_many_zones
        return clock(moment, zone_of(row), now=db_clock.now(), seconds=True, with_offset=has_offset)

    # --- sending again ---------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.redeliver_view)
        return [path("<int:pk>/redeliver/", view, name=f"{_NAME}_redeliver"), *super().get_urls()]

    def redeliver_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for confirmation on GET; on POST put it among those that are sent."""
        if not request.user.has_perm(ACT):
            raise PermissionDenied
        delivery = self.get_queryset(request).filter(pk=pk).first()
        if delivery is None:
            raise Http404
        if request.method != "POST":
            return self.ask_first(
                request,
                title=gettext("Send it again?"),
                words_template="admin/outbound/redeliver_words.html",
                verb=gettext("Send again"),
                back=keep_filters(request, "../change/"),
            )
        self._redeliver(request, delivery)
        url = reverse(f"admin:{_NAME}_change", args=[delivery.pk])
        return HttpResponseRedirect(keep_filters(request, url))

    def _redeliver(self, request: HttpRequest, delivery: Delivery) -> None:
        try:
            is_sent = acts.redeliver_one(delivery)
        except HubError as refusal:
            note_refusal(refusal.code)
            messages.error(request, refusal.detail)
            return
        if is_sent:
            text = gettext("It is sent again. Reload the page in a moment to see the answer.")
            messages.success(request, text)
        else:
            messages.info(request, gettext("It waits anyway. Send another test from the subscription."))

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("created"))
    def created(self, row: Listed) -> SafeString:
        return self._clock(row.created_at, row)

    @admin.display(description=_("event"))
    def what(self, row: Delivery) -> SafeString:
        return stacked(clamped(title_of(row.event.event_type)), clamped(row.event.event_type))

    @admin.display(description=_("about"))
    def about(self, row: Listed) -> SafeString | str:
        event = row.event
        if event.entity_type == EntityType.TEST:
            return EMPTY
        place = event.organization.name if event.organization is not None else gettext("the hub itself")
        return stacked(_subject(row), clamped(place))

    @admin.display(description=_("subscription"))
    def to_whom(self, row: Delivery) -> SafeString:
        return stacked(row.subscription.name, row.subscription.shown_host)

    @admin.display(description=_("state"))
    def state_and_why(self, row: Delivery) -> SafeString:
        return stacked(state_badge(row), truncated(explain(row.last_error)) if row.last_error else "")

    @admin.display(description=_("attempts"))
    def tried(self, row: Delivery) -> SafeString:
        """Say how often, and what the last one was answered."""
        answer = gettext("answer %(status)s") % {"status": row.last_status} if row.last_status else ""
        return stacked(row.attempts, answer)

    @admin.display(description=_("arrived"))
    def arrived(self, row: Listed) -> SafeString:
        is_there = row.state == DeliveryState.DELIVERED
        return self._clock(row.finished_at if is_there else None, row)


def _subject(row: Listed) -> str:
    """Name what it is about: an order by its number, a command by that of its order."""
    event, order = row.event, getattr(row, "order_name", None)
    kind = capfirst(str(dict(EntityType.choices).get(event.entity_type, event.entity_type)))
    if order is None:
        return f"{kind} {event.entity_id}"
    if event.entity_type == EntityType.COMMAND:
        return gettext("Command, order %(number)s") % {"number": order}
    return f"{kind} {order}"
