"""``GET attention`` and the acts over the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from attention.models.items import AttentionItem
from core.database import db_clock
from organizations.models.organization import Organization
from tests.attention_items import LATE, LOGIN, PROBLEM, history, looked, make_item
from tests.builders import (
    OTHER_ORGANIZATION_ID,
    authorized,
    make_key,
    make_organization,
    make_other_organization,
)
from tests.pages import sign_in

pytestmark = pytest.mark.django_db

URL = "/api/v1/attention"


@pytest.fixture
def cafe() -> Organization:
    return make_organization()


@pytest.fixture
def key(cafe: Organization) -> str:
    return make_key()


def get(key: str, query: str = "", path: str = URL) -> Any:
    answer = Client().get(f"{path}{query}", headers=authorized(key) | {"Accept-Language": "en"})
    assert answer.status_code == 200, answer.content
    return answer.json()


def called(name: str, key: str) -> str:
    """Say what the history calls a key."""
    return f"API: {name} ({key[: len('iih_12345678')]})"


def ids(key: str, query: str = "") -> list[int]:
    return [row["id"] for row in get(key, query)["results"]]


def act(key: str, item: AttentionItem, name: str, body: dict[str, Any] | None = None) -> Any:
    headers = authorized(key) | {"Accept-Language": "en"}
    return Client().post(
        f"{URL}/{item.pk}/{name}", body or {}, content_type="application/json", headers=headers
    )


def test_item_says_what_is_wrong_and_where_to_go(cafe: Organization, key: str) -> None:
    item = make_item(cafe, PROBLEM)

    assert get(key)["results"] == [
        {
            "id": item.pk,
            "rule": "problem",
            "severity": "warning",
            "sentence": "The restaurant reports a problem with order №1.",
            "organization_id": cafe.iiko_id,
            "order_id": None,
            "command_id": None,
            "since": item.since.isoformat().replace("+00:00", "Z"),
            "opened_at": item.opened_at.isoformat().replace("+00:00", "Z"),
            "ended_at": None,
            "taken_by": None,
            "taken_at": None,
            "resolved_at": None,
            "snoozed_until": None,
            "next_step": None,
        }
    ]
    login = make_item(None, LOGIN)
    row = get(key)["results"][0]
    assert (row["id"], row["organization_id"], row["severity"]) == (login.pk, None, "critical")
    assert row["next_step"]["url"] == "/admin/organizations/apilogin/1/change/"


def test_list_says_when_it_was_last_looked_at(key: str) -> None:
    def header() -> str | None:
        return Client().get(URL, headers=authorized(key)).headers.get("X-Attention-Looked-At")

    assert header() is None
    now = db_clock.now()
    looked(now)
    assert header() == now.isoformat()


def test_filters(cafe: Organization, key: str) -> None:
    other = make_other_organization()
    now = db_clock.now()
    opened = make_item(cafe, LATE)
    snoozed = make_item(cafe, snoozed_until=now + timedelta(hours=1))
    woken = make_item(other, snoozed_until=now - timedelta(hours=1))
    resolved = make_item(cafe, resolved_at=now)
    ended = make_item(cafe, resolved_at=now, ended_at=now, opened_at=now - timedelta(days=3))
    every = [one.pk for one in (ended, resolved, woken, snoozed, opened)]

    assert ids(key) == every
    assert ids(key, "?state=open") == [woken.pk, opened.pk]
    assert ids(key, "?state=snoozed") == [snoozed.pk]
    assert ids(key, "?state=resolved") == [resolved.pk]
    assert ids(key, "?state=ended") == [ended.pk]
    assert ids(key, "?state=open&state=ended") == [ended.pk, woken.pk, opened.pk]
    assert ids(key, "?rule=late") == [opened.pk]
    assert ids(key, "?severity=critical") == [opened.pk]
    assert ids(key, f"?organization_id={OTHER_ORGANIZATION_ID}") == [woken.pk]
    assert ids(key, f"?since={(now - timedelta(days=1)):%Y-%m-%dT%H:%M:%SZ}") == every[1:]
    for query in ("?state=gone", "?rule=nothing", "?severity=30"):
        assert Client().get(URL + query, headers=authorized(key)).status_code == 400, query


def test_key_of_one_restaurant_sees_what_is_about_it(cafe: Organization) -> None:
    other = make_other_organization()
    make_item(cafe)
    make_item(None, LOGIN)
    theirs = make_item(other)

    assert ids(make_key(OTHER_ORGANIZATION_ID)) == [theirs.pk]


def test_person_sees_what_the_permission_of_each_rule_allows(cafe: Organization, client: Client) -> None:
    order = make_item(cafe)
    make_item(None, LOGIN)
    sign_in(client, "attention.view_attentionitem", "orders.view_order")

    assert [row["id"] for row in client.get(URL).json()["results"]] == [order.pk]
    refused = client.post(f"{URL}/{order.pk}/take", {}, content_type="application/json")
    assert refused.status_code == 403
    assert history(order) == []


def test_item_is_taken_given_back_snoozed_resolved_and_opened_again(cafe: Organization, key: str) -> None:
    item = make_item(cafe)
    until = (db_clock.now() + timedelta(hours=1)).replace(microsecond=0)
    written = f"{until:%Y-%m-%dT%H:%M:%SZ}"

    shop = called("shop", key)

    taken = act(key, item, "take").json()
    assert (taken["taken_by"], taken["taken_at"] is not None) == (shop, True)
    assert act(key, item, "release").json()["taken_by"] is None
    assert act(key, item, "snooze", {"until": written}).json()["snoozed_until"] == written
    assert act(key, item, "reopen").json()["snoozed_until"] is None
    resolved = act(key, item, "resolve", {"note": "called"}).json()

    assert resolved["resolved_at"] is not None
    assert [(line["act"], line["actor"], line["note"]) for line in resolved["history"]] == [
        ("found", "", ""),
        ("taken", shop, ""),
        ("released", shop, ""),
        ("snoozed", shop, ""),
        ("reopened", shop, ""),
        ("resolved", shop, "called"),
    ]
    assert get(key, path=f"{URL}/{item.pk}") == resolved


def test_refusals_name_who_was_faster(cafe: Organization, key: str) -> None:
    item = make_item(cafe)
    other = make_key(name="other")
    act(other, item, "take")

    answer = act(key, item, "take")

    assert answer.status_code == 409
    assert answer.json()["errors"] == [
        {"code": "taken", "detail": f"Already taken: {called('other', other)}, 0 s ago.", "attr": None}
    ]


@pytest.mark.parametrize("name", ["shop", "s" * 200])
def test_keys_of_one_name_are_two(cafe: Organization, name: str) -> None:
    key, other = make_key(name=name), make_key(name=name)
    item, resolved = make_item(cafe), make_item(cafe)
    acts = ((item, "take"), (resolved, "resolve"))

    assert [act(one, row, what).status_code for row, what in acts for one in (key, key, other)] == [
        *(200, 200, 409),
        *(200, 200, 409),
    ]
    assert history(item) == [("taken", called(name[:180], key), "")]


def test_item_of_odd_facts_leaves_the_others_on_the_list(cafe: Organization, key: str) -> None:
    usual = make_item(cafe, PROBLEM)
    make_item(None, LOGIN, facts={"of": "another version"})

    odd, other = get(key)["results"]

    assert (odd["sentence"], odd["next_step"]) == ("API login refused or stopped", None)
    assert (other["id"], other["sentence"]) == (usual.pk, "The restaurant reports a problem with order №1.")


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("take", {"who": "me"}, 422),
        ("snooze", {}, 400),
        ("snooze", {"until": "tomorrow"}, 400),
        ("snooze", {"until": "2020-01-01T00:00:00Z"}, 422),
        ("resolve", {"note": "x" * 1001}, 400),
    ],
)
def test_bad_bodies_change_nothing(
    cafe: Organization, key: str, name: str, body: dict[str, Any], status: int
) -> None:
    item = make_item(cafe)

    assert act(key, item, name, body).status_code == status
    assert history(item) == []
