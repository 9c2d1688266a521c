"""The timeline of an order, put in words."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from core.display import EMPTY, badge, clock
from iiko_client import vendor_time
from iiko_client.json_reader import JsonObject
from orders.actions.base import Display
from orders.admin.command_display import params_text, phase_text, state_badge, title_text, trouble_text
from orders.admin.display import (
    address_text,
    creation_text,
    customer_text,
    deletion_text,
    error_text,
    item_status_text,
    moved_text,
    order_link,
    status_text,
)
from orders.commands.transitions import HUB
from orders.mirror.timeline import ACKNOWLEDGED, MERGED, REISSUED, SHOWN_AT, TITLES, UNKNOWN_TO_IIKO
from orders.models.order import Order, Status, TimelineEntry
from orders.payments.kinds import outside_text

SHOWN = 300
"""Entries of a page, the newest ones."""

_LONGEST = 300
_NAMES = ("readable_number", "external_order_id", "iiko_order_id")


@dataclass(frozen=True, slots=True)
class Change:
    title: str
    before: str | SafeString
    after: str | SafeString
    note: str = ""


@dataclass(frozen=True, slots=True)
class DisplayedEntry:
    """What one event changed."""

    when: SafeString
    recorded: SafeString
    actor: str
    event_id: int | None
    order: Order
    at: tuple[datetime, int]
    """Its place in the timeline: when it happened, and the first of its rows."""
    changes: list[Change] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DisplayedTimeline:
    entries: list[DisplayedEntry]
    is_cut: bool
    of_many: bool = False
    """Of several orders; then each entry is shown under the number of its own."""


def displayed_timeline(
    order: Order, *, now: datetime, visible: QuerySet[Order], others: Sequence[Order] = ()
) -> DisplayedTimeline:
    """Put the changes of an order in words, the newest event first; those of ``others`` among them.

    Orders that an entry names are linked if they are among ``visible``.
    """
    orders = (order, *others)
    newest = {each.pk: list(_newest(each, people=not order.hides_people)) for each in orders}
    named = _named_in([entry for entries in newest.values() for entry in entries], orders, visible)
    # Several clocks on one page: each says which it is.
    with_offset = len({each.organization.timezone for each in orders}) > 1
    shown = []
    for each in orders:
        words = Words(each.organization.currency, each.organization.zone(), now, named)
        entries = _without_duplicates(newest[each.pk][:SHOWN][::-1], newest.keys())
        for _source, group in groupby(entries, key=lambda entry: (entry.source_event_id, entry.recorded_at)):
            shown.append(words.entry(each, list(group), with_offset=with_offset))
    shown.sort(key=lambda one: one.at, reverse=True)
    is_cut = any(len(entries) > SHOWN for entries in newest.values())
    return DisplayedTimeline(shown, is_cut=is_cut, of_many=bool(others))


def _newest(order: Order, *, people: bool) -> Iterable[TimelineEntry]:
    entries = TimelineEntry.objects.shown(people=people).filter(order=order)
    return entries.order_by(SHOWN_AT.desc(), "-id")[: SHOWN + 1]


def _without_duplicates(entries: list[TimelineEntry], shown: Container[int]) -> list[TimelineEntry]:
    """Leave out what the entry of a reissue says already: the hub's, or the old order's where both show."""
    reissues = [(entry.pk, _object(entry.to_value)) for entry in entries if entry.what == REISSUED]
    replacements = {_replacement_of(value).get("iiko_order_id") for _pk, value in reissues}
    repeats = {
        pk
        for pk, value in reissues
        if "made_for" in value and _replacement_of(value).get("order_id") in shown
    }
    for entry in entries:
        # A move that names no order repeats nothing.
        if entry.what == "moved" and (named := _orders_named_by(entry.to_value)) and named <= replacements:
            repeats.add(entry.pk)
    return [entry for entry in entries if entry.pk not in repeats]


def _object(value: object) -> JsonObject:
    return value if isinstance(value, Mapping) else {}


def _orders_named_by(moved: object) -> set[object]:
    """Return iiko's ids of the orders that a move names."""
    return {value for name, value in _object(moved).items() if name.endswith("order_id")}


def _replacement_of(value: JsonObject) -> JsonObject:
    return _object(value.get("made_as") or value.get("made_for"))


def _named_in(entries: Sequence[TimelineEntry], orders: Sequence[Order], visible: QuerySet[Order]) -> Named:
    """Find the orders that these entries name, in one query where there are others than those shown."""
    pks: set[int] = set()
    iiko_ids: set[str] = set()
    for entry in entries:
        if entry.what == REISSUED:
            replacement = _replacement_of(_object(entry.to_value))
            pks |= {value for value in replacement.values() if isinstance(value, int)}
        elif entry.what == "moved":
            values = _orders_named_by(entry.from_value) | _orders_named_by(entry.to_value)
            iiko_ids |= {value for value in values if isinstance(value, str)}
    pks -= {order.pk for order in orders}
    iiko_ids -= {order.iiko_order_id or "" for order in orders}
    found = list(orders)
    if pks or iiko_ids:
        found += visible.filter(Q(pk__in=pks) | Q(iiko_order_id__in=iiko_ids)).only(*_NAMES)
    return Named({each.pk: each for each in found}, {each.iiko_order_id or "": each for each in found})


@dataclass(frozen=True, slots=True)
class Named:
    """The orders that a timeline names, by our number and by iiko's id."""

    by_pk: Mapping[int, Order] = field(default_factory=dict)
    by_iiko_id: Mapping[str, Order] = field(default_factory=dict)


class Words:
    """Put changes of an order in words, on the clock and in the currency of its restaurant."""

    def __init__(self, currency: str, zone: tzinfo, now: datetime, named: Named | None = None) -> None:
        self._display = Display(currency, zone, now)
        self._named = named or Named()
        types = dict(Order._meta.get_field("order_type").flatchoices)
        self._put: Mapping[str, Callable[[Any], str | SafeString]] = {
            "status": _status,
            "is_deleted": deletion_text,
            "creation_status": creation_text,
            "error_info": error_text,
            "promised_time": self._time,
            "estimated_time": self._time,
            "amount_minor": self._display.money,
            "problem": lambda words: words or _("a problem without words"),
            "payments": self._sums,
            "tips": self._sums,
            "discounts": self._sums,
            "items": lambda items: ", ".join(map(_item, items)),
            "customer": customer_text,
            "address": address_text,
            "moved": lambda moved: moved_text(moved, self._named.by_iiko_id),
            "order_type": lambda kind: str(types.get(kind, kind)),
        }
        self._of_the_hub: Mapping[str, Callable[[JsonObject], Change]] = {
            "command": self._command,
            REISSUED: self._reissued,
            ACKNOWLEDGED: lambda value: Change(str(TITLES[ACKNOWLEDGED]), "", _acknowledged(value)),
        }

    def entry(self, order: Order, entries: list[TimelineEntry], *, with_offset: bool) -> DisplayedEntry:
        first, zone, now = entries[0], self._display.zone, self._display.now
        happened = first.happened_at or first.recorded_at
        return DisplayedEntry(
            when=clock(happened, zone, now=now, seconds=True, with_offset=with_offset),
            recorded=clock(first.recorded_at, zone, now=now, seconds=True),
            actor=_("the hub") if first.actor == HUB else first.actor,
            event_id=first.source_event_id,
            order=order,
            at=(happened, first.pk),
            changes=[self.change(entry) for entry in entries],
        )

    def change(self, entry: TimelineEntry) -> Change:
        what, value = entry.what, entry.to_value
        if isinstance(value, dict) and what in self._of_the_hub:
            return self._of_the_hub[what](value)
        if what == UNKNOWN_TO_IIKO:
            words = _("read by id, iiko no longer lists it") if value else _("iiko reports it again")
            return Change(str(TITLES[what]), "", words)
        if what == MERGED:
            return Change(str(TITLES[what]), f"#{entry.from_value}", f"#{value}")
        return self.change_of(what, entry.from_value, value)

    def change_of(self, what: str, from_value: object, to_value: object) -> Change:
        """Put a field's change in words, its values as the timeline keeps them."""
        title = str(TITLES.get(what, what))
        if what == "items" and (note := item_changes(from_value, to_value)):
            return Change(title, "", "", note)
        before, after = self._words(what, from_value), self._words(what, to_value)
        if before == after:
            return Change(title, "", "", _("%(value)s, details changed") % {"value": after})
        return Change(title, "" if from_value is None else before, after)

    def _command(self, value: JsonObject) -> Change:
        """Put a step of a command in words: the request, its state, and why if it went wrong."""
        kind, params = str(value.get("kind")), value.get("params") or {}
        text = params_text(kind, params, self._display)
        state = state_badge(str(value.get("state")))
        trouble = trouble_text(str(value.get("code") or ""), str(value.get("error") or ""))
        phase = phase_text(str(value.get("phase") or ""))
        step = f"({phase})" if phase else ""
        words = format_html("{} {} {} {}", text, state, step, trouble[:_LONGEST])
        return Change(title_text(kind), "", words)

    def _words(self, what: str, value: object) -> str | SafeString:
        if value is None or value in ([], {}):
            return EMPTY
        put = self._put.get(what)
        try:
            text = put(value) if put else str(value)
        except (TypeError, ValueError, AttributeError, ArithmeticError):
            # Written by another version of the hub; shown as it is.
            text = str(value)
        if isinstance(text, SafeString):
            return text
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"

    def _reissued(self, value: JsonObject) -> Change:
        """Lead from one of two orders to the other; which of them stands its status says."""
        replacement, is_old = _replacement_of(value), "made_as" in value
        other = self._named.by_pk.get(replacement.get("order_id") or 0)
        number = replacement.get("readable_number")
        link = order_link(other) if other else (f"№{number}" if number else _("another order"))
        title = _("New order made in place of this one") if is_old else _("Made in place of")
        return Change(title, "", link)

    def _time(self, value: str) -> str:
        return self._display.clock(vendor_time.terminal_local(value, UTC))

    def _sums(self, rows: Iterable[JsonObject]) -> str:
        return ", ".join(
            f"{row.get('name') or row.get('kind') or _('unnamed')} {self._sum(row)}".strip()
            + outside_text(row)
            for row in rows
        )

    def _sum(self, row: JsonObject) -> str:
        return "" if row.get("sum_minor") is None else self._display.money(row["sum_minor"])


def _status(value: str) -> SafeString:
    if value in Status.values:
        return badge(value, status_text(value))
    return badge("unknown", f"? {value[:60]}")


def _acknowledged(value: JsonObject) -> str | SafeString:
    if value.get("what") != "command":
        return _("the POS did not take the order")
    return format_html("{} {}", title_text(str(value.get("kind"))), state_badge(str(value.get("state"))))


def _item(row: JsonObject) -> str:
    name = row.get("name") or _("unnamed")
    size = f" ({row['size']})" if row.get("size") else ""
    amount = f" × {row['amount']}" if row.get("amount") not in (None, "1") else ""
    deleted = f" – {_('deleted')}" if row.get("is_deleted") else ""
    return f"{name}{size}{amount}{deleted}"


# --- items that changed ------------------------------------------------------------------------------


def item_changes(before: object, after: object) -> str:
    """Say how the items changed, if they can be matched; empty text if all of them must be shown."""
    if not isinstance(before, list) or not isinstance(after, list) or not before:
        return ""
    kept = len(before)
    if [_product(row) for row in before] != [_product(row) for row in after[:kept]]:
        return ""
    changes, statuses = [], dict[str, list[str]]()
    for was, row in zip(before, after, strict=False):
        if row.get("is_deleted") and not was.get("is_deleted"):
            changes.append(_("deleted: %(item)s") % {"item": _item(row | {"is_deleted": False})})
            continue
        if row.get("amount") != was.get("amount"):
            amounts = {"item": row.get("name") or "", "was": was.get("amount"), "now": row.get("amount")}
            changes.append(_("%(item)s: amount %(was)s → %(now)s") % amounts)
        if row.get("status") != was.get("status"):
            statuses.setdefault(row.get("status") or "", []).append(_item(row))
    changes += [
        f"{item_status_text(status)}: {', '.join(names)}" for status, names in statuses.items() if status
    ]
    changes += [_("added: %(item)s") % {"item": _item(row)} for row in after[kept:]]
    return "; ".join(changes)


def _product(row: JsonObject) -> tuple[object, object]:
    return row.get("name"), row.get("size")
