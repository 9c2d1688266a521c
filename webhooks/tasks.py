"""What webhooks need by the clock."""

from __future__ import annotations

from django.utils import timezone

from organizations.jobs import scheduled
from webhooks.services.registration_watch import register_all, register_new, watch_webhooks

REGISTRATION = "webhook registration"


@scheduled(at_start=True, lock=REGISTRATION)
def register_at_start() -> None:
    register_all(now=timezone.now())


@scheduled("3-59/5 * * * *", lock=REGISTRATION)
def register_new_webhooks() -> None:
    register_new(now=timezone.now())


@scheduled("11-59/15 * * * *", lock=REGISTRATION)
def watch_registered_webhooks() -> None:
    watch_webhooks(now=timezone.now())
