"""Two-step sign-in in a real browser: set up on the console, asked for, and entered by a recovery code."""

import re
from base64 import b32decode

from django.contrib.auth.models import Group, User
from django_otp.oath import TOTP
from playwright.sync_api import Dialog, Page, expect

from core.database import db_clock
from iikohub.models.sign_in import TwoStepGroup
from tests.browsing import BROWSER_MARKS, PHONE, Visitor
from tests.builders import make_organization
from tests.test_console_accessibility import serious

pytestmark = BROWSER_MARKS

PASSWORD = "long-enough-password"


def app_code(secret: str, *, steps: int) -> str:
    totp = TOTP(b32decode(secret))
    totp.time = db_clock.now().timestamp() + 30 * steps
    return f"{totp.token():06d}"


def type_password(page: Page) -> None:
    page.get_by_label("Имя пользователя").fill("chief")
    page.get_by_label("Пароль", exact=False).first.fill(PASSWORD)
    page.get_by_role("button", name="Войти").click()


def type_code(page: Page, code: str, button: str) -> None:
    page.get_by_role("textbox", name="Код").fill(code)
    page.get_by_role("button", name=button, exact=True).click()


def set_up(page: Page) -> tuple[str, list[str]]:
    """Go through the page that is open; return the key and the recovery codes."""
    page.get_by_role("button", name="Настроить").click()
    expect(page.get_by_role("img", name="QR-код для приложения с кодами")).to_be_visible()
    secret = re.sub(r"\s", "", page.locator("[data-secret]").inner_text())
    assert serious(page) == []
    type_code(page, app_code(secret, steps=-1), "Включить")
    expect(page.get_by_text("Вход в два шага включён.")).to_be_visible()
    assert serious(page) == []
    return secret, page.locator(".hub-codes code").all_inner_texts()


def reload(page: Page) -> str:
    """Load it again as a person does who says yes to the browser's question; return the question's kind."""
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.once("dialog", leave)
    page.reload()
    return asked[0] if asked else ""


def sign_out(page: Page) -> None:
    page.locator("summary", has_text="chief").click()
    page.get_by_role("button", name="Выйти").click()
    expect(page).to_have_url(re.compile(r"/admin/(logout|login)/"))


def test_set_up_signed_out_and_in_by_code_and_by_recovery_code(visitor: Visitor) -> None:
    make_organization()
    page = visitor.open("/console/attention")
    page.locator("summary", has_text="chief").click()
    page.get_by_role("link", name="Вход в два шага").click()
    expect(page.get_by_role("heading", name="Вход в два шага")).to_be_visible()
    assert serious(page) == []

    secret, codes = set_up(page)
    page.get_by_role("button", name="Коды сохранены").click()
    expect(page).to_have_url(f"{visitor.home}/console/attention")

    sign_out(page)
    visitor.open("/console/")
    type_password(page)
    expect(page.get_by_text("Входит chief.")).to_be_visible()
    assert serious(page) == []
    type_code(page, "000000", "Войти")
    expect(page.get_by_text("Код неверный или уже был использован.")).to_be_visible()
    type_code(page, app_code(secret, steps=0), "Войти")
    expect(page).to_have_url(f"{visitor.home}/console/")

    sign_out(page)
    visitor.open("/console/")
    type_password(page)
    type_code(page, codes[0], "Войти")
    expect(page).to_have_url(f"{visitor.home}/console/")

    visitor.open("/admin/two-steps/")
    expect(page.get_by_text("Осталось 9 запасных кодов.")).to_be_visible()
    assert serious(page) == []


def test_codes_that_a_reload_took_away_are_made_anew_on_the_same_page(visitor: Visitor) -> None:
    page = visitor.open("/admin/two-steps/")
    _secret, lost = set_up(page)

    assert reload(page) == "beforeunload"

    expect(page.get_by_text("Запасные коды больше не показываются.")).to_be_visible()
    assert serious(page) == []
    page.get_by_role("button", name="Создать другие коды").click()
    codes = page.locator(".hub-codes code").all_inner_texts()
    assert (len(codes), set(codes) & set(lost)) == (10, set())
    page.get_by_role("button", name="Коды сохранены").click()
    visitor.open("/admin/two-steps/")
    expect(page.get_by_text("Осталось 10 запасных кодов.")).to_be_visible()
    expect(page.get_by_text("Запасные коды больше не показываются.")).not_to_be_visible()


def test_group_that_asks_leads_to_the_set_up_on_a_phone(visitor_with_a_phone: Visitor) -> None:
    make_organization()
    group = Group.objects.create(name="Cashiers")
    TwoStepGroup.objects.create(group=group)
    User.objects.get().groups.add(group)
    page = visitor_with_a_phone.open("/console/")

    expect(page.get_by_text("Для вашей учётной записи обязателен вход в два шага.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    set_up(page)
    page.get_by_role("button", name="Коды сохранены").click()

    expect(page).to_have_url(f"{visitor_with_a_phone.home}/console/")


def test_open_board_marks_its_questions(visitor: Visitor) -> None:
    make_organization()
    page = visitor.open("/console/")

    with page.expect_request("**/console/changes*") as asked:
        pass

    assert asked.value.headers["x-watching"] == "1"
    with visitor.page.expect_request("**/live/*") as asked:
        visitor.open("/admin/orders/order/")
    assert asked.value.headers["x-watching"] == "1"
