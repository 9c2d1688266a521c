"""``webhooks/settings`` and ``webhooks/update_settings``: which events a login receives, and where."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from sandbox.http.call import Call, OfRestaurant, operation
from sandbox.http.errors import ApiError, answer
from sandbox.http.request import Choice, Request, wrong
from sandbox.http.vendor_json import Json
from sandbox.orders.order import ItemStatus
from sandbox.webhooks.subscriptions import Filter, OrderFilter, TooManyUpdates

DELIVERY_STATUSES = (
    *("Unconfirmed", "WaitCooking", "ReadyForCooking", "CookingStarted", "CookingCompleted"),
    *("Waiting", "OnWay", "Delivered", "Closed", "Cancelled"),
)
TABLE_STATUSES = ("New", "Bill", "Closed", "Deleted")
ITEM_STATUSES = tuple(status.value for status in ItemStatus)

_ALL_STATUSES = {"itemStatuses": ITEM_STATUSES, "errors": True}
_FULL_FILTER: Json = {
    "deliveryOrderFilter": {
        "orderStatuses": DELIVERY_STATUSES,
        **_ALL_STATUSES,
        "returnedExternalDataKeys": [],
    },
    "tableOrderFilter": {"orderStatuses": TABLE_STATUSES, **_ALL_STATUSES},
    "reserveFilter": {"updates": True, "errors": True},
    "stopListUpdateFilter": {"updates": True},
    "personalShiftFilter": {"updates": True},
    "nomenclatureUpdateFilter": {"updates": True},
    "businessHoursAndMappingUpdateFilter": {"updates": True},
}


class RequestedUpdates(Request):
    updates: bool = False
    errors: bool = False


class RequestedOrders(Request):
    item_statuses: list[Annotated[str, Choice(ITEM_STATUSES)]] | None = None
    errors: bool = False
    returned_external_data_keys: list[str] | None = None


class RequestedDeliveries(RequestedOrders):
    order_statuses: list[Annotated[str, Choice(DELIVERY_STATUSES)]] | None = None


class RequestedTables(RequestedOrders):
    order_statuses: list[Annotated[str, Choice(TABLE_STATUSES)]] | None = None


class RequestedFilter(Request):
    delivery_order_filter: RequestedDeliveries | None = None
    table_order_filter: RequestedTables | None = None
    reserve_filter: RequestedUpdates | None = None
    stop_list_update_filter: RequestedUpdates | None = None
    personal_shift_filter: RequestedUpdates | None = None
    nomenclature_update_filter: RequestedUpdates | None = None
    business_hours_and_mapping_update_filter: RequestedUpdates | None = None


class UpdateRequest(OfRestaurant):
    web_hooks_uri: str
    auth_token: str | None = None
    web_hooks_filter: RequestedFilter | None = None


@operation("webhooks/settings")
def _settings(call: Call, request: OfRestaurant) -> Json:
    settings = call.simulator.subscriptions.get(call.organization(request), call.login.name)
    sends_everything = settings is not None and settings.filter.everything
    return answer(
        apiLoginName=call.login.name,
        webHooksUri=settings.url if settings else None,
        authToken=settings.token if settings else None,
        webHooksFilter=_FULL_FILTER if sends_everything else settings and settings.requested_filter,
    )


@operation("webhooks/update_settings")
def _update(call: Call, request: UpdateRequest) -> Json:
    organization, wanted = call.organization(request), request.web_hooks_filter
    if not is_address(request.web_hooks_uri):
        raise wrong("webHooksUri", "an absolute http or https address is expected")
    try:
        call.simulator.subscriptions.configure(
            organization,
            call.login.name,
            at=call.now,
            url=request.web_hooks_uri,
            token=request.auth_token or "",
            wanted=_read_filter(wanted) if wanted else Filter(),
            requested_filter=call.content.get("webHooksFilter"),
        )
    except TooManyUpdates as error:
        raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.") from error
    return answer()


def is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _read_filter(wanted: RequestedFilter) -> Filter:
    nothing = RequestedUpdates()
    reserves = wanted.reserve_filter or nothing
    return Filter(
        delivery_orders=_read_order_filter(wanted.delivery_order_filter),
        table_orders=_read_order_filter(wanted.table_order_filter),
        reserves=reserves.updates,
        reserve_errors=reserves.errors,
        stop_lists=(wanted.stop_list_update_filter or nothing).updates,
        shifts=(wanted.personal_shift_filter or nothing).updates,
        menu=(wanted.nomenclature_update_filter or nothing).updates,
        business_hours=(wanted.business_hours_and_mapping_update_filter or nothing).updates,
    )


def _read_order_filter(wanted: RequestedDeliveries | RequestedTables | None) -> OrderFilter:
    if wanted is None:
        return OrderFilter()
    return OrderFilter(
        order_statuses=frozenset(wanted.order_statuses or ()),
        item_statuses=frozenset(wanted.item_statuses or ()),
        errors=wanted.errors,
        external_keys=tuple(wanted.returned_external_data_keys or ()),
    )
