"""Command, its calls and the event that confirmed it lead to each other, in admin and console."""

import pytest
from django.test import Client

from orders.models.command import CommandState, OrderCommand
from orders.models.order import Order, TimelineEntry
from organizations.connection.call_log import call_log
from organizations.connection.clients import iiko_for
from organizations.models.connection import ApiCall
from tests.acting import QUEUED, STATUS, Acting
from tests.builders import courier
from tests.pages import CALLS, COMMANDS, EVENTS, markup, sign_in, sign_in_superuser, text
from tests.simulated_iiko import SimulatedIiko
from webhooks.models.inbox import WebhookEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def confirmed(iiko: SimulatedIiko) -> OrderCommand:
    """Make a status that was sent by one call and confirmed by the second of two events."""
    acting = Acting(iiko)
    acting.has(status="OnWay", courierInfo=courier())
    iiko.answers(STATUS, QUEUED)
    command = acting.asked("update-status", {"status": "Delivered"})
    acting.step(command)
    acting.has(status="Delivered", courierInfo=courier())
    call_log.flush()
    command.refresh_from_db()
    return command


def test_command_names_its_calls_and_the_event_that_confirmed_it(confirmed: OrderCommand) -> None:
    event = WebhookEvent.objects.order_by("id").last()
    sent = ApiCall.objects.get(operation=STATUS)

    assert event is not None
    assert (confirmed.state, confirmed.confirmed_by) == (CommandState.CONFIRMED, "event")
    assert confirmed.confirmed_event_id == event.pk
    assert sent.command_id == confirmed.pk
    done = TimelineEntry.objects.filter(what="command").order_by("id").last()
    assert done is not None
    assert done.source_event_id == event.pk


def test_call_of_no_command_names_none(iiko: SimulatedIiko) -> None:
    acting = Acting(iiko)
    order = acting.has(status="OnWay")
    acting.shows(status="OnWay")

    iiko_for(order.organization).orders_by_id(
        organization_id=order.organization_id, order_ids=[order.iiko_order_id or ""]
    )
    call_log.flush()

    assert set(ApiCall.objects.values_list("command_id", flat=True)) == {None}


def test_pages_of_the_admin_lead_both_ways(client: Client, confirmed: OrderCommand) -> None:
    sign_in_superuser(client)
    sent = ApiCall.objects.get(operation=STATUS)
    command_url = f"{COMMANDS}{confirmed.pk}/change/"
    event_url = f"{EVENTS}{confirmed.confirmed_event_id}/change/"
    call_url = f"{CALLS}{sent.pk}/change/"

    of_command = markup(client.get(command_url))
    of_event = markup(client.get(event_url))
    of_call = markup(client.get(call_url))
    of_order = markup(client.get(f"/admin/orders/order/{confirmed.order_id}/change/"))

    assert f'href="{event_url}"' in of_command
    assert f'href="{call_url}"' in of_command
    assert f'href="{command_url}"' in of_event
    assert f'href="/admin/orders/order/{confirmed.order_id}/change/"' in of_event
    assert f'href="{command_url}"' in of_call
    assert of_order.count(f'href="{event_url}"') >= 2  # at the command, and in the timeline
    assert f'href="{command_url}"' in of_order


def test_panel_leads_to_all_of_them(client: Client, confirmed: OrderCommand) -> None:
    sign_in_superuser(client)
    sent = ApiCall.objects.get(operation=STATUS)

    page = client.get(f"/console/orders/{confirmed.order_id}").content.decode()

    technical = page[page.index('class="technical"') :]
    assert f'href="{COMMANDS}{confirmed.pk}/change/"' in technical
    assert f'href="{EVENTS}{confirmed.confirmed_event_id}/change/"' in technical
    assert f'href="{CALLS}{sent.pk}/change/"' in technical
    assert f'href="{CALLS}' not in page[: page.index('class="technical"')]


def test_links_are_for_those_who_may_follow_them(client: Client, confirmed: OrderCommand) -> None:
    sign_in(client, "orders.view_order", "orders.change_order_status")

    panel = client.get(f"/console/orders/{confirmed.order_id}").content.decode()

    assert EVENTS not in panel
    assert CALLS not in panel
    assert COMMANDS not in panel


def test_event_that_is_no_longer_kept_is_named_without_a_link(
    client: Client, confirmed: OrderCommand
) -> None:
    sign_in_superuser(client)
    client.cookies["django_language"] = "en"
    event_id = confirmed.confirmed_event_id
    WebhookEvent.objects.all().delete()

    page = client.get(f"{COMMANDS}{confirmed.pk}/change/")

    assert f"Shown by event {event_id}" in text(page)
    assert f"{EVENTS}{event_id}/" not in markup(page)
    assert Order.objects.filter(pk=confirmed.order_id).exists()
