"""The hub's table of actions beside the sandbox's POS: neither knows the other's rules.

What the hub refuses the POS refuses as well, and what the hub lets through the POS carries out.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from orders.models.order import Order as MirroredOrder
from organizations.models.organization import Organization
from sandbox.catalogue.world import PaidWhen
from sandbox.orders.commands import (
    AssignCourier,
    Cancel,
    CancelConfirmation,
    ChangePayments,
    Close,
    Command,
    Confirm,
    SetStatus,
)
from sandbox.orders.order import Cancellation, DeliveryStatus, Order, Payment, ServiceType, Stamps
from sandbox.orders.order_request import RequestedPayment
from sandbox.orders.pos import Refused, check_open
from sandbox.orders.serializer import order_info
from sandbox.orders.transitions import TransitionContext
from sandbox.tests.builders import OPENED_AT, beryozka, make_order
from tests.acting import Acting
from tests.builders import drain, post
from tests.simulated_iiko import SimulatedIiko

pytestmark = pytest.mark.django_db

POS_VERSION = "8.7.6"
# That sending takes the money where it is due then is the sandbox's guess, so the hub lets the POS decide.
LEFT_TO_THE_POS = ("Payment of order #142 failed. Reason: PaymentSumNotEnough",)
KITCHEN = ("ReadyForCooking", "CookingStarted", "CookingCompleted")
PRINTED = (*KITCHEN[1:], "Waiting", "OnWay", "Delivered", "Closed")


def standing(status: DeliveryStatus, service: ServiceType, paid: PaidWhen, *, covers: bool) -> Order:
    """Find an order of the sandbox at one stage of its life."""
    cafe = replace(beryozka(), paid_when=paid, pos_version=POS_VERSION)
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


def asked_of_the_pos(order: Order) -> dict[str, Command]:
    """Return what each action of the hub comes to, by the names of ``allowed_actions``."""
    cafe = order.organization
    ids: Any = {"organization_id": cafe.id, "order_id": order.id}
    cash = RequestedPayment(
        payment_type_kind="Cash", payment_type_id=cafe.dictionaries.cash.id, sum=order.sum or Decimal(1)
    )
    removal_type_id = cafe.dictionaries.removal_without_writeoff.id
    return {
        "Unconfirmed": CancelConfirmation(**ids),
        "WaitCooking": Confirm(**ids),
        "Waiting": SetStatus(**ids, delivery_status="Waiting"),
        "OnWay": SetStatus(**ids, delivery_status="OnWay"),
        "Delivered": SetStatus(**ids, delivery_status="Delivered"),
        "Closed": Close(**ids),
        "assign-courier": AssignCourier(**ids, employee_id=cafe.couriers[0].id),
        "update-payment": ChangePayments(**ids, payments=[cash]),
        "cancel": Cancel(**ids, removal_type_id=removal_type_id),
    }


def answer_of_the_pos(order: Order, command: Command) -> str:
    """Why the POS refuses; empty when it does not."""
    context = TransitionContext(OPENED_AT + timedelta(minutes=30), Random(1), order.organization.couriers)
    try:
        check_open(order)
        command.apply(order, context)
    except Refused as refusal:
        return refusal.message
    return ""


def answer_of_the_hub(acting: Acting, order: Order) -> dict[str, str]:
    """Return the codes with which the hub refuses, by action; empty where it does not."""
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
def test_hub_and_pos_agree(
    iiko: SimulatedIiko, status: DeliveryStatus, service: ServiceType, paid: PaidWhen, covers: bool
) -> None:
    acting = Acting(iiko, payment_settings=paid.value, pos_version=POS_VERSION, is_confirmation_enabled=True)
    order = standing(status, service, paid, covers=covers)

    hub = answer_of_the_hub(acting, order)

    assert Organization.objects.get().payment_settings == paid.value
    assert {hub[name] for name in KITCHEN} <= {
        "set_by_kitchen",
        "already_so",
        "order_closed",
        "order_cancelled",
    }
    assert hub["apply-discount"] != ""
    differences: dict[str, Any] = {}
    for name, command in asked_of_the_pos(order).items():
        pos = answer_of_the_pos(order, command)
        # Asking again for what is so: the POS does nothing, the hub says so.
        if hub[name] != "already_so" and bool(hub[name]) != bool(pos) and pos not in LEFT_TO_THE_POS:
            differences[name] = (hub[name], pos)
    assert differences == {}
