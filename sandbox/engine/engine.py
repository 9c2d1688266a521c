"""The engine: creates orders, runs their scenarios and forgets them in the end.

No input, no output and no clock of its own: ``tick(now)`` runs all that is due and gives the events.
The same seed and opening give the same events, however often it ticks; a client's call changes the
orders it names, and of the others at most the numbers at the POS.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from uuid import UUID, uuid5

from sandbox.catalogue.world import Employee, Organization, TerminalGroup, World
from sandbox.engine.clock import Action, Pace, Scheduler
from sandbox.engine.side_events import SideEvents
from sandbox.orders import transitions
from sandbox.orders.order import CreationError, CreationStatus, Order
from sandbox.orders.order_generator import OrderContext, generate_order
from sandbox.orders.scenario import TIMEOUT, Step, plan_order, plan_requested, plan_rest
from sandbox.orders.transitions import TransitionContext
from sandbox.webhooks.events import Event, OrderChange

# So long the cloud answers for its orders (REFERENCE 6).
FORGET_AFTER = timedelta(days=7)
REMEMBER_AT_MOST = 5000
_HISTORY_KEPT = 5000

_FIRST_ORDER_AFTER = timedelta(seconds=1)
_FREQUENT_AT_START = 5
# The cloud waits for the POS as long as the client says, and about a minute more (help centre).
_TIMEOUT_MINUTES = 1.0
_TRANSPORT_TIMEOUT_S = 8
_LONGEST_TIMEOUT_S = 600
_FIRST_ON_DEMAND = 500_000


REACHES_BACK = timedelta(hours=3)

_COUNTED_SINCE = datetime(2020, 1, 1, tzinfo=UTC)


class TooOld(Exception):
    """The revision lies further back than the vendor looks."""


class Revisions:
    """Numbers all changes of all restaurants in one row.

    A later run starts higher than an earlier one ended, so that a client that outlived the sandbox
    gets ``TooOld`` and does not wait for numbers that never come.
    """

    def __init__(self, opened_at: datetime) -> None:
        self.last = int((opened_at - _COUNTED_SINCE).total_seconds()) * 1000
        self._oldest = self.last
        self._given: deque[tuple[datetime, int]] = deque()

    def next(self, at: datetime) -> int:
        self.last += 1
        self._given.append((at, self.last))
        return self.last

    def check(self, start: int, now: datetime) -> None:
        """Refuse to look back too far.

        Raises:
            TooOld: ``start`` was overtaken more than three hours ago.
        """
        while self._given and self._given[0][0] <= now - REACHES_BACK:
            self._oldest = self._given.popleft()[1]
        if start < self._oldest:
            raise TooOld


@dataclass(slots=True)
class _Tracked:
    """``plan`` grows when the steps are replaced, so that a scheduled one knows it is outdated."""

    order: Order
    steps: deque[Step]
    random: Random
    timeout_s: int = _TRANSPORT_TIMEOUT_S
    revision: int = 0
    plan: int = 0


class Engine:
    """All orders of the world. Not thread-safe: its owner keeps the lock."""

    def __init__(
        self, world: World, *, opened_at: datetime, pace: Pace | None = None, orders_per_minute: float = 6
    ) -> None:
        self.world = world
        self.pace = pace or Pace()
        # Of the opening, so that another run with the same seed does not bring old orders back to life.
        self._ids = uuid5(world.organizations[0].id, opened_at.isoformat())
        self.scheduler = Scheduler()
        self._tracked: dict[UUID, _Tracked] = {}
        self._finished: deque[tuple[datetime, UUID]] = deque()
        self._happened: list[Event] = []
        self._history: deque[tuple[int, Order]] = deque(maxlen=_HISTORY_KEPT)
        self._announced = 0
        self.revisions = Revisions(opened_at)
        self._waiting_for_pos: dict[UUID, list[Action]] = {}
        self._random = Random(f"{world.seed}/births")
        self._created = self._on_demand = 0
        self._numbers = {each.id: self._random.randint(100, 700) for each in world.organizations}
        self.side_events = SideEvents(
            world, self.scheduler, self._happened.append, self._make_id, self.is_online
        )
        self.side_events.pace = self.pace
        self.on_trouble: Callable[..., None] = lambda _fault, **_about: None
        """Called with what goes wrong at a POS, and what it is about."""
        if orders_per_minute:
            self._mean_gap = timedelta(minutes=1) / orders_per_minute
            self.scheduler.add(opened_at + _FIRST_ORDER_AFTER, self._on_order_due)
            self.side_events.begin(opened_at)

    def tick(self, now: datetime) -> list[Event]:
        """Run all that is due and give the events, oldest first."""
        self.scheduler.run_due(now)
        self._forget(now)
        happened = list(self._happened)
        self._happened.clear()
        return happened

    def set_pace(self, pace: Pace, *, now: datetime) -> None:
        """Run faster or slower from ``now`` on, the steps that are under way too."""
        self.scheduler.stretch(self.pace.speed / pace.speed, now=now)
        self.pace = self.side_events.pace = pace

    # --- reading ---

    def orders(self) -> Iterator[Order]:
        """Give all orders remembered, the oldest first."""
        return (tracked.order for tracked in self._tracked.values())

    def open_orders(self) -> list[Order]:
        """Give the orders with steps still to come."""
        return [tracked.order for tracked in self._tracked.values() if tracked.steps]

    def order(self, organization: Organization, order_id: UUID) -> Order | None:
        tracked = self._tracked.get(order_id)
        return tracked.order if tracked and tracked.order.organization.id == organization.id else None

    def knows(self, order_id: UUID) -> bool:
        return order_id in self._tracked

    def changed_since(self, revision: int) -> list[Order]:
        """Give the orders that changed after the cloud's ``revision``, in the order they did."""
        changed = [tracked for tracked in self._tracked.values() if tracked.revision > revision]
        return [tracked.order for tracked in sorted(changed, key=lambda tracked: tracked.revision)]

    def history(self) -> list[tuple[int, Order]]:
        """Give the last states that orders went through, numbered, the oldest first."""
        return list(self._history)

    def couriers_on_shift(self, organization: Organization) -> tuple[Employee, ...]:
        return self.side_events.couriers_on_shift(organization)

    # --- new orders ---

    def _on_order_due(self, at: datetime) -> None:
        organization = self._random.choice(self.world.organizations)
        self._created += 1
        self._create(at, organization, str(self._created), self._created)
        gap = self._random.expovariate(1) * self._mean_gap
        # The page shows something soon after the start.
        self.scheduler.add(at + (gap / 4 if self._created <= _FREQUENT_AT_START else gap), self._on_order_due)

    def create_order(self, at: datetime, organization: Organization) -> Order:
        """Create an order in this restaurant at once; the scheduled ones are created all the same."""
        self._on_demand += 1
        return self._create(at, organization, f"asked/{self._on_demand}", _FIRST_ON_DEMAND + self._on_demand)

    def _create(self, at: datetime, organization: Organization, name: str, sequence: int) -> Order:
        context = OrderContext(
            at=at,
            organization=organization,
            sequence=sequence,
            number=self.next_number(organization),
            make_id=partial(self._make_id, f"order/{name}"),
            pace=self.pace,
        )
        order = generate_order(context, Random(f"{self.world.seed}/birth/{name}"))
        random = Random(f"{self.world.seed}/life/{name}")
        self._begin(_Tracked(order, deque(plan_order(order, random)), random), at)
        return order

    def next_number(self, organization: Organization) -> int:
        self._numbers[organization.id] += 1
        return self._numbers[organization.id]

    def add_order(
        self, order: Order, at: datetime, *, refusal: CreationError | None, timeout_s: int | None
    ) -> Order:
        """Add an order that a client created; ``refusal`` is the later answer of its POS."""
        random = Random(f"{self.world.seed}/life/{order.id}")
        steps = deque(plan_requested(order, refusal, random))
        tracked = _Tracked(order, steps, random, min(timeout_s or _TRANSPORT_TIMEOUT_S, _LONGEST_TIMEOUT_S))
        self._begin(tracked, at)
        return tracked.order

    def _begin(self, tracked: _Tracked, at: datetime) -> None:
        order = tracked.order
        if not order.came_over_api and not self.is_online(order.organization, order.terminal_group):
            # Taken at a POS that is offline: the cloud gets it when the POS is back online.
            self.when_online(order.organization, partial(self._begin, tracked), order.terminal_group)
            return
        self._tracked[order.id] = tracked
        self._announce(tracked, order, at)
        self._plan_next_step(tracked, at)

    def _make_id(self, owner: str, path: str) -> UUID:
        return uuid5(self._ids, f"{owner}/{path}")

    # --- steps ---

    def _plan_next_step(self, tracked: _Tracked, at: datetime) -> None:
        if tracked.steps:
            due = at + self.pace.wall(tracked.steps[0].after_minutes)
            self.scheduler.add(due, partial(self._run_step, tracked, tracked.plan))
        else:
            self._finished.append((at, tracked.order.id))

    def _run_step(self, tracked: _Tracked, plan: int, at: datetime) -> None:
        if plan != tracked.plan:
            return
        if not self.is_online(tracked.order.organization, tracked.order.terminal_group):
            self._wait_for_pos(tracked, at)
            return
        step = tracked.steps.popleft()
        couriers = self.couriers_on_shift(tracked.order.organization)
        changed = step.transition(tracked.order, TransitionContext(at, tracked.random, couriers))
        if changed is not tracked.order:
            self._announce(tracked, changed, at)
        if tracked.order.is_over:
            tracked.steps.clear()
        self._plan_next_step(tracked, at)
        if tracked.order.is_deleted:
            again = transitions.replacement_of(tracked.order)
            self._begin(_Tracked(again, deque(plan_rest(again, tracked.random)), tracked.random), at)

    def change(self, changed: Order, at: datetime, operation_id: UUID) -> None:
        """Replace the order by the client's change, and plan the remaining steps."""
        tracked = self._tracked[changed.id]
        was_at = tracked.order.status
        self._announce(tracked, changed, at, operation_id)
        if changed.status is not was_at or changed.is_over:
            tracked.plan += 1
            tracked.steps = deque([] if changed.is_over else plan_rest(changed, tracked.random))
            self._plan_next_step(tracked, at)

    def update_silently(self, changed: Order, at: datetime) -> None:
        """Store a change that only the cloud knows; no event is sent."""
        tracked = self._tracked[changed.id]
        tracked.order = changed
        tracked.revision = self.revisions.next(at)

    def _announce(
        self, tracked: _Tracked, changed: Order, at: datetime, operation_id: UUID | None = None
    ) -> None:
        revision = max(tracked.order.revision + 1, int(at.timestamp() * 1000))
        was_settled = tracked.order.revision > 0 and tracked.order.creation is not CreationStatus.IN_PROGRESS
        is_settled = changed.creation is not CreationStatus.IN_PROGRESS
        self._note_trouble(tracked.order, changed)
        if not changed.came_over_api:
            # No client asked for this change, so it is an operation of its own.
            operation_id = operation_id or uuid5(changed.id, f"operation/{revision}")
            changed = replace(changed, operation_id=operation_id)
        tracked.order = replace(changed, revision=revision)
        tracked.revision = self.revisions.next(at)
        self._announced += 1
        self._history.append((self._announced, tracked.order))
        self._happened.append(OrderChange(at, tracked.order, opens=is_settled and not was_settled))

    def _note_trouble(self, before: Order, after: Order) -> None:
        if after.creation is CreationStatus.ERROR and before.creation is not CreationStatus.ERROR:
            self.on_trouble("creation_refused", order_id=after.id)
        if after.open_problem is not None and before.open_problem is None:
            self.on_trouble("problem", order_id=after.id)

    def _forget(self, now: datetime) -> None:
        while self._finished and (
            len(self._finished) > REMEMBER_AT_MOST or self._finished[0][0] <= now - FORGET_AFTER
        ):
            _, order_id = self._finished.popleft()
            self._tracked.pop(order_id, None)

    def forget(self, order_id: UUID) -> bool:
        """Remove an order without an event, as if it was purged at the POS; False: there is none."""
        tracked = self._tracked.pop(order_id, None)
        if tracked is not None:
            tracked.plan += 1
            tracked.steps.clear()
        return tracked is not None

    # --- POS that are offline ---

    def is_online(self, organization: Organization, group: TerminalGroup | None = None) -> bool:
        """Whether the POS of a restaurant are online, or those of one terminal group."""
        is_group_up = group is None or group.id not in self._waiting_for_pos
        return is_group_up and organization.id not in self._waiting_for_pos

    def when_online(
        self, organization: Organization, action: Action, group: TerminalGroup | None = None
    ) -> None:
        """Run ``action`` as soon as the POS is back online."""
        is_all_down = group is None or organization.id in self._waiting_for_pos
        key = organization.id if is_all_down or group is None else group.id
        self._waiting_for_pos[key].append(action)

    def set_online(
        self, organization: Organization, at: datetime, *, is_online: bool, group: TerminalGroup | None = None
    ) -> None:
        """Disconnect the POS, or reconnect them and run all that waited at once."""
        key = group.id if group else organization.id
        if not is_online:
            self._waiting_for_pos.setdefault(key, [])
            return
        for action in self._waiting_for_pos.pop(key, []):
            action(at)

    def _wait_for_pos(self, tracked: _Tracked, at: datetime) -> None:
        order = tracked.order
        action = partial(self._run_step, tracked, tracked.plan)
        self.when_online(order.organization, action, order.terminal_group)
        if tracked.order.creation is CreationStatus.IN_PROGRESS:
            wait = self.pace.wall(_TIMEOUT_MINUTES + tracked.timeout_s / 60)
            self.scheduler.add(at + wait, partial(self._time_out_creation, tracked))

    def _time_out_creation(self, tracked: _Tracked, at: datetime) -> None:
        """Announce that the POS did not accept the order; it may still do so when it is back online."""
        if tracked.order.creation is CreationStatus.IN_PROGRESS and tracked.order.id in self._tracked:
            failed = transitions.fail(TIMEOUT)(tracked.order, TransitionContext(at, tracked.random, ()))
            self._announce(tracked, failed, at)
