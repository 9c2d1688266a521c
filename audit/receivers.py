"""What is no change of a row: who came and went."""

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver

from audit.entries import record
from audit.trail import current


@receiver(user_logged_in)
def record_sign_in(user: User, **_: Any) -> None:
    """Leave an entry of a person; programs that sign in by a session of their own have no request."""
    if current() is not None:
        record("signed_in", user)


@receiver(user_logged_out)
def record_sign_out(user: User | None, **_: Any) -> None:
    if user is not None and current() is not None:
        record("signed_out", user)
