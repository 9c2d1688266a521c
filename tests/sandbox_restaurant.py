"""The hub and the sandbox in one process: calls go to its API, its webhooks to the hub, the clock by hand."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import requests
import responses
from django.core.management import call_command
from django.test import Client

from iiko_client.http.transport import Retries
from iiko_client.tests.harness import assert_fits
from orders.commands import dispatch
from orders.models.command import OrderCommand
from orders.models.order import Order as MirroredOrder
from sandbox.orders.order import CreationStatus, DeliveryStatus, Dish, Order, Service, ServiceType
from sandbox.tests.good_bodies import full_order
from sandbox.tests.harness import Harness, open_harness
from tests.builders import authorized, drain, make_key, make_organization, post
from tests.simulated_iiko import IIKO, linked

TOKEN = "very-secret"
RESTAURANT = "Берёзка"
CHANGING = re.compile(r"deliveries/(create|cancel)")


class SandboxRestaurant:
    """One restaurant of the sandbox, linked with the hub; its kitchen works at the pace of the wall."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.harness: Harness = open_harness(rate=0, speed=1)
        self.calls: Counter[str] = Counter()
        self.bodies: list[tuple[str, Any]] = []
        self.losing: dict[str, list[str]] = {}
        self.before: Callable[[str], None] = lambda _operation: None
        self.cast: set[str] = set()
        """The orders of which the hub is told."""
        self._brought = 0
        self.brings_news = True
        mock.add_callback(responses.POST, re.compile(rf"{IIKO}/.*"), callback=self._call)
        self.cafe = self.harness.restaurant(RESTAURANT)
        self.organization = linked(
            make_organization(iiko_id=str(self.cafe.id), timezone=self.cafe.time_zone, token=TOKEN)
        )
        call_command("sync_dictionaries", verbosity=0)
        self.key = make_key()
        self.calls.clear()
        self.bodies.clear()

    def clock(self) -> datetime:
        return self.harness.clock.instant

    # --- iiko ---

    def _call(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], Any]:
        path = str(request.url).removeprefix(IIKO)
        operation = path.removeprefix("/api/1/")
        self.before(operation)
        how = self.losing[operation].pop(0) if self.losing.get(operation) else ""
        if how == "unsent":
            return 0, {}, requests.ConnectTimeout()
        headers = {"Authorization": request.headers.get("Authorization", "")}
        answer = self.harness.client.post(
            path, data=request.body, headers=headers, content_type="application/json"
        )
        self.calls[operation] += 1
        if operation == "deliveries/create":
            self.cast.add(json.loads(request.body or b"{}")["order"]["id"])
        self.bodies.append((operation, json.loads(request.body or b"{}")))
        if how == "408":
            return 408, {}, ""
        if how == "reset":
            return 0, {}, requests.ConnectionError("reset")
        told = answer.get_data()
        return answer.status_code, {}, self._ours_alone(told) if operation == "organizations" else told

    def _ours_alone(self, told: bytes) -> str:
        """Leave one restaurant of the login, whose dictionaries are read then."""
        answer = json.loads(told)
        ours = [one for one in answer["organizations"] if one["id"] == str(self.cafe.id)]
        return json.dumps(answer | {"organizations": ours})

    def lose(self, operation: str, *how: str) -> None:
        """Let the answers to the next calls of an operation get lost after their effect."""
        self.losing[operation] = list(how)

    def changes(self) -> dict[str, int]:
        return {name: count for name, count in self.calls.items() if CHANGING.fullmatch(name)}

    def play(self, seconds: float = 1) -> None:
        self.harness.run(seconds)
        if self.brings_news:
            self.bring()

    def bring(self) -> None:
        """Bring the hub all webhooks that are written by now."""
        deliveries = self.harness.deliveries[self._brought :]
        self._brought = len(self.harness.deliveries)
        for delivery in deliveries:
            body = json.loads(delivery.body)
            mine = [one for one in body if one["eventInfo"].get("id") in self.cast]
            if mine:
                assert post(Client(), mine, TOKEN).status_code == 200
        drain()

    # --- orders ---

    def order(self, is_so: Callable[[Order], bool] = lambda _order: True, **service: Any) -> MirroredOrder:
        """Find an order that waits for the kitchen and can be reissued."""
        found = self.harness.wait_for_order(
            RESTAURANT,
            DeliveryStatus.UNCONFIRMED,
            DeliveryStatus.WAIT_COOKING,
            is_so=lambda one: is_plain(one) and is_so(one),
            **service,
        )
        self._hold(found)
        self.harness.run(5)  # several webhooks may wait for each other
        self._brought = 0  # what is known by now is counted as a repeat
        self.bring()
        return MirroredOrder.objects.get(iiko_order_id=str(found.id))

    def written(self, **changes: Any) -> MirroredOrder:
        """Make an order over the API, as a client does, with all that can be reissued."""
        asked = full_order() | changes
        for name in ("combos", "tips", "loyaltyInfo", "externalData", "discountsInfo"):
            asked.pop(name)
        del asked["items"][0]["comboInformation"]
        asked["payments"] = [asked["payments"][1] | {"sum": 1620}]
        self.harness.get("deliveries/create", {"organizationId": str(self.cafe.id), "order": asked})
        self.cast.add(asked["id"])
        self.harness.run_until(lambda: self.truth(asked["id"]).creation is CreationStatus.SUCCESS)
        self._hold(self.truth(asked["id"]))
        self.harness.run(5)
        self.bring()
        return MirroredOrder.objects.get(iiko_order_id=asked["id"])

    def retrieved(self, iiko_order_id: str | None) -> Any:
        """Return the order as iiko tells it now."""
        asked = {"organizationId": str(self.cafe.id), "orderIds": [iiko_order_id]}
        return self.harness.get("deliveries/by_id", asked)["orders"][0]

    def _hold(self, order: Order) -> None:
        """Let the kitchen leave an order alone: only what a test does happens to it."""
        self.cast.add(str(order.id))
        life = self.harness.simulator.engine._tracked[order.id]
        life.steps.clear()
        life.plan += 1

    def truth(self, iiko_order_id: str | None) -> Order:
        [found] = [one for one in self.harness.simulator.engine.orders() if str(one.id) == iiko_order_id]
        return found

    def put(self, iiko_order_id: str | None, **changes: Any) -> None:
        """Let the POS change an order behind everybody's back; no webhook tells."""
        changed = replace(self.truth(iiko_order_id), **changes)
        self.harness.simulator.engine.update_silently(changed, self.clock())

    def living(self) -> list[str]:
        """List the orders that the kitchen would cook: taken, and neither cancelled nor closed."""
        return [
            str(one.id)
            for one in self.harness.simulator.engine.orders()
            if one.creation is CreationStatus.SUCCESS and not one.is_over
        ]

    # --- people and workers ---

    def ask(self, order: MirroredOrder, body: Any, **headers: str) -> Any:
        return Client().post(
            f"/api/v1/orders/{order.pk}/apply-discount",
            data=json.dumps(body),
            content_type="application/json",
            headers={**authorized(self.key), **headers},
        )

    def asked(self, order: MirroredOrder, body: Any) -> OrderCommand:
        response = self.ask(order, body)
        assert response.status_code == 202, response.content
        return OrderCommand.objects.get(pk=response.json()["id"])

    def step(self, command: OrderCommand) -> None:
        dispatch.advance(command.pk, clock=self.clock)
        command.refresh_from_db()

    def until(self, command: OrderCommand, is_so: Callable[[], bool], seconds: int = 1500) -> None:
        """Let a worker step and the restaurant work, second by second."""
        for _ in range(seconds):
            command.refresh_from_db()
            if is_so():
                return
            if command.is_final or command.next_attempt_at is None or command.next_attempt_at <= self.clock():
                self.step(command)
            self.play(1)
        raise AssertionError((command.state, command.phase, command.error_code, command.error))

    def end(self, command: OrderCommand, seconds: int = 1500) -> OrderCommand:
        self.until(command, lambda: command.is_final, seconds)
        return command

    def check_bodies(self) -> None:
        """Check that all that changed something fits the vendor's schema."""
        for operation, body in self.bodies:
            if CHANGING.fullmatch(operation):
                assert_fits(operation, body)


def is_plain(order: Order) -> bool:
    """Whether nothing of an order stands in the way of reissuing it."""
    return (
        all(isinstance(line, Dish | Service) for line in order.lines)
        and not order.discounts
        and not order.settled_sum
        and not (order.tips or order.loyalty or order.tracking_link)
        and order.stamps.printed is None
        and all(payment.type.kind in ("Cash", "Card") for payment in order.payments)
        and not any(payment.type.processed_outside for payment in order.payments)
    )


@pytest.fixture
def sandbox(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxRestaurant]:
    monkeypatch.setattr(Retries, "pause_s", lambda *_: 0.0)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield SandboxRestaurant(mock)


PICKUP = {"service": ServiceType.PICKUP}
