import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from uuid import UUID

from sandbox.orders.order import CreationStatus, DeliveryStatus, ItemStatus, Problem
from sandbox.tests.builders import (
    OPENED_AT,
    RUN_FOR,
    full_run,
    make_engine,
    make_order,
    order_changes,
)
from sandbox.webhooks.events import OrderChange
from sandbox.webhooks.subscriptions import Subscriptions
from sandbox.webhooks.webhook_queue import Delivery, WebhookQueue, describe, envelope

SECOND = timedelta(seconds=1)
SOPKA = str(make_engine().world.organizations[3].id)


@cache
def _deliveries() -> list[Delivery]:
    """Write the deliveries of the full run, every second as the running sandbox does."""
    webhook_queue = WebhookQueue(1, Subscriptions("http://hub.example/"))
    engine, deliveries, now = make_engine(rate=6), [], OPENED_AT
    while now < OPENED_AT + RUN_FOR:
        now += SECOND
        deliveries += webhook_queue.write(engine.tick(now), now)
    return deliveries + webhook_queue.write([], now + 2 * SECOND)


def _bodies(deliveries: list[Delivery]) -> list[Any]:
    return [json.loads(delivery.body) for delivery in deliveries]


def test_every_cloud_event_is_sent_once_and_in_the_order_of_its_restaurant() -> None:
    sent: dict[str, list[object]] = {}
    for body in _bodies(_deliveries()):
        for event in body if isinstance(body, list) else []:
            sent.setdefault(event["organizationId"], []).append(event)

    expected: dict[str, list[object]] = {}
    for happened in full_run():
        if not happened.organization.uses_soi:
            expected.setdefault(str(happened.organization.id), []).append(envelope(happened))
    assert sent == expected


def test_most_events_go_alone_and_some_together() -> None:
    sizes = Counter(delivery.events for delivery in _deliveries())

    assert sizes[1] > sizes.total() / 2
    assert sizes[2] > 0
    assert all(
        len(body) == delivery.events
        for delivery in _deliveries()
        if isinstance(body := json.loads(delivery.body), list)
    )


def test_soi_restaurant_sends_single_objects() -> None:
    objects = [body for body in _bodies(_deliveries()) if isinstance(body, dict)]

    assert {body["transactionDetails"]["organizationId"] for body in objects} == {SOPKA}
    assert {body["type"] for body in objects} == {"CREATE", "UPDATE"}


def test_soi_creates_an_order_once_and_tells_nothing_twice() -> None:
    shown: dict[str, list[Any]] = {}
    for body in _bodies(_deliveries()):
        if isinstance(body, dict):
            shown.setdefault(body["orderExternalId"], []).append(body)

    assert len(shown) > 10
    for messages in shown.values():
        assert [message["type"] for message in messages] == ["CREATE"] + ["UPDATE"] * (len(messages) - 1)
        details = [message["iikoOrderDetails"] for message in messages]
        assert all(before != after for before, after in pairwise(details))


def test_soi_says_how_every_order_ended() -> None:
    last: dict[str, Any] = {}
    for body in _bodies(_deliveries()):
        if isinstance(body, dict):
            last[body["orderExternalId"]] = body
    ended = {
        change.order.external_number: change.order
        for change in order_changes()
        if change.order.is_over and change.organization.uses_soi
    }

    assert ended
    for number, order in ended.items():
        assert last[str(number)]["iikoOrderDetails"]["orderStatus"] == order.status.value.upper()


def test_letters_of_one_seed_are_the_same() -> None:
    assert _deliveries.__wrapped__() == _deliveries()


def test_letter_goes_down_the_lane_of_its_restaurant() -> None:
    for delivery in _deliveries()[:200]:
        body = json.loads(delivery.body)
        first = body[0]["organizationId"] if isinstance(body, list) else SOPKA
        assert delivery.partition == UUID(first)


def test_title_names_the_order_the_status_and_the_courier() -> None:
    order = make_order()
    courier = order.organization.couriers[0]
    cooking = tuple(replace(line, status=ItemStatus.COOKING) for line in order.lines)

    def title(**changes: object) -> str:
        return describe(OrderChange(OPENED_AT, make_order(**changes), opens=False))

    assert title() == "Берёзка №142 → WaitCooking"
    assert title(creation=CreationStatus.IN_PROGRESS) == "Берёзка WEB-20260314-184208-1 → InProgress"
    assert title(status=DeliveryStatus.ON_WAY, courier=courier) == f"Берёзка №142 → OnWay ({courier.name})"
    assert title(problem=Problem(True, "Адрес не найден")) == "Берёзка №142 → WaitCooking (problem)"
    assert title(problem=Problem(False, "Адрес не найден")) == "Берёзка №142 → WaitCooking"
    half_done = (replace(cooking[0], status=ItemStatus.COOKED), *cooking[1:])
    assert (
        title(status=DeliveryStatus.COOKING_STARTED, lines=half_done)
        == "Берёзка №142 → CookingStarted (first dish ready)"
    )


def test_no_guest_is_named_in_a_title() -> None:
    titles = "\n".join(delivery.title for delivery in _deliveries())
    couriers = {each.name for org in make_engine().world.organizations for each in org.couriers}
    for name in couriers:
        titles = titles.replace(name, "")

    for change in order_changes():
        assert change.order.guest.name not in titles
        assert change.order.phone not in titles
