"""How a subscription fares, in one word."""

from datetime import datetime
from typing import TypedDict

from django.db.models import Count, Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from outbound.models.deliveries import DeliveryState
from outbound.models.subscriptions import Subscription


class Waiting(TypedDict):
    """What ``with_waiting`` adds to a subscription."""

    waiting: int


class Health(TextChoices):
    WORKS = "works", _("works")
    UNTRIED = "untried", _("nothing was sent yet")
    NOT_ANSWERING = "not_answering", _("does not answer")
    PAUSED = "paused", _("asked to wait")
    DISABLED = "disabled", pgettext_lazy("subscription", "switched off")


def health_of(subscription: Subscription, now: datetime) -> Health:
    """Say how it fares; ``NOT_ANSWERING`` is an open circuit, which is probed by itself."""
    if not subscription.is_active:
        return Health.DISABLED
    if subscription.opened_at is not None:
        return Health.NOT_ANSWERING
    if subscription.paused_until is not None and now < subscription.paused_until:
        return Health.PAUSED
    is_untried = subscription.last_success_at is None and not subscription.last_error
    return Health.UNTRIED if is_untried else Health.WORKS


def with_waiting(subscriptions: QuerySet[Subscription]) -> QuerySet[Subscription]:
    """Add ``waiting``: how many deliveries are still to be sent."""
    pending = Q(deliveries__state=DeliveryState.PENDING)
    return subscriptions.annotate(waiting=Count("deliveries", filter=pending))
