"""Giving orders to couriers, in a real browser."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from core.database import db_clock
from orders.commands import dispatch
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization
from organizations.models.shifts import Shift
from tests.acting import QUEUED
from tests.browsing import BROWSER_MARKS, Visitor
from tests.builders import (
    COURIER_ID,
    REVISION,
    TERMINAL_GROUP_ID,
    arrive,
    cloud_event,
    courier,
    make_organization,
    make_terminal_group,
)
from tests.simulated_iiko import SimulatedIiko, linked, refusal

pytestmark = BROWSER_MARKS

DISPATCH = "/console/dispatch"
ASSIGN = "deliveries/update_order_courier"
OFF_SHIFT_ID = COURIER_ID.replace("7d8e", "8d8e")


@pytest.fixture(autouse=True)
def _restaurant(db: None) -> None:
    cafe = linked(make_organization())
    hire(cafe, COURIER_ID, "Орлова Вера", is_open=True)
    hire(cafe, OFF_SHIFT_ID, "Белов Олег", is_open=False)


def hire(cafe: Organization, iiko_id: str, name: str, *, is_open: bool) -> None:
    Courier.objects.create(organization=cafe, iiko_id=iiko_id, name=name)
    began = db_clock.now() - timedelta(hours=2)
    closed = None if is_open else began + timedelta(hours=1)
    Shift.objects.create(
        organization=cafe,
        terminal_group_id=TERMINAL_GROUP_ID,
        employee_id=iiko_id,
        opened_at=began,
        closed_at=closed,
        is_open=is_open,
        began_at=began,
    )


def cooked(number: int, **changes: Any) -> None:
    """iiko tells of a cooked order without a courier; the lower its number, the sooner it is due."""
    due = db_clock.now() + timedelta(hours=5, minutes=number)
    row: dict[str, Any] = {
        "order_id": f"3c5e7a91-b2d4-4f60-8172-{number:012}",
        "external_number": f"W{number}",
        "number": number,
        "status": "CookingCompleted",
        "courierInfo": None,
        "completeBefore": f"{due:%Y-%m-%d %H:%M:%S.000}",
    }
    arrive(cloud_event(**(row | changes)))


def order(page: Page, number: int) -> Locator:
    return page.locator(".order").filter(has_text=re.compile(f"№{number}(?!\\d)"))


def carried_by(page: Page, name: str) -> Locator:
    return page.locator(f'.courier[data-name="{name}"]')


def send_all() -> None:
    for command in OrderCommand.objects.open().order_by("id"):
        dispatch.advance(command.pk, clock=db_clock.now)


def test_orders_are_given_by_keys_and_by_dragging_and_a_refusal_is_read_in_place(
    visitor: Visitor, iiko: SimulatedIiko
) -> None:
    for number in (21, 22, 23, 24):
        cooked(number)
    page = visitor.open(DISPATCH)
    vera = carried_by(page, "Орлова Вера")
    expect(vera).to_contain_text("свободен")

    # Three at once, by keys alone.
    for _order in range(3):
        page.keyboard.press("j")
        page.keyboard.press("Space")
    expect(page.locator("#ticks")).to_contain_text("Отмечено: 3")
    page.keyboard.press("c")
    expect(page.locator("#choice")).to_contain_text("№21, №22, №23")
    page.keyboard.press("1")
    for number in (21, 22, 23):
        expect(order(page, number)).to_contain_text("Орлова Вера: ждём iiko")
    expect(vera).to_contain_text("запрошено: 3")
    assert list(OrderCommand.objects.values_list("order__readable_number", flat=True).order_by("id")) == [
        "21",
        "22",
        "23",
    ]
    iiko.answers(ASSIGN, QUEUED)
    send_all()
    for number in (21, 22, 23):
        cooked(number, courierInfo=courier(), timestamp=REVISION + 1)
    expect(vera.locator(".order")).to_have_count(3)
    expect(vera).to_contain_text("3 заказа · ближайший через")
    expect(vera.locator(".outcome").first).to_contain_text("подтверждено iiko")
    expect(page).to_have_title("1 заказ без курьера")

    # The fourth is dragged; iiko refuses, and the order says why where it is.
    iiko.forget(ASSIGN)
    iiko.answers(ASSIGN, refusal("too late", "CanNotAssignCourierToOrder"), status=400)
    order(page, 24).drag_to(vera.locator("header"))
    expect(order(page, 24)).to_contain_text("Орлова Вера: ждём iiko")
    send_all()
    expect(order(page, 24)).to_contain_text("отказ. Этому заказу нельзя назначить курьера")
    expect(page.locator("[data-groups] .order")).to_have_count(1)

    # What the hub itself refuses is read there, too.
    Order.objects.filter(readable_number="24").update(status="Closed", raw_status="Closed")
    order(page, 24).drag_to(vera.locator("header"))
    expect(order(page, 24).locator(".card-refusal")).to_contain_text("Заказ закрыт")
    assert OrderCommand.objects.count() == 4

    # From one courier to another, who is off shift: the page asks first.
    page.locator("[data-off-shift] summary").click()
    order(page, 21).drag_to(carried_by(page, "Белов Олег"))
    expect(page.locator("#sure")).to_contain_text("Белов Олег не на смене. Всё равно назначить?")
    assert OrderCommand.objects.count() == 4
    page.locator("#sure").get_by_role("button", name="Назначить", exact=True).click()
    expect(order(page, 21)).to_contain_text("Белов Олег: ждём iiko")
    assert OrderCommand.objects.latest("id").params["courier_id"] == OFF_SHIFT_ID
    visitor.complaints.clear()  # the browser names the 409


def test_order_that_is_dragged_back_is_taken_off_its_courier(visitor: Visitor) -> None:
    cooked(21, courierInfo=courier())
    cooked(22)
    page = visitor.open(DISPATCH)
    vera = carried_by(page, "Орлова Вера")

    # Among those that wait there is nothing to take off.
    order(page, 22).drag_to(page.locator("#title-orders"))
    order(page, 21).drag_to(page.locator("#title-orders"))

    expect(vera.locator(".order .outcome")).to_contain_text("без курьера: ждём iiko")
    assert list(OrderCommand.objects.values_list("order__readable_number", "params__courier_id")) == [
        ("21", None)
    ]


def test_till_that_can_take_no_courier_off_says_so_on_the_order(visitor: Visitor) -> None:
    make_terminal_group(Organization.objects.get(), pos_version="8.5.2")
    cooked(21, courierInfo=courier())
    page = visitor.open(DISPATCH)

    order(page, 21).drag_to(page.locator("#title-orders"))

    expect(order(page, 21).locator(".card-refusal")).to_contain_text("8.6.6")
    assert not OrderCommand.objects.exists()


def test_digits_choose_a_courier_wherever_the_focus_is(visitor: Visitor) -> None:
    cooked(21)
    page = visitor.open(DISPATCH)
    page.keyboard.press("j")
    page.keyboard.press("c")
    page.locator("#choice h2").click()
    page.evaluate("document.activeElement.blur()")

    page.keyboard.press("1")

    expect(order(page, 21)).to_contain_text("Орлова Вера: ждём iiko")


def test_what_is_ticked_and_focused_stays_while_news_comes(visitor: Visitor) -> None:
    cooked(21)
    cooked(22)
    page = visitor.open(DISPATCH)
    order(page, 22).get_by_role("checkbox").check()

    cooked(22, comment="домофон не работает", deliveryZone="Север", timestamp=REVISION + 1)
    expect(page.locator(".group")).to_have_count(2)

    expect(order(page, 22).get_by_role("checkbox")).to_be_checked()
    expect(order(page, 22).get_by_role("checkbox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#ticks")).to_be_hidden()


def test_order_in_hand_is_replaced_only_when_it_is_let_go(visitor: Visitor) -> None:
    cooked(21)
    page = visitor.open(DISPATCH)
    box = order(page, 21).locator(".card-who").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()

    with page.expect_response(lambda answer: "/dispatch/changes" in answer.url and answer.status == 200):
        cooked(21, deliveryZone="Север", timestamp=REVISION + 1)
    page.wait_for_timeout(300)
    expect(page.locator(".group h3")).not_to_contain_text("Север")
    page.mouse.up()

    expect(page.locator(".group h3")).to_contain_text("Север")


def test_phone_gives_an_order_by_tabs_and_a_sheet(visitor_with_a_phone: Visitor) -> None:
    cooked(21)
    page = visitor_with_a_phone.open(DISPATCH)
    expect(page.locator("#column-couriers")).to_be_hidden()

    order(page, 21).locator(".tick").click()
    choose = page.get_by_role("button", name="Назначить курьера")
    boxes = [choose.bounding_box(), order(page, 21).locator(".tick").bounding_box()]
    choose.click()
    vera = page.locator("#choice").get_by_role("button", name=re.compile("Орлова Вера"))
    boxes.append(vera.bounding_box())
    vera.click()

    expect(order(page, 21)).to_contain_text("Орлова Вера: ждём iiko")
    assert all(box is not None and box["height"] >= 44 for box in boxes)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("tab", name=re.compile("Курьеры")).click()
    expect(carried_by(page, "Орлова Вера")).to_contain_text("запрошено: 1")
    expect(order(page, 21)).to_be_hidden()

    # The keys of tabs; one of them is reached by Tab.
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name=re.compile("Нужен курьер"))).to_be_focused()
    expect(order(page, 21)).to_be_visible()
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name=re.compile("Курьеры"))).to_be_focused()
    expect(page.locator('[role=tab][tabindex="0"]')).to_have_text(re.compile("Курьеры"))


def test_courier_is_chosen_from_the_card_of_the_board(visitor: Visitor) -> None:
    cooked(21)
    page = visitor.open("/console/")

    page.keyboard.press("j")
    page.keyboard.press("c")
    expect(page.locator("#choice")).to_contain_text("Орлова Вера")
    page.keyboard.press("1")

    expect(page.locator(".card")).to_contain_text("назначить курьера: ждёт")
    assert OrderCommand.objects.get().params["courier_id"] == COURIER_ID
