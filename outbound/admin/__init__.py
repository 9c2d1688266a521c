"""Outbound webhooks in the admin: who is told, and what became of each message."""
