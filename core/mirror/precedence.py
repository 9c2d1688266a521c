"""Precedence: which message decides the value of a field (docs/adr/0002-precedence-of-every-field.md).

Every message has a *precedence*, a text that sorts by how much the message counts. A field takes a
message's value only if the precedence is at least that of the message that set the field before. Taking the
maximum is independent of the order of arrival, so duplicates, disorder and partial messages converge by
construction. The levels, lowest first:

- nothing yet;
- the hub's own guess (a name from the dictionary) until a message has the value;
- SOI CREATE, then SOI UPDATE: they have no revision, so among their kind the later arrival wins, and
  a late CREATE never moves an order back;
- Cloud, by iiko's revision (``eventInfo.timestamp``, docs/iiko.md#revision); of equal revisions with
  different content the one in which the order has advanced further, then by digest, so that every order of
  arrival picks the same one. The time of the notification does not count: the same content may be sent
  again later.

A revision more than a day ahead of its receipt is not taken from iiko (the handlers of events leave it
out). A row that holds one from before that rule drops it with the next message of the Cloud.

Once the Cloud has set a field SOI no longer changes it: a message without a revision cannot prove that it
is newer.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar, cast

from django.db.models import Model

from core.privacy.removal import without_guest
from iiko_client.models.statuses import DeliveryStatus

NOTHING = ""
FALLBACK = "0"
_REST = "*"

AHEAD = timedelta(days=1)
"""How far iiko's clock may be ahead of ours, by our choice."""


def soi_precedence(*, is_update: bool, arrival_id: int) -> str:
    return f"{2 if is_update else 1}:{arrival_id:020d}"


def milliseconds(moment: datetime) -> int:
    """Count as iiko's revisions do: milliseconds since the epoch."""
    return int(moment.timestamp() * 1000)


def cloud_precedence(*, revision: int, progress: int, digest: str) -> str:
    """``progress``: how far the order has advanced in this message, 0 to 99 (see ``progress_of``)."""
    return f"3:{revision:020d}:{progress:02d}:{digest[:8]}"


_CREATION = {"InProgress": 0, "Error": 1, "Success": 2}


def progress_of(
    creation_status: str | None,
    status: str | None,
    course: Sequence[str] = tuple(DeliveryStatus),
    *,
    is_deleted: bool | None = None,
) -> int:
    """Place a message in the usual course: creation, then the status (by default a delivery's).

    Deletion is the end of any course.
    """
    if is_deleted:
        return 99
    steps = course.index(status) + 1 if status in course else 0
    return 20 * _CREATION.get(creation_status or "", 0) + steps


class FieldPrecedence:
    """The precedence of every field of one row, stored as the commonest one and the exceptions to it."""

    def __init__(self, stored: Mapping[str, str], *, now: datetime | None = None) -> None:
        if now is not None:
            stored = _with_credible_revisions(stored, now)
        self._rest = stored.get(_REST, NOTHING)
        self._precedences = {name: precedence for name, precedence in stored.items() if name != _REST}

    def of(self, name: str) -> str:
        return self._precedences.get(name, self._rest)

    def set(self, name: str, precedence: str) -> None:
        self._precedences[name] = precedence

    def packed(self, names: Iterable[str]) -> dict[str, str]:
        """Return the form to store, for an order of the fields ``names``."""
        precedences = {name: self.of(name) for name in names}
        common = Counter(precedences.values()).most_common(1)[0][0]
        return {_REST: common} | {
            name: precedence for name, precedence in precedences.items() if precedence != common
        }


def _with_credible_revisions(stored: Mapping[str, str], now: datetime) -> Mapping[str, str]:
    """Lower every precedence of an impossible revision below all others of the Cloud."""
    highest = f"3:{milliseconds(now + AHEAD):020d};"  # the sign after ":"
    if all(precedence <= highest for precedence in stored.values()):
        return stored
    return {
        name: _LOWEST_CLOUD if precedence > highest else precedence for name, precedence in stored.items()
    }


_LOWEST_CLOUD = cloud_precedence(revision=0, progress=0, digest="")


def is_told(stored: Mapping[str, str], name: str) -> bool:
    """Tell whether any message has set a field; ``stored`` is the ``field_precedence`` of its row."""
    return stored.get(name, stored.get(_REST, NOTHING)) != NOTHING


class HasPrecedence(Protocol):
    """A row of a mirror. ``revision``: the newest one any message carried."""

    field_precedence: Any
    revision: Any
    personal_data_removed_at: Any


R = TypeVar("R", bound=HasPrecedence)


class PrecedenceRow(Generic[R]):
    """A locked row of a batch in memory.

    ``is_changed``: a value is different; ``is_touched``: the row has to be written.
    """

    def __init__(self, row: R, *, now: datetime | None = None) -> None:
        """Drop the precedence of revisions more than ``AHEAD`` after ``now``."""
        self.row = row
        self.precedences = FieldPrecedence(row.field_precedence, now=now)
        self._latest_credible = None if now is None else milliseconds(now + AHEAD)
        self.is_changed = not row.field_precedence
        self.is_touched = self.is_changed

    def take(self, fields: Mapping[str, object], precedence: str) -> bool:
        """Set the fields in which a message of this precedence wins; return whether it wins in any."""
        won = [name for name in fields if precedence >= self.precedences.of(name)]
        for name in won:
            self.set(name, fields[name], precedence)
        return bool(won) or not fields

    @property
    def is_without_guest(self) -> bool:
        """Whether the guest was removed, so that no message, however new, brings one again."""
        return self.row.personal_data_removed_at is not None

    def set(self, name: str, value: object, precedence: str) -> None:
        if self.is_without_guest:
            value = without_guest(cast("type[Model]", type(self.row)), name, value)
        if getattr(self.row, name) != value:
            setattr(self.row, name, value)
            self.is_changed = self.is_touched = True
        if self.precedences.of(name) != precedence:
            self.precedences.set(name, precedence)
            self.is_touched = True

    def note_revision(self, revision: int | None) -> None:
        held = self.row.revision or 0
        if self._latest_credible is not None and held > self._latest_credible:
            held = 0
        if revision is not None and revision > held:
            self.row.revision = revision
            self.is_touched = True
