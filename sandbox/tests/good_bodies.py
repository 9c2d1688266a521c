"""Requests that the vendor would accept: one for each operation of the API."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sandbox.http.vendor_json import vendor_date
from sandbox.orders.order import DeliveryStatus
from sandbox.tests.harness import Harness

_FULL_ORDER = Path(__file__).parent / "payloads" / "full_order.json"


def good_bodies(harness: Harness) -> dict[str, dict[str, Any]]:
    """Give a body for every operation, by its path."""
    cafe = harness.restaurant("Берёзка")
    customer = harness.simulator.loyalty.accounts(cafe).customers[0]
    wallet = harness.simulator.loyalty.accounts(cafe).programs[0].wallet_id
    order = harness.wait_for_order("Берёзка", DeliveryStatus.WAIT_COOKING, DeliveryStatus.COOKING_STARTED)
    all_ids = {"organizationIds": [str(each.id) for each in harness.simulator.world.organizations]}
    one, group = {"organizationId": str(cafe.id)}, str(cafe.terminal_groups[0].id)
    about = {**one, "orderId": str(order.id)}
    person = {**one, "terminalGroupId": group, "employeeId": str(cafe.couriers[0].id)}
    money = {**one, "customerId": str(customer.guest.id), "walletId": str(wallet), "sum": 10.5}
    cash = {"paymentTypeKind": "Cash", "paymentTypeId": str(cafe.dictionaries.cash.id), "sum": 100}
    now = harness.simulator.now()
    days = {
        "dateFrom": vendor_date(now - timedelta(days=1), cafe.zone),
        "dateTo": vendor_date(now, cafe.zone),
    }
    of_guest = {**one, "customerId": str(customer.guest.id)}
    hold_id = str(UUID(int=77))
    harness.control("drafts", {"organization_id": str(cafe.id), "on": True})
    item = {"type": "Product", "productId": str(cafe.menu.dishes[-1].id), "amount": 1, "price": 100.5}
    draft = {**small_order(harness), "id": str(UUID(int=88)), "menuId": "7", "items": [item]}
    of_draft = {**one, "orderId": str(UUID(int=88))}
    lock = {**of_draft, "employeeId": str(cafe.operators[0].id)}
    command = harness.get("deliveries/change_comment", {**about, "comment": "x"})["correlationId"]
    return {
        "access_token": {"apiLogin": "demo"},
        "organizations": {"returnAdditionalInfo": True},
        "terminal_groups": all_ids,
        "terminal_groups/is_alive": {**all_ids, "terminalGroupIds": [group]},
        "terminal_groups/awake": {**all_ids, "terminalGroupIds": [group]},
        "employees/couriers": all_ids,
        "employees/couriers/by_role": {**all_ids, "rolesToCheck": ["CR"]},
        "employees/shift/is_open": person,
        "employees/shift/clockin": {**person, "roleId": None},
        "employees/shift/clockout": person,
        "cancel_causes": all_ids,
        "removal_types": all_ids,
        "discounts": all_ids,
        "payment_types": all_ids,
        "deliveries/order_types": all_ids,
        "stop_lists": {**all_ids, "returnSize": True},
        "nomenclature": {**one, "startRevision": 0},
        "webhooks/settings": one,
        "webhooks/update_settings": {**one, "webHooksUri": "http://x.example/", "webHooksFilter": None},
        "deliveries/update_order_delivery_status": {**about, "deliveryStatus": "OnWay", "deliveryDate": None},
        "deliveries/update_order_courier": {**about, "employeeId": str(cafe.couriers[0].id)},
        "deliveries/change_driver_info": {**about, "driverId": None, "estimatedTime": None},
        "deliveries/change_payments": {**about, "payments": [cash]},
        "deliveries/add_payments": {**about, "payments": [cash]},
        "deliveries/cancel": {**about, "cancelCauseId": None},
        "deliveries/close": about,
        "deliveries/confirm": about,
        "deliveries/cancel_confirmation": about,
        "deliveries/change_comment": {**about, "comment": "Позвонить"},
        "deliveries/change_complete_before": {**about, "newCompleteBefore": "2026-03-14 20:00:00.000"},
        "deliveries/update_order_problem": {**about, "hasProblem": True, "problem": "Нет теста"},
        "deliveries/change_external_data": {**about, "externalData": [{"key": "a", "value": "b"}]},
        "deliveries/update_tracking_link": {**about, "trackingLink": "https://t.example/1"},
        "commands/status": {**one, "correlationId": command},
        "deliveries/create": {**one, "order": small_order(harness)},
        "deliveries/drafts/create": {**one, "order": draft},
        "deliveries/drafts/lock": lock,
        "deliveries/drafts/by_id": of_draft,
        "deliveries/drafts/save": {**one, "employeeId": lock["employeeId"], "order": draft},
        "deliveries/drafts/unlock": lock,
        "deliveries/drafts/commit": of_draft,
        "deliveries/by_id": {**one, "orderIds": [str(order.id)]},
        "deliveries/by_revision": {**all_ids, "startRevision": harness.simulator.engine.revisions.last - 50},
        "deliveries/by_delivery_date_and_status": {**all_ids, "deliveryDateFrom": "2026-03-14 00:00:00.000"},
        "loyalty/iiko/customer/info": {**one, "type": "phone", "phone": customer.guest.phone},
        "loyalty/iiko/program": one,
        "loyalty/iiko/customer/wallet/topup": money,
        "loyalty/iiko/customer/wallet/chargeoff": money,
        "loyalty/iiko/customer/wallet/hold": {**money, "transactionId": hold_id},
        "loyalty/iiko/customer/wallet/cancel_hold": {**one, "transactionId": hold_id},
        "loyalty/iiko/customer/transactions/by_date": {**of_guest, **days, "pageNumber": 0, "pageSize": 10},
        "loyalty/iiko/customer/transactions/by_revision": {**of_guest, "pageSize": 10},
    }


def small_order(harness: Harness) -> dict[str, Any]:
    product = harness.restaurant("Берёзка").menu.dishes[-1]
    return {
        "phone": "+79040001234",
        "orderServiceType": "DeliveryByClient",
        "items": [{"type": "Product", "productId": str(product.id), "price": 260, "amount": 1}],
    }


def full_order() -> dict[str, Any]:
    """Give an order for *Берёзка* with every field that a request has and the sandbox gives back."""
    order: dict[str, Any] = json.loads(_FULL_ORDER.read_text("utf-8"))
    return order
