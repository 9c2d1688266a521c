"""Somebody looks at the figures of a day, in a real browser: numbers, charts, the way to other periods."""

from datetime import timedelta
from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect

from analytics.models import Unit
from analytics.periods import beginning
from core.database import db_clock
from orders.models.order import Order
from organizations.models.organization import Organization
from tests.browsing import BROWSER_MARKS, LAPTOP, PHONE, Visitor
from tests.builders import make_organization
from tests.test_console_accessibility import serious

pytestmark = BROWSER_MARKS

_DRAWN = """() => [...document.querySelectorAll("canvas")].map(canvas => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.some((value, at) => at % 4 === 3 && value > 0);
})"""


@pytest.fixture(autouse=True)
def cafe(db: None) -> Organization:
    """Make a restaurant with ten orders yesterday, and three on the day before."""
    one = make_organization()
    today = beginning(Unit.DAY, db_clock.now(), one.zone())
    for number in range(13):
        at = today - timedelta(days=1 if number < 10 else 2) + timedelta(hours=10 + number % 4)
        Order.objects.create(
            organization=one,
            status="Closed",
            order_type="DELIVERY",
            amount_minor=1000_00,
            when_created=at,
            promised_time=at + timedelta(hours=1),
            when_delivered=at + timedelta(minutes=55 if number % 2 else 75),
            updated_at=at,
        )
    call_command("rebuild_analytics", stdout=StringIO())
    return one


def _look(visitor: Visitor, *, width: int) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    page = visitor.open("/console/")
    page.get_by_role("link", name="Аналитика").click()
    expect(page.locator("h1")).to_contain_text("Аналитика: ")
    page.get_by_role("link", name="Раньше").click()

    main = page.locator("#main .main-figures")
    expect(main).to_contain_text("Заказы10 +7 было: 3")
    expect(main).to_contain_text("Выручка10 000,00 ₽ +7 000,00 ₽ было: 3 000,00 ₽")
    expect(main).to_contain_text("Доля опозданий50,0 % −16,7 п. п. было: 66,7 %")
    expect(page.locator("#parts tbody tr").first).to_contain_text("10:00")
    assert page.evaluate(_DRAWN) == [True, True, True]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert serious(page) == []

    with page.expect_download() as download:
        page.get_by_role("link", name="Скачать CSV").click()
    assert download.value.suggested_filename.startswith("analytics-day-")
    _go_on(page)
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(visitor.home).netloc}


def _go_on(page: Page) -> None:
    page.get_by_role("link", name="Месяц").click()
    expect(page.locator(".period [aria-current]")).to_have_text("Месяц")
    page.get_by_label("Дата").fill("2001-05-17")
    page.get_by_role("button", name="Показать").last.click()
    expect(page.locator("h1")).to_have_text("Аналитика: Май 2001")
    expect(page.locator(".empty")).to_contain_text("В этом периоде заказов не было")


def test_figures_on_a_laptop(visitor: Visitor) -> None:
    _look(visitor, width=LAPTOP)


def test_figures_on_a_phone(visitor_with_a_phone: Visitor) -> None:
    _look(visitor_with_a_phone, width=PHONE)
    sizes = visitor_with_a_phone.page.locator(".period .button").evaluate_all(
        "found => found.map(one => one.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 44
