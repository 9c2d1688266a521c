"""A restaurant with one row of everything, each text of which says ``MARKER``: for who must not see it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import Group, User
from django.db import models
from django.utils import timezone

from analytics.models import Counting, OrderHour, PeriodFigures, Unit
from analytics.periods import beginning
from attention.models.channels import Channel, Kind, Notification, SendState
from attention.models.items import Act, AttentionEntry, AttentionItem, RuleSetting, Severity
from audit.models import ActorKind, AuditEntry, Door, Outcome
from console.models import SeenOrder
from core.trace import new_id
from hall.models import Reserve, TableOrder
from iikohub.models import ZoneConfirmation
from loyalty.models import (
    BalanceDifference,
    Customer,
    DifferenceKind,
    LoyaltyOperation,
    OperationStep,
    Wallet,
)
from orders.models.command import OrderCommand
from orders.models.order import MergedOrder, Order, TimelineEntry
from orders.models.stage_times import StageTimes
from organizations.models.access import RestaurantAccess
from organizations.models.api_keys import ApiKey
from organizations.models.connection import ApiCall, ApiLogin
from organizations.models.dictionaries import Courier, DictionaryEntry, DictionaryKind
from organizations.models.organization import Organization, TerminalGroup
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListGroup, StopListItem, StopListReading
from outbound.models.deliveries import Delivery, DeliveryAttempt
from outbound.models.events import OutboundEvent
from outbound.models.subscriptions import Subscription
from webhooks.models.inbox import WebhookConfig, WebhookEvent
from webhooks.models.reconciliation import LinkHealth, OrderSync

MARKER = "qzxelsewhere"
"""Long enough that no token of a form holds it by chance."""
NUMBER, PHONE, IIKO_ORDER_ID = "98765", "+79995550199", "9f0e1d2c-3b4a-4958-8677-6a5b4c3d2e1f"
_FORMER_PK = 987_654


def other_restaurant() -> dict[str, Any]:
    """Make it; returns a row of each model by the model's label."""
    rows: dict[str, Any] = {}

    traced = {"trace_id": UUID(new_id())}

    def make(model: type[models.Model], **own: Any) -> Any:
        has_trace = any(field.name == "trace_id" for field in model._meta.concrete_fields)
        row = model._default_manager.create(**(_texts(model, own) | (traced if has_trace else {}) | own))
        rows[model._meta.label_lower] = row
        return row

    now = timezone.now()
    login = make(ApiLogin, base_url="", is_active=True)
    place = make(Organization, timezone="Europe/Moscow", currency="RUB", api_login=login)
    make(
        AuditEntry,
        at=now,
        organization_iiko_id=place.iiko_id,
        request_id=uuid4(),
        actor_kind=ActorKind.PERSON,
        door=Door.ADMIN,
        outcome=Outcome.DONE,
        address=None,
    )
    make(TerminalGroup, organization=place, timezone="Europe/Moscow")
    make(Courier, organization=place)
    make(DictionaryEntry, organization=place, kind=DictionaryKind.CANCEL_CAUSE)
    make(Shift, organization=place, is_open=True, began_at=now, opened_at=now)
    make(StopListReading, organization=place, failing_since=now, wanted_at=None)
    make(StopListGroup, organization=place)
    make(StopListItem, organization=place, is_out_of_stock=True, since=now, balance=0, size_id="")
    make(
        ApiCall,
        organization_id=place.iiko_id,
        started_at=now,
        duration_ms=1,
        api_login=login,
        operation="deliveries/cancel",
        http_status=500,
    )
    make(ApiKey, prefix="qzxelsewhere_1").organizations.add(place)
    order = _order(make, place, now)
    rows["orders.orderterms"] = order.search  # a trigger writes it
    _loyalty(make, place, order, now)
    make(TableOrder, **_hall(place, now), when_created=now)
    make(Reserve, **_hall(place, now), estimated_start_time=now)
    _traffic(make, place, order, now)
    _attention(make, place, order, now)
    person = make(User, username="qzxelsewhere-person", is_staff=True)
    person.groups.add(Group.objects.get(name="Operator"))
    make(RestaurantAccess, user=person, is_restricted=True).restaurants.add(place)
    return rows


Make = Callable[..., Any]


def _order(make: Make, place: Organization, now: datetime) -> Order:
    order: Order = make(
        Order,
        organization=place,
        readable_number=NUMBER,
        phone=PHONE,
        iiko_order_id=IIKO_ORDER_ID,
        status="CookingCompleted",
        creation_status="Success",
        order_type="DELIVERY",
        problem="qzxelsewhere problem",
        customer={"name": "qzxelsewhere guest"},
        promised_time=now - timedelta(hours=1),
        when_created=now - timedelta(hours=2),
        created_at=now,
        updated_at=now,
    )
    make(MergedOrder, pk=_FORMER_PK, order=order)
    make(OrderCommand, order=order, kind="cancel", state="rejected", created_at=now, finished_at=now)
    make(TimelineEntry, order=order, recorded_at=now, what="comment", to_value="qzxelsewhere")
    make(SeenOrder, order=order, seen_at=now)
    make(StageTimes, organization=place, orders=50, measured_at=now)
    make(OrderHour, order_id=order.pk, organization=place, hour=now)
    make(Counting, organization=place, timezone="Europe/Moscow", read_until=now)
    counted = {"orders": 1, f"channel|{MARKER}": 1, f"courier|{MARKER}": 1}
    periods = {"organization": place, "before_at": now - timedelta(days=1), "orders": counted}
    for unit in Unit:
        begins = beginning(unit, now, place.zone())
        make(PeriodFigures, unit=unit, starts_at=begins, commands={}, **periods)
    return order


def _loyalty(make: Make, place: Organization, order: Order, now: datetime) -> None:
    guest = make(Customer, organization=place, phone=PHONE, read_at=now)
    wallet = make(Wallet, customer=guest, read_at=now)
    operation = make(
        LoyaltyOperation,
        organization=place,
        wallet=wallet,
        order=order,
        kind="hold",
        state="confirmed",
        amount_minor=100,
        transaction_id=str(uuid4()),
        created_at=now,
    )
    make(OperationStep, operation=operation, after="confirmed", recorded_at=now)
    make(
        BalanceDifference,
        wallet=wallet,
        operation=operation,
        found_at=now,
        seen_at=now,
        kind=DifferenceKind.values[0],
    )


def _hall(place: Organization, now: datetime) -> dict[str, Any]:
    return {
        "organization": place,
        "number": NUMBER,
        "phone": PHONE,
        "status": None,
        "creation_status": None,
        "created_at": now,
        "updated_at": now,
        "customer": {"name": "qzxelsewhere guest"},
    }


def _traffic(make: Make, place: Organization, order: Order, now: datetime) -> None:
    make(
        WebhookEvent,
        organization_id=place.iiko_id,
        event_type="qzxelsewhereHappened",
        order=order,
        order_external_id=NUMBER,
        status="dead",
        reason="error",
        source="webhook",
        format="cloud",
        payload={"qzxelsewhere": 1},
        received_at=now,
        event_time=now,
    )
    make(WebhookConfig, organization=place)
    make(OrderSync, organization=place, judged_until=now)
    make(ZoneConfirmation, organization=place, confirmed_at=now)
    make(LinkHealth, organization=place, state="dead_webhook", since=now, checked_at=now)


def _attention(make: Make, place: Organization, order: Order, now: datetime) -> None:
    item = make(
        AttentionItem,
        organization=place,
        order=order,
        rule="problem",
        severity=Severity.WARNING,
        facts={"order": MARKER},
        since=now,
        opened_at=now,
        updated_at=now,
    )
    make(AttentionEntry, item=item, act=Act.FOUND, at=now)
    make(RuleSetting, organization=place)
    channel = make(Channel, address="json://example.com", rules=[], active_since=now)
    channel.restaurants.add(place)
    subscription = make(
        Subscription, url="https://example.com", event_types=[], previous_secret="", disabled_reason=""
    )
    subscription.organizations.add(place)
    event = make(
        OutboundEvent,
        organization=place,
        event_type="order.created",
        entity_type="order",
        entity_id=str(order.pk),
        row_id=order.pk,
        occurred_at=now,
        body='{"data":{"x":"qzxelsewhere"}}',
        personal_body=None,
    )
    delivery = make(
        Delivery,
        subscription=subscription,
        event=event,
        event_type=event.event_type,
        organization=place,
        position=1,
        state="failed",
        created_at=now,
    )
    make(DeliveryAttempt, delivery=delivery, began_at=now, duration_ms=1)
    make(Notification, channel=channel, item=item, kind=Kind.NEW, state=SendState.FAILED, planned_at=now)


def _texts(model: type[models.Model], own: dict[str, Any]) -> dict[str, Any]:
    """Fill the texts that a test does not name; what has choices, or is made by the database, stays."""
    texts: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        is_text = isinstance(field, models.CharField | models.TextField)
        if field.name in own or field.generated or (not field.editable and field.primary_key) or not is_text:
            continue
        if not field.choices:
            texts[field.name] = f"{MARKER}-{field.name}"[: field.max_length or 40]
    return texts
