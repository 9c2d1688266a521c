"""The board: where orders stand, in which order, and what a card says at one look."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from console.models import Preferences, SeenOrder
from console.pages.shared_answers import SharedAnswers, answers
from core.database import db_clock
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order
from orders.stage_times import measure_stage_times
from organizations.models.access import RestaurantAccess
from organizations.models.organization import Organization
from tests.builders import ORDER_ID, make_organization, make_other_organization
from tests.pages import sign_in, text
from tests.simulated_iiko import linked

pytestmark = pytest.mark.django_db

BOARD = "/console/"
CHANGES = "/console/changes"


@pytest.fixture
def now() -> datetime:
    return db_clock.now()


@pytest.fixture(autouse=True)
def _no_answers() -> None:
    answers.forget()


@pytest.fixture(autouse=True)
def cafe(db: None) -> Organization:
    return make_organization()


@pytest.fixture
def operator(client: Client) -> Client:
    sign_in(client, "orders.view_order", "loyalty.view_personal_data")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def put(cafe: Organization, now: datetime, **changes: Any) -> Order:
    """Put an order on the board; it is being cooked and due in half an hour, unless ``changes`` say else."""
    row: dict[str, Any] = {
        "organization": cafe,
        "readable_number": "142",
        "status": "CookingStarted",
        "raw_status": "CookingStarted",
        "creation_status": "Success",
        "order_type": "DELIVERY",
        "amount_minor": 165_100,
        "delivery_zone": "Центр",
        "customer": {"name": "Мария"},
        "promised_time": now + timedelta(minutes=30),
        "when_created": now - timedelta(minutes=20),
        "when_printed": now - timedelta(minutes=10),
        "updated_at": now - timedelta(minutes=1),
        "field_precedence": {},
    }
    return Order.objects.create(**(row | changes))


def cards(page: str, column: str | None = None) -> list[str]:
    """Return the numbers of the cards as they stand; of one column, if it is named."""
    found = re.findall(r'<article class="card[^>]*data-column="(\w+)".*?card-number[^>]*>№?([^<]+)<', page)
    return [number for name, number in found if column in (None, name)]


def card(page: str, number: str) -> str:
    found: list[str] = re.findall(r'<article class="card.*?</article>', page)
    return next(one for one in found if f"№{number}<" in one)


@pytest.mark.parametrize(
    ("status", "column"),
    [
        (None, "new"),
        ("Unconfirmed", "new"),
        ("WaitCooking", "kitchen"),
        ("ReadyForCooking", "kitchen"),
        ("CookingStarted", "kitchen"),
        ("CookingCompleted", "ready"),
        ("Waiting", "ready"),
        ("OnWay", "on_way"),
        ("Delivered", "delivered"),
    ],
)
def test_order_stands_in_column_of_its_status(
    operator: Client, cafe: Organization, now: datetime, status: str | None, column: str
) -> None:
    put(cafe, now, status=status, raw_status=status)

    assert cards(operator.get(BOARD).content.decode(), column) == ["142"]


def test_cards_stand_by_promised_time(operator: Client, cafe: Organization, now: datetime) -> None:
    for number, minutes in [("3", 40), ("1", -15), ("2", 5)]:
        put(cafe, now, readable_number=number, promised_time=now + timedelta(minutes=minutes))
    put(cafe, now, readable_number="4", promised_time=None)

    assert cards(operator.get(BOARD).content.decode()) == ["1", "2", "3", "4"]


def test_late_and_soon_due_orders_are_marked_in_words_and_colour(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    put(cafe, now, readable_number="1", promised_time=now - timedelta(minutes=5, seconds=5))
    put(cafe, now, readable_number="2", promised_time=now + timedelta(minutes=9, seconds=30))
    put(cafe, now, readable_number="3", promised_time=now + timedelta(minutes=30, seconds=30))

    page = operator.get(BOARD).content.decode()

    assert "is-late" in card(page, "1")
    assert "−5 min" in card(page, "1")
    assert "is-at-risk" in card(page, "2")
    assert "in 9 min" in card(page, "2")
    assert "is-" not in card(page, "3").split(">")[0]
    assert "in 30 min" in card(page, "3")


def test_cooked_delivery_without_courier_is_at_risk_after_five_minutes(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    cooked: dict[str, Any] = {"status": "CookingCompleted", "raw_status": "CookingCompleted"}
    put(
        cafe, now, readable_number="1", when_cooking_completed=now - timedelta(minutes=6, seconds=5), **cooked
    )
    put(cafe, now, readable_number="2", when_cooking_completed=now - timedelta(minutes=2), **cooked)
    put(
        cafe,
        now,
        readable_number="3",
        when_cooking_completed=now - timedelta(minutes=6),
        courier_name="Орлова Вера",
        **cooked,
    )

    page = operator.get(BOARD).content.decode()

    assert "is-at-risk" in card(page, "1")
    assert "no courier for 6 min" in card(page, "1")
    assert "is-at-risk" not in card(page, "2")
    assert "is-at-risk" not in card(page, "3")
    assert "Орлова Вера" in card(page, "3")


def test_order_that_will_be_late_by_usual_times_is_at_risk(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    for place in range(20):
        begun = now - timedelta(days=1, minutes=place)
        put(
            cafe,
            now,
            readable_number=f"old-{place}",
            status="Closed",
            raw_status="Closed",
            when_created=begun,
            when_printed=begun + timedelta(minutes=2),
            when_cooking_completed=begun + timedelta(minutes=22),
            when_sent=begun + timedelta(minutes=27),
            when_delivered=begun + timedelta(minutes=47),
            when_closed=begun + timedelta(minutes=50),
        )
    measure_stage_times(now=now)
    # Cooking, waiting and the way usually take 45 minutes from the moment it was printed.
    put(cafe, now, readable_number="1", promised_time=now + timedelta(minutes=34))
    put(cafe, now, readable_number="2", promised_time=now + timedelta(minutes=36))

    page = operator.get(BOARD).content.decode()

    assert "is-at-risk" in card(page, "1")
    assert "is-at-risk" not in card(page, "2")
    assert cards(page) == ["1", "2"]


def test_finished_order_leaves_after_fifteen_minutes(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    closed = {"status": "Closed", "raw_status": "Closed", "updated_at": now}
    put(cafe, now, readable_number="1", when_closed=now - timedelta(minutes=14), **closed)
    put(cafe, now, readable_number="2", when_closed=now - timedelta(minutes=16), **closed)

    assert cards(operator.get(BOARD).content.decode(), "delivered") == ["1"]


def test_order_that_iiko_lists_no_more_says_so_instead_of_its_last_status(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    put(cafe, now, unknown_to_iiko_at=now, updated_at=now)

    shown = text(HttpResponse(card(operator.get(BOARD).content.decode(), "142")))

    assert "№142 Unknown to iiko" in shown
    assert "Cooking" not in shown


def test_preorders_are_folded_with_their_count(operator: Client, cafe: Organization, now: datetime) -> None:
    waiting: dict[str, Any] = {"status": "WaitCooking", "raw_status": "WaitCooking"}
    put(cafe, now, readable_number="1", promised_time=now + timedelta(minutes=90), **waiting)
    put(cafe, now, readable_number="2", promised_time=now + timedelta(minutes=50), **waiting)
    put(cafe, now, readable_number="3", promised_time=now + timedelta(minutes=90))

    page = operator.get(BOARD).content.decode()

    folded = page[page.index('id="column-kitchen"') :].split("</details>")[0]
    assert cards(folded) == ["1"]
    assert "Pre-orders <span data-folded-count>1</span>" in folded
    assert cards(page, "kitchen") == ["1", "2", "3"]


def test_order_made_twice_is_marked_on_both_cards(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    alike: dict[str, Any] = {"phone": "+79030000011"}
    put(cafe, now, readable_number="1", when_created=now - timedelta(minutes=20), **alike)
    put(cafe, now, readable_number="2", when_created=now - timedelta(minutes=12), **alike)
    put(cafe, now, readable_number="3", when_created=now - timedelta(minutes=1), **alike)

    page = operator.get(BOARD).content.decode()

    assert ["twice?" in card(page, number) for number in "123"] == [True, True, False]


def test_refused_unknown_problem_and_comment_are_marked(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    put(cafe, now, readable_number="1", status=None, raw_status=None, creation_status="Error")
    put(cafe, now, readable_number="2", status=None, raw_status="Teleported")
    put(cafe, now, readable_number="3", problem="нет адреса", comment="без <лука>")

    page = operator.get(BOARD).content.decode()

    assert "not taken by the POS" in card(page, "1")
    assert "unknown status" in card(page, "2")
    assert "Teleported" in card(page, "2")
    assert "problem" in card(page, "3")
    assert "без &lt;лука&gt;" in card(page, "3")


def test_commands_under_way_and_refused_are_marked(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    order = put(cafe, now)
    for state, minutes in [(CommandState.SENT, 3), (CommandState.REJECTED, 5)]:
        OrderCommand.objects.create(
            order=order,
            kind=CommandKind.UPDATE_STATUS,
            state=state,
            error="No such courier",
            requested_by="operator",
            created_at=now - timedelta(minutes=minutes, seconds=5),
            finished_at=now if state == CommandState.REJECTED else None,
        )

    page = card(operator.get(BOARD).content.decode(), "142")

    assert "change the status: waits for 3 min" in page
    assert "change the status: refused" in page
    assert "No such courier" in page


def test_sum_to_collect_stands_on_the_card(operator: Client, cafe: Organization, now: datetime) -> None:
    put(cafe, now, processed_payments_minor=100_000)

    assert "collect 651.00" in text(HttpResponse(card(operator.get(BOARD).content.decode(), "142")))


def test_chosen_restaurants_alone_are_shown_and_remembered(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    bar = make_other_organization()
    put(cafe, now, readable_number="1")
    put(bar, now, readable_number="2")

    answer = operator.post("/console/preferences", {"picker": "1", "restaurants": [bar.pk]})

    assert (answer.status_code, answer["Location"]) == (302, "/console/")
    assert cards(operator.get(BOARD).content.decode()) == ["2"]
    operator.post("/console/preferences", {"sound": "off"})
    assert cards(operator.get(BOARD).content.decode()) == ["2"]
    assert Preferences.objects.get().sound == "off"


def test_redirect_of_a_choice_stays_on_this_host(operator: Client) -> None:
    answer = operator.post("/console/preferences", {"sound": "once", "next": "https://example.org/"})

    assert answer["Location"] == "/console/"


def test_board_asks_as_much_of_the_database_for_many_orders_as_for_few(
    operator: Client, cafe: Organization, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    put(cafe, now, readable_number="0")
    operator.get(BOARD)
    with django_assert_num_queries(QUERIES):
        operator.get(BOARD)
    for number in range(1, 30):
        put(cafe, now, readable_number=str(number), phone="+79030000011")
    with django_assert_num_queries(QUERIES + 1):
        operator.get(BOARD)


QUERIES = 14
"""One more where some orders changed, however many."""


def ask(client: Client, now: datetime) -> Any:
    return client.get(CHANGES, {"since": (now - timedelta(minutes=50)).isoformat()})


def test_boards_that_ask_at_one_moment_are_given_one_answer(
    operator: Client, cafe: Organization, now: datetime, settings: LazySettings
) -> None:
    settings.BOARD_TICK_S = 1800
    Order.objects.filter(pk=put(cafe, now).pk).update(updated_at=now - timedelta(minutes=40))
    other = Client(headers={"accept-language": "en"})
    sign_in(other, "loyalty.view_personal_data", "orders.view_order", name="other")

    with CaptureQueriesContext(connection) as first:
        answer = ask(operator, now)
    with CaptureQueriesContext(connection) as second:
        again = ask(other, now)

    assert "№142" in answer.content.decode()
    assert again.content == answer.content
    assert [one for one in second.captured_queries if 'FROM "orders"' in one["sql"]] == []
    assert [one for one in first.captured_queries if 'FROM "orders"' in one["sql"]] != []


def test_who_may_do_more_or_sees_other_restaurants_is_given_an_answer_of_their_own(
    operator: Client, cafe: Organization, now: datetime, settings: LazySettings
) -> None:
    put(cafe, now, status="OnWay", courier_id="c", courier_name="Орлова Вера")
    other = Client(headers={"accept-language": "en"})
    sign_in(
        other, "loyalty.view_personal_data", "orders.view_order", "orders.change_order_status", name="other"
    )
    russian = Client(headers={"accept-language": "ru"})
    sign_in(russian, "loyalty.view_personal_data", "orders.view_order", name="russian")
    stranger = Client(headers={"accept-language": "en"})
    user = sign_in(stranger, "loyalty.view_personal_data", "orders.view_order", name="stranger")
    RestaurantAccess.objects.create(user=user, is_restricted=True)
    settings.BOARD_TICK_S = 1800
    Order.objects.update(updated_at=now - timedelta(minutes=40))

    given = [ask(one, now).content.decode() for one in (operator, other, russian, stranger)]

    assert ["card-next" in answer for answer in given] == [False, True, False, False]
    assert ["data-tick>in " in answer for answer in given] == [True, True, False, False]
    assert ["№142" in answer for answer in given] == [True, True, True, False]


def test_polls_that_took_differently_long_are_given_one_answer(
    operator: Client, cafe: Organization, now: datetime, settings: LazySettings
) -> None:
    settings.BOARD_TICK_S = 600
    for number, minutes in (("old", 65), ("known", 35), ("new", 21)):
        put(cafe, now, readable_number=number, updated_at=now - timedelta(minutes=minutes))

    given = [
        operator.get(CHANGES, {"since": (now - timedelta(minutes=minutes)).isoformat()}).content.decode()
        for minutes in (30, 25)
    ]

    assert given[0] == given[1]
    assert cards(given[0]) == ["known", "new"]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-14:00"])
def test_moment_at_an_end_of_the_calendar_is_refused(operator: Client, moment: str) -> None:
    assert operator.get(CHANGES, {"since": moment}).status_code == 400


def test_page_that_slept_for_long_is_loaded_again(operator: Client) -> None:
    asked = [db_clock.now() - timedelta(minutes=minutes) for minutes in (58, 62)]

    answers = [operator.get(CHANGES, {"since": moment.isoformat()}) for moment in asked]

    assert [answer.status_code for answer in answers] == [200, 205]


def test_failed_answer_is_not_kept(settings: LazySettings) -> None:
    settings.BOARD_TICK_S = 60
    kept: SharedAnswers[int] = SharedAnswers()

    with pytest.raises(ZeroDivisionError):
        kept.get("key", lambda: 1 // 0)

    assert kept.get("key", lambda: 1) == 1
    assert kept.get("key", lambda: 2) == 1


def test_nobody_sees_the_board_without_permission(client: Client) -> None:
    assert client.get(BOARD).status_code == 302
    sign_in(client)
    assert client.get(BOARD).status_code == 403
    assert client.get(CHANGES).status_code == 403


# --- what changed ------------------------------------------------------------------------------------


def since(answer: Any) -> dict[str, str]:
    page = answer.content.decode()
    found = re.search(r'data-next="([^"]+)" data-state="([^"]+)"', page)
    assert found is not None
    return {"since": found[1], "state": found[2]}


def test_nothing_new_is_204(operator: Client, cafe: Organization, now: datetime) -> None:
    put(cafe, now)
    last = since(operator.get(BOARD))

    answer = operator.get(CHANGES, last)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["X-Board-Next"] >= last["since"]


def test_changed_card_comes_and_left_one_is_named(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    one, other, same = (put(cafe, now, readable_number=number) for number in "123")
    last = since(operator.get(BOARD))
    later = db_clock.now()
    Order.objects.filter(pk=one.pk).update(status="OnWay", raw_status="OnWay", updated_at=later)
    Order.objects.filter(pk=other.pk).update(
        status="Closed", raw_status="Closed", when_closed=later - timedelta(hours=1), updated_at=later
    )

    answer = operator.get(CHANGES, last)

    page = answer.content.decode()
    assert (answer.status_code, cards(page)) == (200, ["1"])
    assert 'data-column="on_way"' in card(page, "1")
    assert f'data-gone="{other.pk}"' in page
    assert f"order-{same.pk}" not in page


def test_new_command_brings_its_card(operator: Client, cafe: Organization, now: datetime) -> None:
    order = put(cafe, now)
    last = since(operator.get(BOARD))
    OrderCommand.objects.create(
        order=order, kind=CommandKind.CANCEL, requested_by="shop", created_at=db_clock.now()
    )

    assert "cancel the order" in operator.get(CHANGES, last).content.decode()


def test_end_of_an_old_command_brings_its_card_whatever_came_after_it(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    order, other = put(cafe, now), put(cafe, now, readable_number="143")
    old = OrderCommand.objects.create(
        order=order, kind=CommandKind.CANCEL, requested_by="shop", created_at=now - timedelta(hours=1)
    )
    OrderCommand.objects.bulk_create(
        OrderCommand(
            order=other, kind=CommandKind.CANCEL, requested_by="shop", created_at=now - timedelta(minutes=30)
        )
        for _ in range(501)
    )
    last = since(operator.get(BOARD))
    OrderCommand.objects.filter(pk=old.pk).update(state=CommandState.REJECTED, finished_at=db_clock.now())

    page = operator.get(CHANGES, last).content.decode()

    assert cards(page) == ["142"]
    assert "cancel the order: refused" in page


def test_other_one_of_two_alike_comes_too(operator: Client, cafe: Organization, now: datetime) -> None:
    put(cafe, now, readable_number="1", phone="+79030000011")
    last = since(operator.get(BOARD))
    put(cafe, now, readable_number="2", phone="+79030000011", updated_at=db_clock.now())

    page = operator.get(CHANGES, last).content.decode()

    assert sorted(cards(page)) == ["1", "2"]
    assert all("twice?" in card(page, number) for number in "12")


def test_changes_of_other_restaurants_do_not_come(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    bar = make_other_organization()
    operator.post("/console/preferences", {"picker": "1", "restaurants": [cafe.pk]})
    last = since(operator.get(BOARD))
    put(bar, now, updated_at=db_clock.now())

    assert operator.get(CHANGES, last).status_code == 204


@pytest.mark.parametrize("moment", ["", "yesterday", "2026-03-14T18:00:00", "9" * 40])
def test_moment_that_is_none_is_refused(operator: Client, moment: str) -> None:
    assert operator.get(CHANGES, {"since": moment}).status_code == 400


def test_signed_out_board_is_told_so(client: Client) -> None:
    assert client.get(CHANGES).status_code == 401


# --- new orders --------------------------------------------------------------------------------------


def test_new_order_rings_until_somebody_has_seen_it(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    order = put(cafe, now, status="Unconfirmed", raw_status="Unconfirmed")
    answer = operator.get(BOARD)
    assert "data-new" in card(answer.content.decode(), "142")

    for _again in range(2):
        assert operator.post(f"/console/orders/{order.pk}/seen").status_code == 204

    assert [mark.seen_by for mark in SeenOrder.objects.all()] == ["operator"]
    assert "data-new" not in card(operator.get(BOARD).content.decode(), "142")
    assert cards(operator.get(CHANGES, since(answer)).content.decode()) == ["142"]
    assert operator.post("/console/orders/999999/seen").status_code == 204


def test_new_order_that_nobody_saw_for_half_an_hour_rings_no_more(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    order = put(cafe, now, status="Unconfirmed", raw_status="Unconfirmed")
    Order.objects.filter(pk=order.pk).update(created_at=now - timedelta(minutes=31))

    assert "data-new" not in card(operator.get(BOARD).content.decode(), "142")


# --- the panel ---------------------------------------------------------------------------------------


def test_panel_says_who_waits_and_why_it_is_late(operator: Client, cafe: Organization, now: datetime) -> None:
    order = put(
        cafe,
        now,
        promised_time=now - timedelta(minutes=5, seconds=5),
        phone="8 903 000-00-11",
        address={"city": "Екатеринбург", "street": "Малышева", "house": "12"},
    )

    page = operator.get(f"/console/orders/{order.pk}", headers={"HX-Request": "true"})

    assert "<html" not in page.content.decode()
    assert 'href="tel:+79030000011"' in page.content.decode()
    assert "−5 min" in text(page)
    assert "It is late" in text(page)
    whole = operator.get(f"/console/orders/{order.pk}")
    assert "<html" in whole.content.decode()
    assert "Малышева" in text(whole)


def test_panel_of_an_unknown_order_is_404(operator: Client) -> None:
    assert operator.get("/console/orders/999999").status_code == 404


# --- the next step -----------------------------------------------------------------------------------


@pytest.fixture
def dispatcher(client: Client) -> Client:
    sign_in(
        client,
        "loyalty.view_personal_data",
        "orders.view_order",
        "orders.change_order_status",
        "orders.assign_order_courier",
    )
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def linked_order(cafe: Organization, now: datetime, status: str, **changes: Any) -> Order:
    linked(cafe)
    return put(
        cafe,
        now,
        status=status,
        raw_status=status,
        iiko_order_id=ORDER_ID,
        courier_name="Орлова Вера",
        **changes,
    )


@pytest.mark.parametrize(
    ("status", "order_type", "step"),
    [
        ("Unconfirmed", "DELIVERY", "WaitCooking"),
        ("CookingStarted", "DELIVERY", None),
        ("CookingCompleted", "DELIVERY", "OnWay"),
        ("Waiting", "PICKUP", "Closed"),
        ("OnWay", "DELIVERY", "Delivered"),
        ("Delivered", "DELIVERY", "Closed"),
    ],
)
def test_button_offers_the_natural_next_step(
    dispatcher: Client, cafe: Organization, now: datetime, status: str, order_type: str, step: str | None
) -> None:
    linked_order(cafe, now, status, order_type=order_type)

    found = re.findall(r'data-next="(\w+)"', card(dispatcher.get(BOARD).content.decode(), "142"))

    assert found == ([step] if step else [])


def test_next_step_asks_once_however_often_it_is_pressed(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    order = linked_order(cafe, now, "OnWay")

    answers = [
        dispatcher.post(f"/console/orders/{order.pk}/next", {"status": "Delivered"}) for _press in range(2)
    ]

    command = OrderCommand.objects.get()
    assert (command.kind, command.params["status"], command.requested_by) == (
        CommandKind.UPDATE_STATUS,
        "Delivered",
        "operator",
    )
    for answer in answers:
        assert answer.status_code == 200
        assert "change the status: waits" in card(answer.content.decode(), "142")
        assert "data-next" not in answer.content.decode()
    order.refresh_from_db()
    assert order.status == "OnWay"


def test_step_is_asked_again_once_the_first_command_has_ended(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    order = linked_order(cafe, now, "OnWay")
    url, step = f"/console/orders/{order.pk}/next", {"status": "Delivered"}
    dispatcher.post(url, step)
    OrderCommand.objects.update(state=CommandState.REJECTED, finished_at=now)

    answer = dispatcher.post(url, step)

    assert answer.status_code == 200
    assert list(OrderCommand.objects.order_by("id").values_list("state", flat=True)) == [
        CommandState.REJECTED,
        CommandState.PENDING,
    ]


def test_command_that_a_person_ended_leaves_no_mark(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    OrderCommand.objects.create(
        order=put(cafe, now),
        kind=CommandKind.CANCEL,
        state=CommandState.EXPIRED,
        error_code="given_up",
        requested_by="operator",
        created_at=now - timedelta(minutes=5),
        finished_at=now,
    )

    assert "cancel the order" not in card(operator.get(BOARD).content.decode(), "142")


def test_refused_step_says_why_and_stores_nothing(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    order = linked_order(cafe, now, "Unconfirmed")

    answer = dispatcher.post(f"/console/orders/{order.pk}/next", {"status": "OnWay"})

    assert answer.status_code == 409
    assert "not confirmed" in answer.content.decode()
    assert not OrderCommand.objects.exists()


@pytest.mark.parametrize("status", ["", "Teleported"])
def test_step_to_no_status_is_refused(
    dispatcher: Client, cafe: Organization, now: datetime, status: str
) -> None:
    order = linked_order(cafe, now, "OnWay")

    assert dispatcher.post(f"/console/orders/{order.pk}/next", {"status": status}).status_code == 400
    assert not OrderCommand.objects.exists()


def test_who_may_only_look_is_offered_no_step(operator: Client, cafe: Organization, now: datetime) -> None:
    order = linked_order(cafe, now, "OnWay")

    assert "card-next" not in card(operator.get(BOARD).content.decode(), "142")
    assert operator.post(f"/console/orders/{order.pk}/next", {"status": "Delivered"}).status_code == 403
    assert not OrderCommand.objects.exists()


def test_cooked_delivery_without_courier_needs_one_first(
    dispatcher: Client, cafe: Organization, now: datetime
) -> None:
    order = put(cafe, now, status="CookingCompleted", raw_status="CookingCompleted")

    page = card(dispatcher.get(BOARD).content.decode(), "142")

    assert f'href="/console/orders/{order.pk}/actions/courier"' in page
    assert ">Assign a courier</a>" in page
