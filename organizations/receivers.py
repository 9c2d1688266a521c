"""Restaurants whose stop lists are to be read are handed to the workers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from organizations.signals import stop_lists_due
from organizations.tasks import read_stop_lists


@receiver(stop_lists_due)
def hand_to_a_worker(*, organization_id: str, at: datetime, **_: Any) -> None:
    read_stop_lists.configure(schedule_at=at).defer(organization_id=organization_id)
