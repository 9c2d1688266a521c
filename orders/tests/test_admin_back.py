"""The list of orders keeps its filters, speaks the clock of its rows, and puts the most late first."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.http import urlencode

from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.models.dictionaries import Courier
from tests.builders import (
    COURIER_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    cloud_event,
    courier,
    drain,
    make_organization,
    make_other_organization,
    post,
)
from tests.pages import EVENTS, ORDERS, markup, rows, sign_in_superuser, text
from tests.simulated_iiko import linked
from webhooks.models.inbox import WebhookEvent

pytestmark = pytest.mark.django_db

ENGLISH = {"Accept-Language": "en"}
CHOSEN = "state=open&type=DELIVERY"
KEPT = urlencode({"_changelist_filters": CHOSEN})
LIST = f"{ORDERS}?state=open&type=DELIVERY"


@pytest.fixture
def chief(client: Client) -> Client:
    sign_in_superuser(client)
    return client


@pytest.fixture
def order() -> Order:
    organization = linked(make_organization())
    Courier.objects.create(organization=organization, iiko_id=COURIER_ID, name="Орлова Вера")
    post(Client(), [cloud_event(courier_info=courier(id="another", name="Ким"))])
    drain()
    return Order.objects.get()


def links(response: Any) -> list[str]:
    return [one.replace("&amp;", "&") for one in re.findall(r'href="([^"]+)"', markup(response))]


def key_of(response: Any) -> str:
    return str(re.findall(r'name="key" value="([^"]+)"', markup(response))[0])


# --- back with the filters ---------------------------------------------------------------------------


def test_page_of_an_order_leads_back_to_the_list_as_it_was(chief: Client, order: Order) -> None:
    (page,) = [url for url in links(chief.get(LIST)) if f"{ORDERS}{order.pk}/change/" in url][:1]

    assert LIST in links(chief.get(page))


def test_action_on_an_order_leads_back_to_the_list_as_it_was(chief: Client, order: Order) -> None:
    page = f"{ORDERS}{order.pk}/change/?{KEPT}"
    url = f"{ORDERS}{order.pk}/ask/courier/?{KEPT}"
    assert url in links(chief.get(page))

    form = chief.get(url)
    asked = chief.post(url, {"key": key_of(form), "courier": COURIER_ID})

    assert {page, LIST} <= set(links(form))
    there = f"{ORDERS}{order.pk}/change/?command={OrderCommand.objects.get().pk}&{KEPT}"
    assert (asked.status_code, asked.headers["Location"]) == (302, there)
    assert LIST in links(chief.get(there))


def test_action_on_many_orders_leads_back_to_the_list_as_it_was(chief: Client, order: Order) -> None:
    form = chief.post(LIST, {"action": "assign_courier", "_selected_action": order.pk})
    (action,) = re.findall(r'action="([^"]*/ask/courier/[^"]*)"', markup(form))
    assert LIST in links(form)

    again = chief.post(action.replace("&amp;", "&"), {"key": "", "order": order.pk})
    results = chief.post(action, {"key": key_of(form), "order": order.pk, "courier": COURIER_ID}, follow=True)

    assert LIST in links(again)
    assert results.redirect_chain[0][0].endswith(f"?{KEPT}")
    assert {LIST, f"{ORDERS}{order.pk}/change/?{KEPT}"} <= set(links(results))


def test_giving_up_leads_back_to_the_order_and_its_list(chief: Client, order: Order) -> None:
    page = f"{ORDERS}{order.pk}/change/?{KEPT}"
    chief.post(
        f"{ORDERS}{order.pk}/ask/courier/",
        {"key": key_of(chief.get(f"{ORDERS}{order.pk}/ask/courier/")), "courier": COURIER_ID},
    )
    command = OrderCommand.objects.get()
    (url,) = [one for one in links(chief.get(page)) if f"/ordercommand/{command.pk}/abandon/" in one]

    answer = chief.post(url)

    assert page in links(chief.get(url))
    there = f"{ORDERS}{order.pk}/change/?command={command.pk}&how=given-up&{KEPT}"
    assert answer.headers["Location"] == there
    assert LIST in links(chief.get(there))


def test_filters_lead_nowhere_but_to_the_list(chief: Client, order: Order) -> None:
    evil = urlencode({"_changelist_filters": "//evil.example/?x=1&state=open"})

    found = links(chief.get(f"{ORDERS}{order.pk}/ask/courier/?{evil}"))

    assert [url for url in found if "evil" in url and not url.startswith(ORDERS)] == []


@pytest.mark.usefixtures("order")
def test_replay_of_an_event_leads_back_to_the_list_as_it_was(chief: Client) -> None:
    event = WebhookEvent.objects.latest("pk")
    kept = urlencode({"_changelist_filters": "status=processed"})
    (url, *_rest) = [
        one for one in links(chief.get(f"{EVENTS}{event.pk}/change/?{kept}")) if "/replay/" in one
    ]

    answer = chief.post(url)

    assert url.endswith(f"?{kept}")
    assert answer.headers["Location"] == f"{EVENTS}{event.pk}/change/?{kept}"
    assert f"{EVENTS}?status=processed" in links(chief.get(answer.headers["Location"]))


# --- clocks ------------------------------------------------------------------------------------------


@pytest.fixture
def two_clocks() -> None:
    """Yekaterinburg is at UTC+5, Vladivostok at UTC+10; both orders are promised at 19:40 there."""
    make_organization()
    make_other_organization(timezone="Asia/Vladivostok")
    post(Client(), [cloud_event(number="1", complete_before="2026-03-14 19:40:00.000")])
    far = cloud_event(
        order_id="00000000-0000-4000-8000-0000000000b2",
        organization_id=OTHER_ORGANIZATION_ID,
        number="2",
        complete_before="2026-03-14 19:40:00.000",
    )
    post(Client(), [far], token=OTHER_TOKEN)
    drain()


@pytest.mark.usefixtures("two_clocks")
@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("promised_from=2026-03-14T19:40&promised_to=2026-03-14T19:40", ["№1", "№2"]),
        ("promised_from=2026-03-14T19:41", []),
        ("promised_to=2026-03-14T19:39", []),
        ("promised_from=14.03.2026&promised_to=14.03.2026", ["№1", "№2"]),
        ("promised_from=2026-03-14T14:40Z", ["№1"]),
        (f"promised_from=2026-03-14T19:40&organization={OTHER_ORGANIZATION_ID}", ["№2"]),
    ],
)
def test_filter_by_time_speaks_the_clock_of_each_row(chief: Client, query: str, numbers: list[str]) -> None:
    page = chief.get(f"{ORDERS}?{query}", headers=ENGLISH)

    assert sorted(row.split()[0] for row in rows(page)) == numbers


@pytest.mark.usefixtures("two_clocks")
def test_label_and_column_say_which_clock_is_meant(chief: Client) -> None:
    both = text(chief.get(ORDERS, headers=ENGLISH))
    one = text(chief.get(f"{ORDERS}?organization={OTHER_ORGANIZATION_ID}", headers=ENGLISH))

    assert "Promised (clock of each restaurant)" in both
    assert "14 Mar 19:40 UTC+5" in both
    assert "14 Mar 19:40 UTC+10" in both
    assert "Promised (Asia/Vladivostok)" in one


def test_one_clock_is_not_repeated_on_every_row(chief: Client, order: Order) -> None:
    page = chief.get(ORDERS, headers=ENGLISH)

    assert "UTC+5" not in rows(page)[0]
    assert "Promised (Asia/Yekaterinburg)" in text(page)


# --- order of the open list --------------------------------------------------------------------------


def promised(**minutes: int | None) -> None:
    """Orders by number, each promised in so many minutes; None promises nothing."""
    organization, now = make_organization(), timezone.now()
    for number, shift in minutes.items():
        Order.objects.create(
            organization=organization,
            iiko_order_id=number,
            readable_number=number,
            status="OnWay",
            promised_time=None if shift is None else now + timedelta(minutes=shift),
            updated_at=now,
        )


def numbers(chief: Client, query: str) -> list[str]:
    return [row.split()[0].removeprefix("№") for row in rows(chief.get(f"{ORDERS}{query}"))]


def test_late_and_due_orders_come_first_in_the_open_list(chief: Client) -> None:
    promised(a=30, b=-90, c=None, d=-5, e=600)

    assert numbers(chief, "?state=open") == ["b", "d", "a", "e", "c"]
    assert numbers(chief, "?state=late_now") == ["b", "d"]
    assert numbers(chief, "") == ["e", "d", "c", "b", "a"]
    assert [url for url in links(chief.get(f"{ORDERS}?state=open")) if "o=-3" in url]


def test_any_list_is_sorted_by_the_promised_time_on_request(chief: Client) -> None:
    promised(a=30, b=-90, c=60)

    assert numbers(chief, "?o=3") == ["b", "a", "c"]
    assert numbers(chief, "?state=open&o=-3") == ["c", "a", "b"]
