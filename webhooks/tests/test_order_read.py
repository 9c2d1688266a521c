"""An order read because of a command enters the mirror through the inbox, and was not missed by webhooks."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.models.order import Order
from tests.acting import QUEUED, SUCCESS, Acting, make_courier
from tests.builders import COURIER_ID, ORDER_ID, ORGANIZATION_ID, courier, drain, inbox
from tests.simulated_iiko import SimulatedIiko
from webhooks.models.inbox import EventSource
from webhooks.models.reconciliation import OrderSync
from webhooks.reconciliation.missed_webhooks import count_missed, missed_orders, missed_since

pytestmark = pytest.mark.django_db


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    """Assign a courier, of which no webhook tells."""
    one = Acting(iiko)
    make_courier()
    one.has(status="Waiting")
    iiko.answers("deliveries/update_order_courier", QUEUED)
    iiko.answers("commands/status", SUCCESS)
    return one


def assign(acting: Acting) -> None:
    command = acting.asked("assign-courier", {"courier_id": COURIER_ID})
    acting.step(command)
    acting.step_when_due(command)
    assert command.state == "confirmed"


def test_what_was_read_after_a_command_becomes_the_mirror(acting: Acting) -> None:
    acting.shows(status="Waiting", courierInfo=courier())

    assign(acting)

    assert Order.objects.get().courier_id is None
    drain()
    order = Order.objects.get()
    assert (order.courier_id, order.courier_name) == (COURIER_ID, "Орлова Вера")
    assert acting.iiko.bodies("deliveries/by_id") == [
        {"organizationId": ORGANIZATION_ID, "orderIds": [ORDER_ID]}
    ]
    assert [(event.source, event.status) for event in inbox()] == [
        (EventSource.WEBHOOK, "processed"),
        (EventSource.COMMAND, "processed"),
    ]


def test_what_was_read_after_a_command_does_not_count_as_missed(acting: Acting) -> None:
    now = timezone.now()
    OrderSync.objects.create(
        organization=acting.organization, origin="x", revision=1, synced_at=now, judged_until=now
    )
    OrderSync.objects.update(created_at=now - timedelta(days=3650))
    acting._revision = int(now.timestamp() * 1000)
    acting.shows(status="OnWay", courierInfo=courier())

    assign(acting)
    drain()
    later = timezone.now() + timedelta(minutes=5)
    count_missed(now=later)

    assert Order.objects.get().status == "OnWay"
    assert OrderSync.objects.get().missed_total == 0
    assert missed_since(ORGANIZATION_ID, now - timedelta(hours=1), now=later) == 0
    assert missed_orders([ORGANIZATION_ID], since=now - timedelta(hours=1), now=later) == {}


def test_what_a_webhook_brought_already_is_not_stored_again(acting: Acting) -> None:
    acting.shows(status="Waiting", courierInfo=courier())
    acting._revision -= 1000
    acting.has(status="Waiting", courierInfo=courier())

    assert len(inbox()) == 2
    acting.iiko.answers("deliveries/update_order_courier", QUEUED)
    command = acting.asked("update-status", {"status": "OnWay"})
    acting.iiko.answers("deliveries/update_order_delivery_status", QUEUED)
    acting.step(command)
    acting.step_when_due(command)

    assert command.state == "confirmed"
    assert len(inbox()) == 2
