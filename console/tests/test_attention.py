"""The attention list of the console: who sees what, in which order, and what an act answers."""

import re
import time
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext

from attention import acts
from attention.models.items import AttentionItem
from console.models import Preferences
from core.database import db_clock
from orders.models.order import Order
from organizations.models.access import RestaurantAccess
from organizations.models.organization import Organization
from tests.attention_items import LATE, LOGIN, PROBLEM, history, looked, make_item
from tests.builders import arrive, cloud_event, make_organization, make_other_organization
from tests.pages import markup, sign_in, text

pytestmark = pytest.mark.django_db

PAGE, CHANGES = "/console/attention", "/console/attention/changes"
RIGHTS = (
    *("attention.view_attentionitem", "attention.act_on_attention", "orders.view_order"),
    "loyalty.view_personal_data",
)
SCRIPT = {"HX-Request": "true"}


@pytest.fixture
def now() -> datetime:
    return db_clock.now()


@pytest.fixture(autouse=True)
def cafe(now: datetime) -> Organization:
    looked(now)
    return make_organization()


@pytest.fixture
def operator(client: Client) -> Client:
    sign_in(client, *RIGHTS)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def shown(client: Client, query: str = "") -> list[int]:
    """Return the numbers of the items on the page, in its order."""
    page = client.get(PAGE + query)
    assert page.status_code == 200
    return [int(number) for number in re.findall(r'id="attention-(\d+)"', page.content.decode())]


def ask(client: Client, *, state: str = "", query: str = "") -> Any:
    since = (db_clock.now() - timedelta(seconds=5)).isoformat()
    return client.get(f"{CHANGES}?{urlencode({'since': since, 'state': state})}{query}")


def press(client: Client, item: AttentionItem, what: str, **fields: str) -> Any:
    return client.post(f"{PAGE}/{item.pk}/{what}", fields, headers=SCRIPT)


# --- what is listed ----------------------------------------------------------------------------------


def test_critical_items_come_first_then_the_oldest(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    young = make_item(cafe, LATE, since=now - timedelta(minutes=1))
    old = make_item(cafe, LATE, since=now - timedelta(hours=2))
    warning = make_item(cafe, PROBLEM, since=now - timedelta(days=1))

    assert shown(operator) == [old.pk, young.pk, warning.pk]


def test_item_says_what_is_wrong_where_and_since_when(operator: Client, cafe: Organization) -> None:
    make_item(cafe, PROBLEM)

    page = text(operator.get(PAGE))

    assert "warning Problem with an order" in page
    assert cafe.name in page
    assert "The restaurant reports a problem with order №1." in page
    assert "10 min" in page
    assert f'data-clock="{cafe.timezone}"' in markup(operator.get(PAGE))


def test_item_of_odd_facts_leaves_the_others_on_the_page(operator: Client, cafe: Organization) -> None:
    odd = make_item(cafe, LATE, facts={"of": "another version"})
    usual = make_item(cafe, PROBLEM)

    assert shown(operator) == [odd.pk, usual.pk]


def test_nothing_to_do_is_said_with_when_it_was_looked(operator: Client, now: datetime) -> None:
    looked(now - timedelta(seconds=4))

    for address, words in (
        (PAGE, "Nothing needs attention"),
        (f"{PAGE}?severity=30", "Nothing fits these filters"),
    ):
        db_clock.clock.start_from(db_clock.Reading(now, time.monotonic(), time.time()))
        assert f"{words}. Last looked: 4 s ago" in text(operator.get(address))


@pytest.mark.parametrize(
    ("minutes", "failed", "words"),
    [
        (2, (), "Nobody looks for what needs attention: the last time was 2 min ago. The list may be old;"),
        (
            0,
            (LATE,),
            "These could not be looked at, and show what they found earlier: Order is late.",
        ),
    ],
)
def test_watch_that_stands_still_is_said(
    operator: Client, now: datetime, minutes: int, failed: tuple[str, ...], words: str
) -> None:
    before = operator.get(PAGE).context["state"]

    looked(now - timedelta(minutes=minutes), *failed)

    page = text(operator.get(PAGE))
    assert words in page
    assert "Last looked" not in page
    assert "There is nothing here." in page
    assert "Nothing needs attention." not in page
    assert words in text(ask(operator, state=before))


def test_filters(operator: Client, cafe: Organization, now: datetime) -> None:
    me, vera = User.objects.get(username="operator"), User.objects.create_user("vera")
    mine = make_item(cafe, LATE, taken_by=me, taken_at=now)
    hers = make_item(cafe, LATE, taken_by=vera, taken_at=now)
    nobodys = make_item(make_other_organization(), PROBLEM)
    snoozed = make_item(cafe, snoozed_until=now + timedelta(hours=1))
    resolved = make_item(cafe)
    acts.resolve(resolved.pk, note="called", by=acts.Actor("vera", vera), now=now)
    ended = make_item(cafe, ended_at=now - timedelta(hours=23))
    make_item(cafe, ended_at=now - timedelta(hours=25))

    assert shown(operator) == [mine.pk, hers.pk, nobodys.pk]
    assert shown(operator, "?show=mine") == [mine.pk]
    assert shown(operator, "?show=unowned") == [nobodys.pk]
    assert shown(operator, "?show=snoozed") == [snoozed.pk]
    assert shown(operator, "?show=resolved") == [resolved.pk]
    assert shown(operator, "?show=ended") == [ended.pk]
    assert shown(operator, "?severity=30") == [mine.pk, hers.pk]
    assert shown(operator, "?rule=problem") == [nobodys.pk]
    assert shown(operator, f"?organization={cafe.iiko_id}&severity=20") == []
    # What does not exist narrows nothing.
    assert shown(operator, "?show=x&severity=x&rule=x&organization=x") == [mine.pk, hers.pk, nobodys.pk]
    assert "Resolved by vera" in text(operator.get(f"{PAGE}?show=resolved"))
    assert "called" in text(operator.get(f"{PAGE}?show=resolved"))
    counts = [one[2] for one in operator.get(PAGE).context["shows"]]
    assert counts == [3, 1, 1, 1, 1, 1]


def test_page_reads_the_same_number_of_queries_for_many_items(operator: Client, cafe: Organization) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            operator.get(PAGE)
        return len(captured)

    make_item(cafe)
    queries()
    one = queries()
    for _number in range(20):
        make_item(cafe)

    assert queries() == one


# --- who sees what -----------------------------------------------------------------------------------


def test_list_is_for_those_who_may_see_it(client: Client, cafe: Organization) -> None:
    make_item(cafe)
    sign_in(client, "orders.view_order")

    board = client.get("/console/")

    assert client.get(PAGE).status_code == 403
    assert ask(client).status_code == 403
    assert f'href="{PAGE}"' not in board.content.decode()
    assert "X-Attention" not in client.get(f"/console/changes?since={urlsafe(db_clock.now())}").headers


def urlsafe(moment: datetime) -> str:
    return urlencode({"": moment.isoformat()})[1:]


def test_who_may_not_see_orders_is_not_led_to_them(client: Client) -> None:
    sign_in(client, "attention.view_attentionitem", "organizations.view_apilogin")

    page = client.get(PAGE).content.decode()

    assert f'class="brand" href="{PAGE}"' in page
    assert 'action="/console/search"' not in page
    assert 'href="/console/"' not in page


def test_each_rule_has_its_own_permission(client: Client, cafe: Organization) -> None:
    order, login = make_item(cafe, LATE), make_item(None, LOGIN)
    sign_in(
        client, "attention.view_attentionitem", "attention.act_on_attention", "organizations.view_apilogin"
    )

    assert shown(client) == [login.pk]
    assert press(client, order, "take").status_code == 404
    assert press(client, login, "take").status_code == 200
    assert history(order) == []


def test_restricted_person_sees_items_of_own_restaurants_alone(operator: Client, cafe: Organization) -> None:
    user = User.objects.get(username="operator")
    user.user_permissions.add(*_permission("organizations.view_apilogin"))
    other = make_other_organization()
    own, theirs, hub = make_item(cafe), make_item(other), make_item(None, LOGIN)
    assert set(shown(operator)) == {own.pk, theirs.pk, hub.pk}

    RestaurantAccess.objects.create(user=user, is_restricted=True).restaurants.add(cafe)

    assert shown(operator) == [own.pk]
    assert operator.get(PAGE).context["needing"].total == 1
    for item in (theirs, hub):
        assert press(operator, item, "take").status_code == 404
        assert history(item) == []


def _permission(name: str) -> QuerySet[Permission]:
    app, codename = name.split(".")
    return Permission.objects.filter(content_type__app_label=app, codename=codename)


def test_list_follows_the_restaurants_that_are_chosen(operator: Client, cafe: Organization) -> None:
    own = make_item(cafe)
    make_item(make_other_organization())
    Preferences.objects.create(user=User.objects.get(username="operator")).restaurants.add(cafe)

    assert shown(operator) == [own.pk]


def test_who_may_only_look_gets_no_buttons(client: Client, cafe: Organization) -> None:
    item = make_item(cafe)
    sign_in(client, "attention.view_attentionitem", "orders.view_order")

    assert 'data-act="take"' not in client.get(PAGE).content.decode()
    assert press(client, item, "take").status_code == 403
    assert history(item) == []


def test_next_step_is_for_those_whom_its_page_lets_in(operator: Client, cafe: Organization) -> None:
    make_item(cafe, "restaurant_silent", facts={"state": "no_login"})
    logins = "/admin/organizations/apilogin/"

    assert f'href="{logins}"' not in operator.get(PAGE).content.decode()

    User.objects.get(username="operator").user_permissions.add(*_permission("organizations.view_apilogin"))

    assert f'href="{logins}"' in operator.get(PAGE).content.decode()
    assert operator.get(logins).status_code == 200


# --- acts --------------------------------------------------------------------------------------------


def test_acts_answer_the_item_as_it_stands_then(operator: Client, cafe: Organization) -> None:
    item = make_item(cafe)

    taken = press(operator, item, "take")
    assert "you have it" in text(taken)
    assert taken["X-Attention"] == "1 0"
    snoozed = press(operator, item, "snooze", **{"for": "1h"})
    assert "Snoozed until" in text(snoozed)
    assert snoozed["X-Attention"] == "0 0"
    assert "Snoozed until" not in text(press(operator, item, "reopen"))
    assert "you have it" not in text(press(operator, item, "release"))
    resolved = press(operator, item, "resolve", note="called the guest")

    assert "Resolved by operator" in text(resolved)
    assert "called the guest" in text(resolved)
    assert history(item) == [
        ("taken", "operator", ""),
        ("snoozed", "operator", ""),
        ("reopened", "operator", ""),
        ("released", "operator", ""),
        ("resolved", "operator", "called the guest"),
    ]


def test_second_is_told_in_place_who_has_it(operator: Client, cafe: Organization, now: datetime) -> None:
    item = make_item(cafe)
    acts.take(item.pk, by=acts.Actor("vera", User.objects.create_user("vera")), now=now)

    answer = press(operator, item, "take")

    assert answer.status_code == 409
    assert "Already taken: vera" in text(answer)
    assert "vera has it" in text(answer)


@pytest.mark.parametrize(
    ("what", "fields", "status"),
    [
        ("snooze", {}, 422),
        ("snooze", {"for": "ever"}, 422),
        ("resolve", {"note": "x" * 1001}, 409),
        ("resolve", {"note": "a\0b"}, 409),
        ("eat", {}, 404),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    operator: Client, cafe: Organization, what: str, fields: dict[str, str], status: int
) -> None:
    item = make_item(cafe)

    assert press(operator, item, what, **fields).status_code == status
    assert history(item) == []


def test_forms_work_without_the_script(operator: Client, cafe: Organization, now: datetime) -> None:
    item = make_item(cafe)
    back = f"{PAGE}?severity=20"

    done = operator.post(f"{PAGE}/{item.pk}/take", {"next": back})
    AttentionItem.objects.update(ended_at=now)
    refused = operator.post(f"{PAGE}/{item.pk}/release", {"next": "https://elsewhere.example/"})

    assert (done.status_code, done["Location"]) == (302, back)
    assert refused.status_code == 409
    assert operator.get(f"{PAGE}/{item.pk}/take").status_code == 405
    assert history(item) == [("taken", "operator", "")]


# --- live --------------------------------------------------------------------------------------------


def test_poll_answers_the_list_only_when_something_changed(operator: Client, cafe: Organization) -> None:
    first = ask(operator)
    assert (first.status_code, first["X-Attention"]) == (200, "0 0")
    assert ask(operator, state=first["X-Board-State"]).status_code == 204

    item = make_item(cafe, LATE)
    second = ask(operator, state=first["X-Board-State"])

    assert f'id="attention-{item.pk}"' in second.content.decode()
    assert second["X-Attention"] == "1 1"
    acts.take(item.pk, by=acts.Actor("vera"), now=db_clock.now())
    third = ask(operator, state=second["X-Board-State"])
    assert "vera has it" in text(third)
    assert ask(operator, state=third["X-Board-State"]).status_code == 204


def test_count_comes_with_the_polls_of_board_and_couriers(operator: Client, cafe: Organization) -> None:
    make_item(cafe, LATE)
    make_item(cafe, PROBLEM)
    since = urlsafe(db_clock.now() - timedelta(seconds=5))

    for page in ("/console/changes", "/console/dispatch/changes"):
        assert operator.get(f"{page}?since={since}")["X-Attention"] == "2 1"
    board = operator.get("/console/")

    assert 'data-needing="2 1"' in board.content.decode()
    assert "Needs attention: 2" in text(board)
    assert "<title>(2!) Board</title>" in board.content.decode()


def test_count_of_a_watch_that_stands_still_is_not_told(operator: Client, now: datetime) -> None:
    looked(now - timedelta(minutes=2))
    since = urlsafe(now)

    board = operator.get("/console/")

    assert "Needs attention: ?" in text(board)
    assert 'data-needing="0 0 old"' in board.content.decode()
    assert operator.get(f"/console/changes?since={since}")["X-Attention"] == "0 0 old"


# --- the panel of an order ---------------------------------------------------------------------------


def test_order_shows_its_items_with_their_acts(operator: Client, cafe: Organization) -> None:
    arrive(cloud_event())
    order = Order.objects.get()
    item = make_item(cafe, PROBLEM, order=order)
    make_item(cafe, LATE)

    panel = operator.get(f"/console/orders/{order.pk}", headers=SCRIPT)

    assert re.findall(r'id="panel-attention-(\d+)"', panel.content.decode()) == [str(item.pk)]
    assert f"{PAGE}/{item.pk}/take" in panel.content.decode()
    answer = press(operator, item, "take", in_panel="1")
    assert f'id="panel-attention-{item.pk}"' in answer.content.decode()
    assert f'href="/console/orders/{order.pk}"' in operator.get(PAGE).content.decode()
