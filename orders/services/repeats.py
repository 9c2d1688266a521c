"""Idempotency keys: a repeated request is answered with the command of the first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from orders.command_models import IdempotencyKey, OrderCommand
from orders.errors import IdempotencyKeyReused, NotAllowed

KEYS_KEPT = timedelta(hours=24)
LONGEST_KEY = 200
_TRIES = 3


class _Raced(Exception):
    """Another request with the same key was a moment faster."""


def once(
    request: Callable[[], OrderCommand], *, owner: str, key: str, fingerprint: str, now: datetime
) -> tuple[OrderCommand, bool]:
    """Make a request unless its key was used in the last 24 hours; returns the command and whether it is new.

    Raises:
        IdempotencyKeyReused: the key belongs to another request.
        Whatever ``request`` raises; the key then stays free.
    """
    for _attempt in range(_TRIES):
        if (known := _known(owner, key, now)) is not None:
            return _same(known, fingerprint), False
        try:
            with transaction.atomic():
                command = request()
                _keep(owner, key, fingerprint, command, now)
        except _Raced:
            continue
        except NotAllowed:
            # What is asked for may be on its way already: by the request that was faster.
            if (known := _known(owner, key, now)) is not None:
                return _same(known, fingerprint), False
            raise
        return command, True
    raise IdempotencyKeyReused(
        _("Many requests use this Idempotency-Key at once. Send it again in a second.")
    )


def _known(owner: str, key: str, now: datetime) -> IdempotencyKey | None:
    fresh = IdempotencyKey.objects.filter(owner=owner, key=key, created_at__gt=now - KEYS_KEPT)
    return fresh.select_related("command").first()


def _same(known: IdempotencyKey, fingerprint: str) -> OrderCommand:
    if known.fingerprint != fingerprint:
        raise IdempotencyKeyReused(
            _("This Idempotency-Key was used for another request. Use a new one for each request.")
        )
    return known.command


def _keep(owner: str, key: str, fingerprint: str, command: OrderCommand, now: datetime) -> None:
    IdempotencyKey.objects.filter(owner=owner, key=key, created_at__lte=now - KEYS_KEPT).delete()
    row = IdempotencyKey(owner=owner, key=key, fingerprint=fingerprint, command=command, created_at=now)
    IdempotencyKey.objects.bulk_create([row], ignore_conflicts=True)
    if not IdempotencyKey.objects.filter(owner=owner, key=key, command=command).exists():
        raise _Raced


def forget_old_keys(*, now: datetime) -> int:
    """Delete idempotency keys that no longer count; returns how many."""
    deleted, _per_model = IdempotencyKey.objects.filter(created_at__lte=now - KEYS_KEPT).delete()
    return deleted
