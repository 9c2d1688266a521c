"""``webhooks/settings`` and ``webhooks/update_settings``: which events a login receives, and where."""

from functools import partial
from http import HTTPStatus

from sandbox.http.call import Call, OfRestaurant, operation
from sandbox.http.request import ApiError, is_address, wrong
from sandbox.http.vendor_json import Json, answer
from sandbox.webhooks.subscriptions import (
    DELIVERY_STATUSES,
    ITEM_STATUSES,
    TABLE_STATUSES,
    Filter,
    Subscription,
    TooManyUpdates,
)

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


class UpdateRequest(OfRestaurant):
    web_hooks_uri: str
    auth_token: str | None = None
    web_hooks_filter: Filter | None = None


@operation("webhooks/settings")
def _settings(call: Call, request: OfRestaurant) -> Json:
    settings = call.simulator.subscriptions.get(call.organization(request), call.login.name)
    sends_everything = settings is not None and settings.filter is None
    return answer(
        apiLoginName=call.login.name,
        webHooksUri=settings.url if settings else None,
        authToken=settings.token if settings else None,
        webHooksFilter=_FULL_FILTER if sends_everything else settings and settings.requested_filter,
    )


@operation("webhooks/update_settings")
def _update(call: Call, request: UpdateRequest) -> Json:
    organization = call.organization(request)
    if not is_address(request.web_hooks_uri):
        raise wrong("webHooksUri", "an absolute http or https address is expected")
    wanted = partial(
        Subscription,
        url=request.web_hooks_uri,
        token=request.auth_token or "",
        filter=request.web_hooks_filter or Filter(),
        requested_filter=call.content.get("webHooksFilter"),
    )
    try:
        call.simulator.subscriptions.configure(organization, call.login.name, call.now, wanted)
    except TooManyUpdates as error:
        raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.") from error
    call.simulator.fault_log.note(
        "webhook_settings", organization_id=organization.id, login=call.login.name, url=request.web_hooks_uri
    )
    return answer()
