"""Counters of this process (gunicorn's processes are added up at /metrics)."""

from prometheus_client import Counter

receipts = Counter("iikohub_webhook_receipts", "Webhook requests by outcome", ["outcome"])
events = Counter("iikohub_inbox_events", "Messages stored in the inbox", ["kind"])
