"""``webhooks/settings`` and ``webhooks/update_settings``: what a login hears of, and where."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from sandbox.http.call import Call, Operations
from sandbox.http.errors import ApiError, answer
from sandbox.http.request import Body
from sandbox.orders.order import ItemStatus
from sandbox.orders.serializer import Json
from sandbox.webhooks.subscriptions import Filter, OrderFilter, Subscription, TooManyUpdates

DELIVERY_STATUSES = (
    "Unconfirmed",
    "WaitCooking",
    "ReadyForCooking",
    "CookingStarted",
    "CookingCompleted",
    "Waiting",
    "OnWay",
    "Delivered",
    "Closed",
    "Cancelled",
)
TABLE_STATUSES = ("New", "Bill", "Closed", "Deleted")
ITEM_STATUSES = tuple(status.value for status in ItemStatus)


def _settings(call: Call) -> Json:
    settings = call.simulator.subscriptions.get(call.organization(), call.login.name)
    return answer(
        apiLoginName=call.login.name,
        webHooksUri=settings.url if settings else None,
        authToken=settings.token if settings else None,
        webHooksFilter=_written_filter(settings),
    )


def _written_filter(settings: Subscription | None) -> object:
    if settings is None:
        return None
    return _full_filter() if settings.filter.everything else settings.written_filter


def _full_filter() -> Json:
    statuses = {"itemStatuses": list(ITEM_STATUSES), "errors": True}
    deliveries = {"orderStatuses": list(DELIVERY_STATUSES), **statuses, "returnedExternalDataKeys": []}
    return {
        "deliveryOrderFilter": deliveries,
        "tableOrderFilter": {"orderStatuses": list(TABLE_STATUSES), **statuses},
        "reserveFilter": {"updates": True, "errors": True},
        "stopListUpdateFilter": {"updates": True},
        "personalShiftFilter": {"updates": True},
        "nomenclatureUpdateFilter": {"updates": True},
        "businessHoursAndMappingUpdateFilter": {"updates": True},
    }


def _update(call: Call) -> Json:
    organization, url = call.organization(), call.body.text("webHooksUri")
    if not _is_address(url):
        raise call.body.wrong("webHooksUri", "an absolute http or https address is expected")
    token = call.body.text_or_none("authToken") or ""
    written = call.body.part_or_none("webHooksFilter")
    wanted = _read_filter(written) if written else Filter()
    try:
        call.simulator.subscriptions.configure(
            organization,
            call.login.name,
            at=call.now,
            url=url,
            token=token,
            wanted=wanted,
            written_filter=written.content if written else None,
        )
    except TooManyUpdates as error:
        raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.") from error
    return answer()


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _read_filter(body: Body) -> Filter:
    return Filter(
        delivery_orders=_read_order_filter(body.part_or_none("deliveryOrderFilter"), DELIVERY_STATUSES),
        table_orders=_read_order_filter(body.part_or_none("tableOrderFilter"), TABLE_STATUSES),
        reserves=_read_flag(body, "reserveFilter"),
        reserve_errors=_read_flag(body, "reserveFilter", "errors"),
        stop_lists=_read_flag(body, "stopListUpdateFilter"),
        shifts=_read_flag(body, "personalShiftFilter"),
        menu=_read_flag(body, "nomenclatureUpdateFilter"),
        business_hours=_read_flag(body, "businessHoursAndMappingUpdateFilter"),
    )


def _read_order_filter(body: Body | None, statuses: tuple[str, ...]) -> OrderFilter:
    if body is None:
        return OrderFilter()
    return OrderFilter(
        order_statuses=frozenset(body.words_or_none("orderStatuses", statuses) or ()),
        item_statuses=frozenset(body.words_or_none("itemStatuses", ITEM_STATUSES) or ()),
        errors=body.flag("errors"),
        external_keys=tuple(body.words_or_none("returnedExternalDataKeys") or ()),
    )


def _read_flag(body: Body, name: str, flag: str = "updates") -> bool:
    part = body.part_or_none(name)
    return part is not None and part.flag(flag)


OPERATIONS: Operations = {"webhooks/settings": _settings, "webhooks/update_settings": _update}
