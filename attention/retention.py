"""How long the attention list and the notifications of it stay."""

from collections.abc import Iterator
from datetime import datetime

from attention.models.channels import Notification
from attention.models.items import AttentionItem
from attention.notifications.retention import forget_old_notifications
from attention.watch import forget_old_items
from core.privacy.retention import delete_after, stays

_SET_UP = "set up by an administrator, who deletes it"

stays("attention_history", "deleted with its item")
stays("attention_rule_settings notification_channels notification_channels_restaurants", _SET_UP)
stays("attention_watch", "one row: when the rules were last looked at")


def _forget_items(days: int, now: datetime) -> Iterator[int]:
    yield forget_old_items(days=days, now=now)


def _forget_notifications(days: int, now: datetime) -> Iterator[int]:
    yield forget_old_notifications(days=days, now=now)


delete_after(
    "attention_items",
    "items that ended so long ago, with what people did about them",
    age="ATTENTION_RETENTION_DAYS",
    due=lambda before: AttentionItem.objects.filter(ended_at__lt=before),
    moment="ended_at",
    forget=_forget_items,
)
delete_after(
    "notifications",
    "notifications that ended so long ago; what tells of an open item stays",
    age="NOTIFICATIONS_RETENTION_DAYS",
    due=lambda before: Notification.objects.filter(finished_at__lt=before).exclude(
        item__isnull=False, item__ended_at__isnull=True
    ),
    moment="finished_at",
    forget=_forget_notifications,
)
