"""A command in words: the request, its state, iiko's answer and the next step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.display import EMPTY, badge, clock_text, money
from core.errors import HubError
from iiko_client import vendor_time
from orders.admin.display import outside_text, status_text
from orders.commands.refusals import OF_THE_HUB, REFUSED, meaning
from orders.models.command import CommandKind, CommandState, OrderCommand, Phase

TITLES = {
    CommandKind.UPDATE_STATUS: gettext_lazy("Change the status"),
    CommandKind.ASSIGN_COURIER: gettext_lazy("Assign a courier"),
    CommandKind.UPDATE_PAYMENT: gettext_lazy("Change the payment"),
    CommandKind.CANCEL: gettext_lazy("Cancel the order"),
    CommandKind.APPLY_DISCOUNT: gettext_lazy("Give a discount"),
}

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
    "not_on_the_way": gettext_lazy("iiko takes this only from the status On the way. Set that one first."),
}


def reason_text(code: str, detail: str) -> str:
    """Say to a person why something cannot be requested."""
    return str(_REFUSALS.get(code, detail))


def refusal_text(error: HubError) -> str:
    return reason_text(error.code, error.detail)


def title_text(kind: str) -> str:
    return str(TITLES[CommandKind(kind)]) if kind in CommandKind.values else kind


def state_badge(state: str) -> SafeString:
    known = _BADGES.get(CommandState(state)) if state in CommandState.values else None
    return badge(known[0], str(known[1])) if known else badge("none", state)


def confirmed_by_text(confirmed_by: str) -> str:
    return str(_CONFIRMED_BY.get(confirmed_by, confirmed_by))


def params_text(kind: str, params: Mapping[str, Any], *, currency: str, zone: tzinfo, now: datetime) -> str:
    """Write what was requested; a command of another version of the hub is shown as it is."""
    try:
        return _PARAMS_TEXTS[CommandKind(kind)](params, currency, zone, now)
    except (KeyError, TypeError, ValueError, AttributeError):
        return str(params or EMPTY)


def _status(params: Mapping[str, Any], _currency: str, zone: tzinfo, now: datetime) -> str:
    text = status_text(params["status"])
    if not (at := params.get("delivered_at")):
        return text
    moment = clock_text(vendor_time.terminal_local(at, UTC), zone, now=now)
    return _("%(status)s, with the guest at %(moment)s") % {"status": text, "moment": moment}


def _courier(params: Mapping[str, Any], *_rest: Any) -> str:
    if params["courier_id"] is None:
        return _("nobody: the courier is taken off")
    return str(params.get("courier_name") or params["courier_id"])


def _payments(params: Mapping[str, Any], currency: str, *_rest: Any) -> str:
    return ", ".join(
        f"{one['name']} {money(one['sum_minor'], currency)}{outside_text(one)}" for one in params["payments"]
    )


def _cancellation(params: Mapping[str, Any], *_rest: Any) -> str:
    said = [
        params.get("cause"),
        params.get("reason") if params.get("reason") != params.get("cause") else None,
    ]
    said += [_("removal: %(name)s") % {"name": params["removal_type"]}] if params.get("removal_type") else []
    return "; ".join(str(one) for one in said if one) or _("without a reason")


def _discount(params: Mapping[str, Any], currency: str, *_rest: Any) -> str:
    sizes = [f"{params['percent'].replace('.', ',')} %" if params.get("percent") else ""]
    sizes += [money(params["sum_minor"], currency)] if params.get("sum_minor") else []
    size = " = ".join(filter(None, sizes))
    return f"{params['name']} {size}".strip()


_PARAMS_TEXTS: Mapping[CommandKind, Callable[[Mapping[str, Any], str, tzinfo, datetime], str]] = {
    CommandKind.UPDATE_STATUS: _status,
    CommandKind.ASSIGN_COURIER: _courier,
    CommandKind.UPDATE_PAYMENT: _payments,
    CommandKind.CANCEL: _cancellation,
    CommandKind.APPLY_DISCOUNT: _discount,
}


def command_text(command: OrderCommand, *, now: datetime) -> str:
    """Write what a command asks for; its order and restaurant are fetched with it."""
    organization = command.order.organization
    return params_text(
        command.kind, command.params, currency=organization.currency, zone=organization.zone(), now=now
    )


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
