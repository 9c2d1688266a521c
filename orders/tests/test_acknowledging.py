"""What went wrong is counted until it is acknowledged, or a day is over."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order, TimelineEntry
from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    REVISION,
    arrive,
    cloud_event,
    drain,
    make_organization,
    post,
    soi_message,
)
from tests.pages import COMMANDS, ORDERS, markup, rows, sign_in, sign_in_superuser, text
from tests.simulated_iiko import linked

pytestmark = pytest.mark.django_db

SECOND = "00000000-0000-4000-8000-00000000000b"
ENGLISH = {"Accept-Language": "en"}


def refused(order_id: str = ORDER_ID, **changes: Any) -> dict[str, Any]:
    wire = {"event_type": "DeliveryOrderError", "creation_status": "Error", "order": None}
    return cloud_event(order_id=order_id, **(wire | changes))


def overview(client: Client) -> dict[str, tuple[str, str]]:
    """Name → number and address of every tile."""
    page = markup(client.get("/admin/", headers=ENGLISH))
    found = re.findall(
        r'<a class="hub-tile[^"]*" href="([^"]+)"><b>([^<]*)</b><span>([^<]*)', page, re.DOTALL
    )
    return {title: (number, unescape(url)) for url, number, title in found}


def timeline() -> list[tuple[str, Any]]:
    entries = TimelineEntry.objects.filter(what="acknowledged").order_by("id")
    return [(entry.actor, entry.to_value) for entry in entries]


@pytest.fixture
def chief(client: Client) -> Client:
    linked(make_organization())
    sign_in_superuser(client)
    return client


ONE_NOT_ACCEPTED = "order not accepted by the POS, 24 h"
NONE_NOT_ACCEPTED = "orders not accepted by the POS, 24 h"


def test_refused_orders_are_counted_for_a_day(chief: Client) -> None:
    arrive(refused(), refused(SECOND, number=7))
    Order.objects.filter(iiko_order_id=SECOND).update(updated_at=timezone.now() - timedelta(hours=25))

    number, url = overview(chief)[ONE_NOT_ACCEPTED]

    assert (number, len(rows(chief.get(url)))) == ("1", 1)
    assert len(rows(chief.get(f"{ORDERS}?state=refused_all"))) == 2


def test_refused_order_is_acknowledged_on_its_page(chief: Client) -> None:
    arrive(refused())
    order = Order.objects.get()
    page = f"{ORDERS}{order.pk}/change/"
    assert "Acknowledge" in text(chief.get(page, headers=ENGLISH))

    assert chief.get(f"{ORDERS}{order.pk}/seen/").status_code == 302
    assert timeline() == []  # nothing happens on GET
    for _ in range(2):
        assert chief.post(f"{ORDERS}{order.pk}/seen/").status_code == 302

    assert timeline() == [("chief", {"what": "refusal"})]
    assert NONE_NOT_ACCEPTED not in overview(chief)
    told = text(chief.get(page, headers=ENGLISH))
    assert "Acknowledged by chief" in told
    assert "the POS did not take the order" in told
    assert not re.search(r"\bAcknowledge\b", told)
    order.refresh_from_db()
    assert order.refusal_acknowledged_at is not None


def test_another_refusal_wants_to_be_seen_to_again(chief: Client) -> None:
    arrive(refused())
    chief.post(f"{ORDERS}{Order.objects.get().pk}/seen/")

    arrive(refused(timestamp=REVISION + 5, error_info={"code": "InvalidPhone", "message": "no"}))

    assert overview(chief)[ONE_NOT_ACCEPTED][0] == "1"


def test_who_acknowledged_is_kept_when_two_rows_turn_out_to_be_one_order(chief: Client) -> None:
    arrive(refused(order_id=ORDER_ID, external_number=None))
    post(Client(), soi_message(kind="CREATE", order_id=None, message={"creationStatus": "ERROR"}))
    drain()
    Order.objects.filter(iiko_order_id=None).update(
        refusal_acknowledged_at=timezone.now(), refusal_acknowledged_by="vera"
    )

    arrive(refused(order_id=ORDER_ID, external_number="20260314-117", timestamp=REVISION + 1))

    order = Order.objects.get()
    assert order.refusal_acknowledged_at is not None
    assert order.refusal_acknowledged_by == "vera"


def test_order_that_was_taken_is_not_acknowledged(chief: Client) -> None:
    arrive(cloud_event(status="OnWay"))

    answer = chief.post(f"{ORDERS}{Order.objects.get().pk}/seen/", follow=True, headers=ENGLISH)

    assert "The POS did not refuse this order." in text(answer)
    assert timeline() == []


def test_chosen_orders_are_acknowledged_at_once(chief: Client) -> None:
    arrive(refused(), refused(SECOND, number=7), cloud_event(order_id="third", status="OnWay", number=8))
    chosen = list(Order.objects.values_list("pk", flat=True))

    answer = chief.post(
        ORDERS, {"action": "acknowledge_refusals", "_selected_action": chosen}, follow=True, headers=ENGLISH
    )

    assert "2 acknowledged." in text(answer)
    assert len(timeline()) == 2
    assert NONE_NOT_ACCEPTED not in overview(chief)


def test_who_may_only_look_acknowledges_nothing(client: Client) -> None:
    linked(make_organization())
    arrive(refused())
    order = Order.objects.get()
    command = made(order, CommandState.REJECTED)
    sign_in(client, "orders.view_order", "orders.view_ordercommand")

    assert client.post(f"{ORDERS}{order.pk}/seen/").status_code == 403
    assert client.post(f"{COMMANDS}{command.pk}/seen/").status_code == 403
    client.post(ORDERS, {"action": "acknowledge_refusals", "_selected_action": [order.pk]})
    client.post(COMMANDS, {"action": "acknowledge", "_selected_action": [command.pk]})

    assert timeline() == []
    assert "Acknowledge" not in text(client.get(f"{ORDERS}{order.pk}/change/", headers=ENGLISH))


def made(order: Order, state: CommandState, *, hours: float = 1, **changes: Any) -> OrderCommand:
    moment = timezone.now() - timedelta(hours=hours)
    is_over = state not in (CommandState.PENDING, CommandState.SENT, CommandState.UNKNOWN)
    fields = {
        "kind": CommandKind.UPDATE_STATUS,
        "params": {"status": "OnWay"},
        "requested_by": "chief",
        "created_at": moment,
        "finished_at": moment if is_over else None,
    }
    return OrderCommand.objects.create(order=order, state=state, **(fields | changes))


@pytest.fixture
def order(chief: Client) -> Order:
    arrive(cloud_event(status="Waiting"))
    return Order.objects.get(organization_id=ORGANIZATION_ID)


def test_commands_that_want_a_look_are_counted_and_listed(chief: Client, order: Order) -> None:
    made(order, CommandState.REJECTED)
    made(order, CommandState.EXPIRED, error_code="not_done")
    made(order, CommandState.EXPIRED, error_code="given_up")
    made(order, CommandState.REJECTED, hours=25)
    made(order, CommandState.SENT)
    made(order, CommandState.PENDING, hours=0.01)
    made(order, CommandState.NEEDS_ATTENTION, hours=30)
    made(order, CommandState.NEEDS_ATTENTION, hours=24 * 8)
    made(order, CommandState.CONFIRMED)

    told = {title: told for title, told in overview(chief).items() if "command" in title}

    assert {title: number for title, (number, _url) in told.items()} == {
        "command needs attention": "1",
        "commands refused or not done, 24 h": "2",
        "command without an answer": "1",
    }
    for number, url in told.values():
        assert len(rows(chief.get(url))) == int(number)


def test_commands_that_want_no_look_have_no_tile(chief: Client, order: Order) -> None:
    made(order, CommandState.CONFIRMED)

    assert [title for title in overview(chief) if "command" in title] == []


def test_failed_command_is_acknowledged_on_the_page_of_its_order(chief: Client, order: Order) -> None:
    command = made(order, CommandState.REJECTED)
    page = f"{ORDERS}{order.pk}/change/"
    assert f"{COMMANDS}{command.pk}/seen/" in markup(chief.get(page))

    for _ in range(2):
        chief.post(f"{COMMANDS}{command.pk}/seen/")

    assert timeline() == [
        (
            "chief",
            {"what": "command", "command_id": command.pk, "kind": "update_status", "state": "rejected"},
        )
    ]
    assert "commands refused or not done, 24 h" not in overview(chief)
    assert "Acknowledged by chief" in text(chief.get(page, headers=ENGLISH))
    assert "Acknowledged by chief" in text(chief.get(f"{COMMANDS}{command.pk}/change/", headers=ENGLISH))


def test_chosen_commands_are_acknowledged_at_once(chief: Client, order: Order) -> None:
    chosen = [
        made(order, state).pk for state in (CommandState.REJECTED, CommandState.EXPIRED, CommandState.SENT)
    ]

    answer = chief.post(
        COMMANDS, {"action": "acknowledge", "_selected_action": chosen}, follow=True, headers=ENGLISH
    )

    assert "2 acknowledged." in text(answer)
    assert len(timeline()) == 2


def test_asking_again_acknowledges_the_refusal(chief: Client, order: Order) -> None:
    command = made(order, CommandState.REJECTED)

    chief.post(f"{COMMANDS}{command.pk}/retry/")

    assert OrderCommand.objects.count() == 2
    command.refresh_from_db()
    assert command.acknowledged_by == "chief"
