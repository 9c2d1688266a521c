"""Every action refuses what it does not know: nothing is left out in silence."""

import json
from typing import Any

import pytest
from django.test import Client

from loyalty.models import LoyaltyOperation
from orders.models.command import OrderCommand
from orders.models.order import Order, TimelineEntry
from tests.acting import Acting, make_courier, make_payment_type
from tests.builders import COURIER_ID, ORGANIZATION_ID, OTHER_ORGANIZATION_ID, authorized
from tests.simulated_iiko import SimulatedIiko
from webhooks.models.inbox import WebhookConfig, WebhookEvent

pytestmark = pytest.mark.django_db

CASH = {"paymentTypeKind": "Cash", "sum": 1651}
WALLET = {
    "organization_id": ORGANIZATION_ID,
    "customer_id": COURIER_ID,
    "wallet_id": COURIER_ID,
    "amount": 5,
}


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    one = Acting(iiko)
    make_courier()
    make_payment_type()
    one.has(status="Waiting", courierInfo=None)
    return one


def send(acting: Acting, method: str, path: str, body: Any) -> Any:
    return Client().generic(
        method,
        f"/api/v1/{path}",
        json.dumps(body),
        content_type="application/json",
        headers={**authorized(acting.key), "Accept-Language": "en"},
    )


def counts() -> tuple[int, ...]:
    models = (OrderCommand, TimelineEntry, LoyaltyOperation, WebhookConfig, WebhookEvent)
    return tuple(model._default_manager.count() for model in models)


ORDERS = [
    ("update-status", {"status": "OnWay", "deliveredAt": None}, "deliveredAt"),
    ("assign-courier", {"courier_id": COURIER_ID, "courier": 1}, "courier"),
    ("assign-courier", {"courierId": COURIER_ID}, "courierId"),
    ("update-payment", {"payments": [CASH], "tips": []}, "tips"),
    ("update-payment", {"payments": [CASH, CASH | {"isPrepay": True}]}, "payments[1].isPrepay"),
    (
        "update-payment",
        {"payments": [CASH | {"isProcessedExternaly": True, "number": "1"}], "x": 1},
        "x, payments[0].isProcessedExternaly, payments[0].number",
    ),
    ("cancel", {"reason": "Долго"}, "reason"),
    ("apply-discount", {"discount_percent": 10, "reissue": True, "order_id": 1}, "order_id"),
]
OTHERS = [
    ("POST", "loyalty/topup", WALLET | {"sum": 5}, "sum"),
    ("POST", "loyalty/withdraw", WALLET | {"transactionId": "x"}, "transactionId"),
    ("POST", "loyalty/hold", WALLET | {"hold": True}, "hold"),
    ("POST", f"loyalty/holds/{COURIER_ID}/cancel", {"reason": "x"}, "reason"),
    ("POST", "webhooks/configs", {"organization_id": OTHER_ORGANIZATION_ID, "token": "x"}, "token"),
    ("PATCH", "webhooks/configs/{config}", {"active": False}, "active"),
    ("POST", "webhooks/configs/{config}/register", {"dryrun": True}, "dryrun"),
    ("POST", "webhooks/events/{event}/replay", {"dryRun": True}, "dryRun"),
    ("POST", "webhooks/events/replay", {"since": "2026-01-01T00:00:00Z", "stauts": "dead"}, "stauts"),
]


def assert_refused(response: Any, names: str) -> None:
    [error] = response.json()["errors"]
    assert (response.status_code, error["code"]) == (422, "unknown_field")
    assert error["detail"].startswith(f"No such field: {names}. Nothing was done. There are: ")


@pytest.mark.parametrize(("action", "body", "names"), ORDERS)
def test_action_on_an_order_names_what_it_does_not_know(
    acting: Acting, action: str, body: dict[str, Any], names: str
) -> None:
    before = counts()

    assert_refused(send(acting, "POST", f"orders/{Order.objects.get().pk}/{action}", body), names)

    assert counts() == before
    assert acting.iiko.operations() == []


@pytest.mark.parametrize(("method", "path", "body", "names"), OTHERS)
def test_other_actions_name_what_they_do_not_know(
    acting: Acting, method: str, path: str, body: dict[str, Any], names: str
) -> None:
    before = counts()
    ids = {"config": WebhookConfig.objects.get().pk, "event": WebhookEvent.objects.latest("id").pk}

    assert_refused(send(acting, method, path.format(**ids), body), names)

    assert counts() == before
    assert acting.iiko.operations() == []


def test_fields_there_are_are_named_by_their_object(acting: Acting) -> None:
    body = {"payments": [CASH | {"colour": "red"}]}

    response = send(acting, "POST", f"orders/{Order.objects.get().pk}/update-payment", body)

    assert response.json()["errors"][0]["detail"].endswith(
        "There are: paymentTypeKind, paymentTypeId, sum, isProcessedExternally, isFiscalizedExternally."
    )


@pytest.mark.parametrize("body", [[], "x", 5, None, {"payments": "all"}, {"payments": [5, None]}])
def test_body_of_another_shape_is_a_mistake_as_before(acting: Acting, body: Any) -> None:
    response = send(acting, "POST", f"orders/{Order.objects.get().pk}/update-payment", body)

    assert response.status_code == 400
    assert OrderCommand.objects.count() == 0


def test_openapi_closes_the_bodies_of_actions(client: Client) -> None:
    schema = client.get("/api/schema/?format=json").json()["components"]["schemas"]

    closed = {name for name, one in schema.items() if one.get("additionalProperties") is False}
    assert closed == {
        "ApplyDiscountRequest",
        "AssignCourierRequest",
        "AttentionActRequest",
        "AttentionResolveRequest",
        "AttentionSnoozeRequest",
        "CancelRequest",
        "DryRunRequest",
        "EmptyRequest",
        "ManyReplaysRequest",
        "NewConfigRequest",
        "NewSubscriptionRequest",
        "PatchedConfigChangeRequest",
        "PatchedSubscriptionChangeRequest",
        "PaymentRequest",
        "ReasonRequest",
        "RegisterRequest",
        "SinceRequest",
        "UpdatePaymentRequest",
        "UpdateStatusRequest",
        "WalletActionRequest",
    }
