"""Journeys through the admin in a real browser: what scripts, styles and the content policy do together."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from hall.models import Reserve, TableOrder
from orders.actions.cancel import CancelOrder, CancelParams
from orders.commands import dispatch, submission
from orders.commands.submission import Requester
from orders.models.command import CommandKind, OrderCommand
from orders.models.order import Order
from organizations.connection.call_log import call_log
from organizations.models.dictionaries import Courier
from tests.browsing import BROWSER_MARKS, HEIGHT, LAPTOP, PHONE, Visitor
from tests.builders import (
    COURIER_ID,
    ORDER_ID,
    ORGANIZATION_ID,
    REVISION,
    TABLE_ID,
    arrive,
    banquet_order,
    cloud_event,
    courier,
    customer,
    make_key,
    make_organization,
    make_other_organization,
    product,
    reserve_event,
    table_order_event,
)
from tests.pages import (
    API_KEYS,
    CALLS,
    COMMANDS,
    CONFIGS,
    EVENTS,
    LOGINS,
    ORDERS,
    ORGANIZATIONS,
    RESERVES,
    TABLE_ORDERS,
)
from tests.sandbox_restaurant import SandboxRestaurant
from tests.simulated_iiko import API_LOGIN, CORRELATION, IIKO, SimulatedIiko, linked, refusal
from webhooks.models.inbox import EventSource, WebhookConfig, WebhookEvent

pytestmark = BROWSER_MARKS

NOTE = ".hub-live-note"


def test_signing_in_leads_to_the_overview(visitor: Visitor) -> None:
    visitor.page.context.clear_cookies()
    page = visitor.open("/admin/login/")

    page.get_by_label("Имя пользователя").fill("chief")
    page.get_by_label("Пароль", exact=False).first.fill("long-enough-password")
    page.get_by_role("button", name="Войти").click()

    expect(page).to_have_title("Обзор | iikohub")


def test_orders_arrive_and_change_before_ones_eyes(visitor: Visitor) -> None:
    make_organization()
    page = visitor.open(ORDERS)
    expect(page.get_by_text("Здесь пока пусто")).to_be_visible()

    arrive(cloud_event(status="WaitCooking"))
    row = page.locator("#result_list tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("Ждёт кухню")
    expect(page.locator("#hub-count")).to_have_text("Всего: 1")

    arrive(cloud_event(status="OnWay", timestamp=REVISION + 1))
    expect(row).to_contain_text("В пути")


def test_list_that_is_answered_503_goes_on_from_what_it_shows(visitor: Visitor) -> None:
    make_organization()
    arrive(cloud_event())
    page = visitor.open(ORDERS)
    page.route("**/orders/order/live/**", lambda route: route.fulfill(status=503))
    expect(page.locator(NOTE)).to_contain_text("нет связи")

    page.unroute("**/orders/order/live/**")
    with page.expect_response(lambda answer: "/orders/order/live/" in answer.url) as answered:
        pass

    assert answered.value.status == 204
    assert answered.value.request.headers["x-list-state"]
    expect(page.locator(NOTE)).to_have_text(re.compile(r"^данные на"))
    visitor.complaints.clear()  # the browser names the 503


def test_refreshing_can_be_switched_off_and_stays_so(visitor: Visitor) -> None:
    make_organization()
    visitor.page.clock.install()
    page = visitor.open(ORDERS)
    switch = page.get_by_role("checkbox", name="Автообновление")
    expect(switch).to_be_checked()

    switch.uncheck()
    expect(page.locator(NOTE)).to_have_text("выключено")
    page.reload()
    expect(page.get_by_role("checkbox", name="Автообновление")).not_to_be_checked()
    expect(page.locator(NOTE)).to_have_text("выключено")
    arrive(cloud_event())
    hurry(page, 7)
    expect(page.get_by_text("Здесь пока пусто")).to_be_visible()

    page.get_by_role("checkbox", name="Автообновление").check()
    hurry(page, 6)
    expect(page.locator("#result_list tbody tr")).to_have_count(1)


def test_lost_connection_is_told(visitor: Visitor) -> None:
    make_organization()
    page = visitor.open(ORDERS)

    last_news = page.locator(NOTE).inner_text().split()[-1]
    page.context.set_offline(True)
    expect(page.locator(NOTE)).to_have_text(re.compile(r"нет связи, данные на \d\d:\d\d:\d\d"))
    expect(page.locator("#hub-list")).to_have_css("filter", "grayscale(1)")
    assert page.locator(NOTE).inner_text().split()[-1] >= last_news
    page.context.set_offline(False)

    arrive(cloud_event())
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    visitor.complaints.clear()


def hurry(page: Page, seconds: int) -> None:
    """Let the page's own clock go on by so much."""
    page.clock.run_for(seconds * 1000)


def test_ticked_row_pauses_in_sight_and_unticking_goes_on(visitor: Visitor) -> None:
    make_organization()
    arrive(cloud_event(status="Waiting"))
    visitor.page.clock.install()
    page = visitor.open(ORDERS)
    row, box = page.locator("#result_list tbody tr"), page.locator("input.action-select")

    box.check()
    hurry(page, 1)
    expect(page.locator(NOTE)).to_have_text("пауза: отмечены строки")
    arrive(cloud_event(status="OnWay", timestamp=REVISION + 1))
    hurry(page, 20)
    expect(row).to_contain_text("Ждёт отправки")
    expect(box).to_be_checked()

    box.uncheck()
    hurry(page, 6)
    expect(row).to_contain_text("В пути")
    expect(page.locator(NOTE)).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    expect(page.locator("input.action-select")).to_be_focused()


def test_answer_that_does_not_come_is_told(visitor: Visitor) -> None:
    make_organization()
    visitor.page.clock.install()
    page = visitor.open(ORDERS)
    page.route(f"**{ORDERS}live/", lambda _route: None)

    hurry(page, 20)

    expect(page.locator(NOTE)).to_contain_text("нет связи, данные на")
    page.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_signed_out_leads_to_signing_in_and_back(visitor_with_a_phone: Visitor, language: str) -> None:
    words = {"ru": ("войти снова", "Войти"), "en": ("sign in again", "Log in")}[language]
    make_organization()
    visitor_with_a_phone.page.clock.install()
    set_language(visitor_with_a_phone, language)
    page = visitor_with_a_phone.open(f"{ORDERS}?state=open")
    page.context.clear_cookies(name="sessionid")

    hurry(page, 6)
    way = page.get_by_role("link", name=words[0])
    expect(way).to_be_visible()
    way.click()
    page.locator("#id_username").fill("chief")
    page.locator("#id_password").fill("long-enough-password")
    page.get_by_role("button", name=words[1]).click()

    page.wait_for_url(f"**{ORDERS}?state=open")
    refused = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"
    assert set(visitor_with_a_phone.complaints) == {refused}
    visitor_with_a_phone.complaints.clear()


def test_what_was_asked_is_told_as_it_stands(visitor: Visitor, iiko: SimulatedIiko) -> None:
    organization = linked(make_organization())
    Courier.objects.create(organization=organization, iiko_id=COURIER_ID, name="Орлова Вера")
    arrive(cloud_event(status="Waiting"))
    iiko.answers("deliveries/update_order_courier", refusal("Courier is fired", "UserNotFound"), status=400)
    set_language(visitor, "en")
    page = visitor.open(f"{ORDERS}{Order.objects.get().pk}/ask/courier/")
    page.get_by_label("Орлова Вера").check()
    page.get_by_role("button", name="Assign a courier").click()
    note = page.locator("#hub-order > [role=status]")
    expect(note).to_contain_text("Requested: Assign a courier – Орлова Вера. Waiting to be sent")

    step(OrderCommand.objects.get())

    expect(note).to_contain_text("Refused iiko does not know this employee.")
    expect(page.locator(".hub-note--good, .hub-note--info")).to_have_count(0)


def test_overview_counts_what_arrives(visitor: Visitor) -> None:
    make_organization()
    page = visitor.open("/admin/")
    tile = page.locator('a.hub-tile[href$="?state=open"]')
    expect(tile).to_contain_text("0")

    arrive(cloud_event(status="Waiting"))

    expect(tile).to_contain_text("1")
    tile.click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)


def test_replay_asks_in_a_dialog_that_a_keyboard_can_use(visitor: Visitor) -> None:
    make_organization()
    arrive(cloud_event())
    event = WebhookEvent.objects.get()
    page = visitor.open(f"{EVENTS}{event.pk}/change/")
    dialog = page.get_by_role("dialog", name="Повторить это событие?")
    opener = page.get_by_role("button", name="Повторить")

    opener.focus()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Повторить")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert WebhookEvent.objects.count() == 1

    opener.click()
    dialog.get_by_role("button", name="Отмена").click()
    expect(dialog).to_be_hidden()
    opener.click()
    dialog.get_by_role("button", name="Повторить").click()

    expect(page.get_by_text("Поставлено в очередь как событие")).to_be_visible()
    assert WebhookEvent.objects.filter(source=EventSource.REPLAY, replay_of=event).count() == 1


def test_selected_events_are_replayed_after_a_question(visitor: Visitor) -> None:
    make_organization()
    arrive(*(cloud_event(order_id=f"order-{number}") for number in range(3)))
    page = visitor.open(EVENTS)

    page.get_by_label("Выбрать все объекты на этой странице").check()
    page.get_by_label("Выберите действие").select_option(label="Повторить")
    page.get_by_role("button", name="Выполнить").click()
    expect(page.get_by_text("Повторить 3 события?")).to_be_visible()
    page.get_by_role("button", name="Повторить").click()

    expect(page.get_by_text("Поставлено 3 события.")).to_be_visible()
    assert WebhookEvent.objects.filter(source=EventSource.REPLAY).count() == 3


def test_filters_are_reached_by_keyboard(visitor: Visitor) -> None:
    make_organization()
    arrive(cloud_event(status="OnWay"), cloud_event(order_id="2", status="Closed"))
    page = visitor.open(ORDERS)

    page.get_by_role("button", name="Фильтры").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("состояние")).to_be_focused()
    page.get_by_role("checkbox", name="В пути").check()
    page.get_by_role("button", name="Применить фильтры").click()

    expect(page.locator("#result_list tbody tr")).to_have_count(1)


def test_language_is_switched(visitor: Visitor) -> None:
    page = visitor.open("/admin/")

    page.get_by_text("chief", exact=True).click()
    page.get_by_role("button", name="English").click()
    expect(page).to_have_title("Overview | iikohub")

    page.get_by_text("chief", exact=True).click()
    page.get_by_role("button", name="Русский").click()
    expect(page).to_have_title("Обзор | iikohub")


SECOND_ORDER = "00000000-0000-4000-8000-00000000000b"


def step(command: OrderCommand) -> None:
    """Take the step of a command that a worker would take."""
    dispatch.advance(command.pk, clock=timezone.now)


def test_courier_is_assigned_from_the_list_and_another_order_cancelled(
    visitor: Visitor, iiko: SimulatedIiko
) -> None:
    organization = linked(make_organization())
    Courier.objects.create(organization=organization, iiko_id=COURIER_ID, name="Орлова Вера")
    arrive(
        cloud_event(status="Waiting"),
        cloud_event(order_id=SECOND_ORDER, number=7, external_number="", items=[], whenPrinted=None),
    )
    first, second = Order.objects.get(iiko_order_id=ORDER_ID), Order.objects.get(iiko_order_id=SECOND_ORDER)
    iiko.answers("deliveries/update_order_courier", {"correlationId": CORRELATION})
    iiko.answers("deliveries/cancel", {"correlationId": CORRELATION})
    set_language(visitor, "en")

    # Once the list was refreshed under one's hands, its boxes still count.
    page = visitor.open(ORDERS)
    row = page.get_by_role("row", name="№142")
    problem = {"hasProblem": True, "description": "Не отвечает"}
    arrive(cloud_event(status="Waiting", problem=problem, timestamp=REVISION + 1))
    expect(row).to_contain_text("Problem")
    page.locator(f"input.action-select[value='{first.pk}']").check()
    expect(page.locator("span.action-counter")).to_have_text("1 of 2 selected")
    page.locator("select[name=action]").select_option(label="Assign a courier")
    page.get_by_role("button", name="Run").click()
    page.get_by_label("Орлова Вера").check()
    page.get_by_role("button", name="Assign a courier").click()

    expect(row).to_contain_text("Waiting to be sent")
    step(OrderCommand.objects.get())
    expect(row).to_contain_text("Waiting for iiko")
    row.get_by_role("link", name="№142").click()
    expect(page.get_by_text("Requested, not confirmed yet")).to_be_visible()
    arrive(cloud_event(status="Waiting", courierInfo=courier(), timestamp=REVISION + 2))
    expect(page.get_by_text("Requested, not confirmed yet")).to_be_hidden()
    expect(page.locator(".hub-head")).to_contain_text("Орлова Вера")

    page = visitor.open(f"{ORDERS}{second.pk}/change/")
    page.get_by_role("link", name="Cancel the order").click()
    page.get_by_label("In your own words").fill("Гость передумал")
    page.get_by_role("button", name="Cancel the order").click()
    expect(page.get_by_text("Requested: Cancel the order – Гость передумал.")).to_be_visible()
    expect(page.locator(".hub-under-way")).to_contain_text("Waiting to be sent")
    step(OrderCommand.objects.get(kind=CommandKind.CANCEL))
    arrive(
        cloud_event(
            order_id=SECOND_ORDER, number=7, external_number="", status="Cancelled", timestamp=REVISION + 1
        )
    )
    expect(page.locator(".hub-head")).to_contain_text("Cancelled")
    expect(page.get_by_role("button", name="Assign a courier")).to_be_disabled()
    assert [body["orderId"] for body in iiko.bodies("deliveries/cancel")] == [SECOND_ORDER]
    assert len(iiko.bodies("deliveries/update_order_courier")) == 1


def test_refused_action_is_told_on_its_form(visitor: Visitor) -> None:
    organization = linked(make_organization())
    Courier.objects.create(organization=organization, iiko_id=COURIER_ID, name="Орлова Вера")
    arrive(cloud_event(status="Waiting"))
    order = Order.objects.get()
    set_language(visitor, "en")
    page = visitor.open(f"{ORDERS}{order.pk}/ask/courier/")

    arrive(cloud_event(status="Closed", timestamp=REVISION + 1))
    page.get_by_label("Орлова Вера").check()
    page.get_by_role("button", name="Assign a courier").click()

    expect(page.get_by_role("alert")).to_contain_text("The order is closed")
    assert OrderCommand.objects.count() == 0


def test_discount_is_given_by_making_the_order_again(visitor: Visitor, sandbox: SandboxRestaurant) -> None:
    old = sandbox.order()
    set_language(visitor, "en")
    page = visitor.open(f"{ORDERS}{old.pk}/change/")

    page.get_by_role("link", name="Give a discount").click()
    page.get_by_label("Discount", exact=True).select_option(
        label="Скидка управляющего – a sum of your choice"
    )
    page.get_by_label("Sum", exact=True).fill("50,50")
    page.get_by_role("button", name="Give a discount").click()
    expect(page.get_by_text("Agree to what it means for the order, or go back.")).to_be_visible()
    expect(page.get_by_text("tell the guest")).to_be_visible()
    assert OrderCommand.objects.count() == 0
    page.get_by_label("I have read this: reissue the order and cancel this one").check()
    page.get_by_role("button", name="Give a discount").click()

    expect(page.get_by_text("(reading the order)", exact=True)).to_be_visible()
    command = sandbox.end(OrderCommand.objects.get())
    sandbox.until(command, lambda: bool(command.state_data.get("is_linked")), seconds=60)
    new = Order.objects.get(iiko_order_id=command.new_order_id)
    expect(page.get_by_text(f"Replaced by №{new.readable_number}", exact=True)).to_be_visible()
    page.get_by_role("link", name=f"№{new.readable_number}").first.click()
    expect(page.get_by_text("Скидка управляющего", exact=True)).to_be_visible()
    expect(page.get_by_text(f"Made in place of №{old.readable_number}", exact=True)).to_be_visible()
    page.get_by_role("link", name=f"№{old.readable_number}").first.click()
    expect(page.locator(".hub-head .hub-badge--Cancelled")).to_be_visible()
    assert len(sandbox.living()) >= 1
    assert sandbox.living().count(command.new_order_id) == 1


def test_courier_is_found_by_a_part_of_the_name(visitor: Visitor) -> None:
    organization = linked(make_organization())
    for number, name in enumerate(("Абрамов", "Белов", "Ветров", "Громов", "Дымов", "Жуков")):
        Courier.objects.create(organization=organization, iiko_id=str(number), name=name)
    arrive(cloud_event(status="Waiting"))
    set_language(visitor, "en")
    page = visitor.open(f"{ORDERS}{Order.objects.get().pk}/ask/courier/")

    page.get_by_label("Find a courier").fill("РОВ")

    expect(page.locator(".hub-radio:visible")).to_have_text(["Ветров – free"])
    page.get_by_label("Find a courier").fill("nobody")
    expect(page.get_by_text("No courier has that name.")).to_be_visible()


def asked_command(order: Order) -> OrderCommand:
    return submission.request(
        CancelOrder(),
        CancelParams("w" * 200),
        order_id=order.pk,
        by=Requester("operator", "operator"),
        now=timezone.now(),
    )


def hall_rows() -> list[dict[str, Any]]:
    """Make a table order and a reserve of long words and many tables."""
    guest = customer(name="Константинопольский-Задунайский", surname="Константин")
    return [
        table_order_event(
            external_number="W" * 150,
            status="NeverHeardOfSuchALongStatusName",
            tableIds=[TABLE_ID] * 5,
            sum=1234567.89,
            waiter={"id": COURIER_ID, "name": "Константинопольский-Задунайский Константин"},
        ),
        reserve_event(
            status="Closed",
            cancelReason="AReasonWithAVeryLongNameThatNobodyHasEverHeardOf",
            eventType="оченьдлинноесловобезпробелов" * 5,
            comment="оченьдлинноесловобезпробелов" * 20,
            customer=guest,
            tableIds=[TABLE_ID] * 5,
            order=banquet_order(sum=1234567.89),
            info={"isDeleted": True},
        ),
    ]


def every_page() -> list[str]:
    linked(make_organization())
    arrive(
        cloud_event(
            comment="оченьдлинноесловобезпробелов" * 20,
            external_number="W" * 150,
            items=[],
            whenPrinted=None,
        ),
        cloud_event(order_id="2", status="NeverHeardOfSuchALongStatusName", problem={"hasProblem": True}),
        cloud_event(event_type="AnEventTypeWithAVeryLongNameThatNobodyHasEverHeardOf", order_id="3"),
        *hall_rows(),
    )
    order = Order.objects.get(iiko_order_id=ORDER_ID)
    given_up = asked_command(order)
    submission.abandon(command_id=given_up.pk, by=Requester("operator", "operator"), now=timezone.now())
    under_way = asked_command(order)
    return [
        "/admin/",
        ORDERS,
        RESERVES,
        f"{RESERVES}{Reserve.objects.get().pk}/change/",
        TABLE_ORDERS,
        f"{TABLE_ORDERS}{TableOrder.objects.get().pk}/change/",
        *(f"{ORDERS}{order.pk}/ask/{act}/" for act in ("status", "courier", "payment", "cancel")),
        COMMANDS,
        f"{COMMANDS}{given_up.pk}/change/",
        f"{COMMANDS}{given_up.pk}/retry/",
        f"{COMMANDS}{under_way.pk}/abandon/",
        *(f"{ORDERS}{order.pk}/change/" for order in Order.objects.all()),
        EVENTS,
        *(f"{EVENTS}{event.pk}/change/" for event in WebhookEvent.objects.all()),
        f"{EVENTS}{WebhookEvent.objects.latest('pk').pk}/replay/",
        ORGANIZATIONS,
        f"{ORGANIZATIONS}add/",
        CONFIGS,
        f"{CONFIGS}{WebhookConfig.objects.get().pk}/change/",
        API_KEYS,
        f"{API_KEYS}add/",
        "/admin/auth/user/",
        f"/admin/auth/user/{User.objects.get().pk}/change/",
        "/admin/auth/group/add/",
    ]


def test_every_page_fits_a_laptop_and_a_phone_and_breaks_no_policy(visitor: Visitor) -> None:
    widths = [LAPTOP, PHONE]
    for path in every_page():
        page = visitor.open(path)
        for width in widths:  # every other page is opened on a phone
            resize(page, width)
            too_wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert too_wide <= 0, (path, width)
            assert page.locator("h1, [role=heading]").count() > 0, (path, width)
            assert visitor.complaints == [], (path, width)
        widths.reverse()


def resize(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": HEIGHT})


LISTS = (ORDERS, RESERVES, TABLE_ORDERS, COMMANDS, EVENTS, ORGANIZATIONS, CONFIGS, API_KEYS)


def long_rows() -> None:
    linked(make_organization(name="Ресторан русской и паназиатской кухни «Берёзовая роща» на Малышева"))
    make_other_organization()
    make_key(name="Интернет-магазин и мобильное приложение")
    arrive(
        cloud_event(
            external_number="W" * 150,
            courierInfo=courier(name="Константинопольский-Задунайский Константин"),
            sum=1234567.89,
            items=[],
            whenPrinted=None,
        ),
        cloud_event(order_id="2", status="NeverHeardOfSuchALongStatusName", problem={"hasProblem": True}),
        cloud_event(event_type="AnEventTypeWithAVeryLongNameThatNobodyHasEverHeardOf", order_id="3"),
        *hall_rows(),
    )
    asked_command(Order.objects.get(iiko_order_id=ORDER_ID))


def set_language(visitor: Visitor, language: str) -> None:
    cookie = {"name": "django_language", "value": language, "url": visitor.home}
    visitor.page.context.add_cookies([cookie])  # type: ignore[list-item]  # a dict is what it takes


@pytest.mark.parametrize("language", ["ru", "en"])
def test_lists_are_seen_whole_on_a_laptop_and_on_a_phone(visitor: Visitor, language: str) -> None:
    long_rows()
    set_language(visitor, language)

    for path in LISTS:
        resize(visitor.page, LAPTOP)
        page = visitor.open(path)
        check_every_column_is_seen(page, path)
        resize(page, PHONE)
        check_every_cell_is_seen(page, path)


def check_every_column_is_seen(page: Page, path: str) -> None:
    frame = page.locator("#result_list").evaluate("table => table.parentElement.getBoundingClientRect()")
    last = page.locator("#result_list thead th:visible").last.bounding_box()
    assert last is not None, path
    assert last["x"] + last["width"] <= frame["right"] + 1, path


def check_every_cell_is_seen(page: Page, path: str) -> None:
    columns = page.locator("#result_list thead th").count()
    cells = page.locator("#result_list tr.data-row").first.locator("td, th")
    assert cells.count() == columns, path
    for cell in cells.all():
        expect(cell).to_be_visible()
        is_cut = cell.evaluate("it => it.scrollWidth > it.clientWidth")
        is_outside = cell.evaluate("it => it.getBoundingClientRect().right > innerWidth")
        assert (is_cut, is_outside) == (False, False), (path, cell.inner_text())


def test_price_of_a_line_is_seen_on_a_phone(visitor_with_a_phone: Visitor) -> None:
    make_organization()
    arrive(cloud_event(items=[product(amount=2.0, price=450.0, resultSum=900.0)]))
    page = visitor_with_a_phone.open(f"{ORDERS}{Order.objects.get().pk}/change/")

    expect(page.get_by_text("450,00 ₽").locator("visible=true")).to_have_count(1)


def test_clock_of_the_refresh_has_24_hours(visitor: Visitor) -> None:
    make_organization()
    set_language(visitor, "en")
    visitor.page.clock.set_fixed_time("2026-03-14T18:05:09")
    page = visitor.open(ORDERS)

    expect(page.locator(".hub-live-note")).to_have_text("news as of 18:05:09")


def test_login_is_added_tried_and_read(visitor: Visitor, iiko: SimulatedIiko) -> None:
    offered = [{"id": ORGANIZATION_ID, "name": "Кафе «Сирень»", "responseType": "Simple"}]
    iiko.answers("organizations", {"correlationId": CORRELATION, "organizations": offered})
    page = visitor.open(f"{LOGINS}add/")

    page.locator("#id_name").fill("main")
    page.locator("#id_base_url").fill(IIKO)
    page.locator("#id_api_login").fill(API_LOGIN)
    page.locator("button[name=_continue]").click()
    page.locator("form[action$='/check/'] button").click()

    expect(page.locator("body")).to_contain_text("Кафе «Сирень»")
    assert API_LOGIN not in page.content()
    page.locator("[data-dialog=read-dialog]").click()
    expect(page.locator("#read-dialog")).to_be_visible()
    page.locator("#read-dialog button[type=submit]").click()
    expect(page.locator("#read-dialog")).to_be_hidden()
    call_log.flush()
    page = visitor.open(CALLS)
    expect(page.locator("#result_list tbody tr")).to_have_count(2)


def test_foreign_webhook_is_taken_over_in_two_steps(
    visitor_with_a_phone: Visitor, iiko: SimulatedIiko, settings: LazySettings
) -> None:
    settings.WEBHOOK_BASE_URL = "https://hub.example.com"
    linked(make_organization())
    theirs = {"apiLoginName": "main", "webHooksUri": "https://delivery.example/hooks", "authToken": "t"}
    iiko.answers("webhooks/settings", {"correlationId": CORRELATION} | theirs)
    iiko.answers("webhooks/update_settings", {"correlationId": CORRELATION})
    page = visitor_with_a_phone.open(f"{CONFIGS}{WebhookConfig.objects.get().pk}/change/")

    page.locator("[data-dialog=register-dialog]").click()
    page.locator("#register-dialog button[type=submit]").click()
    expect(page.locator(".hub-note--bad")).to_contain_text("https://delivery.example/hooks")
    assert iiko.bodies("webhooks/update_settings") == []

    page.locator("[data-dialog=take-over-dialog]").click()
    page.locator("#take-over-dialog button[type=submit]").click()
    expect(page.locator("[data-dialog=take-over-dialog]")).to_have_count(0)
    assert len(iiko.bodies("webhooks/update_settings")) == 1


def test_menu_is_used_and_skipped_by_the_keyboard(visitor_with_a_phone: Visitor) -> None:
    page = visitor_with_a_phone.open(ORDERS)
    menu = page.locator("#hub-menu-open")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="К содержимому")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(".hub-chip").first).to_be_focused()

    expect(menu).to_have_attribute("aria-expanded", "false")
    menu.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("link", name="Заказы", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Закрыть меню").press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "false")
    expect(menu).to_be_focused()
    assert page.locator('[aria-label="scrollable content"]').count() == 0
