"""Deliveries that nobody has to send first."""

from typing import Any

from core.database import db_clock
from organizations.models.organization import Organization
from outbound.models.deliveries import Delivery
from outbound.models.events import EntityType, EventType, OutboundEvent
from outbound.models.subscriptions import Subscription


def make_delivery(
    subscription: Subscription,
    place: Organization | None = None,
    event_type: str = EventType.ORDER_CREATED,
    **changes: Any,
) -> Delivery:
    """Make one of an event about an order that is gone."""
    now, number = db_clock.now(), Delivery.objects.count() + 1
    is_test = event_type == EventType.TEST
    event = OutboundEvent.objects.create(
        event_type=event_type,
        organization=place,
        entity_type=EntityType.TEST if is_test else EntityType.ORDER,
        entity_id=str(number),
        occurred_at=now,
        position=1_000_000 + number,
    )
    usual = {
        "event_type": event_type,
        "organization": place,
        "entity": f"{event.entity_type}/{number}",
        "position": event.position,
        "created_at": now,
    }
    return Delivery.objects.create(subscription=subscription, event=event, **(usual | changes))
