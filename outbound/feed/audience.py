"""Which subscriptions receive an event."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.db.models import Q

from outbound.models.deliveries import DeliveryQuerySet
from outbound.models.events import EventType, OutboundEvent
from outbound.models.subscriptions import Subscription


@dataclass(frozen=True, slots=True)
class Audience:
    """A subscription, and iiko's ids of the restaurants it hears of; None: all, and the hub."""

    subscription: Subscription
    restaurants: frozenset[str] | None

    @classmethod
    def of(cls, subscription: Subscription, *, now: datetime) -> Self:
        named = _ids(subscription)
        allowed = _allowed(subscription, now)
        if named is None or allowed is None:
            return cls(subscription, named if allowed is None else allowed)
        return cls(subscription, named & allowed)

    def wants(self, event: OutboundEvent) -> bool:
        if event.event_type == EventType.TEST or not self.subscription.wants(event.event_type):
            return False
        return self.may_receive(event)

    def may_receive(self, event: OutboundEvent) -> bool:
        """Whether it is of a restaurant whose events it may receive now, or a test."""
        if self.restaurants is None or event.event_type == EventType.TEST:
            return True
        return event.organization_id in self.restaurants

    def within(self, deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
        """Keep the deliveries whose events it may receive now."""
        if self.restaurants is None:
            return deliveries
        return deliveries.filter(Q(event_type=EventType.TEST) | Q(organization_id__in=self.restaurants))


def _ids(subscription: Subscription) -> frozenset[str] | None:
    return frozenset(place.iiko_id for place in subscription.organizations.all()) or None


def _allowed(subscription: Subscription, now: datetime) -> frozenset[str] | None:
    """Return what the key that made it may see: none, once it opens nothing."""
    key = subscription.api_key
    if key is None:
        return None
    if not subscription.has_usable_key(now):
        return frozenset()
    return None if key.sees_all else frozenset(place.iiko_id for place in key.organizations.all())


def audiences(*, now: datetime) -> list[Audience]:
    """Read who listens now."""
    active = Subscription.objects.active().without_secrets().select_related("api_key", "created_by")
    found = active.prefetch_related("organizations", "api_key__organizations").order_by("pk")
    return [Audience.of(one, now=now) for one in found]
