"""The first steps in a real browser: what the open page does by itself. The whole way: demo/tests."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, Route, expect

from tests.browsing import BROWSER_MARKS, Visitor
from tests.builders import make_organization, make_other_organization
from tests.simulated_iiko import SimulatedIiko, linked, make_login
from webhooks.tests.test_registration import DONE, EMPTY

pytestmark = BROWSER_MARKS

STEPS, REGISTER = "/admin/first-steps/", "/admin/first-steps/register/"
UNTOLD = "Хаб не ответил: загрузите страницу заново."


@pytest.fixture(autouse=True)
def _two_restaurants(db: None, settings: LazySettings, iiko: SimulatedIiko) -> None:
    settings.WEBHOOK_BASE_URL = "https://hub.example.com"
    login = make_login()
    for organization in (make_organization(), make_other_organization()):
        linked(organization, login)
    iiko.answers("webhooks/settings", EMPTY)
    iiko.answers("webhooks/update_settings", DONE)


def serious(page: Page) -> list[str]:
    """List what axe-core finds in the hub's own part of the page that is serious or worse."""
    found = Axe().run(page, context=".hub-page").response["violations"]
    bad = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in bad for node in one["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_are_accessible_and_fit_a_phone(visitor_with_a_phone: Visitor, theme: str) -> None:
    page = visitor_with_a_phone.page
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # "light" or "dark"

    found = {}
    for path in ("/admin/", STEPS, REGISTER):
        visitor_with_a_phone.open(path)
        if path == REGISTER:
            expect(page.locator("#hub-registrations .hub-badge")).to_have_count(2)
        found[path] = (serious(page), page.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    assert found == {path: ([], True) for path in found}


def test_open_page_follows_what_is_set_up_elsewhere(visitor: Visitor) -> None:
    page = visitor.open(STEPS)
    rows = page.locator("#step-registration .hub-step-rows li")
    expect(rows).to_have_count(2)

    other = page.context.new_page()
    other.goto(f"{visitor.home}{REGISTER}")
    other.get_by_role("button", name="Зарегистрировать все").click()
    expect(other.locator("#hub-registrations")).to_contain_text(
        re.compile("зарегистрирован.*зарегистрирован", re.DOTALL)
    )

    expect(page.locator("#step-registration")).to_have_class("is-done")


def test_row_that_is_not_answered_says_so(visitor: Visitor) -> None:
    visitor.page.route(re.compile(r"/register/\d+/$"), lambda route: route.abort())

    page = visitor.open(REGISTER)

    cells = page.locator("#hub-registrations td:last-child")
    expect(cells).to_have_text([UNTOLD, UNTOLD])
    visitor.complaints.clear()  # the browser names the requests that failed


def test_signed_out_rows_do_not_become_a_sign_in_page(visitor: Visitor) -> None:
    first: list[Route] = []
    visitor.page.route(re.compile(r"/register/\d+/$"), lambda route: first.append(route), times=1)
    page = visitor.open(REGISTER)
    while not first:
        page.wait_for_timeout(20)

    Session.objects.all().delete()
    first[0].continue_()

    expect(page.locator("#hub-registrations td:last-child")).to_have_text([UNTOLD, UNTOLD])
    expect(page.get_by_label("Имя пользователя")).to_have_count(0)
