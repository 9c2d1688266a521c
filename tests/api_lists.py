"""Every list of the API, found among its routes, and rows for each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from analytics.counting.progress import begin_rebuilding, take_step
from hall.models import Reserve, TableOrder
from loyalty.models import Customer, LoyaltyOperation, OperationKind, OperationState, Wallet
from orders.models.order import Order
from organizations.models.api_keys import ApiKey
from organizations.models.connection import ApiCall
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization, TerminalGroup
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem
from outbound.models.subscriptions import Subscription
from outbound.tests.deliveries import make_delivery
from outbound.tests.endpoints import subscribe
from tests.attention_items import make_item
from tests.builders import cloud_event, post
from webhooks.models.inbox import WebhookConfig

API = "/api/v1/"
BY_METHOD = {
    "webhooks/configs": "webhooks.view_webhookconfig",
    "subscriptions": "outbound.view_subscription",
    "deliveries": "outbound.view_delivery",
}
"""What reading takes where the permission depends on what is asked."""
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@dataclass(frozen=True)
class ApiList:
    """One list: the name of its route, its path under ``/api/v1/``, and the view that answers it."""

    name: str
    path: str
    view: Any

    def __str__(self) -> str:
        return self.path

    @property
    def has_files(self) -> bool:
        """Whether it may be had as CSV."""
        return any(renderer.format == "csv" for renderer in self.view.renderer_classes)

    @property
    def permission(self) -> str:
        """What a person needs to read it; some ask by method."""
        needed = getattr(self.view, "staff_permission", None)
        return needed if isinstance(needed, str) else BY_METHOD[self.path]


def _patterns(patterns: Any) -> Iterator[URLPattern]:
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from _patterns(one.url_patterns)
        elif one.name:
            yield one


def _found() -> Iterator[ApiList]:
    for pattern in _patterns(get_resolver().url_patterns):
        actions = getattr(pattern.callback, "actions", None) or {}
        if actions.get("get") == "list":
            path = reverse(str(pattern.name)).removeprefix(API).rstrip("/")
            yield ApiList(str(pattern.name), path, pattern.callback.cls)  # type: ignore[attr-defined]  # DRF sets it


LISTS = tuple(sorted(_found(), key=lambda one: one.path))
PATHS = tuple(one.path for one in LISTS)


# --- rows ----------------------------------------------------------------------------------------------


def _events(organization: Organization, count: int) -> None:
    ident = organization.iiko_id
    events = [cloud_event(order_id=f"{ident}-{at}", order=None, organization_id=ident) for at in range(count)]
    token = WebhookConfig.objects.get(organization=organization).auth_token
    assert post(Client(), events, token).status_code == 200


def _orders(organization: Organization, count: int) -> None:
    Order.objects.bulk_create(
        Order(
            organization=organization,
            iiko_order_id=f"o-{at}",
            readable_number=str(at),
            updated_at=NOON + timedelta(seconds=at),
        )
        for at in range(count)
    )


def _operations(organization: Organization, count: int) -> None:
    guest = Customer.objects.create(organization=organization, iiko_id="guest", read_at=NOON)
    wallet = Wallet.objects.create(customer=guest, iiko_id="wallet", read_at=NOON)
    LoyaltyOperation.objects.bulk_create(
        LoyaltyOperation(
            organization=organization,
            wallet=wallet,
            kind=OperationKind.HOLD,
            state=OperationState.CONFIRMED,
            amount_minor=100,
            marker=f"m-{organization.pk}-{at}",
            transaction_id=f"t-{organization.pk}-{at}",
            created_at=NOON + timedelta(seconds=at),
        )
        for at in range(count)
    )


def _calls(organization: Organization, count: int) -> None:
    ApiCall.objects.bulk_create(
        ApiCall(
            organization_id=organization.iiko_id,
            operation="organizations",
            url="u",
            duration_ms=1,
            started_at=NOON + timedelta(seconds=at),
        )
        for at in range(count)
    )


def _shifts(organization: Organization, count: int) -> None:
    Shift.objects.bulk_create(
        Shift(
            organization=organization,
            terminal_group_id="group",
            employee_id=f"person-{at}",
            opened_at=NOON,
            began_at=NOON + timedelta(seconds=at),
            is_open=True,
        )
        for at in range(count)
    )


def _stop_list(organization: Organization, count: int) -> None:
    StopListItem.objects.bulk_create(
        StopListItem(
            organization=organization,
            terminal_group_id="group",
            product_id=f"product-{at}",
            is_out_of_stock=True,
            since=NOON + timedelta(seconds=at),
        )
        for at in range(count)
    )


def _days(organization: Organization, count: int) -> None:
    """Make an order on each of so many days, counted."""
    Order.objects.bulk_create(
        Order(
            organization=organization,
            iiko_order_id=f"o-{at}",
            status="Closed",
            amount_minor=100,
            when_created=NOON - timedelta(days=at),
            updated_at=NOON,
        )
        for at in range(count)
    )
    begin_rebuilding(organization.iiko_id)
    while not take_step(organization.iiko_id).is_last:
        pass


def _of(model: Any, **fields: Any) -> Callable[[Organization, int], None]:
    def make(organization: Organization, count: int) -> None:
        model.objects.bulk_create(
            model(organization=organization, iiko_id=f"{organization.pk}-{at}", **fields)
            for at in range(count)
        )

    return make


def _one_of_each(_organization: Organization, _count: int) -> None:
    """Make nothing: the restaurant itself is the row."""


def _attention(organization: Organization, count: int) -> None:
    for _number in range(count):
        make_item(organization)


def _subscriptions(organization: Organization, count: int) -> None:
    """Make subscriptions of the newest key: each sees its own alone."""
    key = ApiKey.objects.order_by("pk").last()
    for _number in range(count):
        subscribe(None, organization, api_key=key)


def _deliveries(organization: Organization, count: int) -> None:
    _subscriptions(organization, 1)
    subscription = Subscription.objects.latest("pk")
    for _number in range(count):
        make_delivery(subscription, organization)


ROWS: dict[str, Callable[[Organization, int], None]] = {
    "webhooks/events": _events,
    "webhooks/configs": _one_of_each,
    "orders": _orders,
    "loyalty/operations": _operations,
    "table-orders": _of(TableOrder, updated_at=NOON),
    "reserves": _of(Reserve, updated_at=NOON),
    "organizations": _one_of_each,
    "terminal-groups": _of(TerminalGroup),
    "couriers": _of(Courier),
    "shifts": _shifts,
    "stop-list": _stop_list,
    "stop-list/time-out-of-stock": _stop_list,
    "logs": _calls,
    "analytics": _days,
    "attention": _attention,
    "subscriptions": _subscriptions,
    "deliveries": _deliveries,
}
"""What makes rows of one restaurant; a new list needs an entry."""

QUERIES = {"stop-list/time-out-of-stock": "since=2026-03-14T00:00:00Z&until=2026-03-15T00:00:00Z"}
"""What a list is asked with for its rows to be there."""


def make_rows(one: ApiList, count: int) -> None:
    """Make rows of several restaurants where each is one row, else of the first."""
    organizations = [make_restaurant(at) for at in range(count if ROWS[one.path] is _one_of_each else 1)]
    ROWS[one.path](organizations[0], count)


def make_restaurant(number: int) -> Organization:
    organization = Organization.objects.create(
        iiko_id=f"00000000-0000-4000-8000-{number:012d}", name=f"Кафе {number:03d}", timezone="UTC"
    )
    WebhookConfig.objects.create(organization=organization, auth_token=f"token-of-the-restaurant-{number}")
    return organization
