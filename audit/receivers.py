"""What is no change of a row: who came and went."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver

from audit.entries import record
from audit.trail import current
from core.csv_export import list_exported


@receiver(user_logged_in)
def record_sign_in(user: User, **_: Any) -> None:
    """Leave an entry of a person; programs that sign in by a session of their own have no request."""
    if current() is not None:
        record("signed_in", user)


@receiver(user_logged_out)
def record_sign_out(user: User | None, **_: Any) -> None:
    if user is not None and current() is not None:
        record("signed_out", user)


@receiver(list_exported)
def record_export(name: str, kind: str, filters: Sequence[str], **_: Any) -> None:
    """Leave an entry of whoever takes a list away: reading in bulk is an act, too."""
    if current() is not None:
        record("list_exported", subject_text=name, after={"kind": kind, "filters": list(filters)})
