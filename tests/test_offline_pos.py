"""A POS that is switched off, and an order that is purged there, seen in the hub beside the sandbox."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from core.database import db_clock
from iiko_client.models.statuses import DeliveryStatus
from orders.actions.status import StatusParams, UpdateStatus
from orders.commands import submission
from orders.commands.submission import Requester
from orders.models.command import CommandState, OrderCommand
from orders.models.order import Order, TimelineEntry
from organizations.models.organization import TerminalGroup
from sandbox.orders.order import DeliveryStatus as SandboxStatus
from tests.builders import drain
from tests.pages import ORDERS, sign_in_superuser, text
from tests.sandbox_restaurant import SandboxRestaurant
from webhooks.models.reconciliation import LinkState, OrderSync
from webhooks.monitoring.link_monitor import watch_links
from webhooks.monitoring.pos_watch import ask_login, logins_to_ask
from webhooks.reconciliation.run import SyncOptions
from webhooks.reconciliation.sync import sync_login, work_by_login

pytestmark = pytest.mark.django_db

TICK_S = 20
WITHOUT_ANSWER = "The POS does not answer since"


def watch(sandbox: SandboxRestaurant) -> None:
    now = sandbox.clock()
    for login_id in logins_to_ask(now=now):
        ask_login(login_id, now=now)


def seen_within(sandbox: SandboxRestaurant, command: OrderCommand, group: TerminalGroup) -> float:
    """Let watch and worker go on until the POS is known to be silent; returns after how many seconds."""
    began = sandbox.clock()
    for _ in range(20):
        sandbox.play(TICK_S)
        sandbox.step(command)
        watch(sandbox)
        group.refresh_from_db()
        if group.silent_since(sandbox.clock()) is not None:
            break
    return (sandbox.clock() - began).total_seconds()


def asked_to_cancel(order: Order, sandbox: SandboxRestaurant) -> OrderCommand:
    return submission.request(
        UpdateStatus(),
        StatusParams(DeliveryStatus.ON_WAY),
        order_id=order.pk,
        by=Requester("operator", "operator"),
        now=sandbox.clock(),
    )


def cut_off(sandbox: SandboxRestaurant, order: Order, *, is_online: bool) -> None:
    terminal_group = {"organization_id": order.organization_id, "terminal_group_id": order.terminal_group_id}
    sandbox.harness.control("till", {**terminal_group, "online": is_online})


def link_state(sandbox: SandboxRestaurant, order: Order) -> str:
    found = watch_links(now=sandbox.clock())
    return next(str(health.state) for health in found if health.organization_id == order.organization_id)


@pytest.fixture
def order(sandbox: SandboxRestaurant) -> Order:
    """Find an order that waits for the kitchen."""
    return sandbox.order()


def test_pos_that_is_switched_off_is_seen_within_two_minutes_and_its_return_too(
    sandbox: SandboxRestaurant, order: Order
) -> None:
    cut_off(sandbox, order, is_online=False)
    command = asked_to_cancel(order, sandbox)
    group = TerminalGroup.objects.get(iiko_id=order.terminal_group_id)
    others = TerminalGroup.objects.filter(organization_id=order.organization_id).exclude(pk=group.pk)

    assert seen_within(sandbox, command, group) <= 120
    command.refresh_from_db()
    assert command.state == CommandState.SENT
    assert [other.silent_since(sandbox.clock()) for other in others] == [None] * len(others)
    is_whole = not others
    assert (link_state(sandbox, order) == LinkState.OFFLINE_POS) is is_whole

    cut_off(sandbox, order, is_online=True)
    sandbox.play(60)
    watch(sandbox)
    group.refresh_from_db()
    assert group.not_answering_since is None
    assert link_state(sandbox, order) != LinkState.OFFLINE_POS


def board(client: Client, sandbox: SandboxRestaurant) -> str:
    """Open the board at the moment of the sandbox's clock."""
    reading = db_clock.Reading(sandbox.clock(), time.monotonic(), time.time())
    db_clock.clock.start_from(reading)
    return text(client.get("/console/", headers={"accept-language": "en"}))


def test_board_says_within_a_minute_that_the_pos_is_off(
    sandbox: SandboxRestaurant, order: Order, client: Client
) -> None:
    Order.objects.update(promised_time=sandbox.clock())
    sign_in_superuser(client)
    watch(sandbox)
    began = sandbox.clock()
    cut_off(sandbox, order, is_online=False)

    while WITHOUT_ANSWER not in board(client, sandbox):
        assert (sandbox.clock() - began).total_seconds() < 60
        sandbox.play(TICK_S)
        watch(sandbox)

    assert OrderCommand.objects.count() == 0


def sync(sandbox: SandboxRestaurant) -> None:
    [work] = work_by_login()
    options = SyncOptions()
    sync_login(work, now=sandbox.clock, report=lambda _line: None, options=options)
    drain()


def test_order_that_is_purged_at_the_pos_leaves_the_open_list(
    sandbox: SandboxRestaurant, order: Order, client: Client
) -> None:
    sync(sandbox)  # by date: everything is known, and followed from here
    sync(sandbox)
    assert Order.objects.open().filter(pk=order.pk).exists()
    long_ago = sandbox.clock() - timedelta(hours=2)
    Order.objects.update(created_at=long_ago, updated_at=long_ago)

    sandbox.harness.control("orders/forget", {"order_id": order.iiko_order_id})
    sync(sandbox)
    order.refresh_from_db()
    assert (order.is_open, order.not_listed_since) == (True, sandbox.clock())
    sandbox.harness.run(130)
    sync(sandbox)

    order.refresh_from_db()
    assert (order.is_open, order.unknown_to_iiko_at is not None) == (False, True)
    entries: list[Any] = list(TimelineEntry.objects.filter(what="unknown_to_iiko_at"))
    assert [entry.order_id for entry in entries] == [order.pk]
    sign_in_superuser(client)
    assert str(order) not in text(client.get(f"{ORDERS}?state=open"))


def test_orders_that_iiko_lists_stay_open(sandbox: SandboxRestaurant, order: Order) -> None:
    sync(sandbox)
    open_before = Order.objects.open().count()
    long_ago = sandbox.clock() - timedelta(hours=2)
    Order.objects.update(created_at=long_ago, updated_at=long_ago)
    for _ in range(3):
        sync(sandbox)
        OrderSync.objects.update(open_asked_at=None)
        sandbox.harness.clock.instant += timedelta(minutes=3)

    assert sandbox.calls["deliveries/by_id"] >= 1
    assert Order.objects.filter(not_listed_since__isnull=False).count() == 0
    assert Order.objects.open().count() <= open_before
    assert SandboxStatus.WAIT_COOKING.value in Order.objects.values_list("status", flat=True)
