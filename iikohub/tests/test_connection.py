"""The state of the link as people and machines are shown it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone, translation

from organizations.models.organization import Organization
from tests.builders import ORGANIZATION_ID, cloud_event, drain, make_organization, post
from tests.pages import sign_in, sign_in_superuser, text
from webhooks.models.inbox import EventSource, WebhookEvent
from webhooks.models.reconciliation import LinkHealth, LinkState, OrderSync

pytestmark = pytest.mark.django_db

HOME = "/admin/"


@pytest.fixture
def restaurant() -> Organization:
    return make_organization()


def in_english(client: Client) -> str:
    with translation.override("en"):
        return text(client.get(HOME, headers={"Accept-Language": "en"}))


def health(
    organization: Organization, state: LinkState, *, checked: timedelta = timedelta(minutes=1)
) -> None:
    now = timezone.now()
    LinkHealth.objects.create(
        organization=organization,
        state=state,
        since=now - timedelta(minutes=12, seconds=10),
        checked_at=now - checked,
        last_webhook_at=now - timedelta(minutes=20),
    )


def missed_order(organization: Organization, client: Client) -> None:
    now = timezone.now()
    OrderSync.objects.create(organization=organization, judged_until=now, synced_at=now, missed_total=7)
    OrderSync.objects.update(created_at=now - timedelta(hours=1))
    post(client, [cloud_event(timestamp=int(now.timestamp() * 1000))])
    drain()
    WebhookEvent.objects.update(source=EventSource.RECONCILE, received_at=now - timedelta(minutes=5))


def test_dead_webhook_is_shown_with_what_it_missed(restaurant: Organization, client: Client) -> None:
    sign_in_superuser(client)
    health(restaurant, LinkState.DEAD_WEBHOOK)
    missed_order(restaurant, client)

    page = in_english(client)

    assert "webhooks do not arrive 12 min 1 order missed" in page


def test_watch_that_sleeps_claims_nothing(restaurant: Organization, client: Client) -> None:
    sign_in_superuser(client)
    health(restaurant, LinkState.RECEIVING, checked=timedelta(hours=3))

    page = in_english(client)

    assert "not checked for 3 h" in page
    assert "webhooks come" not in page


def test_reading_that_fails_is_shown_with_the_reason(restaurant: Organization, client: Client) -> None:
    sign_in_superuser(client)
    OrderSync.objects.create(
        organization=restaurant, judged_until=timezone.now(), error="not bound to this ApiLogin"
    )

    assert "orders not read" in in_english(client)
    assert 'title="not bound to this ApiLogin"' in client.get(HOME).content.decode()


def test_state_is_for_those_who_may_see_events(restaurant: Organization, client: Client) -> None:
    sign_in(client, "organizations.view_organization")
    health(restaurant, LinkState.DEAD_WEBHOOK)

    assert "webhooks do not arrive" not in in_english(client)


def test_metrics_show_state_silence_and_what_was_missed(restaurant: Organization, client: Client) -> None:
    health(restaurant, LinkState.OFFLINE_POS)
    missed_order(restaurant, client)

    metrics = client.get("/metrics").content.decode()

    label = f'organization="{ORGANIZATION_ID}"'
    assert f'iikohub_link_state{{{label},state="offline_till"}} 1.0' in metrics
    assert f"iikohub_webhooks_missed_total{{{label}}} 7.0" in metrics
    samples = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
    assert 730 <= float(samples[f"iikohub_link_state_seconds{{{label}}}"]) < 800
    assert 1200 <= float(samples[f"iikohub_last_webhook_seconds{{{label}}}"]) < 1300
    assert 0 <= float(samples[f"iikohub_orders_synced_seconds{{{label}}}"]) < 60
