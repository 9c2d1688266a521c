"""Which message has the last word on a field.

Every message has a *rank*, a text that sorts by how much it counts. A field takes a message's value
only if the message ranks at least as high as the one that set the field before. Taking the maximum
is independent of the order of arrival, so repeats, disorder and partial messages converge by
construction. The ranks, lowest first:

- nothing yet;
- the hub's own guess (a name from the dictionary) until a message says better;
- SOI CREATE, then SOI UPDATE: they have no revision, so among their kind the later arrival wins, and
  a late CREATE never moves an order back;
- Cloud, by iiko's revision (``eventInfo.timestamp``); equal revisions with different content by the
  time of the notification, then by digest, only so that every arrival order picks the same one.

Once the Cloud has spoken of a field SOI no longer changes it: a message without a revision cannot
prove that it is newer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

NOTHING = ""
FALLBACK = "0"
_REST = "*"


def soi_rank(*, is_update: bool, arrival_id: int) -> str:
    return f"{2 if is_update else 1}:{arrival_id:020d}"


def cloud_rank(*, revision: int, event_time: datetime | None, digest: str) -> str:
    notified_ms = int(event_time.timestamp() * 1000) if event_time else 0
    return f"3:{revision:020d}:{max(notified_ms, 0):020d}:{digest[:8]}"


class FieldRanks:
    """The rank of every field of one order, stored as the commonest rank and the exceptions to it."""

    def __init__(self, stored: Mapping[str, str]) -> None:
        self._rest = stored.get(_REST, NOTHING)
        self._ranks = {name: rank for name, rank in stored.items() if name != _REST}

    def of(self, name: str) -> str:
        return self._ranks.get(name, self._rest)

    def set(self, name: str, rank: str) -> None:
        self._ranks[name] = rank

    def packed(self, names: Iterable[str]) -> dict[str, str]:
        """Return the form to store, for an order of the fields ``names``."""
        ranks = {name: self.of(name) for name in names}
        common = Counter(ranks.values()).most_common(1)[0][0]
        return {_REST: common} | {name: rank for name, rank in ranks.items() if rank != common}
