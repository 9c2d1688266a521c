"""Stop calling before iiko blocks the key.

iiko blocks the key of an integration that repeats failing calls (docs/iiko.md#blocked-keys). A circuit
counts suspicious answers in a row; while it is open, calls are refused here. There is one circuit for each
credential (401, 402, 5xx) and one for each operation and organization (the same request refused again and
again), so that one organization without loyalty does not stop another's orders. Where refusals are part of
the trade, as of an empty wallet, they count in full for that wallet alone, and for the operation only when
many come in a row (docs/iiko.md#refusals-of-wallets).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from typing import Protocol

_PROBE_ANSWERS_WITHIN = timedelta(seconds=5)  # usually: worth another try then


class Priority(IntEnum):
    """Who waits for the answer. An operator's call is the first to try a circuit that was open."""

    BACKGROUND = 0
    OPERATOR = 1


class CallResult(Enum):
    """What an answer means for a circuit."""

    GOOD = "good"
    SUSPICIOUS = "suspicious"
    REFUSED = "refused"
    """A refusal that is part of the trade; many of them and nothing else are suspicious all the same."""
    NEUTRAL = "neutral"
    """No statement of iiko on our behaviour: a lost connection, a 408, a 429."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a circuit opens and for how long."""

    failures: int = 5
    refusals: int = 25
    open_for: timedelta = timedelta(seconds=60)
    longest: timedelta = timedelta(minutes=15)
    operator_first: timedelta = timedelta(seconds=10)
    """After the pause, background calls stay away this much longer: an operator's call goes first."""
    probe_for: timedelta = timedelta(seconds=60)
    """A probe without a result for so long is abandoned, and another may go."""
    forget_after: timedelta = timedelta(minutes=10)
    """Failures further apart than this do not belong together."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """Closed while ``open_until`` is None; open until then; half-open after, until a probe has a result."""

    failures: int = 0
    refusals: int = 0
    last_failure_at: datetime | None = None
    open_until: datetime | None = None
    openings: int = 0
    probe_until: datetime | None = None
    probed_by: Priority = Priority.BACKGROUND

    def blocked_until(self, priority: Priority, now: datetime, limits: Limits) -> datetime | None:
        """Return until when a call has to stay away; None: it may go."""
        if self.open_until is None:
            return None
        if now < self.open_until:
            return self.open_until
        if self.probe_until and now < self.probe_until and priority <= self.probed_by:
            return min(self.probe_until, now + _PROBE_ANSWERS_WITHIN)
        held_back = self.open_until + limits.operator_first
        if priority is Priority.BACKGROUND and now < held_back:
            return held_back
        return None

    def admitted(self, priority: Priority, now: datetime, limits: Limits) -> Circuit:
        """Return the circuit with a call that may go; on a half-open circuit it is the probe."""
        if self.open_until is None:
            return self
        return replace(self, probe_until=now + limits.probe_for, probed_by=priority)

    def after(self, result: CallResult, now: datetime, limits: Limits) -> Circuit:
        """Return the circuit after an answer."""
        if result is CallResult.GOOD:
            return self if self.open_until and now < self.open_until else CLOSED
        if result is CallResult.NEUTRAL:
            return replace(self, probe_until=None)
        return self._failed(now, limits, is_refusal=result is CallResult.REFUSED)

    def _failed(self, now: datetime, limits: Limits, *, is_refusal: bool) -> Circuit:
        # A call that was under way when the circuit opened must not open it once more.
        if self.open_until and now < self.open_until:
            return self
        forgotten = self.last_failure_at and now - self.last_failure_at > limits.forget_after
        failures, refusals = (0, 0) if forgotten else (self.failures, self.refusals)
        failures, refusals = failures + (not is_refusal), refusals + is_refusal
        failed = replace(self, failures=failures, refusals=refusals, last_failure_at=now)
        if self.open_until is None and failures < limits.failures and refusals < limits.refusals:
            return failed
        span = min(limits.open_for * 2 ** min(self.openings, 16), limits.longest)
        return replace(failed, open_until=now + span, openings=self.openings + 1, probe_until=None)


CLOSED = Circuit()


class Breaker(Protocol):
    """Keeps circuits by name; share it between the processes that share a credential.

    An implementation reads a circuit, applies the methods of ``Circuit`` and stores the result in one
    step that no other process can come between.
    """

    def admit(self, circuit: str, priority: Priority, now: datetime) -> datetime | None:
        """Return None and record the call if it may go, else the moment until which it may not."""
        ...

    def record(self, circuit: str, result: CallResult, now: datetime) -> None: ...


class InMemoryBreaker:
    """The circuits of one process; closed ones take no room."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._circuits: dict[str, Circuit] = {}
        self._lock = threading.Lock()

    def admit(self, circuit: str, priority: Priority, now: datetime) -> datetime | None:
        with self._lock:
            state = self._circuits.get(circuit, CLOSED)
            until = state.blocked_until(priority, now, self._limits)
            if until is None:
                self._keep(circuit, state.admitted(priority, now, self._limits))
            return until

    def record(self, circuit: str, result: CallResult, now: datetime) -> None:
        with self._lock:
            state = self._circuits.get(circuit, CLOSED)
            self._keep(circuit, state.after(result, now, self._limits))

    def _keep(self, circuit: str, state: Circuit) -> None:
        if state == CLOSED:
            self._circuits.pop(circuit, None)
        else:
            self._circuits[circuit] = state
