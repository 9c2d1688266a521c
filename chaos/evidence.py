"""What is known after a run, from both sides: what iiko has and did, what the hub has and showed."""

import json
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

Json = dict[str, Any]


def canonical(message: object) -> str:
    """Write a message so that equal content is equal text."""
    return json.dumps(message, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A row of the inbox; ``message`` is its payload, as ``canonical`` writes it."""

    organization_id: str | None
    event_type: str
    entity_id: str | None
    revision: int | None
    message: str
    status: str
    reason: str = ""
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """What a client requested of the hub, and the last answer; ``id`` is of the command or operation."""

    path: str
    body: Json
    key: str
    status: int
    tries: int = 1
    id: int | None = None
    order_id: str | None = None
    """iiko's, of an action on an order."""

    @property
    def is_acknowledged(self) -> bool:
        return self.status in (200, 202)


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer that a client or a person got; ``status`` is 0 where none came. Times in seconds."""

    at: float
    endpoint: str
    status: int
    took_s: float
    said: str = ""
    """What it said was wrong."""

    @property
    def is_good(self) -> bool:
        return self.status == 200


class Spares(Enum):
    """What of the web goes on while a fault is there."""

    NOTHING = auto()
    ONE_PROCESS = auto()
    """What the other one had begun is lost; whoever asks again is answered."""
    WEB = auto()
    """Everybody is answered in time, be it that nothing can be stored."""
    RECEIVING = auto()
    """Each webhook is stored, in time."""


@dataclass(slots=True)
class Injected:
    """A fault that was injected; ``not_injected`` says why it could not be."""

    name: str
    hit: str
    began: float
    ended: float
    up_again: float
    not_injected: str = ""
    spares: Spares = Spares.NOTHING
    broken: list[str] = field(default_factory=list)
    """What had to go on and did not."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How old the oldest event was that waited to be applied; 0 where none waited."""

    at: float
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Calm:
    """This machine before the first fault: how long a webhook took at most, in seconds."""

    webhook_s: float = 0.0
    webhooks: int = 0


@dataclass(slots=True)
class Evidence:
    """Everything that the checks look at; each side is gathered without the other's help."""

    # iiko
    orders: list[Json] = field(default_factory=list)
    zones: dict[str, str] = field(default_factory=dict)
    history: list[Json] = field(default_factory=list)
    taken: list[Json] = field(default_factory=list)
    transactions: list[Json] = field(default_factory=list)
    """With ``customerId`` added."""
    opening_balances: dict[tuple[str, str], str] = field(default_factory=dict)
    balances: dict[tuple[str, str], str] = field(default_factory=dict)
    """By guest and wallet."""
    stop_lists: set[tuple[str, str, str, float]] = field(default_factory=set)
    webhooks_lost: int = 0
    # the hub
    acknowledged: list[Json] = field(default_factory=list)
    """Messages of webhooks answered 2xx."""
    inbox: list[InboxRow] = field(default_factory=list)
    shown_orders: dict[str, Json] = field(default_factory=dict)
    """In the end, by iiko's id."""
    shown_balances: dict[tuple[str, str], str] = field(default_factory=dict)
    shown_stop_lists: set[tuple[str, str, str, float]] = field(default_factory=set)
    commands: dict[int, Json] = field(default_factory=dict)
    operations: dict[int, Json] = field(default_factory=dict)
    # clients of the hub
    requests: list[ClientRequest] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    states_shown: set[tuple[str, int | None, str | None]] = field(default_factory=set)
    """Of orders, meanwhile: iiko's id, revision, status."""
    shown_confirmed: set[int] = field(default_factory=set)
    """Commands shown as confirmed, meanwhile."""
    injected: list[Injected] = field(default_factory=list)
    backlog: list[Backlog] = field(default_factory=list)
    lags: list[tuple[float, float]] = field(default_factory=list)
    """Moments at which this machine let a thread wait, and for how long."""
    calm: Calm = field(default_factory=Calm)
    ended_by_themselves: list[str] = field(default_factory=list)
    """Processes that nobody had killed."""
    gaps: list[str] = field(default_factory=list)
    """What was missed in gathering."""
