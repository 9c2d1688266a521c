"""What a step of a command found, and how long to wait for the next: shared by all kinds of commands."""

from datetime import timedelta

from core.errors import HubError
from core.outbox import StepOutcome, pause_after
from iiko_client.http.errors import IikoAuthFailed, IikoBusy, IikoError, IikoRejected, IikoRequestInvalid
from iiko_client.models.commands import CommandStatus
from orders.commands.refusals import code_of
from orders.models.command import CommandState, OrderCommand

SEND_WITHIN = timedelta(minutes=15)
"""A command that could not be sent for so long expires: nobody waits for it any more."""

RECOVER_FOR = timedelta(minutes=10)
"""How long an order is read after a lost answer. One that then shows nothing was not changed."""

FOLLOW_FOR = timedelta(hours=24)
"""A POS may be offline and carry a command out later; after so long it expires."""

_LONG_PAUSE = timedelta(seconds=30)
PAUSES = (
    *(timedelta(seconds=2), timedelta(seconds=3), *(timedelta(seconds=5),) * 22),
    *(_LONG_PAUSE,) * 56,
    timedelta(minutes=5),
)
"""iiko wants 2 to 5 s between two polls (docs/iiko.md#command-status). Half a minute after two minutes, five
minutes after half an hour."""

_LONGEST_BUSY_S = 60.0


def of_refusal(error: IikoAuthFailed | IikoRejected | HubError) -> StepOutcome:
    """Judge that iiko, or this hub, would not do it."""
    match error:
        case IikoRequestInvalid():
            return StepOutcome(CommandState.REJECTED, None, "breaks_a_limit", error.description)
        case HubError():
            return StepOutcome(CommandState.REJECTED, None, error.code, str(error))
    code = code_of(error.code, error.description)
    return StepOutcome(CommandState.REJECTED, None, code, error.description)


def later(command: OrderCommand, state: str, error: IikoError | HubError | None) -> StepOutcome:
    """Poll again, a little later; ``error`` is why nothing was learned this time."""
    wait = pause_after(PAUSES, command.poll_count)
    if isinstance(error, IikoBusy):
        wait = max(wait, busy_pause(error))
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


def busy_pause(error: IikoBusy) -> timedelta:
    # An earlier call is stopped by the client itself; a command that grows too old meanwhile expires in time.
    return timedelta(seconds=min(max(error.retry_after_s, 1), _LONGEST_BUSY_S))
