"""Items of the attention list as the console shows them: on its page, and in the panel of an order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache
from typing import TYPE_CHECKING

from django.db.models import Prefetch
from django.urls import reverse
from django.utils.translation import gettext as _

from attention.access import ACT
from attention.acts import LONGEST_NOTE, Snooze, may_be_taken_off
from attention.models.items import Act, AttentionEntry, AttentionItem, AttentionItemQuerySet, Severity
from attention.rules.base import NextStep
from attention.words import next_step_of, sentence_of, title_of, zone_of
from core.display import clock_text, span_text
from core.privacy.rights import sees_guests

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

KINDS = {Severity.INFO: "info", Severity.WARNING: "warn", Severity.CRITICAL: "bad"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an item's history."""

    at: str
    act: str
    actor: str
    note: str


@dataclass(frozen=True, slots=True)
class Row:
    """An item in words; moments are on the clock of its restaurant. ``state`` tells which acts fit."""

    item: AttentionItem
    kind: str
    severity: str
    title: str
    sentence: str
    since: str
    age: str
    lasted: str
    """How long an item lasted that has ended; empty while it goes on."""
    state: str
    state_words: str
    note: str
    owner: str
    is_mine: bool
    order: str
    """The number of the order that it is about; empty where it is about none."""
    step: NextStep | None
    order_url: str
    opens_order: bool
    """Whether the step is to open the order."""
    may_take_off: bool
    history: Sequence[Line]

    @property
    def url(self) -> str:
        """Return the address of its acts, without the name of one."""
        return f"{_page_url()}/{self.item.pk}/"

    @property
    def since_s(self) -> int:
        """Return the beginning in seconds since 1970, by which the script counts its age."""
        return int(self.item.since.timestamp())


def row_context(user: User | AnonymousUser, *, back: str, is_in_panel: bool = False) -> dict[str, object]:
    """Return what each row needs beside itself.

    ``back`` is where a form leads that is sent without the script. ``prefix`` of the ids keeps a row in the
    panel of an order apart from the same one in the list.
    """
    return {
        "may_act": user.has_perm(ACT),
        "snoozes": Snooze.choices,
        "longest_note": LONGEST_NOTE,
        "back": back,
        "prefix": "panel-" if is_in_panel else "",
    }


@cache
def _page_url() -> str:
    # Hundreds of addresses are written at once, and looking one up costs more than a line of a row.
    return reverse("console:attention")


def rows_of(items: AttentionItemQuerySet, *, user: User | AnonymousUser, now: datetime) -> list[Row]:
    """Read items with their restaurants and history: two queries, however many there are."""
    history = AttentionEntry.objects.shown(people=sees_guests(user))
    found = items.select_related("organization").prefetch_related(Prefetch("history", history))
    return [_row(item, user=user, now=now) for item in found]


def _row(item: AttentionItem, *, user: User | AnonymousUser, now: datetime) -> Row:
    zone, history = zone_of(item), list(item.history.all())
    state, words, note = _state(item, history, zone, now)
    step = next_step_of(item, user)
    order_url = reverse("console:order", args=[item.order_id]) if item.order_id is not None else ""
    return Row(
        item=item,
        kind=KINDS[Severity(item.severity)],
        severity=str(Severity(item.severity).label),
        title=title_of(item),
        sentence=sentence_of(item, now),
        since=clock_text(item.since, zone, now=now),
        age=span_text(now - item.since),
        lasted=span_text(item.ended_at - item.since) if item.ended_at is not None else "",
        state=state,
        state_words=words,
        note=note,
        owner=_actor_of(history, Act.TAKEN) if item.taken_at is not None else "",
        is_mine=item.taken_by_id == user.pk,
        order=str(item.facts.get("order") or _("Order")) if item.order_id is not None else "",
        step=step,
        order_url=order_url,
        opens_order=step is not None and step.url == order_url,
        may_take_off=may_be_taken_off(item),
        history=list(_lines(history, zone, now)),
    )


def _state(
    item: AttentionItem, history: Sequence[AttentionEntry], zone: tzinfo, now: datetime
) -> tuple[str, str, str]:
    """Return the state, what it says to people, and the note of a resolution."""
    resolved = next((one for one in reversed(history) if one.act == Act.RESOLVED), None)
    note = resolved.note if resolved is not None else ""
    if item.ended_at is not None:
        at = clock_text(item.ended_at, zone, now=now)
        return "ended", _("Ended %(time)s.") % {"time": at}, note if item.resolved_at else ""
    if item.resolved_at is not None:
        at = clock_text(item.resolved_at, zone, now=now)
        who = resolved.actor if resolved is not None else ""
        return "resolved", _("Resolved by %(who)s, %(time)s.") % {"who": who, "time": at}, note
    if item.snoozed_until is not None and item.snoozed_until > now:
        at = clock_text(item.snoozed_until, zone, now=now)
        return "snoozed", _("Snoozed until %(time)s.") % {"time": at}, ""
    return "open", "", ""


def _actor_of(history: Sequence[AttentionEntry], act: Act) -> str:
    return next((one.actor for one in reversed(history) if one.act == act), "")


def _lines(history: Iterable[AttentionEntry], zone: tzinfo, now: datetime) -> Iterator[Line]:
    for one in history:
        yield Line(
            clock_text(one.at, zone, now=now, seconds=True),
            str(Act(one.act).label),
            one.actor or _("the hub"),
            one.note,
        )
