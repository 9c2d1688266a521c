"""When each restaurant was last heard of, for the pages that list restaurants."""

from __future__ import annotations

from datetime import datetime, tzinfo

from django.db.models import OuterRef, Subquery
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from organizations.presentation import ago_text, clock
from webhooks.models import EventSource, WebhookEvent


def last_received(iiko_id: str) -> Subquery:
    """When iiko's last webhook came for the organization in that column. A replay is no sign of life."""
    events = WebhookEvent.objects.filter(organization_id=OuterRef(iiko_id), source=EventSource.WEBHOOK)
    return Subquery(events.order_by("-received_at").values("received_at")[:1])


def heard_text(received: datetime | None, zone: tzinfo, now: datetime) -> str | SafeString:
    if received is None:
        return _("no events yet")
    when = clock(received, zone, now=now, seconds=True)
    return format_html('{} <span class="hub-muted">{}</span>', ago_text(received, now), when)
