"""A card as HTML. Written here and not in a template: a thousand of them take a tenth of the time.

The script of the page moves and colours a card as time passes, by the moments in its ``data-`` attributes
(seconds since 1970); what it does not know stands in the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils.html import conditional_escape as escape
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from console.board.cards import Card
from core.display import ago_text, money, offset_text, on_clock, span_text
from orders.admin.display import customer_text, error_text, external_courier_text, status_text, type_text
from orders.models.command import CommandState, OrderCommand
from orders.models.order import Order
from organizations.models.organization import Organization


def card_html(
    card: Card, organization: Organization, *, now: datetime, many_zones: bool, many: bool
) -> SafeString:
    """Write one card; ``many_zones`` adds the shift of its zone, ``many`` the name of its restaurant."""
    order = card.order
    return format_html(
        '<article class="card{classes}" id="order-{id}" data-id="{id}" data-column="{column}"{moments}{new}>'
        '<p class="card-top"><a class="card-number" href="{url}">{number}</a>{due}</p>'
        '<p class="card-what">{what}</p>'
        '<p class="card-who"><span>{courier}</span>{collect}</p>'
        "{marks}</article>",
        classes=_classes(card, now),
        id=order.pk,
        column=card.column.value,
        moments=_moments(card),
        new=SafeString(" data-new") if card.is_new else "",
        url=reverse("console:order", args=[order.pk]),
        number=str(order),
        due=_due(card, organization, now, many_zones=many_zones),
        what=_what(card, organization, many=many),
        courier=_courier(card, now),
        collect=_collect(card, organization),
        marks=_marks(card, now),
    )


def due_text(promised: datetime, now: datetime) -> str:
    """Write how long there is until a promise: ``in 12 min``, or ``−5 min`` once it has passed."""
    if promised < now:
        return f"\N{MINUS SIGN}{span_text(now - promised)}"
    return _("in %(span)s") % {"span": span_text(promised - now)}


def _classes(card: Card, now: datetime) -> str:
    if card.leaves_at is not None:
        return " is-over"
    return " is-late" if card.is_late(now) else " is-at-risk" if card.is_at_risk(now) else ""


def _moments(card: Card) -> SafeString:
    moments = {
        "due": card.promised_at,
        "risk": card.at_risk_from,
        "leaves": card.leaves_at,
        "unfolds": card.unfolds_at,
    }
    return format_html_join(
        "", ' data-{}="{}"', ((name, int(at.timestamp())) for name, at in moments.items() if at is not None)
    )


def _due(card: Card, organization: Organization, now: datetime, *, many_zones: bool) -> SafeString:
    if card.leaves_at is not None:
        return format_html('<span class="card-due">{}</span>', _outcome(card.order))
    if card.promised_at is None:
        return format_html('<span class="card-due">{}</span>', _("no time promised"))
    zone = organization.zone()
    local = f"{on_clock(card.promised_at, zone):%H:%M}"
    if many_zones:
        local = f"{local} {offset_text(card.promised_at, zone)}"
    return format_html(
        '<span class="card-due" data-tick>{}</span><span class="card-clock">{}</span>',
        due_text(card.promised_at, now),
        local,
    )


def _outcome(order: Order) -> str:
    return _("deleted in iiko") if order.is_deleted else status_text(str(order.status))


def _what(card: Card, organization: Organization, *, many: bool) -> SafeString:
    order = card.order
    parts = [_place(order)]
    if order.customer:
        parts.append(customer_text(order.customer))
    if many:
        parts.append(organization.name)
    return format_html_join(
        SafeString('<span class="dot"> · </span>'), "<span>{}</span>", ((part,) for part in parts if part)
    )


def _collect(card: Card, organization: Organization) -> SafeString:
    if not card.to_collect_minor:
        return SafeString("")
    words = _("collect %(sum)s") % {"sum": money(card.to_collect_minor, organization.currency)}
    return format_html('<span class="card-sum">{}</span>', words)


def _place(order: Order) -> str:
    address = order.address or {}
    return str(order.delivery_zone or address.get("street") or address.get("line1") or type_text(order))


def _courier(card: Card, now: datetime) -> SafeString:
    order = card.order
    if order.has_external_courier:
        return escape(external_courier_text(order))
    if order.courier_name or order.courier_id:
        return escape(order.courier_name or _("courier"))
    if not card.needs_courier:
        return SafeString("")
    if card.cooked_at is None or card.cooked_at > now:
        return format_html('<span class="muted">{}</span>', _("no courier"))
    return format_html(
        '<strong class="no-courier" data-since="{}">{}</strong>',
        int(card.cooked_at.timestamp()),
        _("no courier for %(span)s") % {"span": span_text(now - card.cooked_at)},
    )


def _marks(card: Card, now: datetime) -> SafeString:
    marks = list(_marks_of(card, now))
    if not marks:
        return SafeString("")
    joined = format_html_join("", '<li class="mark is-{}" title="{}">{}</li>', marks)
    return format_html('<ul class="marks">{}</ul>', joined)


def _marks_of(card: Card, now: datetime) -> Iterator[tuple[str, str, str]]:
    """Yield the kind of each mark, its tooltip and its words."""
    order = card.order
    if order.is_refused:
        yield "bad", error_text(order.error_info), _("not taken by the POS")
    elif order.status is None and order.raw_status:
        yield "bad", order.raw_status, _("unknown status")
    elif order.status is None:
        yield "info", "", _("being passed to the POS")
    if order.problem is not None:
        yield "warn", order.problem, _("problem")
    if card.twin is not None:
        yield (
            "warn",
            _("The same phone, sum and restaurant as %(order)s.") % {"order": card.twin},
            _("twice?"),
        )
    for command in card.commands:
        yield _command_mark(command, now)
    if order.comment:
        yield "note", order.comment, _("comment")


def _command_mark(command: OrderCommand, now: datetime) -> tuple[str, str, str]:
    what = str(command.get_kind_display())
    if command.is_final:
        kind = "bad" if command.state != CommandState.EXPIRED else "warn"
        return (
            kind,
            command.error,
            _("%(what)s: %(state)s") % {"what": what, "state": command.get_state_display()},
        )
    age = now - command.created_at
    words = _("%(what)s: waits for %(span)s") if age > timedelta(0) else _("%(what)s")
    return "info", ago_text(command.created_at, now), words % {"what": what, "span": span_text(age)}
