"""Subscriptions in the admin: set, tried, given a new secret, switched on again, sent to again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Field, QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _, ngettext, pgettext, pgettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from audit.trail import note_refusal
from core.access import visible_to
from core.admin.base import Context, HubAdmin
from core.admin.list_links import keep_filters
from core.database import db_clock
from core.display import EMPTY, ago_text, stacked
from core.errors import HubError
from organizations.models.organization import Organization
from outbound import acts, subscribing
from outbound.access import ACT, CHANGE
from outbound.admin.display import (
    health_badge,
    health_note,
    maker_text,
    notices,
    waiting_text,
    which_text,
    whose_text,
)
from outbound.admin.subscription_form import SubscriptionForm
from outbound.models.deliveries import Delivery, DeliveryState
from outbound.models.subscriptions import Subscription
from outbound.redelivery import moments_to_send_again
from outbound.sending.errors import explain
from outbound.states import Waiting, with_waiting

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise, WithAnnotations

SPANS: dict[str, tuple[StrOrPromise, timedelta]] = {
    "15min": (_("15 minutes ago"), timedelta(minutes=15)),
    "1h": (_("an hour ago"), timedelta(hours=1)),
    "6h": (_("6 hours ago"), timedelta(hours=6)),
    "1d": (_("a day ago"), timedelta(days=1)),
    "3d": (_("3 days ago"), timedelta(days=3)),
    "7d": (_("a week ago"), timedelta(days=7)),
}
_NAME = "outbound_subscription"


def _acting(act: str) -> tuple[str, str, str, str]:
    """Return what the dialog of an act says: its title, verb, permission and template."""
    return {
        "test": (gettext("Send a test?"), pgettext("button", "Send"), ACT),
        "rotate": (gettext("Make a new secret?"), gettext("Make a new one"), CHANGE),
        "enable": (gettext("Enable again?"), pgettext("button", "Enable"), CHANGE),
        "redeliver": (gettext("Send again?"), gettext("Send again"), ACT),
    }[act] + (f"admin/outbound/subscription/{act}_words.html",)


@admin.register(Subscription)
class SubscriptionAdmin(HubAdmin[Subscription]):
    accusative = pgettext_lazy("accusative", "subscription")
    form = SubscriptionForm
    list_display = ("name", "state", "shown_host", "which", "whose", "waits", "last_arrived")
    sortable_by = ("name", "shown_host")
    list_filter_submit = False
    empty_words = _("There is no subscription yet. Add one, and send a test.")
    change_form_outer_before_template = "admin/outbound/subscription/state.html"
    fieldsets = (
        (None, {"fields": ("name", "url", "is_active", "description")}),
        (_("Which"), {"fields": ("event_types", "organizations")}),
        (_("Personal data"), {"fields": ("includes_personal_data",)}),
    )
    add_fieldsets = (
        (None, {"fields": ("name", "url", "description")}),
        (_("Which"), {"fields": ("event_types", "organizations")}),
        (_("Personal data"), {"fields": ("includes_personal_data",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        rows = super().get_queryset(request).select_related("api_key", "created_by")
        return with_waiting(rows).prefetch_related("organizations")

    def formfield_for_dbfield(
        self,
        db_field: Field[Any, Any],
        request: HttpRequest,
        **kwargs: Any,
    ) -> forms.Field | None:
        if db_field.name == "organizations":
            # Checkboxes, without Django's menu that adds a restaurant.
            return db_field.formfield(
                queryset=visible_to(request.user, Organization.objects.all()),
                help_text=SubscriptionForm.Meta.help_texts["organizations"],
                widget=UnfoldAdminCheckboxSelectMultipleWidget(),
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_fieldsets(
        self, request: HttpRequest, obj: Subscription | None = None
    ) -> list[Any] | tuple[Any, ...]:
        """Leave the address out for those who may only look."""
        if obj is None:
            return self.add_fieldsets
        if not self.has_change_permission(request, obj):
            return ((None, {"fields": ("name", "is_active", "description", "includes_personal_data")}),)
        return super().get_fieldsets(request, obj)

    def get_deleted_objects(
        self, objs: QuerySet[Subscription] | Sequence[Subscription], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the subscriptions alone: their log goes with them, and needs no right of its own."""
        return [str(one) for one in objs], {str(self.opts.verbose_name_plural): len(objs)}, set(), []

    def get_form(
        self, request: HttpRequest, obj: Subscription | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Subscription]]:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type("OwnForm", (form,), {"user": request.user})

    def save_model(
        self, request: HttpRequest, obj: Subscription, form: ModelForm[Subscription], change: bool
    ) -> None:
        """Subscribe and show the secret once; later write what was changed alone."""
        given = form.cleaned_data
        by = subscribing.Maker(user=cast("User", request.user))
        if change:
            changes = {name: given[name] for name in form.changed_data if name != "organizations"}
            subscribing.change(obj, changes, by=by)
            return
        subscribing.subscribe(obj, list(given["organizations"]), by=by)
        _show_secret(request, obj)

    def response_add(
        self, request: HttpRequest, obj: Subscription, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Lead to the page of the new subscription: a test is sent from there."""
        response = super().response_add(request, obj, post_url_continue)
        if "_addanother" in request.POST or not self.has_change_permission(request, obj):
            return response
        return self._back(request, obj)

    def page_context(self, request: HttpRequest, row: Subscription) -> Context:
        now = db_clock.now()
        may = {"act": request.user.has_perm(ACT), "change": self.has_change_permission(request, row)}
        offered = [
            ("test", gettext("Send a test"), may["act"]),
            ("enable", gettext("Enable again"), may["change"] and _can_be_enabled(row)),
            ("redeliver", gettext("Send again since …"), may["act"]),
            ("rotate", gettext("New secret"), may["change"]),
        ]
        return {
            "subscription": row,
            "badge": health_badge(row, now),
            "headline": self._headline(row),
            "notices": list(notices(row, now)),
            "acts": [_offer(act, text) for act, text, is_offered in offered if is_offered],
            "spans": _spans(row, now) if may["act"] else [],
        }

    def _headline(self, row: Subscription) -> list[tuple[str, str]]:
        return [
            (gettext("Server"), row.shown_host),
            (gettext("Events"), which_text(row)),
            (gettext("Waiting"), waiting_text(getattr(row, "waiting", 0))),
            (gettext("Last arrived"), self.last_arrived(row)),
            (gettext("Made by"), maker_text(row)),
        ]

    # --- acts ------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(f"<int:pk>/{act}/", self.admin_site.admin_view(self._view(act)), name=f"{_NAME}_{act}")
            for act in _DOING
        ]
        return [*own, *super().get_urls()]

    def _view(self, act: str) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, pk: int) -> HttpResponse:
            return self._act(request, pk, act)

        return view

    def _act(self, request: HttpRequest, pk: int, act: str) -> HttpResponse:
        """Ask for confirmation on GET; on POST do it, and say what came of it."""
        title, verb, permission, words_template = _acting(act)
        if not request.user.has_perm(permission):
            raise PermissionDenied
        subscription = self.get_queryset(request).filter(pk=pk).first()
        if subscription is None:
            raise Http404
        if request.method != "POST":
            return self.ask_first(
                request,
                title=title,
                words_template=words_template,
                verb=verb,
                spans=_spans(subscription, db_clock.now()),
                back=keep_filters(request, "../change/"),
            )
        try:
            _DOING[act](request, subscription)
        except HubError as refusal:
            note_refusal(refusal.code)
            messages.error(request, refusal.detail)
        return self._back(request, subscription)

    def _back(self, request: HttpRequest, subscription: Subscription) -> HttpResponse:
        url = reverse(f"admin:{_NAME}_change", args=[subscription.pk])
        return HttpResponseRedirect(keep_filters(request, url))

    # --- columns ---------------------------------------------------------------------------------------

    @admin.display(description=_("state"))
    def state(self, row: Subscription) -> SafeString:
        now = db_clock.now()
        return stacked(health_badge(row, now), health_note(row, now))

    @admin.display(description=_("events"))
    def which(self, row: Subscription) -> str:
        return which_text(row)

    @admin.display(description=_("restaurants"))
    def whose(self, row: Subscription) -> str:
        return whose_text(row)

    @admin.display(description=_("waiting"))
    def waits(self, row: WithAnnotations[Subscription, Waiting]) -> str:
        return waiting_text(row.waiting)

    @admin.display(description=_("last arrived"))
    def last_arrived(self, row: Subscription) -> str:
        return ago_text(row.last_success_at, db_clock.now()) if row.last_success_at else EMPTY


def _spans(row: Subscription, now: datetime) -> list[tuple[str, str]]:
    """Offer since when to send again, and say how many messages that is."""
    moments = moments_to_send_again(row, since=now - max(span for _text, span in SPANS.values()), now=now)
    offered = []
    for name, (text, span) in SPANS.items():
        count = sum(moment >= now - span for moment in moments)
        words = ngettext("%(count)s message", "%(count)s messages", count) % {"count": waiting_text(count)}
        offered.append((name, f"{text}: {words}"))
    return offered


def _can_be_enabled(row: Subscription) -> bool:
    return not row.is_active or row.opened_at is not None


def _offer(act: str, text: str) -> dict[str, str]:
    title, verb, _permission, words_template = _acting(act)
    return {
        "act": act,
        "text": text,
        "title": title,
        "verb": verb,
        "words_template": words_template,
        "url_name": f"admin:{_NAME}_{act}",
    }


def _show_secret(request: HttpRequest, subscription: Subscription) -> None:
    words = gettext("The secret of the signatures, shown this once. Copy it to the receiver now:")
    messages.warning(
        request, format_html('{} <code class="hub-secret">{}</code>', words, subscription.secret)
    )


def _test(request: HttpRequest, subscription: Subscription) -> None:
    level, text = _outcome(acts.send_test(subscription))
    messages.add_message(request, level, text)


def _outcome(delivery: Delivery) -> tuple[int, str]:
    """Return the level of the message about a test, and its text."""
    if delivery.state == DeliveryState.DELIVERED:
        words = gettext("The receiver took the test and answered %(status)s.")
        return messages.SUCCESS, words % {"status": delivery.last_status}
    why = explain(delivery.last_error)
    return messages.ERROR, gettext("The test did not arrive. %(why)s") % {"why": why}


def _rotate(request: HttpRequest, subscription: Subscription) -> None:
    acts.rotate_secret(subscription)
    _show_secret(request, subscription)


def _enable(request: HttpRequest, subscription: Subscription) -> None:
    acts.switch_on(subscription)
    messages.success(request, gettext("It is on again. What waits is sent now."))


def _redeliver(request: HttpRequest, subscription: Subscription) -> None:
    chosen = SPANS.get(request.POST.get("since", ""))
    if chosen is None:
        messages.error(request, gettext("Choose since when. Nothing was done."))
        return
    count, goes_on = acts.redeliver(subscription, db_clock.now() - chosen[1])
    words = ngettext("%(count)d message is sent again.", "%(count)d messages are sent again.", count)
    messages.success(request, words % {"count": count})
    if goes_on:
        messages.info(request, gettext("There are more: the hub works through them by itself."))


_DOING: dict[str, Callable[[HttpRequest, Subscription], None]] = {
    "test": _test,
    "rotate": _rotate,
    "enable": _enable,
    "redeliver": _redeliver,
}
