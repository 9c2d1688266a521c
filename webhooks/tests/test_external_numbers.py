"""The shop's own number is text of somebody else's: shown as given, and found by it at every door."""

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from hall.models import Reserve, TableOrder
from orders.models.order import Order
from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    REVISION,
    arrive_apart,
    authorized,
    cloud_event,
    inbox,
    make_key,
    make_organization,
    reserve_event,
    soi_message,
    table_order_event,
)
from tests.pages import text

pytestmark = pytest.mark.django_db

NUMBERS = [
    "7E0C2B14-9A5D-4F3E-8C61-D2B3A4F5E6C7",  # a GUID in upper case
    "{7e0c2b14-9a5d-4f3e-8c61-d2b3a4f5e6c7}",
    "7E0C2B149A5D4F3E8C61D2B3A4F5E6C7",  # 32 hexadecimal digits
    "98765432109876543210987654321098",  # 32 decimal digits
    "00000000-0000-0000-0000-000000000000",
    "Заказ № 7 / Б",
    "S" * 255,
]


@pytest.fixture(autouse=True)
def restaurant(db: None) -> None:
    make_organization()


def found(address: str, **asked: str) -> list[dict[str, Any]]:
    response = Client().get(f"/api/v1/{address}", asked, headers=authorized(make_key()))
    assert response.status_code == 200, response.content
    results: list[dict[str, Any]] = response.json()["results"]
    return results


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("is_soi", [False, True])
def test_number_is_shown_as_given_and_found_by_it(number: str, is_soi: bool) -> None:
    arrive_apart(soi_message(external_id=number) if is_soi else cloud_event(external_number=number))

    (shown,) = found("orders", external_order_id=number)
    assert shown["external_order_id"] == number
    assert [one["id"] for one in found("orders", search=number)] == [shown["id"]]
    (event,) = found("webhooks/events", order_external_id=number)
    assert event["order_external_id"] == number


@pytest.mark.parametrize("is_soi", [False, True])
def test_search_takes_any_case_the_filter_does_not(is_soi: bool) -> None:
    number = "Web-7e0C2b14"
    arrive_apart(soi_message(external_id=number) if is_soi else cloud_event(external_number=number))

    assert len(found("orders", search="WEB-7E0c2B14")) == 1
    assert found("orders", external_order_id="WEB-7E0c2B14") == []
    assert found("webhooks/events", order_external_id="WEB-7E0c2B14") == []


def test_numbers_that_differ_in_case_are_two_orders() -> None:
    arrive_apart(
        soi_message(external_id="A1B2C3D4E5F60718293A4B5C6D7E8F90", order_id=None),
        soi_message(external_id="a1b2c3d4-e5f6-0718-293a-4b5c6d7e8f90", order_id=None),
    )

    assert set(Order.objects.values_list("external_order_id", flat=True)) == {
        "A1B2C3D4E5F60718293A4B5C6D7E8F90",
        "a1b2c3d4-e5f6-0718-293a-4b5c6d7e8f90",
    }


def test_rows_are_merged_by_the_number_as_given() -> None:
    number = NUMBERS[0]
    arrive_apart(
        soi_message(kind="CREATE", external_id=number, order_id=None), cloud_event(external_number=number)
    )

    order = Order.objects.get()
    assert (order.iiko_order_id, order.external_order_id, order.soi_external_id) == (ORDER_ID, number, number)


def test_row_whose_number_was_rewritten_is_found_by_iikos_id_and_corrected() -> None:
    number = NUMBERS[0]
    arrive_apart(cloud_event(external_number=number))
    Order.objects.update(external_order_id=number.lower())

    arrive_apart(cloud_event(external_number=number, timestamp=REVISION + 1))

    assert Order.objects.get().external_order_id == number
    assert len(found("orders", external_order_id=number)) == 1


def test_white_space_around_it_is_no_part_of_it() -> None:
    arrive_apart(cloud_event(external_number="  WEB 117\t"))

    assert Order.objects.get().external_order_id == "WEB 117"
    assert len(found("webhooks/events", order_external_id="WEB 117")) == 1


@pytest.mark.parametrize("is_soi", [False, True])
def test_longer_number_is_cut_noted_and_still_found_whole(is_soi: bool) -> None:
    number = "S" * 300
    other = number[:-1] + "T"
    for at, one in enumerate((number, other)):
        arrive_apart(
            soi_message(external_id=one, order_id=None)
            if is_soi
            else cloud_event(external_number=one, order_id=f"order-{at}")
        )

    (shown,) = found("orders", external_order_id=number)
    assert (len(shown["external_order_id"]), shown["external_order_id"][:200]) == (255, "S" * 200)
    assert len(found("orders", search=number)) == 1
    (event,) = found("webhooks/events", order_external_id=number)
    assert [note for note in event["notes"] if "longer than 255 characters" in note]
    payload = inbox()[0].payload
    assert number in (payload.get("orderExternalId"), payload.get("eventInfo", {}).get("externalNumber"))


@pytest.mark.parametrize(
    ("event", "model", "address"),
    [(table_order_event, TableOrder, "table-orders"), (reserve_event, Reserve, "reserves")],
)
def test_number_of_the_hall_is_text_too(event: Any, model: Any, address: str) -> None:
    number = NUMBERS[0]
    arrive_apart(event(external_number=number))

    assert model.objects.get().external_number == number
    assert len(found(address, external_number=number)) == 1
    assert found(address, external_number=number.lower()) == []
    assert len(found(address, search=number.lower())) == 1


def test_admin_finds_orders_and_events_by_the_number(admin_client: Client) -> None:
    arrive_apart(cloud_event(external_number=NUMBERS[2]))

    for page in ("admin:orders_order_changelist", "admin:webhooks_webhookevent_changelist"):
        assert NUMBERS[2] in text(admin_client.get(reverse(page), {"q": NUMBERS[2]}))


@pytest.mark.parametrize("named", [NUMBERS[0], ORDER_ID.upper()])
def test_replay_finds_by_number_and_by_iikos_id_in_any_spelling(named: str) -> None:
    arrive_apart(
        cloud_event(external_number=NUMBERS[0]), cloud_event(order_id="other", external_number="W-9")
    )

    call_command("replay_webhooks", "--order", named)

    assert [one.entity_key for one in inbox() if one.source == "replay"] == [ORDER_ID]


def test_same_soi_body_with_a_number_of_other_case_is_no_repeat() -> None:
    arrive_apart(*(soi_message(external_id=one, order_id=None) for one in ("AB-1", "ab-1", "AB-1")))

    assert [(one.order_external_id, one.duplicates) for one in inbox()] == [("AB-1", 1), ("ab-1", 0)]
    assert {one.organization_id for one in inbox()} == {ORGANIZATION_ID}
