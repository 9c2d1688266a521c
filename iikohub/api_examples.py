"""What the examples of the API's description say: the words of its fields, and the usual refusals.

One delivery runs through all of them. Restaurants, guests and numbers are made up.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.db import OperationalError
from django.utils import translation
from rest_framework.exceptions import (
    AuthenticationFailed,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    ParseError,
    PermissionDenied,
    Throttled,
    UnsupportedMediaType,
    ValidationError,
)

from core.api.csv_lists import CsvRenderer
from core.api.examples import Examples, Schema, as_csv
from core.api.parsers import BodyTooLarge
from core.api.refusal_examples import refusal_of
from core.api.strict import UnknownField
from organizations.api.authentication import WRONG_KEY
from outbound.api.examples import DELIVERY, SUBSCRIPTION, WITH_SECRET

_RESTAURANT = "6b1f2f0c-3d5e-4a7b-9c8d-0e1f2a3b4c5d"
_ORDER = "3c5e7a91-b2d4-4f60-8172-93a4b5c6d7e8"
_CORRELATION = "e4f5a6b7-c8d9-4e0f-a1b2-c3d4e5f6a7b8"
_TRACE = "019cec9d1e1c7a41b5f2c6d80394e7aa"
_COURIER = "7d8e9fa0-b1c2-4d3e-8f40-516273849500"
_PRODUCT = "2b3c4d5e-6f70-4182-93a4-b5c6d7e8f901"
_GROUP = "5a6b7c8d-9e0f-4112-8334-455667788990"
_GUEST = "8e9fa0b1-c2d3-4e4f-8051-627384950617"
_WALLET = "9fa0b1c2-d3e4-4f50-8162-738495061728"
_AFTERWARDS = "2026-11-24T10:05:00Z"

_DISHES = [{"name": "Пицца «Четыре сыра»", "amount": "2", "is_deleted": False, "result_minor": 152050}]
_MONEY = [{"name": "Наличные", "kind": "Cash", "sum_minor": 152050}]
_CHANGE = {"name": "status", "from": "Waiting", "to": "OnWay"}

WORDS: dict[str, object] = {
    # whose, where, which
    "id": 1207,
    "organization_id": _RESTAURANT,
    "name": "Берёзка на Ленина",
    "restaurant_name": "Берёзка на Ленина",
    "timezone": "Asia/Yekaterinburg",
    "currency": "RUB",
    "pos_version": "9.1.4",
    "default_payment_types": {"Card": "09322f46-578a-d210-add7-eec222a08871"},
    "terminal_group_id": _GROUP,
    "terminal_group_name": "Касса на Ленина",
    "TerminalGroup.name": "Касса на Ленина",
    "not_answering_since": None,
    "is_deleted": False,
    "is_in_sleep": False,
    # an order
    "OrderStatusEnum": "OnWay",
    "raw_status": "OnWay",
    "CreationStatusEnum": "Success",
    "iiko_order_id": _ORDER,
    "new_iiko_order_id": "9c5e7a91-b2d4-4f60-8172-93a4b5c6d7e9",
    "external_order_id": "WEB-117",
    "order_external_id": "WEB-117",
    "external_number": "WEB-117",
    "soi_external_id": None,
    "pos_id": None,
    "readable_number": "1043",
    "number": "1043",
    "order_id": 1207,
    "error_info": None,
    "amount_minor": 152050,
    "paid_minor": 0,
    "due_minor": 152050,
    "processed_payments_minor": 0,
    "courier_id": _COURIER,
    "courier_name": "Вера",
    "Courier.name": "Вера",
    "code": "K-12",
    "courier_phone": "+79040000002",
    "external_courier_service_id": None,
    "external_courier_service_name": None,
    "tracking_link": None,
    "problem": None,
    "comment": "Позвонить за десять минут",
    "cancel_cause": None,
    "cancel_cause_id": None,
    "cancel_comment": None,
    "Operation.cancel_comment": "",
    "revision": 1773496492930,
    "is_late": False,
    "is_asap": False,
    "unknown_to_iiko_at": None,
    "items": _DISHES,
    "payments": _MONEY,
    "UpdatePaymentRequest.payments": [{"paymentTypeKind": "Cash", "sum": 1520.50}],
    "tips": [],
    "discounts": [],
    "discount_id": "51111111-2222-4333-8444-555555555555",
    "paymentTypeId": "09322f46-578a-d210-add7-eec222a08871",
    "removal_type_id": "3c4d5e6f-0000-4000-8000-000000000003",
    "RelatedOrder.status": "Cancelled",
    "customer": {"name": "Анна", "phone": "+79040001004"},
    "phone": "+79040001004",
    "phone_extension": None,
    "address": {"city": "Екатеринбург", "street": "Ленина", "house": "5", "flat": "12"},
    "order_type_id": "76067ea3-356f-eb93-9d14-1fa00d082c4e",
    "order_type_name": "Доставка курьером",
    "operator_name": "Ольга",
    "delivery_zone": "Центр",
    "source_key": "site",
    "guests_count": 2,
    "loyalty": None,
    "external_data": None,
    "moved": None,
    "when_delivered": None,
    "when_closed": None,
    "when_cancelled": None,
    "when_bill_printed": None,
    "pending_commands": [],
    "related_orders": [],
    "AllowedAction.action": "update_status",
    "AllowedAction.status": "Delivered",
    "AllowedAction.code": "",
    "AllowedAction.reason": "",
    # the hall
    "iiko_reserve_id": _ORDER,
    "table_ids": ["1c2d3e4f-5061-4273-8495-a6b7c8d9e0f1"],
    "cancel_reason": "Гость передумал",
    "Reserve.cancel_reason": None,
    "ReserveDetail.cancel_reason": None,
    "occasion": "День рождения",
    "duration_minutes": 120,
    "waiter_id": "0b1c2d3e-4f50-4162-8738-495061728394",
    "waiter_name": "Пётр",
    "tab_name": None,
    "split_between_registers": None,
    # what changed
    "what": "status",
    "from_value": "Waiting",
    "to_value": "OnWay",
    "actor": "API: shop",
    # commands
    "kind": "update_status",
    "params": {"status": "OnWay", "delivered_at": None},
    "phase": "read",
    "correlation_id": _CORRELATION,
    "trace_id": _TRACE,
    "error": None,
    "confirmed_by": "status",
    "requested_by": "API: shop",
    "Command.state": "confirmed",
    "CommandError.code": "OrderStatusChangedInIikoFront",
    "message": "Can not update order, order status was changed at the restaurant checkout",
    "cause": "The order was changed on the POS meanwhile.",
    "next_step": None,
    # guests and wallets
    "customer_id": _GUEST,
    "Customer.name": "Анна",
    "surname": "Светлова",
    "email": "anna@example.com",
    "Card": {"number": "4000-1204", "track": "40001204"},
    "Waiting.reason": "in_turn",
    "wallet_id": _WALLET,
    "Wallet.name": "Бонусы",
    "Wallet.type": 1,
    "Wallet.kind": "bonus",
    "balance": "1520.5",
    "balance_minor": 152050,
    "LoyaltyOperationKindEnum": "topup",
    "Operation.kind": "topup",
    "Operation.state": "confirmed",
    "Operation.confirmed_by": "transaction",
    "transaction_id": "a0b1c2d3-e4f5-4061-8273-849506172839",
    "hold_transaction_id": None,
    "released_at": None,
    "waiting": None,
    "cancelled_by": "",
    "amount": 1520.50,
    "WalletActionRequest.comment": "За ожидание",
    "ReasonRequest.comment": "Заказ отменён",
    # events of the inbox
    "event_type": "DeliveryOrderUpdate",
    # outbound webhooks
    **{f"Delivery.{name}": DELIVERY[name] for name in ("event_type", "entity", "message_id", "last_error")},
    **{f"Subscription.{name}": value for name, value in SUBSCRIPTION.items()},
    **{f"SubscriptionWithSecret.{name}": value for name, value in WITH_SECRET.items()},
    "EventStatusEnum": "processed",
    "Event.reason": "",
    "EventDetail.reason": "",
    "ReplayResult.reason": "",
    "processing_error": "",
    "ManyReplaysRequest.processing_error": "timeout",
    "notes": [],
    "entity_key": _ORDER,
    "next_attempt_at": None,
    "replay_of_id": None,
    "is_masked": False,
    "duplicates": 0,
    "attempts": 1,
    "payload": {"eventType": "DeliveryOrderUpdate", "organizationId": _RESTAURANT},
    "raw_body_base64": None,
    "ReplayCount.waiting": 0,
    "impossible": 0,
    "untried": 0,
    "failures": [],
    "ReplayFieldChange": _CHANGE,
    "changes": [
        {
            "kind": "order",
            "id": 1207,
            "name": "1043",
            "organization_id": _RESTAURANT,
            "change": "changed",
            "fields": [_CHANGE],
        }
    ],
    "Registration.changes": ["address: https://old.example.com/ → https://hub.example.com/"],
    "webhook_url": "https://hub.example.com/api/v1/webhooks/iiko",
    "registration_status": "registered",
    "registration_error": "",
    "drift": [],
    "seen_url": "https://hub.example.com/api/v1/webhooks/iiko",
    "has_previous_token": False,
    "auth_token": "a-long-secret-of-your-own",
    "dry_run": False,
    "force": False,
    "OutcomeEnum": "updated",
    # calls to iiko
    "operation": "deliveries/update_order_delivery_status",
    "url": "https://api-ru.iiko.services/api/1/deliveries/update_order_delivery_status",
    "CallWithBodies.order_id": _ORDER,
    "CallDetail.order_id": _ORDER,
    "http_status": 200,
    "duration_ms": 180,
    "CallWithBodies.error": "",
    "CallDetail.error": "",
    "error_code": "",
    "request": {"organizationId": _RESTAURANT, "orderId": _ORDER, "deliveryStatus": "OnWay"},
    "response": {"correlationId": _CORRELATION},
    "response_text": "",
    "attempt": 1,
    # shifts and stop lists
    "employee_id": _COURIER,
    "employee_name": "Вера",
    "role_id": None,
    "closed_at": None,
    "is_open": True,
    "lasted_s": 14400,
    "product_id": _PRODUCT,
    "product_name": "Пицца «Четыре сыра»",
    "size_id": None,
    "size_name": None,
    "sku": "P-104",
    "StopListItem.balance": "0",
    "StopListItem.until": None,
    "out_of_stock_s": 5400,
    # what needs attention
    "rule": "late",
    "sentence": "Order 1043 is 12 minutes late.",
    "NextStep": {"title": "Open the order", "url": "/console/orders/1207"},
    "command_id": None,
    "ended_at": None,
    "taken_by": None,
    "taken_at": None,
    "resolved_at": None,
    "snoozed_until": None,
    "AttentionEntry.actor": "",
    "note": "",
    "AttentionResolveRequest.note": "The guest was called.",
    "AttentionSnoozeRequest.until": _AFTERWARDS,
    # figures
    "starts_at_local": "2026-11-24T00:00:00+05:00",
    "order_type": "DELIVERY",
    "CauseFigures.cause": "Гость передумал",
    "CommandFigures.kind": "update_status",
    # both ends of a page
    "previous": None,
    "detail": "There is no such order.",
    "attr": None,
    "Stored.status": "OK",
    "Refused.status": "unauthorized",
}


def _next_page(path: str) -> str:
    path = re.sub(r"\{\w+\}", "1207", path)
    return f"https://hub.example.com{path}?cursor=WyItaWQiLDEyMDdd&limit=1&skip=1"


_USUAL: dict[str, tuple[Callable[[], Exception], ...]] = {
    "400": (
        lambda: ValidationError({"limit": "A whole number of at least 1 is expected, not “all”."}),
        lambda: ParseError("The body is not JSON: Expecting value: line 1 column 1 (char 0)"),
    ),
    "401": (NotAuthenticated, lambda: AuthenticationFailed(WRONG_KEY)),
    "403": (PermissionDenied,),
    "404": (NotFound,),
    "406": (NotAcceptable,),
    "413": (lambda: BodyTooLarge("The body is larger than 1048576 bytes. Send less at once."),),
    "415": (lambda: UnsupportedMediaType("text/plain"),),
    "422": (
        lambda: UnknownField("No such field: state. Nothing was done. There are: status, delivered_at."),
    ),
    "429": (lambda: Throttled(wait=30),),
    "503": (OperationalError,),
}
"""What operations that name none of their own are refused with, by status."""


def with_examples(result: Schema, **_: object) -> Schema:
    """Give each body of the description that has none an example, each kept once for all that share it."""
    components = result["components"]
    made = Examples(components["schemas"], WORDS)
    kept: Schema = components.setdefault("examples", {})
    for path, operations in result["paths"].items():
        for operation in operations.values():
            _to_request(operation, made, kept)
            for status, answer in operation["responses"].items():
                _to_answer(path, status, answer.get("content", {}), made, kept)
    return result


def _to_request(operation: Schema, made: Examples, kept: Schema) -> None:
    for media in operation.get("requestBody", {}).get("content", {}).values():
        if not _has_example(media):
            name = _component_of(media["schema"]) or f"{operation['operationId']}_request"
            kept[name] = {"value": made.of(media["schema"])}
            media["examples"] = _kept(name)


def _to_answer(path: str, status: str, content: Schema, made: Examples, kept: Schema) -> None:
    for kind, media in content.items():
        if _has_example(media):
            continue
        if _component_of(media["schema"]) == "Refusals":
            names = list(_usual(status, kept))
        else:
            names = [_of_schema(path, kind, media["schema"], content, made, kept)]
        media["examples"] = {name: one for name in names if name for one in _kept(name).values()}


def _of_schema(path: str, kind: str, schema: Schema, content: Schema, made: Examples, kept: Schema) -> str:
    """Keep an example of a schema and return its name; of a file that is no text there is none."""
    shown = next(iter(content.values()))["schema"]
    name = _component_of(shown)
    value: Any = made.of(shown)
    if isinstance(value, dict) and "results" in value:
        value |= {"count": 1043, "next": _next_page(path)}
    if schema.get("format") == "binary":
        return ""
    if kind == CsvRenderer.media_type:
        name, value = f"{name}_csv", as_csv(value)
    kept.setdefault(name, {"value": value})
    return name


def _usual(status: str, kept: Schema) -> Iterator[str]:
    with translation.override("en"):  # the framework writes its words when an error is made
        bodies = [refusal_of(make()) for make in _USUAL.get(status, ())]
    for body in bodies:
        name = f"{status}_{body['errors'][0]['code']}"
        kept.setdefault(name, {"value": body})
        yield name


def _has_example(media: Schema) -> bool:
    return "example" in media or "examples" in media


def _component_of(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _kept(name: str) -> Schema:
    return {name: {"$ref": f"#/components/examples/{name}"}}
