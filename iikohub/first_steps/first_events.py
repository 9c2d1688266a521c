"""Step: an event of every restaurant has come. A restaurant that was never registered is not quiet."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Prefetch
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from core.display import ago_text
from iikohub.first_steps.registration import config_of
from iikohub.first_steps.step import Finding, Row
from iikohub.first_steps.zones import no_restaurants
from organizations.models.organization import Organization
from webhooks.models.inbox import EventSource, WebhookConfig, WebhookEvent


class FirstEventsStep:
    key = "events"
    title = gettext_lazy("First event of each restaurant")

    def look(self, now: datetime) -> Finding:
        events = WebhookEvent.objects.filter(organization_id=OuterRef("iiko_id"), source=EventSource.WEBHOOK)
        configs = Prefetch(
            "webhook_configs", queryset=WebhookConfig.objects.order_by("id"), to_attr="configs"
        )
        restaurants = (
            Organization.objects.filter(is_active=True)
            .annotate(is_heard=Exists(events))
            .prefetch_related(configs)
        )
        silent = [one for one in restaurants if not one.is_heard]
        count = len(restaurants)
        if not count:
            return no_restaurants()
        if silent:
            return _open(silent, now)
        words = ngettext(
            "Events of %(count)d restaurant have come.",
            "Events of all %(count)d restaurants have come.",
            count,
        )
        return Finding(is_done=True, sentence=words % {"count": count})


def _open(silent: Sequence[Organization], now: datetime) -> Finding:
    words = ngettext(
        "No event of %(count)d restaurant has come yet.",
        "No event of %(count)d restaurants has come yet.",
        len(silent),
    )
    advice = _("Register the webhooks first: until then iiko sends nothing.")
    if any(_registered_at(one) for one in silent):
        advice = _("Take a test order there, or open a shift: its first event comes within seconds.")
    return Finding(
        is_done=False,
        sentence=words % {"count": len(silent)},
        advice=advice,
        rows=[_row(one, now) for one in silent],
    )


def _row(restaurant: Organization, now: datetime) -> Row:
    words = _("never registered by the hub")
    if at := _registered_at(restaurant):
        words = _("registered %(ago)s, nothing came since") % {"ago": ago_text(at, now)}
    return Row(
        restaurant.name, reverse("admin:organizations_organization_change", args=[restaurant.pk]), words
    )


def _registered_at(restaurant: Organization) -> datetime | None:
    config = config_of(restaurant)
    return config.last_registration if config else None
