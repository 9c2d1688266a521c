"""An operator finds an order by what a guest says on the phone, in a real browser."""

import re

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from orders.models.order import Order
from tests.browsing import BROWSER_MARKS, Visitor
from tests.builders import arrive, cloud_event, customer, make_organization
from tests.simulated_iiko import linked

pytestmark = BROWSER_MARKS

FOUND = "#search-found"


@pytest.fixture(autouse=True)
def _orders(db: None) -> None:
    linked(make_organization())
    arrive(
        *(
            cloud_event(
                order_id=f"o-{number}",
                external_number=f"W-{number}",
                number=number,
                status="OnWay" if number < 103 else "Closed",
                phone=f"+79125550{number}",
                customer=customer(name="Алёна", surname="Чернёнок" if number == 101 else "Ким"),
            )
            for number in range(100, 140)
        )
    )


def test_guest_is_found_as_one_types_and_the_order_opens_beside_the_board(visitor: Visitor) -> None:
    page = visitor.open("/console/")

    page.keyboard.press("/")
    page.keyboard.type("алена чернен")
    expect(page.locator(FOUND)).to_contain_text("1 заказ")
    expect(page.locator(f"{FOUND} mark")).to_have_text(["Алёна", "Чернён"])
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"{FOUND} a").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#drawer")).to_contain_text("№101")
    expect(page.locator(FOUND)).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/console/#order-"))

    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    page.locator("#search").fill("алена")
    expect(page.locator(f"{FOUND} .found-line")).to_have_count(8)
    page.keyboard.press("Escape")
    expect(page.locator(FOUND)).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page).to_have_title("алена · Поиск")
    expect(page.locator(".search-page .found-line")).to_have_count(30)
    page.get_by_role("link", name="Ещё").click()
    expect(page.locator(".search-page .found-line")).to_have_count(40)
    expect(page.get_by_role("link", name="Ещё")).to_have_count(0)

    page.locator("#search").fill("никого")
    expect(page.locator(FOUND)).to_contain_text("Ничего не найдено. По чему ищет поиск: Номер или его часть")


def test_number_and_enter_open_the_order(visitor: Visitor) -> None:
    page = visitor.open("/console/")

    page.locator("#search").fill("101")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(rf"/console/orders/{Order.objects.get(readable_number='101').pk}$"))
    expect(page.locator(".panel")).to_contain_text("Чернёнок")


def test_search_without_an_answer_says_so_and_signed_out_leads_to_the_sign_in(visitor: Visitor) -> None:
    page = visitor.open("/console/search")
    page.route("**/console/search?q=101", lambda route: route.abort())

    page.locator("#search").fill("101")
    expect(page.locator(FOUND)).to_have_text("Хаб не отвечает. Попробуйте ещё раз.")
    Session.objects.all().delete()
    page.locator("#search").fill("102")
    expect(page).to_have_url(re.compile(r"/admin/login/\?next=/console/search%3Fq%3D102$"))
    visitor.complaints.clear()  # the browser names both


def test_results_fit_a_phone(visitor_with_a_phone: Visitor) -> None:
    page: Page = visitor_with_a_phone.open("/console/")

    page.locator("#search").fill("алена 100")

    line = page.locator(f"{FOUND} .found-line")
    expect(line).to_have_count(1)
    box = line.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
