"""Outbound webhooks: who is told of what, what happened, and what became of each message."""

from outbound.models import deliveries, events, subscriptions

__all__ = ["deliveries", "events", "subscriptions"]
