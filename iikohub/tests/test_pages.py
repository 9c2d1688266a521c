"""What every page shares: its heading, its clock, and what is shown when there is no page."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from django.utils import formats, translation

from iikohub.operations import health
from iikohub.tests.test_health import unreachable
from tests.builders import cloud_event, drain, make_organization, post
from tests.pages import (
    API_KEYS,
    CONFIGS,
    EVENTS,
    ORDERS,
    ORGANIZATIONS,
    RESERVES,
    TABLE_ORDERS,
    sign_in,
    sign_in_superuser,
    text,
)
from webhooks.models.inbox import WebhookEvent

ENGLISH = {"Accept-Language": "en"}
RUSSIAN = {"Accept-Language": "ru"}

pytestmark = pytest.mark.django_db


def heading(response: Any) -> str:
    page = response.content.decode()
    return text(HttpResponse(page[page.index("<h1") : page.index("</h1>")]))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (ORDERS, "Orders"),
        (EVENTS, "Events"),
        (RESERVES, "Reserves"),
        (TABLE_ORDERS, "Table orders"),
        (ORGANIZATIONS, "Organizations"),
        (CONFIGS, "Webhook settings"),
        (API_KEYS, "API keys"),
        ("/admin/auth/user/", "Users"),
    ],
)
def test_heading_names_the_list_once(client: Client, path: str, words: str) -> None:
    sign_in_superuser(client)

    assert heading(client.get(path, headers=ENGLISH)) == words


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (ORDERS, "Заказы"),
        ("/admin/organizations/shift/", "Смены"),
        ("/admin/loyalty/customer/", "Гости"),
        (ORGANIZATIONS, "Организации"),
        ("/admin/auth/user/", "Пользователи"),
        ("/admin/auth/group/", "Группы"),
    ],
)
def test_browsers_title_is_the_name_in_the_menu(client: Client, path: str, words: str) -> None:
    sign_in_superuser(client)

    page = client.get(path, headers=RUSSIAN).content.decode()

    found = re.search("<title>(.*?)</title>", page, re.DOTALL)
    assert found is not None
    assert found[1].strip() == f"{words} | iikohub"


@pytest.mark.parametrize("headers", [ENGLISH, RUSSIAN])
def test_menu_calls_a_list_as_its_page_does(client: Client, headers: dict[str, str]) -> None:
    sign_in_superuser(client)
    page = client.get("/admin/", headers=headers).content.decode()
    menu = page[page.index('id="nav-sidebar"') : page.index('<div id="main"')]
    found = re.findall(r'<a href="(/admin/\w+/\w+/)".*?</a>', menu, flags=re.DOTALL)
    items = re.findall(r'<a href="/admin/\w+/\w+/".*?</a>', menu, flags=re.DOTALL)

    names = {url: text(HttpResponse(item)).split(" ", 1)[1] for url, item in zip(found, items, strict=True)}

    assert len(names) == len(admin.site._registry)
    assert names == {url: heading(client.get(url, headers=headers)) for url in names}


def test_menu_is_opened_by_buttons_and_can_be_skipped(client: Client) -> None:
    sign_in_superuser(client)

    page = client.get(ORDERS, headers=RUSSIAN).content.decode()

    buttons = re.findall(r'<button[^>]+aria-controls="nav-sidebar"[^>]*>', page)
    assert len(buttons) == 3
    assert [one for one in buttons if "aria-label=" not in one] == []
    assert [one for one in buttons[1:] if "x-bind:aria-expanded=" not in one] == []
    assert page.index('<a class="hub-skip" href="#content"') < page.index('id="nav-sidebar"')
    assert "К содержимому" in page


def test_heading_of_a_row_leads_back_to_its_list(client: Client) -> None:
    make_organization()
    post(client, [cloud_event()])
    drain()
    sign_in_superuser(client)
    event = WebhookEvent.objects.get()

    page = client.get(f"{EVENTS}{event.pk}/change/", headers=ENGLISH)

    assert heading(page) == f"Events chevron_right DeliveryOrderUpdate #{event.pk}"
    assert f'<a href="{EVENTS}" class=' in page.content.decode()


@pytest.mark.parametrize(
    ("language", "written"), [("en", "14 Mar 2026, 18:05"), ("ru", "14 марта 2026 г. 18:05")]
)
def test_clock_has_24_hours(language: str, written: str) -> None:
    with translation.override(language):
        assert formats.date_format(datetime(2026, 3, 14, 18, 5, tzinfo=UTC), "DATETIME_FORMAT") == written


# --- no such page, no permission, an error of ours ----------------------------------------------------


def assert_is_a_page_with_a_way_back(response: Any, status: int, words: str, language: str = "en") -> None:
    page = response.content.decode()
    assert response.status_code == status
    assert f'<html lang="{language}">' in page
    assert "iikohub/error.css" in page
    assert 'href="/admin/"' in page
    assert words in text(response)


@pytest.mark.parametrize("path", ["/nowhere", "/admin/nowhere/", f"{EVENTS}999/payload/"])
def test_page_that_is_not_there_leads_back(client: Client, path: str) -> None:
    sign_in_superuser(client)

    assert_is_a_page_with_a_way_back(client.get(path, headers=ENGLISH), 404, "There is no such page")
    assert_is_a_page_with_a_way_back(client.get(path, headers=RUSSIAN), 404, "404", "ru")


def test_page_that_is_not_allowed_leads_back(client: Client) -> None:
    sign_in(client, "orders.view_order")

    assert_is_a_page_with_a_way_back(client.get(EVENTS, headers=ENGLISH), 403, "This page is not open to you")


def test_expired_form_leads_back() -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in_superuser(client)

    response = client.post(f"{API_KEYS}add/", {"name": "shop", "sees_all": "on"}, headers=ENGLISH)

    assert_is_a_page_with_a_way_back(response, 403, "The form has expired")


def test_error_of_ours_is_shown_without_details(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(health, "MigrationExecutor", fail)
    client.raise_request_exception = False

    response = client.get("/readyz", headers=ENGLISH)

    assert_is_a_page_with_a_way_back(response, 500, "Something went wrong in the hub")
    assert "secret" not in response.content.decode()


def test_page_says_that_the_database_is_away(client: Client) -> None:
    sign_in_superuser(client)
    client.raise_request_exception = False

    with unreachable(OperationalError("a secret of the server")):
        response = client.get(ORDERS, headers=ENGLISH)

    assert_is_a_page_with_a_way_back(response, 503, "The hub cannot use its database")
    assert response.headers["Retry-After"] == "5"
    assert "Webhooks are turned away meanwhile" in response.content.decode()
    assert "secret" not in response.content.decode()


def test_pages_of_errors_take_no_address_from_the_request(client: Client) -> None:
    response = client.get("/nowhere/<script>alert(1)</script>", headers=ENGLISH)

    assert response.status_code == 404
    assert "<script" not in response.content.decode()
