"""What is no change of a row: who went, and what was taken along. Who came: ``iikohub.sign_in.noting``."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver

from audit.entries import record
from audit.trail import current
from core.csv_export import list_exported


@receiver(user_logged_out)
def record_sign_out(user: User | None, **_: Any) -> None:
    if user is not None and current() is not None:
        record("signed_out", user)


@receiver(list_exported)
def record_export(name: str, kind: str, filters: Sequence[str], **_: Any) -> None:
    """Leave an entry of whoever takes a list away: reading in bulk is an act, too."""
    if current() is not None:
        record("list_exported", subject_text=name, after={"kind": kind, "filters": list(filters)})
