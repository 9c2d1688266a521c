"""The inbox, and how far reconciliation has come."""

from webhooks.models import inbox, reconciliation

__all__ = ["inbox", "reconciliation"]
