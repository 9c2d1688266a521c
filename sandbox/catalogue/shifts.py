"""Couriers' shifts over the API: is one open, clock in, clock out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sandbox.catalogue.world import Employee, Organization
from sandbox.http.call import Call, OfRestaurant, find_group, operation
from sandbox.http.errors import answer
from sandbox.http.vendor_json import Json
from sandbox.orders.commands import PosConnection
from sandbox.orders.rules import Refused


class ShiftRequest(OfRestaurant):
    terminal_group_id: UUID
    employee_id: UUID
    role_id: UUID | None = None


@operation("employees/shift/is_open")
def _is_open(call: Call, request: ShiftRequest) -> Json:
    organization, courier = _organization_and_courier(call, request)
    if courier is None:
        return answer(isSessionOpened=None, error="Employee is not found")
    on_shift = call.simulator.engine.couriers_on_shift(organization)
    return answer(isSessionOpened=courier in on_shift, error=None)


def _organization_and_courier(call: Call, request: ShiftRequest) -> tuple[Organization, Employee | None]:
    organization = call.organization(request)
    find_group(organization, request.terminal_group_id)
    couriers = organization.couriers
    return organization, next((each for each in couriers if each.id == request.employee_id), None)


def _clock(*, is_open: bool) -> Callable[[Call, ShiftRequest], Json]:
    def clock(call: Call, request: ShiftRequest) -> Json:
        organization, courier = _organization_and_courier(call, request)
        group = find_group(organization, request.terminal_group_id)

        def act(correlation_id: UUID, at: datetime) -> None:
            side_events = call.simulator.engine.side_events
            if courier is None:
                raise Refused("Employee is not found", "UserNotFound")
            if (courier in side_events.couriers_on_shift(organization)) is is_open:
                raise Refused(f"Personal session is {'already open' if is_open else 'not open'}")
            side_events.set_shift(
                organization, group, courier, at, is_open=is_open, operation_id=correlation_id
            )

        correlation_id = PosConnection(call.simulator, organization).submit(call.now, act)
        return {"correlationId": correlation_id, "error": None}

    return clock


operation("employees/shift/clockin")(_clock(is_open=True))
operation("employees/shift/clockout")(_clock(is_open=False))
