"""What was sent, or not, is kept for a while."""

from datetime import datetime, timedelta

from django.db.models import Q

from attention.models.channels import Notification


def forget_old_notifications(*, days: int, now: datetime) -> int:
    """Delete what ended so many days ago; return how many. What tells of an open item stays: it was told."""
    old = Notification.objects.filter(finished_at__lt=now - timedelta(days=days))
    count, _by_model = old.filter(Q(item__isnull=True) | Q(item__ended_at__isnull=False)).delete()
    return count
