"""The timeline of an order, put in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from typing import Any

from django.db.models import Q
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from core.display import EMPTY, badge, clock, clock_text, money
from iiko_client import vendor_time
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

COMMAND = "command"
"""What ``commands.transitions.record`` calls its rows."""

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


def displayed_timeline(order: Order, *, now: datetime, others: Sequence[Order] = ()) -> DisplayedTimeline:
    """Put the changes of an order in words, the newest event first; those of ``others`` among them."""
    orders = (order, *others)
    newest = {each.pk: list(each.timeline.order_by(SHOWN_AT.desc(), "-id")[: SHOWN + 1]) for each in orders}
    named = _named_in([entry for entries in newest.values() for entry in entries], orders)
    # Several clocks on one page: each says which it is.
    zones = {each.organization.timezone for each in orders}
    clocks = _Clocks(now, with_offset=len(zones) > 1)
    parts = [_of_one(each, newest[each.pk], named, frozenset(newest), clocks) for each in orders]
    shown = sorted((one for part in parts for one in part.entries), key=lambda one: one.at, reverse=True)
    return DisplayedTimeline(shown, is_cut=any(part.is_cut for part in parts), of_many=bool(others))


@dataclass(frozen=True, slots=True)
class _Clocks:
    now: datetime
    with_offset: bool


def _of_one(
    order: Order, newest: list[TimelineEntry], named: Named, shown: frozenset[int], clocks: _Clocks
) -> DisplayedTimeline:
    words = Words(order.organization.currency, order.organization.zone(), clocks.now, named)
    entries = _without_duplicates(newest[:SHOWN][::-1], shown)
    shown_entries = [
        words.entry(order, list(group), with_offset=clocks.with_offset)
        for _source, group in groupby(entries, key=lambda entry: (entry.source_event_id, entry.recorded_at))
    ]
    return DisplayedTimeline(shown_entries, is_cut=len(newest) > SHOWN)


def _without_duplicates(entries: list[TimelineEntry], shown: frozenset[int]) -> list[TimelineEntry]:
    """Leave out what the entry of a reissue says already: the hub's, or the old order's where both show."""
    reissues = [(entry.pk, _object(entry)) for entry in entries if entry.what == REISSUED]
    replacements = {_replacement_of(value).get("iiko_order_id") for _pk, value in reissues}
    repeats = {
        pk
        for pk, value in reissues
        if "made_for" in value and _replacement_of(value).get("order_id") in shown
    }
    repeats |= {entry.pk for entry in entries if entry.what == "moved" and _named_by(entry) <= replacements}
    return [entry for entry in entries if entry.pk not in repeats]


def _object(entry: TimelineEntry) -> dict[str, Any]:
    return entry.to_value if isinstance(entry.to_value, dict) else {}


def _named_by(entry: TimelineEntry) -> set[Any]:
    """Return the ids of the orders that a move names; one that names none repeats nothing."""
    named = {value for name, value in _object(entry).items() if name.endswith("order_id")}
    return named or {entry.pk}


def _named_in(entries: Sequence[TimelineEntry], orders: Sequence[Order]) -> Named:
    """Find the orders that these entries name, in one query where there are others than those shown."""
    values = [entry.to_value for entry in entries if entry.what == REISSUED]
    values += [
        value for entry in entries if entry.what == "moved" for value in (entry.from_value, entry.to_value)
    ]
    pairs = [value for one in values if isinstance(one, Mapping) for value in _replacement_of(one).values()]
    ids = {one for one in pairs if isinstance(one, int)} - {order.pk for order in orders}
    moved = {
        value
        for one in values
        if isinstance(one, Mapping)
        for name, value in one.items()
        if name.endswith("order_id") and isinstance(value, str)
    } - {order.iiko_order_id for order in orders}
    found = list(orders)
    if ids or moved:
        found += Order.objects.filter(Q(pk__in=ids) | Q(iiko_order_id__in=moved)).only(*_NAMES)
    return Named({each.pk: each for each in found}, {each.iiko_order_id or "": each for each in found})


def _replacement_of(value: Mapping[str, Any]) -> Mapping[str, Any]:
    replacement = value.get("made_as") or value.get("made_for")
    return replacement if isinstance(replacement, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Named:
    """The orders that a timeline names, by our number and by iiko's id."""

    by_pk: Mapping[int, Order] = field(default_factory=dict)
    by_iiko_id: Mapping[str, Order] = field(default_factory=dict)


class Words:
    """Put changes of an order in words, on the clock and in the currency of its restaurant."""

    def __init__(self, currency: str, zone: tzinfo, now: datetime, named: Named | None = None) -> None:
        self._named = named or Named()
        self._currency = currency
        self._zone = zone
        self._now = now
        self._put: Mapping[str, Callable[[Any], str | SafeString]] = {
            "status": _status,
            "is_deleted": deletion_text,
            "creation_status": creation_text,
            "error_info": error_text,
            "promised_time": self._time,
            "estimated_time": self._time,
            "amount_minor": self._money,
            "problem": _problem,
            "payments": self._sums,
            "tips": self._sums,
            "discounts": self._sums,
            "items": _items,
            "customer": customer_text,
            "address": address_text,
            "moved": self._moved,
            "order_type": _order_type,
        }

    def entry(self, order: Order, entries: list[TimelineEntry], *, with_offset: bool) -> DisplayedEntry:
        first = entries[0]
        happened = first.happened_at or first.recorded_at
        return DisplayedEntry(
            when=clock(happened, self._zone, now=self._now, seconds=True, with_offset=with_offset),
            recorded=clock(first.recorded_at, self._zone, now=self._now, seconds=True),
            actor=_("the hub") if first.actor == HUB else first.actor,
            event_id=first.source_event_id,
            order=order,
            at=(happened, first.pk),
            changes=[self.change(entry) for entry in entries],
        )

    def change(self, entry: TimelineEntry) -> Change:
        if entry.what == COMMAND and isinstance(entry.to_value, dict):
            return self._command(entry.to_value)
        if entry.what == REISSUED and isinstance(entry.to_value, dict):
            return self._reissued(entry.to_value)
        if entry.what == ACKNOWLEDGED and isinstance(entry.to_value, dict):
            return Change(str(TITLES[ACKNOWLEDGED]), "", _acknowledged(entry.to_value))
        if entry.what == UNKNOWN_TO_IIKO:
            is_unknown = entry.to_value is not None
            words = _("read by id, iiko no longer lists it") if is_unknown else _("iiko reports it again")
            return Change(str(TITLES[UNKNOWN_TO_IIKO]), "", words)
        if entry.what == MERGED:
            return Change(str(TITLES[MERGED]), f"#{entry.from_value}", f"#{entry.to_value}")
        return self.change_of(entry.what, entry.from_value, entry.to_value)

    def change_of(self, what: str, from_value: Any, to_value: Any) -> Change:
        """Put a field's change in words, its values as the timeline keeps them."""
        title = str(TITLES.get(what, what))
        if what == "items" and (note := item_changes(from_value, to_value)):
            return Change(title, "", "", note)
        before, after = self._words(what, from_value), self._words(what, to_value)
        if before == after:
            return Change(title, "", "", _("%(value)s, details changed") % {"value": after})
        return Change(title, "" if from_value is None else before, after)

    def _command(self, value: Mapping[str, Any]) -> Change:
        """Put a step of a command in words: the request, its state, and why if it went wrong."""
        kind, params = str(value.get("kind")), value.get("params") or {}
        text = params_text(kind, params, Display(self._currency, self._zone, self._now))
        state = state_badge(str(value.get("state")))
        trouble = trouble_text(str(value.get("code") or ""), str(value.get("error") or ""))
        phase = phase_text(str(value.get("phase") or ""))
        step = f"({phase})" if phase else ""
        words = format_html("{} {} {} {}", text, state, step, trouble[:_LONGEST])
        return Change(title_text(kind), "", words)

    def _words(self, what: str, value: Any) -> str | SafeString:
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

    def _reissued(self, value: Mapping[str, Any]) -> Change:
        """Lead from one of two orders to the other; which of them stands its status says."""
        replacement, is_old = _replacement_of(value), "made_as" in value
        other = self._named.by_pk.get(replacement.get("order_id") or 0)
        number = replacement.get("readable_number")
        link = order_link(other) if other else (f"№{number}" if number else _("another order"))
        title = _("New order made in place of this one") if is_old else _("Made in place of")
        return Change(title, "", link)

    def _moved(self, moved: Mapping[str, Any]) -> SafeString:
        return moved_text(moved, self._named.by_iiko_id)

    def _time(self, value: str) -> str:
        return clock_text(vendor_time.terminal_local(value, UTC), self._zone, now=self._now)

    def _money(self, value: int) -> str:
        return money(value, self._currency)

    def _sums(self, rows: Iterable[Mapping[str, Any]]) -> str:
        return ", ".join(
            f"{row.get('name') or row.get('kind') or _('unnamed')} {self._money_or_nothing(row)}".strip()
            + outside_text(row)
            for row in rows
        )

    def _money_or_nothing(self, row: Mapping[str, Any]) -> str:
        return "" if row.get("sum_minor") is None else self._money(row["sum_minor"])


def _status(value: str) -> SafeString:
    if value in Status.values:
        return badge(value, status_text(value))
    return badge("unknown", f"? {value[:60]}")


def _acknowledged(value: Mapping[str, Any]) -> str | SafeString:
    if value.get("what") != "command":
        return _("the POS did not take the order")
    return format_html("{} {}", title_text(str(value.get("kind"))), state_badge(str(value.get("state"))))


def _order_type(value: str) -> str:
    return str(dict(Order._meta.get_field("order_type").flatchoices).get(value, value))


def _problem(value: str) -> str:
    return value or _("a problem without words")


def _items(rows: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(_item(row) for row in rows)


def _item(row: Mapping[str, Any]) -> str:
    name = row.get("name") or _("unnamed")
    size = f" ({row['size']})" if row.get("size") else ""
    amount = f" × {row['amount']}" if row.get("amount") not in (None, "1") else ""
    deleted = f" – {_('deleted')}" if row.get("is_deleted") else ""
    return f"{name}{size}{amount}{deleted}"


# --- items that changed ------------------------------------------------------------------------------


def item_changes(before: Any, after: Any) -> str:
    """Say how the items changed, if they can be matched; empty text if all of them must be shown."""
    if not isinstance(before, list) or not isinstance(after, list) or not before:
        return ""
    kept = len(before) if _same_products(before, after[: len(before)]) else None
    if kept is None:
        return ""
    changes = _line_changes(before, after)
    changes += [_("added: %(item)s") % {"item": _item(row)} for row in after[kept:]]
    return "; ".join(changes)


def _same_products(before: list[Any], after: list[Any]) -> bool:
    def products(rows: list[Any]) -> list[Any]:
        return [(row.get("name"), row.get("size")) for row in rows]

    return products(before) == products(after)


def _line_changes(before: list[Any], after: list[Any]) -> list[str]:
    statuses: dict[str, list[str]] = {}
    changes = []
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
    return changes
