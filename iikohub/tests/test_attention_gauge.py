"""What the attention list counts at /metrics."""

from datetime import timedelta

import pytest
from django.test import Client

from attention.models.items import AttentionItem
from attention.rules.registry import RULES
from attention.watch import watch
from core.database import db_clock
from orders.models.order import Order
from tests.builders import make_organization
from webhooks.models.inbox import WebhookConfig

pytestmark = pytest.mark.django_db


def test_open_items_are_counted_by_rule_and_others_are_zero(client: Client) -> None:
    cafe, now = make_organization(), db_clock.now()
    WebhookConfig.objects.update(registration_status="registered")
    for minutes in (1, 2, 3):
        Order.objects.create(
            organization=cafe, promised_time=now - timedelta(minutes=minutes), updated_at=now
        )
    watch(now)
    resolved, snoozed, _open = AttentionItem.objects.filter(rule="late")
    AttentionItem.objects.filter(pk=resolved.pk).update(resolved_at=now)
    AttentionItem.objects.filter(pk=snoozed.pk).update(snoozed_until=now + timedelta(hours=1))

    text = client.get("/metrics").content.decode()

    counts = [line for line in text.splitlines() if line.startswith("iikohub_attention_open{")]
    assert 'iikohub_attention_open{rule="late",severity="critical"} 1.0' in counts
    assert 'iikohub_attention_open{rule="will_be_late",severity="warning"} 0.0' in counts
    assert len(counts) == len(RULES)
    [age] = [line for line in text.splitlines() if line.startswith("iikohub_attention_age_seconds ")]
    assert 0 <= float(age.split()[1]) < 60


def test_age_is_not_said_before_the_first_look(client: Client) -> None:
    assert "\niikohub_attention_age_seconds " not in client.get("/metrics").content.decode()
