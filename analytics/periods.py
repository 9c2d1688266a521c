"""Where hours, days, weeks and months begin on the clock of a restaurant.

Hours are counted from midnight, so that each lies in one day: a day of 23 or 25 hours has so many. All
moments are UTC; every period is from its beginning up to the beginning of the next.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo

from analytics.models import Unit

HOUR = timedelta(hours=1)


def beginning(unit: Unit, moment: datetime, zone: tzinfo) -> datetime:
    """Return when the period began that ``moment`` lies in."""
    day = moment.astimezone(zone).date()
    if unit is Unit.HOUR:
        midnight = _midnight(day, zone)
        return midnight + (moment.astimezone(UTC) - midnight) // HOUR * HOUR
    return _midnight(_first_day(unit, day), zone)


def after(unit: Unit, begins: datetime, zone: tzinfo) -> datetime:
    """Return when the next period begins."""
    day = begins.astimezone(zone).date()
    if unit is Unit.HOUR:
        return min(begins + HOUR, _midnight(day + timedelta(days=1), zone))
    return _midnight(_first_day(unit, day + _MORE_THAN_ONE[unit]), zone)


def before(unit: Unit, begins: datetime, zone: tzinfo) -> datetime:
    """Return when the period before began."""
    return beginning(unit, begins - timedelta(microseconds=1), zone)


_MORE_THAN_ONE = {
    Unit.DAY: timedelta(days=1),
    Unit.WEEK: timedelta(days=7),
    Unit.MONTH: timedelta(days=31),  # from the first day of any month into the next
}


def _first_day(unit: Unit, day: date) -> date:
    if unit is Unit.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit is Unit.MONTH else day


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
