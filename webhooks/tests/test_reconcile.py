"""``sync_orders``: what iiko knows and no webhook brought ends in the inbox, once."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import responses
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from orders.models.order import Order
from organizations.models.organization import Organization
from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    REVISION,
    cloud_event,
    drain,
    inbox,
    make_organization,
    make_other_organization,
    make_terminal_group,
    post,
)
from tests.simulated_iiko import IIKO, SimulatedIiko, linked, make_login, refusal
from webhooks.management.commands.sync_orders import PATIENCE_S
from webhooks.models.inbox import EventSource
from webhooks.models.reconciliation import OrderSync, SyncLease
from webhooks.reconciliation.missed_webhooks import count_missed, missed_orders
from webhooks.reconciliation.run import SyncRunning, lease

pytestmark = pytest.mark.django_db

BY_REVISION = "deliveries/by_revision"
BY_DATE = "deliveries/by_delivery_date_and_status"
BY_ID = "deliveries/by_id"


def info(**changes: Any) -> dict[str, Any]:
    """Make an order as an answer tells it: a webhook's ``eventInfo``."""
    told: dict[str, Any] = cloud_event(**changes)["eventInfo"]
    return told


def page(
    *infos: dict[str, Any], revision: int = 500, organization_id: str = ORGANIZATION_ID
) -> dict[str, Any]:
    return {
        "correlationId": ORDER_ID,
        "maxRevision": revision,
        "ordersByOrganizations": [{"organizationId": organization_id, "orders": list(infos)}],
    }


def at(
    organization: Organization, revision: int = 400, *, ago: timedelta = timedelta(minutes=1)
) -> OrderSync:
    """Make a restaurant that was read up to ``revision`` some time ago."""
    moment = timezone.now() - ago
    login = organization.api_login
    assert login is not None
    return OrderSync.objects.create(
        organization=organization,
        origin=f"{login.pk} {login.base_url}",
        revision=revision,
        synced_at=moment,
        judged_until=moment,
    )


def run(**options: Any) -> str:
    out = StringIO()
    call_command("sync_orders", stdout=out, **options)
    return out.getvalue()


def cursor(organization_id: str = ORGANIZATION_ID) -> OrderSync:
    return OrderSync.objects.get(organization_id=organization_id)


@pytest.fixture
def restaurant() -> Organization:
    return linked(make_organization())


class TestByRevision:
    def test_missed_order_enters_the_inbox_and_the_mirror(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        at(restaurant)
        iiko.answers(BY_REVISION, page(info(status="OnWay", sum=19.99)))

        told = run()
        drain()

        assert iiko.bodies(BY_REVISION) == [{"organizationIds": [ORGANIZATION_ID], "startRevision": 400}]
        (event,) = inbox()
        assert (event.source, event.event_type, event.revision) == (
            EventSource.RECONCILE, "DeliveryOrderUpdate", REVISION,
        )  # fmt: skip
        order = Order.objects.get()
        assert (order.status, order.amount_minor, order.revision) == ("OnWay", 1999, REVISION)
        assert cursor().revision == 500
        assert "1 order read, 1 was put into the inbox." in told

    def test_what_a_webhook_brought_is_not_stored_again(
        self, restaurant: Organization, iiko: SimulatedIiko, client: Client
    ) -> None:
        at(restaurant)
        post(client, [cloud_event(status="OnWay")])
        iiko.answers(BY_REVISION, page(info(status="OnWay")))

        told = run()

        assert [(event.source, event.duplicates) for event in inbox()] == [(EventSource.WEBHOOK, 0)]
        assert "1 order read, 0 were put into the inbox." in told

    def test_webhook_with_the_shops_own_data_counts_as_known(
        self, restaurant: Organization, iiko: SimulatedIiko, client: Client
    ) -> None:
        at(restaurant)
        post(client, [cloud_event(externalData=[{"key": "channel", "value": "app"}])])
        iiko.answers(BY_REVISION, page(info(externalData=None)))

        run()

        assert len(inbox()) == 1

    def test_answer_that_leaves_the_shops_own_data_out_does_not_clear_it(
        self, restaurant: Organization, iiko: SimulatedIiko, client: Client
    ) -> None:
        at(restaurant)
        data = [{"key": "channel", "value": "app"}]
        post(client, [cloud_event(status="OnWay", externalData=data)])
        iiko.answers(BY_REVISION, page(info(status="Closed", timestamp=REVISION + 1, externalData=None)))

        run()
        drain()
        post(client, [cloud_event(status="Closed", timestamp=REVISION + 1, externalData=None)])

        order = Order.objects.get()
        assert (order.status, order.external_data) == ("Closed", data)
        assert inbox()[-1].duplicates == 1

    def test_late_webhook_is_a_repeat_of_what_was_read(
        self, restaurant: Organization, iiko: SimulatedIiko, client: Client
    ) -> None:
        at(restaurant)
        iiko.answers(BY_REVISION, page(info(sum=1e2, processedPaymentsSum=0.10)))
        run()

        post(client, [cloud_event(sum=1e2, processedPaymentsSum=0.10)])

        assert [(event.source, event.duplicates) for event in inbox()] == [(EventSource.RECONCILE, 1)]

    def test_state_older_than_the_mirror_is_left_out(
        self, restaurant: Organization, iiko: SimulatedIiko, client: Client
    ) -> None:
        at(restaurant)
        post(client, [cloud_event(timestamp=REVISION + 5, status="Closed")])
        drain()
        iiko.answers(BY_REVISION, page(info(status="OnWay")))

        run()

        assert len(inbox()) == 1
        assert Order.objects.get().status == "Closed"

    def test_refused_creation_is_an_error_event(self, restaurant: Organization, iiko: SimulatedIiko) -> None:
        at(restaurant)
        failed = info(creation_status="Error", error_info={"code": "Common", "message": "no"}, order=None)
        iiko.answers(BY_REVISION, page(failed))

        run()
        drain()

        assert inbox()[0].event_type == "DeliveryOrderError"
        assert Order.objects.get().creation_status == "Error"

    def test_event_of_a_time_when_the_restaurant_was_off_is_brought_in(
        self, restaurant: Organization, iiko: SimulatedIiko, client: Client
    ) -> None:
        post(client, [cloud_event(status="OnWay")])
        Organization.objects.update(is_active=False)
        drain()
        Organization.objects.update(is_active=True)
        at(restaurant)
        iiko.answers(BY_REVISION, page(info(status="OnWay")))

        run()
        drain()
        run()

        assert [event.source for event in inbox()] == [EventSource.WEBHOOK, EventSource.RECONCILE]
        assert Order.objects.get().status == "OnWay"

    def test_restaurants_of_a_login_are_asked_together_from_the_lowest(self, iiko: SimulatedIiko) -> None:
        login = make_login()
        first, second = linked(make_organization(), login), linked(make_other_organization(), login)
        at(first, 400)
        at(second, 390)
        answer = page(info())
        answer["ordersByOrganizations"].append({"organizationId": OTHER_ORGANIZATION_ID, "orders": []})
        iiko.answers(BY_REVISION, answer)

        run()

        (asked,) = iiko.bodies(BY_REVISION)
        assert sorted(asked["organizationIds"]) == sorted([ORGANIZATION_ID, OTHER_ORGANIZATION_ID])
        assert asked["startRevision"] == 390
        assert {row.revision for row in OrderSync.objects.all()} == {500}

    def test_empty_answer_without_a_number_does_not_go_back(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        at(restaurant)
        iiko.answers(BY_REVISION, page(revision=0))

        run()

        assert cursor().revision == 400

    def test_revision_beyond_all_that_iiko_has_is_abandoned(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        at(restaurant, 10**18)
        iiko.answers(BY_REVISION, page(revision=500))

        run()

        assert cursor().revision == 500

    def test_order_held_by_a_revision_from_the_future_is_news_all_the_same(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        post(Client(), cloud_event(status="WaitCooking", timestamp=REVISION * 1000))
        drain()
        Order.objects.update(revision=REVISION * 1000)
        at(restaurant)
        iiko.answers(BY_REVISION, page(cloud_event(status="Closed", timestamp=REVISION + 5_000)["eventInfo"]))

        run()
        drain()

        assert (Order.objects.get().status, Order.objects.get().revision) == ("Closed", REVISION + 5_000)

    def test_dry_run_writes_nothing(self, restaurant: Organization, iiko: SimulatedIiko) -> None:
        before = at(restaurant)
        iiko.answers(BY_REVISION, page(info()))

        told = run(dry_run=True)

        assert "1 would be put into the inbox." in told
        assert inbox() == []
        assert cursor().revision == before.revision
        assert not SyncLease.objects.exists()

    def test_big_answer_is_stored_page_by_page(self, restaurant: Organization, iiko: SimulatedIiko) -> None:
        at(restaurant)
        many = [info(order_id=f"3c5e7a91-b2d4-4f60-8172-{number:012d}") for number in range(450)]
        iiko.answers(BY_REVISION, page(*many))

        run()
        run()

        assert len(inbox()) == 450

    def test_change_of_login_does_not_follow_the_revisions_of_another(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        at(restaurant)
        OrderSync.objects.update(origin="7 https://elsewhere.example")
        iiko.answers(BY_DATE, page(revision=9))
        iiko.answers(BY_REVISION, page(revision=9))

        run()

        assert iiko.bodies(BY_REVISION)[0]["startRevision"] == 9


class TestByDate:
    def test_first_time_reads_days_on_the_restaurants_clock_then_follows(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        make_terminal_group(restaurant, timezone="Asia/Omsk")
        iiko.answers(BY_DATE, page(info(status="OnWay"), revision=450))
        iiko.answers(BY_REVISION, page(info(status="OnWay"), revision=460))

        run()

        first, last = iiko.bodies(BY_DATE)
        began = datetime.fromisoformat(first["deliveryDateFrom"])
        # 24 hours back on the clock of Yekaterinburg (UTC+5), an hour more for the POS in Omsk (UTC+6).
        expected = timezone.now() + timedelta(hours=5) - timedelta(hours=25)
        assert abs(began.replace(tzinfo=UTC) - expected) < timedelta(minutes=1)
        assert "deliveryDateTo" not in last
        assert iiko.bodies(BY_REVISION) == [{"organizationIds": [ORGANIZATION_ID], "startRevision": 450}]
        assert len(inbox()) == 1
        assert (cursor().revision, cursor().read_from) == (460, None)

    def test_too_old_revision_reads_by_date(self, restaurant: Organization, iiko: SimulatedIiko) -> None:
        at(restaurant)
        iiko.answers(BY_REVISION, refusal("Passed revision is too old", "TOO_OLD_REVISION"), status=400)
        iiko.answers(BY_REVISION, page(revision=700))
        iiko.answers(BY_DATE, page(info(), revision=690))

        run()

        assert [body["startRevision"] for body in iiko.bodies(BY_REVISION)] == [400, 690]
        assert len(inbox()) == 1
        assert cursor().revision == 700

    def test_after_hours_off_iiko_is_not_asked_for_what_it_refuses(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        at(restaurant, ago=timedelta(hours=4))
        iiko.answers(BY_DATE, page(revision=690))
        iiko.answers(BY_REVISION, page(revision=700))

        run()

        assert [body["startRevision"] for body in iiko.bodies(BY_REVISION)] == [690]
        # A day before the gap, the gap, and what is promised for later.
        assert len(iiko.bodies(BY_DATE)) == 3

    def test_window_with_too_much_in_it_is_halved(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        iiko.answers(BY_DATE, refusal("Too many data", "TOO_MANY_DATA_REQUESTED"), status=422)
        iiko.answers(BY_DATE, page(info(), revision=450))
        iiko.answers(BY_REVISION, page(revision=450))

        run()

        whole, first, second, later = iiko.bodies(BY_DATE)
        assert first["deliveryDateFrom"] == whole["deliveryDateFrom"]
        assert first["deliveryDateTo"] == second["deliveryDateFrom"]
        assert second["deliveryDateTo"] == whole["deliveryDateTo"] == later["deliveryDateFrom"]

    def test_minute_with_too_much_in_it_fails_and_says_so(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        iiko.answers(BY_DATE, refusal("Too many data", "TOO_MANY_DATA_REQUESTED"), status=422)

        with pytest.raises(CommandError, match="TOO_MANY_DATA_REQUESTED"):
            run()

        assert len(iiko.bodies(BY_DATE)) == 12
        assert cursor().revision is None

    def test_open_order_that_no_window_holds_is_asked_for_by_id(
        self, restaurant: Organization, iiko: SimulatedIiko, client: Client
    ) -> None:
        post(client, [cloud_event(status="OnWay")])
        drain()
        iiko.answers(BY_DATE, page(revision=450))
        iiko.answers(
            BY_ID, {"correlationId": ORDER_ID, "orders": [info(status="Closed", timestamp=REVISION + 9)]}
        )
        iiko.answers(BY_REVISION, page(revision=450))

        run()
        drain()

        assert iiko.bodies(BY_ID) == [{"organizationId": ORGANIZATION_ID, "orderIds": [ORDER_ID]}]
        assert Order.objects.get().status == "Closed"

    def test_interrupted_reading_goes_on_where_it_stopped(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        at(restaurant, ago=timedelta(hours=4))
        iiko.answers(BY_DATE, page(info(), revision=600))
        iiko.answers(BY_DATE, refusal("broken"), status=400)
        with pytest.raises(CommandError):
            run()
        stopped = cursor()
        iiko.forget(BY_DATE)
        iiko.answers(BY_DATE, page(revision=650))
        iiko.answers(BY_REVISION, page(revision=700))

        run()

        asked = iiko.bodies(BY_DATE)
        assert stopped.read_revision == 600
        # The day that failed was asked for again, the one before it was not.
        assert asked[2]["deliveryDateFrom"] == asked[1]["deliveryDateFrom"]
        assert iiko.bodies(BY_REVISION)[0]["startRevision"] == 600
        assert len(inbox()) == 1

    def test_since_reads_by_date_though_the_revision_is_known(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        at(restaurant)
        iiko.answers(BY_DATE, page(revision=450))
        iiko.answers(BY_REVISION, page(revision=450))

        run(since=f"{timezone.now() - timedelta(hours=2):%Y-%m-%dT%H:%M}")

        assert len(iiko.bodies(BY_DATE)) == 2


class TestTrouble:
    def test_without_a_login_it_says_what_to_do(self) -> None:
        make_organization()

        with pytest.raises(
            CommandError, match=r"No active restaurant has an API login\. Add a login .* IIKO_API_KEY"
        ):
            run()

    def test_restaurant_without_a_login_is_named(self) -> None:
        make_organization()

        with pytest.raises(CommandError, match=r"has no API login\. Choose one in the admin"):
            run(organization=ORGANIZATION_ID)

    def test_bad_since_is_explained(self, restaurant: Organization) -> None:
        with pytest.raises(CommandError, match="Write 2026-03-14"):
            run(since="yesterday")

    def test_one_refused_restaurant_does_not_stop_the_others(self, iiko: SimulatedIiko) -> None:
        login = make_login()
        at(linked(make_organization(), login))
        at(linked(make_other_organization(), login))

        def answer(request: Any) -> tuple[int, dict[str, str], str]:
            asked = json.loads(request.body)["organizationIds"]
            if OTHER_ORGANIZATION_ID in asked:
                return 403, {}, json.dumps(refusal("not bound to this ApiLogin"))
            return 200, {}, json.dumps(page(info()))

        iiko.mock.add_callback(responses.POST, f"{IIKO}/api/1/{BY_REVISION}", callback=answer)

        with pytest.raises(CommandError, match=r"Бар «Клён»: .*not bound"):
            run()

        assert len(inbox()) == 1
        assert (cursor().revision, cursor().error) == (500, "")
        other = cursor(OTHER_ORGANIZATION_ID)
        assert (other.revision, other.refusals) == (400, 1)
        assert other.retry_at is not None
        assert other.retry_at > timezone.now()

    def test_one_login_that_fails_does_not_stop_another(self, iiko: SimulatedIiko) -> None:
        at(linked(make_organization()))
        at(linked(make_other_organization(), make_login(name="half", api_login="", api_key="x")))
        iiko.answers(BY_REVISION, page(info()))

        with pytest.raises(CommandError, match="'half' is not complete"):
            run()

        assert len(inbox()) == 1

    def test_pause_that_iiko_asks_for_is_kept(self, restaurant: Organization, iiko: SimulatedIiko) -> None:
        at(restaurant)
        iiko.answers(BY_REVISION, refusal("slow down"), status=429, **{"Retry-After": "300"})

        with pytest.raises(CommandError):
            run()
        with pytest.raises(CommandError):
            run()

        assert len(iiko.bodies(BY_REVISION)) == 1
        assert cursor().revision == 400

    def test_second_run_does_not_go_beside_the_first(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        at(restaurant)
        assert restaurant.api_login is not None
        with lease(restaurant.api_login, wait_s=0), pytest.raises(CommandError, match="by another process"):
            run()
        assert iiko.operations() == []

        iiko.answers(BY_REVISION, page())
        run()

    def test_hold_of_a_killed_run_is_told_no_shorter_than_it_is(self, restaurant: Organization) -> None:
        assert restaurant.api_login is not None

        with lease(restaurant.api_login, wait_s=PATIENCE_S):
            until = SyncLease.objects.get().until
            with pytest.raises(SyncRunning) as refused:
                lease(restaurant.api_login, wait_s=PATIENCE_S).__enter__()

        assert "within three minutes" in refused.value.detail
        assert until is not None
        assert timedelta(minutes=2) < until - timezone.now() < timedelta(minutes=3)

    def test_hold_of_a_killed_run_ends_by_itself(self, restaurant: Organization, iiko: SimulatedIiko) -> None:
        at(restaurant)
        assert restaurant.api_login is not None
        SyncLease.objects.create(
            api_login=restaurant.api_login, holder="dead", until=timezone.now() - timedelta(seconds=1)
        )
        iiko.answers(BY_REVISION, page())

        run()

        assert cursor().revision == 500

    def test_killed_between_storing_and_noting_stores_once(
        self, restaurant: Organization, iiko: SimulatedIiko, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at(restaurant)
        iiko.answers(BY_REVISION, page(info()))
        monkeypatch.setattr(OrderSync, "save", _killed)
        with pytest.raises(KeyboardInterrupt):
            run()
        monkeypatch.undo()
        assert (len(inbox()), cursor().revision) == (1, 400)

        run()

        assert (len(inbox()), cursor().revision) == (1, 500)
        assert inbox()[0].duplicates == 0


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


class TestMissed:
    def test_alone_after_a_while_is_missed_and_late_is_not(
        self, restaurant: Organization, iiko: SimulatedIiko, client: Client
    ) -> None:
        now = timezone.now()
        fresh = int(now.timestamp() * 1000)
        at(restaurant)
        lost, late = (
            info(timestamp=fresh),
            info(order_id="aaaaaaaa-b2d4-4f60-8172-93a4b5c6d7e8", timestamp=fresh),
        )
        iiko.answers(BY_REVISION, page(lost, late))
        run()
        post(client, [cloud_event(order_id=late["id"], timestamp=fresh)])
        OrderSync.objects.update(created_at=now - timedelta(hours=1))
        later = timezone.now() + timedelta(minutes=3)

        count_missed(now=timezone.now())
        assert cursor().missed_total == 0  # too early to tell
        count_missed(now=later)
        assert cursor().missed_total == 0  # not applied yet
        drain()
        count_missed(now=later)
        count_missed(now=later + timedelta(minutes=3))

        assert cursor().missed_total == 1
        assert missed_orders([ORGANIZATION_ID], since=now - timedelta(days=1), now=later) == {
            ORGANIZATION_ID: 1
        }

    def test_what_was_there_before_the_hub_is_not_missed(
        self, restaurant: Organization, iiko: SimulatedIiko
    ) -> None:
        iiko.answers(BY_DATE, page(info()))
        iiko.answers(BY_REVISION, page())
        run()
        drain()

        count_missed(now=timezone.now() + timedelta(minutes=3))

        assert cursor().missed_total == 0
