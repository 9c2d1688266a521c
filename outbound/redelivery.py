"""Sending again what happened since a time, in order: of one thing the earlier event leaves first.

A batch of events is one transaction: what was sent of it waits again, and what its subscription was never
sent is made beside it. The first batch is done at once, the others by a job, which may die at any line.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from procrastinate.contrib.django import app

from core.database import db_clock
from outbound.feed.audience import Audience
from outbound.feed.fan_out import deliver
from outbound.models.deliveries import Delivery, DeliveryQuerySet, DeliveryState
from outbound.models.events import EventType, OutboundEvent
from outbound.models.subscriptions import Subscription
from outbound.states import MOST_COUNTED

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Redelivery:
    """Events from ``since`` until ``asked_at``; ``only_failed``: those that did not arrive."""

    subscription_id: int
    since: datetime
    asked_at: datetime
    only_failed: bool


class Begun(NamedTuple):
    """How many messages are sent again at once, and whether a job goes on with more."""

    messages: int
    goes_on: bool


@transaction.atomic
def send_again(redelivery: Redelivery, *, after: int = 0) -> Begun:
    """Do one batch of a redelivery, events with a position greater than ``after``, and queue the next.

    Nothing is done for a subscription that is gone or off, or whose key is.
    """
    now = db_clock.now()
    deliverable = Subscription.objects.deliverable(now).select_for_update(no_key=True, of=("self",))
    subscription = deliverable.filter(pk=redelivery.subscription_id).first()
    if subscription is None:
        return Begun(0, False)
    audience = Audience.of(subscription, now=now)
    batch = list(_events(redelivery).filter(position__gt=after).order_by("position")[:_BATCH])
    events = [event for event in batch if audience.may_receive(event)]
    mine = Delivery.objects.filter(subscription=subscription, event__in=[event.pk for event in events])
    known = set(mine.values_list("event_id", flat=True))
    count = restart(mine.failed() if redelivery.only_failed else mine, asked_at=redelivery.asked_at)
    if missing := [event for event in events if event.pk not in known]:
        count += deliver(missing, [audience], now=now)
    if goes_on := len(batch) == _BATCH:
        _queue(redelivery, after=batch[-1].position or 0)
    return Begun(count, goes_on)


def moments_to_send_again(subscription: Subscription, *, since: datetime, now: datetime) -> list[datetime]:
    """Return when the events happened that a redelivery since then would send, the latest first.

    ``MOST_COUNTED`` at most: of more nobody wants to know how many.
    """
    audience = Audience.of(subscription, now=now)
    mine = Delivery.objects.filter(subscription=subscription, event=OuterRef("pk"))
    events = OutboundEvent.objects.filter(
        occurred_at__gte=since, occurred_at__lte=now, position__isnull=False
    ).exclude(event_type=EventType.TEST)
    if audience.restaurants is not None:
        events = events.filter(organization_id__in=audience.restaurants)
    is_new = Q(state=None)
    if subscription.event_types:
        is_new &= Q(event_type__in=subscription.event_types)
    found = events.annotate(state=Subquery(mine.values("state")[:1]))
    due = found.filter(is_new | ~Q(state=DeliveryState.PENDING) & Q(state__isnull=False))
    return list(due.order_by("-occurred_at").values_list("occurred_at", flat=True)[:MOST_COUNTED])


def restart(deliveries: DeliveryQuerySet, *, asked_at: datetime) -> int:
    """Let deliveries that ended wait again, but tests; return how many.

    The lock of their subscription is held: outcomes are written under it. What was restarted since
    ``asked_at``, or made, is not restarted.
    """
    ended = deliveries.filter(~Q(state=DeliveryState.PENDING), created_at__lte=asked_at)
    ended = ended.filter(Q(redelivered_at=None) | Q(redelivered_at__lt=asked_at))
    return ended.exclude(event__event_type=EventType.TEST).update(
        state=DeliveryState.PENDING,
        attempts=0,
        next_attempt_at=asked_at,
        redelivered_at=asked_at,
        finished_at=None,
    )


def _events(redelivery: Redelivery) -> QuerySet[OutboundEvent]:
    rows = OutboundEvent.objects.filter(
        occurred_at__gte=redelivery.since, occurred_at__lte=redelivery.asked_at, position__isnull=False
    )
    if not redelivery.only_failed:
        return rows
    failed = Delivery.objects.failed().filter(subscription=redelivery.subscription_id, event=OuterRef("pk"))
    return rows.filter(Exists(failed))


def _queue(redelivery: Redelivery, *, after: int) -> None:
    # By its name: the task calls this module.
    app.configure_task("outbound.send_again", allow_unknown=False).defer(
        subscription_id=redelivery.subscription_id,
        since=redelivery.since.isoformat(),
        asked_at=redelivery.asked_at.isoformat(),
        only_failed=redelivery.only_failed,
        after=after,
    )
