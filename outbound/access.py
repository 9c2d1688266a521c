"""Whose subscriptions a caller sees: a key its own alone, a person those of restaurants that are theirs."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from core.access import AnyUser, visible_to
from core.redaction import MASK
from organizations.models.api_keys import ApiKey
from outbound.feed.bodies import fill_bodies
from outbound.models.deliveries import Delivery, DeliveryAttempt
from outbound.models.events import EntityType, EventType
from outbound.models.subscriptions import Subscription

VIEW = "outbound.view_subscription"
CHANGE = "outbound.change_subscription"
ACT = "outbound.act_on_subscription"
"""To send tests and to send again."""
SEEN_BY: dict[str, str] = {
    EntityType.ORDER: "orders.view_order",
    EntityType.COMMAND: "orders.view_ordercommand",
    EntityType.LOYALTY_OPERATION: "loyalty.view_loyaltyoperation",
    EntityType.STOP_LIST_ITEM: "organizations.view_stoplistitem",
    EntityType.ATTENTION_ITEM: "attention.view_attentionitem",
}
"""By which right a person is shown what events are about."""


def subscriptions_of(key: ApiKey | None, user: AnyUser) -> QuerySet[Subscription]:
    rows = Subscription.objects.all()
    return visible_to(user, rows) if key is None else rows.filter(api_key=key)


def deliveries_of(key: ApiKey | None, user: AnyUser) -> QuerySet[Delivery]:
    """Return those of restaurants that the caller sees now, whatever was sent before."""
    rows = Delivery.objects.all()
    if key is None:
        return visible_to(user, rows)
    rows = rows.filter(subscription__api_key=key)
    if key.sees_all:
        return rows
    seen = key.organizations.values("iiko_id")
    return rows.filter(Q(event_type=EventType.TEST) | Q(organization_id__in=seen))


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a delivery, a key or a person; ``sees_people``: they are shown guests."""

    key: ApiKey | None
    user: AnyUser
    sees_people: bool

    def sees_subject(self, delivery: Delivery) -> bool:
        """Whether they may see what it is about: keys read all of their restaurants, people by right."""
        needed = SEEN_BY.get(delivery.event.entity_type)
        return self.key is not None or needed is None or self.user.has_perm(needed)

    def body_of(self, delivery: Delivery) -> str | None:
        """Return the text that is sent, with guests only to those who may see them. Nothing is stored.

        None where they may not see what it is about.
        """
        if not self.sees_subject(delivery):
            return None
        with_people = delivery.subscription.shows_guests and self.sees_people
        fill_bodies([delivery.event], with_people=with_people)
        text: str = getattr(delivery.event, "personal_body" if with_people else "body")
        return text

    def answer_of(self, attempt: DeliveryAttempt) -> str:
        """Return what the receiver answered; it may repeat what it was sent, so that is hidden alike."""
        delivery = attempt.delivery
        may_hold_guests = (
            delivery.subscription.includes_personal_data or delivery.event.personal_body is not None
        )
        is_shown = self.sees_subject(delivery) and (self.sees_people or not may_hold_guests)
        return attempt.answer if is_shown or not attempt.answer else MASK
