"""The kitchens at work: orders are born, live by their story and are forgotten in the end.

No input, no output and no clock of its own: ``tick(now)`` plays all that is due and tells of it.
The same seed and opening give the same story, however often it ticks; what somebody outside asks
for changes the orders asked about, and of the others the numbers at the till at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from uuid import UUID, uuid5

from sandbox import steps
from sandbox.agenda import Action, Agenda
from sandbox.asides import Asides
from sandbox.birth import Cradle, bear
from sandbox.clock import Pace
from sandbox.events import Event, OrderChange
from sandbox.order import CreationError, CreationStatus, Order
from sandbox.revisions import Revisions
from sandbox.steps import Scene
from sandbox.story import TIMEOUT, Beat, plan_asked_for, plan_life, plan_rest
from sandbox.world import Employee, Organization, TerminalGroup, World

# So long the cloud answers for its orders (REFERENCE 6).
FORGET_AFTER = timedelta(days=7)
REMEMBER_AT_MOST = 5000
_HISTORY_KEPT = 5000

_FIRST_BIRTH_AFTER = timedelta(seconds=1)
_OPENING_RUSH = 5
# The cloud waits for the till as long as it was told to, and about a minute more (help centre).
_TIMEOUT_MINUTES = 1.0
_TRANSPORT_TIMEOUT_S = 8
_LONGEST_TIMEOUT_S = 600
_FIRST_ASKED = 500_000


@dataclass(slots=True)
class _Life:
    """``plan`` grows when the beats are replaced, so that one on the agenda knows it is outdated."""

    order: Order
    beats: deque[Beat]
    random: Random
    timeout_s: int = _TRANSPORT_TIMEOUT_S
    revision: int = 0
    plan: int = 0


class Kitchen:
    """All kitchens of the world. Not for several threads at once: its owner keeps the lock."""

    def __init__(
        self, world: World, *, opened_at: datetime, pace: Pace | None = None, orders_per_minute: float = 6
    ) -> None:
        self.world = world
        self._pace = pace or Pace()
        # Of the opening, so that another run with the same seed does not bring old orders back to life.
        self._ids = uuid5(world.organizations[0].id, opened_at.isoformat())
        self._agenda = Agenda()
        self._lives: dict[UUID, _Life] = {}
        self._over: deque[tuple[datetime, UUID]] = deque()
        self._happened: list[Event] = []
        self._history: deque[tuple[int, Order]] = deque(maxlen=_HISTORY_KEPT)
        self._announced = 0
        self.revisions = Revisions(opened_at)
        self._waiting_for_till: dict[UUID, list[Action]] = {}
        self._births = Random(f"{world.seed}/births")
        self._born = self._asked = 0
        self._numbers = {each.id: self._births.randint(100, 700) for each in world.organizations}
        self.asides = Asides(world, self._agenda, self._happened_aside, self._make_id, self.is_online)
        self.asides.pace = self._pace
        if orders_per_minute:
            self._mean_gap = timedelta(minutes=1) / orders_per_minute
            self._agenda.add(opened_at + _FIRST_BIRTH_AFTER, self._be_born)
            self.asides.begin(opened_at)

    def tick(self, now: datetime) -> list[Event]:
        """Play all that is due and give what happened, oldest first."""
        self._agenda.run_due(now)
        self._forget(now)
        happened, self._happened = self._happened, []
        return happened

    def postpone(self, gap: timedelta) -> None:
        """Let everything to come happen ``gap`` later."""
        self._agenda.postpone(gap)

    def later(self, due: datetime, action: Action) -> None:
        """Run ``action`` when it is due, in the row of all that happens."""
        self._agenda.add(due, action)

    @property
    def pace(self) -> Pace:
        return self._pace

    def set_pace(self, pace: Pace) -> None:
        """Work faster or slower from the next steps on."""
        self._pace = self.asides.pace = pace

    # --- looking in ---

    def orders(self) -> Iterator[Order]:
        """Give all orders remembered, the oldest first."""
        return (life.order for life in self._lives.values())

    def open_orders(self) -> list[Order]:
        """Give the orders something will still happen to."""
        return [life.order for life in self._lives.values() if life.beats]

    def order(self, organization: Organization, order_id: UUID) -> Order | None:
        life = self._lives.get(order_id)
        return life.order if life and life.order.organization.id == organization.id else None

    def knows(self, order_id: UUID) -> bool:
        return order_id in self._lives

    def changed_since(self, revision: int) -> list[Order]:
        """Give the orders that changed after the cloud's ``revision``, in the order they did."""
        changed = [life for life in self._lives.values() if life.revision > revision]
        return [life.order for life in sorted(changed, key=lambda life: life.revision)]

    def history(self) -> list[tuple[int, Order]]:
        """Give the last states that orders went through, numbered, the oldest first."""
        return list(self._history)

    def couriers_on_shift(self, organization: Organization) -> tuple[Employee, ...]:
        return self.asides.couriers_on_shift(organization)

    # --- births ---

    def _be_born(self, at: datetime) -> None:
        organization = self._births.choice(self.world.organizations)
        self._born += 1
        self._bear(at, organization, str(self._born), self._born)
        gap = self._births.expovariate(1) * self._mean_gap
        # Whoever has just opened the page wants to see something.
        self._agenda.add(at + (gap / 4 if self._born <= _OPENING_RUSH else gap), self._be_born)

    def bear_now(self, at: datetime, organization: Organization) -> Order:
        """Let a guest order in this restaurant at once; the story's own guests come all the same."""
        self._asked += 1
        return self._bear(at, organization, f"asked/{self._asked}", _FIRST_ASKED + self._asked)

    def _bear(self, at: datetime, organization: Organization, name: str, sequence: int) -> Order:
        cradle = Cradle(
            at=at,
            organization=organization,
            sequence=sequence,
            number=self.next_number(organization),
            make_id=partial(self._make_id, f"order/{name}"),
            pace=self._pace,
        )
        order = bear(cradle, Random(f"{self.world.seed}/birth/{name}"))
        random = Random(f"{self.world.seed}/life/{name}")
        self._begin(_Life(order, deque(plan_life(order, random)), random), at)
        return order

    def next_number(self, organization: Organization) -> int:
        self._numbers[organization.id] += 1
        return self._numbers[organization.id]

    def admit(
        self, order: Order, at: datetime, *, refusal: CreationError | None, timeout_s: int | None
    ) -> Order:
        """Begin the life of an order that a client made; ``refusal`` is what its till will say."""
        random = Random(f"{self.world.seed}/life/{order.id}")
        beats = deque(plan_asked_for(order, refusal, random))
        life = _Life(order, beats, random, min(timeout_s or _TRANSPORT_TIMEOUT_S, _LONGEST_TIMEOUT_S))
        self._begin(life, at)
        return life.order

    def _begin(self, life: _Life, at: datetime) -> None:
        if not life.order.came_over_api and not self._is_till_online(life.order):
            # Taken at a till that is cut off: the cloud hears of it when the line is back.
            self._when_till_online(life.order, partial(self._begin, life))
            return
        self._lives[life.order.id] = life
        self._announce(life, life.order, at)
        self._plan_next_beat(life, at)

    def _make_id(self, owner: str, path: str) -> UUID:
        return uuid5(self._ids, f"{owner}/{path}")

    # --- lives ---

    def _plan_next_beat(self, life: _Life, at: datetime) -> None:
        if life.beats:
            due = at + self._pace.wall(life.beats[0].after_minutes)
            self._agenda.add(due, partial(self._play_beat, life, life.plan))
        else:
            self._over.append((at, life.order.id))

    def _play_beat(self, life: _Life, plan: int, at: datetime) -> None:
        if plan != life.plan:
            return
        if not self._is_till_online(life.order):
            self._wait_for_till(life, at)
            return
        beat = life.beats.popleft()
        couriers = self.couriers_on_shift(life.order.organization)
        changed = beat.step(life.order, Scene(at, life.random, couriers))
        if changed is not life.order:
            self._announce(life, changed, at)
        if life.order.is_over:
            life.beats.clear()
        self._plan_next_beat(life, at)
        if life.order.is_deleted:
            again = steps.made_again(life.order)
            self._begin(_Life(again, deque(plan_rest(again, life.random)), life.random), at)

    def change(self, changed: Order, at: datetime, operation_id: UUID) -> None:
        """Put what a client asked for in place of the order, and let the kitchen go on from there."""
        life = self._lives[changed.id]
        was_at = life.order.status
        self._announce(life, changed, at, operation_id)
        if changed.status is not was_at or changed.is_over:
            life.plan += 1
            life.beats = deque([] if changed.is_over else plan_rest(changed, life.random))
            self._plan_next_beat(life, at)

    def note(self, changed: Order, at: datetime) -> None:
        """Keep what the cloud alone knows of an order; nobody is told."""
        life = self._lives[changed.id]
        life.order = changed
        life.revision = self.revisions.next(at)

    def _announce(self, life: _Life, changed: Order, at: datetime, operation_id: UUID | None = None) -> None:
        revision = max(life.order.revision + 1, int(at.timestamp() * 1000))
        was_settled = life.order.revision > 0 and life.order.creation is not CreationStatus.IN_PROGRESS
        is_settled = changed.creation is not CreationStatus.IN_PROGRESS
        life.order = self._revised(changed, revision, operation_id)
        life.revision = self.revisions.next(at)
        self._announced += 1
        self._history.append((self._announced, life.order))
        self._happened.append(OrderChange(at, life.order, opens=is_settled and not was_settled))

    def _revised(self, order: Order, revision: int, operation_id: UUID | None) -> Order:
        if order.came_over_api:
            return replace(order, revision=revision)
        # Nobody outside asked for this change, so it is an operation of its own.
        operation_id = operation_id or uuid5(order.id, f"operation/{revision}")
        return replace(order, revision=revision, operation_id=operation_id)

    def _happened_aside(self, event: Event) -> None:
        self._happened.append(event)

    def _forget(self, now: datetime) -> None:
        while self._over and (len(self._over) > REMEMBER_AT_MOST or self._over[0][0] <= now - FORGET_AFTER):
            _, order_id = self._over.popleft()
            self._lives.pop(order_id, None)

    def forget(self, order_id: UUID) -> bool:
        """Let an order go without a word, as if it was purged at the till; False: there is none."""
        life = self._lives.pop(order_id, None)
        if life is not None:
            life.plan += 1
            life.beats.clear()
        return life is not None

    # --- tills that are cut off ---

    def is_online(self, organization: Organization, group: TerminalGroup | None = None) -> bool:
        """Whether the line to the tills of a restaurant is up, or to those of one group of it."""
        is_group_up = group is None or group.id not in self._waiting_for_till
        return is_group_up and organization.id not in self._waiting_for_till

    def when_online(
        self, organization: Organization, action: Action, group: TerminalGroup | None = None
    ) -> None:
        """Run ``action`` as soon as the line is back."""
        is_all_down = group is None or organization.id in self._waiting_for_till
        key = organization.id if is_all_down or group is None else group.id
        self._waiting_for_till[key].append(action)

    def set_online(
        self, organization: Organization, at: datetime, *, is_online: bool, group: TerminalGroup | None = None
    ) -> None:
        """Cut the tills off, or bring them back and let all that waited happen at once."""
        key = group.id if group else organization.id
        if not is_online:
            self._waiting_for_till.setdefault(key, [])
            return
        for action in self._waiting_for_till.pop(key, []):
            action(at)

    def _is_till_online(self, order: Order) -> bool:
        return self.is_online(order.organization, order.terminal_group)

    def _when_till_online(self, order: Order, action: Action) -> None:
        self.when_online(order.organization, action, order.terminal_group)

    def _wait_for_till(self, life: _Life, at: datetime) -> None:
        self._when_till_online(life.order, partial(self._play_beat, life, life.plan))
        if life.order.creation is CreationStatus.IN_PROGRESS:
            wait = self._pace.wall(_TIMEOUT_MINUTES + life.timeout_s / 60)
            self._agenda.add(at + wait, partial(self._give_up, life))

    def _give_up(self, life: _Life, at: datetime) -> None:
        """Tell that the till did not take the order; it may still do so when it is back."""
        if life.order.creation is CreationStatus.IN_PROGRESS and life.order.id in self._lives:
            failed = steps.fail(TIMEOUT)(life.order, Scene(at, life.random, ()))
            self._announce(life, failed, at)
