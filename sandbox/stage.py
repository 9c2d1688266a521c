"""The play as a whole: world, kitchens and post office, safe to look at from several threads."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from random import Random
from threading import RLock
from typing import Any
from uuid import UUID

from sandbox.clock import Clock, ForwardClock, Pace
from sandbox.command_book import CommandBook
from sandbox.faults import FAULT_NAMES, FaultDice
from sandbox.hooks import Hooks
from sandbox.journal import Journal
from sandbox.kitchen import Kitchen
from sandbox.logins import Logins
from sandbox.loyalty import Loyalty
from sandbox.mail import Mailroom
from sandbox.meter import Meter
from sandbox.options import Options
from sandbox.order import CreationStatus, Order
from sandbox.sender import Answer, Counts, Sender, Settings
from sandbox.tokens import Tokens
from sandbox.wire import Json, vendor_date
from sandbox.world import Organization, build_world

_NAP = timedelta(minutes=1)
_ANSWERS_SHOWN = 20
_SMALLEST_STEP = timedelta(seconds=1)
_MOST_STEPS = 3600


class Stage:
    """Everything that is played.

    One thread plays; who else touches kitchen, commands, hooks or loyalty holds ``lock`` meanwhile.
    """

    def __init__(self, options: Options, clock: Clock, journal: Journal) -> None:
        self.options = options
        self.world = build_world(options.seed)
        self.started_at = clock.now()
        self.lock = RLock()
        self._clock = ForwardClock(clock)
        self._played_at = self.started_at
        self.kitchen = Kitchen(
            self.world,
            opened_at=self.started_at,
            pace=Pace(options.speed),
            orders_per_minute=options.rate,
        )
        self.commands = CommandBook()
        self.dice_of_commands = Random(f"{options.seed}/commands")
        self.logins = Logins()
        self.tokens = Tokens(self._clock.now, timedelta(seconds=options.token_lifetime_s))
        self.loyalty = Loyalty(self.world, self.started_at)
        # Of each restaurant that has them switched on its drafts; ``drafts`` alone knows what one is.
        self.drafts: dict[UUID, dict[UUID, Any]] = {}
        self.faults = FaultDice(options.faults, options.seed)
        self.meter = Meter()
        self.hooks = Hooks(options.webhook_url, options.webhook_token)
        self._mailroom = Mailroom(options.seed, self.hooks, lambda: self.faults.faults.batch)
        settings = Settings(url=options.webhook_url, token=options.webhook_token)
        self.sender = Sender(settings, journal, self.faults.roll)

    def now(self) -> datetime:
        return self._clock.now()

    def play(self) -> None:
        """Play all that is due by now and hand the letters to the sender."""
        with self.lock:
            now = self.now()
            slept = now - self._played_at
            if slept > _NAP:
                # The machine was suspended: no rush of orders of the hours that nobody saw.
                self.kitchen.postpone(slept)
            self._played_at = now
            self._play_until(now)

    def advance(self, gap: timedelta) -> None:
        """Put the clock forward and play all that lies between."""
        with self.lock:
            self.play()
            start, self._played_at = self._played_at, self._played_at + gap
            self._clock.advance(gap)
            step = max(_SMALLEST_STEP, gap / _MOST_STEPS)
            while (start := start + step) < self._played_at:
                self._play_until(start)
            self._play_until(self._played_at)

    def _play_until(self, now: datetime) -> None:
        for letter in self._mailroom.write(self.kitchen.tick(now), now):
            self.sender.put(letter)

    def open_orders(self) -> list[Order]:
        with self.lock:
            return self.kitchen.open_orders()

    def state(self) -> Json:
        """Describe what is going on; of people it names couriers only, and never a token."""
        orders, faults = self.open_orders(), self.faults.faults
        return {
            "seed": self.options.seed,
            "rate": self.options.rate,
            "speed": self.kitchen.pace.speed,
            "now": self.now().isoformat(),
            "faults": {name: faults.share(name) for name in FAULT_NAMES},
            "faults_as_given": faults.as_given,
            "webhook_url": self.options.webhook_url,
            "started_at": self.started_at.isoformat(),
            "restaurants": [self._restaurant_state(each, orders) for each in self.world.organizations],
            "orders": [_order_state(order) for order in orders],
            "webhooks": _counts_state(self.sender.counts(), self.sender.waiting()),
            "last_answers": [_answer_state(answer) for answer in self.sender.answers()[:_ANSWERS_SHOWN]],
        }

    def _restaurant_state(self, organization: Organization, orders: Collection[Order]) -> Json:
        with self.lock:
            couriers = self.kitchen.couriers_on_shift(organization)
            is_online = self.kitchen.is_online(organization)
            urls = [listener.url for listener in self.hooks.of(organization)]
        return {
            "id": str(organization.id),
            "name": organization.name,
            "time_zone": organization.time_zone,
            "local_time": self.now().astimezone(organization.zone).strftime("%H:%M"),
            "webhooks": "SOI" if organization.speaks_soi else "Cloud",
            "webhook_urls": urls,
            "is_online": is_online,
            "open_orders": sum(1 for order in orders if order.organization.id == organization.id),
            "couriers_on_shift": [courier.name for courier in couriers],
        }


def _counts_state(counts: Counts, waiting: int) -> Json:
    return {
        "delivered": counts.delivered,
        "events": counts.events,
        "refused": counts.refused,
        "lost": counts.lost,
        "dropped": counts.dropped,
        "duplicated": counts.duplicated,
        "waiting": waiting,
    }


def _order_state(order: Order) -> Json:
    is_taken = order.creation is CreationStatus.SUCCESS
    return {
        "id": str(order.id),
        "organization_id": str(order.organization.id),
        "restaurant": order.organization.short_name,
        "number": order.number if is_taken else None,
        "external_number": order.external_number,
        "creation_status": order.creation.value,
        "status": order.status.value if is_taken else None,
        "service": order.service.value,
        "courier": order.courier.name if order.courier else None,
        "sum": str(order.sum),
        "complete_before": vendor_date(order.complete_before, order.organization.zone),
        "problem": order.problem.description if order.problem and order.problem.is_open else None,
        "timestamp": order.revision,
    }


def _answer_state(answer: Answer) -> Json:
    return {
        "at": vendor_date(answer.at, UTC),
        "what": answer.title,
        "status": answer.status,
        "took_ms": answer.took_ms,
    }
