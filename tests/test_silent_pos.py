"""A POS that is switched off, and an order that is purged there, seen in the hub beside the played iiko."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from iiko_client.models.statuses import DeliveryStatus
from orders.commands import submission
from orders.commands.submission import Requester
from orders.models.command import CommandState, OrderCommand
from orders.models.order import Order, TimelineEntry
from organizations.models.organization import TerminalGroup
from sandbox.orders.order import DeliveryStatus as PlayedStatus
from tests.builders import drain
from tests.pages import ORDERS, sign_in_superuser, text
from tests.played_sandbox import Stage
from webhooks.models.reconciliation import LinkState, OrderSync
from webhooks.monitoring.link_monitor import watch_links
from webhooks.monitoring.pos_watch import ask_login, logins_to_ask
from webhooks.reconciliation.sync import SyncOptions, sync_login, work_by_login

pytestmark = pytest.mark.django_db

TICK_S = 20


def watch(stage: Stage) -> None:
    now = stage.clock()
    for login_id in logins_to_ask(now=now):
        ask_login(login_id, now=now)


def seen_within(stage: Stage, command: OrderCommand, group: TerminalGroup) -> float:
    """Let watch and worker go on until the POS is known to be silent; returns after how many seconds."""
    began = stage.clock()
    for _ in range(20):
        stage.play(TICK_S)
        stage.step(command)
        watch(stage)
        group.refresh_from_db()
        if group.silent_since(stage.clock()) is not None:
            break
    return (stage.clock() - began).total_seconds()


def asked_to_cancel(order: Order, stage: Stage) -> OrderCommand:
    return submission.request_status(
        order_id=order.pk,
        status=DeliveryStatus.ON_WAY,
        delivered_at=None,
        by=Requester("operator", "operator"),
        now=stage.clock(),
    )


def cut_off(stage: Stage, order: Order, *, is_online: bool) -> None:
    till = {"organization_id": order.organization_id, "terminal_group_id": order.terminal_group_id}
    stage.harness.control("till", {**till, "online": is_online})


def link_state(stage: Stage, order: Order) -> str:
    found = watch_links(now=stage.clock())
    return next(str(health.state) for health in found if health.organization_id == order.organization_id)


@pytest.fixture
def order(stage: Stage) -> Order:
    """An order that waits for the kitchen."""
    return stage.order()


def test_pos_that_is_switched_off_is_seen_within_two_minutes_and_its_return_too(
    stage: Stage, order: Order
) -> None:
    cut_off(stage, order, is_online=False)
    command = asked_to_cancel(order, stage)
    group = TerminalGroup.objects.get(iiko_id=order.terminal_group_id)
    others = TerminalGroup.objects.filter(organization_id=order.organization_id).exclude(pk=group.pk)

    assert seen_within(stage, command, group) <= 120
    command.refresh_from_db()
    assert command.state == CommandState.SENT
    assert [other.silent_since(stage.clock()) for other in others] == [None] * len(others)
    is_whole = not others
    assert (link_state(stage, order) == LinkState.OFFLINE_POS) is is_whole

    cut_off(stage, order, is_online=True)
    stage.play(60)
    watch(stage)
    group.refresh_from_db()
    assert group.not_answering_since is None
    assert link_state(stage, order) != LinkState.OFFLINE_POS


def sync(stage: Stage) -> None:
    [work] = work_by_login()
    options = SyncOptions()
    sync_login(work, now=stage.clock, report=lambda _line: None, options=options)
    drain()


def test_order_that_is_purged_at_the_pos_leaves_the_open_list(
    stage: Stage, order: Order, client: Client
) -> None:
    sync(stage)  # by date: everything is known, and followed from here
    sync(stage)
    assert Order.objects.open().filter(pk=order.pk).exists()
    long_ago = stage.clock() - timedelta(hours=2)
    Order.objects.update(created_at=long_ago, updated_at=long_ago)

    stage.harness.control("orders/forget", {"order_id": order.iiko_order_id})
    sync(stage)
    order.refresh_from_db()
    assert (order.is_open, order.not_listed_since) == (True, stage.clock())
    stage.harness.run(130)
    sync(stage)

    order.refresh_from_db()
    assert (order.is_open, order.unknown_to_iiko_at is not None) == (False, True)
    entries: list[Any] = list(TimelineEntry.objects.filter(what="unknown_to_iiko_at"))
    assert [entry.order_id for entry in entries] == [order.pk]
    sign_in_superuser(client)
    assert str(order) not in text(client.get(f"{ORDERS}?state=open"))


def test_orders_that_iiko_lists_stay_open(stage: Stage, order: Order) -> None:
    sync(stage)
    open_before = Order.objects.open().count()
    long_ago = stage.clock() - timedelta(hours=2)
    Order.objects.update(created_at=long_ago, updated_at=long_ago)
    for _ in range(3):
        sync(stage)
        OrderSync.objects.update(open_asked_at=None)
        stage.harness.clock.instant += timedelta(minutes=3)

    assert stage.calls["deliveries/by_id"] >= 1
    assert Order.objects.filter(not_listed_since__isnull=False).count() == 0
    assert Order.objects.open().count() <= open_before
    assert PlayedStatus.WAIT_COOKING.value in Order.objects.values_list("status", flat=True)
