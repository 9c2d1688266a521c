"""Bodies of our own making and the rows around them, for tests that name only what matters."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django.test import Client
from django.utils import timezone, translation

from loyalty.models import Customer, LoyaltyOperation, OperationKind, OperationState, Wallet
from organizations.models.organization import Organization, TerminalGroup
from organizations.provisioning import add_organization, create_api_key
from webhooks.models.inbox import WebhookEvent
from webhooks.processing.worker import run_batch
from webhooks.receiving.configs import set_webhook_token

RECEIVE_URL = "/api/v1/webhooks/iiko"

ORGANIZATION_ID = "6b1f2f0c-3d5e-4a7b-9c8d-0e1f2a3b4c5d"
OTHER_ORGANIZATION_ID = "d2c4b6a8-1e3f-4056-8a7b-9c0d1e2f3a4b"
TERMINAL_GROUP_ID = "0a9b8c7d-6e5f-4d3c-8b2a-1f0e9d8c7b6a"
ORDER_ID = "3c5e7a91-b2d4-4f60-8172-93a4b5c6d7e8"
CORRELATION_ID = "e4f5a6b7-c8d9-4e0f-a1b2-c3d4e5f6a7b8"
TABLE_ORDER_ID = "4d6f8ba2-c3e5-4071-9283-a4b5c6d7e8f9"
RESERVE_ID = "5e709cb3-d4f6-4182-a394-b5c6d7e8f90a"
TABLE_ID = "6f81adc4-e507-4293-b4a5-c6d7e8f90a1b"
COURIER_ID = "7d8e9fa0-b1c2-4d3e-8f40-516273849500"

TOKEN = "token-of-the-first-restaurant"
OTHER_TOKEN = "token-of-the-second-restaurant"

REVISION = 1773496492930  # 2026-03-14T13:54:52.930Z


def make_organization(
    *,
    iiko_id: str = ORGANIZATION_ID,
    name: str = "Кафе «Сирень»",
    timezone: str = "Asia/Yekaterinburg",
    token: str | None = TOKEN,
    **changes: Any,
) -> Organization:
    """Make a restaurant that iiko may call with ``token``; ``token=None`` makes no webhook row."""
    organization = add_organization(iiko_id=iiko_id, name=name, timezone=timezone)
    if changes:
        Organization.objects.filter(pk=organization.pk).update(**changes)
        organization.refresh_from_db()
    if token is not None:
        set_webhook_token(organization=organization, token=token)
    return organization


def make_other_organization(**changes: Any) -> Organization:
    """Make a second restaurant, with a token of its own."""
    defaults = {"iiko_id": OTHER_ORGANIZATION_ID, "name": "Бар «Клён»", "token": OTHER_TOKEN}
    return make_organization(**(defaults | changes))


def make_terminal_group(organization: Organization, **changes: Any) -> TerminalGroup:
    defaults = {"iiko_id": TERMINAL_GROUP_ID, "name": "Сирень, центр"}
    return TerminalGroup.objects.create(organization=organization, **(defaults | changes))


def make_hold(organization: Organization) -> LoyaltyOperation:
    """Hold a ruble in the wallet of a guest, confirmed by iiko."""
    now = timezone.now()
    guest = Customer.objects.create(organization=organization, iiko_id="guest", read_at=now)
    return LoyaltyOperation.objects.create(
        organization=organization,
        wallet=Wallet.objects.create(customer=guest, iiko_id="wallet", read_at=now),
        kind=OperationKind.HOLD,
        state=OperationState.CONFIRMED,
        amount_minor=100,
        marker="m",
        transaction_id=str(uuid4()),
        created_at=now,
    )


def make_key(*organization_ids: str, name: str = "shop") -> str:
    """Make an API key for these organizations; for all of them if none is named."""
    return create_api_key(name=name, organization_ids=organization_ids)[1]


def authorized(key: str) -> dict[str, str]:
    """Headers for ``client.get(url, headers=authorized(key))``."""
    return {"Authorization": f"Api-Key {key}"}


# --- bodies ------------------------------------------------------------------------------------------


def product(**changes: Any) -> dict[str, Any]:
    """One line of an order: ``product(amount=2.0, price=450.0)``, wire names."""
    return {
        "type": "Product",
        "status": "CookingStarted",
        "deleted": None,
        "amount": 1.0,
        "comment": None,
        "whenPrinted": "2026-03-14 18:54:40.002",
        "size": None,
        "comboInformation": None,
        "product": {"id": "11aa22bb-33cc-44dd-95ee-66ff77008899", "name": "Суп дня"},
        "modifiers": [],
        "price": 351.0,
        "cost": 351.0,
        "pricePredefined": False,
        "positionId": "22bb33cc-44dd-45ee-86ff-770088991122",
        "taxPercent": None,
        "resultSum": 351.0,
    } | changes


def courier(*, id: str = COURIER_ID, name: str = "Орлова Вера") -> dict[str, Any]:  # noqa: A002  # the wire's name
    """``courierInfo`` of an order."""
    return {
        "courier": {"id": id, "name": name, "phone": "+79030000055"},
        "isCourierSelectedManually": True,
    }


def customer(**changes: Any) -> dict[str, Any]:
    """Make a guest that iiko knows."""
    return {
        "type": "regular",
        "id": "55667788-99aa-4bbc-8dde-eff001122334",
        "name": "Мария",
        "surname": "Лунина",
        "comment": None,
        "gender": "NotSpecified",
        "inBlacklist": False,
        "blacklistReason": None,
        "birthdate": None,
    } | changes


def cloud_order(**changes: Any) -> dict[str, Any]:
    """``eventInfo.order``; changes carry wire names, as in ``cloud_order(status="OnWay", sum=10.5)``."""
    own = {
        "parentDeliveryId": None,
        "customer": customer(),
        "phone": "+79030000011",
        "phoneExtension": None,
        "deliveryPoint": {
            "coordinates": {"latitude": 56.8389, "longitude": 60.6057},
            "address": {
                "street": {
                    "id": "99887766-5544-4332-8110-ffeeddccbbaa",
                    "name": "Малышева",
                    "city": {"id": "aabbccdd-eeff-4001-8223-344556677889", "name": "Екатеринбург"},
                },
                "index": None,
                "house": "12",
                "building": None,
                "flat": "7",
                "entrance": None,
                "floor": None,
                "doorphone": None,
                "region": None,
                "line1": None,
            },
            "externalCartographyId": None,
            "comment": None,
        },
        "status": "CookingStarted",
        "cancelInfo": None,
        "courierInfo": None,
        "completeBefore": "2026-03-14 19:40:00.000",
        "whenCreated": "2026-03-14 18:42:11.480",
        "whenConfirmed": "2026-03-14 18:42:40.511",
        "whenPrinted": "2026-03-14 18:54:40.002",
        "whenCookingCompleted": None,
        "whenSended": None,
        "whenDelivered": None,
        "comment": "Без приборов",
        "problem": None,
        "operator": None,
        "marketingSource": None,
        "deliveryDuration": 60,
        "indexInCourierRoute": None,
        "cookingStartTime": "2026-03-14 18:55:00.000",
        "isDeleted": False,
        "whenReceivedByApi": "2026-03-14 13:42:08.051",
        "whenReceivedFromFront": "2026-03-14 13:42:12.930",
        "movedFromDeliveryId": None,
        "movedFromTerminalGroupId": None,
        "movedFromOrganizationId": None,
        "externalCourierService": None,
        "movedToDeliveryId": None,
        "movedToTerminalGroupId": None,
        "movedToOrganizationId": None,
        "deliveryZone": "Центр",
        "estimatedTime": None,
        "isAsap": False,
        "whenPacked": None,
        "priceCategory": None,
    }
    bill = banquet_order(
        sum=1651.0,
        number=142,
        guestsInfo={"count": 1, "splitBetweenPersons": False},
        orderType={
            "id": "76067ea3-356f-eb93-9d14-1fa00d082c4e",
            "name": "Доставка курьером",
            "orderServiceType": "DeliveryByCourier",
        },
    )
    return own | bill | changes


_OWN: Any = object()


def cloud_event(  # noqa: PLR0913  # a test names only what matters to it
    *,
    event_type: str = "DeliveryOrderUpdate",
    event_time: str = "2026-03-14 13:54:53.100",
    organization_id: str = ORGANIZATION_ID,
    correlation_id: str = CORRELATION_ID,
    order_id: str = ORDER_ID,
    external_number: str | None = "WEB-117",
    timestamp: int = REVISION,
    creation_status: str = "Success",
    error_info: Any = None,
    order: Any = _OWN,
    info: Mapping[str, Any] | None = None,
    envelope: Mapping[str, Any] | None = None,
    **order_changes: Any,
) -> dict[str, Any]:
    """One member of a Cloud body.

    Keywords not named here change the order by their wire names (``status="OnWay"``); ``order=None``
    leaves it out; ``info`` and ``envelope`` change ``eventInfo`` and what is around it.
    """
    return {
        "eventType": event_type,
        "eventTime": event_time,
        "organizationId": organization_id,
        "correlationId": correlation_id,
        "eventInfo": {
            "id": order_id,
            "posId": "4d5e6f70-8192-4a3b-8c4d-5e6f708192a3",
            "externalNumber": external_number,
            "organizationId": organization_id,
            "timestamp": timestamp,
            "creationStatus": creation_status,
            "errorInfo": error_info,
            "order": cloud_order(**order_changes) if order is _OWN else order,
        }
        | dict(info or {}),
    } | dict(envelope or {})


_AROUND = (
    "event_type",
    "event_time",
    "organization_id",
    "correlation_id",
    "order_id",
    "external_number",
    "timestamp",
    "creation_status",
    "error_info",
    "info",
    "envelope",
)


def _hall_event(event_type: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Make the event around a table order or reserve."""
    around = {name: value for name, value in changes.items() if name in _AROUND}
    return cloud_event(**({"event_type": event_type, "external_number": None, "order": None} | around))


def table_order_event(*, order: Any = _OWN, **changes: Any) -> dict[str, Any]:
    """Make a table order; keywords that ``cloud_event`` does not name change it by their wire names."""
    event = _hall_event("TableOrderUpdate", {"order_id": TABLE_ORDER_ID} | changes)
    own = {name: value for name, value in changes.items() if name not in _AROUND}
    event["eventInfo"]["order"] = table_order(**own) if order is _OWN else order
    return event


def table_order(**changes: Any) -> dict[str, Any]:
    own = {
        "tableIds": [TABLE_ID],
        "customer": None,
        "phone": None,
        "status": "New",
        "whenCreated": "2026-03-14 18:42:11.480",
        "waiter": {"id": COURIER_ID, "name": "Соколова Вера", "phone": None},
        "tabName": None,
        "splitOrderBetweenCashRegisters": "Disabled",
        "priceCategory": None,
    }
    return own | banquet_order() | changes


def banquet_order(**changes: Any) -> dict[str, Any]:
    """Make the order inside a reserve: no more than what every order has."""
    return {
        "menuId": None,
        "sum": 351.0,
        "number": 57,
        "sourceKey": None,
        "whenBillPrinted": None,
        "whenClosed": None,
        "conception": None,
        "guestsInfo": {"count": 2, "splitBetweenPersons": False},
        "items": [product()],
        "combos": [],
        "payments": [],
        "tips": [],
        "discounts": [],
        "orderType": {
            "id": "0672c5bd-7348-56f1-8398-088830cef24e",
            "name": "Зал",
            "orderServiceType": "Common",
        },
        "terminalGroupId": TERMINAL_GROUP_ID,
        "processedPaymentsSum": 0.0,
        "loyaltyInfo": None,
        "externalData": None,
    } | changes


def reserve_event(*, reserve: Any = _OWN, **changes: Any) -> dict[str, Any]:
    """Make a reserve; keywords that ``cloud_event`` does not name change it by their wire names."""
    event = _hall_event("ReserveUpdate", {"order_id": RESERVE_ID} | changes)
    own = {name: value for name, value in changes.items() if name not in _AROUND}
    info = event["eventInfo"]
    del info["order"], info["posId"]
    info.setdefault("isDeleted", False)
    info["reserve"] = reserve_content(**own) if reserve is _OWN else reserve
    return event


def reserve_content(**changes: Any) -> dict[str, Any]:
    return {
        "customer": customer(),
        "guestsCount": 6,
        "comment": "Нужен детский стул",
        "durationInMinutes": 150,
        "shouldRemind": True,
        "status": "New",
        "cancelReason": None,
        "tableIds": [TABLE_ID],
        "estimatedStartTime": "2026-03-20 19:00:00.000",
        "guestsComingTime": None,
        "phone": "+79030000011",
        "eventType": "Банкет",
        "order": None,
    } | changes


def shift_event(
    *,
    event_time: str = "2026-03-14 06:00:00.000",
    organization_id: str = ORGANIZATION_ID,
    employee_id: str = COURIER_ID,
    terminal_group_id: str = TERMINAL_GROUP_ID,
    is_opened: bool = True,
    role_id: str | None = None,
    info: Mapping[str, Any] | None = None,
    envelope: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Make a PersonalShift; ``info`` and ``envelope`` change it by wire names."""
    return {
        "eventType": "PersonalShift",
        "eventTime": event_time,
        "organizationId": organization_id,
        "correlationId": CORRELATION_ID,
        "eventInfo": {
            "id": employee_id,
            "roleId": role_id,
            "opened": is_opened,
            "terminalGroupId": terminal_group_id,
        }
        | dict(info or {}),
    } | dict(envelope or {})


def stop_list_event(
    *groups: str,
    event_time: str = "2026-03-14 06:00:00.000",
    organization_id: str = ORGANIZATION_ID,
    is_full: bool = False,
    envelope: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Make a StopListUpdate of these terminal groups, of the usual one if none is named."""
    updates = [{"id": group, "isFull": is_full} for group in groups or (TERMINAL_GROUP_ID,)]
    return {
        "eventType": "StopListUpdate",
        "eventTime": event_time,
        "organizationId": organization_id,
        "correlationId": CORRELATION_ID,
        "eventInfo": {"terminalGroupsStopListsUpdates": updates},
    } | dict(envelope or {})


def soi_message(
    *,
    kind: str = "UPDATE",
    external_id: str = "20260314-117",
    order_id: str | None = ORDER_ID,
    organization_id: str = ORGANIZATION_ID,
    message: Mapping[str, Any] | None = None,
    **details: Any,
) -> dict[str, Any]:
    """Make a SOI body.

    Keywords not named here change ``iikoOrderDetails`` by their wire names (``orderStatus="ON_WAY"``);
    ``message`` changes the outside.
    """
    return {
        "type": kind,
        "orderExternalId": external_id,
        "readableNumber": "117",
        "creationStatus": "OK",
        "errorInfo": None,
        "transactionDetails": {"correlationId": CORRELATION_ID, "organizationId": organization_id},
        "iikoOrderDetails": {
            "iikoOrderId": order_id,
            "iikoOrderNumber": "51",
            "restaurantName": "Кафе «Сирень»",
            "orderType": "DELIVERY",
            "orderStatus": "COOKING_STARTED",
            "receivedAt": "2026-03-14T18:42:11+05:00",
            "promisedTime": "2026-03-14T19:40:00+05:00",
            "problem": None,
            "orderAmount": 1651.0,
        }
        | details,
    } | dict(message or {})


# --- the public doors --------------------------------------------------------------------------------


def post(
    client: Client, body: Any, token: str | None = TOKEN, *, url: str = RECEIVE_URL, **extra: Any
) -> Any:
    """Deliver a body as iiko does; bytes and text go as they are, everything else as JSON.

    The language of the caller stays: a request leaves its own behind.
    """
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body, ensure_ascii=False).encode()
    if token is not None:
        extra.setdefault("HTTP_AUTHORIZATION", token)
    with translation.override(translation.get_language()):
        return client.post(url, data=body, content_type="application/json", **extra)


def deliver(*events: Any, token: str | None = TOKEN) -> None:
    """Bring events in by one request; nothing is applied yet."""
    answer = post(Client(), list(events), token)
    assert answer.status_code == 200, answer.content


def arrive(*events: Any, token: str | None = TOKEN) -> None:
    """Bring events in by one request and apply them."""
    deliver(*events, token=token)
    drain()


def arrive_apart(*bodies: Any, token: str | None = TOKEN) -> None:
    """Bring bodies in, each by a request of its own, then apply them all."""
    for body in bodies:
        answer = post(Client(), body, token)
        assert answer.status_code == 200, answer.content
    drain()


def inbox() -> list[Any]:  # untyped, so that a test may reach into a payload
    """Every stored event, in the order of arrival."""
    return list(WebhookEvent.objects.order_by("id"))


def drain() -> int:
    """Apply everything that is due; returns how many events were ended."""
    applied = 0
    while count := run_batch():
        applied += count
    return applied
