"""When each restaurant was last heard of, for the pages that list restaurants."""

from __future__ import annotations

from django.db.models import OuterRef, Subquery

from webhooks.models.inbox import EventSource, WebhookEvent


def last_received(iiko_id: str) -> Subquery:
    """When iiko's last webhook came for the organization in that column. A replay is no sign of life."""
    events = WebhookEvent.objects.filter(organization_id=OuterRef(iiko_id), source=EventSource.WEBHOOK)
    return Subquery(events.order_by("-received_at").values("received_at")[:1])
