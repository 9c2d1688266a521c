"""One call of the played API, and what every operation does with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from sandbox.catalogue.world import Organization, TerminalGroup
from sandbox.http.errors import ApiError, bad_request
from sandbox.http.logins import Login
from sandbox.http.request import Body
from sandbox.orders.order import Order
from sandbox.orders.serializer import Json
from sandbox.simulator import Simulator


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in; its operation runs while the stage is held."""

    simulator: Simulator
    login: Login
    body: Body
    now: datetime

    def organization(self, name: str = "organizationId") -> Organization:
        """Read the restaurant the call is about.

        Raises:
            ApiError: there is none (400), or it is not bound to the login (403).
        """
        organization = self.simulator.world.organization(self.body.id(name))
        if organization is None:
            raise bad_request("Organization is not found.", "Common_OrganizationNotFound")
        self._check_bound(organization)
        return organization

    def organizations(self, name: str = "organizationIds") -> list[Organization]:
        """Read which restaurants the call is about; ids that nobody has are left out in silence."""
        ids = self.body.ids(name)
        chosen = [each for each in self.simulator.world.organizations if each.id in ids]
        for organization in chosen:
            self._check_bound(organization)
        return chosen

    def order(self, organization: Organization) -> Order:
        order = self.simulator.engine.order(organization, self.body.id("orderId"))
        if order is None:
            # That the cloud says so at once and not by the command's status is a guess.
            raise bad_request("Order is not found.", "OrderNotFound")
        return order

    def group(self, organization: Organization) -> TerminalGroup:
        group_id = self.body.id("terminalGroupId")
        for group in organization.terminal_groups:
            if group.id == group_id:
                return group
        raise bad_request("Terminal group is not found.", "TerminalGroupIdNotDetermined")

    def _check_bound(self, organization: Organization) -> None:
        if not self.login.sees(organization):
            raise ApiError(
                HTTPStatus.FORBIDDEN, f"Organization {organization.id} is not bound to this ApiLogin."
            )


Operation = Callable[[Call], Json | None]
Operations = dict[str, Operation]
