"""Who acts at this moment in this thread, and by which door: what the entries of a request share.

Without a trail (webhooks, workers) changes leave no entries: machines have timelines.
"""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol, cast
from uuid import UUID, uuid4

from django.http import HttpRequest

from audit.models import ActorKind, Door
from core.client_address import client_address

_AGENT_LENGTH = 300


class _Key(Protocol):
    """What an entry tells of an API key; its app is above this one."""

    pk: int
    prefix: str
    name: str


@dataclass(frozen=True, slots=True)
class Who:
    kind: ActorKind
    name: str
    user_id: int | None = None
    key_id: int | None = None


HUB = Who(ActorKind.HUB, "hub")
COMMAND_LINE = "command line"


@dataclass(slots=True)
class Trail:
    """What the entries of one request or command share."""

    door: Door
    path: str
    changes_count: bool = True
    """False for a request that only reads: what it marks as seen is no act."""
    act: str = ""
    """What the page or command is for, in one word of ``audit.acts``; empty: the change speaks for itself."""
    about: str = ""
    restaurant: str = ""
    code: str = ""
    """Why the act was refused, where the answer alone does not tell."""
    is_counted: bool = False
    """Whether an entry of an earlier request counts this one, so that it leaves none of its own."""
    request_id: UUID = field(default_factory=uuid4)
    entries: dict[str, int] = field(default_factory=dict)
    """The entries by their subject: a form writes an object in several steps, which make one entry."""
    before: dict[str, dict[str, object]] = field(default_factory=dict)
    """The stored fields of what is about to be saved, by subject."""

    @property
    def who(self) -> Who:
        return HUB

    @property
    def address(self) -> str | None:
        return None

    @property
    def user_agent(self) -> str:
        return ""


@dataclass(slots=True)
class RequestTrail(Trail):
    request: HttpRequest = field(kw_only=True)

    @property
    def who(self) -> Who:
        """Name who sent the request, as it is known by now: DRF notes the key of an API's caller on it."""
        key = getattr(self.request, "auth", None)
        if key is not None:
            known = cast("_Key", key)
            return Who(ActorKind.KEY, f"{known.name} ({known.prefix}…)", key_id=known.pk)
        user = getattr(self.request, "user", None)
        if user is not None and not user.is_authenticated:
            # Whoever gave the password and owes the second step: the gate notes them, once it was asked.
            user = getattr(self.request, "known_by_password", None)
        return HUB if user is None else Who(ActorKind.PERSON, user.get_username(), user_id=user.pk)

    @property
    def is_known(self) -> bool:
        """Whether somebody is signed in, or shows a key that opens."""
        return self.who is not HUB

    @property
    def address(self) -> str | None:
        return client_address(self.request.META) or None

    @property
    def user_agent(self) -> str:
        agent: str = self.request.META.get("HTTP_USER_AGENT", "")
        return agent[:_AGENT_LENGTH]


@dataclass(slots=True)
class CommandTrail(Trail):
    @property
    def who(self) -> Who:
        return Who(ActorKind.COMMAND_LINE, f"{COMMAND_LINE}: {system_user()}")


def system_user() -> str:
    """Name the user of the machine, and whoever became it by sudo."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container has no names for its numbers
        name = f"uid {os.getuid()}"
    called_by = os.environ.get("SUDO_USER", "")
    return f"{called_by} as {name}" if called_by else name


_trail: ContextVar[Trail | None] = ContextVar("audit_trail", default=None)


def current() -> Trail | None:
    return _trail.get()


@contextmanager
def following(trail: Trail) -> Iterator[None]:
    token = _trail.set(trail)
    try:
        yield
    finally:
        _trail.reset(token)


def note_refusal(code: str) -> None:
    """Say why the act of this request was refused, where its answer is a page as any other."""
    if (trail := current()) is not None:
        trail.code = code
