"""What became of the commands: asked for by correlation id, forgotten after a while."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sandbox.wire import Json

KEPT = timedelta(minutes=30)
_TAKEN_KEPT = 10_000


@dataclass(slots=True)
class _Entry:
    organization_id: UUID
    state: Json


@dataclass(frozen=True, slots=True)
class _Taken:
    operation: str
    correlation_id: UUID
    body: Json
    entry: _Entry


class CommandBook:
    """The commands' states. Not for several threads at once."""

    def __init__(self) -> None:
        self._entries: dict[UUID, _Entry] = {}
        self._done: deque[tuple[datetime, UUID]] = deque()
        self._taken: deque[_Taken] = deque(maxlen=_TAKEN_KEPT)

    def begin(self, correlation_id: UUID, organization_id: UUID) -> None:
        self._entries[correlation_id] = _Entry(organization_id, {"state": "InProgress"})

    def note(self, correlation_id: UUID, operation: str, body: Json) -> None:
        """Keep what a command asked for; an id that names no command is left out."""
        if entry := self._entries.get(correlation_id):
            self._taken.append(_Taken(operation, correlation_id, body, entry))

    def taken(self) -> list[Json]:
        """Give the commands that were accepted, the oldest first, with what became of them."""
        return [
            {
                "operation": each.operation,
                "correlation_id": str(each.correlation_id),
                "body": each.body,
                "state": each.entry.state["state"],
            }
            for each in self._taken
        ]

    def succeed(self, correlation_id: UUID, at: datetime) -> None:
        self._finish(correlation_id, {"state": "Success"}, at)

    def fail(self, correlation_id: UUID, message: str, reason: str | None, at: datetime) -> None:
        self._finish(
            correlation_id,
            {"state": "Error", "exception": {"message": message}, "errorReason": reason},
            at,
        )

    def state(self, correlation_id: UUID, organization_id: UUID, now: datetime) -> Json | None:
        """Give the state of a command; None when it is not known, or no longer, or another's."""
        while self._done and self._done[0][0] <= now - KEPT:
            self._entries.pop(self._done.popleft()[1], None)
        entry = self._entries.get(correlation_id)
        return entry.state if entry and entry.organization_id == organization_id else None

    def _finish(self, correlation_id: UUID, state: Json, at: datetime) -> None:
        self._entries[correlation_id].state = state
        self._done.append((at, correlation_id))
