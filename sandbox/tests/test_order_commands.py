from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.catalogue.money import ZERO
from sandbox.orders.command_statuses import KEPT
from sandbox.orders.order import DeliveryStatus, Order, ServiceType
from sandbox.orders.rules import CHANGED_AT_POS
from sandbox.tests.harness import UNKNOWN_ID, Harness, open_harness

COOKING = (DeliveryStatus.COOKING_STARTED, DeliveryStatus.COOKING_COMPLETED)
SUCCESS = {"state": "Success"}


@pytest.fixture
def harness() -> Harness:
    return open_harness(rate=0, speed=20)


def _error(message: str, reason: str | None = None) -> dict[str, object]:
    return {"state": "Error", "exception": {"message": message}, "errorReason": reason}


def _is_unpaid(order: Order) -> bool:
    return order.settled_sum == 0 and sum((each.sum for each in order.payments), ZERO) >= order.sum


def _statuses(harness: Harness, order: Order) -> list[str]:
    return [
        each["eventInfo"]["order"]["status"]
        for each in harness.events_of(order)
        if each["eventInfo"]["order"]
    ]


def _updates(harness: Harness, order: Order) -> list[Any]:
    """Give what the tills of a restaurant told; errors are the cloud's own."""
    here = str(order.organization.id)
    events = [each for each in harness.events() if each["organizationId"] == here]
    return [each for each in events if each["eventType"] != "DeliveryOrderError"]


def test_command_is_announced_by_a_webhook_and_the_kitchen_goes_on(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING)

    assert (
        harness.command("deliveries/update_order_delivery_status", order, deliveryStatus="OnWay") == SUCCESS
    )

    harness.run_until(lambda: harness.now_of(order).is_over)
    harness.run(3)
    statuses = _statuses(harness, order)
    after = statuses[statuses.index("OnWay") :]
    assert after[-1] == "Closed"
    assert not set(after) & {"CookingStarted", "CookingCompleted", "WaitCooking"}


def test_a_chain_of_statuses_ends_closed(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING, is_so=_is_unpaid)
    harness.control("clock", {"speed": 1})

    for status in ("Waiting", "OnWay", "Waiting", "OnWay", "Delivered"):
        given = {
            "organizationId": str(order.organization.id),
            "orderId": str(order.id),
            "deliveryStatus": status,
        }
        harness.get("deliveries/update_order_delivery_status", given)
        harness.run(30)
        assert harness.now_of(order).status == status
    harness.get("deliveries/close", {**given, "deliveryDate": "2026-03-14 19:30:00.000"})
    harness.run(30)

    closed = harness.now_of(order)
    assert (closed.status, closed.settled_sum) == (DeliveryStatus.CLOSED, closed.sum)
    assert closed.stamps.delivered is not None
    assert closed.stamps.delivered.isoformat() == "2026-03-14T14:30:00+00:00"


def test_delivered_comes_only_after_on_the_way(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING)
    before = len(harness.events_of(order))

    status = harness.command("deliveries/update_order_delivery_status", order, deliveryStatus="Delivered")

    assert status == _error(CHANGED_AT_POS, "OrderStatusChangedInIikoFront")
    assert "Delivered" not in _statuses(harness, order)[before:]


def test_waiting_is_not_possible_where_payment_is_on_sending(harness: Harness) -> None:
    order = harness.wait_for_order("Маяк", *COOKING)

    status = harness.command("deliveries/update_order_delivery_status", order, deliveryStatus="Waiting")

    assert status == _error(
        "Method PrepareDeliveryForSending is available only with payment on closing", "WrongDeliveryStatus"
    )


def test_pickup_cannot_be_sent(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING, service=ServiceType.PICKUP)

    status = harness.command("deliveries/update_order_delivery_status", order, deliveryStatus="OnWay")

    assert status == _error("Order is taken away by the guest", "WrongDeliveryStatus")


def test_cooking_statuses_cannot_be_set(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING)
    query = {"organizationId": str(order.organization.id), "orderId": str(order.id)}

    for status in ("CookingStarted", "Closed", None):
        refusal = harness.refusal(
            "deliveries/update_order_delivery_status", {**query, "deliveryStatus": status}
        )
        assert refusal == (400, f"deliveryStatus: {status!r} is not one of Waiting, OnWay, Delivered.", None)


def test_confirmation_goes_and_comes_back(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.UNCONFIRMED)

    assert harness.command("deliveries/confirm", order) == SUCCESS
    assert harness.now_of(order).status is DeliveryStatus.WAIT_COOKING
    assert harness.command("deliveries/cancel_confirmation", order) == SUCCESS
    assert harness.now_of(order).status is DeliveryStatus.UNCONFIRMED
    assert harness.now_of(order).stamps.confirmed is None


def test_cancelled_order_tells_cause_and_comment_and_lives_no_longer(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING)
    dictionaries = order.organization.dictionaries
    reasons = {
        "cancelCauseId": str(dictionaries.cancel_causes[0].id),
        "cancelComment": "Передумал",
        "removalTypeId": str(dictionaries.removal_with_writeoff.id),
    }

    assert harness.command("deliveries/cancel", order) == _error(
        "Removal type is needed to delete printed items"
    )
    assert harness.command("deliveries/cancel", order, **reasons) == SUCCESS

    shown: Any = harness.events_of(order)[-1]["eventInfo"]["order"]
    assert (shown["status"], shown["sum"]) == ("Cancelled", 0)
    assert shown["cancelInfo"]["cause"]["name"] == dictionaries.cancel_causes[0].name
    assert shown["cancelInfo"]["comment"] == "Передумал"
    told_so_far = len(harness.events_of(order))
    harness.run(300)
    assert len(harness.events_of(order)) == told_so_far
    assert harness.command("deliveries/cancel", order) == _error(
        CHANGED_AT_POS, "OrderStatusChangedInIikoFront"
    )


def test_close_needs_the_road_and_the_money(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING)
    assert harness.command("deliveries/close", order) == _error(
        CHANGED_AT_POS, "OrderStatusChangedInIikoFront"
    )

    unpaid = harness.wait_for_order("Берёзка", DeliveryStatus.ON_WAY, is_so=lambda each: not each.payments)
    assert harness.command("deliveries/close", unpaid) == _error(
        f"Payment of order #{unpaid.number} failed. Reason: PaymentSumNotEnough"
    )


def test_courier_is_assigned_and_told(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING)
    courier = order.organization.couriers[-1]

    assert harness.command("deliveries/update_order_courier", order, employeeId=UNKNOWN_ID) == _error(
        f"Courier {UNKNOWN_ID} does not exist", "CourierIdDoesNotExist"
    )
    assert harness.command("deliveries/update_order_courier", order, employeeId=str(courier.id)) == SUCCESS

    shown = harness.events_of(order)[-1]["eventInfo"]["order"]["courierInfo"]
    assert (shown["courier"]["id"], shown["isCourierSelectedManually"]) == (str(courier.id), True)


def test_driver_and_estimate_are_changed_and_taken_off(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING)
    courier = order.organization.couriers[-1]
    change = "deliveries/change_driver_info"

    assert harness.command(change, order, driverId=UNKNOWN_ID) == _error(
        f"Courier {UNKNOWN_ID} does not exist", "CourierIdDoesNotExist"
    )
    estimated = "2026-03-14 21:15:00.000"
    assert harness.command(change, order, driverId=str(courier.id), estimatedTime=estimated) == SUCCESS
    shown = harness.events_of(order)[-1]["eventInfo"]["order"]
    assert (shown["courierInfo"]["courier"]["id"], shown["estimatedTime"]) == (
        str(courier.id),
        estimated,
    )

    assert harness.command(change, order, driverId=None, estimatedTime=estimated) == SUCCESS
    shown = harness.events_of(order)[-1]["eventInfo"]["order"]
    assert (shown["courierInfo"], shown["estimatedTime"]) == (None, estimated)


def test_older_till_does_not_know_the_driver(harness: Harness) -> None:
    order = harness.wait_for_order("Волна", *COOKING)

    assert harness.command("deliveries/change_driver_info", order, driverId=None) == _error(
        "iikoFront version 8.2.7014.0 is too old, 8.6.6 is needed", "IikoFrontTooOldVersion"
    )


def _payment(order: Order, kind: str, total: object, **more: object) -> dict[str, object]:
    dictionaries = order.organization.dictionaries
    types = {"Cash": dictionaries.cash, "Card": dictionaries.card_online}
    return {"paymentTypeKind": kind, "paymentTypeId": str(types[kind].id), "sum": total, **more}


def test_payments_are_replaced_to_the_kopeck(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING, is_so=_is_unpaid)
    outside = {"isProcessedExternally": True, "isFiscalizedExternally": True}
    payments = [_payment(order, "Cash", 19.99), _payment(order, "Card", 1000.01, **outside)]

    assert harness.command("deliveries/change_payments", order, payments=payments) == SUCCESS

    now = harness.now_of(order)
    assert [str(each.sum) for each in now.payments] == ["19.99", "1000.01"]
    assert str(now.settled_sum) == "1000.01"
    shown = harness.events_of(order)[-1]["eventInfo"]["order"]["payments"]
    flags = ("isProcessedExternally", "isFiscalizedExternally")
    assert [[each[name] for name in flags] for each in shown] == [[False, False], [True, True]]
    assert harness.command("deliveries/change_payments", order, payments=payments) == _error(
        "Can not change payments: some are processed already", "EntityAlreadyInUse"
    )


def test_payments_the_till_does_not_take(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING, is_so=_is_unpaid)
    before = order.payments
    refused = [
        (_payment(order, "Cash", 5, paymentTypeId=UNKNOWN_ID), "PaymentTypeNotFound"),
        (_payment(order, "Cash", 0), "PaymentSumShouldBePositive"),
        (_payment(order, "Cash", 5, isProcessedExternally=True), "PaymentTypeCanNotBeUsedAsExternal"),
    ]

    for payment, reason in refused:
        assert harness.command("deliveries/add_payments", order, payments=[payment])["errorReason"] == reason

    assert harness.now_of(order).payments == before


def test_payment_of_no_kind_is_a_bad_request(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING)
    query = {"organizationId": str(order.organization.id), "orderId": str(order.id)}
    payment = _payment(order, "Cash", 5, paymentTypeKind="Online")

    assert harness.refusal("deliveries/change_payments", {**query, "payments": [payment]}) == (
        400,
        "payments[0].paymentTypeKind: 'Online' is not one of Cash, Card, LoyaltyCard, External.",
        None,
    )


def test_old_till_does_not_know_newer_operations(harness: Harness) -> None:
    order = harness.wait_for_order("Волна", *COOKING, is_so=_is_unpaid)

    status = harness.command("deliveries/add_payments", order, payments=[_payment(order, "Cash", 5)])

    assert status == _error(
        "iikoFront version 8.2.7014.0 is too old, 8.4.6 is needed", "IikoFrontTooOldVersion"
    )


def test_what_may_be_said_about_an_order(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.COOKING_STARTED)

    assert harness.command("deliveries/change_comment", order, comment="Домофон 18") == SUCCESS
    assert (
        harness.command("deliveries/update_order_problem", order, hasProblem=True, problem="Нет теста")
        == SUCCESS
    )

    now = harness.now_of(order)
    assert now.comment == "Домофон 18"
    assert now.problem is not None
    assert (now.problem.is_open, now.problem.description) == (True, "Нет теста")
    assert harness.command("deliveries/change_comment", order, comment="я" * 256)["errorReason"] == "Common"


def test_time_is_local_to_the_terminal(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.UNCONFIRMED)

    given = harness.command(
        "deliveries/change_complete_before", order, newCompleteBefore="2026-03-14 21:15:00.000"
    )

    assert given == SUCCESS
    assert harness.now_of(order).complete_before.isoformat() == "2026-03-14T16:15:00+00:00"


@pytest.mark.parametrize(
    ("path", "more", "description"),
    [
        ("update_order_problem", {"hasProblem": True}, "problem: is required, though it may be null."),
        (
            "update_order_problem",
            {"hasProblem": "yes", "problem": None},
            "hasProblem: true or false is expected.",
        ),
        ("change_comment", {}, "comment: a string is expected."),
        ("update_order_courier", {}, "employeeId: None is not a uuid."),
        ("change_driver_info", {"driverId": "Вера"}, "driverId: 'Вера' is not a uuid."),
        (
            "change_driver_info",
            {"estimatedTime": "soon"},
            "estimatedTime: 'soon' is not a date, yyyy-MM-dd HH:mm:ss.fff is expected.",
        ),
        (
            "change_complete_before",
            {"newCompleteBefore": "2026-03-14T21:15:00"},
            "newCompleteBefore: '2026-03-14T21:15:00' is not a date, yyyy-MM-dd HH:mm:ss.fff is expected.",
        ),
        (
            "cancel",
            {"removalComment": "я" * 256},
            "removalComment: a string of 0 to 255 characters is expected.",
        ),
    ],
)
def test_body_that_makes_no_sense_is_refused_at_once(
    harness: Harness, path: str, more: dict[str, object], description: str
) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING)
    query = {"organizationId": str(order.organization.id), "orderId": str(order.id), **more}

    assert harness.refusal(f"deliveries/{path}", query) == (400, description, None)


def test_unknown_order_is_refused_at_once(harness: Harness) -> None:
    query = {"organizationId": str(harness.restaurant("Маяк").id), "orderId": UNKNOWN_ID}

    assert harness.refusal("deliveries/confirm", query) == (400, "Order is not found.", "OrderNotFound")


def test_state_of_a_command_is_forgotten_after_a_while_and_belongs_to_its_restaurant(
    harness: Harness,
) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING)
    query = {"organizationId": str(order.organization.id), "orderId": str(order.id), "comment": "x"}
    correlation_id = harness.get("deliveries/change_comment", query)["correlationId"]
    mine = {"organizationId": query["organizationId"], "correlationId": correlation_id}
    other = {**mine, "organizationId": str(harness.restaurant("Маяк").id)}
    harness.run(2)

    assert harness.get("commands/status", mine) == SUCCESS
    assert harness.ask("commands/status", other).status_code == 410
    harness.clock.instant += KEPT + timedelta(seconds=1)
    assert harness.ask("commands/status", mine).status_code == 410


def test_commands_wait_while_the_till_is_cut_off(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING)
    pos = {"organization_id": str(order.organization.id)}
    harness.control("till", {**pos, "online": False})
    ids = {"organizationId": str(order.organization.id), "orderId": str(order.id)}
    group = {"organizationIds": [ids["organizationId"]], "terminalGroupIds": [str(order.terminal_group.id)]}
    harness.run(3)
    shown = len(_updates(harness, order))
    correlation_id = harness.get("deliveries/change_comment", {**ids, "comment": "x"})["correlationId"]
    query = {"organizationId": ids["organizationId"], "correlationId": correlation_id}

    harness.run(60)
    assert harness.get("commands/status", query) == {"state": "InProgress"}
    assert harness.get("terminal_groups/is_alive", group)["isAliveStatus"][0]["isAlive"] is False
    assert len(_updates(harness, order)) == shown
    harness.control("till", {**pos, "online": True})
    harness.run(2)

    assert harness.get("commands/status", query) == SUCCESS
    assert harness.now_of(order).comment == "x"


def test_what_the_cloud_alone_keeps_changes_at_once(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING)
    ids = {"organizationId": str(order.organization.id), "orderId": str(order.id)}
    data = [{"key": "shop", "value": "7"}, {"key": "utm", "value": "x"}]

    harness.get("deliveries/change_external_data", {**ids, "externalData": data})
    answer = harness.ask("deliveries/update_tracking_link", {**ids, "trackingLink": "https://t.example/1"})

    assert (answer.status_code, answer.get_data()) == (200, b"")
    query = {"organizationId": ids["organizationId"], "orderIds": [ids["orderId"]]}
    plain = harness.get("deliveries/by_id", query)["orders"][0]["order"]
    keyed = harness.get("deliveries/by_id", {**query, "returnExternalDataKeys": ["shop"]})["orders"][0][
        "order"
    ]
    assert (plain["trackingLink"], plain["externalData"]) == ("https://t.example/1", None)
    assert keyed["externalData"] == [{"key": "shop", "value": "7"}]


def test_same_seed_gives_commands_the_same_ids() -> None:
    def ask() -> str:
        harness = open_harness(rate=0, seed=9)
        order = harness.wait_for_order("Берёзка", *COOKING)
        ids = {"organizationId": str(order.organization.id), "orderId": str(order.id)}
        return str(harness.get("deliveries/change_comment", {**ids, "comment": "x"})["correlationId"])

    assert ask() == ask()
