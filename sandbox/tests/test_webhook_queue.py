from __future__ import annotations

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
    PLAYED_FOR,
    make_order,
    open_kitchen,
    order_changes,
    whole_story,
)
from sandbox.webhooks import envelope
from sandbox.webhooks.events import OrderChange
from sandbox.webhooks.webhook_queue import Letter, Mailroom, describe

SECOND = timedelta(seconds=1)
SOPKA = str(open_kitchen().world.organizations[3].id)


@cache
def _letters() -> list[Letter]:
    """Write the letters of the story, looking every second as the running sandbox does."""
    mailroom, kitchen, letters, now = Mailroom(1), open_kitchen(rate=6), [], OPENED_AT
    while now < OPENED_AT + PLAYED_FOR:
        now += SECOND
        letters += mailroom.write(kitchen.tick(now), now)
    return letters + mailroom.write([], now + 2 * SECOND)


def _bodies(letters: list[Letter]) -> list[Any]:
    return [json.loads(letter.body) for letter in letters]


def test_every_cloud_event_is_sent_once_and_in_the_order_of_its_restaurant() -> None:
    sent: dict[str, list[object]] = {}
    for body in _bodies(_letters()):
        for event in body if isinstance(body, list) else []:
            sent.setdefault(event["organizationId"], []).append(event)

    expected: dict[str, list[object]] = {}
    for happened in whole_story():
        if not happened.organization.speaks_soi:
            expected.setdefault(str(happened.organization.id), []).append(envelope.event(happened))
    assert sent == expected


def test_most_events_go_alone_and_some_together() -> None:
    sizes = Counter(letter.events for letter in _letters())

    assert sizes[1] > sizes.total() / 2
    assert sizes[2] > 0
    assert all(
        len(body) == letter.events
        for letter in _letters()
        if isinstance(body := json.loads(letter.body), list)
    )


def test_soi_restaurant_sends_single_objects() -> None:
    objects = [body for body in _bodies(_letters()) if isinstance(body, dict)]

    assert {body["transactionDetails"]["organizationId"] for body in objects} == {SOPKA}
    assert {body["type"] for body in objects} == {"CREATE", "UPDATE"}


def test_soi_creates_an_order_once_and_tells_nothing_twice() -> None:
    told: dict[str, list[Any]] = {}
    for body in _bodies(_letters()):
        if isinstance(body, dict):
            told.setdefault(body["orderExternalId"], []).append(body)

    assert len(told) > 10
    for messages in told.values():
        assert [message["type"] for message in messages] == ["CREATE"] + ["UPDATE"] * (len(messages) - 1)
        details = [message["iikoOrderDetails"] for message in messages]
        assert all(before != after for before, after in pairwise(details))


def test_soi_says_how_every_order_ended() -> None:
    last: dict[str, Any] = {}
    for body in _bodies(_letters()):
        if isinstance(body, dict):
            last[body["orderExternalId"]] = body
    ended = {
        change.order.external_number: change.order
        for change in order_changes()
        if change.order.is_over and change.organization.speaks_soi
    }

    assert ended
    for number, order in ended.items():
        assert last[str(number)]["iikoOrderDetails"]["orderStatus"] == order.status.value.upper()


def test_letters_of_one_seed_are_the_same() -> None:
    assert _letters.__wrapped__() == _letters()


def test_letter_goes_down_the_lane_of_its_restaurant() -> None:
    for letter in _letters()[:200]:
        body = json.loads(letter.body)
        first = body[0]["organizationId"] if isinstance(body, list) else SOPKA
        assert letter.lane == UUID(first)


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
    titles = "\n".join(letter.title for letter in _letters())
    couriers = {each.name for org in open_kitchen().world.organizations for each in org.couriers}
    for name in couriers:
        titles = titles.replace(name, "")

    for change in order_changes():
        assert change.order.guest.name not in titles
        assert change.order.phone not in titles
