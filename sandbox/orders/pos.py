"""The POS: what it refuses, and the commands it carries out a little later, while it is online."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from uuid import UUID

from sandbox.catalogue.world import Organization, Row, TerminalGroup, find
from sandbox.engine.engine import Engine
from sandbox.http.vendor_json import Json
from sandbox.orders.order import CreationStatus, Order

KEPT = timedelta(minutes=30)
CHANGED_AT_POS = "Can not update order, order status was changed at the restaurant checkout"
_ACCEPTED_KEPT = 10_000
_EXECUTION_MINUTES = (0.1, 0.4)

Act = Callable[[UUID, datetime], None]


class Refused(Exception):
    """The POS refuses; ``reason`` is a code of the vendor's list."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


def get_row(row_id: UUID, rows: Iterable[Row], what: str = "", code: str | None = None) -> Row:
    """Give the row of an id.

    Raises:
        Refused: there is none.
    """
    row = find(rows, row_id)
    if row is None:
        raise Refused(f"{what}{row_id} is not found", code)
    return row


def check_version(pos_version: str, needed: tuple[int, ...]) -> None:
    """Refuse what the program of the POS is too old for."""
    if not is_version_from(pos_version, needed):
        wanted = ".".join(map(str, needed))
        raise Refused(
            f"iikoFront version {pos_version} is too old, {wanted} is needed", "IikoFrontTooOldVersion"
        )


def is_version_from(pos_version: str, needed: tuple[int, ...]) -> bool:
    return tuple(int(part) for part in pos_version.split(".")) >= needed


def check_open(order: Order) -> None:
    if order.creation is not CreationStatus.SUCCESS:
        raise Refused("Order is not found at the restaurant checkout", "OrderNotFound")
    if order.is_over:
        raise Refused(CHANGED_AT_POS, "OrderStatusChangedInIikoFront")


@dataclass(slots=True)
class _Submitted:
    """A command with its state; ``act`` is called with its correlation id when it is carried out."""

    organization: Organization
    group: TerminalGroup | None
    act: Act
    state: Json = field(default_factory=lambda: {"state": "InProgress"})


class Commands:
    """The commands of all restaurants by correlation id, kept for a while. Not thread-safe."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self._engine = engine
        self._rng = Random(f"{seed}/commands")
        self._known: dict[UUID, _Submitted] = {}
        self._done: deque[tuple[datetime, UUID]] = deque()
        self._accepted: deque[tuple[Json, _Submitted]] = deque(maxlen=_ACCEPTED_KEPT)

    def submit(
        self, organization: Organization, now: datetime, act: Act, group: TerminalGroup | None = None
    ) -> UUID:
        """Accept a command: it is carried out after a while, once the POS of the group is online."""
        correlation_id = UUID(int=self._rng.getrandbits(128), version=4)
        self._known[correlation_id] = _Submitted(organization, group, act)
        wait = self._engine.pace.wall(self._rng.uniform(*_EXECUTION_MINUTES))
        self._engine.scheduler.add(now + wait, partial(self._carry_out, correlation_id))
        return correlation_id

    def record(self, correlation_id: UUID, operation: str, body: Json) -> None:
        """Keep the request of a command; an id that names no command is left out."""
        if submitted := self._known.get(correlation_id):
            request: Json = {"operation": operation, "correlation_id": correlation_id, "body": body}
            self._accepted.append((request, submitted))

    def accepted(self) -> list[Json]:
        """Give the commands that were accepted, the oldest first, with their states."""
        return [{**request, "state": submitted.state["state"]} for request, submitted in self._accepted]

    def state(self, correlation_id: UUID, organization: Organization, now: datetime) -> Json | None:
        """Give the state of a command; None when it is not known, or no longer, or another's."""
        while self._done and self._done[0][0] <= now - KEPT:
            self._known.pop(self._done.popleft()[1], None)
        submitted = self._known.get(correlation_id)
        return submitted.state if submitted and submitted.organization.id == organization.id else None

    def _carry_out(self, correlation_id: UUID, at: datetime) -> None:
        submitted = self._known[correlation_id]
        if not self._engine.is_online(submitted.organization, submitted.group):
            again = partial(self._carry_out, correlation_id)
            self._engine.when_online(submitted.organization, again, submitted.group)
            return
        try:
            submitted.act(correlation_id, at)
        except Refused as refusal:
            submitted.state = {
                "state": "Error",
                "exception": {"message": refusal.message},
                "errorReason": refusal.reason,
            }
            self._engine.on_trouble("command_refused", correlation_id=correlation_id)
        else:
            submitted.state = {"state": "Success"}
        self._done.append((at, correlation_id))
