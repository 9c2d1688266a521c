"""What happens beside the deliveries: stop lists, couriers' shifts, the hall and its tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from uuid import UUID

from sandbox.catalogue.stop_lists import StopLists
from sandbox.catalogue.world import Employee, Organization, TerminalGroup, World
from sandbox.clock import Pace
from sandbox.engine.scheduler import Agenda
from sandbox.hall import tables as hall
from sandbox.hall.tables import Reserve, TableOrder
from sandbox.webhooks.events import (
    Event,
    NoticeKind,
    ReserveChange,
    ShiftChange,
    StopListChange,
    TableOrderChange,
)
from sandbox.webhooks.undocumented_events import make_notice

_EVERY = timedelta(minutes=2)
_COME_WITHIN = timedelta(minutes=1)
"""Of the opening: a hub that was started beside the sandbox listens by then."""
_FEWEST_COURIERS = 2
_NOTICES_EVERY = timedelta(minutes=7)

Tell = Callable[[Event], None]
MakeOwnedId = Callable[[str, str], UUID]
IsOnline = Callable[[Organization], bool]


class Asides:
    """Plays all but the deliveries; restaurants that speak SOI have none of it to tell."""

    def __init__(
        self, world: World, agenda: Agenda, tell: Tell, make_id: MakeOwnedId, is_online: IsOnline
    ) -> None:
        self.stops = StopLists()
        self.pace = Pace()
        self._agenda = agenda
        self._tell = tell
        self._make_id = make_id
        self._is_online = is_online
        self._seed = world.seed
        self._random = Random(f"{world.seed}/side events")
        self._tellers = [each for each in world.organizations if not each.speaks_soi]
        # Dice of their own: the rest of the story does not change by them.
        self._notices = Random(f"{world.seed}/notices")
        self._happened = self._noticed = 0
        self._numbers = {each.id: 20 for each in world.organizations}
        self._told_of: set[UUID] = set()
        self._on_shift = {each.id: list(each.couriers[:-1]) for each in world.organizations}

    def begin(self, opened_at: datetime) -> None:
        self._agenda.add(self._next(opened_at), self._happen)
        self._agenda.add(opened_at + _NOTICES_EVERY, self._give_notice)
        dice = Random(f"{self._seed}/openings")
        for organization in self._tellers:
            for play in (self._change_stop_list, self._seat_guests, self._keep_table):
                self._agenda.add(opened_at + dice.random() * _COME_WITHIN, partial(play, organization))
            for courier in self._on_shift[organization.id]:
                come = partial(self._come, organization, courier)
                self._agenda.add(opened_at + dice.random() * _COME_WITHIN, come)

    def _come(self, organization: Organization, courier: Employee, at: datetime) -> None:
        """Tell that somebody who is there from the beginning has opened a shift."""
        if courier in self._on_shift[organization.id] and courier.id not in self._told_of:
            operation = self._make_id(f"opening/{courier.id}", "operation")
            group = organization.terminal_groups[0]
            self._tell(ShiftChange(at, organization, operation, courier, group, is_open=True))

    def tell_now(self, event_type: str, organization: Organization, at: datetime) -> bool:
        """Let something happen that is told by an event of this type; False if that is not for asking."""
        plays = {
            "StopListUpdate": self._change_stop_list,
            "PersonalShift": self._change_shift,
            "TableOrderUpdate": self._seat_guests,
            "ReserveUpdate": self._keep_table,
        }
        if event_type in set(NoticeKind):
            self._notice(NoticeKind(event_type), organization, at)
        elif event_type in plays:
            plays[event_type](organization, at)
        else:
            return False
        return True

    def couriers_on_shift(self, organization: Organization) -> tuple[Employee, ...]:
        return tuple(self._on_shift[organization.id])

    def _next(self, at: datetime) -> datetime:
        return at + self._random.expovariate(1) * _EVERY

    def _happen(self, at: datetime) -> None:
        organization = self._random.choice(self._tellers)
        plays = (self._change_stop_list, self._change_shift, self._seat_guests, self._keep_table)
        play = self._random.choices(plays, (35, 35, 15, 15))[0]
        if self._is_online(organization):
            play(organization, at)
        self._agenda.add(self._next(at), self._happen)

    def _new_id(self, path: str = "operation") -> UUID:
        self._happened += 1
        return self._make_id(f"side event/{self._happened}", path)

    def _change_stop_list(self, organization: Organization, at: datetime) -> None:
        group = self._random.choice(organization.terminal_groups)
        is_anew = self.stops.shake(organization, group, at, self._random)
        self._tell(StopListChange(at, organization, self._new_id(), group, is_anew))

    # --- events without a schema ---

    def _give_notice(self, at: datetime) -> None:
        organization = self._notices.choice(self._tellers)
        if self._is_online(organization):
            self._notice(self._notices.choice(list(NoticeKind)), organization, at)
        self._agenda.add(at + self._notices.expovariate(1) * _NOTICES_EVERY, self._give_notice)

    def _notice(self, kind: NoticeKind, organization: Organization, at: datetime) -> None:
        self._noticed += 1
        make_id = partial(self._make_id, f"notice/{self._noticed}")
        self._tell(make_notice(kind, organization, at, make_id, self._notices))

    # --- shifts ---

    def _change_shift(self, organization: Organization, at: datetime) -> None:
        courier = self._choose_for_shift(organization)
        is_open = courier not in self._on_shift[organization.id]
        self.set_shift(organization, organization.terminal_groups[0], courier, at, is_open=is_open)

    def _choose_for_shift(self, organization: Organization) -> Employee:
        """Choose who comes or goes; somebody must stay to carry the orders."""
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
        """Open or close the shift of a courier and tell of it."""
        self._told_of.add(courier.id)
        on_shift = self._on_shift[organization.id]
        on_shift.append(courier) if is_open else on_shift.remove(courier)
        operation = operation_id or self._new_id()
        self._tell(ShiftChange(at, organization, operation, courier, group, is_open))

    # --- the hall ---

    def _seat_guests(self, organization: Organization, at: datetime) -> None:
        self._numbers[organization.id] += 1
        make_id = partial(self._make_id, f"table/{self._new_id()}")
        number = self._numbers[organization.id]
        order = hall.seat_guests(organization, number, at, make_id, self._random)
        if refused := hall.refused_table_order(order):
            self._tell_of_table(refused, at)
            return
        bill_in, paid_in = self._random.uniform(8, 20), self._random.uniform(2, 6)
        self._tell_of_table(order, at)
        self._later(at, bill_in, lambda due: self._tell_of_table(hall.ask_for_bill(order, due), due))
        billed_at = at + self.pace.wall(bill_in)
        self._later(
            billed_at,
            paid_in,
            lambda due: self._tell_of_table(hall.pay(hall.ask_for_bill(order, billed_at), due), due),
        )

    def _tell_of_table(self, order: TableOrder, at: datetime) -> None:
        revised = replace(order, revision=int(at.timestamp() * 1000))
        self._tell(TableOrderChange(at, self._new_id(), revised))

    def _keep_table(self, organization: Organization, at: datetime) -> None:
        make_id = partial(self._make_id, f"reserve/{self._new_id()}")
        reserve = hall.keep_table(organization, at, make_id, self._random)
        if refused := hall.refused_reserve(reserve):
            self._tell_of_reserve(refused, at)
            return
        dice = Random(f"{reserve.id}/end")
        self._tell_of_reserve(reserve, at)
        wait = self._random.uniform(20, 60)
        self._later(at, wait, lambda due: self._tell_of_reserve(hall.end_of_reserve(reserve, due, dice), due))

    def _tell_of_reserve(self, reserve: Reserve, at: datetime) -> None:
        revised = replace(reserve, revision=int(at.timestamp() * 1000))
        self._tell(ReserveChange(at, self._new_id(), revised))

    def _later(self, at: datetime, kitchen_minutes: float, action: Callable[[datetime], None]) -> None:
        self._agenda.add(at + self.pace.wall(kitchen_minutes), action)
