"""A simulator that tests run by hand: the clock stands until it is moved, and deliveries stay here."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from sandbox.catalogue.world import Organization
from sandbox.http.app import create_app
from sandbox.journal import Journal
from sandbox.options import Options
from sandbox.orders.order import CreationStatus, DeliveryStatus, Order, ServiceType
from sandbox.simulator import Simulator
from sandbox.tests.builders import OPENED_AT
from sandbox.webhooks.webhook_queue import Delivery

UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.instant = OPENED_AT

    def now(self) -> datetime:
        return self.instant


@dataclass
class Harness:
    simulator: Simulator
    clock: ManualClock
    client: FlaskClient
    deliveries: list[Delivery] = field(default_factory=list)
    token: str = ""

    def run(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            self.clock.instant += timedelta(seconds=0.5)
            self.simulator.run_due()

    def run_until(self, is_so: Callable[[], bool], *, seconds: float = 1800) -> None:
        for _ in range(int(seconds * 2)):
            if is_so():
                return
            self.run(0.5)
        raise AssertionError("this did not happen in time")

    # --- calls ---

    def log_in(self, name: str = "demo") -> None:
        self.token = self.client.post("/api/1/access_token", json={"apiLogin": name}).get_json()["token"]

    def ask(self, path: str, body: object) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.client.post(f"/api/1/{path}", json=body, headers=headers)

    def get(self, path: str, body: object) -> Any:
        """Call and insist on a 200."""
        response = self.ask(path, body)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_json()

    def refusal(self, path: str, body: object) -> tuple[int, str, str | None]:
        return refusal_of(self.ask(path, body))

    def show(self, path: str) -> Any:
        """Read a page of the control API."""
        return self.client.get(f"/sandbox/{path}").get_json()

    def control(self, path: str, body: object) -> Any:
        response = self.client.post(f"/sandbox/{path}", json=body)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_json()

    def control_refusal(self, path: str, body: object) -> tuple[int, str, str | None]:
        return refusal_of(self.client.post(f"/sandbox/{path}", json=body))

    def command(self, path: str, order: Order, **more: object) -> Any:
        """Send a command of ``deliveries/``, let the POS carry it out, and give its final status."""
        correlation_id = self.submit(path, order, **more)
        assert self.status(order, correlation_id) == {"state": "InProgress"}
        self.run(2)
        return self.status(order, correlation_id)

    def submit(self, path: str, order: Order, **more: object) -> str:
        """Send a command of ``deliveries/`` and give its correlation id."""
        return str(self.get(f"deliveries/{path}", {**ids_of(order), **more})["correlationId"])

    def status(self, order: Order, correlation_id: str) -> Any:
        return self.get("commands/status", {**ids_of(order), "correlationId": correlation_id})

    def retrieved(self, order_id: object, restaurant: str = "Берёзка", **more: object) -> list[Any]:
        query = {"organizationId": self.id_of(restaurant), "orderIds": [str(order_id)], **more}
        return list(self.get("deliveries/by_id", query)["orders"])

    # --- what happened ---

    def events(self) -> list[Any]:
        """Give all events of Cloud webhooks sent so far."""
        bodies = [json.loads(delivery.body) for delivery in self.deliveries]
        return [event for body in bodies if isinstance(body, list) for event in body]

    def events_of(self, order: Order) -> list[Any]:
        return [each for each in self.events() if each["eventInfo"].get("id") == str(order.id)]

    def last_sent(self, order: Order) -> Any:
        """Give the order as its last webhook has it."""
        return self.events_of(order)[-1]["eventInfo"]["order"]

    def restaurant(self, short_name: str) -> Organization:
        return next(each for each in self.simulator.world.organizations if each.short_name == short_name)

    def id_of(self, restaurant: str) -> str:
        return str(self.restaurant(restaurant).id)

    def all_ids(self) -> dict[str, list[str]]:
        return {"organizationIds": [str(each.id) for each in self.simulator.world.organizations]}

    def orders(self) -> list[Order]:
        return list(self.simulator.engine.orders())

    def now_of(self, order: Order) -> Order:
        current = self.simulator.engine.order(order.organization, order.id)
        assert current is not None
        return current

    def create_order(self, restaurant: str) -> Order:
        return self.simulator.engine.create_order(self.clock.instant, self.restaurant(restaurant))

    def wait_for_order(
        self,
        restaurant: str,
        *statuses: DeliveryStatus,
        service: ServiceType = ServiceType.COURIER,
        is_so: Callable[[Order], bool] = lambda order: True,
    ) -> Order:
        """Create orders and run until one of them stands as wanted."""
        organization = self.restaurant(restaurant)
        for _ in range(60):
            self.create_order(restaurant)
        for _ in range(600):
            for order in self.simulator.engine.open_orders():
                if (
                    order.organization == organization
                    and order.creation is CreationStatus.SUCCESS
                    and order.status in statuses
                    and order.service is service
                    and is_so(order)
                ):
                    return order
            self.run(0.5)
        raise AssertionError("no such order came")


def ids_of(order: Order) -> dict[str, str]:
    return {"organizationId": str(order.organization.id), "orderId": str(order.id)}


def refusal_of(response: TestResponse) -> tuple[int, str, str | None]:
    shown = response.get_json()
    return response.status_code, shown["errorDescription"], shown["error"]


def open_harness(**options: Any) -> Harness:
    clock = ManualClock()
    chosen = {"port": 0, "webhook_url": "http://hub.example/hook", "webhook_token": "very-secret", **options}
    simulator = Simulator(Options(**chosen), clock, Journal(io.StringIO()))
    harness = Harness(simulator, clock, create_app(simulator).test_client())
    simulator.sender.put = harness.deliveries.append  # type: ignore[method-assign, assignment]  # nothing is to leave the test
    harness.log_in()
    return harness
