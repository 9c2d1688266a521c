"""A night of the sandbox with faults: in the morning the attention list names each, and nothing else.

The sandbox says itself what it did wrong (its log of faults) and how things stand (its orders); the list is
compared with that. Its clock is moved by hand, an hour and a half of a past evening; what the hub does by
the clock is done as that clock goes on.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import requests
import responses
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client

from attention.models.items import AttentionItem
from attention.watch import watch
from core.database import db_clock
from iiko_client.http.transport import Retries
from iiko_client.models.statuses import DeliveryStatus as Wanted
from orders.actions.status import StatusParams, UpdateStatus
from orders.commands import dispatch, submission
from orders.commands.submission import Requester
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.connection.call_log import call_log
from organizations.dictionaries.sync import sync_logins
from organizations.models.connection import ApiLogin
from organizations.models.organization import Organization, TerminalGroup
from organizations.stop_lists.refresh import read_lists, want_all
from sandbox.catalogue.world import Organization as OrganizationOfSandbox
from sandbox.orders.order import (
    CreationStatus,
    DeliveryStatus,
    Dish,
    HalfAndHalf,
    Order as Truth,
    ServiceType,
)
from sandbox.tests.harness import Harness, open_harness
from sandbox.webhooks.webhook_queue import Delivery
from tests.builders import drain, make_organization, post
from tests.simulated_iiko import IIKO, make_login
from webhooks.models.inbox import WebhookEvent
from webhooks.monitoring.link_monitor import watch_links
from webhooks.monitoring.pos_watch import ask_login, logins_to_ask
from webhooks.receiving.configs import receive_url
from webhooks.reconciliation.run import SyncOptions
from webhooks.reconciliation.sync import sync_login, work_by_login
from webhooks.registration import register_webhook
from webhooks.registration.watch import watch_webhooks

pytestmark = [pytest.mark.django_db, pytest.mark.long]

EVENING = datetime(2026, 3, 14, 16, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STEP = 2
"""Minutes after which the hub does what it does by the clock."""
ELSEWHERE = "https://elsewhere.example/hook"
CAUSED = {
    *("pos_silent", "restaurant_silent", "webhook_unregistered", "stop_list_unread", "login_stopped"),
    *("not_listed", "command_refused", "command_waits"),
}
"""What the test has the sandbox do; the rest happens there by itself."""
Named = set[tuple[str, str]]
"""A rule, and iiko's id of what it is about."""


class Night:
    """Two restaurants of the sandbox and the hub, minute by minute."""

    def __init__(self, mock: responses.RequestsMock, harness: Harness) -> None:
        self.harness = harness
        self.simulator = harness.simulator
        self.out_of_stock: dict[str, set[tuple[str, str]]] = {}
        """What iiko told last of each restaurant: terminal group and product."""
        self._arriving: list[Delivery] = []
        self._overtaken: list[Delivery] = []
        self.simulator.sender.put = self._send  # type: ignore[method-assign]  # nothing leaves the test
        # Calls are counted by the minute of the wall.
        self.simulator.call_meter.is_too_much = lambda operation: False  # type: ignore[method-assign]
        mock.add_callback(responses.POST, url=re.compile(rf"{IIKO}/.*"), callback=self._call)
        offered = [harness.restaurant("Берёзка"), harness.restaurant("Маяк")]
        rights = {"name": "main", "organizations": [str(one.id) for one in offered]}
        harness.control("logins", rights)
        login = make_login(name="main", api_login="main")
        self.restaurants = [
            make_organization(
                iiko_id=str(one.id),
                name=one.short_name,
                timezone=one.time_zone,
                token=f"token-of-{one.id}",
                api_login=login,
            )
            for one in offered
        ]
        call_command("sync_dictionaries", verbosity=0)
        for restaurant in self.restaurants:
            assert register_webhook(restaurant, now=self.now, force=True).outcome.is_success

    def now(self) -> datetime:
        return self.harness.clock.instant

    def _call(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], Any]:
        path = str(request.url).removeprefix(IIKO)
        headers = {"Authorization": request.headers.get("Authorization", "")}
        answer = self.harness.client.post(
            path, data=request.body, headers=headers, content_type="application/json"
        )
        if path.endswith("/stop_lists") and answer.status_code == 200:
            for one in answer.get_json()["terminalGroupStopLists"]:
                self.out_of_stock[one["organizationId"]] = set(_out_of_stock(one))
        return answer.status_code, {}, answer.get_data()

    def _send(self, delivery: Delivery) -> None:
        fault = self.simulator.fault_for_delivery()
        (self._overtaken if fault.may_be_overtaken else self._arriving).extend([delivery] * fault.copies)

    # --- a minute ---

    def pass_by(self, minutes: int) -> None:
        for _ in range(0, minutes, STEP):
            self.harness.run(60 * STEP)
            db_clock.clock.start_from(db_clock.Reading(self.now(), time.monotonic(), time.time()))
            self._bring()
            self._work()
            watch(self.now())

    def _bring(self) -> None:
        arrived, self._arriving = self._arriving, self._overtaken
        self._overtaken = []
        for delivery in arrived:
            if delivery.url == receive_url():
                assert post(Client(), delivery.body, delivery.token).status_code == 200
        self._apply()

    def _apply(self) -> None:
        drain()
        # The database has its own clock, which is ahead of the night.
        now = self.now()
        WebhookEvent.objects.filter(received_at__gt=now).update(received_at=now)
        Order.objects.filter(updated_at__gt=now).update(updated_at=now)

    def _work(self) -> None:
        """Do what the hub does by the clock."""
        now = self.now()
        for work in work_by_login():
            sync_login(work, now=self.now, report=lambda _line: None, options=SyncOptions())
        self._apply()
        for login_id in logins_to_ask(now=now):
            ask_login(login_id, now=now)
        watch_links(now=now)
        if now.minute % 10 == 0:
            watch_webhooks(now=now)
            want_all(now=now)
        for restaurant in self.restaurants:
            read_lists(restaurant.iiko_id, clock=self.now)
        due = OrderCommand.objects.overdue(now + MINUTE)
        for command_id in due.values_list("pk", flat=True):
            dispatch.advance(command_id, clock=self.now)
        call_log.flush()

    # --- what is asked of iiko, and what goes wrong ---

    def faults(self, text: str) -> None:
        self.harness.control("faults", {"faults": text})

    def pos(self, restaurant: Organization, *, online: bool) -> None:
        self.harness.control("till", {"organization_id": restaurant.iiko_id, "online": online})

    def of(self, organization_id: str) -> OrganizationOfSandbox:
        found = self.simulator.world.organization(UUID(organization_id))
        assert found is not None
        return found

    def cancel_silently(self, order: Truth) -> None:
        """Let the POS cancel an order behind everybody's back."""
        life = self.simulator.engine._tracked[order.id]
        life.steps.clear()
        life.plan += 1
        cancelled = replace(order, status=DeliveryStatus.CANCELLED)
        self.simulator.engine.update_silently(cancelled, self.now())

    def overwrite_webhook(self, restaurant: Organization) -> None:
        """Let another integration of the same login have the webhooks sent to itself."""
        self.harness.log_in("main")
        settings = {"organizationId": restaurant.iiko_id, "webHooksUri": ELSEWHERE}
        self.harness.get("webhooks/update_settings", settings)

    def some(self, restaurant: Organization, *statuses: DeliveryStatus, older_than: timedelta) -> Truth:
        """Wait for an order that stands so and that the hub saw so long ago."""
        for _ in range(20):
            seen = Order.objects.open().filter(created_at__lte=self.now() - older_than)
            known = set(seen.values_list("iiko_order_id", flat=True))
            for order in self.simulator.engine.orders():
                is_ours = str(order.organization.id) == restaurant.iiko_id and str(order.id) in known
                if is_ours and order.creation is CreationStatus.SUCCESS and order.status in statuses:
                    return order
            self.pass_by(STEP)
        raise AssertionError("no such order came")

    def ask(self, order: Truth, status: Wanted) -> None:
        """Ask for a status, and let a worker send it."""
        command = submission.request(
            UpdateStatus(),
            StatusParams(status),
            order_id=Order.objects.get(iiko_order_id=str(order.id)).pk,
            by=Requester("operator", "operator"),
            now=self.now(),
        )
        dispatch.advance(command.pk, clock=self.now)


# --- what the sandbox says was wrong, and is ------------------------------------------------------------


def named_by_sandbox(night: Night) -> Named:  # noqa: C901  # one line for each fault
    """Say what the list has to name, by the sandbox's log of faults and its orders as they are."""
    ours = {restaurant.iiko_id for restaurant in night.restaurants}
    truths = {str(one.id): one for one in night.simulator.engine.orders() if str(one.organization.id) in ours}
    commands = {row["correlation_id"]: row for row in night.harness.show("commands")["commands"]}
    named: Named = set()
    for row in night.harness.show("faults/log")["faults"]:
        truth = truths.get(row.get("order_id", ""))
        is_past = datetime.fromisoformat(row["at"]) < night.now() - 10 * MINUTE
        match row["fault"]:
            case "creation_refused" if truth and truth.creation is CreationStatus.ERROR:
                named.add(("creation_refused", str(truth.id)))
            case "problem" if truth and truth.open_problem is not None and not truth.is_over:
                named.add(("problem", str(truth.id)))
            case "order_forgotten":
                named.add(("not_listed", row["order_id"]))
            case "pos_offline" if not night.simulator.engine.is_online(night.of(row["organization_id"])):
                groups = night.of(row["organization_id"]).terminal_groups
                named |= {("pos_silent", str(group.id)) for group in groups}
            case "webhook_settings" if row["url"] == ELSEWHERE:
                named.add(("webhook_unregistered", row["organization_id"]))
                named.add(("restaurant_silent", row["organization_id"]))
            case "login_refused":
                named.add(("login_stopped", row["login"]))
            case "http_500_before" if row["operation"] == "stop_lists" and not is_past:
                named |= {("stop_list_unread", ident) for ident in ours}
            case "command_refused":
                named.add(("command_refused", commands[row["correlation_id"]]["body"]["orderId"]))
    named |= {
        ("command_waits", row["body"]["orderId"]) for row in commands.values() if row["state"] == "InProgress"
    }
    for truth in truths.values():
        named |= {(rule, str(truth.id)) for rule in stuck(truth, night.now())}
        if is_not_begun(truth) and not dishes_of(truth).isdisjoint(
            night.out_of_stock[str(truth.organization.id)]
        ):
            named.add(("dish_out", str(truth.id)))
    return named


def stuck(order: Truth, now: datetime) -> Iterator[str]:
    """Say of an order as the restaurant has it what the guest would complain about."""
    if order.creation is not CreationStatus.SUCCESS or order.is_over or order.stamps.delivered:
        return
    if order.complete_before < now:
        yield "late"
    is_carried = order.service is ServiceType.COURIER and not (order.courier or order.courier_service)
    if is_carried and order.stamps.cooked and order.stamps.cooked <= now - 5 * MINUTE:
        yield "no_courier"


def is_not_begun(order: Truth) -> bool:
    is_taken = order.creation is CreationStatus.SUCCESS and order.stamps.printed is None
    return is_taken and order.status in (DeliveryStatus.UNCONFIRMED, DeliveryStatus.WAIT_COOKING)


def dishes_of(order: Truth) -> set[tuple[str, str]]:
    products = [line.product for line in order.lines if isinstance(line, Dish)]
    products += [
        half.product for line in order.lines if isinstance(line, HalfAndHalf) for half in line.halves
    ]
    return {(str(order.terminal_group.id), str(product.id)) for product in products}


def _out_of_stock(told: Any) -> Iterator[tuple[str, str]]:
    """Yield what is out in all of its sizes."""
    for group in told["items"]:
        for item in group["items"]:
            if item["balance"] <= 0 and item["sizeId"] is None:
                yield group["terminalGroupId"], item["productId"]


def named_by_hub() -> Named:
    groups = {str(group.pk): group.iiko_id for group in TerminalGroup.objects.all()}
    named: Named = set()
    for item in AttentionItem.objects.current().select_related("order"):
        kind, _colon, ident = item.subject.partition(":")
        about = {"terminal_group": groups.get(ident), "login": item.facts.get("name"), "restaurant": ident}
        iiko_order_id = item.order.iiko_order_id if item.order is not None else None
        named.add((item.rule, str(iiko_order_id or about.get(kind) or item.subject)))
    return named


@pytest.fixture
def night(db: None, monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Iterator[Night]:
    settings.WEBHOOK_BASE_URL = "https://hub.example"
    monkeypatch.setattr(Retries, "pause_s", lambda *_: 0.0)
    monkeypatch.setattr("sandbox.tests.harness.OPENED_AT", EVENING)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Night(mock, open_harness(rate=1.6, speed=1))


def test_list_names_in_the_morning_what_went_wrong_at_night_and_nothing_else(night: Night) -> None:
    birch, beacon = night.restaurants
    night.faults("duplicate=0.2,reorder=0.2,batch=0.3")
    night.pass_by(20)

    # What is over by the morning.
    night.pos(birch, online=False)
    night.pass_by(6)
    night.pos(birch, online=True)
    night.faults("drop=1")
    night.pass_by(10)
    night.faults("duplicate=0.2,reorder=0.2,http_500_before=1@stop_lists")
    want_all(now=night.now())
    night.pass_by(8)
    night.faults("duplicate=0.2,reorder=0.2,batch=0.3")
    night.pass_by(12)
    ended = set(AttentionItem.objects.filter(ended_at__isnull=False).values_list("rule", flat=True))
    assert {"pos_silent", "restaurant_silent", "stop_list_unread"} <= ended

    # What is not.
    gone = night.some(birch, DeliveryStatus.COOKING_STARTED, DeliveryStatus.ON_WAY, older_than=12 * MINUTE)
    night.harness.control("orders/forget", {"order_id": str(gone.id)})
    cancelled = night.some(beacon, DeliveryStatus.ON_WAY, older_than=MINUTE)
    night.cancel_silently(cancelled)
    night.ask(cancelled, Wanted.DELIVERED)
    make_login(name="refused-spare", api_login="refused-spare")
    sync_logins(ApiLogin.objects.filter(name="refused-spare"), now=night.now())
    night.pass_by(12)
    night.overwrite_webhook(beacon)
    night.faults("duplicate=0.2,reorder=0.2,http_500_before=1@stop_lists")
    night.pass_by(12)
    waiting = night.some(birch, DeliveryStatus.ON_WAY, older_than=MINUTE)
    night.pos(birch, online=False)
    night.ask(waiting, Wanted.DELIVERED)
    night.pass_by(16)

    named = named_by_sandbox(night)
    assert named_by_hub() == named
    assert {rule for rule, _about in named} >= CAUSED
