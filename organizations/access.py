"""To which restaurants a person is restricted, and what belongs to a restaurant.

One registry for people and API keys: ``PATHS`` says how a row leads to iiko's id of its restaurant,
``OTHERWISE`` what else decides. Of a model that neither names, a restricted person sees nothing, so that a
forgotten one leaks nothing; ``tests/test_restricted_people.py`` finds it.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from audit.entries import Belonging, belonging_by
from core.access import AnyUser, narrow_by
from organizations.models.access import RestaurantAccess
from organizations.models.organization import Organization

PATHS = {
    "audit.auditentry": "organization_iiko_id",
    "organizations.organization": "iiko_id",
    "organizations.terminalgroup": "organization_id",
    "organizations.courier": "organization_id",
    "organizations.dictionaryentry": "organization_id",
    "organizations.shift": "organization_id",
    "organizations.stoplistreading": "organization_id",
    "organizations.stoplistgroup": "organization_id",
    "organizations.stoplistitem": "organization_id",
    "organizations.apicall": "organization_id",
    "orders.order": "organization_id",
    "orders.mergedorder": "order__organization_id",
    "orders.ordercommand": "order__organization_id",
    "orders.orderterms": "order__organization_id",
    "orders.timelineentry": "order__organization_id",
    "orders.stagetimes": "organization_id",
    "loyalty.customer": "organization_id",
    "loyalty.wallet": "customer__organization_id",
    "loyalty.loyaltyoperation": "organization_id",
    "loyalty.operationstep": "operation__organization_id",
    "loyalty.balancedifference": "wallet__customer__organization_id",
    "hall.tableorder": "organization_id",
    "hall.reserve": "organization_id",
    "webhooks.webhookevent": "organization_id",
    "webhooks.webhookconfig": "organization_id",
    "webhooks.ordersync": "organization_id",
    "webhooks.linkhealth": "organization_id",
    "analytics.periodfigures": "organization_id",
    "analytics.orderhour": "organization_id",
    "analytics.counting": "organization_id",
    "console.seenorder": "order__organization_id",
    "attention.attentionitem": "organization_id",
    "attention.attentionentry": "item__organization_id",
    "attention.rulesetting": "organization_id",
    "outbound.outboundevent": "organization_id",
    "iikohub.zoneconfirmation": "organization_id",
}

Decides = Callable[[AnyUser, Collection[str]], Q]


def _of_everybody(_user: AnyUser, _restaurants: Collection[str]) -> Q:
    return Q()


def _own(user: AnyUser, _restaurants: Collection[str]) -> Q:
    return Q(user_id=user.pk)


def _keys_within(_user: AnyUser, restaurants: Collection[str]) -> Q:
    """Match the keys that see nothing but these restaurants."""
    named = Organization.objects.filter(api_keys=OuterRef("pk"))
    return Q(Exists(named.filter(iiko_id__in=restaurants)), sees_all=False) & ~Q(
        Exists(named.exclude(iiko_id__in=restaurants))
    )


def _channels_within(_user: AnyUser, restaurants: Collection[str]) -> Q:
    """Match the channels of notifications that tell of nothing but these restaurants."""
    return _named_within("notification_channels", "pk", restaurants)


def _notifications_within(_user: AnyUser, restaurants: Collection[str]) -> Q:
    return _named_within("notification_channels", "channel_id", restaurants)


def _subscriptions_within(_user: AnyUser, restaurants: Collection[str]) -> Q:
    """Match the subscriptions of outbound webhooks that are told of nothing but these restaurants."""
    return _named_within("outbound_subscriptions", "pk", restaurants)


def _deliveries_within(_user: AnyUser, restaurants: Collection[str], owner: str = "") -> Q:
    """Match what such subscriptions were told of these; what they named before is not shown with it."""
    is_test = Q(**{f"{owner}event_type": "subscription.test"})
    is_of_them = is_test | Q(**{f"{owner}organization_id__in": restaurants})
    return is_of_them & _named_within("outbound_subscriptions", f"{owner}subscription_id", restaurants)


def _attempts_within(user: AnyUser, restaurants: Collection[str]) -> Q:
    return _deliveries_within(user, restaurants, owner="delivery__")


def _named_within(relation: str, row: str, restaurants: Collection[str]) -> Q:
    named = Organization.objects.filter(**{relation: OuterRef(row)})
    return Q(Exists(named.filter(iiko_id__in=restaurants))) & ~Q(
        Exists(named.exclude(iiko_id__in=restaurants))
    )


def _people_within(user: AnyUser, restaurants: Collection[str]) -> Q:
    """Match the person, and the people who see nothing but these restaurants."""
    access = RestaurantAccess.objects.filter(user=OuterRef("pk"), is_restricted=True)
    links = RestaurantAccess.restaurants.through.objects.filter(restaurantaccess_id=OuterRef("pk"))
    within = Q(Exists(access.filter(restaurants__iiko_id__in=restaurants)), is_superuser=False)
    return Q(pk=user.pk) | within & ~Q(Exists(links.exclude(organization__iiko_id__in=restaurants)))


OTHERWISE: dict[str, Decides] = {
    "organizations.apikey": _keys_within,
    "attention.channel": _channels_within,
    "attention.notification": _notifications_within,
    "outbound.subscription": _subscriptions_within,
    "outbound.delivery": _deliveries_within,
    "outbound.deliveryattempt": _attempts_within,
    "auth.user": _people_within,
    "auth.group": _of_everybody,
    "auth.permission": _of_everybody,
    "contenttypes.contenttype": _of_everybody,
    "admin.logentry": _own,
    "console.preferences": _own,
}


def restaurants_of(user: AnyUser) -> frozenset[str] | None:
    """Return iiko's ids of the restaurants that a person is restricted to; None: the person sees all.

    One query for each request: a request has a user object of its own, which keeps the answer. Superusers
    are never restricted, and whoever is not signed in has no restaurant.
    """
    if getattr(user, "is_superuser", False):
        return None
    if not user.is_authenticated:
        return frozenset()
    if not hasattr(user, _KEPT):
        setattr(user, _KEPT, _read(user))
    found: frozenset[str] | None = getattr(user, _KEPT)
    return found


_KEPT = "_restricted_to"


def _read(user: User) -> frozenset[str] | None:
    restricted = RestaurantAccess.objects.filter(user_id=user.pk, is_restricted=True)
    named: list[str | None] = list(restricted.values_list("restaurants__iiko_id", flat=True))
    # One without a restaurant: restricted to none of them.
    return frozenset(ident for ident in named if ident is not None) if named else None


def is_restricted(user: AnyUser) -> bool:
    return restaurants_of(user) is not None


def visible_rows(user: AnyUser, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Keep the rows that a person may see: the rule of ``core.access.visible_to``."""
    restaurants = restaurants_of(user)
    if restaurants is None:
        return rows
    decides = OTHERWISE.get(rows.model._meta.label_lower)
    return rows.filter(decides(user, restaurants)) if decides else of_restaurants(rows, restaurants)


def of_restaurants(rows: QuerySet[Any], restaurants: Iterable[str]) -> QuerySet[Any]:
    """Keep the rows that belong to these restaurants (iiko's ids); none of a model that belongs to none."""
    path = PATHS.get(rows.model._meta.label_lower)
    return rows.filter(**{f"{path}__in": list(restaurants)}) if path else rows.none()


def belonging_of(row: Model) -> Belonging:
    """Say to the audit log which restaurant a row belongs to, and which row it is a part of."""
    path = PATHS.get(row._meta.label_lower)
    if path is None:
        return Belonging(whole=getattr(row, "user", None))  # what a person has is a part of the person
    *owners, column = path.split("__")
    found: Any = row
    for owner in owners:
        found = getattr(found, owner, None)
    whole = getattr(row, owners[0], None) if owners else None
    return Belonging(str(getattr(found, column, None) or ""), whole)


narrow_by(visible_rows)
belonging_by(belonging_of)
