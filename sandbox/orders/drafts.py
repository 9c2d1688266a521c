"""``deliveries/drafts/…``: orders that people are still writing, and changes of orders that the till has.

Off in every restaurant until ``POST /sandbox/drafts`` switches them on, as they seem to be with the vendor.
Guesses, for the document describes the requests alone (OpenAPI, read 2026-11): the words for a draft that is
not there, that saving needs no lock of one's own but respects another's, that a draft may be of an order
which the kitchen has not begun, and that committing it then changes that order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from uuid import UUID, uuid4

from sandbox.catalogue.world import Organization
from sandbox.http.call import Call, Operations
from sandbox.http.errors import ApiError, answer, bad_request
from sandbox.http.request import Body
from sandbox.orders import rules
from sandbox.orders.commands import PosConnection
from sandbox.orders.creation import create, read_lines
from sandbox.orders.order import DeliveryStatus, Order
from sandbox.orders.order_request import OrderRequest, read_order
from sandbox.orders.payments import check_payments
from sandbox.orders.serializer import Json, date_or_null, order_info, vendor_date
from sandbox.simulator import Simulator

_BEFORE_COOKING = {DeliveryStatus.UNCONFIRMED, DeliveryStatus.WAIT_COOKING}


@dataclass(frozen=True, slots=True)
class Draft:
    """``content`` is the order of the request, word for word."""

    organization: Organization
    content: dict[str, object]
    group_id: UUID | None
    made_at: datetime
    locked_by: UUID | None = None
    locked_at: datetime | None = None


def _drafts(call: Call) -> tuple[Organization, dict[UUID, Draft]]:
    """Give the restaurant and its drafts.

    Raises:
        ApiError: drafts are off there.
    """
    organization = call.organization()
    if organization.id not in call.simulator.drafts:
        raise bad_request("Drafts are disabled for the organization.", "DRAFTS_DISABLED")
    return organization, call.simulator.drafts[organization.id]


def _draft(call: Call, drafts: dict[UUID, Draft]) -> tuple[UUID, Draft]:
    order_id = call.body.id("orderId")
    return order_id, _known(drafts, order_id)


def _known(drafts: dict[UUID, Draft], order_id: UUID) -> Draft:
    if order_id not in drafts:
        raise bad_request("Order draft is not found.", "DraftNotFound")
    return drafts[order_id]


def _create(call: Call) -> Json:
    organization, drafts = _drafts(call)
    order = call.body.part("order")
    order.text("menuId")
    order_id = order.id_or_none("id") or uuid4()
    if order_id in drafts:
        raise bad_request(f"Draft of order {order_id} already exists.", "DuplicatedOrderId")
    known = call.simulator.engine.order(organization, order_id)
    if known is not None and known.status not in _BEFORE_COOKING:
        raise bad_request("Order is being cooked.", "IllegalDeliveryStatus")
    read_order(call.body, organization)
    content = {**order.content, "id": str(order_id)}
    drafts[order_id] = Draft(organization, content, call.body.id_or_none("terminalGroupId"), call.now)
    return answer(orderId=str(order_id))


def _by_id(call: Call) -> Json:
    organization, drafts = _drafts(call)
    _order_id, draft = _draft(call, drafts)
    return answer(
        order=_plain(draft.content),
        lockedByUser=str(draft.locked_by) if draft.locked_by else None,
        lockedAt=date_or_null(draft.locked_at, UTC),
        organizationId=str(organization.id),
        terminalGroupId=str(draft.group_id) if draft.group_id else None,
        createdAt=vendor_date(draft.made_at, UTC),
    )


def _plain(value: object) -> object:
    """Write numbers as JSON has them; a double renders every sum of a restaurant to the kopeck."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _save(call: Call) -> Json:
    organization, drafts = _drafts(call)
    employee, order = call.body.id("employeeId"), call.body.part("order")
    order.text("menuId")
    order_id = order.id("id")
    draft = _known(drafts, order_id)
    _check_lock(draft, employee)
    read_order(call.body, organization)
    drafts[order_id] = replace(draft, content=order.content)
    return answer(orderId=str(order_id))


def _check_lock(draft: Draft, employee: UUID) -> None:
    if draft.locked_by not in {None, employee}:
        raise bad_request("Draft is locked by another user.", "EntityAlreadyInUse")


def _set_lock(call: Call, *, is_on: bool) -> Json:
    _organization, drafts = _drafts(call)
    order_id, draft = _draft(call, drafts)
    employee = call.body.id("employeeId")
    _check_lock(draft, employee)
    locked = (employee, call.now) if is_on else (None, None)
    drafts[order_id] = replace(draft, locked_by=locked[0], locked_at=locked[1])
    return answer()


def _delete(call: Call) -> Json:
    _organization, drafts = _drafts(call)
    order_id, _found = _draft(call, drafts)
    del drafts[order_id]
    return answer()


def _commit(call: Call) -> Json:
    """Send a draft to the till: a new order, or the changes of one that it has."""
    organization, drafts = _drafts(call)
    order_id, draft = _draft(call, drafts)
    settings = call.body.part_or_none("createOrderSettings")
    whole: dict[str, object] = {
        "organizationId": str(organization.id),
        "terminalGroupId": str(call.body.id_or_none("terminalGroupId") or draft.group_id or "") or None,
        "createOrderSettings": settings.content if settings else None,
        "order": draft.content,
    }
    known = call.simulator.engine.order(organization, order_id)
    if known is None:
        answered = create(replace(call, body=Body(whole)))
    else:
        answered = _change_order(call, known, read_order(Body(whole), organization))
    del drafts[order_id]
    return answered


def _change_order(call: Call, order: Order, requested: OrderRequest) -> Json:
    simulator, organization = call.simulator, order.organization

    def act(correlation_id: UUID, at: datetime) -> None:
        current = simulator.engine.order(organization, order.id)
        if current is not None:
            simulator.engine.change(_as_written(current, requested), at, correlation_id)

    if order.status not in _BEFORE_COOKING:
        raise ApiError(HTTPStatus.BAD_REQUEST, "Order is being cooked.", "IllegalDeliveryStatus")
    correlation_id = PosConnection(simulator, organization).command(call.now, act)
    return {"correlationId": str(correlation_id), "orderInfo": order_info(order)}


def _as_written(order: Order, requested: OrderRequest) -> Order:
    rules.check_open(order)
    lines, discounts = read_lines(requested, order.organization)
    return replace(
        order,
        lines=lines,
        discount=discounts[0] if discounts else None,
        more_discounts=discounts[1:],
        payments=check_payments(requested.payments, order.organization),
        comment=requested.body.text_or_none("comment"),
    )


def switch(simulator: Simulator, organization: Organization, *, is_on: bool) -> None:
    """Switch the drafts of a restaurant on, or off with all that are there."""
    if is_on:
        simulator.drafts.setdefault(organization.id, {})
    else:
        simulator.drafts.pop(organization.id, None)


OPERATIONS: Operations = {
    "deliveries/drafts/create": _create,
    "deliveries/drafts/by_id": _by_id,
    "deliveries/drafts/save": _save,
    "deliveries/drafts/commit": _commit,
    "deliveries/drafts/delete": _delete,
    "deliveries/drafts/lock": lambda call: _set_lock(call, is_on=True),
    "deliveries/drafts/unlock": lambda call: _set_lock(call, is_on=False),
}
