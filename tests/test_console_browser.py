"""An evening at the board, in a real browser."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from playwright.sync_api import Locator, Page, expect

from attention.rules.orders import Late
from attention.watch import watch
from console.board.columns import FINISHED_STAY
from console.models import SeenOrder
from core.database import db_clock
from orders.commands import dispatch
from orders.models.command import CommandState, OrderCommand
from orders.models.order import Order
from organizations.models.access import RestaurantAccess
from tests.acting import CAUSE_ID, REMOVAL_ID, make_cause, make_courier, make_removal_type
from tests.browsing import BROWSER_MARKS, HEIGHT, LAPTOP, PHONE, Visitor
from tests.builders import REVISION, arrive, cloud_event, courier, make_organization, make_other_organization
from tests.simulated_iiko import CORRELATION, SimulatedIiko, linked
from tests.test_console_accessibility import serious

pytestmark = BROWSER_MARKS

BOARD = "/console/"


def soon(minutes: int = 30) -> str:
    """Return a promise as iiko writes it, on the clock of the restaurant (UTC+5)."""
    return f"{db_clock.now() + timedelta(hours=5, minutes=minutes):%Y-%m-%d %H:%M:%S.000}"


def column(page: Page, name: str) -> str:
    return f'.column[data-name="{name}"] .card'


@pytest.fixture(autouse=True)
def _restaurant(db: None) -> None:
    linked(make_organization())


def test_board_follows_events_without_reload(visitor: Visitor) -> None:
    page = visitor.open(BOARD)
    expect(page.get_by_text("Заказов нет.").first).to_be_visible()

    arrive(cloud_event(completeBefore=soon()))
    expect(page.locator(column(page, "kitchen"))).to_contain_text("№142")
    expect(page).to_have_title("1 заказ")

    arrive(
        cloud_event(
            completeBefore=soon(-5),
            status="OnWay",
            courierInfo=courier(),
            timestamp=REVISION + 1,
        )
    )
    card = page.locator(column(page, "on_way"))
    expect(card).to_contain_text("Орлова Вера")
    expect(card).to_have_class(re.compile("is-late"))
    watch(db_clock.now(), [Late()])
    expect(page).to_have_title("(1!) 1 заказ")


def test_new_order_rings_and_is_seen(visitor: Visitor) -> None:
    page = visitor.open(BOARD)
    page.locator("h2").first.click()

    arrive(cloud_event(completeBefore=soon(), status="Unconfirmed"))

    card = page.locator(column(page, "new"))
    expect(card).to_have_attribute("data-new", "")
    expect(page.locator("body")).to_have_attribute("data-rang", re.compile(r"\d+"))
    card.click()
    expect(page.locator("#drawer")).to_contain_text("+79030000011")
    expect(card).not_to_have_attribute("data-new", "")
    assert SeenOrder.objects.get().seen_by == "chief"
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    expect(card).to_be_focused()


def test_next_step_is_asked_from_the_card_and_confirmed(visitor: Visitor, iiko: SimulatedIiko) -> None:
    iiko.answers("deliveries/update_order_delivery_status", CORRELATION)
    on_way: dict[str, Any] = {"completeBefore": soon(), "courierInfo": courier()}
    arrive(cloud_event(status="OnWay", **on_way))
    page = visitor.open(BOARD)

    page.get_by_role("button", name="Доставлен").click()
    expect(page.locator(column(page, "on_way"))).to_contain_text("ждёт")
    command = OrderCommand.objects.get()
    dispatch.advance(command.pk, clock=db_clock.now)
    arrive(cloud_event(status="Delivered", timestamp=REVISION + 1, **on_way))

    expect(page.locator(column(page, "delivered"))).to_contain_text("№142")


def test_refusal_is_read_on_the_card(visitor: Visitor) -> None:
    arrive(cloud_event(status="OnWay", completeBefore=soon(), courierInfo=courier()))
    page = visitor.open(BOARD)
    Order.objects.update(status="Closed", raw_status="Closed")

    page.get_by_role("button", name="Доставлен").click()

    expect(page.locator(".card-refusal")).to_contain_text("Заказ закрыт")
    assert not OrderCommand.objects.exists()
    visitor.complaints.clear()  # the browser names the refusal


def test_order_is_cancelled_from_the_drawer(visitor: Visitor, iiko: SimulatedIiko) -> None:
    make_cause()
    make_removal_type()
    iiko.answers("deliveries/cancel", CORRELATION)
    cooking: dict[str, Any] = {"completeBefore": soon(), "status": "CookingStarted"}
    arrive(cloud_event(**cooking))
    page = visitor.open(BOARD)

    page.keyboard.press("j")
    page.keyboard.press("x")
    form = page.locator("[data-form=cancel]")
    expect(form.get_by_label("Своими словами")).to_be_focused()
    assert serious(page) == []
    # What is being filled in stays while the rest of the panel follows the order.
    form.get_by_label("Своими словами").fill("Гость передумал")
    arrive(cloud_event(comment="Без лука", timestamp=REVISION + 1, **cooking))
    expect(page.locator("#drawer")).to_contain_text("Без лука")
    expect(form.get_by_label("Своими словами")).to_have_value("Гость передумал")
    expect(form.get_by_label("Своими словами")).to_be_focused()

    form.get_by_role("button", name="Отменить заказ").click()
    expect(form).to_contain_text("Выберите: блюда уже готовят.")
    assert not OrderCommand.objects.exists()
    form.get_by_label("Что сделать с блюдами").select_option(REMOVAL_ID)
    form.get_by_label("Причина из списка iiko").select_option(CAUSE_ID)
    form.get_by_role("button", name="Отменить заказ").click()
    outcome = page.locator("#drawer [role=status]").first
    expect(outcome).to_contain_text("Отказ гостя; Гость передумал; удаление: Списание")
    expect(outcome).to_be_focused()

    # iiko refuses, and that is read where it was asked for.
    command = OrderCommand.objects.get()
    dispatch.advance(command.pk, clock=db_clock.now)
    OrderCommand.objects.filter(pk=command.pk).update(
        state=CommandState.REJECTED, error_code="OrderNotFound", finished_at=db_clock.now()
    )
    expect(outcome).to_contain_text("Касса не знает этого заказа.")
    assert serious(page) == []

    page.keyboard.press("x")
    expect(form).to_be_visible()
    page.keyboard.press("Escape")
    expect(form).to_be_hidden()
    expect(page.locator("#act-cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).to_be_hidden()
    expect(page.locator(column(page, "kitchen"))).to_be_focused()
    visitor.complaints.clear()  # the browser names the refusals


def test_forms_of_the_panel_fit_a_phone(visitor_with_a_phone: Visitor) -> None:
    make_courier()
    arrive(cloud_event(completeBefore=soon(), status="CookingCompleted", courierInfo=None))
    page = visitor_with_a_phone.open(BOARD)

    page.locator(".card .card-number").click()
    page.locator("#act-courier").click()
    form = page.locator("[data-form=courier]")
    expect(form.get_by_role("radio")).to_have_count(1)

    for control in form.locator("button, a.button, label.hub-radio").all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    guest, acting = page.locator("[data-part=guest]").bounding_box(), form.bounding_box()
    stages = page.locator("[data-part=stages]").bounding_box()
    assert guest is not None and acting is not None and stages is not None  # noqa: PT018  # boxes that are there
    assert guest["y"] < acting["y"] < stages["y"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    form.get_by_role("radio").check()
    form.get_by_role("button", name="Назначить курьера").click()
    expect(page.locator("#drawer [role=status]").first).to_contain_text("Орлова Вера")
    assert OrderCommand.objects.get().params["courier_name"] == "Орлова Вера"


def two_orders_arrive() -> None:
    """Have №140 and №141 on the board, in this order."""
    for number in range(2):
        arrive(
            cloud_event(
                order_id=f"3c5e7a91-b2d4-4f60-8172-93a4b5c6d7e{number}",
                external_number=f"W{number}",
                completeBefore=soon(20 + number),
                number=140 + number,
            )
        )


def test_keys_lead_through_the_board(visitor: Visitor) -> None:
    two_orders_arrive()
    page = visitor.open(BOARD)

    page.keyboard.press("j")
    expect(page.locator(".card.is-current")).to_contain_text("№140")
    # With the Russian layout the key of J says о.
    page.evaluate(
        "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'о', bubbles: true}))"
    )
    expect(page.locator(".card.is-current")).to_contain_text("№141")
    page.keyboard.press("Enter")
    expect(page.locator("#drawer h2")).to_contain_text("№141")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    # With the Russian layout the key of the question mark says a comma.
    pressed = "new KeyboardEvent('keydown', {key: ',', code: 'Slash', bubbles: true})"
    page.evaluate(f"document.body.dispatchEvent({pressed})")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()


def test_way_back_of_the_browser_closes_the_order(visitor: Visitor) -> None:
    two_orders_arrive()
    page = visitor.open(BOARD)
    drawer = page.locator("#drawer")
    title = page.locator("#drawer h2")
    # Whoever loads the page again loses it.
    page.evaluate("window.isTheSame = true")

    page.locator(".card").first.click()
    expect(title).to_contain_text("№140")
    page.locator(".card").last.click()
    expect(title).to_contain_text("№141")
    page.go_back()
    expect(drawer).to_be_hidden()
    page.go_forward()
    expect(title).to_contain_text("№141")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/console/$"))
    expect(page.locator(".card.is-current")).to_contain_text("№141")
    assert page.evaluate("window.isTheSame") is True


def test_nothing_is_hidden_behind_the_order(visitor: Visitor) -> None:
    arrive(cloud_event(completeBefore=soon(), comment="БЕЗПРОБЕЛОВ" * 60))
    page = visitor.open(BOARD)

    page.locator(".card").click()
    expect(page.locator("#drawer .comment")).to_be_visible()

    drawer = page.locator("#drawer").bounding_box()
    assert drawer is not None
    assert page.locator("#drawer").evaluate("one => one.scrollWidth <= one.clientWidth")
    for part in ("#search", ".tools > :last-child"):
        assert is_in_window(page.locator(part), int(drawer["x"])), part


def test_next_card_is_in_hand_when_one_leaves_by_time(visitor: Visitor) -> None:
    for number in range(3):
        arrive(
            cloud_event(
                order_id=f"3c5e7a91-b2d4-4f60-8172-93a4b5c6d7e{number}",
                external_number=f"W{number}",
                completeBefore=soon(20 + number),
                number=140 + number,
                status="Cancelled" if number == 1 else "Delivered",
            )
        )
    Order.objects.filter(status="Cancelled").update(
        when_cancelled=db_clock.now() - FINISHED_STAY + timedelta(seconds=6)
    )
    page = visitor.open(BOARD)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator(".card.is-current")).to_contain_text("№141")

    expect(page.locator(".card")).to_have_count(2)

    expect(page.locator(".card:focus")).to_contain_text("№142")


def test_board_drops_what_its_reader_may_no_longer_see(visitor: Visitor) -> None:
    arrive(cloud_event(completeBefore=soon()))
    user = User.objects.get()
    user.is_superuser = False
    user.save()
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
    page = visitor.open(BOARD)
    expect(page.locator(".card")).to_have_count(1)

    RestaurantAccess.objects.create(user=user, is_restricted=True)

    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("Вам не открыта ни одна организация")


def test_signed_out_board_says_so_and_leads_back(visitor: Visitor) -> None:
    arrive(cloud_event(completeBefore=soon(), status="OnWay", courierInfo=courier()))
    page = visitor.open(BOARD)
    Session.objects.all().delete()

    link = page.get_by_role("link", name="Войти снова")
    page.locator(".card-next").click()

    expect(page.locator(".card-refusal")).to_contain_text("Вы вышли из системы.")
    expect(link).to_have_attribute("href", "/admin/login/?next=/console/")
    expect(page.locator("body")).to_have_class(re.compile("is-stale"))
    visitor.complaints.clear()  # the browser names the 401


def test_board_without_answers_turns_grey_and_comes_back(visitor: Visitor) -> None:
    page = visitor.page
    page.clock.install()
    visitor.open(BOARD)
    page.route("**/console/changes*", lambda route: route.abort())

    page.clock.run_for(20_000)
    expect(page.locator("#notice")).to_contain_text("Хаб не отвечает")
    page.unroute("**/console/changes*")
    page.clock.run_for(5_000)

    expect(page.locator("#notice")).to_be_hidden()
    visitor.complaints.clear()  # the browser names the requests that failed


def test_phone_shows_one_column_and_low_cards(visitor_with_a_phone: Visitor) -> None:
    arrive(cloud_event(completeBefore=soon(), status="OnWay", courierInfo=courier()))
    page = visitor_with_a_phone.open(BOARD)

    card = page.locator(column(page, "on_way"))
    expect(card).to_be_visible()
    box, button = card.bounding_box(), page.locator(".card-next").bounding_box()
    assert box is not None
    assert box["height"] <= 96
    assert button is not None
    assert button["height"] >= 44
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("tab", name=re.compile("Кухня")).click()
    expect(card).to_be_hidden()


def test_phone_shows_low_cards_where_much_is_to_be_said(visitor_with_a_phone: Visitor) -> None:
    at = db_clock.now() + timedelta(hours=5)
    make_other_organization()
    arrive(
        cloud_event(
            completeBefore=soon(),
            status="CookingCompleted",
            whenCookingCompleted=f"{at - timedelta(minutes=33):%Y-%m-%d %H:%M:%S.000}",
            comment="Позвонить",
        )
    )
    page = visitor_with_a_phone.open(BOARD)

    card = page.locator(column(page, "ready"))
    expect(card).to_contain_text("без курьера 33 мин")
    expect(card).to_contain_text("комментарий")
    box = card.bounding_box()
    assert box is not None
    assert box["height"] <= 96
    waits = card.locator(".no-courier")
    assert waits.evaluate("one => one.scrollWidth <= one.clientWidth")


def test_no_request_leaves_the_host(visitor: Visitor) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    arrive(cloud_event(completeBefore=soon()))

    page = visitor.open(BOARD)
    page.locator(".card").click()
    expect(page.locator("#drawer")).to_contain_text("№142")

    assert {url.split("/")[2] for url in asked if not url.startswith("data:")} == {visitor.home.split("/")[2]}


def test_what_the_header_opens_stays_in_the_window(visitor: Visitor) -> None:
    page = visitor.open(BOARD)
    for language, name in (("ru", "Русский"), ("en", "English")):
        page.locator(".pop summary").last.click()
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.locator("html")).to_have_attribute("lang", language)
        for width in (1920, LAPTOP, 1024, PHONE):
            page.set_viewport_size({"width": width, "height": HEIGHT})
            for pop in page.locator(".pop").all():
                pop.locator("summary").click()
                assert is_in_window(pop.locator(".pop-body"), width), (language, width)
                pop.locator("summary").click()
            page.locator("#search").fill("142")
            expect(page.locator("#search-found")).to_be_visible()
            assert is_in_window(page.locator("#search-found"), width), (language, width)
            page.keyboard.press("Escape")


def is_in_window(part: Locator, width: int) -> bool:
    box = part.bounding_box()
    return box is not None and 0 <= box["x"] <= box["x"] + box["width"] <= width
