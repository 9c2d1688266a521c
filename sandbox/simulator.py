"""The simulation as a whole: restaurants, engine and webhooks; may be read from several threads."""

from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any
from uuid import UUID

from sandbox.catalogue.world import Organization, build_world
from sandbox.engine.clock import Clock, ForwardClock, Pace
from sandbox.engine.engine import Engine
from sandbox.fault_log import FaultLog
from sandbox.faults import FAULT_NAMES, DeliveryFault, FaultInjector
from sandbox.http.access import Logins, Tokens
from sandbox.http.call_meter import CallMeter
from sandbox.http.vendor_json import Json, vendor_date
from sandbox.journal import Journal
from sandbox.loyalty.wallets import Loyalty
from sandbox.options import Options
from sandbox.orders.order import CreationStatus, Order
from sandbox.orders.pos import Commands
from sandbox.webhooks.sender import Answer, Sender, Settings
from sandbox.webhooks.subscriptions import Subscriptions
from sandbox.webhooks.webhook_queue import WebhookQueue

_LONGEST_PAUSE = timedelta(minutes=1)
_ANSWERS_SHOWN = 20
_SMALLEST_STEP = timedelta(seconds=1)
_MOST_STEPS = 3600


class Simulator:
    """The whole state.

    One thread runs it; any other holds ``lock`` while it uses engine, commands, subscriptions or loyalty.
    """

    def __init__(self, options: Options, clock: Clock, journal: Journal) -> None:
        self.options = options
        self.world = build_world(options.seed)
        self.started_at = clock.now()
        self.lock = RLock()
        self._clock = ForwardClock(clock)
        self._last_run_at = self.started_at
        self.engine = Engine(
            self.world,
            opened_at=self.started_at,
            pace=Pace(options.speed),
            orders_per_minute=options.rate,
        )
        self.commands = Commands(self.engine, options.seed)
        self.logins = Logins()
        self.tokens = Tokens(self._clock.now, timedelta(seconds=options.token_lifetime_s))
        self.loyalty = Loyalty(self.world, self.started_at)
        # The drafts of each restaurant that has them switched on.
        self.drafts: dict[UUID, dict[UUID, Any]] = {}
        self.faults = FaultInjector(options.faults, options.seed)
        self.fault_log = FaultLog(self._clock.now)
        self.engine.on_trouble = self.fault_log.note
        self.call_meter = CallMeter()
        self.subscriptions = Subscriptions(options.webhook_url, options.webhook_token)
        self._webhook_queue = WebhookQueue(options.seed, self.subscriptions, lambda: self.faults.faults.batch)
        settings = Settings(url=options.webhook_url, token=options.webhook_token)
        self.sender = Sender(settings, journal, self.fault_for_delivery)

    def now(self) -> datetime:
        return self._clock.now()

    def fault_for_delivery(self) -> DeliveryFault:
        """Choose the faults of one delivery, and note that it is not sent where that is one."""
        fault = self.faults.for_delivery()
        if not fault.copies:
            self.fault_log.note("drop")
        return fault

    def run_due(self) -> None:
        """Run all that is due by now and hand the deliveries to the sender."""
        with self.lock:
            now = self.now()
            paused = now - self._last_run_at
            if paused > _LONGEST_PAUSE:
                # The machine was suspended: do not catch up with the hours in between.
                self.engine.scheduler.postpone(paused)
            self._last_run_at = now
            self._run_until(now)

    def advance(self, gap: timedelta) -> None:
        """Put the clock forward and run all that is due in between."""
        with self.lock:
            self.run_due()
            start, self._last_run_at = self._last_run_at, self._last_run_at + gap
            self._clock.advance(gap)
            step = max(_SMALLEST_STEP, gap / _MOST_STEPS)
            while (start := start + step) < self._last_run_at:
                self._run_until(start)
            self._run_until(self._last_run_at)

    def _run_until(self, now: datetime) -> None:
        for delivery in self._webhook_queue.write(self.engine.tick(now), now):
            self.sender.put(delivery)

    def open_orders(self) -> list[Order]:
        with self.lock:
            return self.engine.open_orders()

    def state(self) -> Json:
        """Describe what is going on; of people it names couriers only, and never a token."""
        orders, faults = self.open_orders(), self.faults.faults
        return {
            "seed": self.options.seed,
            "rate": self.options.rate,
            "speed": self.engine.pace.speed,
            "now": self.now().isoformat(),
            "faults": {name: faults.share(name) for name in FAULT_NAMES},
            "faults_as_given": faults.as_given,
            "webhook_url": self.options.webhook_url,
            "started_at": self.started_at.isoformat(),
            "restaurants": [self._restaurant_state(each, orders) for each in self.world.organizations],
            "orders": [_order_state(order) for order in orders],
            "webhooks": {**asdict(self.sender.counts()), "waiting": self.sender.waiting()},
            "last_answers": [_answer_state(answer) for answer in self.sender.answers()[:_ANSWERS_SHOWN]],
        }

    def _restaurant_state(self, organization: Organization, orders: Collection[Order]) -> Json:
        with self.lock:
            couriers = self.engine.couriers_on_shift(organization)
            is_online = self.engine.is_online(organization)
            urls = [listener.url for listener in self.subscriptions.of(organization)]
        return {
            "id": str(organization.id),
            "name": organization.name,
            "time_zone": organization.time_zone,
            "local_time": self.now().astimezone(organization.zone).strftime("%H:%M"),
            "webhooks": "SOI" if organization.uses_soi else "Cloud",
            "webhook_urls": urls,
            "is_online": is_online,
            "open_orders": sum(1 for order in orders if order.organization.id == organization.id),
            "couriers_on_shift": [courier.name for courier in couriers],
        }


def _order_state(order: Order) -> Json:
    is_accepted = order.creation is CreationStatus.SUCCESS
    return {
        "id": str(order.id),
        "organization_id": str(order.organization.id),
        "restaurant": order.organization.short_name,
        "number": order.number if is_accepted else None,
        "external_number": order.external_number,
        "creation_status": order.creation.value,
        "status": order.status.value if is_accepted else None,
        "service": order.service.value,
        "courier": order.courier.name if order.courier else None,
        "sum": str(order.sum),
        "complete_before": vendor_date(order.complete_before, order.organization.zone),
        "problem": order.open_problem,
        "timestamp": order.revision,
    }


def _answer_state(answer: Answer) -> Json:
    return {
        "at": vendor_date(answer.at, UTC),
        "what": answer.title,
        "status": answer.status,
        "took_ms": answer.took_ms,
    }
