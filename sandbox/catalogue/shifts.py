"""Couriers' shifts over the API: is one open, clock in, clock out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sandbox.catalogue.world import Employee, Organization
from sandbox.http.call import Call, Operation, Operations
from sandbox.http.errors import answer
from sandbox.orders.commands import PosConnection
from sandbox.orders.rules import Refused
from sandbox.orders.serializer import Json


def _is_open(call: Call) -> Json:
    organization = call.organization()
    call.group(organization)
    on_shift = call.simulator.engine.couriers_on_shift(organization)
    courier = _find(organization, call.body.id("employeeId"))
    if courier is None:
        return answer(isSessionOpened=None, error="Employee is not found")
    return answer(isSessionOpened=courier in on_shift, error=None)


def _clock(*, is_open: bool) -> Operation:
    def operation(call: Call) -> Json:
        organization = call.organization()
        group, courier = call.group(organization), _find(organization, call.body.id("employeeId"))
        call.body.id_or_none("roleId")

        def act(correlation_id: UUID, at: datetime) -> None:
            side_events = call.simulator.engine.side_events
            if courier is None:
                raise Refused("Employee is not found", "UserNotFound")
            if (courier in side_events.couriers_on_shift(organization)) is is_open:
                raise Refused(f"Personal session is {'already open' if is_open else 'not open'}")
            side_events.set_shift(
                organization, group, courier, at, is_open=is_open, operation_id=correlation_id
            )

        correlation_id = PosConnection(call.simulator, organization).command(call.now, act)
        return {"correlationId": str(correlation_id), "error": None}

    return operation


def _find(organization: Organization, employee_id: UUID) -> Employee | None:
    return next((each for each in organization.couriers if each.id == employee_id), None)


OPERATIONS: Operations = {
    "employees/shift/is_open": _is_open,
    "employees/shift/clockin": _clock(is_open=True),
    "employees/shift/clockout": _clock(is_open=False),
}
