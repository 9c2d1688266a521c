"""Outbound webhooks: the subscriptions, what happened, and what became of each message."""

from outbound.models import deliveries, events, subscriptions

__all__ = ["deliveries", "events", "subscriptions"]
