"""Addresses that no page offers: lookups of hidden fields, NUL bytes, moments past the calendar."""

from typing import Any

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.admin.filters import MomentRangeFilter
from tests.api_lists import LISTS, PATHS
from tests.builders import authorized, cloud_event, drain, make_key, make_organization, post
from webhooks.models.inbox import WebhookEvent

pytestmark = pytest.mark.django_db

ADMINS = {
    f"{model._meta.app_label}.{model._meta.model_name}": one for model, one in admin.site._registry.items()
}
OFFERED = {
    "auth.user": {"is_active__isnull", "is_superuser__isnull"},
    "axes.accessfailurelog": {"locked_out__isnull"},
}
"""Django's own filter of a flag has three parameters."""

OF_FILES = tuple(one.path for one in LISTS if one.has_files)
PAST_THE_CALENDAR = (
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-03-14T18:00:00+16:00",
    "2026-03-14T18:00:00-16:00",
    "2026-03-14T18:00:00+23:59",
    "2026-03-14T18:00:00-23:59",
)


def url_of(one: Any) -> str:
    return reverse(f"admin:{one.opts.app_label}_{one.opts.model_name}_changelist")


@pytest.mark.parametrize("name", ADMINS)
def test_list_takes_no_lookup_that_its_filters_do_not_offer(admin_client: Client, name: str) -> None:
    one = ADMINS[name]
    fields = [field.name for field in one.model._meta.concrete_fields]
    lookups = ["startswith", "gt", "isnull"]
    asked = [f"{field}__{lookup}" for field in fields for lookup in lookups] + ["pk__gt", "pk__in"]
    asked += [f"{field.name}__pk" for field in one.model._meta.many_to_many]
    offered = OFFERED.get(name, set())

    answers = {lookup: admin_client.get(url_of(one), {lookup: "7"}).status_code for lookup in asked}

    assert {lookup for lookup, status in answers.items() if status != 400} <= offered


@pytest.mark.parametrize("name", ADMINS)
def test_filters_of_a_list_go_on_working(admin_client: Client, name: str) -> None:
    one = ADMINS[name]
    request = admin_client.get("/admin/jsi18n/").wsgi_request
    names: list[str] = []
    for listed in one.get_list_filter(request):
        if isinstance(listed, type):
            is_range = issubclass(listed, MomentRangeFilter)
            names += listed.parameters() if is_range else [listed.parameter_name]  # type: ignore[attr-defined]

    # All at once: one that is not offered is enough for a refusal.
    answer = admin_client.get(url_of(one), dict.fromkeys(names, ""))

    assert answer.status_code == 200, names


def test_filters_of_people_go_on_working(admin_client: Client) -> None:
    people = "/admin/auth/user/"

    assert admin_client.get(people, {"is_active__exact": "1", "is_superuser__exact": "0"}).status_code == 200
    assert admin_client.get(people, {"groups__id__exact": "1"}).status_code == 200


@pytest.mark.parametrize("name", ADMINS)
def test_nul_breaks_no_list(admin_client: Client, name: str) -> None:
    one = ADMINS[name]
    url = url_of(one)
    request = admin_client.get(url).wsgi_request
    names = [
        "q",
        "p",
        "o",
        "all",
        "_changelist_filters",
        "_popup",
        "_to_field",
        "digest__startswith",
        "other",
    ]
    for listed in one.get_list_filter(request):
        if isinstance(listed, type):
            is_range = issubclass(listed, MomentRangeFilter)
            names += listed.parameters() if is_range else [listed.parameter_name]  # type: ignore[attr-defined]
        else:
            names += [f"{listed}__exact", f"{listed}__id__exact", f"{listed}__isnull"]

    for name in names:
        for value in ("\0", "1\0"):
            assert admin_client.get(url, {name: value}).status_code < 500, name
    for path in ("add/", "1/change/", "x\0/change/", "\0/history/"):
        assert (
            admin_client.get(url + path, {"_changelist_filters": "q=\0", "next": "\0"}).status_code < 500
        ), path


def test_nul_breaks_no_list_of_the_api() -> None:
    make_organization()
    headers = authorized(make_key())

    for path in PATHS:
        offered = Client().get(f"/api/v1/{path}?nothing=1", headers=headers)
        words = " ".join(error["detail"] for error in offered.json()["errors"])
        names = words.partition("There are: ")[2].strip(".").split(", ") if "There are" in words else []
        for name in [*filter(None, names), "skip", "limit", "cursor", "format", "other", "\0"]:
            answer = Client().get(f"/api/v1/{path}", {name: "\0"}, headers=headers)
            assert 400 <= answer.status_code < 500, (path, name, answer.status_code)


def moments_of_the_api() -> list[tuple[str, str]]:
    names = {
        "orders": ("updated_since", "promised_since", "promised_until", "created_since", "created_until"),
        "table-orders": ("updated_since",),
        "reserves": ("updated_since", "expected_since", "expected_until"),
        "webhooks/events": ("since", "until"),
        "logs": ("since", "until"),
        "loyalty/operations": ("since", "until"),
        "shifts": ("since", "until"),
        "stop-list": ("since", "until"),
        "stop-list/time-out-of-stock": ("since", "until"),
    }
    return [(path, name) for path, filters in names.items() for name in filters]


@pytest.mark.parametrize("moment", PAST_THE_CALENDAR)
def test_moment_past_the_calendar_is_refused_over_the_api(moment: str) -> None:
    make_organization()
    headers = authorized(make_key())

    for path, name in moments_of_the_api():
        for form in ({}, {"format": "csv"}) if path in OF_FILES else ({},):
            answer = Client().get(f"/api/v1/{path}", {name: moment, **form}, headers=headers)
            assert (path, name, answer.status_code) == (path, name, 400)
            assert not answer.streaming


@pytest.mark.parametrize("moment", ["2026-03-14T18:00:00+99:99", "0001-01-01", "9999-12-31T00:00:00Z", "\0"])
def test_no_moment_is_refused_over_the_api(moment: str) -> None:
    make_organization()
    headers = authorized(make_key()) | {"Accept-Language": "en"}

    for path, name in moments_of_the_api():
        answer = Client().get(f"/api/v1/{path}", {name: moment}, headers=headers)
        assert (path, name, answer.status_code) == (path, name, 400)
        assert [error["attr"] for error in answer.json()["errors"]] == [name]


def test_moment_with_the_largest_offset_is_taken() -> None:
    make_organization()
    headers = authorized(make_key())

    for path, name in moments_of_the_api():
        for moment in ("2026-03-14T18:00:00+14:00", "1900-01-01T00:00:00Z", "2199-12-31T23:59:59-12:00"):
            answer = Client().get(f"/api/v1/{path}", {name: moment}, headers=headers)
            assert (path, name, answer.status_code) == (path, name, 200)


@pytest.mark.parametrize("moment", PAST_THE_CALENDAR)
def test_moment_past_the_calendar_is_refused_in_bodies(moment: str) -> None:
    make_organization()
    headers = authorized(make_key())
    post(Client(), cloud_event())
    drain()
    order = Order.objects.get()

    def refused(path: str, body: dict[str, Any]) -> None:
        answer = Client().post(f"/api/v1/{path}", body, "application/json", headers=headers)
        assert answer.status_code == 400, answer.content

    refused(f"orders/{order.pk}/update-status", {"status": "Delivered", "delivered_at": moment})
    refused("webhooks/events/replay", {"since": moment})
    refused("webhooks/events/replay", {"until": moment, "dry_run": True})

    assert OrderCommand.objects.count() == 0
    assert WebhookEvent.objects.count() == 1


@pytest.mark.parametrize("moment", [*PAST_THE_CALENDAR, "0001-01-01T00:00", "9999-12-31"])
def test_moment_past_the_calendar_is_no_option(moment: str) -> None:
    for command in (
        ("sync_orders", "--since"),
        ("replay_webhooks", "--since"),
        ("replay_webhooks", "--until"),
    ):
        with pytest.raises(CommandError, match="is not a date"):
            call_command(*command, moment)


@pytest.mark.parametrize(
    "moment", ["0001-01-01", "01.01.0001 00:00", "9999-12-31T23:59", "9999-12-31T23:59Z"]
)
def test_moment_past_the_calendar_is_told_in_the_admin(admin_client: Client, moment: str) -> None:
    make_organization(timezone="Asia/Tokyo")
    asked = 0
    for one in ADMINS.values():
        request = admin_client.get(url_of(one)).wsgi_request
        for listed in one.get_list_filter(request):
            if isinstance(listed, type) and issubclass(listed, MomentRangeFilter):
                for name in listed.parameters():
                    page = admin_client.get(url_of(one), {name: moment}, headers={"Accept-Language": "en"})
                    assert "is not a date" in page.text, (one, name)
                    asked += 1
    assert asked >= 14
