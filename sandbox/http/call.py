"""One call of the vendor's API, and the registry of the operations that answer it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeVar, get_type_hints
from uuid import UUID

from sandbox.catalogue.world import Organization, TerminalGroup
from sandbox.http.access import Login
from sandbox.http.request import ApiError, Content, Request, bad_request
from sandbox.orders.order import Order
from sandbox.simulator import Simulator


class OfRestaurant(Request):
    organization_id: UUID


class OfRestaurants(Request):
    organization_ids: list[UUID]


class OfOrder(OfRestaurant):
    order_id: UUID


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in; its operation runs while the simulator is locked."""

    simulator: Simulator
    login: Login
    content: Content
    now: datetime

    def organization(self, request: OfRestaurant) -> Organization:
        """Find the restaurant of the request.

        Raises:
            ApiError: there is none (400), or it is not bound to the login (403).
        """
        organization = self.simulator.world.organization(request.organization_id)
        if organization is None:
            raise bad_request("Organization is not found.", "Common_OrganizationNotFound")
        self._check_bound(organization)
        return organization

    def organizations(self, request: OfRestaurants) -> list[Organization]:
        """Find the restaurants of the request; unknown ids are left out in silence."""
        chosen = [each for each in self.simulator.world.organizations if each.id in request.organization_ids]
        for organization in chosen:
            self._check_bound(organization)
        return chosen

    def order(self, request: OfOrder) -> Order:
        order = self.simulator.engine.order(self.organization(request), request.order_id)
        if order is None:
            # That the cloud says so at once and not by the command's status is a guess.
            raise bad_request("Order is not found.", "OrderNotFound")
        return order

    def _check_bound(self, organization: Organization) -> None:
        if not self.login.sees(organization):
            raise ApiError(
                HTTPStatus.FORBIDDEN, f"Organization {organization.id} is not bound to this ApiLogin."
            )


def find_group(organization: Organization, group_id: UUID | None) -> TerminalGroup:
    """Find a terminal group by its id; without one, take the first."""
    for group in organization.terminal_groups:
        if group_id in {None, group.id}:
            return group
    raise bad_request("Terminal group is not found.", "TerminalGroupIdNotDetermined")


@dataclass(frozen=True, slots=True)
class Operation:
    request: type
    run: Callable[[Call, Any], object]


Function = TypeVar("Function", bound=Callable[..., object])
OPERATIONS: dict[str, Operation] = {}


def operation(*paths: str) -> Callable[[Function], Function]:
    """Register a function as the operation of the paths; its parameter ``request`` declares the body."""

    def register(function: Function) -> Function:
        for path in paths:
            OPERATIONS[path] = Operation(get_type_hints(function)["request"], function)
        return function

    return register
