"""An event leads to what it is about, and that leads to its events, for who may see both."""

from typing import Any

import pytest
from django.test import Client

from organizations.models.dictionaries import Courier
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem
from tests.builders import (
    COURIER_ID,
    ORGANIZATION_ID,
    TERMINAL_GROUP_ID,
    arrive,
    inbox,
    make_organization,
    shift_event,
    stop_list_event,
)
from tests.pages import EVENTS, markup, sign_in, text

pytestmark = pytest.mark.django_db

SHIFTS = "/admin/organizations/shift/"
STOP_LISTS = "/admin/organizations/stoplistitem/"
OTHER_GROUP_ID = "1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9"
CLOSED_AT = "2026-03-14 15:00:00.000"


def english(client: Client, url: str) -> Any:
    return client.get(url, headers={"accept-language": "en"})


def test_both_ends_of_a_shift_lead_to_it_and_it_to_them(client: Client) -> None:
    organization = make_organization()
    Courier.objects.create(organization=organization, iiko_id=COURIER_ID, name="Орлова Вера")
    arrive(
        shift_event(),
        shift_event(event_time=CLOSED_AT, is_opened=False),
        shift_event(terminal_group_id=OTHER_GROUP_ID),
        shift_event(event_time="2026-03-14 20:00:00.000"),
    )
    sign_in(client, "webhooks.view_webhookevent", "organizations.view_shift")
    shift = Shift.objects.get(terminal_group_id=TERMINAL_GROUP_ID, closed_at__isnull=False)
    opening, closing, *others = [event.pk for event in inbox()]

    link = f'<a href="{SHIFTS}{shift.pk}/change/">Орлова Вера</a>'
    for pk in (opening, closing):
        assert link in markup(client.get(f"{EVENTS}{pk}/change/"))
    page = english(client, f"{SHIFTS}{shift.pk}/change/")
    assert f"PersonalShift #{closing} closed applied" in text(page)
    assert f"PersonalShift #{opening} opened applied" in text(page)
    assert not any(f"{EVENTS}{pk}/change/" in markup(page) for pk in others)


def test_shift_and_events_are_linked_for_who_may_see_them_only(client: Client) -> None:
    make_organization()
    arrive(shift_event())
    pk = Shift.objects.get().pk
    user = sign_in(client, "webhooks.view_webhookevent")

    assert SHIFTS not in markup(client.get(f"{EVENTS}{inbox()[0].pk}/change/"))
    user.delete()
    sign_in(client, "organizations.view_shift")
    assert EVENTS not in markup(client.get(f"{SHIFTS}{pk}/change/"))


def test_event_that_made_no_shift_leads_nowhere(client: Client) -> None:
    make_organization()
    arrive(shift_event(envelope={"eventTime": None}), shift_event(info={"terminalGroupId": {"a": 1}}))
    sign_in(client, "webhooks.view_webhookevent", "organizations.view_shift")

    for event in inbox():
        page = client.get(f"{EVENTS}{event.pk}/change/")
        assert page.status_code == 200
        assert SHIFTS not in markup(page)


def test_message_of_a_stop_list_leads_to_the_lists_and_back(client: Client) -> None:
    organization = make_organization()
    arrive(stop_list_event())
    item = StopListItem.objects.create(
        organization=organization,
        terminal_group_id=TERMINAL_GROUP_ID,
        product_id="soup",
        is_out_of_stock=True,
        since="2026-03-14T06:00Z",
    )
    sign_in(client, "webhooks.view_webhookevent", "organizations.view_stoplistitem")

    event_page = markup(client.get(f"{EVENTS}{inbox()[0].pk}/change/"))
    item_page = markup(client.get(f"{STOP_LISTS}{item.pk}/change/"))

    assert f'href="{STOP_LISTS}?organization={ORGANIZATION_ID}"' in event_page
    back = f"{EVENTS}?type=StopListUpdate&amp;organization={ORGANIZATION_ID}"
    assert f'href="{back}"' in item_page
    assert client.get(back.replace("&amp;", "&")).context["cl"].result_count == 1
