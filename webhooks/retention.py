"""How long the inbox keeps messages, and what belongs to it."""

from collections.abc import Iterator
from datetime import datetime

from core.privacy.retention import delete_after, mask_after, stays
from webhooks.models.inbox import DUE_STATUSES, EventStatus, WebhookEvent
from webhooks.processing.retention import forget_old_events

stays("webhook_configs", "set up by an administrator, who deletes it")
stays("webhook_event_keys", "a digest for each message, deleted with it")
stays("order_sync_leases order_sync link_health", "one row for each login or restaurant")


def _forget(days: int, now: datetime) -> Iterator[int]:
    yield forget_old_events(days=days, now=now)


delete_after(
    "webhook_events",
    "finished messages that came so long ago; what waits, failed or is dead stays, and what those need",
    age="INBOX_RETENTION_DAYS",
    due=lambda before: WebhookEvent.objects.filter(received_at__lt=before).exclude(
        status__in=(*DUE_STATUSES, EventStatus.DEAD)
    ),
    moment="received_at",
    forget=_forget,
)
mask_after(
    "webhooks.WebhookEvent",
    "messages that changed no order and were kept so long all the same: dead ones, those never applied",
    age="PERSONAL_DATA_DAYS",
    due=lambda before: WebhookEvent.objects.filter(
        received_at__lt=before, status__in=(EventStatus.DEAD, EventStatus.IGNORED)
    ),
    moment="received_at",
)
