"""What a step of a command found, and how long to wait for the next: shared by all kinds of commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from core.errors import HubError
from iiko_client.http.errors import (
    IikoAuthFailed,
    IikoBusy,
    IikoError,
    IikoNotSent,
    IikoRejected,
    IikoRequestInvalid,
)
from iiko_client.models.commands import CommandStatus
from orders.commands.refusals import code_of
from orders.models.command import CommandState, OrderCommand

logger = structlog.stdlib.get_logger(__name__)

Clock = Callable[[], datetime]

SEND_WITHIN = timedelta(minutes=15)
"""A command that could not be sent for so long expires: nobody waits for it any more."""

RECOVER_FOR = timedelta(minutes=10)
"""How long an order is read after a lost answer. One that then shows nothing was not changed."""

FOLLOW_FOR = timedelta(hours=24)
"""A POS may be offline and carry a command out later; after so long it expires."""

# iiko wants 2–5 s between two questions (docs/iiko.md#command-status).
PAUSES = (timedelta(seconds=2), timedelta(seconds=3), timedelta(seconds=5))
_LONGEST_BUSY_S = 60.0
_LONG_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What a step found: an end, or the state to go on in and how long to wait.

    ``phase``: the step led to another phase, where it goes on at once; ``facts`` are kept in ``state_data``.
    """

    state: CommandState
    wait: timedelta | None = None
    code: str = ""
    error: str = ""
    confirmed_by: str = ""
    correlation_id: str = ""
    phase: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def of_failed_sending(command: OrderCommand, error: IikoError | HubError) -> StepOutcome:
    """Judge a call that should change something and brought no answer: surely not done, or unknown."""
    match error:
        case IikoNotSent():
            return StepOutcome(
                CommandState.PENDING, pause(command.poll_count), "iiko_unreachable", str(error)
            )
        case IikoBusy():
            return StepOutcome(CommandState.PENDING, busy(error), "iiko_busy", str(error))
        case IikoRequestInvalid():
            return StepOutcome(CommandState.REJECTED, None, "breaks_a_limit", error.description)
        case IikoAuthFailed() | IikoRejected():
            code = code_of(error.code, error.description)
            return StepOutcome(CommandState.REJECTED, None, code, error.description)
        case HubError():
            return StepOutcome(CommandState.REJECTED, None, error.code, str(error))
    logger.warning("command.answer_lost", command_pk=command.pk, error_type=type(error).__name__)
    return StepOutcome(CommandState.UNKNOWN, PAUSES[0], "answer_lost", str(error))


def later(command: OrderCommand, state: CommandState, error: IikoError | HubError | None) -> StepOutcome:
    """Poll again, a little later; ``error`` is why nothing was learned this time."""
    wait = pause(command.poll_count)
    if isinstance(error, IikoBusy):
        wait = max(wait, busy(error))
    elif isinstance(error, IikoRejected | IikoAuthFailed | HubError):
        wait = max(wait, _LONG_PAUSE)  # refused calls repeated get the key blocked
    if state == CommandState.UNKNOWN:
        return StepOutcome(state, wait, command.error_code, command.error)
    return (
        StepOutcome(state, wait) if error is None else StepOutcome(state, wait, _code_of(error), str(error))
    )


def _code_of(error: IikoError | HubError) -> str:
    if isinstance(error, IikoBusy):
        return "iiko_busy"
    return error.code or "iiko_unreachable"


def refused(status: CommandStatus) -> StepOutcome:
    """Judge a command whose status is an error: with iiko's own words."""
    said = [text for text in (status.message, status.reason) if text]
    # The words name the reason, or are the same.
    words = said[:1] if len(said) == 2 and said[1] in said[0] else said
    return StepOutcome(
        CommandState.REJECTED, None, code_of(status.reason, status.message or ""), ". ".join(words)
    )


def since(command: OrderCommand) -> datetime:
    return command.sent_at or command.created_at


def busy(error: IikoBusy) -> timedelta:
    # An earlier call is stopped by the client itself; a command that grows too old meanwhile expires in time.
    return timedelta(seconds=min(max(error.retry_after_s, 1), _LONGEST_BUSY_S))


def pause(poll_count: int) -> timedelta:
    """Return 2, 3 and then 5 seconds; after two minutes half a minute, after half an hour five minutes."""
    if poll_count < 24:
        return PAUSES[min(poll_count, len(PAUSES) - 1)]
    return _LONG_PAUSE if poll_count < 80 else _LONGEST_PAUSE
