"""``make run EMPTY=1``: a person takes the first steps of an empty hub against the sandbox, to the last.

Real processes throughout: the hub asks its own address, a worker reads the restaurants, the sandbox sends.
"""

import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from demo.data import API_LOGIN
from demo.management.commands import demo
from demo.tests.test_supervisor import checkout, read_until, start_demo  # noqa: F401  # a fixture among them
from tests.browsing import BROWSER_MARKS, HEIGHT, LAPTOP, PHONE

pytestmark = [*BROWSER_MARKS, pytest.mark.process, pytest.mark.long]

WORK_MS = 90_000
"""What processes do by the clock of a minute, on a machine with much else to do."""


@pytest.fixture
def empty_hub(checkout: Path) -> Iterator[tuple[str, str]]:  # noqa: F811
    """Start the demo without a login or a restaurant; gives its address and what it says to begin with."""
    port = demo.next_free(18200)
    process = start_demo(checkout, port, "--empty")
    try:
        said = read_until(process, 1, "Enter shows this again")
        # A line for each event would fill the pipe, and all would wait for who reads it.
        assert process.stdout is not None
        reader = threading.Thread(target=process.stdout.read, daemon=True)
        reader.start()
        yield f"http://127.0.0.1:{port}", said
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        reader.join(timeout=10)
    finally:
        process.kill()
        process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()


def told(said: str, name: str) -> str:
    found = re.search(rf"│ {name} +(.+?) +│", said)
    assert found is not None
    return found[1]


def is_done(page: Page, key: str) -> None:
    expect(page.locator(f"#step-{key}")).to_have_class("is-done", timeout=WORK_MS)


def test_first_steps_are_taken_from_nothing_to_all_done(browser: Browser, empty_hub: tuple[str, str]) -> None:
    home, said = empty_hub
    context = browser.new_context(viewport={"width": LAPTOP, "height": HEIGHT}, locale="ru-RU")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(told(said, "First steps"))
    page.get_by_label("Имя пользователя").fill("admin")
    page.get_by_label("Пароль", exact=False).first.fill(told(said, "Password"))
    page.get_by_role("button", name="Войти").click()
    for key in ("login", "zones", "registration", "events", "people"):
        expect(page.locator(f"#step-{key}")).to_contain_text("предстоит")
    # The open page follows what the processes do by themselves.
    is_done(page, "worker")
    is_done(page, "address")

    login, address = told(said, "API login").split(", address of iiko: ")
    assert login == API_LOGIN
    page.get_by_role("link", name="Добавить API-логин").click()
    page.locator("#id_name").fill("песочница")
    page.locator("#id_base_url").fill(address)
    page.locator("#id_api_login").fill(login)
    page.locator("[name=_save]").click()
    page.get_by_role("link", name="Первые шаги").click()
    is_done(page, "login")
    expect(page.locator("#step-login")).to_contain_text("Найдены 4 организации")

    expect(page.locator("#step-zones")).to_contain_text("UTC+10, Asia/Vladivostok")
    page.get_by_role("button", name="Часы верны").click()
    is_done(page, "zones")

    register_all(page)
    is_done(page, "registration")
    is_done(page, "events")

    add_a_channel(page, told(said, "Channel"))
    is_done(page, "channels")
    add_an_operator(page)
    page.get_by_role("link", name="Первые шаги").click()
    expect(page.get_by_text("Все первые шаги пройдены.")).to_be_visible()
    page.goto(f"{home}/admin/")
    expect(page.get_by_text("Первые шаги: все пройдены")).to_be_visible()

    page.set_viewport_size({"width": PHONE, "height": HEIGHT})
    for path in ("/admin/", "/admin/first-steps/", "/admin/first-steps/register/"):
        page.goto(home + path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    for button in page.locator(".hub-page form .hub-button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    assert complaints == []
    context.close()


def register_all(page: Page) -> None:
    """Look first at what would change, then let it be done; each restaurant's outcome comes by itself."""
    rows = page.locator("#hub-registrations tr")
    page.get_by_role("link", name="Показать, что изменится").click()
    expect(rows).to_have_text([re.compile("будет зарегистрирован.*адрес, токен, виды событий")] * 4)
    page.get_by_role("button", name="Зарегистрировать все").click()
    expect(rows).to_have_text([re.compile("зарегистрирован Теперь iiko")] * 4)
    page.get_by_role("link", name="К первым шагам").click()


def add_a_channel(page: Page, address: str) -> None:
    page.get_by_role("link", name="Добавить канал").click()
    page.locator("#id_name").fill("песочница")
    page.locator("#id_address").fill(address)
    page.locator("[name=_save]").click()
    page.get_by_role("link", name="Первые шаги").click()
    page.get_by_role("link", name="К каналу").click()
    page.get_by_role("button", name="Отправить проверку").click()
    page.get_by_role("button", name="Отправить", exact=True).click()
    page.get_by_role("link", name="Первые шаги").click()


def add_an_operator(page: Page) -> None:
    page.get_by_role("link", name="Добавить пользователя").click()
    page.locator("#id_username").fill("vera")
    page.locator("#id_password1").fill("long-enough-password")
    page.locator("#id_password2").fill("long-enough-password")
    page.locator("#id_groups_from").select_option(label="Оператор")
    page.locator("#id_groups_add_link, #id_groups_add").first.click()
    page.locator("[name=_save]").click()
    expect(page.locator("#id_groups_to option")).to_have_text(["Оператор"])
