"""How long to pause after a 429, for each credential and restriction group.

The vendor names restriction groups but publishes no numbers, and no source confirms a ``Retry-After``
header (docs/iiko.md#rate-limits): the header is followed where it is present, else growing pauses that
were reported to work.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

ORDINARY_STEPS_S = (5.0, 10.0, 20.0)
SETTINGS_STEPS_S = (120.0, 240.0, 480.0)

_LONGEST_S = 3600.0
_SHORTEST_S = 1.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing of a restriction group is sent before ``until``; ``refusals`` in a row set the length."""

    until: datetime
    refusals: int


@dataclass(frozen=True, slots=True)
class AskedPause:
    """The headers ``Retry-After`` and ``Date`` of a 429."""

    retry_after: str | None = None
    answered_at: str | None = None


class Pauses(Protocol):
    """Where the pauses of all restriction groups are kept; processes that share a credential share it."""

    def get(self, restriction_group: str) -> Pause | None: ...

    def put(self, restriction_group: str, pause: Pause) -> None: ...


class InMemoryPauses:
    """The pauses of one process."""

    def __init__(self) -> None:
        self._pauses: dict[str, Pause] = {}

    def get(self, restriction_group: str) -> Pause | None:
        return self._pauses.get(restriction_group)

    def put(self, restriction_group: str, pause: Pause) -> None:
        self._pauses[restriction_group] = pause


def next_pause(
    last: Pause | None, now: datetime, *, asked_s: float | None, steps_s: tuple[float, ...]
) -> Pause:
    """Return the pause after one more 429; it never ends before the present one.

    Refusals count as "in a row" while each comes within the longest step after the last pause's end.
    Several calls refused at once count once: the pause of the first was not over yet.
    """
    if last is None or now > last.until + timedelta(seconds=steps_s[-1]):
        refusals = 1
    else:
        refusals = last.refusals + (now >= last.until)
    step = steps_s[min(refusals, len(steps_s)) - 1]
    length = min(max(asked_s if asked_s is not None else step, _SHORTEST_S), _LONGEST_S)
    until = now + timedelta(seconds=length)
    return Pause(until=max(until, last.until) if last else until, refusals=refusals)


def remaining_s(pause: Pause | None, now: datetime) -> float:
    return max(0.0, (pause.until - now).total_seconds()) if pause else 0.0


def retry_after_s(header: str | None, now: datetime, answered_at: str | None = None) -> float | None:
    """Read ``Retry-After``, seconds or an HTTP date; None where it is absent or unreadable.

    A date is on iiko's clock and counted from the ``Date`` of its answer (``answered_at``): ours may differ.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    moment = _http_date(text)
    return None if moment is None else max(0.0, (moment - (_http_date(answered_at) or now)).total_seconds())


def _http_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
