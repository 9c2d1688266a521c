"""axe-core finds nothing serious on any page of the console.

The pages are those of ``console.urls``: a new one is looked at without a word here, unless its address holds
what ``_values`` does not know.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, reverse
from playwright.sync_api import Page, expect

from analytics.tasks import follow_changes
from console import urls
from core.database import db_clock
from orders.admin.forms import FORMS
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order
from tests.acting import make_cause, make_courier, make_discount, make_payment_type, make_removal_type
from tests.browsing import BROWSER_MARKS, Visitor
from tests.builders import arrive, cloud_event, courier, make_organization
from tests.simulated_iiko import linked

pytestmark = BROWSER_MARKS

ORDER_IDS = [f"3c5e7a91-b2d4-4f60-8172-93a4b5c6d7e{number}" for number in range(5)]


@pytest.fixture(autouse=True)
def busy_evening(db: None) -> Order:
    """Orders new, cooking, late and delivered; one with a command under way and one that was refused."""
    linked(make_organization())
    make_courier()
    make_cause()
    make_removal_type()
    make_payment_type()
    make_discount()
    now = db_clock.now()
    states = [("Unconfirmed", 30), ("WaitCooking", 8), ("OnWay", -12), ("Delivered", 5), ("Closed", 20)]
    for number, (status, minutes) in enumerate(states):
        promise = f"{now + timedelta(hours=5, minutes=minutes):%Y-%m-%d %H:%M:%S.000}"
        arrive(
            cloud_event(
                order_id=ORDER_IDS[number],
                external_number=f"W{number}",
                number=140 + number,
                status=status,
                completeBefore=promise,
                comment="Домофон не работает",
                courierInfo=courier() if status == "OnWay" else None,
                whenPrinted=None,
                whenClosed=f"{now + timedelta(hours=5):%Y-%m-%d %H:%M:%S.000}"
                if status == "Closed"
                else None,
                problem={"hasProblem": True, "description": "Гость не отвечает"}
                if status == "OnWay"
                else None,
            )
        )
    order = Order.objects.get(iiko_order_id=ORDER_IDS[1])
    row = {"order": order, "kind": CommandKind.ASSIGN_COURIER, "requested_by": "chief", "created_at": now}
    OrderCommand.objects.create(state=CommandState.SENT, sent_at=now, params={"courier_id": None}, **row)
    ended = {"state": CommandState.REJECTED, "error_code": "OrderNotFound", "finished_at": now}
    OrderCommand.objects.create(params={"courier_id": None}, **row | ended)
    follow_changes()
    return order


def _values(name: str, order: Order) -> list[Any]:
    """Say what may stand in an address for a part of it."""
    known: dict[str, list[Any]] = {
        "number": [order.pk],
        "slug": list(FORMS),
        "command_id": [1],
        "what": ["retry"],
        "item_id": [1],
    }
    assert name in known, f"Say here what stands for <{name}> in an address of the console."
    return known[name]


def _addresses(order: Order) -> Iterator[str]:
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        names = list(pattern.pattern.converters)
        for values in product(*(_values(name, order) for name in names)):
            yield reverse(f"console:{pattern.name}", kwargs=dict(zip(names, values, strict=True)))


def _pages(order: Order) -> list[str]:
    """Return the addresses that answer a whole page to somebody who may do everything."""
    door = Client()
    door.force_login(User.objects.get(username="chief"))
    answers = {address: door.get(address) for address in _addresses(order)}
    return [address for address, answer in answers.items() if b"<html" in answer.getvalue()]


def serious(page: Page) -> list[str]:
    """List what axe-core finds that is serious or worse, each with where."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def _assert_nothing_serious(visitor: Visitor, order: Order, *, theme: str) -> None:
    pages = _pages(order)
    assert {"/console/", f"/console/orders/{order.pk}", f"/console/orders/{order.pk}/actions/cancel"} <= set(
        pages
    )
    visitor.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # "light" or "dark"
    board = visitor.open("/console/")
    expect(board.locator(".card")).to_have_count(len(ORDER_IDS))
    found = {}
    for address in pages:
        visitor.open(address)
        if complaints := serious(visitor.page):
            found[address] = complaints
    assert found == {}


def test_pages_on_a_laptop_in_light(visitor: Visitor, busy_evening: Order) -> None:
    _assert_nothing_serious(visitor, busy_evening, theme="light")


def test_pages_on_a_phone_in_dark(visitor_with_a_phone: Visitor, busy_evening: Order) -> None:
    _assert_nothing_serious(visitor_with_a_phone, busy_evening, theme="dark")
