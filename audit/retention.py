"""Entries are kept for a while, and then deleted: nothing else deletes or changes them."""

from datetime import datetime, timedelta

from audit.models import AuditEntry

_AT_ONCE = 5_000


def forget_old_entries(*, days: int, now: datetime) -> int:
    """Delete entries older than so many days, in batches; return how many."""
    old = AuditEntry.objects.filter(at__lt=now - timedelta(days=days)).order_by("at")
    count = 0
    while chunk := list(old.values_list("pk", flat=True)[:_AT_ONCE]):
        count += AuditEntry.objects.filter(pk__in=chunk).delete()[0]
    return count
