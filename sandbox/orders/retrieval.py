"""How a client reads orders: by id, by what changed since, by when they are due."""

from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from sandbox.catalogue.world import Organization
from sandbox.engine.engine import TooOld
from sandbox.http.call import Call, OfRestaurant, OfRestaurants, operation
from sandbox.http.request import ApiError, Choice, Range, Request, bad_request, instant
from sandbox.http.vendor_json import Json, answer
from sandbox.orders.order import CreationStatus, Order
from sandbox.orders.serializer import order_info
from sandbox.webhooks.subscriptions import DELIVERY_STATUSES

MOST_IDS = 200
# "About a thousand orders" is one project's guess (REFERENCE 6).
MOST_ORDERS = 1000


class _BySource(Request):
    source_keys: list[str] | None = None

    def matches(self, order: Order, call: Call) -> bool:
        """Match the source key; a login that has one sees its own orders only."""
        own = call.login.source_key
        keys = self.source_keys
        return (own is None or order.source_key == own) and (keys is None or order.source_key in keys)


class ByIdRequest(OfRestaurant, _BySource):
    order_ids: list[UUID] | None = None
    pos_order_ids: list[UUID] | None = None
    return_external_data_keys: list[str] | None = None


class ByRevisionRequest(OfRestaurants, _BySource):
    start_revision: Annotated[int, Range()]


class ByDateRequest(OfRestaurants, _BySource):
    delivery_date_from: datetime
    delivery_date_to: datetime | None = None
    statuses: list[Annotated[str, Choice(DELIVERY_STATUSES)]] | None = None
    courier_ids: list[UUID] | None = None

    def includes(self, order: Order) -> bool:
        """Match window, status and courier; an order that its POS has not accepted has no status."""
        zone, due, last = order.organization.zone, order.complete_before, self.delivery_date_to
        last_instant = instant(last, zone) if last else datetime.max.replace(tzinfo=UTC)
        is_in_window = instant(self.delivery_date_from, zone) <= due <= last_instant
        has_status = self.statuses is None or (
            order.creation is CreationStatus.SUCCESS and order.status in self.statuses
        )
        courier_id = order.courier.id if order.courier else None
        return is_in_window and has_status and (self.courier_ids is None or courier_id in self.courier_ids)


@operation("deliveries/by_id")
def _by_id(call: Call, request: ByIdRequest) -> Json:
    organization, ids = call.organization(request), request.order_ids
    if (ids is None) == (request.pos_order_ids is None):
        raise bad_request("Either orderIds or posOrderIds is expected.")
    wanted = set(request.pos_order_ids or () if ids is None else ids)
    if len(ids or request.pos_order_ids or ()) > MOST_IDS:
        raise bad_request(f"At most {MOST_IDS} orders may be asked for at once.")
    found = [
        order
        for order in call.simulator.engine.orders()
        if order.organization.id == organization.id
        and (order.pos_id if ids is None else order.id) in wanted
        and request.matches(order, call)
    ]
    return answer(orders=[order_info(order, request.return_external_data_keys or ()) for order in found])


@operation("deliveries/by_revision")
def _by_revision(call: Call, request: ByRevisionRequest) -> Json:
    """Give what changed after a revision; that one itself is not among it."""
    organizations, engine = call.organizations(request), call.simulator.engine
    try:
        engine.revisions.check(request.start_revision, call.now)
    except TooOld as error:
        raise bad_request("Passed revision is too old", "TOO_OLD_REVISION") from error
    changed = engine.changed_since(request.start_revision)
    return _grouped(organizations, (order for order in changed if request.matches(order, call)), call)


@operation("deliveries/by_delivery_date_and_status")
def _by_date(call: Call, request: ByDateRequest) -> Json:
    """Give the orders due in a window that is local to each restaurant."""
    organizations = call.organizations(request)
    ids = {each.id for each in organizations}
    found = [
        order
        for order in call.simulator.engine.orders()
        if order.organization.id in ids and request.includes(order) and request.matches(order, call)
    ]
    if len(found) > MOST_ORDERS:
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "Too many data requested", "TOO_MANY_DATA_REQUESTED")
    return _grouped(organizations, found, call)


def _grouped(organizations: list[Organization], orders: Iterable[Order], call: Call) -> Json:
    by_organization: dict[UUID, list[object]] = {each.id: [] for each in organizations}
    for order in orders:
        if order.organization.id in by_organization:
            by_organization[order.organization.id].append(order_info(order))
    return answer(
        maxRevision=call.simulator.engine.revisions.last,
        ordersByOrganizations=[
            {"organizationId": key, "orders": infos} for key, infos in by_organization.items()
        ],
    )
