"""What people do with items: take, give back, snooze, resolve, open again, take an order off the board.

Each act locks the item, changes it and writes a line of its history, or raises and changes nothing. An act
that finds what it wants already done, by the same actor, changes nothing either and is no error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import TextChoices
from django.utils.translation import gettext as _, gettext_lazy

from attention.errors import BadMoment, NotDone, UnknownItem
from attention.models.items import Act, AttentionEntry, AttentionItem
from attention.rules.orders import NotListed
from core import trace
from core.display import ago_text
from orders.mirror.unlisted import take_off_board

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from organizations.models.api_keys import ApiKey

LONGEST_NOTE = 1000
LONGEST_SNOOZE = timedelta(days=7)
LONGEST_ACTOR = 200
"""What the history keeps of a name."""
OPENS_AT = time(9)
"""When a restaurant is taken to open: iiko tells the hub no opening hours."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, or an API key, which has a name alone."""

    name: str
    user: User | None = None

    @classmethod
    def of_key(cls, key: ApiKey) -> Actor:
        """Name a key by its name, cut where it is long, and its beginning: two may have one name."""
        ending = f" ({key.prefix})"
        return cls(f"API: {key.name}"[: LONGEST_ACTOR - len(ending)] + ending)


class Snooze(TextChoices):
    """For how long an item is put off."""

    QUARTER = "15min", gettext_lazy("15 minutes")
    HOUR = "1h", gettext_lazy("1 hour")
    FOUR_HOURS = "4h", gettext_lazy("4 hours")
    TOMORROW = "tomorrow", gettext_lazy("until tomorrow, 9:00")


_WRITTEN = ("taken_by", "taken_at", "resolved_at", "snoozed_until", "updated_at")
_SPANS = {
    Snooze.QUARTER: timedelta(minutes=15),
    Snooze.HOUR: timedelta(hours=1),
    Snooze.FOUR_HOURS: timedelta(hours=4),
}


def snooze_end(choice: Snooze, *, zone: tzinfo, now: datetime) -> datetime:
    """Return the full minute at which a snooze ends, so that a repeat at once means the same one."""
    if choice == Snooze.TOMORROW:
        tomorrow = now.astimezone(zone).date() + timedelta(days=1)
        return datetime.combine(tomorrow, OPENS_AT, zone).astimezone(UTC)
    ends_s = (now + _SPANS[choice]).timestamp()
    return datetime.fromtimestamp(math.ceil(ends_s / 60) * 60, UTC)


@transaction.atomic
def take(item_id: int, *, by: Actor, now: datetime) -> AttentionItem:
    """Make somebody the owner of an item.

    Raises:
        UnknownItem, NotDone: it is over, resolved, or somebody else's: the text names them.
    """
    item = _locked(item_id, now)
    _check_not_resolved(item, now)
    if item.taken_at is not None:
        if not _is_held_by(item, by):
            raise NotDone("taken", _told(_("Already taken: %(who)s, %(ago)s."), _last(item, Act.TAKEN), now))
        return item
    item.taken_by, item.taken_at = by.user, now
    return _done(item, Act.TAKEN, by, now)


@transaction.atomic
def release(item_id: int, *, by: Actor, now: datetime) -> AttentionItem:
    """Make an item nobody's, whoever has it: a colleague may have gone home.

    Raises:
        UnknownItem, NotDone: it is over.
    """
    item = _locked(item_id, now)
    if item.taken_at is None:
        return item
    item.taken_by = item.taken_at = None
    return _done(item, Act.RELEASED, by, now)


@transaction.atomic
def snooze(item_id: int, *, until: datetime, by: Actor, now: datetime) -> AttentionItem:
    """Hide an item until a moment, at most ``LONGEST_SNOOZE`` from now.

    Raises:
        UnknownItem, NotDone: it is over, or resolved.
        BadMoment: the moment has passed, or is too far.
    """
    if not now < until <= now + LONGEST_SNOOZE:
        raise BadMoment(_("It can be snoozed until a moment of the next 7 days."))
    item = _locked(item_id, now)
    _check_not_resolved(item, now)
    if item.snoozed_until == until:
        return item
    item.snoozed_until = until
    return _done(item, Act.SNOOZED, by, now)


@transaction.atomic
def resolve(item_id: int, *, note: str = "", by: Actor, now: datetime) -> AttentionItem:
    """Call an item done; it stays so while its condition holds, and comes again when that begins again.

    Raises:
        UnknownItem, NotDone: it is over, or somebody else has resolved it: the text names them.
    """
    item = _locked(item_id, now)
    if item.resolved_at is not None:
        if _last(item, Act.RESOLVED).actor != by.name:
            _check_not_resolved(item, now)
        return item
    item.resolved_at, item.snoozed_until = now, None
    return _done(item, Act.RESOLVED, by, now, note)


@transaction.atomic
def reopen(item_id: int, *, by: Actor, now: datetime) -> AttentionItem:
    """Put an item that is resolved or snoozed back on the list.

    Raises:
        UnknownItem, NotDone: it is over.
    """
    item = _locked(item_id, now)
    if item.resolved_at is None and (item.snoozed_until is None or item.snoozed_until <= now):
        return item
    item.resolved_at = item.snoozed_until = None
    return _done(item, Act.REOPENED, by, now)


def may_be_taken_off(item: AttentionItem) -> bool:
    """Whether an item is about an order on the board that iiko lists no more."""
    is_listed_nowhere = item.rule == NotListed.name and bool(item.facts.get("is_on_board"))
    return is_listed_nowhere and item.order_id is not None and item.ended_at is None


@transaction.atomic
def take_off(item_id: int, *, by: Actor, now: datetime) -> AttentionItem:
    """Take an order off the board that iiko lists no more; the next news of it brings it back.

    The order is locked before the item, as by whoever changes orders.

    Raises:
        UnknownItem, NotDone: it is over, iiko lists the order again, or somebody was faster.
    """
    item = AttentionItem.objects.filter(pk=item_id).first()
    is_done = (
        item is not None
        and item.order_id is not None
        and may_be_taken_off(item)
        and take_off_board(item.order_id, actor=by.name, now=now)
    )
    item = _locked(item_id, now)
    if is_done:
        return _done(item, Act.TAKEN_OFF, by, now)
    former = item.history.filter(act=Act.TAKEN_OFF).last()
    if former is None:
        raise NotDone("listed", _("iiko lists this order again, or it is over: nothing was changed."))
    if former.actor != by.name:
        raise NotDone("taken_off", _told(_("Already off the board: %(who)s, %(ago)s."), former, now))
    return item


def _locked(item_id: int, now: datetime) -> AttentionItem:
    item = AttentionItem.objects.select_for_update().filter(pk=item_id).first()
    if item is None:
        raise UnknownItem(_("There is no such item."))
    if item.ended_at is not None:
        words = _("It ended by itself %(ago)s: there is nothing left to do.")
        raise NotDone("ended", words % {"ago": ago_text(item.ended_at, now)})
    return item


def _check_not_resolved(item: AttentionItem, now: datetime) -> None:
    if item.resolved_at is not None:
        words = _("Already resolved: %(who)s, %(ago)s.")
        raise NotDone("resolved", _told(words, _last(item, Act.RESOLVED), now))


def _is_held_by(item: AttentionItem, by: Actor) -> bool:
    if by.user is not None:
        return item.taken_by_id == by.user.pk
    return item.taken_by_id is None and _last(item, Act.TAKEN).actor == by.name


def _last(item: AttentionItem, act: Act) -> AttentionEntry:
    return item.history.filter(act=act).latest("id")


def _told(words: str, entry: AttentionEntry, now: datetime) -> str:
    return words % {"who": entry.actor, "ago": ago_text(entry.at, now)}


def _done(item: AttentionItem, act: Act, by: Actor, now: datetime, note: str = "") -> AttentionItem:
    item.updated_at = now
    trace.tell_database()
    item.save(update_fields=_WRITTEN)
    AttentionEntry.objects.create(
        item=item,
        organization_id=item.organization_id,
        act=act,
        at=now,
        actor=by.name,
        note=note.strip(),
    )
    return item
