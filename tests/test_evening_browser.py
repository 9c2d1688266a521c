"""An evening of the operators: a hub and a sandbox at work, and a person at a real browser.

What single pages do is tested beside them; here is one way through a shift. On a laptop in light colours, and
on a phone in dark ones.
"""

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils.crypto import get_random_string
from playwright.sync_api import Browser, Locator, Page, TimeoutError as NotFound, expect

from bench.processes import free_port
from bench.sandbox_control import SandboxControl, arguments
from tests.browsing import CHROMIUM, HEIGHT, LAPTOP, PHONE
from tests.hub_process import Hub, running_hub, wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.process,
    pytest.mark.long,
    pytest.mark.xdist_group("evening"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]

TOKEN = "token-of-the-evening"
PASSWORD = get_random_string(20)
FAST, CALM, STOPPED = 300.0, 1.0, 0.01
OUTCOME_MS = 60_000
SHOWN_MS = 5_000
"""Twice as long as a board waits before it asks again."""
FOUND_MS, MORE_ORDERS = 5_000, 6
"""How long a card is looked for before more orders are made, and how often that is done."""
IN_THE_KITCHEN = ("WaitCooking", "CookingStarted", "CookingCompleted")
BOARD, DISPATCH = "/console/", "/console/dispatch"


@pytest.fixture(scope="module")
def sandbox_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, sandbox_port: int) -> Iterator[Hub]:
    with running_hub(
        tmp_path_factory.mktemp("hub"),
        IIKO_API_URL=f"http://127.0.0.1:{sandbox_port}",
        IIKO_API_KEY="demo",
        WEBHOOK_SECRET_KEY=TOKEN,
        WEB_CONCURRENCY="1",
        DJANGO_SUPERUSER_PASSWORD=PASSWORD,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def iiko(hub: Hub, sandbox_port: int) -> SandboxControl:
    """Start four restaurants with orders at every stage."""
    hub.start(*arguments(port=sandbox_port, hub_port=hub.port, token=TOKEN, speed=FAST))
    control = SandboxControl(sandbox_port)
    wait_until(control.is_up)
    hub.manage("sync_dictionaries")
    hub.manage("createsuperuser", "--noinput", "--username=chief", "--email=chief@example.org")
    hub.start_web()
    hub.start_worker()
    return control


@pytest.fixture(params=[(LAPTOP, "light"), (PHONE, "dark")], ids=["laptop", "phone"])
def page(browser: Browser, hub: Hub, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, theme = request.param
    size: Any = {"width": width, "height": HEIGHT}
    context = browser.new_context(viewport=size, locale="ru-RU", color_scheme=theme)
    asked: list[str] = []
    context.on("request", lambda one: asked.append(one.url))
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{hub.port}/admin/login/?next={BOARD}")
    page.get_by_label("Имя пользователя").fill("chief")
    page.get_by_label("Пароль", exact=False).first.fill(PASSWORD)
    page.get_by_role("button", name="Войти").click()
    expect(page.locator(".board")).to_be_visible()

    yield page

    context.close()
    assert {urlsplit(url).netloc for url in asked} == {f"127.0.0.1:{hub.port}"}


def is_phone(page: Page) -> bool:
    return page.viewport_size is not None and page.viewport_size["width"] == PHONE


def look_at(page: Page, card: Locator) -> None:
    """Choose the tab in which a card stands; a laptop shows all columns at once."""
    column = card.locator("xpath=ancestor::section[contains(@class, 'column')]")
    # The restaurant goes on: it may move meanwhile.
    for _try in range(5 if is_phone(page) else 0):
        page.locator(f'[data-tab="{column.get_attribute("data-name")}"]').click()
        if card.is_visible():
            break
    expect(card).to_be_visible()


def open_page(page: Page, hub: Hub, path: str) -> None:
    page.goto(f"http://127.0.0.1:{hub.port}{path}")
    # Whoever loads the page again loses it.
    page.evaluate("window.isTheSame = true")


def assert_never_loaded_again(page: Page) -> None:
    assert page.evaluate("window.isTheSame") is True


def card(page: Page, number: str) -> Locator:
    return page.locator(f'.card[data-id="{number}"]')


def first_of(page: Page, iiko: SandboxControl, selector: str) -> Locator:
    """Take the first card of a kind, by its own number: others may come before it meanwhile."""
    found = page.locator(selector).first
    for _try in range(MORE_ORDERS):
        try:
            found.wait_for(state="attached", timeout=FOUND_MS)
            break
        except NotFound:  # no order stands there at this moment
            fill_the_evening(iiko)
    found.wait_for(state="attached", timeout=OUTCOME_MS)
    number = found.get_attribute("data-id")
    assert number is not None
    return card(page, number)


def fill_the_evening(iiko: SandboxControl) -> None:
    iiko.set_speed(FAST)
    for _ in range(5):
        iiko.create_orders(8)
        time.sleep(0.7)
    iiko.set_speed(CALM)


def test_evening(page: Page, hub: Hub, iiko: SandboxControl) -> None:
    fill_the_evening(iiko)
    steps: list[Callable[[Page, Hub, SandboxControl], None]] = [
        new_order_rings_and_is_seen,
        next_step_is_taken_from_the_card,
        refusal_is_read_on_the_card,
        late_order_is_found_at_one_look,
        guest_is_found_by_name,
        three_orders_go_to_one_courier,
        order_is_dragged_to_a_courier,
        pos_that_is_switched_off_is_told,
        lost_connection_is_told_and_comes_back,
    ]
    for step in steps:
        step(page, hub, iiko)


def new_order_rings_and_is_seen(page: Page, hub: Hub, iiko: SandboxControl) -> None:
    open_page(page, hub, BOARD)
    page.locator("main").click(position={"x": 2, "y": 2})  # browsers give no sound before
    iiko.create_orders(8)

    fresh = first_of(page, iiko, "[data-cards] > .card[data-new]")
    expect(page.locator("body")).to_have_attribute("data-rang", re.compile(r"\d+"))
    look_at(page, fresh)
    fresh.locator(".card-number").click()
    expect(page.locator("#drawer")).to_be_visible()
    expect(fresh).not_to_have_attribute("data-new", "")
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    assert_never_loaded_again(page)


def next_step_is_taken_from_the_card(page: Page, hub: Hub, iiko: SandboxControl) -> None:
    open_page(page, hub, BOARD)
    plain = ".card:not(:has(.mark))"
    cooked = first_of(page, iiko, f'{plain}:has([data-next="OnWay"]), {plain}:has([data-next="Delivered"])')
    column = cooked.get_attribute("data-column")
    assert column is not None
    look_at(page, cooked)
    cooked.locator("[data-next]").click()

    expect(cooked).not_to_have_attribute("data-column", column, timeout=OUTCOME_MS)
    assert_never_loaded_again(page)


def refusal_is_read_on_the_card(page: Page, hub: Hub, iiko: SandboxControl) -> None:
    open_page(page, hub, BOARD)
    known = first_of(page, iiko, '.card:has([data-next="Delivered"]):not(:has(.mark))')
    ident = known.get_attribute("data-id")
    # iiko knows it no more, and the hub has not heard of that.
    iiko._ask("orders/forget", {"order_id": hub.get(f"/api/v1/orders/{ident}")["iiko_order_id"]})
    look_at(page, known)
    known.locator("[data-next]").click()

    expect(known.locator(".mark.is-bad")).to_contain_text("отклонено", timeout=OUTCOME_MS)
    assert_never_loaded_again(page)


def one_without_news(page: Page, hub: Hub, iiko: SandboxControl, selector: str) -> tuple[Locator, str]:
    """Stop the sandbox and take a card of which the hub knows all: news brings iiko's own promise back."""

    def is_as_iiko_has_it(ident: str) -> bool:
        order = hub.get(f"/api/v1/orders/{ident}")
        return any(
            (each["id"], (each["order"] or {}).get("status")) == (order["iiko_order_id"], order["status"])
            for each in iiko.orders()
        )

    for _try in range(MORE_ORDERS):
        found = first_of(page, iiko, selector)
        ident = str(found.get_attribute("data-id"))
        iiko.set_speed(STOPPED)
        wait_until(partial(is_as_iiko_has_it, ident))
        page.wait_for_timeout(SHOWN_MS)
        if page.locator(f"{selector}[data-id='{ident}']").count():
            return found, ident
        iiko.set_speed(CALM)
    raise AssertionError("orders leave before anybody sees them")


def late_order_is_found_at_one_look(page: Page, hub: Hub, iiko: SandboxControl) -> None:
    open_page(page, hub, BOARD)
    late, ident = one_without_news(page, hub, iiko, '.card[data-column="kitchen"][data-due]')
    hub.manage(
        "shell",
        "-c",
        "from datetime import timedelta; from core.database import db_clock; "
        "from orders.models.order import Order; now = db_clock.now(); "
        f"Order.objects.filter(pk={ident}).update(promised_time=now - timedelta(minutes=5), updated_at=now)",
    )

    expect(late).to_have_class(re.compile("is-late"))
    expect(page).to_have_title(re.compile(r"^\(\d+!\) "))
    look_at(page, late)
    # Above all that are due later.
    expect(page.locator('[data-name="kitchen"] [data-cards] > .card').first).to_have_attribute(
        "data-id", ident
    )
    expect(late.locator(".card-due")).to_have_text(re.compile("^\N{MINUS SIGN}"))
    iiko.set_speed(CALM)
    assert_never_loaded_again(page)


def guest_is_found_by_name(page: Page, hub: Hub, _iiko: SandboxControl) -> None:
    open_page(page, hub, BOARD)
    orders = (hub.get(f"/api/v1/orders/{row['id']}") for row in hub.rows("/api/v1/orders?open=true"))
    name = next(order["customer"]["name"] for order in orders if (order["customer"] or {}).get("name"))
    page.locator("#search").fill(name.lower())

    expect(page.locator("#search-found mark").first).to_have_text(name)


def three_orders_go_to_one_courier(page: Page, hub: Hub, iiko: SandboxControl) -> None:
    open_page(page, hub, DISPATCH)
    idents = three_that_wait(page, hub, iiko)
    for ident in idents:
        card(page, ident).locator(".tick").click()
    page.get_by_role("button", name="Назначить курьера").click()
    page.locator("#choice [data-choose]").first.click()

    for ident in idents:
        taken = page.locator(f'#couriers .order[data-id="{ident}"]')
        expect(taken).to_have_count(1, timeout=OUTCOME_MS)
    assert_never_loaded_again(page)


def three_that_wait(page: Page, hub: Hub, iiko: SandboxControl) -> list[str]:
    """Find orders of one restaurant that its POS has, and that are on the page without a courier."""
    for _try in range(MORE_ORDERS):
        shown = {
            one.get_attribute("data-id")
            for one in page.locator("[data-groups] .order:not([data-outcome])").all()
        }
        waiting: dict[str, list[str]] = {}
        for row in hub.rows("/api/v1/orders?open=true"):
            if str(row["id"]) in shown and row["status"] in IN_THE_KITCHEN:
                waiting.setdefault(row["organization_id"], []).append(str(row["id"]))
        if found := next((idents[:3] for idents in waiting.values() if len(idents) >= 3), None):
            return found
        fill_the_evening(iiko)
        page.wait_for_timeout(FOUND_MS)
    pytest.fail("no restaurant has three orders that wait for a courier")


def order_is_dragged_to_a_courier(page: Page, hub: Hub, iiko: SandboxControl) -> None:
    if is_phone(page):
        return  # fingers scroll: there are ticks for it
    open_page(page, hub, DISPATCH)
    waiting = first_of(page, iiko, "[data-groups] .order:not([data-outcome])")
    ident, restaurant = (waiting.get_attribute(f"data-{name}") for name in ("id", "restaurant"))
    waiting.drag_to(page.locator(f'[data-people] .courier[data-restaurants~="{restaurant}"] header').first)

    expect(page.locator(f'#couriers .order[data-id="{ident}"]')).to_have_count(1, timeout=OUTCOME_MS)
    assert_never_loaded_again(page)


def pos_that_is_switched_off_is_told(page: Page, hub: Hub, iiko: SandboxControl) -> None:
    open_page(page, hub, BOARD)
    restaurant = next(iter(iiko.zones()))
    iiko._ask("till", {"organization_id": restaurant, "online": False})

    try:
        warning = page.locator("#restaurants .warning").filter(has_text="Касса не отвечает")
        expect(warning).to_be_visible(timeout=OUTCOME_MS)
    finally:
        iiko._ask("till", {"organization_id": restaurant, "online": True})
    assert_never_loaded_again(page)


def lost_connection_is_told_and_comes_back(page: Page, hub: Hub, _iiko: SandboxControl) -> None:
    open_page(page, hub, BOARD)
    page.context.set_offline(True)
    expect(page.locator("#notice")).to_contain_text("Хаб не отвечает", timeout=30_000)
    expect(page.locator("body")).to_have_class(re.compile("is-stale"))

    page.context.set_offline(False)
    expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("body")).not_to_have_class(re.compile("is-stale"))
    assert_never_loaded_again(page)
