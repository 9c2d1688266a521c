"""The commands on the page of an order: the actions, what is under way, the outcomes."""

from collections.abc import Collection, Container, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy

from core.access import AnyUser
from core.display import ago_text, clock, span_text
from orders.actions.base import Offer
from orders.actions.discount.replacement import made_by, new_order_of
from orders.actions.registry import allowed_actions
from orders.admin.command_display import (
    command_text,
    outcome_lines,
    phase_text,
    reason_text,
    state_badge,
    title_text,
)
from orders.admin.display import acknowledged_text
from orders.admin.forms import FORMS
from orders.commands.refusals import meaning
from orders.models.command import (
    ABANDONED_CODES,
    FAILED_STATES,
    OPEN_STATES,
    CommandState,
    OrderCommand,
)
from orders.models.order import Order
from orders.permissions import may_request, may_request_any, sees_commands

FINISHED_SHOWN = 10

_OBVIOUS = frozenset({"already_so", "set_by_kitchen"})
"""Reasons that say nothing about why no status at all can be set."""


def commands_of(order: Order, *, user: AnyUser, now: datetime) -> dict[str, Any]:
    """Collect the part of the page; few queries, however many commands."""
    offered = buttons(order, user)
    context: dict[str, Any] = {"buttons": offered, "refusals": _refusals(offered)}
    if not sees_commands(user):
        return context
    unsettled = concerning(order).filter(state__in=(*OPEN_STATES, CommandState.NEEDS_ATTENTION))
    under_way = sorted(unsettled.order_by("id"), key=lambda one: one.state != CommandState.NEEDS_ATTENTION)
    over = order.commands.filter(finished_at__isnull=False).exclude(state=CommandState.NEEDS_ATTENTION)
    finished = list(over.order_by("-id")[: FINISHED_SHOWN + 1])
    kept = kept_events(finished) if user.has_perm("webhooks.view_webhookevent") else frozenset()
    return context | {
        "under_way": [
            # The order that is shown, or the one that it replaced.
            command_row(one, order=order if one.order_id == order.pk else one.order, now=now, user=user)
            for one in under_way
        ],
        "finished": [
            command_row(one, order=order, now=now, user=user, kept=kept) for one in finished[:FINISHED_SHOWN]
        ],
        "links_commands": user.has_perm("orders.view_ordercommand"),
        "has_more_commands": len(finished) > FINISHED_SHOWN,
    }


def concerning(order: Order) -> QuerySet[OrderCommand]:
    """Return the commands on an order, and those that made it as a replacement."""
    own = Q(order=order)
    return OrderCommand.objects.filter(own | made_by(order) if order.iiko_order_id else own)


_HOW = {
    "repeat": gettext_lazy("This was requested already; it is not sent twice."),
    "again": gettext_lazy("Retried as command #%(number)d."),
    "again-repeat": gettext_lazy("It was retried already, as command #%(number)d."),
    "given-up": gettext_lazy("The command is abandoned. Look at the order on the POS."),
}
_TONES = {
    CommandState.CONFIRMED: "good",
    CommandState.REJECTED: "bad",
    CommandState.EXPIRED: "warn",
    CommandState.NEEDS_ATTENTION: "bad",
}


def requested_note(
    order: Order, query: Mapping[str, str], *, user: AnyUser, now: datetime
) -> dict[str, Any] | None:
    """Say what a person has just requested, and how it stands; ``query`` names the command and how."""
    number = query.get("command", "")
    if not (number.isdecimal() and len(number) < 19 and sees_commands(user)):
        return None
    command = order.commands.filter(pk=number).first()
    if command is None:
        return None
    row = command_row(command, order=order, now=now)
    return {
        "tone": _TONES.get(CommandState(command.state), "info"),
        "how": str(_HOW.get(query.get("how", ""), "")) % {"number": command.pk},
        "what": _("Requested: %(what)s – %(params)s.") % {"what": row["title"], "params": row["params"]},
        "badge": row["badge"],
        # What it waits for stands below, with the commands that are under way.
        "words": row["reason"],
    }


def buttons(order: Order, user: AnyUser) -> list[dict[str, Any]]:
    """List the actions that a person may request; ``refused`` says why one cannot work now."""
    permitted = [form for form in FORMS.values() if may_request(user, form.action.kind)]
    if not permitted:
        return []
    offers = allowed_actions(order)
    return [
        {
            "title": form.action.title,
            "slug": form.slug,
            "url": reverse("admin:orders_order_ask", args=[order.pk, form.slug]),
            "refused": _refused([offer for offer in offers if offer["action"] == form.action.slug]),
            "is_destructive": form.action.is_destructive,
        }
        for form in permitted
    ]


def _refusals(offered: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Each reason once, with the actions it forbids; their buttons point to it by ``why``."""
    groups: dict[str, dict[str, str]] = {}
    for button in offered:
        if not (reason := button["refused"]):
            continue
        group = groups.setdefault(reason, {"id": f"hub-why-{len(groups)}", "reason": reason, "titles": ""})
        group["titles"] = ", ".join(filter(None, [group["titles"], str(button["title"])]))
        button["why"] = group["id"]
    if len(groups) == 1 and all(button["refused"] for button in offered):
        # Nothing is open, for one and the same reason: the buttons need no distinction.
        return [group | {"titles": ""} for group in groups.values()]
    return list(groups.values())


def _refused(offers: list[Offer]) -> str:
    """Say why none of the ways to do it is open; empty text if one is."""
    if any(offer["allowed"] for offer in offers):
        return ""
    telling = [offer for offer in offers if offer["code"] not in _OBVIOUS] or offers
    return reason_text(telling[0]["code"], telling[0]["reason"]) if telling else ""


def kept_events(commands: Collection[OrderCommand]) -> frozenset[int]:
    """Return which of the events that confirmed these commands are still in the inbox."""
    named = {one.confirmed_event_id for one in commands if one.confirmed_event_id is not None}
    inbox = Order._meta.get_field("events").related_model._default_manager  # type: ignore[union-attr]  # a relation has it
    return frozenset(inbox.filter(pk__in=named).values_list("pk", flat=True)) if named else frozenset()


def command_row(
    command: OrderCommand,
    *,
    order: Order,
    now: datetime,
    user: AnyUser | None = None,
    kept: Container[int] = (),
) -> dict[str, Any]:
    """Return a command as the templates show it; ``order`` is its order, with the restaurant.

    ``kept`` holds the events that have a page the person may see.
    """
    command.order = order
    if order.hides_people:
        command.hide_people()
    zone = order.organization.zone()
    is_permitted = user is not None and may_request(user, command.kind)
    is_done = command.state == CommandState.CONFIRMED
    lines = outcome_lines(command) if command.is_final else []
    return {
        "command": command,
        "title": title_text(command.kind),
        "params": command_text(command, now=now),
        "badge": state_badge(command.state),
        "note": _note(command),
        "phase": phase_text(command.phase) if command.phase and not command.is_final else "",
        "needs_person": command.state == CommandState.NEEDS_ATTENTION,
        "orders": _orders_of(command, order),
        "requested": clock(command.created_at, zone, now=now, seconds=True),
        "ago": ago_text(command.created_at, now),
        "ended": clock(command.finished_at, zone, now=now, seconds=True),
        "took": span_text(command.finished_at - command.created_at) if command.finished_at else "",
        "event_url": event_url(command, kept),
        "by": command.requested_by,
        "lines": lines,
        "reason": "" if is_done else " ".join(str(text) for _title, text in lines[:2]),
        "is_final": command.is_final,
        "is_done": is_done,
        "url": reverse("admin:orders_ordercommand_change", args=[command.pk]),
        "retry_url": _url("retry", command) if is_permitted and may_be_retried(command) else "",
        "acknowledge_url": _url("seen", command) if is_permitted and may_be_acknowledged(command) else "",
        "acknowledged": acknowledged_text(
            command.acknowledged_by, clock(command.acknowledged_at, zone, now=now)
        )
        if command.acknowledged_at
        else "",
        "abandon_url": _url("abandon", command) if is_permitted and may_be_abandoned(command) else "",
    }


def event_url(command: OrderCommand, kept: Container[int]) -> str:
    """Return the page of the event that confirmed a command; empty text where there is none."""
    if command.confirmed_event_id is None or command.confirmed_event_id not in kept:
        return ""
    return reverse("admin:webhooks_webhookevent_change", args=[command.confirmed_event_id])


def may_be_abandoned(command: OrderCommand) -> bool:
    return not command.is_final or command.state == CommandState.NEEDS_ATTENTION


def may_be_acknowledged(command: OrderCommand) -> bool:
    is_own_end = command.error_code in ABANDONED_CODES
    return command.state in FAILED_STATES and command.acknowledged_at is None and not is_own_end


def _orders_of(command: OrderCommand, order: Order) -> list[tuple[str, str, str]]:
    """Return the two orders of a discount, each with its page; none where there is no second one."""
    new = new_order_of(command, order)
    if new is None:
        return []
    url = "admin:orders_order_change"
    return [
        (_("first order"), str(order), reverse(url, args=[order.pk])),
        (_("reissued as"), str(new), reverse(url, args=[new.pk])),
    ]


def _url(what: str, command: OrderCommand) -> str:
    return reverse(f"admin:orders_ordercommand_{what}", args=[command.pk])


def may_be_retried(command: OrderCommand) -> bool:
    return command.state in (CommandState.REJECTED, CommandState.EXPIRED)


def _note(command: OrderCommand) -> str:
    """Say what an open command waits for."""
    if command.is_final and command.state != CommandState.NEEDS_ATTENTION:
        return ""
    if known := meaning(command.error_code):
        return f"{known.cause} {known.next_step}"
    if command.state == CommandState.PENDING:
        return _("A worker sends it next, after earlier commands.")
    return _("iiko has it and has not said yet whether the POS did it.")


def may_acknowledge(order: Order, user: AnyUser) -> bool:
    """Whether a person may acknowledge that the POS did not take an order, and nobody has yet."""
    return order.is_refused and order.refusal_acknowledged_at is None and may_request_any(user)
