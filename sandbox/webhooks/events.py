"""The events of the restaurants that webhooks announce."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from random import Random
from uuid import UUID

from sandbox.catalogue.menu import MakeId
from sandbox.catalogue.world import Employee, Organization, TerminalGroup
from sandbox.hall import Reserve, TableOrder
from sandbox.http.vendor_json import Json, named, render
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
    """An event that the vendor names but does not document.

    Its document lists the types and gives no schema (OpenAPI, ``WebHookEventType``, read 2026-11), so
    ``info`` is of our own making: something to receive and to keep, not to learn the format from.
    """

    at: datetime
    organization: Organization
    operation_id: UUID
    kind: UndocumentedType
    info: Json


Event = OrderChange | StopListChange | ShiftChange | TableOrderChange | ReserveChange | UndocumentedEvent


def make_undocumented_event(
    kind: UndocumentedType, organization: Organization, at: datetime, make_id: MakeId, random: Random
) -> UndocumentedEvent:
    """Make an event of a kind; what is in it is invented."""
    group = random.choice(organization.terminal_groups)
    info: Json
    match kind:
        case UndocumentedType.KITCHEN_ORDER:
            product = named(random.choice(organization.menu.dishes))
            info = {
                "id": make_id("kitchen order"),
                "terminalGroupId": group.id,
                "number": random.randint(1, 999),
                "items": [{"product": product, "amount": 1.0, "status": "CookingStarted"}],
            }
        case UndocumentedType.MENU:
            info = {"id": make_id("menu"), "revision": random.randint(10**6, 10**7), "isFull": False}
        case UndocumentedType.BUSINESS_HOURS:
            day = {"from": "10:00", "to": random.choice(("22:00", "23:00"))}
            info = {"id": group.id, "terminalGroupIds": [group.id], "businessHours": [day] * 7}
    return UndocumentedEvent(at, organization, make_id("operation"), kind, render(info))
