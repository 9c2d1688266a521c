"""The dispatch page: which orders need a courier, what couriers carry, and giving one to the other."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags
from pytest_django import DjangoAssertNumQueries

from core.database import db_clock
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization
from organizations.models.shifts import Shift
from tests.builders import (
    COURIER_ID,
    TERMINAL_GROUP_ID,
    make_organization,
    make_other_organization,
    make_terminal_group,
)
from tests.pages import sign_in, text
from tests.simulated_iiko import linked

pytestmark = pytest.mark.django_db

DISPATCH = "/console/dispatch"
CHANGES = "/console/dispatch/changes"
COURIERS = "/console/dispatch/couriers"
ASSIGN = "/console/dispatch/assign"
OTHER_COURIER_ID = COURIER_ID.replace("7d8e", "8d8e")


@pytest.fixture
def now() -> datetime:
    return db_clock.now()


@pytest.fixture(autouse=True)
def cafe(db: None) -> Organization:
    return linked(make_organization())


@pytest.fixture
def dispatcher(client: Client) -> Client:
    sign_in(client, "loyalty.view_personal_data", "orders.view_order", "orders.assign_order_courier")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def put(cafe: Organization, now: datetime, number: str = "142", **changes: Any) -> Order:
    """Make a delivery that iiko knows, cooked and due in half an hour, without a courier."""
    row: dict[str, Any] = {
        "organization": cafe,
        "readable_number": number,
        "iiko_order_id": f"3c5e7a91-b2d4-4f60-8172-{int(number):012}",
        "status": "CookingCompleted",
        "raw_status": "CookingCompleted",
        "creation_status": "Success",
        "order_type": "DELIVERY",
        "delivery_zone": "Центр",
        "address": {"street": "Ленина", "house": "5"},
        "promised_time": now + timedelta(minutes=30, seconds=30),
        "when_cooking_completed": now - timedelta(minutes=2, seconds=5),
        "updated_at": now - timedelta(minutes=1),
        "field_precedence": {},
    }
    return Order.objects.create(**(row | changes))


def hire(cafe: Organization, name: str, iiko_id: str, *, on_shift: bool | None = True) -> Courier:
    """Make a courier; ``on_shift=None`` is one of whom no shift was ever reported."""
    if on_shift is not None:
        began = db_clock.now() - timedelta(hours=3)
        Shift.objects.create(
            organization=cafe,
            terminal_group_id=TERMINAL_GROUP_ID,
            employee_id=iiko_id,
            opened_at=began,
            closed_at=None if on_shift else began + timedelta(hours=1),
            is_open=on_shift,
            began_at=began,
        )
    return Courier.objects.create(organization=cafe, iiko_id=iiko_id, name=name)


def page_of(client: Client) -> str:
    return client.get(DISPATCH).content.decode()


def orders_side(page: str) -> str:
    return page.split('id="column-orders"')[1].split('id="column-couriers"')[0]


def numbers(html: str) -> list[str]:
    return re.findall(r"card-number[^>]*>№([^<]+)<", html)


def card(html: str, number: str) -> str:
    found: list[str] = re.findall(r"<article class=\"card.*?</article>", html)
    return next(one for one in found if f">№{number}<" in one)


def block(html: str, name: str) -> str:
    found: list[str] = re.findall(r'<section class="courier.*?</section>', html, flags=re.DOTALL)
    return next(one for one in found if f'data-name="{name}"' in one)


def names(html: str) -> list[str]:
    return re.findall(r'<section class="courier[^>]*data-name="([^"]+)"', html)


def test_names_of_couriers_and_restaurants_are_text(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    bar = make_other_organization()
    Organization.objects.filter(pk=bar.pk).update(name="<i>Бар</i>")
    hire(bar, '<b>"Вера"</b>', COURIER_ID)
    put(bar, now, courier_id='x"><b>', courier_name="<u>Кто-то</u>")

    page = page_of(dispatcher)

    assert 'data-name="&lt;b&gt;&quot;Вера&quot;&lt;/b&gt;"' in page
    assert ">&lt;b&gt;&quot;Вера&quot;&lt;/b&gt;</button>" in page
    assert " · &lt;i&gt;Бар&lt;/i&gt;</p>" in page
    assert 'data-key="x&quot;&gt;&lt;b&gt;" data-name="&lt;u&gt;Кто-то&lt;/u&gt;"' in page
    assert not re.search(r"<b>|<i>|<u>", page.split('id="couriers"')[1].split("</details>")[0])


# --- orders that need a courier ----------------------------------------------------------------------


def test_orders_stand_by_restaurant_zone_and_deadline(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    bar = make_other_organization()
    for number, where, zone, minutes in [
        ("1", cafe, "Центр", 40),
        ("2", cafe, "Центр", -15),
        ("3", cafe, "Автовокзал", 50),
        ("4", bar, "Центр", 1),
        ("5", cafe, None, 5),
    ]:
        put(where, now, number, delivery_zone=zone, promised_time=now + timedelta(minutes=minutes))

    side = orders_side(page_of(dispatcher))

    titles = re.findall(r"<span data-title>([^<]+)</span>", side)
    assert titles == [
        "Бар «Клён» · Центр",
        "Кафе «Сирень» · Автовокзал",
        "Кафе «Сирень» · Центр",
        "Кафе «Сирень» · No zone",
    ]
    assert numbers(side) == ["4", "3", "2", "1", "5"]


@pytest.mark.parametrize(
    "changes",
    [
        {"order_type": "PICKUP"},
        {"status": "Delivered", "raw_status": "Delivered"},
        {"status": "Closed", "raw_status": "Closed"},
        {"external_courier_service_name": "Яндекс Доставка"},
    ],
    ids=["pickup", "delivered", "closed", "outside service"],
)
def test_order_that_needs_no_courier_is_not_here(
    dispatcher: Client, cafe: Organization, now: datetime, changes: dict[str, Any]
) -> None:
    put(cafe, now, **changes)

    page = page_of(dispatcher)

    assert numbers(page) == []
    assert "No order needs a courier now." in page


def test_card_says_deadline_street_stage_sum_and_lateness_in_words(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    late = now - timedelta(minutes=5, seconds=5)
    put(cafe, now, "1", amount_minor=165_100, processed_payments_minor=100_000, promised_time=late)
    put(cafe, now, "2", status="CookingStarted", raw_status="CookingStarted", when_cooking_completed=None)

    side = orders_side(page_of(dispatcher)).replace("\xa0", " ")

    assert "is-late" in card(side, "1")
    for words in ("late", "−5 min", "Ленина 5", "ready for 2 min, no courier", "collect 651.00 ₽"):
        assert words in strip_tags(card(side, "1"))
    assert "Cooking" in card(side, "2")
    assert "is-late" not in card(side, "2")


def test_preorders_are_folded_with_their_count(dispatcher: Client, cafe: Organization, now: datetime) -> None:
    waits: dict[str, Any] = {"status": "WaitCooking", "raw_status": "WaitCooking"}
    put(cafe, now, "1", promised_time=now + timedelta(minutes=90), **waits)
    put(cafe, now, "2", promised_time=now + timedelta(minutes=50), **waits)

    side = orders_side(page_of(dispatcher))

    assert numbers(side.split("<details")[0]) == ["2"]
    assert "<span data-folded-count>1</span>" in side
    assert numbers(side.split("data-folded>")[1]) == ["1"]


# --- couriers ----------------------------------------------------------------------------------------


def test_free_couriers_stand_first_and_those_off_shift_are_folded(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    hire(cafe, "Белов Олег", COURIER_ID)
    hire(cafe, "Юдина Анна", OTHER_COURIER_ID)
    hire(cafe, "Алов Пётр", "off", on_shift=False)
    for number, minutes in [("1", 25), ("2", 12)]:
        put(
            cafe,
            now,
            number,
            courier_id=COURIER_ID,
            courier_name="Белов Олег",
            promised_time=now + timedelta(minutes=minutes, seconds=30),
        )

    page = page_of(dispatcher)

    shown, folded = page.split("data-people-off>")
    assert names(shown) == ["Юдина Анна", "Белов Олег"]
    assert ">free<" in block(page, "Юдина Анна")
    assert "2 orders · next due in 12 min" in block(page, "Белов Олег")
    assert numbers(block(page, "Белов Олег")) == ["2", "1"]
    assert names(folded) == ["Алов Пётр"]
    assert numbers(orders_side(page)) == []


def test_courier_of_several_restaurants_is_one_with_all_that_they_carry(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    bar = make_other_organization()
    for where in (cafe, bar):
        hire(where, "Белов Олег", COURIER_ID, on_shift=None if where is bar else True)
    put(bar, now, "7", courier_id=COURIER_ID, courier_name="Белов Олег")
    put(bar, now, "8")
    dispatcher.post("/console/preferences", {"picker": "1", "restaurants": [cafe.pk]})

    page = page_of(dispatcher)

    assert names(page) == ["Белов Олег"]
    assert numbers(page) == ["7"]


def test_courier_whom_iiko_does_not_list_is_shown_with_the_order(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    put(cafe, now, courier_id="gone", courier_name="Седова Ия")

    found = block(page_of(dispatcher), "Седова Ия")

    assert numbers(found) == ["142"]
    assert "not in iiko's list of couriers" in found
    assert "data-give" not in found


def test_page_says_what_to_do_without_couriers_and_with_nobody_on_shift(
    dispatcher: Client, cafe: Organization
) -> None:
    assert "No couriers are known. Ask an administrator" in text(dispatcher.get(DISPATCH))

    hire(cafe, "Алов Пётр", "off", on_shift=False)

    assert "Nobody is on shift" in text(dispatcher.get(DISPATCH))


def test_couriers_are_all_listed_where_iiko_reports_no_shifts(dispatcher: Client, cafe: Organization) -> None:
    hire(cafe, "Белов Олег", COURIER_ID, on_shift=None)

    page = page_of(dispatcher)

    assert names(page.split("data-people-off>")[0]) == ["Белов Олег"]
    assert "iiko reports no shifts" in page


def test_choice_offers_couriers_of_the_orders_restaurants_with_keys(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    bar = make_other_organization()
    hire(cafe, "Белов Олег", COURIER_ID)
    hire(bar, "Юдина Анна", OTHER_COURIER_ID)
    hire(cafe, "Алов Пётр", "off", on_shift=False)
    one, other = put(cafe, now, "1"), put(bar, now, "2")

    mine = dispatcher.get(COURIERS, {"order": [one.pk]}).content.decode()
    both = dispatcher.get(COURIERS, {"order": [one.pk, other.pk]}).content.decode()

    assert re.findall(r'data-choose="([^"]+)"(?: data-digit="(\d)")?', mine) == [
        (COURIER_ID, "1"),
        ("off", ""),
    ]
    assert "data-choose" not in both
    assert "No courier works for all these restaurants" in both


# --- giving orders to a courier ----------------------------------------------------------------------


def commands() -> list[tuple[str, str | None, str]]:
    rows = OrderCommand.objects.filter(kind=CommandKind.ASSIGN_COURIER).order_by("id").select_related("order")
    return [(str(row.order), row.params["courier_id"], row.state) for row in rows]


def test_several_orders_are_given_at_once(dispatcher: Client, cafe: Organization, now: datetime) -> None:
    hire(cafe, "Белов Олег", COURIER_ID)
    orders = [put(cafe, now, number) for number in ("1", "2", "3")]

    answer = dispatcher.post(ASSIGN, {"courier": COURIER_ID, "order": [order.pk for order in orders]})

    assert answer.status_code == 200
    assert commands() == [(f"№{number}", COURIER_ID, "pending") for number in "123"]
    for number in "123":
        asked = card(answer.content.decode(), number)
        assert f'data-asked="{COURIER_ID}" data-outcome="asked"' in asked
        assert "<strong>Белов Олег:</strong>" in asked
        assert "waits for iiko: 0 s" in asked
    assert {order.courier_id for order in Order.objects.all()} == {None}


def test_one_refused_among_several_says_why_and_the_others_go(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    bar = linked(make_other_organization(), cafe.api_login)
    hire(cafe, "Белов Олег", COURIER_ID)
    hire(bar, "Юдина Анна", OTHER_COURIER_ID)
    mine, theirs, closed = put(cafe, now, "1"), put(bar, now, "2"), put(cafe, now, "3")
    Order.objects.filter(pk=closed.pk).update(status="Closed", raw_status="Closed")

    answer = dispatcher.post(ASSIGN, {"courier": COURIER_ID, "order": [mine.pk, theirs.pk, closed.pk]})

    assert commands() == [("№1", COURIER_ID, "pending")]
    refused = dict(re.findall(r'<template data-refused="(\d+)">(.*?)</template>', answer.content.decode()))
    assert set(refused) == {str(theirs.pk), str(closed.pk)}
    assert "The order is closed" in refused[str(closed.pk)]
    assert "Бар «Клён»" in refused[str(theirs.pk)]


def test_same_request_twice_asks_once_and_again_after_its_end(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    hire(cafe, "Белов Олег", COURIER_ID)
    body = {"courier": COURIER_ID, "order": [put(cafe, now).pk]}

    answers = [dispatcher.post(ASSIGN, body) for _press in range(2)]

    assert commands() == [("№142", COURIER_ID, "pending")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert not any("data-refused" in answer.content.decode() for answer in answers)
    OrderCommand.objects.update(state=CommandState.REJECTED, finished_at=now)
    dispatcher.post(ASSIGN, body)
    assert [state for *_, state in commands()] == ["rejected", "pending"]


def test_order_goes_from_one_courier_to_another_and_not_back_unheard(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    hire(cafe, "Белов Олег", COURIER_ID)
    hire(cafe, "Юдина Анна", OTHER_COURIER_ID)
    order = put(cafe, now, courier_id="third", courier_name="Седова Ия")

    for courier in (COURIER_ID, OTHER_COURIER_ID):
        assert dispatcher.post(ASSIGN, {"courier": courier, "order": [order.pk]}).status_code == 200
    back = dispatcher.post(ASSIGN, {"courier": COURIER_ID, "order": [order.pk]})

    assert [courier for _order, courier, _state in commands()] == [COURIER_ID, OTHER_COURIER_ID]
    assert "This was asked already" in back.content.decode()


def test_order_is_taken_off_its_courier(dispatcher: Client, cafe: Organization, now: datetime) -> None:
    order = put(cafe, now, courier_id=COURIER_ID, courier_name="Белов Олег")

    answers = [dispatcher.post(ASSIGN, {"courier": "", "order": [order.pk]}) for _press in range(2)]

    assert commands() == [("№142", None, "pending")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "no courier:</strong>" in card(answers[0].content.decode(), "142")


def test_pos_that_can_take_no_courier_off_says_so_and_nothing_is_asked(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    make_terminal_group(cafe, pos_version="8.5.2")
    order = put(
        cafe, now, courier_id=COURIER_ID, courier_name="Белов Олег", terminal_group_id=TERMINAL_GROUP_ID
    )

    answer = dispatcher.post(ASSIGN, {"courier": "", "order": [order.pk]})

    refused = dict(re.findall(r'<template data-refused="(\d+)">(.*?)</template>', answer.content.decode()))
    assert "8.6.6" in refused[str(order.pk)]
    assert commands() == []


def test_courier_off_shift_is_asked_about_first(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    hire(cafe, "Алов Пётр", COURIER_ID, on_shift=False)
    body: dict[str, Any] = {"courier": COURIER_ID, "order": [put(cafe, now).pk]}

    asked = dispatcher.post(ASSIGN, body)

    assert (asked.status_code, asked["X-Dispatch-Asks"]) == (409, "sure")
    assert asked.content.decode() == "Алов Пётр is not on shift. Assign all the same?"
    assert commands() == []
    assert dispatcher.post(ASSIGN, body | {"sure": ""}).status_code == 200
    assert commands() == [("№142", COURIER_ID, "pending")]


def test_outcome_is_told_on_the_card(dispatcher: Client, cafe: Organization, now: datetime) -> None:
    hire(cafe, "Белов Олег", COURIER_ID)
    about = {"courier_id": COURIER_ID, "courier_name": "Белов Олег"}
    ended: dict[str, Any] = {
        "kind": CommandKind.ASSIGN_COURIER,
        "params": about,
        "created_at": now,
        "finished_at": now,
    }
    OrderCommand.objects.create(order=put(cafe, now, "1"), state=CommandState.CONFIRMED, **ended)
    OrderCommand.objects.create(
        order=put(cafe, now, "2"),
        state=CommandState.REJECTED,
        error_code="CourierIdDoesNotExist",
        error="No such employee",
        **ended,
    )
    OrderCommand.objects.create(
        order=put(cafe, now, "3"), state=CommandState.REJECTED, **(ended | {"acknowledged_at": now})
    )

    page = page_of(dispatcher)

    assert "✓ confirmed by iiko" in card(page, "1")
    assert (
        "✕ refused. iiko does not know this courier. Read the dictionaries again and choose another courier. "
        "No such employee"
    ) in card(page, "2")
    assert "outcome" not in card(page, "3")


def test_no_orders_are_a_mistake(dispatcher: Client, cafe: Organization) -> None:
    hire(cafe, "Белов Олег", COURIER_ID)

    assert dispatcher.post(ASSIGN, {"courier": COURIER_ID}).status_code == 400


@pytest.mark.parametrize("named", ["999999", "none", "-1", "9" * 30])
def test_unknown_order_or_courier_is_404_and_nothing_is_asked(
    dispatcher: Client, cafe: Organization, now: datetime, named: str
) -> None:
    hire(cafe, "Белов Олег", COURIER_ID)
    order = put(cafe, now)

    for body in (
        {"courier": COURIER_ID, "order": [order.pk, named]},
        {"courier": named, "order": [order.pk]},
    ):
        assert dispatcher.post(ASSIGN, body).status_code == 404
    assert dispatcher.get(COURIERS, {"order": [named]}).status_code == 404
    assert commands() == []


def test_nothing_of_another_restaurant_is_shown_or_asked(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    bar = make_other_organization(is_active=False)
    hire(cafe, "Белов Олег", COURIER_ID)
    hire(bar, "Юдина Анна", OTHER_COURIER_ID)
    mine, theirs = put(cafe, now, "1"), put(bar, now, "2")

    page = page_of(dispatcher)

    assert (numbers(page), names(page)) == (["1"], ["Белов Олег"])
    for body in (
        {"courier": COURIER_ID, "order": [mine.pk, theirs.pk]},
        {"courier": OTHER_COURIER_ID, "order": [mine.pk]},
    ):
        assert dispatcher.post(ASSIGN, body).status_code == 404
    assert dispatcher.get(COURIERS, {"order": [theirs.pk]}).status_code == 404
    assert commands() == []


def test_who_may_not_assign_sees_no_ticks_and_is_refused(
    client: Client, cafe: Organization, now: datetime
) -> None:
    sign_in(client, "loyalty.view_personal_data", "orders.view_order")
    hire(cafe, "Белов Олег", COURIER_ID)
    order = put(cafe, now)

    page = page_of(client)

    assert numbers(page) == ["142"]
    for mark in ('name="tick"', 'draggable="true"', "data-give", 'data-assign="'):
        assert mark not in card(page, "142") + block(page, "Белов Олег") + page.split("<header")[0]
    assert client.post(ASSIGN, {"courier": COURIER_ID, "order": [order.pk]}).status_code == 403
    assert commands() == []


def test_who_may_not_see_orders_gets_nothing(client: Client) -> None:
    assert client.get(CHANGES).status_code == 401
    sign_in(client, "orders.assign_order_courier")

    for path in (DISPATCH, CHANGES, COURIERS):
        assert client.get(path).status_code == 403
    assert client.post(ASSIGN).status_code == 403


# --- what changed ------------------------------------------------------------------------------------


def since(page: str) -> dict[str, str]:
    found = re.search(r'data-next="([^"]+)" data-state="([^"]+)"', page)
    assert found is not None
    return {"since": found[1], "state": found[2]}


def test_nothing_new_is_204(dispatcher: Client, cafe: Organization, now: datetime) -> None:
    hire(cafe, "Белов Олег", COURIER_ID)
    put(cafe, now)

    answer = dispatcher.get(CHANGES, since(page_of(dispatcher)))

    assert (answer.status_code, answer.content) == (204, b"")


def test_changed_order_comes_and_one_that_needs_nobody_is_named(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    hire(cafe, "Белов Олег", COURIER_ID)
    given, closed, _same = (put(cafe, now, number) for number in "123")
    last = since(page_of(dispatcher))
    later = db_clock.now()
    Order.objects.filter(pk=given.pk).update(
        courier_id=COURIER_ID, courier_name="Белов Олег", updated_at=later
    )
    Order.objects.filter(pk=closed.pk).update(status="Closed", raw_status="Closed", updated_at=later)

    answer = dispatcher.get(CHANGES, last)

    page = answer.content.decode()
    assert (answer.status_code, numbers(page)) == (200, ["1"])
    assert f'data-courier="{COURIER_ID}"' in card(page, "1")
    assert f'data-gone="{closed.pk}"' in page
    assert 'id="couriers"' not in page


def test_couriers_come_when_somebody_goes_on_shift(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    hire(cafe, "Белов Олег", COURIER_ID, on_shift=False)
    last = since(page_of(dispatcher))
    Shift.objects.update(is_open=True, closed_at=None)

    answer = dispatcher.get(CHANGES, last)

    assert names(answer.content.decode().split("data-people-off>")[0]) == ["Белов Олег"]
    assert dispatcher.get(CHANGES, last | {"state": answer["X-Board-State"]}).status_code == 204


def test_page_asks_as_much_of_the_database_for_many_as_for_few(
    dispatcher: Client, cafe: Organization, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    hire(cafe, "Белов Олег", COURIER_ID)
    put(cafe, now, "1")
    dispatcher.get(DISPATCH)
    with django_assert_num_queries(QUERIES):
        dispatcher.get(DISPATCH)
    for number in range(2, 30):
        hire(cafe, f"Курьер {number}", f"courier-{number}")
        put(cafe, now, str(number), courier_id=f"courier-{number}" if number % 2 else None)
    with django_assert_num_queries(QUERIES + 1):
        dispatcher.get(DISPATCH)


QUERIES = 15
"""One more where some orders changed, however many."""
