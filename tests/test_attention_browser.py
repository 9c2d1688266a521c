"""The attention list in a real browser: items appear, are taken, snoozed and resolved; the counts follow."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from attention import acts
from attention.models.items import AttentionItem
from core.database import db_clock
from orders.models.order import Order
from organizations.models.organization import Organization
from tests.attention_items import LATE, LOGIN, PROBLEM, history, looked, make_item
from tests.browsing import BROWSER_MARKS, Visitor
from tests.builders import arrive, cloud_event, make_organization
from tests.simulated_iiko import linked

pytestmark = BROWSER_MARKS

LIST = "/console/attention"


@pytest.fixture(autouse=True)
def cafe(db: None) -> Organization:
    looked(db_clock.now())
    return linked(make_organization())


def counted(page: Page) -> str:
    return page.locator(".menu [data-needing-count]").inner_text()


def test_item_is_taken_snoozed_and_resolved_by_keys(visitor: Visitor, cafe: Organization) -> None:
    arrive(cloud_event(completeBefore=f"{db_clock.now() + timedelta(days=1):%Y-%m-%d %H:%M:%S.000}"))
    order = Order.objects.get()
    page = visitor.open(LIST)
    expect(page.locator("[data-empty]")).to_contain_text("Ничего не требует внимания.")
    expect(page).to_have_title("Внимание")

    # Appears by itself, and is counted.
    item = make_item(cafe, PROBLEM, order=order)
    login = make_item(None, LOGIN)
    row = page.locator(f"#attention-{item.pk}")
    expect(row).to_contain_text("Организация сообщает о проблеме с заказом №1.")
    expect(page.locator(".attention-item").first).to_have_id(f"attention-{login.pk}")
    expect(page).to_have_title("(2!) Внимание")
    assert counted(page) == "2"

    # By keys alone: the second row, taken.
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("t")
    expect(row).to_contain_text("в работе у вас")
    expect(row).to_be_focused()

    # Snoozed, read in place, and gone a moment later.
    page.keyboard.press("z")
    expect(row.get_by_role("button", name="15 минут")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row).to_contain_text("Отложено до")
    expect(page).to_have_title("(1!) Внимание")
    assert counted(page) == "1"
    expect(row).to_have_count(0)

    # It is found among the snoozed ones, and resolved with a note.
    page.get_by_role("link", name="Отложенные 1").click()
    expect(row).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(row.locator("[name=note]")).to_be_focused()
    page.keyboard.type("Позвонила гостю, он подождёт")
    row.get_by_role("button", name="Решено").click()
    expect(row).to_contain_text("Решено: chief")
    row.locator("[data-act=history]").click()
    expect(row.locator(".attention-history")).to_contain_text("Позвонила гостю, он подождёт")
    assert history(item) == [
        ("taken", "chief", ""),
        ("snoozed", "chief", ""),
        ("resolved", "chief", "Позвонила гостю, он подождёт"),
    ]

    # The board counts the other one, in the title too, and follows.
    board = visitor.open("/console/")
    expect(board).to_have_title("(1!) 1 заказ")
    AttentionItem.objects.filter(pk=login.pk).update(ended_at=db_clock.now())
    expect(board).to_have_title("1 заказ")
    expect(board.locator(".menu [data-needing-count]")).to_be_hidden()


def test_order_opens_beside_the_list_and_takes_acts(visitor: Visitor, cafe: Organization) -> None:
    arrive(cloud_event())
    item = make_item(cafe, LATE, order=Order.objects.get())
    page = visitor.open(LIST)
    row = page.locator(f"#attention-{item.pk}")

    row.get_by_role("link", name="Открыть заказ").click()
    in_panel = page.locator(f"#panel-attention-{item.pk}")
    expect(in_panel).to_contain_text("опаздывает")
    in_panel.get_by_role("button", name="Взять").click()
    expect(in_panel).to_contain_text("в работе у вас")
    page.locator("[data-close]").click()

    expect(row).to_contain_text("в работе у вас")
    assert history(item) == [("taken", "chief", "")]


def test_on_a_phone_the_second_is_told_who_has_it(visitor_with_a_phone: Visitor, cafe: Organization) -> None:
    item = make_item(cafe, LATE)
    page = visitor_with_a_phone.open(LIST)
    row = page.locator(f"#attention-{item.pk}")
    take = row.get_by_role("button", name="Взять")
    expect(take).to_be_visible()
    for button in row.locator(".button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    # A colleague is faster by less than the page takes to hear of it.
    vera = acts.Actor("vera", User.objects.create_user("vera"))
    page.evaluate("clearTimeout(timer)")
    acts.take(item.pk, by=vera, now=db_clock.now())
    take.click()

    expect(row.get_by_role("alert")).to_contain_text("Уже в работе: vera")
    assert history(item) == [("taken", "vera", "")]
    visitor_with_a_phone.complaints.clear()  # the browser names a 409 in its console


def test_page_says_when_nobody_looks(visitor: Visitor) -> None:
    page = visitor.open(LIST)
    expect(page.locator("[data-empty]")).to_contain_text("Последняя проверка")

    looked(db_clock.now() - timedelta(minutes=3))

    expect(page.locator(".attention .warning")).to_contain_text(
        "Проверки стоят: последняя была 3 мин назад. Список мог устареть; проверьте, работает ли обработчик."
    )


def test_note_filter_and_focus_outlive_the_panel(visitor: Visitor, cafe: Organization) -> None:
    arrive(cloud_event())
    item = make_item(cafe, LATE, order=Order.objects.get())
    page = visitor.open(f"{LIST}?severity=30")
    row = page.locator(f"#attention-{item.pk}")
    note = row.get_by_role("textbox")

    # Another button of the item leaves the note, and so does another form.
    row.locator("[data-act=resolve]").click()
    note.fill("Позвонила")
    row.get_by_role("button", name="Взять").click()
    expect(row).to_contain_text("в работе у вас")
    expect(note).to_have_value("Позвонила")
    row.locator("[data-act=snooze]").click()
    expect(note).to_be_hidden()
    row.locator("[data-act=resolve]").click()
    expect(note).to_have_value("Позвонила")

    # Escape closes the note of the panel before the panel; the focus returns to where it was opened.
    step = row.get_by_role("link", name="Открыть заказ")
    step.click()
    in_panel = page.locator(f"#panel-attention-{item.pk}")
    in_panel.locator("[data-act=resolve]").click()
    expect(in_panel.get_by_role("textbox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(in_panel.get_by_role("textbox")).to_be_hidden()
    expect(in_panel.locator("[data-act=resolve]")).to_be_focused()
    page.locator("[data-close]").click()
    expect(step).to_be_focused()
    assert page.url.endswith(f"{LIST}?severity=30")


def test_what_ended_leaves_the_panel_of_the_board(visitor: Visitor, cafe: Organization) -> None:
    arrive(cloud_event())
    order = Order.objects.get()
    item = make_item(cafe, LATE, order=order)
    page = visitor.open(f"/console/#order-{order.pk}")
    in_panel = page.locator(f"#panel-attention-{item.pk}")

    in_panel.locator("[data-act=resolve]").click()
    in_panel.get_by_role("textbox").fill("Позвонила")
    page.keyboard.press("Escape")
    expect(in_panel.locator("[data-act=resolve]")).to_be_focused()
    in_panel.locator("[data-act=resolve]").click()
    in_panel.get_by_role("textbox").fill("")
    page.keyboard.press("Escape")
    AttentionItem.objects.filter(pk=item.pk).update(ended_at=db_clock.now())
    page.evaluate("refreshPanel()")

    expect(in_panel).to_have_count(0)
    expect(page.locator(".panel")).to_be_focused()
