"""Channels of notifications in the admin, and the log of what was sent by them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_lazy as _, pgettext, pgettext_lazy

from attention.admin.channel_display import (
    channel_badge,
    kind_text,
    notices,
    state_badge,
    which_text,
    whose_text,
)
from attention.admin.channel_form import ChannelForm
from attention.models.channels import Channel, Kind, Notification, SendState
from attention.notifications.errors import words
from attention.notifications.plan import plan_test
from attention.notifications.text import first_zone
from attention.tasks import enqueue_sending
from attention.words import title_of
from core.access import visible_to
from core.admin.base import Context, HubAdmin, MirrorAdmin
from core.admin.filters import Choice, choices_filter
from core.admin.list_links import keep_filters
from core.database import db_clock
from core.display import EMPTY, ago_text, clock, stacked, truncated
from organizations.admin.zones import InZones, naming_zones

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

TEST_AWAITED_S = 6.0
"""How long the page waits for what comes of a test; later it is told on the page of the channel."""

_NAME = "attention_channel"


@admin.register(Channel)
class ChannelAdmin(HubAdmin[Channel]):
    accusative = pgettext_lazy("accusative", "notification channel")
    form = ChannelForm
    list_display = ("name", "state", "which", "whose", "last_sent")
    sortable_by = ("name",)
    list_filter_submit = False
    empty_words = _("No channels yet: nobody is told of anything. Add one, and send a test.")
    change_form_outer_before_template = "admin/attention/channel/state.html"
    fieldsets = (
        (None, {"fields": ("name", "is_active", "address", "language")}),
        (_("Which"), {"fields": ("restaurants", "rules", "least_severity")}),
        (
            _("When"),
            {
                "fields": (
                    *("most_per_hour", "repeat_minutes"),
                    *("quiet_from", "quiet_until", "critical_breaks_quiet"),
                )
            },
        ),
        (_("Personal data"), {"fields": ("allows_personal_data",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        return super().get_queryset(request).prefetch_related("restaurants")

    def get_fieldsets(self, request: HttpRequest, obj: Channel | None = None) -> list[Any] | tuple[Any, ...]:
        """Leave the address out for those who may only look."""
        if obj is not None and not self.has_change_permission(request, obj):
            return ((None, {"fields": ("name", "is_active", "language", "least_severity")}),)
        return super().get_fieldsets(request, obj)

    def get_deleted_objects(
        self, objs: QuerySet[Channel] | Sequence[Channel], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the channels alone: their log goes with them, and needs no right of its own."""
        return [str(one) for one in objs], {str(self.opts.verbose_name_plural): len(objs)}, set(), []

    def get_form(
        self, request: HttpRequest, obj: Channel | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Channel]]:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type("OwnForm", (form,), {"user": request.user})

    def save_model(self, request: HttpRequest, obj: Channel, form: ModelForm[Channel], change: bool) -> None:
        """Write of a channel that is there what was changed alone: a sender may write its own lines now."""
        changed = set(form.changed_data) - {"restaurants"}
        if not change or ("is_active" in changed and obj.is_active):
            obj.active_since = db_clock.now()
            changed.add("active_since")
        if not change:
            obj.save()
            return
        if "address" in changed:
            obj.tried_at, obj.failing_since, obj.last_error = None, None, ""
            changed |= {"service", "shown_address", "tried_at", "failing_since", "last_error"}
        obj.save(update_fields={*changed, "changed_at"})

    def response_add(
        self, request: HttpRequest, obj: Channel, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Lead to the page of the new channel: a test is sent from there."""
        response = super().response_add(request, obj, post_url_continue)
        if "_addanother" in request.POST or not self.has_change_permission(request, obj):
            return response
        messages.info(request, gettext("Send a test now: it shows whether messages arrive."))
        url = reverse(f"admin:{_NAME}_change", args=[obj.pk])
        return HttpResponseRedirect(keep_filters(request, url))

    def page_context(self, request: HttpRequest, row: Channel) -> Context:
        now = db_clock.now()
        tests = row.notifications.filter(kind=Kind.TEST)
        return {
            "channel": row,
            "badge": channel_badge(row),
            "headline": [
                (gettext("Service"), row.service or EMPTY),
                (gettext("Address"), row.shown_address or EMPTY),
                (gettext("Last sent"), ago_text(row.last_sent_at, now) if row.last_sent_at else EMPTY),
                (gettext("Test arrived"), ago_text(row.tried_at, now) if row.tried_at else EMPTY),
            ],
            "notices": list(notices(row, tests.order_by("-id").first(), now)),
            "may_act": self.has_change_permission(request, row),
        }

    # --- a test ----------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        own = path("<int:pk>/test/", self.admin_site.admin_view(self.test_view), name=f"{_NAME}_test")
        return [own, *super().get_urls()]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for confirmation on GET; on POST send a test, and say what came of it."""
        channel = self.get_queryset(request).filter(pk=pk).first()
        if not self.has_change_permission(request, channel):
            raise PermissionDenied
        if channel is None:
            raise Http404
        if request.method != "POST":
            return self.ask_first(
                request,
                title=gettext("Send a test?"),
                words_template="admin/attention/channel/test_words.html",
                verb=pgettext("button", "Send"),
                back=keep_filters(request, "../change/"),
            )
        test = plan_test(channel, now=db_clock.now())
        enqueue_sending(channel.pk)
        level, text = _outcome(test)
        messages.add_message(request, level, text)
        url = reverse(f"admin:{_NAME}_change", args=[channel.pk])
        return HttpResponseRedirect(keep_filters(request, url))

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("state"))
    def state(self, channel: Channel) -> SafeString:
        return channel_badge(channel)

    @admin.display(description=_("of what"))
    def which(self, channel: Channel) -> str:
        return which_text(channel)

    @admin.display(description=_("restaurants"))
    def whose(self, channel: Channel) -> str:
        return whose_text(channel)

    @admin.display(description=_("last sent"))
    def last_sent(self, channel: Channel) -> str:
        return ago_text(channel.last_sent_at, db_clock.now()) if channel.last_sent_at else EMPTY


def _outcome(test: Notification) -> tuple[int, str]:
    """Wait for a worker to send a test; return the level of the message and its text."""
    until = time.monotonic() + TEST_AWAITED_S
    while test.finished_at is None and time.monotonic() < until:
        time.sleep(0.2)
        test.refresh_from_db()
    if test.state == SendState.SENT:
        return messages.SUCCESS, gettext("The receiver took the test. See whether it has come.")
    if test.state == SendState.FAILED:
        return messages.ERROR, gettext("The test was not sent. %(why)s") % {"why": words(test.error)}
    return messages.INFO, gettext("The test is being sent. Reload the page in a moment; a worker must run.")


def _clock(moment: datetime | None, row: WithAnnotations[Notification, InZones]) -> SafeString:
    return clock(moment, _zone(row), now=db_clock.now(), seconds=True, with_offset=row.is_many_zones)


def _zone(row: Notification) -> tzinfo:
    """Return the clock of its restaurant; of the hub's own that of the first restaurant."""
    if row.item is not None and row.item.organization is not None:
        return row.item.organization.zone()
    return first_zone()


def _channel_choices(request: HttpRequest) -> list[Choice]:
    channels = visible_to(request.user, Channel.objects.all())
    return [(str(one.pk), one.name) for one in channels]


@admin.register(Notification)
class NotificationAdmin(MirrorAdmin[Notification]):
    list_display = ("planned", "channel", "kind_name", "what", "state_and_why", "attempts", "sent")
    list_display_links = ("planned",)
    list_select_related = ("channel", "item__organization")
    list_filter = (
        choices_filter(_("channel"), "channel", _channel_choices),
        choices_filter(_("state"), "state", [(value, capfirst(text)) for value, text in SendState.choices]),
        choices_filter(_("kind"), "kind", [(value, capfirst(text)) for value, text in Kind.choices]),
    )
    sortable_by = ()
    ordering = ("-id",)
    empty_words = _("Nothing was sent yet.")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("channel", "kind_name", "what", "state_name", "why", "attempts", "may_be_repeat"),
                    *("planned", "sent", "part_of"),
                )
            },
        ),
    )
    readonly_fields = ("kind_name", "what", "state_name", "why", "planned", "sent", "part_of")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        return naming_zones(super().get_queryset(request))

    @admin.display(description=_("planned"))
    def planned(self, row: WithAnnotations[Notification, InZones]) -> SafeString:
        return _clock(row.planned_at, row)

    @admin.display(description=_("sent"))
    def sent(self, row: WithAnnotations[Notification, InZones]) -> SafeString:
        return _clock(row.sent_at, row)

    @admin.display(description=_("kind"))
    def kind_name(self, row: Notification) -> str:
        return kind_text(row)

    @admin.display(description=_("about"))
    def what(self, row: Notification) -> str:
        if row.item is None:
            return EMPTY
        title = title_of(row.item)
        return title if row.item.organization is None else f"{title} · {row.item.organization.name}"

    @admin.display(description=_("state"))
    def state_name(self, row: Notification) -> SafeString:
        return state_badge(row)

    @admin.display(description=_("state"))
    def state_and_why(self, row: Notification) -> SafeString:
        return stacked(state_badge(row), truncated(words(row.error)) if row.error else "")

    @admin.display(description=_("why"))
    def why(self, row: Notification) -> str:
        return words(row.error) or EMPTY

    @admin.display(description=_("in the digest"))
    def part_of(self, row: Notification) -> str:
        return f"№ {row.digest_id}" if row.digest_id else EMPTY
