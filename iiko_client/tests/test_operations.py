"""Each operation: the exact body it sends and how it reads an answer; both are checked by the schema."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from iiko_client.client import IikoClient
from iiko_client.endpoints.registry import OPERATIONS, Kind
from iiko_client.http.auth import V1, V2
from iiko_client.models.commands import (
    Accepted,
    CommandStatus,
    CreatedDelivery,
    OrdersById,
    OrdersPage,
    VendorCommandState,
)
from iiko_client.models.dictionaries import (
    CancelCause,
    CourierInfo,
    DiscountType,
    Menu,
    OrderTypeInfo,
    OrganizationInfo,
    PaymentType,
    ProductInfo,
    ProductSize,
    RemovalType,
    StopList,
    StopListEntry,
    StopLists,
    TerminalGroupAlive,
    TerminalGroupInfo,
)
from iiko_client.models.loyalty import (
    Guest,
    GuestCard,
    Points,
    Program,
    Transaction,
    TransactionPage,
    Wallet,
)
from iiko_client.models.payments import Payment, PaymentKind
from iiko_client.models.statuses import DeliveryStatus
from iiko_client.models.webhook_settings import WebhookSettings
from iiko_client.tests.harness import (
    CORRELATION,
    ORDER,
    ORG,
    QUEUED,
    Play,
    Stub,
    complaints,
    document,
    merged_schema,
    needs_schema,
    to_order,
)
from iiko_client.units import MinorUnits


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


GROUP, CAUSE, TYPE = uid(3), uid(4), uid(5)
COURIER, GUEST, WALLET, MOVE = uid(6), uid(8), uid(9), uid(10)
MOSCOW = timezone(timedelta(hours=3))
NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
ORDER_INFO = {
    "id": ORDER,
    "organizationId": ORG,
    "timestamp": 1_700_000_000_000,
    "creationStatus": "InProgress",
    "order": None,
}
NEW_ORDER = {
    "id": ORDER,
    "phone": "+70000000000",
    "items": [
        {"type": "Product", "productId": uid(20), "price": Decimal("199.90"), "amount": Decimal("0.5")}
    ],
}


@dataclass(frozen=True)
class Case:
    """One call of one operation."""

    operation: str
    call: Play
    request: Any
    answer: Any
    result: Any


def of(items: list[Any]) -> list[Any]:
    return [{"organizationId": ORG, "items": items}]


ORDER_IDS = {"organizationId": ORG, "orderId": ORDER}
PAYMENTS = (
    Payment(PaymentKind.CASH, TYPE, MinorUnits(152050)),
    Payment(
        PaymentKind.LOYALTY_CARD,
        TYPE,
        MinorUnits(1),
        is_processed_externally=True,
        additional={"type": "LoyaltyCard", "credential": "79990000000", "searchScope": "Phone"},
    ),
)
PAYMENTS_WIRE = [
    {"paymentTypeKind": "Cash", "sum": 1520.50, "paymentTypeId": TYPE, "isProcessedExternally": False},
    {
        "paymentTypeKind": "LoyaltyCard",
        "sum": 0.01,
        "paymentTypeId": TYPE,
        "isProcessedExternally": True,
        "paymentAdditionalData": {"type": "LoyaltyCard", "credential": "79990000000", "searchScope": "Phone"},
    },
]
TERMINAL_GROUP = {"id": GROUP, "organizationId": ORG, "name": "Hall", "address": None, "timeZone": "+03:00"}
MOVEMENT = {
    "id": MOVE,
    "revision": 70,
    "organizationId": ORG,
    "walletId": WALLET,
    "sum": 10.5,
    "type": 3,
    "typeName": "RefillWallet",
    "balanceBefore": 0,
    "balanceAfter": 10.5,
    "comment": "hub-1",
    "whenCreated": "2026-11-23 12:00:00.000",
    "isIgnored": False,
}
MOVED = Transaction(
    id=MOVE,
    revision=70,
    organization_id=ORG,
    wallet_id=WALLET,
    sum=Points(Decimal("10.5")),
    balance_before=Points(Decimal(0)),
    balance_after=Points(Decimal("10.5")),
    comment="hub-1",
    order_number=None,
    pos_order_id=None,
    created_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
)
FILTER = {
    "deliveryOrderFilter": {
        "orderStatuses": [
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
        ],
        "itemStatuses": ["Added", "PrintedNotCooking", "CookingStarted", "CookingCompleted", "Served"],
        "errors": True,
        "returnedExternalDataKeys": [],
    },
    "tableOrderFilter": {
        "orderStatuses": ["New", "Bill", "Closed", "Deleted"],
        "itemStatuses": ["Added", "PrintedNotCooking", "CookingStarted", "CookingCompleted", "Served"],
        "errors": True,
    },
    "reserveFilter": {"updates": True, "errors": True},
    "stopListUpdateFilter": {"updates": True},
    "personalShiftFilter": {"updates": True},
    "nomenclatureUpdateFilter": {"updates": True},
    "businessHoursAndMappingUpdateFilter": {"updates": True},
}
WALLET_CHANGE = {
    "organizationId": ORG,
    "customerId": GUEST,
    "walletId": WALLET,
    "sum": 12.345,
    "comment": "hub-1",
}


def change_wallet(method: str) -> Play:
    return lambda client: getattr(client, method)(
        organization_id=ORG,
        customer_id=GUEST,
        wallet_id=WALLET,
        amount=Points(Decimal("12.345")),
        comment="hub-1",
    )


def command(operation: str, call: Play, content: Any = None) -> Case:
    """Make the case of a command to an order; all are answered in the same way."""
    return Case(operation, call, ORDER_IDS | (content or {}), QUEUED, Accepted(CORRELATION))


def menu_row(number: int, name: str) -> dict[str, Any]:
    """Make a product with the fields that the schema requires."""
    flags = {"splittable": False, "useBalanceForSell": False, "canSetOpenPrice": False}
    return {"id": uid(number), "name": name} | flags


DICTIONARIES = (
    Case(
        "organizations",
        lambda client: client.organizations(),
        {"returnAdditionalInfo": True, "includeDisabled": False},
        QUEUED
        | {
            "organizations": [
                {"responseType": "Simple", "id": ORG, "name": "Beryozka", "code": "1"},
                {
                    "responseType": "Extended",
                    "id": uid(11),
                    "name": None,
                    "country": "Россия",
                    "restaurantAddress": "Тверская, 1",
                    "latitude": 55.75,
                    "longitude": 37.61,
                    "useUaeAddressingSystem": False,
                    "version": "9.2.6",
                    "currencyIsoName": "RUB",
                    "currencyMinimumDenomination": 0.01,
                    "countryPhoneCode": "7",
                    "marketingSourceRequiredInDelivery": False,
                    "defaultDeliveryCityId": None,
                    "deliveryCityIds": None,
                    "deliveryServiceType": "CourierAndSelfService",
                    "deliveryOrderPaymentSettings": "WhenOrderClosed",
                    "defaultCallCenterPaymentTypeId": None,
                    "orderItemCommentEnabled": None,
                    "inn": None,
                    "addressFormatType": "Legacy",
                    "isConfirmationEnabled": True,
                    "confirmAllowedIntervalInMinutes": None,
                    "isCloud": True,
                    "isAnonymousGuestsAllowed": False,
                    "addressLookup": [],
                },
            ]
        },
        (
            OrganizationInfo(ORG, "Beryozka", None, None, None, None),
            OrganizationInfo(
                id=uid(11),
                name="",
                currency="RUB",
                version="9.2.6",
                delivery_order_payment_settings="WhenOrderClosed",
                is_confirmation_enabled=True,
            ),
        ),
    ),
    Case(
        "terminal_groups",
        lambda client: client.terminal_groups(organization_ids=[ORG]),
        {"organizationIds": [ORG], "includeDisabled": False},
        QUEUED
        | {
            "terminalGroups": of([TERMINAL_GROUP | {"posVersion": "9.2"}]),
            "terminalGroupsInSleep": of([TERMINAL_GROUP | {"id": uid(12), "timeZone": "Europe/Moscow"}]),
        },
        (
            TerminalGroupInfo(ORG, False, GROUP, "Hall", "+03:00", "9.2"),
            TerminalGroupInfo(ORG, True, uid(12), "Hall", "Europe/Moscow", None),
        ),
    ),
    Case(
        "terminal_groups/is_alive",
        lambda client: client.terminal_groups_alive(organization_ids=[ORG], terminal_group_ids=[GROUP]),
        {"organizationIds": [ORG], "terminalGroupIds": [GROUP]},
        QUEUED | {"isAliveStatus": [{"isAlive": False, "terminalGroupId": GROUP, "organizationId": ORG}]},
        (TerminalGroupAlive(GROUP, ORG, is_alive=False),),
    ),
    Case(
        "employees/couriers",
        lambda client: client.couriers(organization_ids=[ORG]),
        {"organizationIds": [ORG]},
        QUEUED | {"employees": of([{"id": COURIER, "displayName": "Иван", "isDeleted": True}])},
        (CourierInfo(ORG, COURIER, "Иван", None, None, None, None, is_deleted=True),),
    ),
    Case(
        "cancel_causes",
        lambda client: client.cancel_causes(organization_id=ORG),
        {"organizationIds": [ORG]},
        QUEUED | {"cancelCauses": [{"id": CAUSE, "name": "Гость отказался", "isDeleted": False}]},
        (CancelCause(CAUSE, "Гость отказался", is_deleted=False),),
    ),
    Case(
        "removal_types",
        lambda client: client.removal_types(organization_id=ORG),
        {"organizationIds": [ORG]},
        QUEUED
        | {
            "removalTypes": [{"id": TYPE, "name": "Порча", "reasonRequired": True, "canWriteoffToUser": True}]
        },
        (
            RemovalType(
                TYPE,
                "Порча",
                None,
                is_reason_required=True,
                can_write_off_to_cafe=False,
                can_write_off_to_waiter=False,
                can_write_off_to_user=True,
                is_manual=False,
                is_deleted=False,
            ),
        ),
    ),
    Case(
        "discounts",
        lambda client: client.discounts(organization_ids=[ORG]),
        {"organizationIds": [ORG]},
        QUEUED
        | {
            "discounts": of(
                [
                    {
                        "id": TYPE,
                        "name": "Другу",
                        "percent": 7.5,
                        "isCategorisedDiscount": False,
                        "productCategoryDiscounts": [],
                        "canBeAppliedSelectively": True,
                        "minOrderSum": 500.01,
                        "mode": "Percent",
                        "sum": 0,
                        "canApplyByCardNumber": False,
                        "isManual": True,
                        "isCard": False,
                        "isAutomatic": False,
                    }
                ]
            )
        },
        (
            DiscountType(
                ORG,
                TYPE,
                "Другу",
                "Percent",
                Decimal("7.5"),
                MinorUnits(0),
                MinorUnits(50001),
                None,
                is_categorised=False,
                can_be_applied_selectively=True,
                can_apply_by_card_number=False,
                is_manual=True,
                is_card=False,
                is_automatic=False,
                is_deleted=False,
            ),
        ),
    ),
    Case(
        "payment_types",
        lambda client: client.payment_types(organization_id=ORG),
        {"organizationIds": [ORG]},
        QUEUED
        | {
            "paymentTypes": [
                {
                    "id": TYPE,
                    "code": "CASH",
                    "name": "Наличные",
                    "combinable": True,
                    "applicableMarketingCampaigns": [],
                    "paymentProcessingType": "Both",
                    "paymentTypeKind": "Cash",
                    "terminalGroups": [TERMINAL_GROUP],
                }
            ]
        },
        (
            PaymentType(
                TYPE,
                "Наличные",
                "CASH",
                "Cash",
                "Both",
                None,
                is_combinable=True,
                prints_cheque=False,
                is_deleted=False,
                terminal_group_ids=(GROUP,),
                marketing_campaign_ids=(),
            ),
        ),
    ),
    Case(
        "deliveries/order_types",
        lambda client: client.order_types(organization_ids=[ORG]),
        {"organizationIds": [ORG]},
        QUEUED
        | {"orderTypes": of([{"id": TYPE, "name": "Самовывоз", "orderServiceType": "DeliveryPickUp"}])},
        (OrderTypeInfo(ORG, TYPE, "Самовывоз", "DeliveryPickUp", is_default=False, is_deleted=False),),
    ),
    Case(
        "stop_lists",
        lambda client: client.stop_lists(organization_ids=[ORG], terminal_group_ids=[GROUP]),
        {"organizationIds": [ORG], "terminalGroupsIds": [GROUP], "returnSize": True},
        QUEUED
        | {
            "terminalGroupStopLists": of(
                [
                    {
                        "terminalGroupId": GROUP,
                        "items": [
                            {"productId": uid(20), "balance": 0.25, "dateAdd": "2026-11-23 12:00:00.000"},
                        ],
                    }
                ]
            )
        },
        (
            StopLists(
                ORG,
                (
                    StopList(
                        GROUP,
                        (
                            StopListEntry(
                                uid(20),
                                None,
                                None,
                                Decimal("0.25"),
                                datetime(2026, 11, 23, 12, tzinfo=UTC),
                            ),
                        ),
                        is_whole=True,
                    ),
                ),
                is_whole=True,
            ),
        ),
    ),
    Case(
        "nomenclature",
        lambda client: client.menu(organization_id=ORG, start_revision=7),
        {"organizationId": ORG, "startRevision": 7},
        QUEUED
        | {
            "groups": [],
            "productCategories": [],
            "products": [
                menu_row(20, "Суп дня") | {"code": "0017", "type": "dish", "isDeleted": False},
                menu_row(21, "Халапеньо") | {"type": "modifier", "isDeleted": True},
            ],
            "sizes": [{"id": uid(22), "name": "30 см"}],
            "revision": 8,
        },
        Menu(
            8,
            (
                ProductInfo(uid(20), "Суп дня", "0017", "dish", is_deleted=False),
                ProductInfo(uid(21), "Халапеньо", None, "modifier", is_deleted=True),
            ),
            (ProductSize(uid(22), "30 см"),),
        ),
    ),
)

SETTINGS = (
    Case(
        "webhooks/settings",
        lambda client: client.webhook_settings(organization_id=ORG),
        {"organizationId": ORG},
        QUEUED
        | {
            "apiLoginName": "hub",
            "webHooksUri": "https://hub.example/x",
            "authToken": "t0ken",
            "webHooksFilter": FILTER,
        },
        WebhookSettings("https://hub.example/x", "t0ken", FILTER),
    ),
    Case(
        "webhooks/update_settings",
        lambda client: client.update_webhook_settings(
            organization_id=ORG, uri="https://hub.example/x", auth_token="t0ken"
        ),
        {
            "organizationId": ORG,
            "webHooksUri": "https://hub.example/x",
            "authToken": "t0ken",
            "webHooksFilter": FILTER,
        },
        QUEUED,
        Accepted(CORRELATION),
    ),
    Case(
        "commands/status",
        lambda client: client.command_status(organization_id=ORG, correlation_id=CORRELATION),
        {"organizationId": ORG, "correlationId": CORRELATION},
        {"state": "InProgress"},
        CommandStatus(VendorCommandState.IN_PROGRESS, None, "InProgress"),
    ),
)

RETRIEVAL = (
    Case(
        "deliveries/by_id",
        lambda client: client.orders_by_id(organization_id=ORG, order_ids=[ORDER]),
        {"organizationId": ORG, "orderIds": [ORDER]},
        QUEUED | {"orders": [ORDER_INFO]},
        OrdersById((ORDER_INFO,)),
    ),
    Case(
        "deliveries/by_revision",
        lambda client: client.orders_by_revision(organization_ids=[ORG], after_revision=5),
        {"organizationIds": [ORG], "startRevision": 5},
        QUEUED
        | {"maxRevision": 9, "ordersByOrganizations": [{"organizationId": ORG, "orders": [ORDER_INFO]}]},
        OrdersPage(9, {ORG: (ORDER_INFO,)}),
    ),
    Case(
        "deliveries/by_delivery_date_and_status",
        lambda client: client.orders_by_date(
            organization_ids=[ORG],
            since=NOON,
            until=NOON + timedelta(hours=2),
            zone=MOSCOW,
        ),
        {
            "organizationIds": [ORG],
            "deliveryDateFrom": "2026-11-23 15:00:00.123",
            "deliveryDateTo": "2026-11-23 17:00:00.123",
        },
        QUEUED | {"maxRevision": 9, "ordersByOrganizations": []},
        OrdersPage(9, {}),
    ),
)

COMMANDS = (
    command(
        "deliveries/update_order_delivery_status",
        to_order("update_delivery_status", status=DeliveryStatus.DELIVERED, zone=MOSCOW, delivered_at=NOON),
        {"deliveryStatus": "Delivered", "deliveryDate": "2026-11-23 15:00:00.123"},
    ),
    command(
        "deliveries/update_order_courier",
        to_order("assign_courier", courier_id=COURIER),
        {"employeeId": COURIER},
    ),
    command(
        "deliveries/change_driver_info",
        to_order("change_driver", driver_id=COURIER, zone=MOSCOW, estimated_at=NOON),
        {"driverId": COURIER, "estimatedTime": "2026-11-23 15:00:00.123"},
    ),
    command(
        "deliveries/change_driver_info",
        to_order("change_driver", driver_id=None, zone=MOSCOW),
        {"driverId": None},
    ),
    command(
        "deliveries/change_payments",
        to_order("change_payments", payments=PAYMENTS),
        {"payments": PAYMENTS_WIRE},
    ),
    command(
        "deliveries/cancel",
        to_order(
            "cancel",
            cause_id=CAUSE,
            comment="Гость отказался",
            removal_type_id=TYPE,
            removal_comment="Порча",
            moved_order_id=uid(13),
        ),
        {
            "movedOrderId": uid(13),
            "cancelCauseId": CAUSE,
            "cancelComment": "Гость отказался",
            "removalTypeId": TYPE,
            "removalComment": "Порча",
        },
    ),
    command("deliveries/close", to_order("close", zone=MOSCOW)),
    command("deliveries/confirm", to_order("confirm")),
    command("deliveries/cancel_confirmation", to_order("cancel_confirmation")),
    command(
        "deliveries/change_comment",
        to_order("change_comment", comment="Домофон 7"),
        {"comment": "Домофон 7"},
    ),
    Case(
        "deliveries/create",
        lambda client: client.create_delivery(
            organization_id=ORG,
            order=NEW_ORDER,
            terminal_group_id=GROUP,
        ),
        {
            "organizationId": ORG,
            "terminalGroupId": GROUP,
            "order": NEW_ORDER
            | {"items": [{"type": "Product", "productId": uid(20), "price": 199.9, "amount": 0.5}]},
        },
        QUEUED | {"orderInfo": ORDER_INFO},
        CreatedDelivery(CORRELATION, ORDER_INFO),
    ),
)

LOYALTY = (
    Case(
        "loyalty/iiko/customer/info",
        lambda client: client.guest(organization_id=ORG, phone="+70000000000"),
        {"organizationId": ORG, "type": "phone", "phone": "+70000000000"},
        {
            "id": GUEST,
            "name": "Анна",
            "phone": "+70000000000",
            "email": None,
            "birthday": "1990-01-02 00:00:00.000",
            "sex": 2,
            "consentStatus": 1,
            "cards": [{"id": uid(14), "number": "0007", "track": "0007"}],
            "categories": [{"id": uid(15), "name": "VIP", "isActive": True}],
            "walletBalances": [{"id": WALLET, "name": "Бонусы", "type": 1, "balance": 100.1}],
            "isDeleted": False,
        },
        Guest(
            id=GUEST,
            name="Анна",
            surname=None,
            phone="+70000000000",
            email=None,
            is_deleted=False,
            cards=(GuestCard(uid(14), "0007", "0007"),),
            wallets=(Wallet(WALLET, "Бонусы", 1, Points(Decimal("100.1"))),),
        ),
    ),
    Case(
        "loyalty/iiko/program",
        lambda client: client.programs(organization_id=ORG),
        {"organizationId": ORG, "withoutMarketingCampaigns": True},
        {
            "Programs": [
                {"id": uid(16), "name": "Друзья", "programType": 1, "isActive": True, "walletId": WALLET}
            ]
        },
        (Program(uid(16), "Друзья"),),
    ),
    Case("loyalty/iiko/customer/wallet/topup", change_wallet("top_up"), WALLET_CHANGE, {}, None),
    Case("loyalty/iiko/customer/wallet/chargeoff", change_wallet("charge_off"), WALLET_CHANGE, {}, None),
    Case(
        "loyalty/iiko/customer/wallet/hold",
        lambda client: client.hold(
            organization_id=ORG,
            customer_id=GUEST,
            wallet_id=WALLET,
            amount=Points(Decimal("12.345")),
            transaction_id=MOVE,
            comment="hub-1",
        ),
        WALLET_CHANGE | {"transactionId": MOVE},
        {"transactionId": MOVE},
        MOVE,
    ),
    Case(
        "loyalty/iiko/customer/wallet/cancel_hold",
        lambda client: client.cancel_hold(organization_id=ORG, transaction_id=MOVE),
        {"organizationId": ORG, "transactionId": MOVE},
        {},
        None,
    ),
    Case(
        "loyalty/iiko/customer/transactions/by_date",
        lambda client: client.transactions_by_date(
            organization_id=ORG, customer_id=GUEST, since=NOON - timedelta(days=1), until=NOON, page_number=2
        ),
        {
            "organizationId": ORG,
            "customerId": GUEST,
            "dateFrom": "2026-11-22 12:00:00.123",
            "dateTo": "2026-11-23 12:00:00.123",
            "pageNumber": 2,
            "pageSize": 100,
        },
        {"transactions": [MOVEMENT], "pageNumber": 2, "pageSize": 50},
        TransactionPage((MOVED,)),
    ),
)

CASES = (*DICTIONARIES, *SETTINGS, *RETRIEVAL, *COMMANDS, *LOYALTY)
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.operation)


@every_case
def test_operation_sends_its_body_and_reads_the_answer(case: Case, iiko: Stub, client: IikoClient) -> None:
    iiko.answers(case.operation, case.answer)

    result = case.call(client)

    assert iiko.body(case.operation) == case.request
    assert result == case.result


@every_case
@needs_schema
def test_request_fits_the_vendors_schema(case: Case, iiko: Stub, client: IikoClient) -> None:
    iiko.answers(case.operation, case.answer)

    case.call(client)

    assert complaints(case.operation, iiko.body(case.operation)) == []


@every_case
@needs_schema
def test_played_answer_fits_the_vendors_schema(case: Case) -> None:
    assert complaints(case.operation, case.answer, answer=True) == []


@every_case
def test_unknown_fields_change_nothing(case: Case, iiko: Stub, client: IikoClient) -> None:
    iiko.answers(case.operation, with_new_fields(case.answer))

    result = case.call(client)

    if case.operation in ("deliveries/by_id", "deliveries/by_revision", "webhooks/settings") or isinstance(
        case.result, CreatedDelivery
    ):
        assert type(result) is type(case.result)  # these hand on what came
    else:
        assert result == case.result


def with_new_fields(value: Any) -> Any:
    """Return an answer of a later version of iiko: one more field in every object."""
    if isinstance(value, dict):
        return {key: with_new_fields(inner) for key, inner in value.items()} | {
            "addedIn2031": {"x": [1, None]}
        }
    if isinstance(value, list):
        return [with_new_fields(inner) for inner in value]
    return value


def test_every_operation_has_a_case() -> None:
    assert {case.operation for case in CASES} == set(OPERATIONS)


@needs_schema
@pytest.mark.parametrize("name", OPERATIONS)
def test_registry_agrees_with_the_schema(name: str) -> None:
    operation = OPERATIONS[name]
    description = document()["paths"][operation.path]["post"]["description"]

    assert f"Restriction group: `{operation.group}`" in description
    assert (operation.kind is Kind.COMMAND) == ("This method is a command" in description)


DEPRECATED = {
    "/api/1/access_token": "Integrations have an apiLogin and no application of the developer portal: V1 "
    "stays beside V2.",
    "/api/1/deliveries/update_order_courier": "Its successor change_driver_info needs a POS of 8.6.6; this "
    "one is for older versions, and for a POS whose version is not known.",
}
"""Operations we call although the vendor calls them deprecated, each with the reason."""


@needs_schema
def test_deprecated_operations_we_call_have_their_reason() -> None:
    called = {operation.path for operation in OPERATIONS.values()} | {V1.path, V2.path}

    paths = document()["paths"]
    assert {path for path in called if paths[path]["post"].get("deprecated")} == set(DEPRECATED)


@every_case
@needs_schema
def test_no_deprecated_field_is_sent(case: Case) -> None:
    [content] = document()["paths"][f"/api/1/{case.operation}"]["post"]["requestBody"]["content"].values()

    assert list(deprecated_in(content["schema"], case.request)) == []


@needs_schema
def test_deprecated_field_would_be_found() -> None:
    schema = {"$ref": f"#/components/schemas/{CHANGE_PAYMENTS}"}
    payment = {"paymentTypeKind": "Card", "sum": 1, "number": "4111", "isPrepay": True}

    found = list(deprecated_in(schema, {"payments": [payment]}))

    assert sorted(found) == ["payments.isPrepay", "payments.number"]


CHANGE_PAYMENTS = "iikoTransport.PublicApi.Contracts.Deliveries.Request.UpdateOrder.ChangePaymentsRequest"


def deprecated_in(schema: Any, value: Any, path: str = "") -> Iterator[str]:
    """Name the fields of a body that the vendor calls deprecated."""
    schema = _resolved(schema)
    for member in value if isinstance(value, list) else ():
        yield from deprecated_in(schema["items"], member, path)
    if isinstance(value, dict):
        if kinds := schema.get("discriminator"):
            schema = _resolved({"$ref": kinds["mapping"][value[kinds["propertyName"]]]})
        yield from _deprecated_here(merged_schema(schema).get("properties", {}), value, path)


def _resolved(schema: Any) -> Any:
    """Follow references, also one that stands alone beside a description."""
    while "$ref" in schema or ("allOf" in schema and "properties" not in schema and "type" not in schema):
        reference = schema.get("$ref") or schema["allOf"][0]["$ref"]
        schema = document()["components"]["schemas"][reference.split("/")[-1]]
    return schema


def _deprecated_here(properties: Any, value: Any, path: str) -> Iterator[str]:
    for name in properties.keys() & value.keys():
        if properties[name].get("deprecated"):
            yield f"{path}{name}"
        yield from deprecated_in(properties[name], value[name], f"{path}{name}.")


def test_money_is_sent_as_the_literal_it_is(iiko: Stub, client: IikoClient) -> None:
    iiko.answers("deliveries/change_payments", QUEUED)
    payments = [Payment(PaymentKind.CARD, TYPE, MinorUnits(1999))]

    client.change_payments(organization_id=ORG, order_id=ORDER, payments=payments)

    [request] = iiko.sent("deliveries/change_payments")
    assert b'"sum":19.99,' in (request.body or b"")
    assert json.loads(request.body or b"", parse_float=str)["payments"][0]["sum"] == "19.99"
