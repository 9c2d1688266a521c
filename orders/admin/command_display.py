"""A command in words: the request, its state, iiko's answer and the next step."""

from collections.abc import Mapping
from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy

from core.display import EMPTY, badge
from core.errors import HubError
from orders.actions.base import Display
from orders.actions.registry import action_of
from orders.commands.refusals import OF_THE_HUB, REFUSED, meaning
from orders.models.command import CommandKind, CommandState, OrderCommand, Phase

_BADGES = {
    CommandState.PENDING: ("pending", gettext_lazy("Waiting to be sent")),
    CommandState.SENT: ("sending", gettext_lazy("Waiting for iiko")),
    CommandState.UNKNOWN: ("problem", gettext_lazy("No answer, being looked into")),
    CommandState.CONFIRMED: ("processed", gettext_lazy("Done")),
    CommandState.REJECTED: ("refused", gettext_lazy("Refused")),
    CommandState.EXPIRED: ("failed", gettext_lazy("Abandoned")),
    CommandState.NEEDS_ATTENTION: ("dead", gettext_lazy("Needs attention")),
}

_CONFIRMED_BY = {
    "status": gettext_lazy("iiko said that the command is done"),
    "event": gettext_lazy("an event from iiko shows it"),
    "order": gettext_lazy("the order, read from iiko, shows it"),
}

# Refusals whose words are meant for programs, or name what a form calls otherwise.
_REFUSALS = {
    "no_api_login": gettext_lazy(
        "This restaurant has no working API login, so nothing can be sent to iiko. Ask an "
        "administrator to choose one (Organizations) and to switch it on."
    ),
    "bad_api_login": gettext_lazy(
        "The API login of this restaurant is not complete, so nothing can be sent to iiko. Ask an "
        "administrator to correct it."
    ),
    "removal_type_needed": gettext_lazy("The kitchen has this order. Choose what becomes of the food."),
    "payment_type_not_external": gettext_lazy(
        "iiko takes this payment type only itself. Choose another type, or take off the mark "
        "“taken outside iiko”."
    ),
    "not_confirmed": gettext_lazy(
        "The order is not confirmed yet. Set the status Waiting for the kitchen first."
    ),
    "paid_on_the_way": gettext_lazy(
        "This restaurant takes the payment when the order leaves, and iiko then knows no such status. "
        "Set On the way when the courier leaves."
    ),
    "discount_ambiguous": gettext_lazy("Write a sum or a percentage, not both."),
    "discount_sum_needed": gettext_lazy("This discount takes a sum: write one, or a percentage."),
    "discount_takes_no_sum": gettext_lazy(
        "This discount has a size of its own: leave the sum and the percentage empty."
    ),
    "not_on_the_way": gettext_lazy("iiko takes this only from the status On the way. Set that one first."),
}


def reason_text(code: str, detail: str) -> str:
    """Say to a person why something cannot be requested."""
    return str(_REFUSALS.get(code, detail))


def refusal_text(error: HubError) -> str:
    return reason_text(error.code, error.detail)


def title_text(kind: str) -> str:
    return str(action_of(kind).title) if kind in CommandKind.values else kind


def state_badge(state: str) -> SafeString:
    known = _BADGES.get(CommandState(state)) if state in CommandState.values else None
    return badge(known[0], str(known[1])) if known else badge("none", state)


def confirmed_by_text(confirmed_by: str) -> str:
    return str(_CONFIRMED_BY.get(confirmed_by, confirmed_by))


def params_text(kind: str, params: Mapping[str, object], display: Display) -> str:
    """Write what was requested; a command of another version of the hub is shown as it is."""
    try:
        action = action_of(kind)
        return action.describe(action.params.from_json(params), display)
    except (TypeError, ValueError, AttributeError, ArithmeticError):
        return str(params or EMPTY)


def command_text(command: OrderCommand, *, now: datetime) -> str:
    """Write what a command asks for; its order and restaurant are fetched with it."""
    organization = command.order.organization
    display = Display(organization.currency, organization.zone(), now)
    return params_text(command.kind, command.params, display)


def phase_text(phase: str) -> str:
    return str(Phase(phase).label) if phase in Phase.values else phase


def outcome_lines(command: OrderCommand) -> list[tuple[str, str]]:
    """Return the outcome: iiko's words, what they mean, what to do; titles with texts."""
    known = meaning(command.error_code)
    is_iikos = command.error_code not in OF_THE_HUB or command.error_code == REFUSED
    lines = [
        (_("Cause"), str(known.cause) if known else ""),
        (_("What to do"), str(known.next_step) if known else ""),
        (_("In iiko's words") if is_iikos else _("Details"), command.error),
        (_("Code"), command.error_code),
        (_("Confirmed by"), confirmed_by_text(command.confirmed_by)),
    ]
    return [(title, text) for title, text in lines if text]


def trouble_text(code: str, error: str) -> str:
    """Say in one line what went wrong: the cause where it is known, else iiko's words."""
    known = meaning(code)
    return str(known.cause) if known else error
