"""How a subscription fares, in one word."""

from datetime import datetime
from typing import TypedDict

from django.db.models import IntegerField, OuterRef, QuerySet, Subquery, TextChoices
from django.utils.translation import gettext_lazy as _, pgettext_lazy

from outbound.models.deliveries import Delivery
from outbound.models.subscriptions import Subscription

MOST_COUNTED = 10_000
"""A page of subscriptions is not to read a backlog of days row by row."""


class _Counted(Subquery):
    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


class Waiting(TypedDict):
    """What ``with_waiting`` adds to a subscription."""

    waiting: int


class Health(TextChoices):
    WORKS = "works", _("works")
    UNTRIED = "untried", _("nothing was sent yet")
    NOT_ANSWERING = "not_answering", _("does not answer")
    PAUSED = "paused", _("asked to wait")
    KEY_OFF = "key_off", _("its API key is off")
    DISABLED = "disabled", pgettext_lazy("subscription", "switched off")


def health_of(subscription: Subscription, now: datetime) -> Health:
    """Say how it fares; ``NOT_ANSWERING`` is an open circuit, which is probed by itself."""
    if not subscription.is_active:
        return Health.DISABLED
    if not subscription.has_usable_key(now):
        return Health.KEY_OFF
    if subscription.opened_at is not None:
        return Health.NOT_ANSWERING
    if subscription.paused_until is not None and now < subscription.paused_until:
        return Health.PAUSED
    is_untried = subscription.last_success_at is None and not subscription.last_error
    return Health.UNTRIED if is_untried else Health.WORKS


def with_waiting(subscriptions: QuerySet[Subscription]) -> QuerySet[Subscription]:
    """Add ``waiting``: how many deliveries are still to be sent, ``MOST_COUNTED`` at most."""
    pending = Delivery.objects.pending().filter(subscription=OuterRef("pk")).order_by()
    return subscriptions.annotate(waiting=_Counted(pending.values("pk")[:MOST_COUNTED]))
