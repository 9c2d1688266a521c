"""Every answer of the played API fits the vendor's schema."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import pytest

from sandbox.order import DeliveryStatus
from sandbox.tests import vendor_schema
from sandbox.tests.theatre import Theatre, open_theatre
from sandbox.vendor_api import OPERATIONS
from sandbox.wire import vendor_date


@pytest.fixture(scope="module")
def theatre() -> Theatre:
    """Give a theatre after some minutes, with stop lists, transactions and a finished command."""
    opened = open_theatre(rate=30)
    opened.play(600)
    return opened


def _bodies(theatre: Theatre) -> dict[str, Mapping[str, object]]:
    cafe = theatre.restaurant("Берёзка")
    customer = theatre.stage.loyalty.club(cafe).customers[0]
    wallet = theatre.stage.loyalty.club(cafe).programs[0].wallet_id
    order = theatre.wait_for_order("Берёзка", DeliveryStatus.WAIT_COOKING, DeliveryStatus.COOKING_STARTED)
    all_ids = {"organizationIds": [str(each.id) for each in theatre.stage.world.organizations]}
    one, group = {"organizationId": str(cafe.id)}, str(cafe.terminal_groups[0].id)
    about = {**one, "orderId": str(order.id)}
    person = {**one, "terminalGroupId": group, "employeeId": str(cafe.couriers[0].id)}
    money = {**one, "customerId": str(customer.guest.id), "walletId": str(wallet), "sum": 10.5}
    cash = {"paymentTypeKind": "Cash", "paymentTypeId": str(cafe.dictionaries.cash.id), "sum": 100}
    now = theatre.stage.now()
    days = {
        "dateFrom": vendor_date(now - timedelta(days=1), cafe.zone),
        "dateTo": vendor_date(now, cafe.zone),
    }
    hold_id = str(UUID(int=77))
    theatre.control("drafts", {"organization_id": str(cafe.id), "on": True})
    item = {"type": "Product", "productId": str(cafe.menu.dishes[-1].id), "amount": 1, "price": 100.5}
    draft = {**_new_order(theatre), "id": str(UUID(int=88)), "menuId": "7", "items": [item]}
    of_draft = {**one, "orderId": str(UUID(int=88))}
    lock = {**of_draft, "employeeId": str(cafe.operators[0].id)}
    command = theatre.get("deliveries/change_comment", {**about, "comment": "x"})["correlationId"]
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
        "deliveries/create": {**one, "order": _new_order(theatre)},
        "deliveries/drafts/create": {**one, "order": draft},
        "deliveries/drafts/lock": lock,
        "deliveries/drafts/by_id": of_draft,
        "deliveries/drafts/save": {**lock, "order": draft},
        "deliveries/drafts/unlock": lock,
        "deliveries/drafts/commit": of_draft,
        "deliveries/by_id": {**one, "orderIds": [str(order.id)]},
        "deliveries/by_revision": {**all_ids, "startRevision": theatre.stage.kitchen.revisions.last - 50},
        "deliveries/by_delivery_date_and_status": {**all_ids, "deliveryDateFrom": "2026-03-14 00:00:00.000"},
        "loyalty/iiko/customer/info": {**one, "type": "phone", "phone": customer.guest.phone},
        "loyalty/iiko/program": one,
        "loyalty/iiko/customer/wallet/topup": money,
        "loyalty/iiko/customer/wallet/chargeoff": money,
        "loyalty/iiko/customer/wallet/hold": {**money, "transactionId": hold_id},
        "loyalty/iiko/customer/wallet/cancel_hold": {**one, "transactionId": hold_id},
        "loyalty/iiko/customer/transactions/by_date": {**money, **days, "pageNumber": 0, "pageSize": 10},
        "loyalty/iiko/customer/transactions/by_revision": {**money, "pageSize": 10},
    }


def _new_order(theatre: Theatre) -> dict[str, object]:
    product = theatre.restaurant("Берёзка").menu.dishes[-1]
    return {
        "phone": "+79040001234",
        "orderServiceType": "DeliveryByClient",
        "items": [{"type": "Product", "productId": str(product.id), "amount": 1}],
    }


@vendor_schema.needs_schema
def test_every_operation_answers_as_the_schema_says(theatre: Theatre) -> None:
    bodies = _bodies(theatre)

    # A draft that was committed is not there any more, see test_drafts.
    assert set(bodies) == {*OPERATIONS, "access_token"} - {"deliveries/drafts/delete"}
    for path, body in bodies.items():
        response = theatre.ask(path, body)
        assert response.status_code == 200, (path, response.get_data(as_text=True))
        if path == "deliveries/update_tracking_link":
            assert response.get_data() == b""
        elif path == "loyalty/iiko/program":
            assert list(response.get_json()) == ["Programs"]
            assert vendor_schema.answer_errors(f"/api/1/{path}", response.get_json()) == []
        elif path == "loyalty/iiko/customer/info":
            # "All may be null" (REFERENCE 3), though the schema says so of a few only.
            filled = {key: value for key, value in response.get_json().items() if value is not None}
            assert vendor_schema.answer_errors(f"/api/1/{path}", filled) == []
        else:
            assert vendor_schema.answer_errors(f"/api/1/{path}", response.get_json()) == [], path


@vendor_schema.needs_schema
def test_finished_commands_answer_as_the_schema_says(theatre: Theatre) -> None:
    order = theatre.wait_for_order("Берёзка", DeliveryStatus.COOKING_STARTED)

    done = theatre.command("deliveries/change_comment", order, comment="Готово")
    failed = theatre.command("deliveries/confirm", order)

    assert vendor_schema.answer_errors("/api/1/commands/status", done) == []
    assert vendor_schema.answer_errors("/api/1/commands/status", failed) == []
    assert (done, failed["state"]) == ({"state": "Success"}, "Error")


@vendor_schema.needs_schema
def test_full_webhook_settings_fit_the_schema(theatre: Theatre) -> None:
    settings = theatre.get("webhooks/settings", {"organizationId": str(theatre.restaurant("Волна").id)})

    assert vendor_schema.answer_errors("/api/1/webhooks/settings", settings) == []
    assert (settings["webHooksUri"], settings["authToken"]) == ("http://hub.example/hook", "very-secret")
