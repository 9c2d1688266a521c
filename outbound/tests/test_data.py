"""What events tell of a thing is what the API tells of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from attention.models.items import AttentionItem
from core.database import db_clock
from loyalty.models import LoyaltyOperation
from orders.models.command import OrderCommand
from orders.models.order import MergedOrder, Order
from organizations.models.organization import Organization
from organizations.models.stop_lists import StopListItem
from organizations.provisioning import create_api_key
from outbound.events.catalogue import CATALOGUE, SUBSCRIBABLE, Entry
from outbound.events.data import READERS
from outbound.events.people import without_people
from outbound.events.rendering import render_bodies
from outbound.models.events import EntityType, EventType, OutboundEvent
from tests.attention_items import make_item
from tests.builders import (
    authorized,
    cloud_event,
    cloud_order,
    customer,
    drain,
    make_hold,
    make_key,
    make_organization,
    post,
)

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 14, 12, 0, 0, 250000, tzinfo=UTC)

# What the API adds for its caller, or what goes on by itself.
NOT_TOLD = {
    "orders": {"pending_commands", "allowed_actions", "related_orders"},
    "commands": set[str](),
    "loyalty/operations": {"waiting"},
    "stop-list": {"out_of_stock_s"},
    "attention": {"next_step", "history"},
}


def make_order() -> Order:
    post(Client(), [cloud_event(order=cloud_order(customer=customer(), phone="+79990001122"))])
    drain()
    return Order.objects.get()


def make_event(entry: Entry, ident: int | None, place: Organization, **changes: Any) -> OutboundEvent:
    usual: dict[str, Any] = {
        "event_type": entry.name,
        "entity_type": entry.about,
        "entity_id": str(ident),
        "row_id": ident,
        "organization": place,
        "occurred_at": NOON,
    }
    return OutboundEvent.objects.create(**(usual | changes))


def told(event: OutboundEvent, *, with_people: bool = True) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(render_bodies([event], with_people=with_people)[event.pk])
    return body


def asked(path: str, ident: int) -> dict[str, Any]:
    """Return what the API says of one row; of a list without pages of single rows, the only one of it."""
    is_list = path == "stop-list"
    url = f"/api/v1/{path}" + ("" if is_list else f"/{ident}")
    body = Client().get(url, headers=authorized(make_key()) | {"Accept-Language": "ru"}).json()
    [row] = body["results"] if is_list else [body]
    return {name: value for name, value in row.items() if name not in NOT_TOLD[path]}


def make_row(path: str) -> tuple[str, int]:
    """Make a row of each kind; returns by which reader it is read, and its id."""
    place = make_organization()
    if path == "loyalty/operations":
        return "loyalty_operation", make_hold(place).pk
    if path == "stop-list":
        row = StopListItem.objects.create(
            organization=place,
            terminal_group_id="group",
            product_id="pizza",
            balance="1.50",
            is_out_of_stock=False,
            since=db_clock.now() - timedelta(minutes=5),
        )
        return "stop_list_item", row.pk
    order = make_order()
    if path == "commands":
        command = OrderCommand.objects.create(
            order=order,
            kind="cancel",
            state="rejected",
            params={"comment": "позвонил гость"},
            error_code="Some",
            error="no",
            requested_by="chef",
            created_at=db_clock.now(),
        )
        return "command", command.pk
    return ("order", order.pk) if path == "orders" else ("attention_item", make_item(place, order=order).pk)


@pytest.mark.parametrize("path", NOT_TOLD)
def test_event_tells_what_the_api_tells(path: str) -> None:
    subject, ident = make_row(path)

    data = READERS[subject]([ident])[ident]

    left_out = NOT_TOLD[path]
    assert {name: value for name, value in data.items() if name not in left_out} == asked(path, ident)


@pytest.mark.parametrize("path", NOT_TOLD)
def test_rows_are_read_together(path: str) -> None:
    subject, ident = make_row(path)

    def queries(ids: list[int]) -> int:
        with CaptureQueriesContext(connection) as captured:
            READERS[subject](ids)
        return len(captured)

    assert queries([ident]) == queries([ident, ident + 1, ident + 2]) <= 2


@pytest.mark.parametrize("path", NOT_TOLD)
def test_examples_have_the_fields_of_real_ones(path: str) -> None:
    about, ident = make_row(path)
    place = Organization.objects.get()
    for entry in SUBSCRIBABLE:
        if entry.about == about and entry.name != EventType.ORDER_MERGED:
            body = told(make_event(entry, ident, place))
            assert list(entry.example()) == list(body)
            assert list(entry.data) == list(body["data"]), entry.name


def test_gone_rows_are_left_out() -> None:
    assert all(read([4_000_000_000]) == {} for read in READERS.values())


def test_every_type_but_the_test_is_read() -> None:
    assert {entry.about for entry in CATALOGUE.values()} == {*READERS, EntityType.TEST}
    assert list(CATALOGUE) == EventType.values


def test_guest_is_left_out_and_the_shape_stays() -> None:
    make_organization()
    data = READERS["order"]([make_order().pk])
    [read] = data.values()
    whole = {
        **read,
        "comment": "домофон 12",
        "items": [read["items"][0] | {"comment": "без лука"}],
        "changes": {"phone": {"from": None, "to": "+79990001122"}, "status": {"from": None, "to": "OnWay"}},
    }

    hidden = without_people("order", whole)

    text = str(hidden)
    for told in ("Мария", "Лунина", "79990001122", "домофон", "лука"):
        assert told not in text
    assert hidden.keys() == whole.keys()
    assert hidden["customer"]["id"] == whole["customer"]["id"]
    assert hidden["customer"].keys() == whole["customer"].keys()
    assert (hidden["phone"], hidden["comment"]) == ("***", "***")
    assert hidden["changes"] == {
        "phone": {"from": None, "to": "***"},
        "status": {"from": None, "to": "OnWay"},
    }
    same = ("status", "amount_minor", "restaurant_name", "readable_number", "payments", "courier_id")
    assert all(hidden[name] == whole[name] for name in same)
    assert hidden["items"][0] == whole["items"][0] | {"comment": "***"}


def test_why_a_line_was_taken_off_is_left_out() -> None:
    line: dict[str, Any] = {"product_name": "Пицца", "deletion_reason": "Мария отказалась", "comment": None}
    line["modifiers"] = [{"product_name": "Лук", "deletion_reason": "аллергия у Марии"}]

    hidden = without_people("order", {"items": [line]})

    assert hidden["items"] == [
        line
        | {
            "deletion_reason": "***",
            "modifiers": [{"product_name": "Лук", "deletion_reason": "***"}],
        }
    ]


def test_words_about_a_guest_are_left_out_of_commands_and_operations() -> None:
    make_organization()
    command = {"params": {"comment": "позвонить +79990001122"}, "error": {"message": "phone +79990001122"}}
    operation = {"comment": "Мария", "cancel_comment": "", "amount_minor": 100, "error": None}

    assert without_people("command", command) == {
        "params": {"comment": "***"},
        "error": {"message": "phone ***"},
    }
    assert without_people("loyalty_operation", operation) == operation | {"comment": "***"}


def test_attention_item_speaks_the_language_of_the_hub() -> None:
    item = AttentionItem.objects.get(pk=make_row("attention")[1])

    [row] = READERS["attention_item"]([item.pk]).values()

    assert row["sentence"] == asked("attention", item.pk)["sentence"]


def test_body_says_what_happened_and_how_it_stands() -> None:
    place = make_organization()
    order = make_order()
    changes = {
        "status": {"from": "Waiting", "to": "OnWay"},
        "when_sent": {"from": None, "to": "2026-03-14T11:59:58.5+00:00"},
        "phone": {},
        "field_precedence": {"from": {}, "to": {}},
    }
    event = make_event(CATALOGUE["order.status_changed"], order.pk, place, changes=changes)

    body = told(event)

    assert (body["type"], body["timestamp"]) == ("order.status_changed", "2026-03-14T12:00:00.250000Z")
    assert body["data"]["changes"] == {
        "status": {"from": "Waiting", "to": "OnWay"},
        "when_sent": {"from": None, "to": "2026-03-14T11:59:58.500000Z"},
        "phone": {},
    }
    own = {name: value for name, value in body["data"].items() if name != "changes"}
    assert own == asked("orders", order.pk)


def test_body_for_those_who_may_not_see_people_names_no_guest() -> None:
    place = make_organization()
    event = make_event(CATALOGUE["order.created"], make_order().pk, place)

    whole, masked = told(event), told(event, with_people=False)

    assert (whole["data"]["customer"]["name"], whole["data"]["phone"]) == ("Мария", "+79990001122")
    assert (masked["data"]["customer"]["name"], masked["data"]["phone"]) == ("***", "***")
    assert list(whole["data"]) == list(masked["data"])


@pytest.mark.parametrize("kind", ["commands", "loyalty/operations"])
def test_words_of_commands_and_operations_are_masked_as_the_api_masks_them(kind: str) -> None:
    about, ident = make_row(kind)
    OrderCommand.objects.update(
        params={"reason": "Лунина передумала"}, error="Лунина not found", error_code="X"
    )
    LoyaltyOperation.objects.update(comment="Лунина", error="Лунина not found", error_code="X")
    entry = next(one for one in SUBSCRIBABLE if one.about == about)
    event = make_event(entry, ident, Organization.objects.get())
    _row, key = create_api_key(name="reads", organization_ids=[], rights=())
    headers = authorized(key) | {"Accept-Language": "ru"}
    shown = Client().get(f"/api/v1/{kind}/{ident}", headers=headers).json()

    body = told(event, with_people=False)

    assert "Лунина" not in json.dumps(body, ensure_ascii=False)
    assert body["data"]["error"] == shown["error"]
    assert "Лунина" in json.dumps(told(event), ensure_ascii=False)


def test_row_that_is_gone_leaves_its_id_and_what_changed() -> None:
    place = make_organization()
    event = make_event(
        CATALOGUE["attention.ended"],
        99,
        place,
        changes={"ended_at": {"from": None, "to": "2026-03-14T12:00:00+00:00"}},
    )

    assert told(event)["data"] == {
        "id": 99,
        "organization_id": place.iiko_id,
        "changes": {"ended_at": {"from": None, "to": "2026-03-14T12:00:00Z"}},
    }


def test_merged_order_leads_to_the_one_that_stays() -> None:
    place = make_organization()
    order = make_order()
    MergedOrder.objects.create(pk=order.pk + 1, order=order)
    entry = CATALOGUE["order.merged"]

    body = told(make_event(entry, order.pk + 1, place))

    assert body["data"] == {
        "id": order.pk + 1,
        "merged_into": order.pk,
        "organization_id": place.iiko_id,
        "changes": {},
    }
    assert list(body["data"]) == list(entry.data)


def test_test_tells_of_nobody() -> None:
    event = OutboundEvent.objects.create(
        event_type="subscription.test", entity_type="test", entity_id="1", occurred_at=NOON
    )

    assert told(event) == {
        **CATALOGUE["subscription.test"].example(),
        "timestamp": "2026-03-14T12:00:00.250000Z",
    }


def test_many_events_cost_the_queries_of_one() -> None:
    place = make_organization()
    order = make_order()
    entries = [CATALOGUE["order.created"], *(CATALOGUE["order.updated"],) * 49]
    events = [make_event(entry, order.pk, place) for entry in entries]

    def queries(some: list[OutboundEvent]) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(render_bodies(some, with_people=False)) == len(some)
        return len(captured)

    assert queries(events) == queries(events[:1]) == 1
