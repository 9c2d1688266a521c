"""Reconcile: how soon the orders are iiko's own after a storm, and after the hub was away for hours.

The sandbox drops 20 % of the webhooks, sends 20 % twice, shuffles and batches the rest and fails 5 % of
the calls; everything in the hub goes by its own clock. *Storm*: from the last change in iiko to the
moment when every order is equal, field by field. *Away*: the hub is off while four hours pass in the
sandbox; from its start (or the last change, if later) to equality.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from bench import database
from bench.processes import HUB, free_port, manage, running, wait_for, web
from bench.report import SECONDS, Comparison, Length, Row, Section
from bench.sandbox_control import STORM, SandboxControl, arguments
from bench.truth import differences
from orders.api.serializers import OrderDetailSerializer
from orders.models.order import Order
from organizations.models.organization import Organization
from webhooks.models.inbox import EventSource, WebhookEvent
from webhooks.models.reconciliation import OrderSync
from webhooks.receiving.configs import new_token

SPEED = 60.0
WORKERS = 2
AWAY_S = 4 * 3600
_LATE_SHARE = 10
"""One in so many orders is born after the hub is back."""
_LONGEST_S = 900.0
_START_S = 60.0
_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """One phase: ``seconds`` until all orders were equal, ``different`` those that never were."""

    name: str
    orders: int
    seconds: float
    different: int
    found_by_reading: int


@dataclass(frozen=True, slots=True)
class ReconcileRun:
    storm: PhaseResult
    away: PhaseResult
    calls: dict[str, Any]
    webhooks: dict[str, int]


def section(length: Length) -> Section:
    orders = 80 if length.quick else 2000
    # One run takes minutes, and its goals are far from what a noisy machine changes.
    run = _Trial(orders).run()
    how = (
        f"{orders} orders twice: 20 % of webhooks dropped, 20 % twice, the rest shuffled and batched, "
        f"5 % of calls failing; then {AWAY_S // 3600} h of the sandbox's clock without the hub"
    )
    found = Section.of("reconcile", how, [run], _ROWS, asdict)
    found.comparisons = [
        Comparison("storm: equal within 2 minutes", run.storm.seconds <= 120),
        Comparison("away: equal within 10 minutes", run.away.seconds <= 600),
        Comparison("equal field by field", found.medians["orders that differ"] == 0),
        Comparison("no limit exceeded", found.medians["refused by iiko's limits"] == 0),
    ]
    return found


def _busiest_minute(operation: str) -> Row[ReconcileRun]:
    return Row(
        f"{operation}, busiest minute",
        lambda run: run.calls.get(f"deliveries/{operation}", {}).get("busiest_minute", 0),
    )


_ROWS: tuple[Row[ReconcileRun], ...] = (
    Row("storm: equal after", lambda run: run.storm.seconds, SECONDS),
    Row("away: equal after", lambda run: run.away.seconds, SECONDS),
    Row("orders that differ", lambda run: run.storm.different + run.away.different),
    Row("read, not brought (storm)", lambda run: run.storm.found_by_reading),
    Row("webhooks dropped or lost", lambda run: run.webhooks["dropped"] + run.webhooks["lost"]),
    *map(_busiest_minute, ("by_revision", "by_delivery_date_and_status", "by_id")),
    # A 429 that no fault made: iiko's own limits.
    Row(
        "refused by iiko's limits",
        lambda run: sum(int(one["answers"].get("429", 0)) for one in run.calls.values()),
    ),
)


class _Trial:
    """A sandbox and, at times, a hub beside it."""

    def __init__(self, orders: int) -> None:
        self._orders = orders
        self._hub_port = free_port()
        self._token = new_token()
        port = free_port()
        self._iiko = SandboxControl(port)
        self._sandbox = arguments(port=port, hub_port=self._hub_port, token=self._token, speed=SPEED)
        self._env = HUB | {
            "IIKO_API_URL": self._iiko.url,
            "IIKO_API_KEY": "bench",
            "WEBHOOK_SECRET_KEY": self._token,
        }
        self._zones: dict[str, str] = {}

    def run(self) -> ReconcileRun:
        database.empty()
        with running([(manage()[0], *self._sandbox)], env={}) as (sandbox,):
            wait_for(self._iiko.is_up, "the sandbox", seconds=_START_S, watched=[sandbox])
            self._zones = self._iiko.zones()
            self._discover()
            self._iiko.set_faults(STORM)
            storm = self._run_storm()
            away = self._run_away()
            return ReconcileRun(storm, away, self._iiko.calls(), self._iiko.state()["webhooks"])

    def _discover(self) -> None:
        OrderSync.objects.all().delete()
        with running([manage("sync_dictionaries")], env=self._env) as (command,):
            command.wait(_START_S)
        # Only the sandbox's own are asked about.
        Organization.objects.exclude(iiko_id__in=self._zones).update(is_active=False)

    def _run_storm(self) -> PhaseResult:
        with self._hub():
            wait_for(self._is_followed, "the first reading", seconds=_LONGEST_S)
            self._iiko.create_orders(self._orders)
            self._wait_until_over()
            return self._time_to_equality("storm", self._last_change(), self._orders)

    def _run_away(self) -> PhaseResult:
        late = self._orders // _LATE_SHARE
        self._iiko.create_orders(self._orders - late)
        self._iiko.advance(AWAY_S)
        began = time.time()
        with self._hub():
            self._iiko.create_orders(late)
            self._wait_until_over()
            since = max(began, self._last_change() - AWAY_S)
            return self._time_to_equality("away", since, self._orders)

    @contextmanager
    def _hub(self) -> Iterator[None]:
        workers = [manage("worker")] * WORKERS
        with web(port=self._hub_port, env=self._env), running(workers, env=self._env) as started:
            yield
            for worker in started:
                worker.check_alive()

    def _is_followed(self) -> bool:
        return OrderSync.objects.filter(revision__isnull=False).count() == len(self._zones)

    def _wait_until_over(self) -> None:
        wait_for(lambda: not self._iiko.state()["orders"], "the last order", seconds=_LONGEST_S)

    def _last_change(self) -> float:
        return max(int(order["timestamp"]) for order in self._iiko.orders()) / 1000

    def _time_to_equality(self, name: str, since: float, orders: int) -> PhaseResult:
        truth = {order["id"]: order for order in self._iiko.orders()}
        revisions = {ident: order["timestamp"] for ident, order in truth.items()}
        deadline = time.time() + _LONGEST_S
        while self._revisions() != revisions and time.time() < deadline:
            time.sleep(_PAUSE_S)
        seconds = time.time() - since
        found = WebhookEvent.objects.filter(source=EventSource.RECONCILE).count()
        return PhaseResult(name, orders, seconds, self._count_different(truth), found)

    def _revisions(self) -> dict[str | None, int | None]:
        return dict(Order.objects.values_list("iiko_order_id", "revision"))

    def _count_different(self, truth: dict[str, Any]) -> int:
        orders = Order.objects.select_related("organization")
        shown = {row["iiko_order_id"]: row for row in OrderDetailSerializer(orders, many=True).data}
        return sum(
            bool(differences(order, shown.get(ident), self._zones[order["organizationId"]]))
            for ident, order in truth.items()
        )
