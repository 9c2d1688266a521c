"""``Idempotency-Key`` and ``Prefer: wait``: the same for every action."""

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from core.database import db_clock
from core.idempotency import LONGEST_KEY, IdempotencyKeys, R
from orders.commands.idempotency import COMMANDS
from orders.commands.submission import Requester
from orders.models.command import OrderCommand
from organizations.models.api_keys import ApiKey

LONGEST_WAIT_S = 20.0
WAITERS = threading.BoundedSemaphore(max(1, int(os.environ.get("GUNICORN_THREADS") or 16) // 2))
"""Half the threads of a web process (``gunicorn.conf.py``): the others go on receiving webhooks."""

_LOOK_AGAIN_S = 0.15
_WAIT = re.compile(r"(?:^|[;,\s])wait\s*=\s*\"?(\d{1,6})\"?", re.IGNORECASE)


def requester_of(request: Request) -> Requester:
    """Name the requester: a key by its name, a person by the account's."""
    if isinstance(request.auth, ApiKey):
        return Requester(f"API: {request.auth.name}", f"key:{request.auth.pk}")
    user = request.user
    return Requester(user.get_username(), f"user:{user.pk}", user)


def requested_once(request: Request, ask: Callable[[Requester], OrderCommand]) -> OrderCommand:
    """Request a command; see ``made_once``."""
    return made_once(request, COMMANDS, lambda by: lambda: ask(by))


def made_once(
    request: Request, repeats: IdempotencyKeys[R], prepare: Callable[[Requester], Callable[[], R]]
) -> R:
    """Prepare and make what is requested unless its ``Idempotency-Key`` was used before.

    Raises:
        ValidationError: the key cannot be one.
        Whatever preparing and making raise.
    """
    by = requester_of(request)
    key = idempotency_key_of(request)
    if not key:
        return prepare(by)()
    made, _is_new = repeats.once(
        lambda: prepare(by), owner=by.owner, key=key, fingerprint=fingerprint_of(request), now=db_clock.now()
    )
    return made


def idempotency_key_of(request: Request) -> str:
    """Return the caller's name for this request, empty where there is none.

    Raises:
        ValidationError: it cannot be a key.
    """
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > LONGEST_KEY or not key.isprintable():
        words = _("At most %(most)d printable characters.") % {"most": LONGEST_KEY}
        raise ValidationError({"Idempotency-Key": words})
    return key


def fingerprint_of(request: Request) -> str:
    """Digest the request: address and content, however the JSON was laid out."""
    content = json.dumps(request.data, sort_keys=True, default=str)
    address = request.path_info.rstrip("/")
    return hashlib.sha256(f"{address}\0{content}".encode()).hexdigest()


class Ends(Protocol):
    """What is carried out by a worker and over one day: a command, an operation in a wallet."""

    @property
    def is_final(self) -> bool: ...

    def refresh_from_db(self) -> None: ...


E = TypeVar("E", bound=Ends)


def wait_for_end(request: Request, command: E) -> tuple[E, dict[str, str]]:
    """Wait as long as the caller prefers, 20 s at most, for the command to end; also returns headers.

    Where too many wait already this one does not: a preference is not a duty (RFC 7240).
    """
    wait_s = _preferred_wait_s(request)
    if wait_s is None or not WAITERS.acquire(blocking=False):
        return command, {}
    until = time.monotonic() + wait_s
    try:
        while not command.is_final and time.monotonic() < until:
            time.sleep(_LOOK_AGAIN_S)  # the caller requested the wait
            command.refresh_from_db()
    finally:
        WAITERS.release()
    return command, {"Preference-Applied": f"wait={wait_s:.0f}"}


def _preferred_wait_s(request: Request) -> float | None:
    found = _WAIT.search(request.headers.get("Prefer", ""))
    return min(float(found[1]), LONGEST_WAIT_S) if found else None


def status_of(command: Ends) -> int:
    return 200 if command.is_final else 202
