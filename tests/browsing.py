"""A person at a real browser: one for all journeys of a worker, a context for each."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

# The first draws no windows and so costs half; any will do.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next((path for name in BROWSERS if (path := shutil.which(name))), None)

BROWSER_MARKS = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium"),
]

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

LAPTOP, PHONE, HEIGHT = 1360, 390, 900
REFRESHES_WITHIN_MS = 30_000
expect.set_options(timeout=REFRESHES_WITHIN_MS)


@pytest.fixture(scope="module")
def browser(django_db_setup: None) -> Iterator[Browser]:
    """Start the browser of all these tests: while it runs, an event loop runs in this thread.

    Django takes that for asynchronous code, hence the variable, and opens a connection of its own for
    it. The group keeps other tests from coming in between.
    """
    with pytest.MonkeyPatch.context() as patched, sync_playwright() as playwright:
        patched.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()
        connections.close_all()


@dataclass
class Visitor:
    """A person at the browser, signed in; ``complaints`` is what the browser's console said."""

    page: Page
    home: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.home}{path}")
        return self.page


@pytest.fixture
def visitor(browser: Browser, live_server: LiveServer) -> Iterator[Visitor]:
    yield from _visit(browser, live_server, width=LAPTOP)


@pytest.fixture
def visitor_with_a_phone(browser: Browser, live_server: LiveServer) -> Iterator[Visitor]:
    yield from _visit(browser, live_server, width=PHONE)


def _visit(browser: Browser, live_server: LiveServer, *, width: int) -> Iterator[Visitor]:
    door = Client()
    door.force_login(User.objects.create_superuser("chief", password="long-enough-password"))
    context = browser.new_context(viewport={"width": width, "height": HEIGHT}, locale="ru-RU")
    context.set_default_timeout(REFRESHES_WITHIN_MS)
    session = door.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    one = Visitor(context.new_page(), live_server.url)
    one.page.on(
        "console",
        lambda said: one.complaints.append(said.text) if said.type in {"error", "warning"} else None,
    )
    one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
    yield one
    context.close()
    assert one.complaints == []
