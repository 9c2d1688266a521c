"""Everything the page of one order shows, ready for its template."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy, pgettext

from core.display import field_title
from orders.actions.discount.replacement import original_of, replacement_of
from orders.admin.bill import Bill
from orders.admin.display import (
    acknowledged_text,
    address_text,
    badges,
    blacklist_text,
    courier_line,
    customer_text,
    error_text,
    moved_text,
    order_link,
    phone_line,
    pos_silent_since,
    restaurant_text,
    status_badge,
    type_text,
)
from orders.admin.timeline_display import DisplayedTimeline, displayed_timeline
from orders.mirror.relations import Relation, Relative, relatives_of
from orders.models.order import Order

EVENTS_SHOWN = 50

_OF_EVENTS = (
    *("order", "event_type", "status", "reason", "notes", "received_at", "duplicates", "source", "format"),
)

Fact = tuple[str, str | SafeString]

RELATIONS = {
    Relation.MOVED_FROM: gettext_lazy("moved here from"),
    Relation.MOVED_TO: gettext_lazy("moved on to"),
    Relation.SPLIT_FROM: gettext_lazy("split from"),
    Relation.SPLIT_INTO: gettext_lazy("split into"),
    Relation.IN_ITS_PLACE: gettext_lazy("probably in its place (same number)"),
    Relation.RELATED: gettext_lazy("related order"),
}

_TIMES = (
    "when_received_by_api",
    "when_created",
    "when_confirmed",
    "cooking_start_time",
    "when_printed",
    "when_cooking_completed",
    "when_packed",
    "when_sent",
    "estimated_time",
    "promised_time",
    "when_delivered",
    "when_bill_printed",
    "when_closed",
    "when_cancelled",
)


def order_page(order: Order, *, visible: QuerySet[Order], now: datetime, sees_events: bool) -> dict[str, Any]:
    """Collect what the template shows; few queries, whatever the order: its timeline and its events.

    ``visible``: the orders that may be named beside it.
    """
    page = _Page(order, now)
    relatives = relatives_of(order, visible=visible.select_related("organization"))
    others = [relative.order for relative in relatives if relative.order is not None]
    timeline = displayed_timeline(order, now=now, others=others, visible=visible)
    return {
        **order_facts(order, relatives=relatives, now=now),
        "timeline": timeline,
        "kept_events": page.kept_events(timeline) if sees_events else frozenset(),
        "events": page.events() if sees_events else None,
        "events_shown": EVENTS_SHOWN,
    }


def order_facts(
    order: Order,
    *,
    relatives: Sequence[Relative],
    now: datetime,
    link: Callable[[Order], SafeString] = order_link,
) -> dict[str, Any]:
    """Collect what is known of an order as it stands; ``link`` leads to the page of another one."""
    page = _Page(order, now)
    replacements = [("new", replacement_of(order)), ("old", original_of(order))]
    shown = {replacement.pk for _which, replacement in replacements if replacement is not None}
    return {
        "badges": badges(order, now),
        "acknowledged": page.acknowledged(),
        "headline": page.headline(),
        "replacements": [
            (which, link(replacement)) for which, replacement in replacements if replacement is not None
        ],
        "notices": page.notices(is_replaced=replacements[0][1] is not None),
        "relatives": [
            related_row(one) for one in relatives if one.order is None or one.order.pk not in shown
        ],
        "customer": page.customer(),
        **page.bill(order),
        "times": page.times(),
        "ids": page.ids(),
        "zone": order.organization.timezone,
    }


def order_events(order: Order, *, now: datetime) -> list[dict[str, Any]]:
    """List the newest events of an order, each with its page."""
    return _Page(order, now).events()


class _Page(Bill):
    def __init__(self, order: Order, now: datetime) -> None:
        super().__init__(order.organization, now)
        self._order = order

    def headline(self) -> list[Fact]:
        order = self._order
        return [
            (_("Amount"), self.money(order.amount_minor)),
            (_("Promised"), self.promised()),
            (_("Type"), type_text(order)),
            (_("Courier"), courier_line(order)),
            (_("Restaurant"), restaurant_text(order)),
            (_("Changed"), self.clock(order.updated_at, seconds=True)),
        ]

    def promised(self) -> SafeString:
        promised = self.clock(self._order.promised_time)
        return format_html("{}, {}", promised, _("as soon as possible")) if self._order.is_asap else promised

    def notices(self, *, is_replaced: bool) -> list[tuple[str, str, str]]:
        """List what needs attention: severity, title, words."""
        order = self._order
        notices: list[tuple[str, str, str]] = []
        if order.hides_people and (order.phone or order.customer or order.address):
            notices.append(guest_is_masked())
        if order.has_unknown_status:
            words = _("The order stays open here until iiko sends a status that is known.")
            notices.append(
                ("bad", _("iiko sent an unknown status: %(status)s") % {"status": order.raw_status}, words)
            )
        if order.creation_status == "Error" or order.error_info:
            title = _("The POS did not take the order")
            if order.status:
                title = _("An attempt to pass the order to the POS failed")
            notices.append(("bad", title, error_text(order.error_info)))
        if (silent := pos_silent_since(order)) is not None:
            title = format_html(_("The POS does not answer since {}"), self.clock(silent))
            words = _("It receives this order, and what is requested here, when it is online again.")
            notices.append(("bad", title, words))
        if order.unknown_to_iiko_at is not None:
            words = _(
                "Read by id, iiko no longer lists it (since {}). It is off the open list, and comes back "
                "if iiko reports it again. Look for it on the POS."
            )
            when = self.clock(order.unknown_to_iiko_at)
            notices.append(("warn", _("Unknown to iiko"), format_html(words, when)))
        if order.problem is not None:
            notices.append(
                ("warn", _("Problem"), order.problem or _("iiko marked a problem and gave no words."))
            )
        # For a replaced order the page says so above, with a link.
        return notices if is_replaced else notices + self._outcome_notices()

    def acknowledged(self) -> str | SafeString:
        """Say who acknowledged that the POS did not take the order; empty text: nobody yet."""
        order = self._order
        if order.refusal_acknowledged_at is None:
            return ""
        return acknowledged_text(order.refusal_acknowledged_by, self.clock(order.refusal_acknowledged_at))

    def _outcome_notices(self) -> list[tuple[str, str, str]]:
        order = self._order
        notices: list[tuple[str, str, str]] = []
        if order.is_deleted:
            over = _("It is over here, and nothing can be requested for it.")
            notices.append(("info", _("Deleted in iiko"), over))
        if order.cancel_cause or order.cancel_comment or order.when_cancelled:
            words = [order.cancel_cause or _("no cause named"), order.cancel_comment or ""]
            notices.append(("info", _("Cancelled"), ". ".join(filter(None, words))))
        # An order that is named is listed on its own; this tells of one that names terminal groups alone.
        if order.moved and not any(name.endswith("order_id") for name in order.moved):
            notices.append(("info", _("Moved between restaurants"), moved_text(order.moved, {})))
        return notices

    def customer(self) -> list[Fact]:
        order = self._order
        customer: Mapping[str, Any] = order.customer or {}
        address: Mapping[str, Any] = order.address or {}
        removed = order.personal_data_removed_at
        facts: list[tuple[str, Any]] = [
            (pgettext("person", "Name"), customer_text(customer) if customer else None),
            (_("Phone"), phone_line(order.phone, order.phone_extension)),
            (_("Address"), address_text(address) if address else None),
            (_("To the courier"), address.get("comment")),
            (_("Zone"), order.delivery_zone),
            (_("Comment"), order.comment),
            (_("About the customer"), customer.get("comment")),
            (_("Blacklist"), blacklist_text(customer)),
            (_("Guests"), order.guests_count),
            (_("Courier's phone"), order.courier_phone),
            (_("Coupon"), order.loyalty.get("coupon") if isinstance(order.loyalty, dict) else None),
            (_("Operator"), order.operator_name),
            (_("Source"), order.source_key),
            (_("Guest removed"), removed and self.clock(removed)),
        ]
        return [(title, str(value)) for title, value in facts if value not in (None, "")]

    def times(self) -> list[Fact]:
        fields = [(name, getattr(self._order, name)) for name in _TIMES]
        # By the clock, so that the list reads as the order went.
        known = sorted(((name, at) for name, at in fields if at is not None), key=lambda fact: fact[1])
        return [(field_title(Order, name), self.clock(at, seconds=True)) for name, at in known]

    def ids(self) -> list[Fact]:
        names = (
            "iiko_order_id",
            "external_order_id",
            "soi_external_id",
            "pos_id",
            "terminal_group_id",
            "courier_id",
            "external_courier_service_id",
            "order_type_name",
            "raw_status",
            "revision",
        )
        known = [(field_title(Order, name), getattr(self._order, name)) for name in names]
        return [(title, str(value)) for title, value in known if value not in (None, "")]

    def kept_events(self, timeline: DisplayedTimeline) -> frozenset[int]:
        """Return which events of the timeline are still in the inbox; old ones are deleted."""
        named = {entry.event_id for entry in timeline.entries if entry.event_id}
        inbox = self._order.events.model._default_manager
        return frozenset(inbox.filter(pk__in=named).values_list("pk", flat=True)) if named else frozenset()

    def events(self) -> list[dict[str, Any]]:
        newest = self._order.events.order_by("-id").only(*_OF_EVENTS).all()[:EVENTS_SHOWN]
        return [
            {
                "event": event,
                "url": reverse("admin:webhooks_webhookevent_change", args=[event.pk]),
                "received": self.clock(event.received_at, seconds=True),
            }
            for event in newest
        ]


def guest_is_masked() -> tuple[str, str, str]:
    """Say why a page does not tell who the guest is: severity, title, words."""
    words = _("Names, phones, addresses and comments are open to those with the permission for it.")
    return "info", _("The guest is masked"), words


def related_row(relative: Relative) -> dict[str, Any]:
    """Return a related order as its list shows it."""
    order = relative.order
    row: dict[str, Any] = {"relation": RELATIONS[relative.relation], "iiko_order_id": relative.iiko_order_id}
    if order is None:
        return row
    return row | {
        "order": order,
        "restaurant": restaurant_text(order),
        "badge": status_badge(order),
        "url": reverse("admin:orders_order_change", args=[order.pk]),
    }
