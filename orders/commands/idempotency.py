"""The idempotency keys of commands."""

from collections.abc import Callable
from datetime import datetime

from core.idempotency import IdempotencyKeys
from orders.models.command import IdempotencyKey, OrderCommand

COMMANDS: IdempotencyKeys[OrderCommand] = IdempotencyKeys(IdempotencyKey, "command")


def once(
    request: Callable[[], OrderCommand], *, owner: str, key: str, fingerprint: str, now: datetime
) -> tuple[OrderCommand, bool]:
    """Request a command unless its key was used already; see ``IdempotencyKeys.once``."""
    return COMMANDS.once(lambda: request, owner=owner, key=key, fingerprint=fingerprint, now=now)
