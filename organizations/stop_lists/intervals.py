"""Intervals: what was on a stop list and for how long, made of iiko's answers.

An interval lasts until an answer without the product, or one by which it ran out, came back or was added
again. What could not be read ends no interval.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from iiko_client.models.dictionaries import StopListEntry, StopLists
from organizations.models.stop_lists import StopListItem

Key = tuple[str, str]
"""Product and size."""

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""iiko is younger: an earlier date is an unset value."""

_PLACES = Decimal(1).scaleb(-6)


def keep_lists(answer: StopLists, *, asked: frozenset[str], at: datetime) -> frozenset[str]:
    """Write iiko's answer of the moment ``at``; return the terminal groups whose list is known by it.

    ``asked`` are those that iiko was asked about: one that is not in the answer has an empty list. Only the
    holder of the restaurant's lease may call it, inside a transaction.
    """
    lists: dict[str, dict[Key, StopListEntry]] = defaultdict(dict)
    incomplete: set[str] = set()
    for one in answer.lists:
        if one.terminal_group_id:
            lists[one.terminal_group_id] |= _by_key([*lists[one.terminal_group_id].values(), *one.entries])
            incomplete |= set() if one.is_whole else {one.terminal_group_id}
    for group in asked if answer.is_whole else ():
        lists.setdefault(group, {})
    known: dict[str, dict[Key, StopListItem]] = defaultdict(dict)
    current = StopListItem.objects.current().filter(organization_id=answer.organization_id)
    for item in current.filter(terminal_group_id__in=lists):
        known[item.terminal_group_id][item.product_id, item.size_id] = item
    changes = _Changes(answer.organization_id, at)
    for group, entries in lists.items():
        changes.keep(group, known[group], entries, is_whole=group not in incomplete)
    changes.write()
    return frozenset(lists.keys() - incomplete)


def _by_key(entries: Iterable[StopListEntry]) -> dict[Key, StopListEntry]:
    """Index the entries; of two for one product the one with less left counts, in any order."""
    found: dict[Key, StopListEntry] = {}
    for entry in sorted(entries, key=_scarcity, reverse=True):
        found[entry.product_id, entry.size_id or ""] = entry
    return found


def _scarcity(entry: StopListEntry) -> tuple[bool, Decimal, datetime, str]:
    return (
        entry.balance is None,
        entry.balance or Decimal(0),
        entry.added_at or _EARLIEST,
        entry.sku or "",
    )


class _Changes:
    """The changes of one answer, written together at the end."""

    def __init__(self, organization_id: str, at: datetime) -> None:
        self._organization_id = organization_id
        self._at = at
        self._changed: list[StopListItem] = []
        self._new: list[StopListItem] = []

    def keep(
        self,
        terminal_group_id: str,
        known: Mapping[Key, StopListItem],
        entries: Mapping[Key, StopListEntry],
        *,
        is_whole: bool,
    ) -> None:
        for key, entry in entries.items():
            item = known.get(key)
            if item is not None and _continues(item, entry):
                self._follow(item, entry)
            else:
                self._begin(terminal_group_id, entry, item)
        for key, item in known.items():
            if is_whole and key not in entries:
                self._end(item, self._at)

    def _follow(self, item: StopListItem, entry: StopListEntry) -> None:
        balance, sku = _balance(entry), _sku(entry)
        if (item.balance, item.sku) != (balance, sku):
            item.balance, item.sku = balance, sku
            item.updated_at = self._at
            self._changed.append(item)

    def _end(self, item: StopListItem, until: datetime) -> None:
        item.until, item.updated_at = max(until, item.since), self._at
        self._changed.append(item)

    def _begin(self, terminal_group_id: str, entry: StopListEntry, before: StopListItem | None) -> None:
        """Begin an interval and end the one before.

        It begins at iiko's ``dateAdd`` where that is plausible: not in the future, and after the beginning of
        the interval before.
        """
        added_at = _added_at(entry)
        is_plausible = (
            added_at is not None and added_at <= self._at and (before is None or added_at > before.since)
        )
        since = added_at if added_at is not None and is_plausible else self._at
        if before is not None:
            self._end(before, since)
        self._new.append(
            StopListItem(
                organization_id=self._organization_id,
                terminal_group_id=terminal_group_id,
                product_id=entry.product_id,
                size_id=entry.size_id or "",
                sku=_sku(entry),
                balance=_balance(entry),
                is_out_of_stock=_is_out(entry),
                added_at=added_at,
                since=since,
                is_since_told=is_plausible,
            )
        )

    def write(self) -> None:
        StopListItem.objects.bulk_update(self._changed, ["balance", "sku", "until", "updated_at"])
        StopListItem.objects.bulk_create(self._new)


def _continues(item: StopListItem, entry: StopListEntry) -> bool:
    if item.is_out_of_stock != _is_out(entry):
        return False
    added_at = _added_at(entry)
    return added_at is None or item.added_at is None or added_at <= item.added_at


def _is_out(entry: StopListEntry) -> bool:
    return entry.balance is not None and entry.balance <= 0


def _balance(entry: StopListEntry) -> Decimal | None:
    return None if entry.balance is None else entry.balance.quantize(_PLACES)


def _sku(entry: StopListEntry) -> str:
    return (entry.sku or "")[:200]


def _added_at(entry: StopListEntry) -> datetime | None:
    return entry.added_at if entry.added_at and entry.added_at >= _EARLIEST else None
