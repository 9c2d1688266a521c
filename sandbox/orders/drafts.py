"""``deliveries/drafts/…``: orders that are still being written, and changes of orders that the POS has.

Off in every restaurant until ``POST /sandbox/drafts`` switches them on, as they seem to be with the vendor.
Guesses, for the document describes the requests alone (OpenAPI, read 2026-11): the code for a draft that is
not there, that saving needs no lock of one's own but respects another's, that a draft may be of an order
that is not cooked yet, and that committing it then changes that order.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

from sandbox.catalogue.world import Organization
from sandbox.http.call import Call, OfOrder, OfRestaurant, operation
from sandbox.http.request import Content, bad_request, read
from sandbox.http.vendor_json import Json, answer
from sandbox.orders.creation import create, with_lines
from sandbox.orders.order import DeliveryStatus, Order
from sandbox.orders.order_request import (
    CheckedOrder,
    CreateRequest,
    CreationSettings,
    RequestedOrder,
    check_order,
    check_payments,
)
from sandbox.orders.pos import check_open
from sandbox.orders.serializer import order_info

_BEFORE_COOKING = {DeliveryStatus.UNCONFIRMED, DeliveryStatus.WAIT_COOKING}


@dataclass(frozen=True, slots=True)
class Draft:
    """``content`` is the order of the request, word for word."""

    content: Content
    group_id: UUID | None
    created_at: datetime
    locked_by: UUID | None = None
    locked_at: datetime | None = None


class DraftOrder(RequestedOrder):
    menu_id: str = field()


class SavedOrder(DraftOrder):
    id: UUID = field()


class CreateDraftRequest(OfRestaurant):
    order: DraftOrder
    terminal_group_id: UUID | None = None


class SaveRequest(OfRestaurant):
    employee_id: UUID
    order: SavedOrder


class LockRequest(OfOrder):
    employee_id: UUID


class CommitRequest(OfOrder):
    terminal_group_id: UUID | None = None
    create_order_settings: CreationSettings | None = None


def _drafts(call: Call, request: OfRestaurant) -> tuple[Organization, dict[UUID, Draft]]:
    """Give the restaurant and its drafts.

    Raises:
        ApiError: drafts are off there.
    """
    organization = call.organization(request)
    if organization.id not in call.simulator.drafts:
        raise bad_request("Drafts are disabled for the organization.", "DRAFTS_DISABLED")
    return organization, call.simulator.drafts[organization.id]


def _find(call: Call, request: OfRestaurant, order_id: UUID) -> tuple[Organization, dict[UUID, Draft], Draft]:
    """Give the restaurant, its drafts and the one of an order."""
    organization, drafts = _drafts(call, request)
    if order_id not in drafts:
        raise bad_request("Order draft is not found.", "DraftNotFound")
    return organization, drafts, drafts[order_id]


def _check_not_cooked(order: Order) -> None:
    if order.status not in _BEFORE_COOKING:
        raise bad_request("Order is being cooked.", "IllegalDeliveryStatus")


def _check_lock(draft: Draft, employee: UUID) -> None:
    if draft.locked_by not in {None, employee}:
        raise bad_request("Draft is locked by another user.", "EntityAlreadyInUse")


@operation("deliveries/drafts/create")
def _create(call: Call, request: CreateDraftRequest) -> Json:
    organization, drafts = _drafts(call, request)
    order_id = request.order.id or uuid4()
    if order_id in drafts:
        raise bad_request(f"Draft of order {order_id} already exists.", "DuplicatedOrderId")
    known = call.simulator.engine.order(organization, order_id)
    if known is not None:
        _check_not_cooked(known)
    check_order(request.order, request.terminal_group_id, organization)
    content = {**call.content["order"], "id": str(order_id)}
    drafts[order_id] = Draft(content, request.terminal_group_id, call.now)
    return answer(orderId=order_id)


@operation("deliveries/drafts/by_id")
def _by_id(call: Call, request: OfOrder) -> Json:
    organization, _, draft = _find(call, request, request.order_id)
    return answer(
        order=draft.content,
        lockedByUser=draft.locked_by,
        lockedAt=draft.locked_at,
        organizationId=organization.id,
        terminalGroupId=draft.group_id,
        createdAt=draft.created_at,
    )


@operation("deliveries/drafts/save")
def _save(call: Call, request: SaveRequest) -> Json:
    organization, drafts, draft = _find(call, request, request.order.id)
    _check_lock(draft, request.employee_id)
    check_order(request.order, None, organization)
    drafts[request.order.id] = replace(draft, content=call.content["order"])
    return answer(orderId=request.order.id)


def _set_lock(path: str, *, locks: bool) -> None:
    @operation(path)
    def set_lock(call: Call, request: LockRequest) -> Json:
        _, drafts, draft = _find(call, request, request.order_id)
        _check_lock(draft, request.employee_id)
        by, at = (request.employee_id, call.now) if locks else (None, None)
        drafts[request.order_id] = replace(draft, locked_by=by, locked_at=at)
        return answer()


_set_lock("deliveries/drafts/lock", locks=True)
_set_lock("deliveries/drafts/unlock", locks=False)


@operation("deliveries/drafts/delete")
def _delete(call: Call, request: OfOrder) -> Json:
    _, drafts, _ = _find(call, request, request.order_id)
    del drafts[request.order_id]
    return answer()


@operation("deliveries/drafts/commit")
def _commit(call: Call, request: CommitRequest) -> Json:
    """Send a draft to the POS: a new order, or the changes of one that it has."""
    organization, drafts, draft = _find(call, request, request.order_id)
    creation = CreateRequest(
        organization_id=organization.id,
        order=read(RequestedOrder, draft.content, "order."),
        terminal_group_id=request.terminal_group_id or draft.group_id,
        create_order_settings=request.create_order_settings,
    )
    known = call.simulator.engine.order(organization, request.order_id)
    if known is None:
        committed = create(call, creation)
    else:
        checked = check_order(creation.order, creation.terminal_group_id, organization)
        committed = _change_order(call, known, checked)
    del drafts[request.order_id]
    return committed


def _change_order(call: Call, order: Order, checked: CheckedOrder) -> Json:
    engine, organization = call.simulator.engine, order.organization

    def act(correlation_id: UUID, at: datetime) -> None:
        current = engine.order(organization, order.id)
        if current is not None:
            check_open(current)
            payments = check_payments(checked.requested.payments, organization)
            changed = with_lines(current, checked)
            changed = replace(changed, payments=payments, comment=checked.requested.comment)
            engine.change(changed, at, correlation_id)

    _check_not_cooked(order)
    correlation_id = call.simulator.commands.submit(organization, call.now, act)
    return {"correlationId": correlation_id, "orderInfo": order_info(order)}
