"""The hub's table of actions beside the till as the sandbox plays it: neither knows the other's rules.

What the hub refuses the till refuses as well, and what the hub lets through the till carries out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from orders.models import Order as MirroredOrder
from organizations.models import Organization
from sandbox.catalogue.world import PaidWhen
from sandbox.orders import rules
from sandbox.orders.order import Cancellation, DeliveryStatus, Order, Payment, ServiceType, Stamps
from sandbox.orders.rules import Rule
from sandbox.orders.serializer import order_info
from sandbox.orders.transitions import TransitionContext
from sandbox.tests.builders import OPENED_AT, beryozka, make_order
from tests.acting import Acting
from tests.builders import drain, post
from tests.played_iiko import PlayedIiko

pytestmark = pytest.mark.django_db

TILL = "8.7.6"
# That sending takes the money where it is due then is the sandbox's guess, so the hub lets the till decide.
LEFT_TO_THE_TILL = ("Payment of order #142 failed. Reason: PaymentSumNotEnough",)
KITCHEN = ("ReadyForCooking", "CookingStarted", "CookingCompleted")
PRINTED = (*KITCHEN[1:], "Waiting", "OnWay", "Delivered", "Closed")


def standing(status: DeliveryStatus, service: ServiceType, paid: PaidWhen, *, covers: bool) -> Order:
    """An order of the sandbox at one stage of its life."""
    cafe = replace(beryozka(), paid_when=paid, pos_version=TILL)
    order = make_order(
        organization=cafe,
        status=status,
        service=service,
        stamps=Stamps(created=OPENED_AT, printed=OPENED_AT if status in PRINTED else None),
    )
    if status is DeliveryStatus.CANCELLED:
        removal = cafe.dictionaries.removal_without_writeoff
        cause = cafe.dictionaries.cancel_causes[0]
        order = replace(order, cancellation=Cancellation(OPENED_AT, cause, None, removal))
    payments = (Payment(cafe.dictionaries.cash, order.sum),) if covers else ()
    return replace(order, payments=payments)


def asked_of_the_till(order: Order) -> dict[str, Rule]:
    """What each action of the hub comes to, by the names of ``allowed_actions``."""
    cafe = order.organization
    return {
        "Unconfirmed": rules.cancel_confirmation,
        "WaitCooking": rules.confirm_order,
        "Waiting": rules.set_status(DeliveryStatus.WAITING, None),
        "OnWay": rules.set_status(DeliveryStatus.ON_WAY, None),
        "Delivered": rules.set_status(DeliveryStatus.DELIVERED, None),
        "Closed": rules.close_order(None),
        "assign-courier": rules.assign_courier(cafe.couriers[0].id),
        "update-payment": rules.change_payments((Payment(cafe.dictionaries.cash, order.sum),)),
        "cancel": rules.cancel_order(
            cause_id=None, comment=None, removal_type_id=cafe.dictionaries.removal_without_writeoff.id
        ),
    }


def tills_word(order: Order, rule: Rule) -> str:
    """Why the till refuses; empty when it does not."""
    context = TransitionContext(OPENED_AT + timedelta(minutes=30), Random(1), order.organization.couriers)
    try:
        rules.check_open(order)
        rule(order, context)
    except rules.Refused as refusal:
        return refusal.message
    return ""


def hubs_word(acting: Acting, order: Order) -> dict[str, str]:
    """The codes with which the hub refuses, by action; empty where it does not."""
    event = {
        "eventType": "DeliveryOrderUpdate",
        "eventTime": "2026-03-14 13:54:53.100",
        "organizationId": acting.organization.iiko_id,
        "correlationId": str(UUID(int=7)),
        "eventInfo": order_info(order) | {"organizationId": acting.organization.iiko_id},
    }
    assert post(Client(), [event]).status_code == 200
    drain()
    shown = acting.get(f"orders/{MirroredOrder.objects.get().pk}")
    return {one["status"] or one["action"]: one["code"] for one in shown["allowed_actions"]}


@pytest.mark.parametrize("covers", [True, False], ids=["paid", "unpaid"])
@pytest.mark.parametrize("paid", list(PaidWhen), ids=lambda one: one.name)
@pytest.mark.parametrize("service", [ServiceType.COURIER, ServiceType.PICKUP], ids=lambda one: one.name)
@pytest.mark.parametrize("status", list(DeliveryStatus), ids=lambda one: one.value)
def test_hub_and_till_say_the_same(
    iiko: PlayedIiko, status: DeliveryStatus, service: ServiceType, paid: PaidWhen, covers: bool
) -> None:
    acting = Acting(iiko, payment_settings=paid.value, pos_version=TILL, is_confirmation_enabled=True)
    order = standing(status, service, paid, covers=covers)

    hub = hubs_word(acting, order)

    assert Organization.objects.get().payment_settings == paid.value
    assert {hub[name] for name in KITCHEN} <= {
        "set_by_kitchen",
        "already_so",
        "order_closed",
        "order_cancelled",
    }
    assert hub["apply-discount"] != ""
    differences: dict[str, Any] = {}
    for name, rule in asked_of_the_till(order).items():
        till = tills_word(order, rule)
        # Asking again for what is so: the till does nothing, the hub says so.
        if hub[name] != "already_so" and bool(hub[name]) != bool(till) and till not in LEFT_TO_THE_TILL:
            differences[name] = (hub[name], till)
    assert differences == {}
