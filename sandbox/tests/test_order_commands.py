from datetime import timedelta
from typing import Any

import pytest

from sandbox.catalogue.money import ZERO
from sandbox.orders.order import DeliveryStatus, Order, ServiceType
from sandbox.orders.pos import CHANGED_AT_POS, KEPT
from sandbox.tests.harness import UNKNOWN_ID, Harness, ids_of, open_harness

COOKING = (DeliveryStatus.COOKING_STARTED, DeliveryStatus.COOKING_COMPLETED)
SUCCESS = {"state": "Success"}
SET_STATUS = "update_order_delivery_status"


def _error(message: str, reason: str | None = None) -> dict[str, object]:
    return {"state": "Error", "exception": {"message": message}, "errorReason": reason}


CHANGED = _error(CHANGED_AT_POS, "OrderStatusChangedInIikoFront")


def _is_unpaid(order: Order) -> bool:
    return order.settled_sum == 0 and sum((each.sum for each in order.payments), ZERO) >= order.sum


@pytest.fixture
def cooking(harness: Harness) -> Order:
    return harness.wait_for_order("Берёзка", *COOKING)


def _statuses(harness: Harness, order: Order) -> list[str]:
    orders = [each["eventInfo"]["order"] for each in harness.events_of(order)]
    return [each["status"] for each in orders if each]


def test_command_is_announced_by_a_webhook_and_the_order_goes_on(harness: Harness, cooking: Order) -> None:
    assert harness.command(SET_STATUS, cooking, deliveryStatus="OnWay") == SUCCESS

    harness.run_until(lambda: harness.now_of(cooking).is_over)
    harness.run(3)
    statuses = _statuses(harness, cooking)
    after = statuses[statuses.index("OnWay") :]
    assert after[-1] == "Closed"
    assert not set(after) & {"CookingStarted", "CookingCompleted", "WaitCooking"}


def test_a_chain_of_statuses_ends_closed(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING, is_so=_is_unpaid)
    harness.control("clock", {"speed": 1})

    for status in ("Waiting", "OnWay", "Waiting", "OnWay", "Delivered"):
        harness.submit(SET_STATUS, order, deliveryStatus=status)
        harness.run(30)
        assert harness.now_of(order).status == status
    harness.submit("close", order, deliveryDate="2026-03-14 19:30:00.000")
    harness.run(30)

    closed = harness.now_of(order)
    assert (closed.status, closed.settled_sum) == (DeliveryStatus.CLOSED, closed.sum)
    assert closed.stamps.delivered is not None
    assert closed.stamps.delivered.isoformat() == "2026-03-14T14:30:00+00:00"


def test_delivered_comes_only_after_on_the_way(harness: Harness, cooking: Order) -> None:
    before = len(harness.events_of(cooking))

    assert harness.command(SET_STATUS, cooking, deliveryStatus="Delivered") == CHANGED

    assert "Delivered" not in _statuses(harness, cooking)[before:]


@pytest.mark.parametrize(
    ("restaurant", "service", "status", "message"),
    [
        (
            *("Маяк", ServiceType.COURIER, "Waiting"),
            "Method PrepareDeliveryForSending is available only with payment on closing",
        ),
        ("Берёзка", ServiceType.PICKUP, "OnWay", "Order is taken away by the guest"),
    ],
    ids=["payment on sending", "pickup"],
)
def test_status_that_does_not_fit(
    harness: Harness, restaurant: str, service: ServiceType, status: str, message: str
) -> None:
    order = harness.wait_for_order(restaurant, *COOKING, service=service)

    result = harness.command(SET_STATUS, order, deliveryStatus=status)

    assert result == _error(message, "WrongDeliveryStatus")


def test_confirmation_goes_and_comes_back(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.UNCONFIRMED)

    assert harness.command("confirm", order) == SUCCESS
    assert harness.now_of(order).status is DeliveryStatus.WAIT_COOKING
    assert harness.command("cancel_confirmation", order) == SUCCESS
    assert harness.now_of(order).status is DeliveryStatus.UNCONFIRMED
    assert harness.now_of(order).stamps.confirmed is None


def test_cancelled_order_has_cause_and_comment_and_ends(harness: Harness, cooking: Order) -> None:
    dictionaries = cooking.organization.dictionaries
    reasons = {
        "cancelCauseId": str(dictionaries.cancel_causes[0].id),
        "cancelComment": "Передумал",
        "removalTypeId": str(dictionaries.removal_with_writeoff.id),
    }

    no_removal = _error("Removal type is needed to delete printed items")
    assert harness.command("cancel", cooking) == no_removal
    assert harness.command("cancel", cooking, **reasons) == SUCCESS

    sent, count = harness.last_sent(cooking), len(harness.events_of(cooking))
    assert (sent["status"], sent["sum"]) == ("Cancelled", 0)
    assert sent["cancelInfo"]["cause"]["name"] == dictionaries.cancel_causes[0].name
    assert sent["cancelInfo"]["comment"] == "Передумал"
    harness.run(300)
    assert len(harness.events_of(cooking)) == count
    assert harness.command("cancel", cooking) == CHANGED


def test_close_needs_the_road_and_the_money(harness: Harness, cooking: Order) -> None:
    assert harness.command("close", cooking) == CHANGED

    unpaid = harness.wait_for_order("Берёзка", DeliveryStatus.ON_WAY, is_so=lambda each: not each.payments)
    not_enough = _error(f"Payment of order #{unpaid.number} failed. Reason: PaymentSumNotEnough")
    assert harness.command("close", unpaid) == not_enough


def test_courier_is_assigned_and_sent(harness: Harness, cooking: Order) -> None:
    courier = cooking.organization.couriers[-1]

    unknown = _error(f"Courier {UNKNOWN_ID} does not exist", "CourierIdDoesNotExist")
    assert harness.command("update_order_courier", cooking, employeeId=UNKNOWN_ID) == unknown
    assert harness.command("update_order_courier", cooking, employeeId=str(courier.id)) == SUCCESS

    sent = harness.last_sent(cooking)["courierInfo"]
    assert (sent["courier"]["id"], sent["isCourierSelectedManually"]) == (str(courier.id), True)


def test_driver_and_estimate_are_changed_and_taken_off(harness: Harness, cooking: Order) -> None:
    courier, change = cooking.organization.couriers[-1], "change_driver_info"
    estimated = "2026-03-14 21:15:00.000"

    unknown = _error(f"Courier {UNKNOWN_ID} does not exist", "CourierIdDoesNotExist")
    assert harness.command(change, cooking, driverId=UNKNOWN_ID) == unknown
    assert harness.command(change, cooking, driverId=str(courier.id), estimatedTime=estimated) == SUCCESS
    sent = harness.last_sent(cooking)
    assert (sent["courierInfo"]["courier"]["id"], sent["estimatedTime"]) == (str(courier.id), estimated)

    assert harness.command(change, cooking, driverId=None, estimatedTime=estimated) == SUCCESS
    sent = harness.last_sent(cooking)
    assert (sent["courierInfo"], sent["estimatedTime"]) == (None, estimated)


def _payment(order: Order, kind: str, total: object, **more: object) -> dict[str, object]:
    dictionaries = order.organization.dictionaries
    types = {"Cash": dictionaries.cash, "Card": dictionaries.card_online}
    return {"paymentTypeKind": kind, "paymentTypeId": str(types[kind].id), "sum": total, **more}


def test_payments_are_replaced_to_the_kopeck(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING, is_so=_is_unpaid)
    outside = {"isProcessedExternally": True, "isFiscalizedExternally": True}
    payments = [_payment(order, "Cash", 19.99), _payment(order, "Card", 1000.01, **outside)]

    assert harness.command("change_payments", order, payments=payments) == SUCCESS

    now = harness.now_of(order)
    assert [str(each.sum) for each in now.payments] == ["19.99", "1000.01"]
    assert str(now.settled_sum) == "1000.01"
    sent = harness.last_sent(order)["payments"]
    assert [[each[name] for name in outside] for each in sent] == [[False, False], [True, True]]
    processed = _error("Can not change payments: some are processed already", "EntityAlreadyInUse")
    assert harness.command("change_payments", order, payments=payments) == processed


def test_payments_the_pos_does_not_take(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", *COOKING, is_so=_is_unpaid)
    refused = [
        (_payment(order, "Cash", 5, paymentTypeId=UNKNOWN_ID), "PaymentTypeNotFound"),
        (_payment(order, "Cash", 0), "PaymentSumShouldBePositive"),
        (_payment(order, "Cash", 5, isProcessedExternally=True), "PaymentTypeCanNotBeUsedAsExternal"),
    ]

    for payment, reason in refused:
        assert harness.command("add_payments", order, payments=[payment])["errorReason"] == reason

    assert harness.now_of(order).payments == order.payments


@pytest.mark.parametrize(
    ("path", "more", "needed"),
    [("change_driver_info", {"driverId": None}, "8.6.6"), ("add_payments", {"payments": []}, "8.4.6")],
)
def test_old_pos_does_not_know_newer_operations(
    harness: Harness, path: str, more: dict[str, object], needed: str
) -> None:
    order = harness.wait_for_order("Волна", *COOKING)

    assert harness.command(path, order, **more) == _error(
        f"iikoFront version 8.2.7014.0 is too old, {needed} is needed", "IikoFrontTooOldVersion"
    )


def test_comment_and_problem_are_kept(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.COOKING_STARTED)

    assert harness.command("change_comment", order, comment="Домофон 18") == SUCCESS
    assert harness.command("update_order_problem", order, hasProblem=True, problem="Нет теста") == SUCCESS

    now = harness.now_of(order)
    assert (now.comment, now.open_problem) == ("Домофон 18", "Нет теста")
    assert harness.command("change_comment", order, comment="я" * 256)["errorReason"] == "Common"


def test_time_is_local_to_the_terminal(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.UNCONFIRMED)

    due = "2026-03-14 21:15:00.000"
    assert harness.command("change_complete_before", order, newCompleteBefore=due) == SUCCESS

    assert harness.now_of(order).complete_before.isoformat() == "2026-03-14T16:15:00+00:00"


NO_KIND = {"paymentTypeKind": "Online", "paymentTypeId": UNKNOWN_ID, "sum": 5}
STATUSES = "Waiting, OnWay, Delivered"


@pytest.mark.parametrize(
    ("path", "more", "description"),
    [
        ("update_order_problem", {"hasProblem": True}, "problem: is required, though it may be null."),
        (
            *("update_order_problem", {"hasProblem": "yes", "problem": None}),
            "hasProblem: true or false is expected.",
        ),
        ("change_comment", {}, "comment: a string is expected."),
        ("update_order_courier", {}, "employeeId: None is not a uuid."),
        ("change_driver_info", {"driverId": "Вера"}, "driverId: 'Вера' is not a uuid."),
        (
            *("change_driver_info", {"estimatedTime": "soon"}),
            "estimatedTime: 'soon' is not a date, yyyy-MM-dd HH:mm:ss.fff is expected.",
        ),
        (
            *("change_complete_before", {"newCompleteBefore": "2026-03-14T21:15:00"}),
            "newCompleteBefore: '2026-03-14T21:15:00' is not a date, yyyy-MM-dd HH:mm:ss.fff is expected.",
        ),
        (
            *("cancel", {"removalComment": "я" * 256}),
            "removalComment: a string of 0 to 255 characters is expected.",
        ),
        (SET_STATUS, {"deliveryStatus": None}, f"deliveryStatus: None is not one of {STATUSES}."),
        (SET_STATUS, {"deliveryStatus": "Closed"}, f"deliveryStatus: 'Closed' is not one of {STATUSES}."),
        (
            *(SET_STATUS, {"deliveryStatus": "CookingStarted"}),
            f"deliveryStatus: 'CookingStarted' is not one of {STATUSES}.",
        ),
        (
            *("change_payments", {"payments": [NO_KIND]}),
            "payments[0].paymentTypeKind: 'Online' is not one of Cash, Card, LoyaltyCard, External.",
        ),
    ],
)
def test_body_that_makes_no_sense_is_refused_at_once(
    harness: Harness, path: str, more: dict[str, object], description: str
) -> None:
    order = harness.create_order("Берёзка")

    assert harness.refusal(f"deliveries/{path}", {**ids_of(order), **more}) == (400, description, None)


def test_unknown_order_is_refused_at_once(harness: Harness) -> None:
    query = {"organizationId": harness.id_of("Маяк"), "orderId": UNKNOWN_ID}

    assert harness.refusal("deliveries/confirm", query) == (400, "Order is not found.", "OrderNotFound")


def test_status_of_a_command_is_forgotten_after_a_while_and_belongs_to_its_restaurant(
    harness: Harness, cooking: Order
) -> None:
    query = {
        "organizationId": harness.id_of("Берёзка"),
        "correlationId": harness.submit("change_comment", cooking, comment="x"),
    }
    harness.run(2)

    assert harness.get("commands/status", query) == SUCCESS
    other = {**query, "organizationId": harness.id_of("Маяк")}
    assert harness.ask("commands/status", other).status_code == 410
    harness.clock.instant += KEPT + timedelta(seconds=1)
    assert harness.ask("commands/status", query).status_code == 410


def _updates(harness: Harness) -> list[Any]:
    """Give what the POS of a restaurant sent; errors are the cloud's own."""
    here = harness.id_of("Берёзка")
    events = [each for each in harness.events() if each["organizationId"] == here]
    return [each for each in events if each["eventType"] != "DeliveryOrderError"]


def test_commands_wait_while_the_pos_is_offline(harness: Harness, cooking: Order) -> None:
    restaurant = {"organization_id": harness.id_of("Берёзка")}
    harness.control("till", {**restaurant, "online": False})
    group = {"terminalGroupIds": [str(cooking.terminal_group.id)], **harness.all_ids()}
    harness.run(3)
    sent = len(_updates(harness))
    correlation_id = harness.submit("change_comment", cooking, comment="x")

    harness.run(60)
    assert harness.status(cooking, correlation_id) == {"state": "InProgress"}
    assert harness.get("terminal_groups/is_alive", group)["isAliveStatus"][0]["isAlive"] is False
    assert len(_updates(harness)) == sent
    harness.control("till", {**restaurant, "online": True})
    harness.run(2)

    assert harness.status(cooking, correlation_id) == SUCCESS
    assert harness.now_of(cooking).comment == "x"


def test_what_the_cloud_alone_keeps_changes_at_once(harness: Harness, cooking: Order) -> None:
    ids = ids_of(cooking)
    data = [{"key": "shop", "value": "7"}, {"key": "utm", "value": "x"}]

    harness.get("deliveries/change_external_data", {**ids, "externalData": data})
    answer = harness.ask("deliveries/update_tracking_link", {**ids, "trackingLink": "https://t.example/1"})

    assert (answer.status_code, answer.get_data()) == (200, b"")
    [plain] = harness.retrieved(cooking.id)
    [keyed] = harness.retrieved(cooking.id, returnExternalDataKeys=["shop"])
    assert plain["order"]["trackingLink"] == "https://t.example/1"
    assert plain["order"]["externalData"] is None
    assert keyed["order"]["externalData"] == [{"key": "shop", "value": "7"}]


def test_same_seed_gives_commands_the_same_ids() -> None:
    def ask() -> str:
        harness = open_harness(rate=0, seed=9)
        return harness.submit("change_comment", harness.wait_for_order("Берёзка", *COOKING), comment="x")

    assert ask() == ask()
