"""What blocks a call before it is sent: a rate limit of iiko, a circuit of our own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from iiko_client.endpoints.registry import Operation
from iiko_client.http import call_record, errors, rate_limits, responses
from iiko_client.http.circuit_breaker import Breaker, CallResult, Priority
from iiko_client.http.rate_limits import AskedPause, Pauses
from iiko_client.http.responses import Refusal
from iiko_client.json_reader import JsonObject


@dataclass(frozen=True, slots=True)
class RateLimitGate:
    """The pauses of one credential, by restriction group."""

    key: str
    pauses: Pauses
    clock: Callable[[], datetime]

    def admit(self, operation: Operation) -> None:
        """Let a call go, or raise IikoBusy while its restriction group is paused."""
        rest_s = rate_limits.remaining_s(self.pauses.get(self._name(operation)), self.clock())
        if rest_s > 0:
            raise errors.IikoBusy(
                "iiko asked to be left alone for a while", retry_after_s=rest_s, operation=operation.name
            )

    def refused(self, operation: Operation, asked: AskedPause, refusal: Refusal) -> errors.IikoBusy:
        """Record a 429 and return it as an error."""
        now, name = self.clock(), self._name(operation)
        asked_s = rate_limits.retry_after_s(asked.retry_after, now, asked.answered_at)
        pause = rate_limits.next_pause(
            self.pauses.get(name), now, asked_s=asked_s, steps_s=operation.busy_steps_s
        )
        self.pauses.put(name, pause)
        return errors.IikoBusy(
            refusal.description,
            retry_after_s=rate_limits.remaining_s(pause, now),
            operation=operation.name,
            http_status=429,
            correlation_id=refusal.correlation_id,
            code=refusal.code,
        )

    def _name(self, operation: Operation) -> str:
        return f"{self.key}/{operation.group}"


@dataclass(frozen=True, slots=True)
class CircuitGate:
    """The circuits of every call: the credential's, the operation's for one organization, a wallet's."""

    key: str
    breaker: Breaker
    clock: Callable[[], datetime]

    def admit(self, operation: Operation, body: JsonObject, priority: Priority) -> None:
        """Let a call go, or raise IikoBlocked."""
        now = self.clock()
        admitted: list[str] = []
        for circuit in reversed(self._names(operation, body)):
            until = self.breaker.admit(circuit, priority, now)
            if until is not None:
                for earlier in admitted:  # they may have noted a probe that will not take place
                    self.breaker.record(earlier, CallResult.NEUTRAL, now)
                raise errors.IikoBlocked(
                    "not sent: iiko refused several calls in a row, and repeating them gets the key blocked",
                    until=until,
                    retry_after_s=max(0.0, (until - now).total_seconds()),
                    operation=operation.name,
                )
            admitted.append(circuit)

    def record(
        self, operation: Operation, body: JsonObject, error: errors.IikoError | None, *, curable: bool
    ) -> None:
        """Record the result of a call; ``curable``: a new token is yet to be tried."""
        now = self.clock()
        found = call_results(operation, error, curable=curable)
        for circuit, result in zip(self._names(operation, body), found, strict=False):
            self.breaker.record(circuit, result, now)

    def _names(self, operation: Operation, body: JsonObject) -> list[str]:
        """Name the circuits of a call, the widest first."""
        organization = call_record.organization_of(body) or ""
        names = [self.key, f"{self.key}/{operation.name}/{organization}"]
        if operation.subject:
            subject = "/".join(str(body.get(field, "")) for field in operation.subject)
            names.append(f"{self.key}/{operation.name}/{subject}/{organization}")
        return names


def call_results(
    operation: Operation, error: errors.IikoError | None, *, curable: bool
) -> tuple[CallResult, CallResult, CallResult]:
    """Rate a call for its circuits: of the credential, of the operation and organization, of the subject."""
    if isinstance(error, errors.IikoRejected) and operation.subject and _is_of_the_trade(error):
        return CallResult.GOOD, CallResult.REFUSED, CallResult.SUSPICIOUS
    whole, part = _call_results(operation, error, curable=curable)
    return whole, part, CallResult.GOOD if part is CallResult.GOOD else CallResult.NEUTRAL


def _is_of_the_trade(error: errors.IikoRejected) -> bool:
    """Tell a refusal of the trade (docs/iiko.md#refusals-of-wallets) from one of a wrong request.

    It is a 400 in the vendor's own shape.
    """
    return error.http_status == 400 and bool(error.code or error.correlation_id)


def _call_results(
    operation: Operation, error: errors.IikoError | None, *, curable: bool
) -> tuple[CallResult, CallResult]:
    if isinstance(error, errors.IikoAuthFailed):
        if error.code == responses.RIGHT_MISSING:
            return CallResult.GOOD, CallResult.SUSPICIOUS
        return (CallResult.NEUTRAL if curable else CallResult.SUSPICIOUS), CallResult.NEUTRAL
    if isinstance(error, errors.IikoRejected) and not _is_ordinary(operation, error):
        return CallResult.GOOD, CallResult.SUSPICIOUS
    if isinstance(error, errors.IikoNoAnswer):
        is_theirs = (error.http_status or 0) >= 500
        return (CallResult.SUSPICIOUS if is_theirs else CallResult.NEUTRAL), CallResult.NEUTRAL
    if isinstance(error, errors.IikoBusy):
        return CallResult.NEUTRAL, CallResult.NEUTRAL
    return CallResult.GOOD, CallResult.GOOD


def _is_ordinary(operation: Operation, error: errors.IikoRejected) -> bool:
    """Tell whether callers expect this refusal and act on it."""
    if isinstance(error, errors.IikoRevisionTooOld | errors.IikoTooMuchData):
        return True
    return error.code in operation.ordinary_refusals or error.http_status in operation.ordinary_statuses
