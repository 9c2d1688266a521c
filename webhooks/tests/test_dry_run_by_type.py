"""The dry run of every type that is handled: field by field, to whom it may be told, and nothing done."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob

from hall.models import Reserve, TableOrder
from organizations.models.dictionaries import Courier
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListGroup, StopListItem, StopListReading
from tests.builders import (
    COURIER_ID,
    ORGANIZATION_ID,
    TERMINAL_GROUP_ID,
    arrive,
    authorized,
    inbox,
    make_key,
    make_organization,
    make_terminal_group,
    reserve_content,
    reserve_event,
    shift_event,
    stop_list_event,
    table_order_event,
)
from tests.pages import EVENTS, RESERVES, markup, sign_in, sign_in_superuser, text
from webhooks.models.inbox import WebhookEvent

pytestmark = pytest.mark.django_db

MODELS = (TableOrder, Reserve, Shift, StopListGroup, StopListItem, StopListReading)
SHIFTS = "/admin/organizations/shift/"
REPLAYS = ("webhooks.view_webhookevent", "webhooks.replay_webhookevent")


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def _restaurant() -> None:
    organization = make_organization()
    make_terminal_group(organization)
    Courier.objects.create(organization=organization, iiko_id=COURIER_ID, name="Орлова Вера")


in_restaurant = pytest.mark.usefixtures("_restaurant")


def state() -> list[Any]:
    tables = (*MODELS, WebhookEvent, ProcrastinateJob)
    return [list(model._default_manager.order_by("pk").values()) for model in tables]


def dry_run(*arguments: str) -> list[str]:
    out, before = StringIO(), state()
    call_command("replay_webhooks", "--dry-run", *arguments, stdout=out, stderr=StringIO())
    assert state() == before
    return out.getvalue().replace("\N{NO-BREAK SPACE}", " ").splitlines()


def asked() -> Any:
    before = state()
    answer = Client().post(
        "/api/v1/webhooks/events/replay",
        {"organization_id": ORGANIZATION_ID, "dry_run": True},
        content_type="application/json",
        headers=authorized(make_key()),
    )
    assert answer.status_code == 200, answer.content
    assert state() == before
    return answer.json()["changes"]


def dry_run_page(client: Client, *permissions: str, language: str = "en") -> Any:
    """Return what the admin shows of the newest event to a user with these permissions."""
    sign_in(client, *REPLAYS, *permissions)
    pk, before = inbox()[-1].pk, state()
    page = client.post(f"{EVENTS}{pk}/replay/", {"dry_run": "yes"}, headers={"accept-language": language})
    assert page.status_code == 200
    assert state() == before
    return page


# --- the hall --------------------------------------------------------------------------------------------


@in_restaurant
def test_table_order_is_told_field_by_field(client: Client) -> None:
    arrive(table_order_event())
    TableOrder.objects.update(status="Bill", amount_minor=100, tab_name="Ольга", phone="+79990000000")

    told = dry_run()

    assert told[0].startswith("table order №")
    assert "  Status: Bill → New" in told
    assert "  Phone: *** → ***" in told
    assert "  Tab: *** → ***" in told
    fields = {one["name"]: one["from"] for one in asked()[0]["fields"]}
    assert fields == {"status": "Bill", "amount_minor": 100, "tab_name": "Ольга", "phone": "+79990000000"}


@in_restaurant
@pytest.mark.parametrize(
    ("permissions", "is_told", "is_named"),
    [
        ((), False, False),
        (("hall.view_reserve",), True, False),
        (("hall.view_reserve", "hall.view_personal_data"), True, True),
        (("hall.view_tableorder", "hall.view_personal_data"), False, False),
    ],
)
def test_guests_of_the_hall_are_told_to_whom_its_page_tells_them(
    client: Client, permissions: tuple[str, ...], is_told: bool, is_named: bool
) -> None:
    arrive(reserve_event())
    Reserve.objects.update(
        guests_count=77, phone="+79990000000", comment="Тихий стол", customer={"name": "Ян"}
    )

    page = dry_run_page(client, *permissions)

    assert ("Guests 77 " in text(page)) == is_told
    assert ("Guests *** ***" in text(page)) != is_told
    for secret in ("+79990000000", "Тихий стол", "Ян"):
        assert (secret in markup(page)) == is_named


# --- shifts ----------------------------------------------------------------------------------------------


@in_restaurant
def test_shift_is_told_by_name_and_field_by_field(client: Client) -> None:
    arrive(shift_event())
    Shift.objects.all().delete()

    assert dry_run() == [
        "shift Орлова Вера, Кафе «Сирень»: would be made",
        "  Terminal group: — → Сирень, центр",
        "  Employee: — → Орлова Вера",
        "  Opened at: — → 14 Mar 11:00:00",
        "  On shift: — → yes",
        "  Began: — → 14 Mar 11:00:00",
        "1 event would be replayed: applied 1. Rows that would change: 1.",
    ]
    (change,) = asked()
    assert (change["kind"], change["id"], change["name"], change["change"]) == (
        "shift",
        None,
        COURIER_ID,
        "new",
    )
    assert "Opened at — 14 Mar 11:00:00" in text(dry_run_page(client, "organizations.view_shift"))


@in_restaurant
def test_shift_is_hidden_from_who_may_not_see_shifts(client: Client) -> None:
    arrive(shift_event())
    Shift.objects.all().delete()

    page = dry_run_page(client)

    assert "Opened at *** ***" in text(page)
    assert "Орлова" not in text(page)


@in_restaurant
def test_shift_is_told_in_russian(client: Client) -> None:
    arrive(shift_event())
    Shift.objects.all().delete()

    page = text(dry_run_page(client, "organizations.view_shift", language="ru"))

    assert "Сотрудник — Орлова Вера" in page


# --- stop lists ------------------------------------------------------------------------------------------


@in_restaurant
def test_stop_list_is_told_to_be_read_from_iiko_and_is_not(client: Client) -> None:
    arrive(stop_list_event())
    StopListGroup.objects.update(changed_since=None)

    told = dry_run()

    assert told[0] == "stop list Сирень, центр, Кафе «Сирень»: would be read from iiko"
    assert told[1].startswith("  Changed since: — → ")
    assert told[2:] == ["1 event would be replayed: applied 1. Rows that would change: 1."]
    (change,) = asked()
    assert (change["kind"], change["name"], [one["name"] for one in change["fields"]]) == (
        "stoplistgroup",
        TERMINAL_GROUP_ID,
        ["changed_since"],
    )


@in_restaurant
def test_stop_list_is_told_to_who_sees_stop_lists(client: Client) -> None:
    arrive(stop_list_event())
    StopListGroup.objects.update(changed_since=None)

    page = dry_run_page(client, "organizations.view_stoplistitem")

    assert "stop list Сирень, центр, Кафе «Сирень» would be read from iiko" in text(page)
    assert "***" not in text(page)
    assert f'href="/admin/organizations/stoplistitem/?organization={ORGANIZATION_ID}"' in markup(page)


@in_restaurant
def test_stop_list_is_hidden_from_who_sees_none(client: Client) -> None:
    arrive(stop_list_event())
    StopListGroup.objects.update(changed_since=None)

    page = dry_run_page(client, "orders.view_order")

    assert "Changed since *** ***" in text(page)
    assert "stoplistitem" not in markup(page)


@in_restaurant
def test_stop_list_that_is_due_already_changes_nothing() -> None:
    arrive(stop_list_event())

    assert dry_run() == ["1 event would be replayed: applied 1. Rows that would change: 0."]


# --- the edges of the calendar -----------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["Asia/Almaty", "America/New_York"])
@pytest.mark.parametrize("moment", ["9999-12-31 23:59:59.999", "0001-01-01 00:00:00.000"])
def test_pages_bear_the_first_and_the_last_instant_of_the_calendar(
    client: Client, zone: str, moment: str
) -> None:
    make_organization(timezone=zone)
    reserve = reserve_event(reserve=reserve_content(estimatedStartTime=f"{moment}Z"))
    arrive(reserve | {"eventTime": moment}, shift_event(event_time=moment))
    Shift.objects.create(
        organization_id=ORGANIZATION_ID,
        employee_id="somebody",
        terminal_group_id=TERMINAL_GROUP_ID,
        opened_at=f"{moment}Z",
        began_at=f"{moment}Z",
        is_open=True,
    )
    sign_in_superuser(client)

    pages = [EVENTS, RESERVES, f"{SHIFTS}?state=all"]
    pages += [f"{EVENTS}{event.pk}/change/" for event in inbox()]
    pages += [f"{RESERVES}{row.pk}/change/" for row in Reserve.objects.all()]
    pages += [f"{SHIFTS}{row.pk}/change/" for row in Shift.objects.all()]

    assert [client.get(page).status_code for page in pages] == [200] * len(pages)
    export: Any = client.get(f"{SHIFTS}export/?state=all")
    assert b"somebody" in b"".join(export.streaming_content)
