"""Events beside the deliveries: stop lists, couriers' shifts, table orders and reserves."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from uuid import UUID

from sandbox import hall
from sandbox.catalogue.menu import Product
from sandbox.catalogue.world import Employee, Organization, TerminalGroup, World
from sandbox.engine.clock import Pace, Scheduler
from sandbox.hall import Reserve, TableOrder
from sandbox.webhooks import events
from sandbox.webhooks.events import Event, UndocumentedType

_EVERY = timedelta(minutes=2)
_OPENING_TAKES = timedelta(minutes=1)
"""After the opening: a hub that was started at the same time receives webhooks by then."""
_FEWEST_COURIERS = 2
_MOST_STOPS = 4
_UNDOCUMENTED_EVERY = timedelta(minutes=7)

Announce = Callable[[Event], None]
MakeOwnedId = Callable[[str, str], UUID]
IsOnline = Callable[[Organization], bool]


@dataclass(frozen=True, slots=True)
class Stop:
    """A product that is running out. ``balance`` is what is left, 0 is nothing."""

    product: Product
    balance: Decimal
    since: datetime


class StopLists:
    """The list of every terminal group; empty at the opening."""

    def __init__(self) -> None:
        self._stops: dict[UUID, dict[UUID, Stop]] = {}

    def of(self, group: TerminalGroup) -> tuple[Stop, ...]:
        return tuple(self._stops.get(group.id, {}).values())

    def has_run_out(self, group: TerminalGroup, product_id: UUID) -> bool:
        stop = self._stops.get(group.id, {}).get(product_id)
        return stop is not None and not stop.balance

    def change(self, organization: Organization, group: TerminalGroup, at: datetime, random: Random) -> bool:
        """Add a product or remove one; now and then replace the whole list and return True."""
        stops = self._stops.setdefault(group.id, {})
        is_full = random.random() < 0.1
        if is_full:
            stops.clear()
        if stops and (len(stops) >= _MOST_STOPS or random.random() < 0.4):
            del stops[random.choice(list(stops))]
            return is_full
        product = random.choice(organization.menu.dishes)
        stops[product.id] = Stop(product, Decimal(random.choice((0, 0, 0, 3, 5))), at)
        return is_full


class SideEvents:
    """Simulates all but the deliveries; restaurants that use SOI announce none of it."""

    def __init__(
        self,
        world: World,
        scheduler: Scheduler,
        announce: Announce,
        make_id: MakeOwnedId,
        is_online: IsOnline,
    ) -> None:
        self.stops = StopLists()
        self.pace = Pace()
        self._scheduler = scheduler
        self._announce = announce
        self._make_id = make_id
        self._is_online = is_online
        self._seed = world.seed
        self._random = Random(f"{world.seed}/side events")
        self._cloud_restaurants = [each for each in world.organizations if not each.uses_soi]
        # A random generator of their own: other events do not change.
        self._undocumented_rng = Random(f"{world.seed}/notices")
        self._happened = self._undocumented = 0
        self._numbers = {each.id: 20 for each in world.organizations}
        self._announced_couriers: set[UUID] = set()
        self._on_shift = {each.id: list(each.couriers[:-1]) for each in world.organizations}

    def begin(self, opened_at: datetime) -> None:
        self._scheduler.add(self._next(opened_at), self._happen)
        self._scheduler.add(opened_at + _UNDOCUMENTED_EVERY, self._on_undocumented_due)
        rng = Random(f"{self._seed}/openings")
        for organization in self._cloud_restaurants:
            for action in (self._change_stop_list, self._seat_guests, self._keep_table):
                self._scheduler.add(opened_at + rng.random() * _OPENING_TAKES, partial(action, organization))
            for courier in self._on_shift[organization.id]:
                come = partial(self._come, organization, courier)
                self._scheduler.add(opened_at + rng.random() * _OPENING_TAKES, come)

    def _come(self, organization: Organization, courier: Employee, at: datetime) -> None:
        """Announce the shift of a courier who is at work from the opening on."""
        if courier in self._on_shift[organization.id] and courier.id not in self._announced_couriers:
            operation = self._make_id(f"opening/{courier.id}", "operation")
            group = organization.terminal_groups[0]
            self._announce(events.ShiftChange(at, organization, operation, courier, group, is_open=True))

    def trigger(self, event_type: str, organization: Organization, at: datetime) -> bool:
        """Cause an event of this type; False when there is no such event on demand."""
        actions = {
            "StopListUpdate": self._change_stop_list,
            "PersonalShift": self._change_shift,
            "TableOrderUpdate": self._seat_guests,
            "ReserveUpdate": self._keep_table,
        }
        if event_type in set(UndocumentedType):
            self._announce_undocumented(UndocumentedType(event_type), organization, at)
        elif event_type in actions:
            actions[event_type](organization, at)
        else:
            return False
        return True

    def couriers_on_shift(self, organization: Organization) -> tuple[Employee, ...]:
        return tuple(self._on_shift[organization.id])

    def _next(self, at: datetime) -> datetime:
        return at + self._random.expovariate(1) * _EVERY

    def _happen(self, at: datetime) -> None:
        organization = self._random.choice(self._cloud_restaurants)
        actions = (self._change_stop_list, self._change_shift, self._seat_guests, self._keep_table)
        action = self._random.choices(actions, (35, 35, 15, 15))[0]
        if self._is_online(organization):
            action(organization, at)
        self._scheduler.add(self._next(at), self._happen)

    def _new_id(self, path: str = "operation") -> UUID:
        self._happened += 1
        return self._make_id(f"side event/{self._happened}", path)

    def _change_stop_list(self, organization: Organization, at: datetime) -> None:
        group = self._random.choice(organization.terminal_groups)
        is_full = self.stops.change(organization, group, at, self._random)
        self._announce(events.StopListChange(at, organization, self._new_id(), group, is_full))

    # --- events without a schema ---

    def _on_undocumented_due(self, at: datetime) -> None:
        organization = self._undocumented_rng.choice(self._cloud_restaurants)
        if self._is_online(organization):
            self._announce_undocumented(
                self._undocumented_rng.choice(list(UndocumentedType)), organization, at
            )
        self._scheduler.add(
            at + self._undocumented_rng.expovariate(1) * _UNDOCUMENTED_EVERY, self._on_undocumented_due
        )

    def _announce_undocumented(
        self, kind: UndocumentedType, organization: Organization, at: datetime
    ) -> None:
        self._undocumented += 1
        make_id = partial(self._make_id, f"notice/{self._undocumented}")
        self._announce(
            events.make_undocumented_event(kind, organization, at, make_id, self._undocumented_rng)
        )

    # --- shifts ---

    def _change_shift(self, organization: Organization, at: datetime) -> None:
        courier = self._choose_for_shift(organization)
        is_open = courier not in self._on_shift[organization.id]
        self.set_shift(organization, organization.terminal_groups[0], courier, at, is_open=is_open)

    def _choose_for_shift(self, organization: Organization) -> Employee:
        """Choose whose shift changes; two couriers stay at work at least."""
        on_shift = self._on_shift[organization.id]
        resting = [courier for courier in organization.couriers if courier not in on_shift]
        is_choice_free = len(on_shift) > _FEWEST_COURIERS or not resting
        return self._random.choice(organization.couriers if is_choice_free else resting)

    def set_shift(
        self,
        organization: Organization,
        group: TerminalGroup,
        courier: Employee,
        at: datetime,
        *,
        is_open: bool,
        operation_id: UUID | None = None,
    ) -> None:
        """Open or close the shift of a courier and announce it."""
        self._announced_couriers.add(courier.id)
        on_shift = self._on_shift[organization.id]
        on_shift.append(courier) if is_open else on_shift.remove(courier)
        operation = operation_id or self._new_id()
        self._announce(events.ShiftChange(at, organization, operation, courier, group, is_open))

    # --- the hall ---

    def _seat_guests(self, organization: Organization, at: datetime) -> None:
        self._numbers[organization.id] += 1
        make_id = partial(self._make_id, f"table/{self._new_id()}")
        number = self._numbers[organization.id]
        order = hall.seat_guests(organization, number, at, make_id, self._random)
        if refused := hall.refused_table_order(order):
            self._announce_table(refused, at)
            return
        bill_in, paid_in = self._random.uniform(8, 20), self._random.uniform(2, 6)
        self._announce_table(order, at)
        billed_at = at + self.pace.wall(bill_in)
        billed = hall.ask_for_bill(order, billed_at)
        self._later(at, bill_in, lambda due: self._announce_table(hall.ask_for_bill(order, due), due))
        self._later(billed_at, paid_in, lambda due: self._announce_table(hall.pay(billed, due), due))

    def _announce_table(self, order: TableOrder, at: datetime) -> None:
        revised = replace(order, revision=int(at.timestamp() * 1000))
        self._announce(events.TableOrderChange(at, self._new_id(), revised))

    def _keep_table(self, organization: Organization, at: datetime) -> None:
        make_id = partial(self._make_id, f"reserve/{self._new_id()}")
        reserve = hall.keep_table(organization, at, make_id, self._random)
        if refused := hall.refused_reserve(reserve):
            self._announce_reserve(refused, at)
            return
        rng = Random(f"{reserve.id}/end")
        self._announce_reserve(reserve, at)
        wait = self._random.uniform(20, 60)
        end = partial(hall.end_of_reserve, reserve, random=rng)
        self._later(at, wait, lambda due: self._announce_reserve(end(due), due))

    def _announce_reserve(self, reserve: Reserve, at: datetime) -> None:
        revised = replace(reserve, revision=int(at.timestamp() * 1000))
        self._announce(events.ReserveChange(at, self._new_id(), revised))

    def _later(self, at: datetime, minutes: float, action: Callable[[datetime], None]) -> None:
        self._scheduler.add(at + self.pace.wall(minutes), action)
