"""What is written down of changes, in which order it leaves, and who is told."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from attention.models.items import AttentionItem, Severity
from core.database import db_clock
from core.privacy.registry import Found
from core.privacy.removal import remove_guests
from core.privacy.search import find_what_goes_with
from orders.models.command import CommandKind, OrderCommand
from orders.models.order import MergedOrder, Order
from organizations.models.api_keys import ApiKey
from organizations.models.stop_lists import StopListItem
from outbound import acts
from outbound.events.rendering import render_bodies
from outbound.feed import bodies
from outbound.feed.fan_out import fan_out
from outbound.models.deliveries import Delivery
from outbound.models.events import OutboundEvent
from outbound.models.subscriptions import Subscription
from outbound.states import with_waiting
from outbound.tests.endpoints import subscribe
from tests.builders import (
    ORGANIZATION_ID,
    REVISION,
    TOKEN,
    cloud_event,
    make_hold,
    make_key,
    make_organization,
    make_other_organization,
)
from webhooks.processing.worker import run_batch

pytestmark = pytest.mark.django_db


def post(*events: dict[str, Any]) -> None:
    answer = Client().post(
        "/api/v1/webhooks/iiko",
        list(events),
        content_type="application/json",
        headers={"Authorization": TOKEN},
    )
    assert answer.status_code == 200
    while run_batch():
        pass


def told() -> list[tuple[str, str, list[str]]]:
    rows = OutboundEvent.objects.order_by("id")
    return [(one.event_type, one.entity_id, sorted(one.changes)) for one in rows]


GUEST_OF_ORDER: dict[str, Any] = {
    "phone": "+79990000001",
    "customer": {"name": "Anna"},
    "comment": "Anna",
    "problem": "Anna",
    "cancel_comment": "Anna",
    "items": [{"name": "Soup", "comment": "Anna"}],
}


def make_order(**changes: Any) -> Order:
    usual = {"organization_id": ORGANIZATION_ID, "iiko_order_id": "o-1", "status": "Unconfirmed"}
    return Order.objects.create(**(usual | {"updated_at": db_clock.now()} | changes))


def test_an_order_of_a_webhook_is_told_of_once_when_it_is_new_and_at_each_change() -> None:
    make_organization()
    subscribe()

    post(cloud_event(timestamp=REVISION, status="Unconfirmed"))
    post(cloud_event(timestamp=REVISION + 1, status="CookingStarted"))
    post(cloud_event(timestamp=REVISION + 2, status="CookingStarted", comment="no onions"))

    order = Order.objects.get()
    assert [(kind, entity) for kind, entity, _changes in told()] == [
        ("order.created", str(order.pk)),
        ("order.status_changed", str(order.pk)),
        ("order.updated", str(order.pk)),
    ]
    _new, status, comment = OutboundEvent.objects.order_by("id")
    assert status.changes["status"] == {"from": "Unconfirmed", "to": "CookingStarted"}
    assert comment.changes == {"comment": {}}, "words of guests are not kept in the feed"


def test_what_integrators_do_not_see_is_no_event() -> None:
    make_organization()
    order = make_order()
    subscribe()

    Order.objects.filter(pk=order.pk).update(
        revision=7, field_precedence={"status": [1, 2]}, not_listed_since=db_clock.now()
    )
    Order.objects.filter(pk=order.pk).update(status="Unconfirmed")

    assert told() == []


def test_nothing_is_written_where_nobody_subscribed() -> None:
    make_organization()

    make_order()

    assert told() == []


@pytest.mark.parametrize("reason", ["person", "gone", "failing"])
def test_what_happens_while_the_only_subscription_is_off_is_kept_for_it(reason: str) -> None:
    make_organization()
    subscription = subscribe(is_active=False, disabled_reason=reason)

    order = make_order()
    fan_out()

    assert told() == [("order.created", str(order.pk), [])]
    assert Delivery.objects.count() == 0
    acts.switch_on(subscription)
    assert acts.redeliver(subscription, db_clock.now() - timedelta(hours=1)) == (1, False)


def test_removing_guests_is_no_news() -> None:
    now = db_clock.now()
    order = make_order(organization_id=make_organization().iiko_id, **GUEST_OF_ORDER)
    ended = {"state": "rejected", "finished_at": now, "error": "Anna, +7 999 000-00-01"}
    OrderCommand.objects.create(
        order=order, kind=CommandKind.CANCEL, requested_by="x", created_at=now, **ended
    )
    hold = make_hold(order.organization)
    type(hold).objects.update(comment="Anna", cancel_comment="Anna", **ended)
    subscribe()

    keys = {"orders.Order": [order.pk], "loyalty.Customer": [hold.wallet.customer_id]}
    found = find_what_goes_with(Found(keys=keys))
    counts = remove_guests(found, now=now, is_told=True)

    assert {"orders", "order_commands", "loyalty_operations"} <= set(counts)
    assert told() == []
    Order.objects.filter(pk=order.pk).update(status="Closed")
    assert [kind for kind, *_rest in told()] == ["order.status_changed"]


def test_what_is_rolled_back_is_not_told() -> None:
    make_organization()
    subscribe()

    with transaction.atomic():
        make_order()
        transaction.set_rollback(True)

    assert told() == []


def test_a_merged_row_names_the_order_that_stays() -> None:
    make_organization()
    survivor, duplicate = make_order(), make_order(iiko_order_id=None, external_order_id="W")
    subscribe()

    MergedOrder.objects.create(pk=duplicate.pk, order=survivor)
    Order.objects.filter(pk=duplicate.pk).delete()

    event = OutboundEvent.objects.get()
    assert (event.event_type, event.row_id) == ("order.merged", duplicate.pk)
    assert event.changes["merged_into"] == {"from": None, "to": survivor.pk}


def test_commands_operations_stop_lists_and_attention_are_told_of() -> None:
    place, now = make_organization(), db_clock.now()
    order = make_order()
    subscribe()

    command = OrderCommand.objects.create(
        order=order, kind=CommandKind.CANCEL, requested_by="x", created_at=now
    )
    OrderCommand.objects.update(poll_count=4, next_attempt_at=now)
    OrderCommand.objects.update(state="sent", sent_at=now)
    OrderCommand.objects.update(state="confirmed", finished_at=now)
    hold = make_hold(place)
    type(hold).objects.update(released_at=now)
    item = StopListItem.objects.create(
        organization=place, terminal_group_id="g", product_id="p", balance=2, is_out_of_stock=False, since=now
    )
    StopListItem.objects.update(balance=1)
    StopListItem.objects.update(until=now)
    found = AttentionItem.objects.create(
        rule="late", subject="order:1", severity=Severity.WARNING, since=now, opened_at=now, updated_at=now
    )
    AttentionItem.objects.update(taken_at=now)
    AttentionItem.objects.update(ended_at=now, facts={"a": 1})

    key = f"{ORGANIZATION_ID}/g/p/"
    assert [one[:2] for one in told()] == [
        ("command.created", str(command.pk)),
        ("command.updated", str(command.pk)),
        ("command.finished", str(command.pk)),
        ("loyalty.operation.created", str(hold.pk)),
        ("loyalty.operation.updated", str(hold.pk)),
        ("stop_list.item_added", key),
        ("stop_list.item_changed", key),
        ("stop_list.item_removed", key),
        ("attention.opened", str(found.pk)),
        ("attention.updated", str(found.pk)),
        ("attention.ended", str(found.pk)),
    ]
    stopped = OutboundEvent.objects.filter(entity_type="stop_list_item")
    assert {one.row_id for one in stopped} == {item.pk}
    assert {one.organization_id for one in OutboundEvent.objects.exclude(entity_type="attention_item")} == {
        ORGANIZATION_ID
    }


def test_a_long_id_fits_an_index() -> None:
    place = make_organization()
    subscribe()

    StopListItem.objects.create(
        organization=place, terminal_group_id="г" * 200, product_id="п" * 200, is_out_of_stock=True,
        since=db_clock.now(),
    )  # fmt: skip

    assert fan_out() == 1
    assert len(Delivery.objects.get().entity) == len("stop_list_item/") + 32


def test_each_is_told_what_it_wants_of_its_restaurants() -> None:
    make_organization()
    other = make_other_organization()
    make_key(ORGANIZATION_ID, name="limited")
    owner = ApiKey.objects.get()
    everything = subscribe()
    elsewhere = subscribe(None, other)
    created = subscribe(event_types=["order.created"])
    limited = subscribe(api_key=owner)
    subscribe(None, other, api_key=owner)
    subscribe(is_active=False)

    order = make_order()
    Order.objects.filter(pk=order.pk).update(status="Closed")
    make_order(organization_id=other.iiko_id, iiko_order_id="o-2")
    now = db_clock.now()
    AttentionItem.objects.create(
        rule="disk", subject="hub", severity=Severity.WARNING, since=now, opened_at=now, updated_at=now
    )
    assert fan_out() == 4

    def heard(subscription: Any) -> list[str]:
        rows = Delivery.objects.filter(subscription=subscription).order_by("position")
        return [one.event.event_type for one in rows.select_related("event")]

    assert heard(everything) == ["order.created", "order.status_changed", "order.created", "attention.opened"]
    assert heard(elsewhere) == ["order.created"]
    assert heard(created) == ["order.created", "order.created"]
    assert heard(limited) == ["order.created", "order.status_changed"]
    assert Delivery.objects.count() == 9


def test_a_key_that_opens_nothing_any_more_hears_nothing() -> None:
    make_organization()
    make_key(ORGANIZATION_ID)
    owner = ApiKey.objects.get()
    subscribe(api_key=owner)
    ApiKey.objects.update(expires_at=db_clock.now() - timedelta(seconds=1))

    make_order()
    fan_out()

    assert Delivery.objects.count() == 0
    assert OutboundEvent.objects.get().position is not None


def test_personal_data_is_rendered_only_where_somebody_may_have_it() -> None:
    make_organization()
    subscribe()
    make_order()
    fan_out()
    first = OutboundEvent.objects.get()
    assert first.body is not None
    assert first.personal_body is None

    subscribe(includes_personal_data=True)
    Order.objects.update(status="Closed")
    fan_out()

    second = OutboundEvent.objects.latest("id")
    assert second.body is not None
    assert second.personal_body is not None


def test_an_event_that_cannot_be_rendered_is_told_with_what_it_holds(monkeypatch: Any) -> None:
    make_organization()
    subscribe()
    order, odd = make_order(), make_order(iiko_order_id="odd")
    rendered = render_bodies

    def broken(events: Any, *, with_people: bool) -> dict[int, str]:
        if any(event.row_id == odd.pk for event in events):
            raise KeyError("odd")
        return rendered(events, with_people=with_people)

    monkeypatch.setattr(bodies, "render_bodies", broken)
    assert fan_out() == 2

    assert Delivery.objects.count() == 2
    body = OutboundEvent.objects.get(row_id=odd.pk).body
    assert body is not None
    assert f'"id":{odd.pk}' in body
    assert OutboundEvent.objects.get(row_id=order.pk).body is not None


def test_what_waits_is_counted_without_what_was_sent() -> None:
    make_organization()
    busy, idle = subscribe(), subscribe(event_types=["attention.opened"])
    for number in range(3):
        make_order(iiko_order_id=f"o-{number}")
    fan_out()
    Delivery.objects.filter(pk=Delivery.objects.earliest("pk").pk).update(state="delivered")

    counted: Any = with_waiting(Subscription.objects.order_by("pk"))

    rows = {row["id"]: row["waiting"] for row in counted.values()}
    assert rows == {busy.pk: 2, idle.pk: 0}


def test_triggers_go_with_the_migration() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"
            " AND tgname ~ '^outbound_(orders|commands|operations|stops|items)_'"
        )
        assert cursor.fetchone() == (11,)
