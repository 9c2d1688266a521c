"""The events of the restaurants that webhooks announce."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sandbox.catalogue.world import Employee, Organization, TerminalGroup
from sandbox.hall.tables import Reserve, TableOrder
from sandbox.orders.order import CreationStatus, Order


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order was created or changed; ``opens`` marks the end of its creation."""

    at: datetime
    order: Order
    opens: bool

    @property
    def organization(self) -> Organization:
        return self.order.organization

    @property
    def operation_id(self) -> UUID:
        return self.order.operation_id

    @property
    def is_error(self) -> bool:
        return self.order.creation is CreationStatus.ERROR


@dataclass(frozen=True, slots=True)
class StopListChange:
    """The stop list of a kitchen changed; ``is_full``: the whole list was replaced."""

    at: datetime
    organization: Organization
    operation_id: UUID
    terminal_group: TerminalGroup
    is_full: bool


@dataclass(frozen=True, slots=True)
class ShiftChange:
    """A courier opened or closed a shift."""

    at: datetime
    organization: Organization
    operation_id: UUID
    courier: Employee
    terminal_group: TerminalGroup
    is_open: bool


@dataclass(frozen=True, slots=True)
class TableOrderChange:
    """A table order was opened, billed or paid."""

    at: datetime
    operation_id: UUID
    order: TableOrder

    @property
    def organization(self) -> Organization:
        return self.order.organization


@dataclass(frozen=True, slots=True)
class ReserveChange:
    """A reserve was made, started or cancelled."""

    at: datetime
    operation_id: UUID
    reserve: Reserve

    @property
    def organization(self) -> Organization:
        return self.reserve.organization


class UndocumentedType(StrEnum):
    """The vendor's types of events that it publishes no schema for."""

    KITCHEN_ORDER = "KitchenOrderUpdate"
    MENU = "NomenclatureUpdate"
    BUSINESS_HOURS = "BusinessHoursAndMappingUpdate"


@dataclass(frozen=True, slots=True)
class UndocumentedEvent:
    """An event without a schema; ``info`` is of our own making (see ``sandbox.notices``)."""

    at: datetime
    organization: Organization
    operation_id: UUID
    kind: UndocumentedType
    info: dict[str, object]


Event = OrderChange | StopListChange | ShiftChange | TableOrderChange | ReserveChange | UndocumentedEvent
