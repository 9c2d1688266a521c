"""Open orders that iiko no longer lists: they end only when that is sure, and come back."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from iiko_client.http.transport import Retries
from iiko_client.models.statuses import DeliveryStatus
from orders.actions.status import StatusParams, UpdateStatus
from orders.commands import dispatch, submission
from orders.commands.submission import Requester
from orders.models.command import CommandState, OrderCommand
from orders.models.order import Order, TimelineEntry
from organizations.models.organization import Organization
from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    REVISION,
    authorized,
    cloud_event,
    drain,
    inbox,
    make_key,
    make_organization,
    post,
)
from tests.pages import ORDERS, sign_in_superuser, text
from tests.simulated_iiko import CORRELATION, SimulatedIiko, linked, refusal
from webhooks.models.reconciliation import OrderSync

pytestmark = pytest.mark.django_db

BY_REVISION = "deliveries/by_revision"
BY_ID = "deliveries/by_id"
CHANGE = "deliveries/update_order_delivery_status"
WITNESS = "00000000-0000-4000-8000-0000000000aa"


def info(order_id: str = ORDER_ID, **changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = cloud_event(order_id=order_id, **changes)["eventInfo"]
    return told


def listing(*infos: Any) -> dict[str, Any]:
    return {"correlationId": CORRELATION, "orders": list(infos)}


def age(order_id: str = ORDER_ID, *, minutes: int = 90) -> None:
    """Let an order and what was noted of it be so much older."""
    gap = timedelta(minutes=minutes)
    row = Order.objects.get(iiko_order_id=order_id)
    noted = row.not_listed_since and row.not_listed_since - gap
    Order.objects.filter(pk=row.pk).update(
        created_at=row.created_at - gap, updated_at=row.updated_at - gap, not_listed_since=noted
    )
    OrderSync.objects.update(open_asked_at=None)


def order(order_id: str = ORDER_ID) -> Order:
    return Order.objects.get(iiko_order_id=order_id)


def sync() -> None:
    call_command("sync_orders", verbosity=0)
    drain()


def sync_twice(order_id: str = ORDER_ID) -> None:
    sync()
    age(order_id, minutes=3)
    sync()


def unlisted_entries() -> list[tuple[str, bool, bool]]:
    rows = TimelineEntry.objects.filter(what="unknown_to_iiko_at").order_by("id")
    return [(row.actor, row.from_value is not None, row.to_value is not None) for row in rows]


@pytest.fixture
def restaurant(iiko: SimulatedIiko, monkeypatch: pytest.MonkeyPatch) -> Organization:
    """Followed by revision; nothing changes any more."""
    monkeypatch.setattr(Retries, "pause_s", lambda *_: 0.0)
    organization = linked(make_organization(dictionaries_synced_at=timezone.now()))
    login = organization.api_login
    assert login is not None
    now = timezone.now()
    origin = f"{login.pk} {login.base_url}"
    OrderSync.objects.create(
        organization=organization, origin=origin, revision=400, synced_at=now, judged_until=now
    )
    none = [{"organizationId": ORGANIZATION_ID, "orders": []}]
    iiko.answers(
        BY_REVISION, {"correlationId": CORRELATION, "maxRevision": 400, "ordersByOrganizations": none}
    )
    return organization


@pytest.fixture
def two_orders(restaurant: Organization, client: Client) -> None:
    """One that will be missing, and one more of the same source."""
    post(client, [cloud_event(status="OnWay"), cloud_event(order_id=WITNESS, number=7, status="Closed")])
    drain()
    age()


@pytest.mark.usefixtures("two_orders")
def test_order_left_out_twice_ends_as_unknown_to_iiko(iiko: SimulatedIiko, client: Client) -> None:
    iiko.answers(BY_ID, listing(info(WITNESS, status="Closed")))

    sync()
    assert (order().is_open, order().unknown_to_iiko_at) == (True, None)
    before = order().updated_at
    age(minutes=3)
    sync()

    assert iiko.bodies(BY_ID)[0] == {"organizationId": ORGANIZATION_ID, "orderIds": [ORDER_ID, WITNESS]}
    gone = order()
    assert (gone.status, gone.is_open, gone.late_at(timezone.now())) == ("OnWay", False, False)
    assert gone.unknown_to_iiko_at is not None
    assert gone.updated_at > before  # integrators read it as a change
    assert unlisted_entries() == [("hub", False, True)]
    assert not Order.objects.late(timezone.now()).filter(pk=gone.pk).exists()


@pytest.mark.usefixtures("two_orders")
def test_page_list_and_api_say_so(iiko: SimulatedIiko, client: Client) -> None:
    iiko.answers(BY_ID, listing(info(WITNESS, status="Closed")))
    sync_twice()
    sign_in_superuser(client)

    page = text(client.get(f"{ORDERS}{order().pk}/change/", headers={"Accept-Language": "en"}))
    assert "Unknown to iiko. Read by id, iiko no longer lists it" in page
    assert "read by id, iiko no longer lists it" in page
    assert "№142" not in text(client.get(f"{ORDERS}?state=open"))
    assert "№142" in text(client.get(f"{ORDERS}?state=unknown_to_iiko"))
    told = client.get(f"/api/v1/orders/{order().pk}", headers=authorized(make_key())).json()
    assert told["unknown_to_iiko_at"] is not None
    assert told["is_open"] is False
    assert {one["code"] for one in told["allowed_actions"] if one["action"] == "cancel"} == {
        "unknown_to_iiko"
    }


@pytest.mark.usefixtures("two_orders")
def test_action_on_it_is_refused_and_nothing_stored(iiko: SimulatedIiko, client: Client) -> None:
    iiko.answers(BY_ID, listing(info(WITNESS, status="Closed")))
    sync_twice()

    answer = client.post(
        f"/api/v1/orders/{order().pk}/update-status",
        {"status": "Delivered"},
        content_type="application/json",
        headers=authorized(make_key()),
    )

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "unknown_to_iiko")
    assert OrderCommand.objects.count() == 0


@pytest.mark.usefixtures("two_orders")
@pytest.mark.parametrize(
    "answer",
    [
        listing(),
        {"correlationId": CORRELATION},
        listing({"organizationId": ORGANIZATION_ID}, info(WITNESS, status="Closed")),
    ],
    ids=["empty", "no list", "partial"],
)
def test_answer_that_proves_nothing_ends_nothing(iiko: SimulatedIiko, answer: Any) -> None:
    iiko.answers(BY_ID, answer)

    sync_twice()
    age(minutes=30)
    sync()

    assert (order().is_open, order().not_listed_since, unlisted_entries()) == (True, None, [])


@pytest.mark.usefixtures("two_orders")
@pytest.mark.parametrize("status", [400, 500])
def test_error_ends_nothing_and_does_not_stop_the_reading(iiko: SimulatedIiko, status: int) -> None:
    iiko.answers(BY_ID, refusal("Organization is not bound to this ApiLogin"), status=status)

    sync_twice()

    assert (order().is_open, unlisted_entries()) == (True, [])
    assert OrderSync.objects.get().error == ""


def test_login_that_is_shown_one_source_says_nothing_of_another(
    restaurant: Organization, iiko: SimulatedIiko, client: Client
) -> None:
    own = cloud_event(order_id=WITNESS, number=7, status="Closed", sourceKey="shop")
    post(client, [cloud_event(status="OnWay", sourceKey="aggregator"), own])
    drain()
    age()
    iiko.answers(BY_ID, listing(info(WITNESS, status="Closed", sourceKey="shop")))

    sync_twice()

    assert (order().is_open, unlisted_entries()) == (True, [])


def test_only_order_that_was_ever_told_of_ends_where_the_login_sees_the_restaurant(
    restaurant: Organization, iiko: SimulatedIiko, client: Client
) -> None:
    post(client, [cloud_event(status="OnWay")])
    drain()
    age()
    iiko.answers(BY_ID, listing())

    sync_twice()

    assert (order().is_open, unlisted_entries()) == (False, [("hub", False, True)])


def test_nor_does_it_where_the_login_was_not_seen_to_serve_it(
    restaurant: Organization, iiko: SimulatedIiko, client: Client
) -> None:
    Organization.objects.update(dictionaries_synced_at=None)
    post(client, [cloud_event(status="OnWay")])
    drain()
    age()
    iiko.answers(BY_ID, listing())

    sync_twice()

    assert (order().is_open, unlisted_entries()) == (True, [])


@pytest.mark.parametrize(
    ("changes", "minutes", "is_noted"),
    [
        ({"status": "OnWay"}, 5, False),
        ({"status": "OnWay"}, 16, True),
        ({"creation_status": "InProgress", "order": None}, 30, False),
        ({"creation_status": "InProgress", "order": None}, 90, True),
    ],
)
def test_order_that_was_just_made_has_time(
    restaurant: Organization,
    iiko: SimulatedIiko,
    client: Client,
    changes: dict[str, Any],
    minutes: int,
    is_noted: bool,
) -> None:
    post(client, [cloud_event(**changes), cloud_event(order_id=WITNESS, number=7, status="Closed")])
    drain()
    age(minutes=minutes)
    iiko.answers(BY_ID, listing(info(WITNESS, status="Closed")))

    sync()

    assert (order().not_listed_since is not None) is is_noted


class TestComesBack:
    @pytest.fixture(autouse=True)
    def _gone(self, two_orders: None, iiko: SimulatedIiko) -> None:
        iiko.answers(BY_ID, listing(info(WITNESS, status="Closed")))
        sync_twice()
        assert order().is_open is False

    def test_by_a_webhook(self, client: Client) -> None:
        post(client, [cloud_event(status="Delivered", timestamp=REVISION + 5)])
        drain()

        assert (order().is_open, order().unknown_to_iiko_at, order().not_listed_since) == (True, None, None)
        assert unlisted_entries() == [("hub", False, True), ("iiko", True, False)]

    def test_by_an_answer_that_tells_nothing_new(self, iiko: SimulatedIiko) -> None:
        iiko.forget(BY_REVISION)
        again = [{"organizationId": ORGANIZATION_ID, "orders": [info(status="OnWay")]}]
        iiko.answers(
            BY_REVISION, {"correlationId": CORRELATION, "maxRevision": 401, "ordersByOrganizations": again}
        )
        before = order().updated_at

        sync()

        assert (order().is_open, order().unknown_to_iiko_at) == (True, None)
        assert order().updated_at > before
        assert unlisted_entries() == [("hub", False, True), ("hub", True, False)]

    def test_not_by_a_replay_nor_by_late_news_of_old(self, client: Client) -> None:
        first = next(event for event in inbox() if event.entity_key == ORDER_ID)
        client.post(f"/api/v1/webhooks/events/{first.pk}/replay", headers=authorized(make_key()))
        post(client, [cloud_event(status="Waiting", timestamp=REVISION - 5)])
        drain()

        assert (order().is_open, unlisted_entries()) == (False, [("hub", False, True)])


def asked() -> OrderCommand:
    return submission.request(
        UpdateStatus(),
        StatusParams(DeliveryStatus.DELIVERED),
        order_id=order().pk,
        by=Requester("operator", "operator"),
        now=timezone.now(),
    )


def looked_for(iiko: SimulatedIiko, answers: Sequence[Any]) -> OrderCommand:
    """Send a command whose answer is lost, and set what iiko then says of its order."""
    iiko.answers(CHANGE, "", status=408)
    for answer in answers:
        iiko.answers(BY_ID, answer)
    command = asked()
    now = timezone.now()
    for _ in range(2):
        now += timedelta(seconds=10)
        dispatch.advance(command.pk, clock=lambda: now)  # noqa: B023  # called at once
    return command


@pytest.mark.usefixtures("two_orders")
def test_what_a_command_does_not_find_is_asked_for_again(iiko: SimulatedIiko) -> None:
    looked_for(iiko, [listing()])
    assert order().not_listed_since is not None
    iiko.forget(BY_ID)
    iiko.answers(BY_ID, listing(info(WITNESS, status="Closed")))
    age(minutes=3)

    sync()

    assert (order().is_open, unlisted_entries()) == (False, [("hub", False, True)])


@pytest.mark.usefixtures("two_orders")
def test_command_that_waits_is_not_sent_for_an_order_that_is_gone(iiko: SimulatedIiko) -> None:
    command = asked()
    iiko.answers(BY_ID, listing(info(WITNESS, status="Closed")))
    sync_twice()

    dispatch.advance(command.pk, clock=timezone.now)

    command.refresh_from_db()
    assert (command.state, command.error_code) == (CommandState.REJECTED, "unknown_to_iiko")
    assert iiko.bodies(CHANGE) == []


@pytest.mark.usefixtures("two_orders")
def test_dry_run_asks_and_notes_nothing(iiko: SimulatedIiko) -> None:
    call_command("sync_orders", verbosity=0, dry_run=True)

    assert (iiko.bodies(BY_ID), order().not_listed_since) == ([], None)
