"""Acting on an order by the public door: a webhook brings it, the API asks, a worker steps by hand."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from iiko_client.tests.harness import assert_fits
from orders.api.action_docs import refusals
from orders.commands import dispatch
from orders.models.command import CommandKind, OrderCommand
from orders.models.order import Order, TimelineEntry
from organizations.models.dictionaries import Courier, DictionaryEntry, DictionaryKind
from organizations.models.organization import Organization
from tests.builders import (
    CORRELATION_ID,
    COURIER_ID,
    ORDER_ID,
    ORGANIZATION_ID,
    REVISION,
    authorized,
    cloud_event,
    drain,
    make_key,
    make_organization,
    post,
)
from tests.simulated_iiko import SimulatedIiko, linked

CASH_ID = "09322f46-578a-d210-add7-eec222a08871"
CARD_ID = "1a2b3c4d-0000-4000-8000-000000000001"
CAUSE_ID = "2b3c4d5e-0000-4000-8000-000000000002"
REMOVAL_ID = "3c4d5e6f-0000-4000-8000-000000000003"
DISCOUNT_ID = "4d5e6f70-0000-4000-8000-000000000004"
QUEUED = {"correlationId": CORRELATION_ID}
IN_PROGRESS = {"state": "InProgress"}
SUCCESS = {"state": "Success"}

STATUS = "deliveries/update_order_delivery_status"
ACTIONS = (
    STATUS,
    "deliveries/confirm",
    "deliveries/cancel_confirmation",
    "deliveries/close",
    "deliveries/cancel",
    "deliveries/update_order_courier",
    "deliveries/change_driver_info",
    "deliveries/change_payments",
)


class HandClock:
    """The clock of the workers, moved by hand."""

    def __init__(self) -> None:
        self.now = timezone.now()

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Acting:
    """One restaurant with one order, a key that may act, and iiko as the test simulates it."""

    def __init__(self, iiko: SimulatedIiko, **restaurant: Any) -> None:
        self.iiko = iiko
        self.organization: Organization = linked(make_organization(**restaurant))
        self.key = make_key()
        self.clock = HandClock()
        self._revision = REVISION

    # --- iiko's news ---

    def has(self, **order: Any) -> Order:
        """iiko tells of the order by a webhook; wire names, as in ``has(status="OnWay")``."""
        self._revision += 1000
        event = cloud_event(timestamp=self._revision, **order)
        assert post(Client(), [event]).status_code == 200
        drain()
        return Order.objects.get(iiko_order_id=order.get("order_id", ORDER_ID))

    def shows(self, **order: Any) -> None:
        """iiko answers with the order when it is asked for it."""
        self._revision += 1000
        info = cloud_event(timestamp=self._revision, **order)["eventInfo"]
        self.iiko.answers("deliveries/by_id", {"correlationId": CORRELATION_ID, "orders": [info]})

    # --- people and programs ---

    def ask(
        self,
        action: str,
        body: Any,
        *,
        client: Client | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        pk = Order.objects.values_list("pk", flat=True).get(iiko_order_id=ORDER_ID)
        text = body if isinstance(body, str) else json.dumps(body)
        response = (client or Client()).post(
            f"/api/v1/orders/{pk}/{action}",
            data=text,
            content_type="application/json",
            headers={**(authorized(self.key) if client is None else {}), **(headers or {})},
        )
        if response.status_code in (409, 422):
            listed = refusals(CommandKind(action.replace("-", "_")), response.status_code)
            assert response.json()["errors"][0]["code"] in {one.value["errors"][0]["code"] for one in listed}
        return response

    def asked(self, action: str, body: Any) -> OrderCommand:
        """Ask and be heard; returns the command."""
        response = self.ask(action, body)
        assert response.status_code == 202, response.content
        return OrderCommand.objects.get(pk=response.json()["id"])

    def get(self, path: str) -> Any:
        response = Client().get(f"/api/v1/{path}", headers=authorized(self.key))
        assert response.status_code == 200, response.content
        return response.json()

    # --- workers ---

    def step(self, command: OrderCommand) -> datetime | None:
        """Let a worker take the next step of a command, if there is one now."""
        due = dispatch.advance(command.pk, clock=self.clock)
        command.refresh_from_db()
        return due

    def step_when_due(self, command: OrderCommand) -> None:
        """Let the time pass until the next step is due, and take it."""
        command.refresh_from_db()
        if command.next_attempt_at is not None:
            self.clock.now = max(self.clock.now, command.next_attempt_at)
        self.step(command)

    def sent(self) -> list[str]:
        """List what was asked of iiko that changes an order."""
        return [name for name in self.iiko.operations() if name in ACTIONS]

    def body(self, operation: str) -> Any:
        """Return the one body of an operation; it fits the vendor's schema."""
        [body] = self.iiko.bodies(operation)
        assert_fits(operation, body)
        return body


def refused(response: Any) -> tuple[int, str]:
    """Return the status and code of a refusal, of which nothing was stored."""
    assert OrderCommand.objects.count() == 0
    assert TimelineEntry.objects.filter(what="command").count() == 0
    return told(response)


def told(response: Any) -> tuple[int, str]:
    [error] = response.json()["errors"]
    assert error["detail"]
    return response.status_code, error["code"]


def timeline(order_or_command: Order | OrderCommand) -> list[tuple[str | None, str, str]]:
    """List the steps of commands as the timeline records them: from, to, who."""
    order_id = (
        order_or_command.order_id if isinstance(order_or_command, OrderCommand) else order_or_command.pk
    )
    return [
        (entry.from_value["state"] if entry.from_value else None, entry.to_value["state"], entry.actor)  # type: ignore[index]  # a command's row has it
        for entry in TimelineEntry.objects.filter(order_id=order_id, what="command").order_by("id")
    ]


# --- dictionaries ------------------------------------------------------------------------------------


def make_courier(*, iiko_id: str = COURIER_ID, name: str = "Орлова Вера", **changes: Any) -> Courier:
    defaults = {"organization_id": ORGANIZATION_ID}
    return Courier.objects.create(iiko_id=iiko_id, name=name, **(defaults | changes))


def _entry(kind: DictionaryKind, iiko_id: str, name: str, data: Mapping[str, Any]) -> DictionaryEntry:
    return DictionaryEntry.objects.create(
        organization_id=ORGANIZATION_ID, kind=kind, iiko_id=iiko_id, name=name, data=dict(data)
    )


def make_payment_type(
    iiko_id: str = CASH_ID,
    name: str = "Наличные",
    *,
    kind: str = "Cash",
    groups: list[str] | None = None,
    **more: Any,
) -> DictionaryEntry:
    data = {"kind": kind, "terminal_group_ids": groups or []} | more
    return _entry(DictionaryKind.PAYMENT_TYPE, iiko_id, name, data)


def make_cause(iiko_id: str = CAUSE_ID, name: str = "Отказ гостя") -> DictionaryEntry:
    return _entry(DictionaryKind.CANCEL_CAUSE, iiko_id, name, {})


def make_removal_type(iiko_id: str = REMOVAL_ID, name: str = "Списание", **changes: bool) -> DictionaryEntry:
    """One that writes off at the restaurant's cost, unless said otherwise."""
    data = {
        "is_reason_required": False,
        "can_write_off_to_cafe": True,
        "can_write_off_to_waiter": False,
        "can_write_off_to_user": False,
    }
    return _entry(DictionaryKind.REMOVAL_TYPE, iiko_id, name, data | changes)


def make_discount(
    iiko_id: str = DISCOUNT_ID,
    name: str = "Скидка управляющего",
    *,
    mode: str = "FlexibleSum",
    **changes: Any,
) -> DictionaryEntry:
    data = {
        "mode": mode,
        "percent": "0",
        "sum_minor": 0,
        "min_order_sum_minor": None,
        "is_manual": True,
        "is_categorised": False,
    }
    return _entry(DictionaryKind.DISCOUNT, iiko_id, name, data | changes)


def wire_payment(type_id: str = CASH_ID, amount: float = 1651.0, *, kind: str = "Cash") -> dict[str, Any]:
    """Make a payment of an order, as iiko tells it."""
    return {
        "paymentType": {"id": type_id, "name": "Наличные", "kind": kind},
        "sum": amount,
        "isPreliminary": True,
        "isExternal": False,
        "isProcessedExternally": False,
        "isFiscalizedExternally": False,
        "isPrepay": False,
    }
