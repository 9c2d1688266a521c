"""Whose subscriptions a caller sees: a key its own alone, a person those of restaurants that are theirs."""

from django.db.models import QuerySet

from core.access import AnyUser, visible_to
from organizations.models.api_keys import ApiKey
from outbound.feed.bodies import fill_bodies
from outbound.models.deliveries import Delivery
from outbound.models.subscriptions import Subscription

VIEW = "outbound.view_subscription"
CHANGE = "outbound.change_subscription"
ACT = "outbound.act_on_subscription"
"""To send tests and to send again."""


def subscriptions_of(key: ApiKey | None, user: AnyUser) -> QuerySet[Subscription]:
    rows = Subscription.objects.all()
    return visible_to(user, rows) if key is None else rows.filter(api_key=key)


def deliveries_of(key: ApiKey | None, user: AnyUser) -> QuerySet[Delivery]:
    rows = Delivery.objects.all()
    return visible_to(user, rows) if key is None else rows.filter(subscription__api_key=key)


def body_of(delivery: Delivery, *, sees_people: bool) -> str:
    """Return the text that is sent; with guests only to those who may see them. Nothing is stored."""
    with_people = delivery.subscription.includes_personal_data and sees_people
    fill_bodies([delivery.event], with_people=with_people)
    text: str = getattr(delivery.event, "personal_body" if with_people else "body")
    return text
