"""Outbound webhooks in the admin: the subscriptions, and what became of each message."""
