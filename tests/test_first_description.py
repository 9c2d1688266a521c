"""What the first description of the hub promised, one by one: held, or refused with a reason.

The promises stand here in our own words. A refusal shows the code and that the reader is told why.
"""

import json
import logging
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from iiko_client.http.exchange import normalise_base_url
from iikohub.tests.test_settings import settings as read_settings
from loyalty.tests import played_loyalty
from orders.models.order import Order
from organizations.models.connection import ApiCall
from tests.acting import (
    CARD_ID,
    CASH_ID,
    DISCOUNT_ID,
    QUEUED,
    STATUS,
    Acting,
    make_courier,
    make_payment_type,
    make_removal_type as make_removal,
    refused,
)
from tests.builders import (
    CORRELATION_ID,
    COURIER_ID,
    ORDER_ID,
    ORGANIZATION_ID,
    RECEIVE_URL,
    TOKEN,
    authorized,
    cloud_event,
    courier,
    drain,
    inbox,
    make_key,
    make_organization,
    post,
    product,
    reserve_event,
    shift_event,
    soi_message,
    stop_list_event,
    table_order_event,
)
from tests.simulated_iiko import SimulatedIiko, linked
from webhooks.models.inbox import WebhookEvent
from webhooks.processing.handlers import HANDLERS

pytestmark = pytest.mark.django_db

EXTERNAL_ID = "20200831-515"
TOLD_OF_IT = "статус: CookingStarted, сумма: 1520.50"
STATUSES = {
    "UNCONFIRMED": "Unconfirmed",
    "WAIT_COOKING": "WaitCooking",
    "READY_FOR_COOKING": "ReadyForCooking",
    "COOKING_STARTED": "CookingStarted",
    "COOKING_COMPLETED": "CookingCompleted",
    "WAITING": "Waiting",
    "ON_WAY": "OnWay",
    "DELIVERED": "Delivered",
    "CLOSED": "Closed",
    "CANCELLED": "Cancelled",
}
OLD_COURIER = "deliveries/update_order_courier"
KITCHEN = ("ReadyForCooking", "CookingStarted", "CookingCompleted")


def get(path: str) -> Any:
    response = Client().get(f"/api/v1/{path}", headers=authorized(make_key()))
    assert response.status_code == 200, response.content
    return response.json()


def the_order() -> Any:
    """Return the one order, as the API shows it."""
    [row] = get("orders")["results"]
    return get(f"orders/{row['id']}")


def create_message(**details: Any) -> dict[str, Any]:
    """Make the description's own example: a meal that is being cooked."""
    return soi_message(
        kind="CREATE",
        external_id=EXTERNAL_ID,
        message={"readableNumber": "515", "creationStatus": "OK", "errorInfo": None},
        **{
            "iikoOrderNumber": "51",
            "restaurantName": "Ресторан №1",
            "orderType": "DELIVERY",
            "orderStatus": "COOKING_STARTED",
            "receivedAt": "2020-08-31T16:23:31+01:00",
            "promisedTime": "2020-08-31T18:08:31+01:00",
            "problem": None,
            "orderAmount": 1520.50,
        }
        | details,
    )


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    return Acting(iiko)


# --- receiving: types and formats --------------------------------------------------------------------

TAKEN: dict[str, Any] = {
    "CREATE": lambda: soi_message(kind="CREATE"),
    "UPDATE": lambda: soi_message(kind="UPDATE"),
    "DeliveryOrderUpdate": lambda: [cloud_event()],
    "DeliveryOrderError": lambda: [cloud_event(event_type="DeliveryOrderError", creation_status="Error")],
    "OrderChanged": lambda: [cloud_event(event_type="OrderChanged")],
    "DeliveryOrderChanged": lambda: [cloud_event(event_type="DeliveryOrderChanged")],
    "StopListUpdate": lambda: [stop_list_event()],
    "PersonalShift": lambda: [shift_event()],
    "ReserveUpdate": lambda: [reserve_event()],
    "TableOrderError": lambda: [table_order_event(event_type="TableOrderError", creation_status="Error")],
}


@pytest.mark.parametrize("event_type", TAKEN)
def test_promised_type_is_applied(event_type: str) -> None:
    make_organization()

    assert post(Client(), TAKEN[event_type]()).json() == {"status": "OK"}
    [waiting] = inbox()
    assert (waiting.event_type, waiting.status) == (event_type, "pending")
    drain()

    [row] = get("webhooks/events")["results"]
    assert (row["event_type"], row["status"], row["reason"]) == (event_type, "processed", "")


def test_token_comes_in_either_header_and_a_wrong_one_leaves_nothing(settings: LazySettings) -> None:
    make_organization()
    client, body = Client(), json.dumps([cloud_event()])

    def send(**headers: str) -> int:
        return client.post(RECEIVE_URL, body, content_type="application/json", headers=headers).status_code

    assert (send(authorization="wrong"), send(authtoken="wrong"), send()) == (401, 401, 401)
    assert WebhookEvent.objects.count() == 0
    assert (send(authorization=TOKEN), send(authtoken=TOKEN), send(authorization=f"Bearer {TOKEN}")) == (
        200,
        200,
        200,
    )


def test_body_that_is_no_json_is_answered_200_so_that_iiko_does_not_repeat_it() -> None:
    make_organization()

    response = post(Client(), b"{not json")

    assert (response.status_code, response.json()) == (200, {"status": "ignored"})


def test_error_of_processing_is_kept_on_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("it could not be applied")

    monkeypatch.setitem(HANDLERS, "DeliveryOrderUpdate", broken)
    make_organization()
    assert post(Client(), [cloud_event()]).json() == {"status": "OK"}
    drain()

    [row] = get("webhooks/events?status=failed")["results"]

    assert "it could not be applied" in row["processing_error"]


@pytest.mark.parametrize(
    "line",
    [
        f"[WEBHOOK] Получено событие: CREATE, external_id: {EXTERNAL_ID}",
        f"[SOI WEBHOOK] CREATE - заказ {EXTERNAL_ID} (iiko: {ORDER_ID}), {TOLD_OF_IT}",
    ],
)
def test_line_of_the_log(caplog: pytest.LogCaptureFixture, line: str) -> None:
    make_organization()
    caplog.set_level(logging.INFO)

    post(Client(), create_message())
    drain()

    assert [record.msg["event"] for record in caplog.records if isinstance(record.msg, dict)].count(line) == 1


# --- what is kept of an order ------------------------------------------------------------------------


def test_example_becomes_an_order() -> None:
    make_organization()

    post(Client(), create_message())
    drain()

    order = the_order()
    promised = {
        "organization_id": ORGANIZATION_ID,
        "iiko_order_id": ORDER_ID,
        "external_order_id": EXTERNAL_ID,
        "readable_number": "515",
        "status": "CookingStarted",
        "raw_status": "COOKING_STARTED",
        "creation_status": "OK",
        "error_info": None,
        "order_type": "DELIVERY",
        "restaurant_name": "Ресторан №1",
        "promised_time": "2020-08-31T17:08:31Z",
        "problem": None,
        "amount_minor": 152050,
    }
    assert {name: order[name] for name in promised} == promised
    [event] = get(f"webhooks/events?order_external_id={EXTERNAL_ID}")["results"]
    assert (event["organization_id"], event["status"]) == (ORGANIZATION_ID, "processed")


@pytest.mark.parametrize(("raw", "status"), STATUSES.items())
def test_status_is_normalised(raw: str, status: str) -> None:
    make_organization()

    post(Client(), soi_message(orderStatus=raw))
    drain()

    assert (the_order()["status"], the_order()["raw_status"]) == (status, raw)


def test_problem_courier_and_error_of_an_order_are_kept() -> None:
    make_organization()
    post(
        Client(), [cloud_event(courierInfo=courier(), problem={"hasProblem": True, "description": "Звонит"})]
    )
    drain()

    order = the_order()
    assert (order["courier_id"], order["courier_name"]) == (COURIER_ID, "Орлова Вера")
    assert order["problem"] == "Звонит"


def test_error_of_creation_is_kept() -> None:
    make_organization()
    post(
        Client(), soi_message(kind="CREATE", message={"creationStatus": "Error", "errorInfo": {"code": "X"}})
    )
    drain()

    assert (the_order()["creation_status"], the_order()["error_info"]["code"]) == ("Error", "X")


def test_order_that_comes_again_stays_one() -> None:
    make_organization()
    for _ in range(3):
        post(Client(), create_message())
        drain()
    post(Client(), soi_message(kind="UPDATE", external_id=EXTERNAL_ID, orderStatus="ON_WAY"))
    drain()

    assert Order.objects.count() == 1
    assert the_order()["status"] == "OnWay"


COLUMNS = {
    "orders": (
        *("external_order_id", "readable_number", "promised_time", "courier_id", "courier_name"),
        *("order_type", "restaurant_name", "problem", "creation_status", "error_info"),
    ),
    "webhook_events": ("order_external_id", "organization_id", "processing_error"),
    "webhook_configs": (
        *("id", "organization_id", "webhook_url", "auth_token", "is_active", "last_registration"),
        *("registration_status", "registration_error", "created_at", "updated_at"),
    ),
}


@pytest.mark.parametrize(
    ("table", "column"), [(table, one) for table, all_ in COLUMNS.items() for one in all_]
)
def test_column_is_there(table: str, column: str) -> None:
    with connection.cursor() as cursor:
        found = {one.name for one in connection.introspection.get_table_description(cursor, table)}

    assert column in found


def test_id_of_the_shop_may_have_255_characters() -> None:
    make_organization()

    post(Client(), soi_message(external_id="x" * 255))
    drain()

    assert the_order()["external_order_id"] == "x" * 255


# --- asking iiko to change an order ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stands", "wanted", "operation"),
    [
        ("WaitCooking", "Unconfirmed", "deliveries/cancel_confirmation"),
        ("Unconfirmed", "WaitCooking", "deliveries/confirm"),
        ("CookingCompleted", "Waiting", STATUS),
        ("Waiting", "OnWay", STATUS),
        ("OnWay", "Delivered", STATUS),
        ("WaitCooking", "Cancelled", "deliveries/cancel"),
    ],
)
def test_status_is_asked_of_iiko(acting: Acting, stands: str, wanted: str, operation: str) -> None:
    acting.has(status=stands)
    make_removal()
    acting.iiko.answers(operation, QUEUED)

    acting.step(acting.asked("update-status", {"status": wanted}))

    assert acting.iiko.operations()[-1] == operation


@pytest.mark.parametrize("wanted", KITCHEN)
def test_status_of_the_kitchen_is_refused(acting: Acting, wanted: str) -> None:
    """Refused: iiko has no operation that sets it, the kitchen does."""
    acting.has(status="WaitCooking")

    answer = acting.ask("update-status", {"status": wanted}, headers={"Accept-Language": "en"})

    assert refused(answer) == (409, "set_by_kitchen")
    assert "kitchen" in answer.json()["errors"][0]["detail"]


def test_order_is_closed_once_it_is_paid(acting: Acting) -> None:
    acting.has(status="Delivered", sum=0.0)
    acting.iiko.answers("deliveries/close", QUEUED)

    acting.step(acting.asked("update-status", {"status": "Closed"}))

    assert acting.iiko.operations()[-1] == "deliveries/close"


def test_courier_is_named_and_shown_as_pending_until_iiko_says_so(acting: Acting) -> None:
    make_courier()
    acting.has(status="Waiting")
    acting.iiko.answers(OLD_COURIER, QUEUED)

    command = acting.asked("assign-courier", {"courier_id": COURIER_ID, "courier_name": "Иван Иванов"})
    acting.step(command)

    assert acting.body(OLD_COURIER)["employeeId"] == COURIER_ID
    assert the_order()["courier_id"] is None
    assert [one["kind"] for one in the_order()["pending_commands"]] == ["assign_courier"]
    acting.has(status="Waiting", courierInfo=courier())
    assert the_order()["courier_id"] == COURIER_ID
    assert the_order()["pending_commands"] == []


@pytest.mark.parametrize(("kind", "type_id"), [("Card", CARD_ID), ("Cash", CASH_ID)])
def test_payment_is_changed_by_its_kind(acting: Acting, kind: str, type_id: str) -> None:
    make_payment_type(type_id, kind, kind=kind)
    acting.has(sum=1200.0, status="WaitCooking")
    acting.iiko.answers("deliveries/change_payments", QUEUED)

    acting.step(acting.asked("update-payment", {"payments": [{"paymentTypeKind": kind, "sum": 1200.0}]}))

    [payment] = acting.body("deliveries/change_payments")["payments"]
    assert (payment["paymentTypeKind"], payment["paymentTypeId"], payment["sum"]) == (kind, type_id, 1200)


def test_payment_that_was_taken_elsewhere_is_sent_as_such(acting: Acting) -> None:
    make_payment_type(CARD_ID, "Карта", kind="Card")
    acting.has(sum=1200.0, status="WaitCooking")
    acting.iiko.answers("deliveries/change_payments", QUEUED)
    payment = {"paymentTypeKind": "Card", "sum": 1200.0, "isProcessedExternally": True}

    acting.step(acting.asked("update-payment", {"payments": [payment]}))

    [sent] = acting.body("deliveries/change_payments")["payments"]
    assert sent["isProcessedExternally"] is True


def test_kind_online_is_refused_with_the_kinds_there_are(acting: Acting) -> None:
    """Refused: the vendor has no such kind; money taken online is a Card or External type."""
    acting.has(sum=1200.0, status="WaitCooking")

    answer = acting.ask("update-payment", {"payments": [{"paymentTypeKind": "Online", "sum": 1200.0}]})

    assert refused(answer) == (400, "invalid_choice")
    told = json.dumps(answer.json(), ensure_ascii=False)
    assert all(kind in told for kind in ("Card", "Cash", "External"))


@pytest.mark.parametrize(
    "body", [{"discount_id": DISCOUNT_ID}, {"discount_sum": 150.0}, {"discount_percent": 10.0}]
)
def test_discount_of_an_order_is_refused_with_what_helps(acting: Acting, body: dict[str, Any]) -> None:
    """Refused: iiko has no operation that changes the discount of an order; ``reissue`` does it otherwise."""
    acting.has(status="WaitCooking", items=[product(status="Added", whenPrinted=None)], whenPrinted=None)

    answer = acting.ask("apply-discount", body, headers={"Accept-Language": "en"})

    assert refused(answer) == (409, "discount_not_supported_by_iiko")
    assert "reissue" in answer.json()["errors"][0]["detail"]


def test_order_is_cancelled_with_the_reason_in_words(acting: Acting) -> None:
    acting.has(status="WaitCooking")
    make_removal()
    acting.iiko.answers("deliveries/cancel", QUEUED)

    acting.step(acting.asked("cancel", {"cancel_reason": "Клиент отказался от заказа"}))

    assert acting.body("deliveries/cancel")["cancelComment"] == "Клиент отказался от заказа"


# --- registration ------------------------------------------------------------------------------------


def test_webhook_is_registered_with_all_events(iiko: SimulatedIiko, settings: LazySettings) -> None:
    settings.WEBHOOK_BASE_URL = "https://hub.example.com"
    linked(make_organization())
    now = {
        "correlationId": CORRELATION_ID,
        "apiLoginName": "main",
        "webHooksUri": None,
        "authToken": None,
        "webHooksFilter": None,
    }
    iiko.answers("webhooks/settings", now)
    iiko.answers("webhooks/update_settings", {"correlationId": CORRELATION_ID})

    call_command("register_webhooks", verbosity=0)

    [sent] = iiko.bodies("webhooks/update_settings")
    asked = sent["webHooksFilter"]
    assert sent["webHooksUri"] == "https://hub.example.com/api/v1/webhooks/iiko"
    assert sent["authToken"] == TOKEN
    assert set(asked["deliveryOrderFilter"]["orderStatuses"]) == set(STATUSES.values())
    assert {"Added", "CookingStarted"} <= set(asked["deliveryOrderFilter"]["itemStatuses"])
    assert asked["deliveryOrderFilter"]["errors"] is True
    assert "New" in asked["tableOrderFilter"]["orderStatuses"]
    assert (asked["tableOrderFilter"]["itemStatuses"] != [], asked["tableOrderFilter"]["errors"]) == (
        True,
        True,
    )
    assert asked["stopListUpdateFilter"]["updates"] is True
    assert asked["reserveFilter"]["updates"] is True
    assert asked["personalShiftFilter"]["updates"] is True


@pytest.mark.parametrize(
    ("variables", "is_on"),
    [
        ({}, False),
        ({"WEBHOOK_BASE_URL": "https://hub.example.com"}, True),
        ({"WEBHOOK_BASE_URL": "https://hub.example.com", "WEBHOOK_AUTO_REGISTER": "0"}, False),
    ],
)
def test_start_registers_by_itself_where_the_address_is_known(variables: dict[str, str], is_on: bool) -> None:
    assert read_settings(**variables)["WEBHOOK_AUTO_REGISTER"] is is_on


# --- points of guests --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("topup", played_loyalty.TOPUP),
        ("withdraw", played_loyalty.CHARGEOFF),
        ("hold", played_loyalty.HOLD),
    ],
)
def test_points_are_moved(iiko: SimulatedIiko, client: Client, path: str, operation: str) -> None:
    played_loyalty.loyal_restaurant(iiko)

    answer = played_loyalty.move(client, path, 25.5, comment="Заказ #123")

    assert answer.status_code == 202
    iiko.answers(operation, {"transactionId": CORRELATION_ID} if path == "hold" else {})
    played_loyalty.work()
    [body] = iiko.bodies(operation)
    assert (body["organizationId"], body["walletId"], body["sum"]) == (
        ORGANIZATION_ID,
        played_loyalty.WALLET_ID,
        25.5,
    )
    assert "Заказ #123" in body["comment"]


# --- looking on --------------------------------------------------------------------------------------


def test_history_of_webhooks_is_listed() -> None:
    make_organization()
    post(Client(), [cloud_event(order_id=f"o{at}", order=None) for at in range(3)])

    page = get("webhooks/events?skip=1&limit=1")

    assert (page["count"], len(page["results"])) == (3, 1)
    assert {"event_type", "received_at", "status", "processing_error"} <= page["results"][0].keys()


def test_calls_to_iiko_are_listed_with_their_bodies() -> None:
    ApiCall.objects.create(
        operation="deliveries/cancel",
        url="https://iiko.example/api/1/deliveries/cancel",
        request={"orderId": ORDER_ID},
        response=QUEUED,
        http_status=200,
        duration_ms=42,
        started_at=timezone.now(),
    )

    [row] = get("logs?skip=0&limit=50")["results"]

    assert row["url"].endswith("/api/1/deliveries/cancel")
    assert (row["request"], row["http_status"], row["response"], row["duration_ms"]) == (
        {"orderId": ORDER_ID},
        200,
        QUEUED,
        42,
    )


# --- variables ---------------------------------------------------------------------------------------


def test_variables_of_the_description_are_read() -> None:
    read = read_settings(
        IIKO_API_KEY="key-of-iiko",
        IIKO_API_URL="https://api-ru.iiko.services/api/1",
        WEBHOOK_BASE_URL="https://hub.example.com",
        WEBHOOK_SECRET_KEY="a-secret",
    )

    assert (read["IIKO_API_KEY"], read["IIKO_API_URL"]) == (
        "key-of-iiko",
        "https://api-ru.iiko.services/api/1",
    )
    # The address is taken with the path or without it.
    assert normalise_base_url(read["IIKO_API_URL"]) == "https://api-ru.iiko.services"
    assert (read["WEBHOOK_BASE_URL"], read["WEBHOOK_SECRET_KEY"]) == ("https://hub.example.com", "a-secret")


def test_secret_of_the_environment_opens_the_door(settings: LazySettings) -> None:
    make_organization(token=None)
    settings.WEBHOOK_SECRET_KEY = "a-secret"

    assert post(Client(), [cloud_event()], "a-secret").json() == {"status": "OK"}
