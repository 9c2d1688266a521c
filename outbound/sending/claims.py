"""Which deliveries a worker takes: the oldest of each entity, of endpoints that may be asked now.

A lease says that a worker has one in hand; it ends by itself, so a worker may die at any line.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q

from core.trace import new_span_id
from outbound.feed.audience import Audience
from outbound.models.deliveries import Delivery, DeliveryQuerySet, DeliveryState
from outbound.models.subscriptions import Subscription
from outbound.sending.errors import NOT_TOLD

LEASE = timedelta(seconds=30)
"""More than ``exchange.WITHIN_S``, and what it takes to write the outcome down."""
_REST = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process sends, until ``lease_until``."""

    delivery: Delivery
    subscription: Subscription
    lease_until: datetime
    is_probe: bool = False
    span_id: str = field(default_factory=new_span_id)
    """Of the attempt, in the trace of the event: the receiver gets it."""


class Resting:
    """Subscriptions whose due messages all wait behind others that pause: looking costs, and finds nothing.

    They are left alone for a second, unless something new came for them or an attempt of theirs ended.
    """

    def __init__(self) -> None:
        self._since: dict[int, tuple[datetime, int]] = {}

    def begin(self, subscription: Subscription, now: datetime) -> None:
        self._since[subscription.pk] = now, _newest(subscription)

    def end(self, subscription: Subscription) -> None:
        self._since.pop(subscription.pk, None)

    def has(self, subscription: Subscription, now: datetime) -> bool:
        if (rest := self._since.get(subscription.pk)) is None:
            return False
        since, newest = rest
        return abs(now - since) < _REST and _newest(subscription) == newest


def _newest(subscription: Subscription) -> int:
    newest: int | None = Delivery.objects.filter(subscription=subscription).aggregate(pk=Max("pk"))["pk"]
    return newest or 0


def claim_due(
    room_for: Callable[[Subscription, int], int], *, now: datetime, resting: Resting | None = None
) -> list[Claim]:
    """Take what is to be sent now; ``room_for`` says how many of a subscription, given how many have work."""
    resting = resting or Resting()
    ready = [one for one in _ready(now) if not resting.has(one, now)]
    claims: list[Claim] = []
    for subscription in ready:
        if (room := room_for(subscription, len(ready))) > 0:
            taken = _claim(subscription, limit=room, now=now)
            if not taken:
                resting.begin(subscription, now)
            claims += taken
    return claims


def _ready(now: datetime) -> list[Subscription]:
    waiting = Delivery.objects.filter(subscription=OuterRef("pk"))
    is_patient = Q(paused_until__isnull=True) | Q(paused_until__lte=now)
    is_closed = Q(Exists(waiting.due(now)), opened_at__isnull=True)
    is_to_be_probed = Q(Exists(waiting.pending()), opened_at__isnull=False, next_probe_at__lte=now)
    deliverable = Subscription.objects.deliverable(now).without_secrets()
    found = deliverable.filter(is_patient, is_closed | is_to_be_probed)
    with_places = found.select_related("api_key", "created_by").prefetch_related(
        "organizations", "api_key__organizations"
    )
    return list(with_places.order_by("pk"))


@transaction.atomic
def _claim(subscription: Subscription, *, limit: int, now: datetime) -> list[Claim]:
    is_probe = subscription.opened_at is not None
    if is_probe and not _begin_probe(subscription, now):
        return []
    rows = _heads(subscription, now).select_related("event").select_for_update(skip_locked=True, of=("self",))
    if is_probe:
        # Another each time: one message that the receiver cannot take must not speak for all.
        taken = list(rows.order_by(F("last_attempt_at").asc(nulls_first=True), "position")[:1])
    else:
        taken = list(rows.filter(next_attempt_at__lte=now).order_by("position")[:limit])
    taken = _without_unseen(subscription, taken, now)
    lease_until = now + LEASE
    Delivery.objects.filter(pk__in=[one.pk for one in taken]).update(lease_until=lease_until)
    return [Claim(one, subscription, lease_until, is_probe) for one in taken]


def _without_unseen(subscription: Subscription, taken: list[Delivery], now: datetime) -> list[Delivery]:
    """End those of restaurants that it, or its key, sees no more; return the others."""
    audience = Audience.of(subscription, now=now)
    if unseen := {one.pk for one in taken if not audience.may_receive(one.event)}:
        Delivery.objects.filter(pk__in=unseen).update(
            state=DeliveryState.FAILED, last_error=NOT_TOLD, finished_at=now, next_attempt_at=None
        )
    return [one for one in taken if one.pk not in unseen]


def _begin_probe(subscription: Subscription, now: datetime) -> bool:
    """Keep other workers from probing meanwhile."""
    still = Subscription.objects.filter(pk=subscription.pk, opened_at__isnull=False, next_probe_at__lte=now)
    return still.update(next_probe_at=now + LEASE) == 1


def _heads(subscription: Subscription, now: datetime) -> DeliveryQuerySet:
    """Keep the oldest pending delivery of each entity, unless a worker has it in hand."""
    earlier = Delivery.objects.filter(
        subscription=subscription,
        entity=OuterRef("entity"),
        state=DeliveryState.PENDING,
        position__lt=OuterRef("position"),
    )
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    pending = Delivery.objects.pending().filter(is_free, subscription=subscription)
    return pending.filter(~Exists(earlier))
