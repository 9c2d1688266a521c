"""Entries are kept for a while, and then deleted: nothing else deletes or changes them."""

from audit.models import AuditEntry
from core.privacy.retention import delete_after

delete_after(
    "audit_entries",
    "who did what so long ago",
    age="AUDIT_RETENTION_DAYS",
    due=lambda before: AuditEntry.objects.filter(at__lt=before),
    moment="at",
)
