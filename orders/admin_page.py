"""Everything the page of one order shows, ready for its template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from iiko_client import clocks
from orders.admin_story import Story, tell
from orders.models import Order
from orders.presentation import (
    address_text,
    badges,
    customer_text,
    error_text,
    item_status_text,
    moved_text,
    payment_kind_text,
    restaurant_text,
    status_badge,
    type_text,
)
from orders.services.relations import Relation, Relative, relatives_of
from organizations.presentation import EMPTY, clock, money

EVENTS_SHOWN = 50

Fact = tuple[str, str | SafeString]

RELATIONS = {
    Relation.MOVED_FROM: gettext_lazy("moved here from"),
    Relation.MOVED_TO: gettext_lazy("moved on to"),
    Relation.SPLIT_FROM: gettext_lazy("split from"),
    Relation.SPLIT_INTO: gettext_lazy("split into"),
    Relation.RELATED: gettext_lazy("also of this story"),
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


@dataclass(frozen=True, slots=True)
class Part:
    """A modifier or a half of a line."""

    name: str
    amount: str
    result: str
    is_deleted: bool
    is_component: bool


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    size: str
    amount: str
    price: str
    result: str
    status: str
    note: str
    combo: str
    printed: SafeString
    is_deleted: bool
    deletion_reason: str
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Sum:
    name: str
    detail: str
    amount: str


def order_page(order: Order, *, now: datetime, sees_events: bool) -> dict[str, Any]:
    """Collect what the template shows; few queries, whatever the order: its timeline and its events."""
    page = _Page(order, now)
    relatives = relatives_of(order, visible=Order.objects.select_related("organization"))
    others = [relative.order for relative in relatives if relative.order is not None]
    story = tell(order, now=now, others=others)
    return {
        "badges": badges(order, now),
        "headline": page.headline(),
        "notices": page.notices(),
        "relatives": [related_row(relative) for relative in relatives],
        "customer": page.customer(),
        "lines": [page.line(item) for item in order.items],
        "total": page.money(order.amount_minor),
        "payments": [page.payment(row) for row in order.payments],
        "paid": page.money(order.processed_payments_minor),
        "tips": [page.payment(row) for row in order.tips],
        "discounts": [page.payment(row) for row in order.discounts],
        "times": page.times(),
        "ids": page.ids(),
        "zone": order.organization.timezone,
        "story": story,
        "kept_events": page.kept_events(story) if sees_events else frozenset(),
        "events": page.events() if sees_events else None,
        "events_shown": EVENTS_SHOWN,
    }


class _Page:
    def __init__(self, order: Order, now: datetime) -> None:
        self._order = order
        self._now = now
        self._zone: tzinfo = order.organization.zone()

    def money(self, minor: int | None) -> str:
        return money(minor, self._order.organization.currency)

    def clock(self, moment: datetime | None, *, seconds: bool = False) -> SafeString:
        return clock(moment, self._zone, now=self._now, seconds=seconds)

    def headline(self) -> list[Fact]:
        order = self._order
        return [
            (_("Amount"), self.money(order.amount_minor)),
            (_("Promised"), self.clock(order.promised_time)),
            (_("Type"), type_text(order)),
            (_("Courier"), order.courier_name or EMPTY),
            (_("Restaurant"), restaurant_text(order)),
            (_("Changed"), self.clock(order.updated_at, seconds=True)),
        ]

    def notices(self) -> list[tuple[str, str, str]]:
        """What needs a person's eye: severity, title, words."""
        order = self._order
        notices = []
        if order.has_unknown_status:
            words = _("The order stays open here until iiko sends a status that is known.")
            notices.append(
                ("bad", _("iiko sent an unknown status: %(status)s") % {"status": order.raw_status}, words)
            )
        if order.creation_status == "Error" or order.error_info:
            title = _("The till did not take the order")
            if order.status:
                title = _("An attempt to pass the order to the till failed")
            notices.append(("bad", title, error_text(order.error_info)))
        if order.problem is not None:
            notices.append(
                ("warn", _("Problem"), order.problem or _("iiko marked a problem and gave no words."))
            )
        return notices + self._endings()

    def _endings(self) -> list[tuple[str, str, str]]:
        order = self._order
        notices = []
        if order.cancel_cause or order.cancel_comment or order.when_cancelled:
            words = [order.cancel_cause or _("no cause named"), order.cancel_comment or ""]
            notices.append(("info", _("Cancelled"), ". ".join(filter(None, words))))
        # An order that is named is listed on its own; this tells of one that names till groups alone.
        if order.moved and not any(name.endswith("order_id") for name in order.moved):
            notices.append(("info", _("Moved between restaurants"), moved_text(order.moved)))
        return notices

    def customer(self) -> list[Fact]:
        order = self._order
        customer: Mapping[str, Any] = order.customer or {}
        address: Mapping[str, Any] = order.address or {}
        facts: list[tuple[str, Any]] = [
            (pgettext("person", "Name"), customer_text(customer) if customer else None),
            (_("Phone"), order.phone),
            (_("Address"), address_text(address) if address else None),
            (_("To the courier"), address.get("comment")),
            (_("Zone"), order.delivery_zone),
            (_("Comment"), order.comment),
            (_("About the customer"), customer.get("comment")),
            (_("Blacklist"), _blacklist_text(customer)),
            (_("Guests"), order.guests_count),
            (_("Courier's phone"), order.courier_phone),
            (_("Operator"), order.operator_name),
            (_("Source"), order.source_key),
        ]
        return [(title, str(value)) for title, value in facts if value not in (None, "")]

    def line(self, item: Mapping[str, Any]) -> Line:
        printed = item.get("when_printed")
        return Line(
            name=item.get("name") or _("unnamed"),
            size=item.get("size") or "",
            amount=item.get("amount") or EMPTY,
            price=self.money(item.get("price_minor")),
            result=self.money(item.get("result_minor")),
            status=item_status_text(item.get("status")),
            note=item.get("comment") or "",
            combo=item.get("combo_name") or "",
            printed=self.clock(clocks.terminal_local(printed, UTC)) if printed else SafeString(""),
            is_deleted=bool(item.get("is_deleted")),
            deletion_reason=item.get("deletion_reason") or "",
            parts=list(self._parts(item)),
        )

    def _parts(self, item: Mapping[str, Any]) -> Iterable[Part]:
        for component in item.get("components") or []:
            yield self._part(component, is_component=True)
            for modifier in component.get("modifiers") or []:
                yield self._part(modifier)
        for modifier in item.get("modifiers") or []:
            yield self._part(modifier)

    def _part(self, part: Mapping[str, Any], *, is_component: bool = False) -> Part:
        return Part(
            name=part.get("name") or _("unnamed"),
            amount="" if part.get("amount") in (None, "1") else str(part["amount"]),
            result=self.money(part["result_minor"]) if part.get("result_minor") else "",
            is_deleted=bool(part.get("is_deleted")),
            is_component=is_component,
        )

    def payment(self, row: Mapping[str, Any]) -> Sum:
        marks = [payment_kind_text(row.get("kind"))]
        if row.get("is_prepay"):
            marks.append(_("prepaid"))
        if row.get("is_processed_externally"):
            marks.append(_("taken outside iiko"))
        if row.get("is_preliminary"):
            marks.append(_("not posted yet"))
        name = row.get("name") or _("unnamed")
        detail = ", ".join(mark for mark in marks if mark and mark != name.lower())
        return Sum(name, detail, self.money(row.get("sum_minor")))

    def times(self) -> list[Fact]:
        fields = [(name, getattr(self._order, name)) for name in _TIMES]
        # By the clock, so that the list reads as the order went.
        known = sorted(((name, at) for name, at in fields if at is not None), key=lambda fact: fact[1])
        return [(_title(name), self.clock(at, seconds=True)) for name, at in known]

    def ids(self) -> list[Fact]:
        names = (
            "iiko_order_id",
            "external_order_id",
            "soi_external_id",
            "pos_id",
            "terminal_group_id",
            "courier_id",
            "order_type_name",
            "raw_status",
            "revision",
        )
        known = [(_title(name), getattr(self._order, name)) for name in names]
        return [(title, str(value)) for title, value in known if value not in (None, "")]

    def kept_events(self, story: Story) -> frozenset[int]:
        """Which events of the timeline are still in the inbox; old ones are forgotten."""
        told = {chapter.event_id for chapter in story.chapters if chapter.event_id}
        inbox = self._order.events.model._default_manager
        return frozenset(inbox.filter(pk__in=told).values_list("pk", flat=True)) if told else frozenset()

    def events(self) -> list[dict[str, Any]]:
        newest = (
            self._order.events.order_by("-id")
            .only("order", "event_type", "status", "reason", "received_at", "duplicates", "source", "format")
            .all()[:EVENTS_SHOWN]
        )
        return [
            {
                "event": event,
                "url": reverse("admin:webhooks_webhookevent_change", args=[event.pk]),
                "received": self.clock(event.received_at, seconds=True),
            }
            for event in newest
        ]


def related_row(relative: Relative) -> dict[str, Any]:
    """Another order of the story, as its list shows it."""
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


def _title(name: str) -> str:
    title = str(Order._meta.get_field(name).verbose_name)  # type: ignore[union-attr]  # every field named here has one
    return title[:1].upper() + title[1:]


def _blacklist_text(customer: Mapping[str, Any]) -> str | None:
    if not customer.get("is_in_blacklist"):
        return None
    return customer.get("blacklist_reason") or _("in the blacklist")
