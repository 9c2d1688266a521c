"""Whatever way the same messages arrive (order, repeats, batches), the orders end the same."""

from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings, strategies as st

from orders.models.order import Order
from tests.builders import REVISION, cloud_event, courier, drain, make_organization, post, soi_message
from tests.examples import examples

pytestmark = pytest.mark.django_db

ORDERS = ("3c5e7a91-b2d4-4f60-8172-93a4b5c6d7e8", "aaaaaaaa-b2d4-4f60-8172-93a4b5c6d7e8")

EXAMPLES = examples(20, search=1000)  # each delivers its messages twice
OURS = {"id", "created_at", "updated_at", "field_precedence", "trace_id"}

optional_fields = st.sets(
    st.sampled_from(
        ["comment", "courierInfo", "sum", "items", "completeBefore", "status", "cancelInfo", "phone"]
    ),
    max_size=4,
)


@st.composite
def cloud_events(draw: st.DrawFn) -> dict[str, Any]:
    """Whole, partial and empty snapshots of two orders, with revisions that repeat."""
    number = draw(st.integers(0, 1))
    event = cloud_event(
        order_id=ORDERS[number],
        external_number=draw(st.sampled_from([f"S-{number}", f"W-{number}", None])),
        timestamp=REVISION + draw(st.integers(0, 4)),
        event_time=f"2026-03-14 13:55:0{draw(st.integers(0, 3))}.000",
        creation_status=draw(st.sampled_from(["InProgress", "Success", "Error"])),
        status=draw(st.sampled_from(["WaitCooking", "OnWay", "ON_WAY", "Closed", "Teleported"])),
        comment=draw(st.sampled_from([None, "a", "b"])),
        courierInfo=draw(st.sampled_from([None, courier()])),
        sum=draw(st.sampled_from([0, 10.5, 19.99])),
    )
    if draw(st.booleans()):
        for name in draw(optional_fields):
            del event["eventInfo"]["order"][name]
    elif draw(st.integers(0, 3)) == 0:
        event["eventInfo"]["order"] = None
    return event


@st.composite
def soi_messages(draw: st.DrawFn) -> list[dict[str, Any]]:
    """At most one CREATE and one UPDATE of each order: without revisions more have no true order."""
    messages = []
    for number, order_id in enumerate(ORDERS):
        for kind in draw(st.sets(st.sampled_from(["CREATE", "UPDATE"]))):
            message = soi_message(
                kind=kind,
                order_id=draw(st.sampled_from([order_id, None])),
                external_id=f"S-{number}",
                orderStatus=draw(st.sampled_from(["WAIT_COOKING", "DELIVERED"])),
            )
            for name in draw(st.sets(st.sampled_from(["orderStatus", "orderAmount", "problem"]))):
                del message["iikoOrderDetails"][name]
            messages.append(message)
    return messages


def mirror() -> list[dict[str, Any]]:
    names = [field.attname for field in Order._meta.concrete_fields if field.attname not in OURS]
    rows = [{name: getattr(order, name) for name in names} for order in Order.objects.all()]
    return sorted(rows, key=lambda row: (row["iiko_order_id"] or "", row["external_order_id"] or ""))


def arrive(messages: list[dict[str, Any]], batches: list[bool]) -> list[dict[str, Any]]:
    """Deliver to an empty hub, applying where ``batches`` says so; returns the mirror and rolls back."""
    with transaction.atomic():
        make_organization()
        client = Client()
        for message, is_applied in zip(messages, batches, strict=True):
            assert post(client, message).status_code == 200
            if is_applied:
                drain()
        drain()
        found = mirror()
        transaction.set_rollback(True)
    return found


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_cloud_messages_converge(data: st.DataObject) -> None:
    messages = data.draw(st.lists(cloud_events(), min_size=2, max_size=6))
    again = data.draw(st.permutations(messages + data.draw(st.lists(st.sampled_from(messages), max_size=3))))
    applied = [data.draw(st.booleans()) for _ in again]

    assert arrive(again, applied) == arrive(messages, [True] * len(messages))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_cloud_and_soi_messages_converge(data: st.DataObject) -> None:
    """Each order is named by both ids at least once, so that every arrival order can tell it is one."""
    named = [
        soi_message(kind="CREATE", order_id=order_id, external_id=f"S-{n}")
        for n, order_id in enumerate(ORDERS)
    ]
    cloud = data.draw(st.lists(cloud_events(), min_size=1, max_size=4))
    updates = [one for one in data.draw(soi_messages()) if one["type"] == "UPDATE"]
    messages = named + cloud + updates
    again = data.draw(st.permutations(messages))
    applied = [data.draw(st.booleans()) for _ in again]

    assert arrive(again, applied) == arrive(messages, [True] * len(messages))
