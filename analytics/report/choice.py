"""Which period somebody looks at: a unit, and a time on the clock of each restaurant."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from django.utils import formats
from django.utils.translation import gettext as _, pgettext

from analytics.models import Unit
from analytics.periods import after, before, beginning

_FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%d", "%Y-%m")
_EARLIEST, _LATEST = datetime(2001, 1, 1), datetime(2199, 1, 1)  # noqa: DTZ001  # of every clock


@dataclass(frozen=True, slots=True)
class Span:
    """The chosen period on one clock, and the one before, up to the same hour while this one is under way.

    Nothing of the one before while this one has not begun.
    """

    zone: tzinfo
    begins: datetime
    ends: datetime
    before: datetime
    before_until: datetime

    @property
    def is_cut(self) -> bool:
        return self.before_until < self.begins


@dataclass(frozen=True, slots=True)
class Choice:
    """``at`` is the beginning of the period on any clock: it names no zone."""

    unit: Unit
    at: datetime

    @classmethod
    def read(cls, unit: str, at: str, *, now: datetime) -> "Choice":
        """Read what an address names; ``now``, without a zone, stands for a time that is not given.

        Raises:
            ValueError: it names none.
        """
        chosen = Unit(unit) if unit else Unit.DAY
        moment = _read(at) if at else now
        if not _EARLIEST <= moment < _LATEST:
            raise ValueError(f"{moment} is too far away")
        return cls(chosen, _begin(chosen, moment))

    @property
    def text(self) -> str:
        """Write ``at`` as an address has it."""
        return f"{self.at:%Y-%m-%dT%H}" if self.unit is Unit.HOUR else f"{self.at:%Y-%m-%d}"

    @property
    def earlier(self) -> "Choice":
        return Choice(self.unit, _begin(self.unit, self.at - timedelta(microseconds=1)))

    @property
    def later(self) -> "Choice":
        return Choice(self.unit, _begin(self.unit, self.at + _LONGER[self.unit]))

    def of(self, unit: Unit, *, now: datetime) -> "Choice":
        """Return the period of another length that holds now as this one does, else its beginning."""
        is_present = self.at <= now < self.later.at
        return Choice(unit, _begin(unit, now if is_present else self.at))

    @property
    def title(self) -> str:
        day = pgettext("date format", "j F Y")
        if self.unit is Unit.MONTH:
            return formats.date_format(self.at, "F Y")
        if self.unit is Unit.WEEK:
            last = self.at + timedelta(days=6)
            first = formats.date_format(self.at, pgettext("date format", "j M"))
            return f"{first} – {formats.date_format(last, day)}"
        if self.unit is Unit.HOUR:
            return (
                f"{formats.date_format(self.at, day)}, {self.at:%H:%M}–{self.at + timedelta(hours=1):%H:%M}"
            )
        return formats.date_format(self.at, f"l, {day}")

    def span(self, zone: tzinfo, *, now: datetime) -> Span:
        """Return when it is on this clock."""
        begins = beginning(self.unit, self.at.replace(tzinfo=zone), zone)
        ends, former = after(self.unit, begins, zone), before(self.unit, begins, zone)
        until = begins
        if now < begins:  # on a clock of another restaurant it has begun: there is nothing to compare yet
            until = former
        elif self.unit is not Unit.HOUR and begins <= now < ends:
            hours = -(-(now - begins) // timedelta(hours=1))
            until = min(begins, former + timedelta(hours=hours))
        return Span(zone, begins, ends, former, until)


_LONGER = {
    Unit.HOUR: timedelta(hours=1),
    Unit.DAY: timedelta(days=1),
    Unit.WEEK: timedelta(days=7),
    Unit.MONTH: timedelta(days=31),
}


def before_words(unit: Unit) -> str:
    """Name the period before."""
    return {
        Unit.HOUR: _("the hour before"),
        Unit.DAY: _("the day before"),
        Unit.WEEK: _("the week before"),
        Unit.MONTH: _("the month before"),
    }[unit]


def _begin(unit: Unit, moment: datetime) -> datetime:
    if unit is Unit.HOUR:
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.date()
    if unit is Unit.WEEK:
        day -= timedelta(days=day.weekday())
    return _midnight(day.replace(day=1) if unit is Unit.MONTH else day)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001  # of every clock


def _read(text: str) -> datetime:
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007  # of every clock
        except ValueError:
            continue
    raise ValueError(f"{text[:40]!r} is not a time")
