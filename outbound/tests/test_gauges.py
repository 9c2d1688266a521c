"""What outbound webhooks count at /metrics."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import Client

from core.database import db_clock
from orders.models.order import Order
from outbound.models.deliveries import Delivery
from outbound.models.subscriptions import Subscription
from outbound.tests.endpoints import listening, send_all, subscribe
from tests.builders import ORGANIZATION_ID, make_organization

pytestmark = pytest.mark.django_db


def test_what_waits_what_is_open_and_what_was_answered(client: Client, settings: LazySettings) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES = True
    make_organization()
    now = db_clock.now()

    def make_order() -> None:
        Order.objects.create(organization_id=ORGANIZATION_ID, status="Unconfirmed", updated_at=now)

    with listening(answers=[200, 500]) as endpoint:
        subscribe(endpoint)
        make_order()
        send_all()
        make_order()
        send_all()
    Delivery.objects.update(created_at=now - timedelta(minutes=2))
    Subscription.objects.update(opened_at=now)
    subscribe(is_active=False, disabled_reason="gone")
    make_order()

    lines = client.get("/metrics").content.decode().splitlines()

    assert "iikohub_outbound_unordered 1.0" in lines
    assert "iikohub_outbound_waiting 1.0" in lines
    assert "iikohub_outbound_circuits_open 1.0" in lines
    assert "iikohub_outbound_disabled 1.0" in lines
    assert 'iikohub_outbound_attempts{result="delivered"} 1.0' in lines
    assert 'iikohub_outbound_attempts{result="http_500"} 1.0' in lines
    [age] = [line for line in lines if line.startswith("iikohub_outbound_oldest_seconds ")]
    assert 120 <= float(age.split()[1]) < 180
