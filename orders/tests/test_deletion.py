"""An order that iiko deleted: over like a cancelled one, and said to be deleted wherever it is shown."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from iikohub.dashboard.orders import OpenOrders
from orders.models.command import OrderCommand
from orders.models.order import Order, TimelineEntry
from tests.acting import Acting, make_courier, refused, timeline
from tests.builders import (
    COURIER_ID,
    ORDER_ID,
    REVISION,
    cloud_event,
    drain,
    inbox,
    make_key,
    post,
    soi_message,
)
from tests.pages import ORDERS, rows, sign_in_superuser, text
from tests.simulated_iiko import SimulatedIiko

pytestmark = pytest.mark.django_db

SECOND_ID = "8c1d2e3f-4a5b-4c6d-8e7f-9a0b1c2d3e4f"
LATE = "2026-03-14 19:40:00.000"


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    return Acting(iiko)


def deleted(acting: Acting, **changes: Any) -> Order:
    acting.has(status="OnWay")
    return acting.has(status="OnWay", isDeleted=True, **changes)


def found_by(acting: Acting, query: str) -> int:
    return len(acting.get(f"orders?{query}")["results"])


# --- what it is --------------------------------------------------------------------------------------


def test_deleted_order_is_neither_open_nor_late_and_says_so(acting: Acting) -> None:
    acting.has(status="OnWay", completeBefore=LATE)
    assert (found_by(acting, "open=true"), found_by(acting, "late=true")) == (1, 1)

    order = deleted(acting, completeBefore=LATE)

    assert (order.is_deleted, order.is_open, order.status) == (True, False, "OnWay")
    assert (found_by(acting, "open=true"), found_by(acting, "late=true")) == (0, 0)
    assert (found_by(acting, "open=false"), found_by(acting, "late=false")) == (1, 1)
    [row] = acting.get("orders")["results"]
    assert (row["is_deleted"], row["is_late"]) == (True, False)
    detail = acting.get(f"orders/{order.pk}")
    assert (detail["is_deleted"], detail["is_open"], detail["is_late"]) == (True, False, False)
    [entry] = TimelineEntry.objects.filter(what="is_deleted")
    assert (entry.from_value, entry.to_value) == (False, True)


def test_newer_false_opens_it_again_absent_and_null_change_nothing(acting: Acting) -> None:
    deleted(acting)
    acting.has(status="OnWay", isDeleted=None)
    event = cloud_event(status="OnWay", timestamp=REVISION + 100_000)
    del event["eventInfo"]["order"]["isDeleted"]
    post(Client(), [event])
    drain()
    assert Order.objects.get().is_open is False

    post(Client(), [cloud_event(status="OnWay", timestamp=REVISION + 200_000, isDeleted=False)])
    drain()

    assert (Order.objects.get().is_open, Order.objects.get().is_deleted) == (True, False)
    told = TimelineEntry.objects.filter(what="is_deleted").order_by("id")
    assert [(one.from_value, one.to_value) for one in told] == [(False, True), (True, False)]


def test_older_false_and_soi_do_not_undo_it(acting: Acting) -> None:
    deleted(acting)

    post(Client(), [cloud_event(status="OnWay", timestamp=REVISION - 1, isDeleted=False)])
    post(Client(), soi_message(orderStatus="WAITING"))
    drain()

    order = Order.objects.get()
    assert (order.is_deleted, order.is_open, order.status) == (True, False, "OnWay")


@pytest.mark.parametrize("first", [True, False])
def test_of_equal_revisions_the_deletion_counts(acting: Acting, *, first: bool) -> None:
    for flag in (first, not first):
        post(Client(), [cloud_event(status="OnWay", isDeleted=flag)])
    drain()

    assert Order.objects.get().is_deleted is True


def test_flag_beside_the_order_counts_as_well(acting: Acting) -> None:
    acting.has(status="OnWay")

    post(Client(), [cloud_event(timestamp=REVISION + 5000, order=None, info={"isDeleted": True})])
    drain()

    assert Order.objects.get().is_open is False


def test_order_first_heard_of_when_it_was_deleted_tells_it(acting: Acting) -> None:
    order = acting.has(status="Waiting", isDeleted=True)

    whats = TimelineEntry.objects.filter(order=order).values_list("what", flat=True)
    assert {"status", "is_deleted"} <= set(whats)
    assert not order.is_open


def test_it_is_told_to_those_who_follow_the_changes(acting: Acting) -> None:
    before = acting.has(status="OnWay").updated_at
    assert deleted(acting).updated_at > before


def test_board_counts_it_no_more(acting: Acting) -> None:
    acting.has(status="OnWay", completeBefore=LATE)
    assert counted("number", "late") == [1, 1]

    deleted(acting)

    assert counted("number", "late") == [0, 0]


def counted(*names: str) -> list[int]:
    """Count the open orders as a superuser sees them."""
    open_orders = OpenOrders(User(is_superuser=True), timezone.now())
    return [open_orders.total(name) for name in names]


# --- what may be asked -------------------------------------------------------------------------------

ASKED = {
    "update-status": {"status": "Delivered"},
    "assign-courier": {"courier_id": COURIER_ID},
    "update-payment": {"payments": [{"paymentTypeKind": "Cash", "sum": 2000}]},
    "apply-discount": {"discount_percent": 10, "reissue": True},
    "cancel": {"cancel_reason": "нет"},
}


@pytest.mark.parametrize("action", ASKED)
def test_every_action_is_refused_with_that_reason(acting: Acting, action: str) -> None:
    make_courier()
    deleted(acting)

    assert refused(acting.ask(action, ASKED[action])) == (409, "order_deleted")
    assert acting.iiko.operations() == []


def test_page_offers_no_action(acting: Acting) -> None:
    order = deleted(acting)

    codes = {one["code"] for one in acting.get(f"orders/{order.pk}")["allowed_actions"]}

    assert codes == {"order_deleted"}


def test_unsent_command_of_an_order_deleted_meanwhile_ends(acting: Acting) -> None:
    make_courier()
    acting.has(status="Waiting")
    command = acting.asked("assign-courier", {"courier_id": COURIER_ID})
    acting.has(status="Waiting", isDeleted=True)

    acting.step(command)

    assert (command.state, command.error_code) == ("rejected", "order_deleted")
    assert timeline(command)[-1] == ("pending", "rejected", "hub")
    assert acting.iiko.operations() == []


def test_command_whose_answer_was_lost_is_over_when_iiko_shows_the_order_deleted(acting: Acting) -> None:
    make_courier()
    acting.has(status="Waiting")
    command = acting.asked("assign-courier", {"courier_id": COURIER_ID})
    acting.iiko.answers("deliveries/update_order_courier", {}, status=408)
    acting.step(command)
    acting.shows(status="Waiting", isDeleted=True)

    acting.step_when_due(command)

    assert (command.state, command.error_code) == ("expired", "over_without_it")


def test_bulk_action_leaves_it_out_with_the_reason(acting: Acting, client: Client) -> None:
    make_courier()
    order = deleted(acting)
    sign_in_superuser(client)
    client.cookies["django_language"] = "en"

    fields = {"key": str(uuid.uuid4()), "order": [order.pk], "courier": COURIER_ID}
    page = client.post(f"{ORDERS}ask/courier/", fields, follow=True)

    assert "Not requested The order is deleted in iiko." in text(page)
    assert OrderCommand.objects.count() == 0


# --- pages -------------------------------------------------------------------------------------------


def test_pages_say_that_it_was_deleted(acting: Acting, client: Client) -> None:
    order = deleted(acting)
    sign_in_superuser(client)

    page, listed = text(client.get(f"{ORDERS}{order.pk}/change/")), rows(client.get(ORDERS))

    assert "Удалён" in listed[0]
    assert "Удалён в iiko" in page
    assert rows(client.get(f"{ORDERS}?state=open")) == []
    assert len(rows(client.get(f"{ORDERS}?state=deleted"))) == 1


def test_order_that_took_its_place_is_named(acting: Acting, client: Client) -> None:
    old = deleted(acting)
    new = acting.has(order_id=SECOND_ID, status="Waiting", external_number=None)
    sign_in_superuser(client)

    detail = acting.get(f"orders/{old.pk}")

    assert [(one["relation"], one["id"]) for one in detail["related_orders"]] == [("in_its_place", new.pk)]
    assert f"{ORDERS}{new.pk}/change/" in client.get(f"{ORDERS}{old.pk}/change/").content.decode()


@pytest.mark.parametrize(
    "other",
    [
        {"number": 7},
        {"isDeleted": True},
        {"whenCreated": "2026-03-16 18:42:11.480"},
    ],
)
def test_no_other_order_is_taken_for_it(acting: Acting, other: dict[str, Any]) -> None:
    old = deleted(acting)
    acting.has(order_id=SECOND_ID, status="Waiting", external_number=None, **other)

    assert acting.get(f"orders/{old.pk}")["related_orders"] == []


def test_dry_run_tells_the_deletion(acting: Acting) -> None:
    deleted(acting)
    event = inbox()[-1]
    Order.objects.update(is_deleted=None, field_precedence={})
    make_key()

    answer = (
        Client()
        .post(
            f"/api/v1/webhooks/events/{event.pk}/replay",
            {"dry_run": True},
            content_type="application/json",
            headers={"Authorization": f"Api-Key {acting.key}"},
        )
        .json()
    )

    changed = {one["name"]: one["to"] for one in answer["changes"][0]["fields"]}
    assert changed["is_deleted"] is True


def test_reconciliation_does_not_ask_for_it(acting: Acting) -> None:
    deleted(acting)

    assert not Order.objects.open().filter(iiko_order_id=ORDER_ID).exists()
