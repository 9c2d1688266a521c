"""How a client reads orders: by id, by what changed since, by when they are due."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID

from sandbox.catalogue.world import Organization
from sandbox.http.call import Call, Operations
from sandbox.http.errors import ApiError, answer, bad_request
from sandbox.http.request import Body
from sandbox.orders.order import CreationStatus, Order
from sandbox.orders.revisions import TooOld
from sandbox.orders.serializer import Json, order_info
from sandbox.webhooks.settings_api import DELIVERY_STATUSES

MOST_IDS = 200
# "About a thousand orders" is one project's guess (REFERENCE 6).
MOST_ORDERS = 1000


def _by_id(call: Call) -> Json:
    organization = call.organization()
    ids, by_pos_id = _asked_orders(call.body)
    keys = call.body.words_or_none("returnExternalDataKeys") or ()
    found = [
        order
        for order in call.simulator.engine.orders()
        if order.organization.id == organization.id
        and (order.pos_id if by_pos_id else order.id) in ids
        and _is_of_source(order, call)
    ]
    return answer(orders=[order_info(order, keys) for order in found])


def _asked_orders(body: Body) -> tuple[set[UUID], bool]:
    """Read which orders are asked for, and whether these are the till's ids."""
    order_ids, pos_ids = body.ids_or_none("orderIds"), body.ids_or_none("posOrderIds")
    if (order_ids is None) == (pos_ids is None):
        raise bad_request("Either orderIds or posOrderIds is expected.")
    ids = order_ids if order_ids is not None else pos_ids or []
    if len(ids) > MOST_IDS:
        raise bad_request(f"At most {MOST_IDS} orders may be asked for at once.")
    return set(ids), order_ids is None


def _by_revision(call: Call) -> Json:
    """Give what changed after a revision; that one itself is not among it."""
    start, organizations = call.body.whole("startRevision"), call.organizations()
    engine = call.simulator.engine
    try:
        engine.revisions.check(start, call.now)
    except TooOld as error:
        raise bad_request("Passed revision is too old", "TOO_OLD_REVISION") from error
    changed = engine.changed_since(start)
    return _grouped(organizations, (order for order in changed if _is_of_source(order, call)), call)


def _by_date(call: Call) -> Json:
    """Give the orders due in a window that is local to each restaurant."""
    organizations, statuses = call.organizations(), call.body.words_or_none("statuses", DELIVERY_STATUSES)
    couriers = call.body.ids_or_none("courierIds")
    windows = {each.id: _window(call.body, each) for each in organizations}
    found = [
        order
        for order in call.simulator.engine.orders()
        if order.organization.id in windows
        and windows[order.organization.id][0] <= order.complete_before <= windows[order.organization.id][1]
        and _is_in(order, statuses)
        and (couriers is None or (order.courier is not None and order.courier.id in couriers))
        and _is_of_source(order, call)
    ]
    if len(found) > MOST_ORDERS:
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "Too many data requested", "TOO_MANY_DATA_REQUESTED")
    return _grouped(organizations, found, call)


def _window(body: Body, organization: Organization) -> tuple[datetime, datetime]:
    first = body.moment("deliveryDateFrom", organization.zone)
    last = body.moment_or_none("deliveryDateTo", organization.zone)
    return first, last or datetime.max.replace(tzinfo=UTC)


def _is_in(order: Order, statuses: list[str] | None) -> bool:
    """Match the status; an order that its till has not taken has none."""
    if statuses is None:
        return True
    return order.creation is CreationStatus.SUCCESS and order.status.value in statuses


def _is_of_source(order: Order, call: Call) -> bool:
    """Match the source key; a login that has one sees its own orders only."""
    if call.login.source_key is not None and order.source_key != call.login.source_key:
        return False
    keys = call.body.words_or_none("sourceKeys")
    return keys is None or order.source_key in keys


def _grouped(organizations: list[Organization], orders: Iterable[Order], call: Call) -> Json:
    by_organization: dict[UUID, list[Json]] = {each.id: [] for each in organizations}
    for order in orders:
        if order.organization.id in by_organization:
            by_organization[order.organization.id].append(order_info(order))
    return answer(
        maxRevision=call.simulator.engine.revisions.last,
        ordersByOrganizations=[
            {"organizationId": str(key), "orders": infos} for key, infos in by_organization.items()
        ],
    )


OPERATIONS: Operations = {
    "deliveries/by_id": _by_id,
    "deliveries/by_revision": _by_revision,
    "deliveries/by_delivery_date_and_status": _by_date,
}
