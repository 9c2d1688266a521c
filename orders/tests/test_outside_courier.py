"""What a person needs to call and to find: the whole number, an outside courier service, its link."""

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from orders.models.order import Order, TimelineEntry
from tests.acting import Acting, make_courier, refused
from tests.builders import COURIER_ID, courier, make_terminal_group
from tests.pages import ORDERS, rows, sign_in_superuser, text
from tests.simulated_iiko import SimulatedIiko

pytestmark = pytest.mark.django_db

OTHER = "8e9fa0b1-c2d3-4e4f-8051-627384950011"
SERVICE = {"id": "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e0f1", "name": "Быстрые ноги"}
LINK = "https://track.example/z1?order=5&lang=ru"


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    return Acting(iiko)


def aggregators(acting: Acting, **changes: Any) -> Order:
    """Make an order of an aggregator: its switchboard's phone, its own courier."""
    told: dict[str, Any] = {
        "status": "Waiting",
        "phoneExtension": "9876",
        "externalCourierService": SERVICE,
        "trackingLink": LINK,
    }
    return acting.has(**(told | changes))


def page_of(client: Client, order: Order) -> Any:
    return client.get(f"{ORDERS}{order.pk}/change/")


def test_api_tells_them(acting: Acting) -> None:
    order = aggregators(acting)

    detail = acting.get(f"orders/{order.pk}")

    assert (detail["phone"], detail["phone_extension"]) == ("+79030000011", "9876")
    assert detail["external_courier_service_id"] == SERVICE["id"]
    assert (detail["external_courier_service_name"], detail["tracking_link"]) == ("Быстрые ноги", LINK)
    [row] = acting.get("orders")["results"]
    assert (row["external_courier_service_name"], row["tracking_link"]) == ("Быстрые ноги", LINK)


def test_page_and_list_show_them(acting: Acting, client: Client) -> None:
    order = aggregators(acting)
    sign_in_superuser(client)

    page, listed = page_of(client, order), client.get(ORDERS)

    assert "+79030000011 доб. 9876" in text(page)
    assert "Быстрые ноги (внешняя служба)" in text(page)
    assert "Быстрые ноги (внешняя служба)" in rows(listed)[0]
    for shown in (page, listed):
        assert 'href="https://track.example/z1?order=5&amp;lang=ru"' in shown.content.decode()


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)//https://track.example",
        " javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "//track.example/z1",
        "https:\\\\track.example",
        "https://shop.example@evil.example/",
        "см. у оператора",
    ],
)
def test_what_is_no_web_address_is_text(acting: Acting, client: Client, link: str) -> None:
    order = aggregators(acting, trackingLink=link)
    sign_in_superuser(client)

    page = page_of(client, order).content.decode()

    assert f'href="{link.strip()}' not in page
    assert "alert(1)</script>" not in page
    assert 'rel="noopener noreferrer"' not in page
    assert acting.get(f"orders/{order.pk}")["tracking_link"] == link.strip()


def test_own_courier_is_refused_with_the_reason(acting: Acting, client: Client) -> None:
    make_courier()
    order = aggregators(acting)

    answer = acting.ask("assign-courier", {"courier_id": COURIER_ID})

    assert refused(answer) == (409, "external_courier_service")
    assert "Быстрые ноги" in answer.json()["errors"][0]["detail"]
    assert acting.iiko.operations() == []
    sign_in_superuser(client)
    assert "Быстрые ноги" in text(client.get(f"{ORDERS}{order.pk}/ask/courier/"))


def test_when_the_service_is_called_off_a_courier_may_be_assigned(acting: Acting) -> None:
    make_courier()
    aggregators(acting)
    order = aggregators(acting, externalCourierService=None)

    assert acting.ask("assign-courier", {"courier_id": COURIER_ID}).status_code == 202
    told = TimelineEntry.objects.filter(order=order, what="external_courier_service_name").order_by("id")
    changes = [(one.from_value, one.to_value) for one in told]
    assert changes == [(None, "Быстрые ноги"), ("Быстрые ноги", None)]


def test_both_couriers_are_shown_where_iiko_names_both(acting: Acting, client: Client) -> None:
    order = aggregators(acting, courierInfo=courier())
    sign_in_superuser(client)

    assert "Орлова Вера; Быстрые ноги (внешняя служба)" in text(page_of(client, order))


def test_own_courier_beside_an_outside_service_can_be_taken_off(acting: Acting) -> None:
    make_terminal_group(acting.organization, pos_version="8.6.6")
    aggregators(acting, courierInfo=courier())

    assert refused(acting.ask("assign-courier", {"courier_id": OTHER})) == (409, "external_courier_service")
    assert acting.asked("assign-courier", {"courier_id": None}).params["courier_id"] is None


def test_what_else_a_person_needs_stands_on_the_page(acting: Acting, client: Client) -> None:
    order = acting.has(isAsap=True, loyaltyInfo={"coupon": "SPRING-7", "appliedManualConditions": None})
    sign_in_superuser(client)

    page = text(page_of(client, order))

    assert "как можно скорее" in page
    assert "SPRING-7" in page


def test_dry_run_masks_number_and_link(acting: Acting, capsys: pytest.CaptureFixture[str]) -> None:
    aggregators(acting)
    Order.objects.update(phone_extension=None, tracking_link=None, field_precedence={})

    call_command("replay_webhooks", "--dry-run")
    masked = capsys.readouterr().out
    call_command("replay_webhooks", "--dry-run", "--show-people")
    shown = capsys.readouterr().out

    assert [word in masked for word in ("9876", "track.example")] == [False, False]
    assert [word in shown for word in ("9876", "track.example")] == [True, True]
