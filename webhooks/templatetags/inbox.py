"""The inbox on pages of apps below it, which cannot ask for it themselves."""

from django import template
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _, pgettext

from core.database import db_clock
from core.display import clock
from hall.admin.display import status_words
from hall.models import HallRow
from organizations.models.shifts import Shift
from webhooks.event_subjects import events_of

EVENTS_SHOWN = 50

register = template.Library()


@register.inclusion_tag("admin/includes/events.html")
def events_about(row: HallRow | Shift) -> dict[str, object]:
    """List the newest events about a table order, reserve or shift, each with what it told."""
    zone, now = row.organization.zone(), db_clock.now()
    told = Coalesce(
        KT("payload__eventInfo__order__status"),
        KT("payload__eventInfo__reserve__status"),
        KT("payload__eventInfo__opened"),
    )
    newest = events_of(row).defer("payload", "raw_body").annotate(told=told)[:EVENTS_SHOWN]
    events = [
        {
            "event": event,
            "url": reverse("admin:webhooks_webhookevent_change", args=[event.pk]),
            "received": clock(event.received_at, zone, now=now, seconds=True),
            "told": _told_words(row, event.told),
        }
        for event in newest
    ]
    return {
        "events": events,
        "events_shown": EVENTS_SHOWN,
        "tells_status": True,
        "empty": _("No event about it is kept any more."),
    }


def _told_words(row: HallRow | Shift, told: str | None) -> str:
    if isinstance(row, Shift):
        return {"true": pgettext("shift", "opened"), "false": pgettext("shift", "closed")}.get(told or "", "")
    return status_words(type(row), told)
