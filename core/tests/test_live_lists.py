"""An open list asks for what changed: nothing, some rows, or the page once more."""

import re
from typing import Any

import pytest
from django.test import Client

from core.admin.live import READING_HEADER, STATE_HEADER
from core.database import db_clock
from orders.models.order import Order
from organizations.models.organization import Organization
from tests.builders import make_organization
from tests.pages import ORDERS, sign_in, text

pytestmark = pytest.mark.django_db

LIVE = f"{ORDERS}live/"


@pytest.fixture
def cafe() -> Organization:
    return make_organization()


@pytest.fixture
def watcher(client: Client) -> Client:
    sign_in(client, "orders.view_order")
    return client


def make_order(cafe: Organization, number: int) -> Order:
    return Order.objects.create(
        organization=cafe, readable_number=str(number), iiko_order_id=str(number), updated_at=db_clock.now()
    )


def state_of(page: Any) -> str:
    found = re.search(r'data-live-state="([^"]*)"', page.content.decode())
    assert found is not None
    return found[1]


def news(client: Client, state: str, query: str = "") -> Any:
    return client.get(f"{LIVE}{query}", headers={STATE_HEADER: state})


def keys(answer: Any) -> list[int]:
    return [int(key) for key in re.findall(r'<tbody data-row="([0-9]+)"', answer.content.decode())]


def test_page_that_shows_all_gets_nothing(watcher: Client, cafe: Organization) -> None:
    for number in range(3):
        make_order(cafe, number)
    state = state_of(watcher.get(ORDERS))

    answer = news(watcher, state)

    assert (answer.status_code, answer.content, answer[STATE_HEADER]) == (204, b"", state)


def test_changed_row_alone_comes(watcher: Client, cafe: Organization) -> None:
    orders = [make_order(cafe, number) for number in range(3)]
    state = state_of(watcher.get(ORDERS))
    Order.objects.filter(pk=orders[1].pk).update(status="OnWay")

    answer = news(watcher, state)

    assert answer.status_code == 200
    assert keys(answer) == [orders[1].pk]
    assert "В пути" in answer.content.decode()
    assert news(watcher, answer[STATE_HEADER]).status_code == 204


def test_new_row_comes_with_the_count_and_the_order_of_all(watcher: Client, cafe: Organization) -> None:
    first = make_order(cafe, 1)
    state = state_of(watcher.get(ORDERS))
    second = make_order(cafe, 2)

    answer = news(watcher, state)

    assert keys(answer) == [second.pk]
    assert [int(pair.split(":")[0]) for pair in answer[STATE_HEADER].split()[1:]] == [second.pk, first.pk]
    assert "Всего: 2" in answer.content.decode()


def test_rows_read_as_before_are_not_rendered(
    watcher: Client, cafe: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.admin.live._CLOCK_S", 10**9)
    order = make_order(cafe, 1)
    state = state_of(watcher.get(ORDERS))
    first = news(watcher, state)
    headers = {STATE_HEADER: state, READING_HEADER: first[READING_HEADER]}

    with monkeypatch.context() as patched:
        patched.setattr("core.admin.live.render_to_string", None)
        assert watcher.get(LIVE, headers=headers).status_code == 204

    Order.objects.filter(pk=order.pk).update(problem="Не отвечает")
    assert keys(watcher.get(LIVE, headers=headers)) == [order.pk]
    Organization.objects.update(timezone="Asia/Tokyo")
    later = watcher.get(LIVE, headers=headers)
    assert later[READING_HEADER] != first[READING_HEADER]


def test_ages_are_no_news(watcher: Client, cafe: Organization) -> None:
    order = make_order(cafe, 1)
    state = state_of(watcher.get(ORDERS))
    shown = watcher.get(ORDERS).content.decode()

    assert f'data-ago="{round(order.updated_at.timestamp())}"' in shown
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("core.display.span_text", lambda _span: "сто лет")
        assert news(watcher, state).status_code == 204


def test_row_that_leaves_the_filter_is_told_by_the_order_of_the_rest(
    watcher: Client, cafe: Organization
) -> None:
    orders = [make_order(cafe, number) for number in range(2)]
    state = state_of(watcher.get(f"{ORDERS}?state=open"))
    Order.objects.filter(pk=orders[0].pk).update(status="Closed")

    answer = news(watcher, state, "?state=open")

    assert (answer.status_code, keys(answer)) == (200, [])
    assert [pair.split(":")[0] for pair in answer[STATE_HEADER].split()[1:]] == [str(orders[1].pk)]


def test_list_that_begins_or_ends_to_be_empty_is_loaded_again(watcher: Client, cafe: Organization) -> None:
    empty = state_of(watcher.get(ORDERS))
    assert news(watcher, empty).status_code == 204
    make_order(cafe, 1)
    assert news(watcher, empty).status_code == 205

    full = state_of(watcher.get(ORDERS))
    Order.objects.all().delete()
    assert news(watcher, full).status_code == 205


@pytest.mark.parametrize(
    "path", [LIVE, "/admin/orders/ordercommand/live/", "/admin/webhooks/webhookevent/live/"]
)
def test_who_is_signed_out_or_may_not_look_is_told(client: Client, path: str) -> None:
    make_organization()

    assert client.get(path).status_code == 401
    sign_in(client, "hall.view_reserve")
    assert client.get(path).status_code == 403


def test_what_the_page_has_said_is_not_said_again(watcher: Client, cafe: Organization) -> None:
    make_order(cafe, 1)
    query = "?promised_from=soon"
    state = state_of(watcher.get(f"{ORDERS}{query}"))

    for _ in range(3):
        assert news(watcher, state, query).status_code == 204

    assert "не дата" not in text(watcher.get(ORDERS))


def test_filter_that_the_list_does_not_have_is_refused(watcher: Client, cafe: Organization) -> None:
    assert news(watcher, "", "?phone__startswith=7").status_code == 400
