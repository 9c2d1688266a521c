"""The settings of the rules, and the archive of what was found."""

from typing import Any

import pytest
from django.test import Client

from attention.models.items import RuleSetting
from core.database import db_clock
from organizations.models.access import RestaurantAccess
from organizations.models.organization import Organization
from tests.attention_items import LATE, LOGIN, PROBLEM, make_item
from tests.builders import make_organization
from tests.pages import sign_in, text

pytestmark = pytest.mark.django_db

SETTINGS, ARCHIVE = "/admin/attention/rulesetting/", "/admin/attention/attentionitem/"
ALL = [f"attention.{verb}_rulesetting" for verb in ("view", "add", "change", "delete")]


@pytest.fixture
def cafe() -> Organization:
    return make_organization()


@pytest.fixture
def administrator(client: Client) -> Client:
    sign_in(client, *ALL, "attention.view_attentionitem", "orders.view_order")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def add(client: Client, **fields: Any) -> Any:
    return client.post(f"{SETTINGS}add/", {"rule": "no_courier", "is_on": "on", **fields}, follow=True)


def settings() -> list[tuple[Any, ...]]:
    return list(RuleSetting.objects.values_list("rule", "organization__iiko_id", "is_on", "limit"))


def test_rule_is_set_for_a_restaurant(administrator: Client, cafe: Organization) -> None:
    form = administrator.get(f"{SETTINGS}add/")
    assert "No courier for a cooked order (usually 5 min)" in text(form)

    page = add(administrator, organization=cafe.iiko_id, limit="12")

    assert settings() == [("no_courier", cafe.iiko_id, True, 12)]
    assert "12 min" in text(page)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"rule": "problem", "limit": "5"}, "This rule has no limit: leave it empty."),
        ({"rule": "nothing"}, "Select a valid choice"),
        ({"limit": "-1"}, "greater than or equal to 0"),
        ({"limit": "1441"}, "At most a day."),
        ({"limit": "9" * 30}, "At most a day."),
    ],
)
def test_what_makes_no_sense_is_refused(administrator: Client, fields: dict[str, str], words: str) -> None:
    assert words in text(add(administrator, **fields))
    assert settings() == []


def test_rule_is_set_once_for_all_restaurants(administrator: Client) -> None:
    add(administrator, limit="7")

    page = add(administrator, limit="8")

    assert settings() == [("no_courier", None, True, 7)]
    assert "already exists" in text(page)


def test_restricted_person_sets_nothing_for_all(client: Client, cafe: Organization) -> None:
    user = sign_in(client, *ALL)
    RestaurantAccess.objects.create(user=user, is_restricted=True).restaurants.add(cafe)
    RuleSetting.objects.create(rule="late", is_on=False)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    assert "Choose one of your restaurants." in text(add(client))
    assert list(client.get(SETTINGS).context["cl"].queryset) == []
    add(client, organization=cafe.iiko_id)

    assert settings()[1:] == [("no_courier", cafe.iiko_id, True, None)]


def test_archive_shows_the_history_of_what_a_person_may_see(
    administrator: Client, cafe: Organization
) -> None:
    item = make_item(cafe, LATE, ended_at=db_clock.now())
    login = make_item(None, LOGIN)

    listed = text(administrator.get(ARCHIVE))
    page = text(administrator.get(f"{ARCHIVE}{item.pk}/change/"))

    assert "Order №1 is late" in listed
    assert "main" not in listed
    assert "Order №1 is late" in page
    assert "found the hub" in page
    assert administrator.get(f"{ARCHIVE}{login.pk}/change/").status_code == 302
    assert administrator.post(f"{ARCHIVE}{item.pk}/change/", {}).status_code == 403


def test_item_of_odd_facts_leaves_the_others_in_the_archive(
    administrator: Client, cafe: Organization
) -> None:
    odd = make_item(cafe, LATE, facts={"of": "another version"})
    make_item(cafe, PROBLEM)

    listed = text(administrator.get(ARCHIVE))
    page = text(administrator.get(f"{ARCHIVE}{odd.pk}/change/"))

    assert "The restaurant reports a problem with order №2." in listed
    assert "Order is late" in page
