"""Following what changed, and counting all of a restaurant again.

Each step is one transaction under the lock of the restaurant's ``Counting`` row: what it counts and how far
it has come are written together. So a step may be repeated, run in two processes, or die half-way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from analytics.counting import hours as counted
from analytics.models import Counting, OrderHour, PeriodFigures, Unit
from analytics.periods import beginning
from core.mirror.change_feed import settled_before
from iiko_client import vendor_time
from orders.models.command import OrderCommand
from orders.models.order import MergedOrder, Order
from organizations.models.organization import Organization
from webhooks.reconciliation.missed_webhooks import GRACE, missed_at

BATCH = 2000
"""So many orders are placed in their hours by one step, unless more changed at the same moment."""

_OVERLAP = timedelta(minutes=2)
"""Commands have no change feed: those of so long are read again. A worker's transaction ends before."""

_LATE_WEBHOOKS = timedelta(days=1)
"""A webhook that comes so late still takes back that it was missed."""

_PLAUSIBLE = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
"""An order that says it was made outside is taken for made when the hub first saw it (.NET's unset times)."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did; ``is_last``: there is nothing more to do now."""

    orders: int
    is_last: bool
    is_rebuilding: bool


def take_step(organization_id: str) -> Step:
    """Go on with a rebuilding, else follow what changed since the last step."""
    with transaction.atomic():
        state, zone = _locked(organization_id)
        if state.rebuilt_up_to is not None:
            placed = _rebuild(state, zone, state.rebuilt_up_to)
            step = Step(placed, is_last=False, is_rebuilding=state.rebuilt_up_to is not None)
        else:
            placed, is_last = _follow(state, zone)
            step = Step(placed, is_last, is_rebuilding=False)
        state.save()
    return step


def begin_rebuilding(organization_id: str) -> None:
    """Have all of a restaurant counted again; where that is under way already, it goes on."""
    with transaction.atomic():
        state, _zone = _locked(organization_id)
        if state.rebuilt_up_to is None:
            state.rebuilt_up_to = 0
            state.save()


def count_missed_webhooks(organization_id: str, *, now: datetime) -> None:
    """Count those of the last day again, and of all the time since they were last counted."""
    with transaction.atomic():
        state, zone = _locked(organization_id)
        since = min(state.missed_until or now, now - _LATE_WEBHOOKS)
        _count_missed(state, zone, since=since, until=now - GRACE)
        state.save()


def _locked(organization_id: str) -> tuple[Counting, tzinfo]:
    """Return the state with its lock; a clock that was set since the last step has all counted again."""
    settled = settled_before()
    states = Counting.objects.select_for_update()
    names = Organization.objects.values_list("timezone", flat=True)
    state = states.filter(organization_id=organization_id).first()
    if state is None:
        first = Counting(
            organization_id=organization_id,
            timezone=names.get(iiko_id=organization_id),
            rebuilt_up_to=0,
            read_until=settled,
        )
        Counting.objects.bulk_create([first], ignore_conflicts=True)
        state = states.get(organization_id=organization_id)
    # Read under the lock: the process that had it may have cut the hours by a clock that was just set.
    name = names.get(iiko_id=organization_id)
    zone = vendor_time.zone(name)
    if state.timezone != name:
        state.timezone, state.rebuilt_up_to = name, 0
        counted.cut_anew(organization_id, zone)
    return state, zone


# --- what changed ------------------------------------------------------------------------------------


def _follow(state: Counting, zone: tzinfo) -> tuple[int, bool]:
    """Count the hours that changed orders and commands lie in, or lay in; return how many orders."""
    organization_id = state.organization_id
    settled = settled_before()
    changed = Order.objects.filter(organization_id=organization_id, updated_at__gte=state.read_until)
    in_turn = changed.filter(updated_at__lt=settled).order_by("updated_at", "pk")
    next_at = in_turn.values_list("updated_at", flat=True)[BATCH : BATCH + 1].first()
    # All of one moment belong to one step, so that the next begins after it.
    until = settled if next_at is None else next_at + timedelta(microseconds=1)
    moments = _moments(in_turn.filter(updated_at__lt=until))
    hours = _place(organization_id, moments, zone)
    counted.count_orders(organization_id, hours, zone)
    commands = _hours_of_commands(organization_id, state.read_until - _OVERLAP, zone)
    counted.count_commands(organization_id, commands, zone)
    counted.add_up(organization_id, hours | commands, zone)
    state.read_until = until
    return len(moments), until == settled


def _moments(orders: QuerySet[Order]) -> dict[int, datetime]:
    """Say when each order began: when iiko made it, else when the hub first saw it."""
    found: dict[int, datetime] = {}
    for pk, made_at, seen_at in orders.values_list("pk", "when_created", "created_at"):
        is_given = made_at is not None and _PLAUSIBLE[0] <= made_at < _PLAUSIBLE[1]
        found[pk] = made_at if made_at is not None and is_given else seen_at
    return found


def _place(organization_id: str, moments: Mapping[int, datetime], zone: tzinfo) -> set[datetime]:
    """Put orders into their hours, and take out rows that were merged into them; return the hours changed."""
    if not moments:
        return set()
    merged = MergedOrder.objects.filter(order_id__in=list(moments)).values_list("pk", flat=True)
    gone = OrderHour.objects.filter(pk__in=list(merged))
    hours = set(gone.values_list("hour", flat=True))
    gone.delete()
    was_in = dict(OrderHour.objects.filter(pk__in=list(moments)).values_list("order_id", "hour"))
    is_in = {pk: beginning(Unit.HOUR, moment, zone) for pk, moment in moments.items()}
    OrderHour.objects.bulk_create(
        [
            OrderHour(order_id=pk, organization_id=organization_id, hour=hour)
            for pk, hour in is_in.items()
            if was_in.get(pk) != hour
        ],
        update_conflicts=True,
        unique_fields=["order_id"],
        update_fields=["organization", "hour"],
    )
    return hours | set(was_in.values()) | set(is_in.values())


def _hours_of_commands(organization_id: str, since: datetime, zone: tzinfo) -> set[datetime]:
    changed = OrderCommand.objects.changed_since(since).filter(order__organization_id=organization_id)
    return {beginning(Unit.HOUR, moment, zone) for moment in changed.values_list("created_at", flat=True)}


def _count_missed(state: Counting, zone: tzinfo, *, since: datetime, until: datetime) -> None:
    """Count the missed webhooks of whole hours; ``until`` need not be the end of one."""
    organization_id = state.organization_id
    since = beginning(Unit.HOUR, since, zone)
    rows = PeriodFigures.objects.filter(organization_id=organization_id, unit=Unit.HOUR)
    rows = rows.filter(starts_at__gte=since, starts_at__lte=until, missed_webhooks__gt=0)
    missed = dict.fromkeys(rows.values_list("starts_at", flat=True), 0)
    for moment in missed_at(organization_id, since, until):
        hour = beginning(Unit.HOUR, moment, zone)
        missed[hour] = missed.get(hour, 0) + 1
    counted.write_missed(organization_id, missed, zone)
    counted.add_up(organization_id, missed, zone)
    state.missed_until = until


# --- all of it ---------------------------------------------------------------------------------------


def _rebuild(state: Counting, zone: tzinfo, after_pk: int) -> int:
    """Count the next orders by number, and after the last what is no order's; return how many."""
    organization_id = state.organization_id
    rest = Order.objects.filter(organization_id=organization_id, pk__gt=after_pk).order_by("pk")
    pks = list(rest.values_list("pk", flat=True)[:BATCH])
    if not pks:
        _finish_rebuilding(state, zone)
        return 0
    hours = _place(organization_id, _moments(Order.objects.filter(pk__in=pks)), zone)
    counted.count_orders(organization_id, hours, zone)
    counted.add_up(organization_id, hours, zone)
    state.rebuilt_up_to = pks[-1]
    return len(pks)


def _finish_rebuilding(state: Counting, zone: tzinfo) -> None:
    """Empty the hours that no order is in, count commands, and webhooks as far back as events are kept."""
    organization_id = state.organization_id
    orders = Order.objects.filter(organization_id=organization_id)
    placed = OrderHour.objects.filter(organization_id=organization_id)
    placed.exclude(pk__in=orders.values("pk")).delete()
    counted.drop_misplaced(organization_id, zone)
    rows = PeriodFigures.objects.filter(organization_id=organization_id)
    of_hours = rows.filter(unit=Unit.HOUR)
    empty = of_hours.exclude(orders={}).exclude(starts_at__in=placed.values("hour"))
    counted.count_orders(organization_id, set(empty.values_list("starts_at", flat=True)), zone)
    commands = _hours_of_commands(organization_id, _PLAUSIBLE[0], zone)
    commands |= set(of_hours.exclude(commands={}).values_list("starts_at", flat=True))
    counted.count_commands(organization_id, commands, zone)
    counted.add_up(organization_id, commands | set(rows.values_list("starts_at", flat=True)), zone)
    _count_missed_anew(state, zone)
    state.rebuilt_up_to = None


def _count_missed_anew(state: Counting, zone: tzinfo) -> None:
    """Count the missed webhooks of the time from which no event was forgotten yet."""
    until = settled_before() - GRACE
    days = settings.INBOX_RETENTION_DAYS
    since = until - timedelta(days=days - 1) if days > 1 else _PLAUSIBLE[0]
    _count_missed(state, zone, since=since, until=until)
