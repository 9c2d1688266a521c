"""The watch over silence: quiet hour, dead webhook, offline POS; and no alarm for nothing."""

import logging
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from orders.models.order import Order, TimelineEntry
from organizations.models.organization import Organization
from tests.builders import (
    ORGANIZATION_ID,
    TERMINAL_GROUP_ID,
    make_organization,
    make_terminal_group,
)
from tests.simulated_iiko import SimulatedIiko, linked, refusal
from webhooks.models.inbox import EventSource, EventStatus, RegistrationStatus, WebhookConfig, WebhookEvent
from webhooks.models.reconciliation import LinkHealth, LinkState, OrderSync
from webhooks.monitoring.link_monitor import watch_links

pytestmark = pytest.mark.django_db

IS_ALIVE = "terminal_groups/is_alive"
NOON = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)  # a Friday, 12:00 in Yekaterinburg
NIGHT = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)  # 03:00


def event(
    received: datetime,
    *,
    source: str = EventSource.WEBHOOK,
    entity: str | None = None,
    happened: datetime | None = None,
    form: str = "cloud",
    changed: str = "",
) -> None:
    entity = entity or str(uuid4())
    row = WebhookEvent.objects.create(
        event_type="DeliveryOrderUpdate",
        format=form,
        status=EventStatus.PROCESSED,
        organization_id=ORGANIZATION_ID,
        entity_key=entity,
        revision=int((happened or received).timestamp() * 1000) if form == "cloud" else None,
        source=source,
        payload={},
        digest="",
        dedup_key=str(uuid4()),
        received_at=received,
    )
    if changed:
        row.order = Order.objects.create(
            organization_id=ORGANIZATION_ID, iiko_order_id=entity, status="Closed", updated_at=received
        )
        row.save(update_fields=["order"])
        TimelineEntry.objects.create(
            order=row.order, what=changed, recorded_at=received, source_event_id=row.pk
        )


def fortnight_of_noons(now: datetime = NOON, *, days: int = 14) -> None:
    """Three webhooks in each of the last noons' half hours."""
    for day in range(1, days + 1):
        for minute in (5, 10, 20):
            event(now - timedelta(days=day, minutes=minute))
    event(now - timedelta(days=days, hours=4))


def alive(is_alive: bool) -> dict[str, object]:
    told = {"isAlive": is_alive, "terminalGroupId": TERMINAL_GROUP_ID, "organizationId": ORGANIZATION_ID}
    return {"isAliveStatus": [told]}


def synced(organization: Organization, at: datetime) -> None:
    OrderSync.objects.create(organization=organization, synced_at=at, judged_until=at)


def open_order(organization: Organization, promised: datetime) -> None:
    Order.objects.create(
        organization=organization,
        iiko_order_id=str(uuid4()),
        status="OnWay",
        promised_time=promised,
        updated_at=promised,
    )


def watched(now: datetime) -> LinkHealth:
    (health,) = watch_links(now=now)
    health.refresh_from_db()
    return health


@pytest.fixture
def restaurant() -> Organization:
    organization = linked(make_organization())
    make_terminal_group(organization)
    WebhookConfig.objects.update(registration_status=RegistrationStatus.REGISTERED)
    return organization


def test_webhooks_that_come_are_well(restaurant: Organization) -> None:
    event(NOON - timedelta(minutes=1))

    assert watched(NOON).state == LinkState.RECEIVING


def test_new_restaurant_without_history_is_no_alarm(restaurant: Organization) -> None:
    assert watched(NOON).state == LinkState.QUIET


def test_webhook_that_was_never_registered_is_no_quiet_hour(restaurant: Organization) -> None:
    WebhookConfig.objects.update(registration_status=RegistrationStatus.FAILED)

    assert watched(NOON).state == LinkState.NOT_REGISTERED


def test_webhook_that_somebody_else_registered_shows_by_what_it_brought(restaurant: Organization) -> None:
    WebhookConfig.objects.update(registration_status=RegistrationStatus.NOT_REGISTERED)
    event(NOON - timedelta(hours=9))

    assert watched(NOON).state == LinkState.QUIET


def test_restaurant_without_a_login_is_no_quiet_hour(restaurant: Organization) -> None:
    Organization.objects.update(api_login=None)

    assert watched(NOON).state == LinkState.NO_LOGIN


def test_restaurant_without_a_login_whose_webhooks_come_is_well(restaurant: Organization) -> None:
    Organization.objects.update(api_login=None)
    event(NOON - timedelta(minutes=1))

    assert watched(NOON).state == LinkState.RECEIVING


def test_young_restaurant_that_falls_silent_is_no_alarm(restaurant: Organization) -> None:
    fortnight_of_noons(days=3)

    assert watched(NOON).state == LinkState.QUIET


def test_night_is_a_quiet_hour_though_the_pos_is_off(restaurant: Organization) -> None:
    fortnight_of_noons()

    assert watched(NIGHT).state == LinkState.QUIET  # and iiko was not even asked


def test_day_on_which_it_is_always_closed_is_no_alarm(restaurant: Organization) -> None:
    for day in range(1, 15):
        if day % 7:
            for minute in (5, 10, 20):
                event(NOON - timedelta(days=day, minutes=minute))
    event(NOON - timedelta(days=14, hours=4))

    assert watched(NOON).state == LinkState.QUIET


def test_unusual_silence_with_a_living_pos_and_nothing_found_is_a_quiet_hour(
    restaurant: Organization, iiko: SimulatedIiko
) -> None:
    fortnight_of_noons()
    event(NOON - timedelta(minutes=30))
    synced(restaurant, NOON - timedelta(minutes=1))
    iiko.answers(IS_ALIVE, alive(True))

    health = watched(NOON)

    assert (health.state, health.usual_events) == (LinkState.QUIET, 3)


def test_unusual_silence_with_a_dead_pos_is_an_offline_pos(
    restaurant: Organization, iiko: SimulatedIiko
) -> None:
    fortnight_of_noons()
    event(NOON - timedelta(minutes=30))
    synced(restaurant, NOON - timedelta(minutes=1))
    iiko.answers(IS_ALIVE, alive(False))

    assert watched(NOON).state == LinkState.OFFLINE_POS
    assert iiko.bodies(IS_ALIVE) == [
        {"organizationIds": [ORGANIZATION_ID], "terminalGroupIds": [TERMINAL_GROUP_ID]}
    ]


def test_dead_pos_of_a_new_restaurant_counts_while_an_order_waits(
    restaurant: Organization, iiko: SimulatedIiko
) -> None:
    open_order(restaurant, NOON + timedelta(minutes=20))
    iiko.answers(IS_ALIVE, alive(False))

    assert watched(NOON).state == LinkState.OFFLINE_POS


def test_silence_that_nobody_can_look_into_is_blind(restaurant: Organization, iiko: SimulatedIiko) -> None:
    fortnight_of_noons()
    event(NOON - timedelta(minutes=30))
    iiko.answers(IS_ALIVE, refusal("broken"), status=500)

    assert watched(NOON).state == LinkState.BLIND


def test_reconciliation_that_finds_what_no_webhook_brings_is_a_dead_webhook(
    restaurant: Organization, iiko: SimulatedIiko
) -> None:
    event(NOON - timedelta(minutes=20))
    for minute in (12, 8, 4):
        event(NOON - timedelta(minutes=minute), source=EventSource.RECONCILE, changed="status")

    health = watched(NOON)

    assert (health.state, health.missed) == (LinkState.DEAD_WEBHOOK, 3)


def test_dead_webhook_needs_no_history_and_holds_at_night(restaurant: Organization) -> None:
    for minute in (12, 8, 4):
        event(NIGHT - timedelta(minutes=minute), source=EventSource.RECONCILE, changed="status")

    assert watched(NIGHT).state == LinkState.DEAD_WEBHOOK


def test_webhooks_lost_here_and_there_are_no_dead_webhook(restaurant: Organization) -> None:
    for minute in (12, 8, 6, 4):
        event(NOON - timedelta(minutes=minute), source=EventSource.RECONCILE, changed="status")
    event(NOON - timedelta(minutes=2, seconds=30))

    assert watched(NOON).state == LinkState.RECEIVING


def test_changes_that_iiko_does_not_promise_to_tell_are_no_dead_webhook(restaurant: Organization) -> None:
    for minute in (12, 8, 4):
        event(NOON - timedelta(minutes=minute), source=EventSource.RECONCILE, changed="courier_name")

    assert watched(NOON).state == LinkState.QUIET


def test_what_was_missed_while_the_hub_was_off_is_no_dead_webhook(restaurant: Organization) -> None:
    found = NOON - timedelta(minutes=4)
    for minute in (200, 90, 30):
        event(
            found, source=EventSource.RECONCILE, changed="status", happened=NOON - timedelta(minutes=minute)
        )

    assert watched(NOON).state == LinkState.QUIET


def test_webhooks_in_soi_have_no_revisions_and_are_no_dead_webhook(restaurant: Organization) -> None:
    for minute in (12, 8, 4):
        order_id = str(uuid4())
        event(NOON - timedelta(minutes=20), entity=order_id, form="soi")
        event(
            NOON - timedelta(minutes=minute), source=EventSource.RECONCILE, entity=order_id, changed="status"
        )

    assert watched(NOON).state == LinkState.QUIET


def test_since_stays_while_the_state_does_and_a_change_is_logged(
    restaurant: Organization, caplog: pytest.LogCaptureFixture
) -> None:
    for minute in (12, 8, 4):
        event(NOON - timedelta(minutes=minute), source=EventSource.RECONCILE, changed="status")
    with caplog.at_level(logging.INFO, logger="webhooks.monitoring.link_monitor"):
        watched(NOON)
        later = watched(NOON + timedelta(minutes=5))
        event(NOON + timedelta(minutes=9))
        well = watched(NOON + timedelta(minutes=10))

    assert (later.state, later.since) == (LinkState.DEAD_WEBHOOK, NOON)
    assert (well.state, well.since) == (LinkState.RECEIVING, NOON + timedelta(minutes=10))
    told = [(record.levelname, getattr(record, "state")) for record in caplog.records]  # noqa: B009
    assert told == [("WARNING", "dead_webhook"), ("INFO", "receiving")]


def test_switched_off_restaurant_is_not_watched(restaurant: Organization) -> None:
    Organization.objects.update(is_active=False)

    assert watch_links(now=NOON) == []
