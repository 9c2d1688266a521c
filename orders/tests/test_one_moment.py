"""A page tells an order as of one moment, whatever is committed while it is read, and in order of time."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from orders.admin import order_page
from orders.api import serializers
from orders.models.order import Order, TimelineEntry
from tests.builders import REVISION, authorized, cloud_event, drain, make_key, make_organization, post
from tests.pages import ORDERS, sign_in_superuser, text

A, B = (f"{letter * 8}-0000-4000-8000-000000000000" for letter in "ab")
ENGLISH = {"accept-language": "en"}


def arrive(**changes: Any) -> None:
    post(Client(), cloud_event(external_number=None, **changes))
    drain()


def meanwhile(act: Callable[[], None]) -> None:
    """Let another connection commit something before this one goes on."""

    def run() -> None:
        act()
        connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join()


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str, Callable[[], None]], None]:
    """Commit something just before a function of the page is called for the first time."""

    def interrupt(module: Any, name: str, act: Callable[[], None]) -> None:
        original, acts = getattr(module, name), [act]

        def call(*args: Any, **kwargs: Any) -> Any:
            while acts:
                meanwhile(acts.pop())
            return original(*args, **kwargs)

        monkeypatch.setattr(module, name, call)

    return interrupt


@pytest.mark.django_db(transaction=True)
def test_page_and_its_timeline_are_of_one_moment(client: Client, interrupted: Any) -> None:
    make_organization()
    arrive(order_id=A, status="WaitCooking")
    arrive(order_id=A, status="CookingStarted", timestamp=REVISION + 1)
    sign_in_superuser(client)
    address = f"{ORDERS}{Order.objects.get().pk}/change/"
    interrupted(
        order_page,
        "displayed_timeline",
        lambda: arrive(order_id=A, status="Cancelled", timestamp=REVISION + 2),
    )

    torn = text(client.get(address, headers=ENGLISH))
    later = text(client.get(address, headers=ENGLISH))

    assert "→ became Cooking" in torn
    assert "Cancelled" not in torn
    assert "→ became Cancelled" in later
    assert Order.objects.get().status == "Cancelled"


@pytest.mark.django_db(transaction=True)
def test_detail_of_the_api_is_of_one_moment(interrupted: Any) -> None:
    make_organization()
    arrive(order_id=A, status="Cancelled", movedToDeliveryId=B)
    arrive(order_id=B, status="OnWay")
    address = f"/api/v1/orders/{Order.objects.get(iiko_order_id=A).pk}"
    key = authorized(make_key())
    interrupted(
        serializers,
        "relatives_of",
        lambda: arrive(order_id=B, status="Delivered", timestamp=REVISION + 1),
    )

    told = [Client().get(address, headers=key).json()["related_orders"][0]["status"] for _ in range(2)]

    assert told == ["OnWay", "Delivered"]


@pytest.mark.django_db
def test_timeline_is_in_order_of_the_time_that_is_shown(client: Client) -> None:
    make_organization()
    arrive(order_id=A, status="WaitCooking")
    order = Order.objects.get()
    order.timeline.all().delete()
    for what, happened, recorded in (
        ("comment", "18:10", "19:00"),
        ("problem", None, "18:05"),
        ("status", "18:00", "19:10"),
        ("courier_name", "18:10", "19:20"),
    ):
        TimelineEntry.objects.create(
            order=order,
            what=what,
            to_value="OnWay" if what == "status" else what,
            happened_at=happened and f"2026-03-14T{happened}Z",
            recorded_at=f"2026-03-14T{recorded}Z",
        )
    sign_in_superuser(client)

    told = Client().get(f"/api/v1/orders/{order.pk}/timeline", headers=authorized(make_key())).json()
    page = text(client.get(f"{ORDERS}{order.pk}/change/", headers=ENGLISH))

    assert [row["what"] for row in told["results"]] == ["status", "problem", "comment", "courier_name"]
    timeline = page[page.index("Timeline") :]
    places = [timeline.index(f"{name}:") for name in ("Courier", "Comment", "Problem", "Status")]
    assert places == sorted(places)
