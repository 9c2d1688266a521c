"""Every status, kind of service and setting: what is asked of iiko, and what is refused before that."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.models.organization import TerminalGroup
from tests.acting import (
    CARD_ID,
    CASH_ID,
    CAUSE_ID,
    IN_PROGRESS,
    QUEUED,
    REMOVAL_ID,
    STATUS,
    Acting,
    make_cause,
    make_courier,
    make_payment_type,
    make_removal_type,
    refused,
    wire_payment,
)
from tests.builders import (
    COURIER_ID,
    ORDER_ID,
    ORGANIZATION_ID,
    TERMINAL_GROUP_ID,
    courier,
    drain,
    make_terminal_group,
    post,
    product,
    soi_message,
)
from tests.simulated_iiko import SimulatedIiko

pytestmark = pytest.mark.django_db

IDS = {"organizationId": ORGANIZATION_ID, "orderId": ORDER_ID}
PAID = [wire_payment()]
BY_COURIER = {
    "id": "76067ea3-356f-eb93-9d14-1fa00d082c4e",
    "name": "",
    "orderServiceType": "DeliveryByCourier",
}
PICKUP = BY_COURIER | {"orderServiceType": "DeliveryByClient"}
HALL = BY_COURIER | {"orderServiceType": "Common"}

ALL = (
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
)
KITCHEN = ALL[2:5]


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    return Acting(iiko)


# --- what is sent ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stands", "wanted", "operation", "more"),
    [
        ("WaitCooking", "Unconfirmed", "deliveries/cancel_confirmation", {}),
        ("Unconfirmed", "WaitCooking", "deliveries/confirm", {}),
        ("CookingCompleted", "Waiting", STATUS, {"deliveryStatus": "Waiting"}),
        ("Waiting", "OnWay", STATUS, {"deliveryStatus": "OnWay"}),
        ("OnWay", "Delivered", STATUS, {"deliveryStatus": "Delivered"}),
        ("Delivered", "OnWay", STATUS, {"deliveryStatus": "OnWay"}),
        ("Delivered", "Closed", "deliveries/close", {}),
    ],
)
def test_each_status_goes_to_the_operation_that_sets_it(
    acting: Acting, stands: str, wanted: str, operation: str, more: dict[str, Any]
) -> None:
    acting.has(status=stands, payments=PAID)
    acting.iiko.answers(operation, QUEUED)

    command = acting.asked("update-status", {"status": wanted})
    acting.step(command)

    assert acting.sent() == [operation]
    assert acting.body(operation) == IDS | more
    assert (command.state, command.correlation_id) == ("sent", QUEUED["correlationId"])
    assert Order.objects.get().status == stands


def test_time_of_delivery_goes_out_on_the_pos_clock(acting: Acting) -> None:
    acting.has(status="OnWay")
    acting.iiko.answers(STATUS, QUEUED)

    acting.step(
        acting.asked("update-status", {"status": "Delivered", "delivered_at": "2026-03-14T14:31:00+00:00"})
    )

    assert acting.body(STATUS)["deliveryDate"] == "2026-03-14 19:31:00.000"


def test_pos_groups_clock_counts_before_the_restaurants(acting: Acting) -> None:
    make_terminal_group(acting.organization, timezone="Asia/Vladivostok")
    acting.has(status="Delivered", payments=PAID)
    acting.iiko.answers("deliveries/close", QUEUED)

    acting.step(acting.asked("update-status", {"status": "CLOSED", "delivered_at": "2026-03-14T14:31:00Z"}))

    assert acting.body("deliveries/close") == IDS | {"deliveryDate": "2026-03-15 00:31:00.000"}


def test_courier_is_sent_by_id_and_named_by_the_dictionary(acting: Acting) -> None:
    make_courier()
    acting.has(status="Waiting")
    acting.iiko.answers("deliveries/update_order_courier", QUEUED)

    command = acting.asked("assign-courier", {"courier_id": COURIER_ID.upper(), "courier_name": "кто-то"})
    acting.step(command)

    assert acting.body("deliveries/update_order_courier") == IDS | {"employeeId": COURIER_ID}
    assert command.params == {"courier_id": COURIER_ID, "courier_name": "Орлова Вера"}


@pytest.mark.parametrize("amount", ["19.99", '"19.99"', "1.999e1"])
def test_sums_are_exact_to_the_kopeck(acting: Acting, amount: str) -> None:
    make_payment_type()
    acting.has(sum=19.99)
    acting.iiko.answers("deliveries/change_payments", QUEUED)

    response = acting.ask(
        "update-payment", f'{{"payments": [{{"paymentTypeKind": "Cash", "sum": {amount}}}]}}'
    )
    command = OrderCommand.objects.get(pk=response.json()["id"])
    acting.step(command)

    assert command.params["payments"][0]["sum_minor"] == 1999
    acting.body("deliveries/change_payments")
    assert '"sum":19.99' in acting.iiko.texts("deliveries/change_payments")[0]


def test_any_type_of_the_kind_fits_an_order_whose_pos_group_nobody_told(acting: Acting) -> None:
    make_payment_type(CARD_ID, "Visa", kind="Card", groups=[TERMINAL_GROUP_ID])
    acting.has()
    Order.objects.update(terminal_group_id=None)  # as SOI leaves it

    command = acting.asked("update-payment", {"payments": [{"paymentTypeKind": "Card", "sum": 1651}]})

    assert command.params["payments"][0]["payment_type_id"] == CARD_ID


def test_payment_kinds_are_made_types_of_the_orders_pos(acting: Acting) -> None:
    make_payment_type()
    make_payment_type(CARD_ID, "Visa", kind="Card", groups=[TERMINAL_GROUP_ID])
    make_payment_type("1a2b3c4d-0000-4000-8000-000000000009", "Visa (бар)", kind="Card", groups=["other"])
    acting.has()
    acting.iiko.answers("deliveries/change_payments", QUEUED)

    acting.step(
        acting.asked(
            "update-payment",
            {
                "payments": [
                    {"paymentTypeKind": "Card", "sum": 1000},
                    {"paymentTypeId": CASH_ID.upper(), "sum": "651.00"},
                ]
            },
        )
    )

    assert acting.body("deliveries/change_payments") == IDS | {
        "payments": [
            {
                "paymentTypeKind": "Card",
                "sum": 1000,
                "paymentTypeId": CARD_ID,
                "isProcessedExternally": False,
            },
            {"paymentTypeKind": "Cash", "sum": 651, "paymentTypeId": CASH_ID, "isProcessedExternally": False},
        ]
    }


def test_reason_becomes_comment_and_the_cause_of_that_name(acting: Acting) -> None:
    make_cause()
    acting.has(status="WaitCooking", whenPrinted=None, items=[product(whenPrinted=None)])
    acting.iiko.answers("deliveries/cancel", QUEUED)

    acting.step(acting.asked("cancel", {"cancel_reason": " отказ ГОСТЯ "}))

    assert acting.body("deliveries/cancel") == IDS | {
        "cancelCauseId": CAUSE_ID,
        "cancelComment": "отказ ГОСТЯ",
    }


def test_status_cancelled_is_a_cancellation(acting: Acting) -> None:
    make_removal_type()
    acting.has(status="Waiting")
    acting.iiko.answers("deliveries/cancel", QUEUED)

    command = acting.asked("update-status", {"status": "Cancelled"})
    acting.step(command)

    assert command.kind == "cancel"
    assert acting.body("deliveries/cancel") == IDS | {"removalTypeId": REMOVAL_ID}


def test_older_pos_is_not_sent_what_it_does_not_know(iiko: SimulatedIiko) -> None:
    acting = Acting(iiko, pos_version="7.7.0")
    make_cause()
    make_removal_type()
    acting.has(status="Waiting")
    iiko.answers("deliveries/cancel", QUEUED)

    acting.step(acting.asked("cancel", {"cancel_reason": "Отказ гостя"}))

    assert acting.body("deliveries/cancel") == IDS


# --- what is refused ---------------------------------------------------------------------------------


def outcomes(acting: Acting) -> dict[str, str]:
    """Of each action the code of the refusal, empty where it is allowed."""
    order = acting.get(f"orders/{Order.objects.get().pk}")
    return {one["status"] or one["action"]: one["code"] for one in order["allowed_actions"]}


def matrix(stands: str) -> dict[str, str]:
    """Return what the vendor's rules say of a paid order by courier, payment on closing."""
    if stands in ("Closed", "Cancelled"):
        over = "order_closed" if stands == "Closed" else "order_cancelled"
        return dict.fromkeys((*ALL[:-1], *OTHERS), over)
    early = stands == "Unconfirmed"
    sent = stands in ("OnWay", "Delivered")
    found = {
        "Unconfirmed": "" if stands == "WaitCooking" else "being_cooked",
        "WaitCooking": "" if early else "already_confirmed",
        **dict.fromkeys(KITCHEN, "set_by_kitchen"),
        "Waiting": "not_confirmed" if early else "",
        "OnWay": "not_confirmed" if early else "",
        "Delivered": "not_confirmed" if early else "" if sent else "not_on_the_way",
        "Closed": "not_confirmed" if early else "" if sent else "not_on_the_way",
        "assign-courier": "",
        "update-payment": "",
        "cancel": "",
        "apply-discount": "discount_not_supported_by_iiko",
    }
    return found | {stands: "already_so"}


OTHERS = ("assign-courier", "update-payment", "cancel", "apply-discount")


@pytest.mark.parametrize("stands", ALL)
def test_matrix_of_an_order_by_courier(acting: Acting, stands: str) -> None:
    acting.has(status=stands, payments=PAID)

    found = outcomes(acting)

    assert found == matrix(stands)
    for wanted in (wanted for wanted in ALL[:-1] if found[wanted]):
        assert refused(acting.ask("update-status", {"status": wanted})) == (409, found[wanted])
    assert refused(acting.ask("apply-discount", {"discount_percent": 10})) == (409, found["apply-discount"])
    assert acting.iiko.operations() == []


@pytest.mark.parametrize("stands", ALL[1:8])
def test_matrix_of_a_pickup_order(acting: Acting, stands: str) -> None:
    acting.has(status=stands, payments=PAID, orderType=PICKUP, courierInfo=None)

    found = outcomes(acting)

    by_courier = dict.fromkeys(("OnWay", "Delivered", "assign-courier"), "pickup_order")
    assert found == matrix(stands) | by_courier | {"Closed": ""} | {stands: "already_so"}
    make_courier()
    assert refused(acting.ask("assign-courier", {"courier_id": COURIER_ID})) == (409, "pickup_order")


@pytest.mark.parametrize(
    ("changes", "restaurant", "action", "code"),
    [
        (
            {"status": "CookingCompleted"},
            {"payment_settings": "WhenOrderOnTheWay"},
            "Waiting",
            "paid_on_the_way",
        ),
        ({"status": "WaitCooking"}, {"is_confirmation_enabled": False}, "Unconfirmed", "confirmation_off"),
        ({"status": "OnWay", "payments": []}, {}, "Closed", "not_paid"),
        ({"status": "OnWay", "payments": [wire_payment(amount=1650.99)]}, {}, "Closed", "not_paid"),
        ({"orderType": HALL}, {}, "cancel", "not_a_delivery"),
        ({"processedPaymentsSum": 0.01}, {}, "update-payment", "payment_processed"),
        ({}, {"pos_version": "7.5.3"}, "cancel", "till_too_old"),
        ({}, {"pos_version": "7.1.4"}, "assign-courier", "till_too_old"),
        ({}, {"pos_version": "7.6.2.6016"}, "update-payment", "till_too_old"),
        ({"status": "OnWay", "payments": PAID}, {"pos_version": "8.0.5"}, "Closed", "till_too_old"),
        ({"status": "Unconfirmed"}, {"pos_version": "7.6.0"}, "WaitCooking", "till_too_old"),
        ({"creation_status": "Error", "order": None}, {}, "cancel", "not_taken_by_till"),
        ({"creation_status": "InProgress", "order": None}, {}, "cancel", "not_taken_yet"),
    ],
)
def test_conditions_are_checked_before_anything_is_stored(
    iiko: SimulatedIiko, changes: dict[str, Any], restaurant: dict[str, Any], action: str, code: str
) -> None:
    acting = Acting(iiko, **restaurant)
    make_courier()
    make_payment_type()
    acting.has(**changes)
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "cancel": ("cancel", {}),
        "assign-courier": ("assign-courier", {"courier_id": COURIER_ID}),
        "update-payment": ("update-payment", {"payments": [{"paymentTypeKind": "Cash", "sum": 1651}]}),
    }

    name, body = bodies.get(action, ("update-status", {"status": action}))

    assert outcomes(acting)[action] == code
    assert refused(acting.ask(name, body)) == (409, code)
    assert iiko.operations() == []


@pytest.mark.parametrize("version", ["", "unknown", "9.1"])
def test_version_that_nobody_knows_forbids_nothing(iiko: SimulatedIiko, version: str) -> None:
    acting = Acting(iiko, pos_version=version)
    acting.has(status="OnWay", payments=PAID)

    assert outcomes(acting)["Closed"] == ""


def test_pos_own_version_counts_before_the_restaurants(iiko: SimulatedIiko) -> None:
    acting = Acting(iiko, pos_version="8.9.1")
    TerminalGroup.objects.create(
        organization=acting.organization, iiko_id=TERMINAL_GROUP_ID, name="Бар", pos_version="7.0.0"
    )
    acting.has()

    assert outcomes(acting)["cancel"] == "till_too_old"


def test_unknown_status_is_left_to_the_pos(acting: Acting) -> None:
    acting.has(status="Teleported", payments=PAID)

    found = outcomes(acting)

    assert {name for name, code in found.items() if code} == {*KITCHEN, "apply-discount"}


def test_unconfirmed_order_can_be_confirmed_whatever_the_settings_say(iiko: SimulatedIiko) -> None:
    acting = Acting(iiko, is_confirmation_enabled=False)
    acting.has(status="Unconfirmed")

    assert outcomes(acting)["WaitCooking"] == ""


def test_order_refused_by_soi_does_not_wait_for_an_id_that_never_comes(acting: Acting) -> None:
    body = soi_message(kind="CREATE", order_id=None, orderStatus=None, message={"creationStatus": "ERROR"})
    assert post(Client(), body).status_code == 200
    drain()
    order = Order.objects.get()

    response = Client().post(
        f"/api/v1/orders/{order.pk}/cancel",
        data="{}",
        content_type="application/json",
        headers={"Authorization": f"Api-Key {acting.key}"},
    )

    assert refused(response) == (409, "not_taken_by_till")


def test_order_known_by_soi_alone_waits_for_iikos_id(acting: Acting) -> None:
    assert post(Client(), soi_message(order_id=None)).status_code == 200
    drain()
    order = Order.objects.get()

    response = Client().post(
        f"/api/v1/orders/{order.pk}/cancel",
        data="{}",
        content_type="application/json",
        headers={"Authorization": f"Api-Key {acting.key}"},
    )

    assert refused(response) == (409, "not_in_iiko")


def test_soi_order_with_iikos_id_is_acted_upon_though_its_payments_are_not_known(acting: Acting) -> None:
    assert post(Client(), soi_message(orderStatus="ON_WAY")).status_code == 200
    drain()

    assert outcomes(acting)["Closed"] == ""


def test_id_that_is_none_of_the_clouds_is_refused(acting: Acting) -> None:
    assert post(Client(), soi_message(order_id="ORD-17")).status_code == 200
    drain()

    assert set(outcomes(acting).values()) == {"not_an_iiko_id"}


@pytest.mark.parametrize(
    ("restaurant", "code"), [({"is_active": False}, "restaurant_off"), ({"api_login": None}, "no_api_login")]
)
def test_what_could_never_be_sent_is_refused_at_once(
    acting: Acting, restaurant: dict[str, Any], code: str
) -> None:
    acting.has()
    type(acting.organization).objects.update(**restaurant)

    assert refused(acting.ask("update-status", {"status": "OnWay"})) == (409, code)
    if code == "restaurant_off":
        assert set(outcomes(acting).values()) == {code}


# --- what does not fit the dictionaries --------------------------------------------------------------


def test_courier_must_be_one_of_the_restaurant(acting: Acting) -> None:
    make_courier(is_deleted=True)
    other = "7d8e9fa0-b1c2-4d3e-8f40-516273849511"
    acting.has()

    assert refused(acting.ask("assign-courier", {"courier_id": other})) == (422, "unknown_courier")
    assert refused(acting.ask("assign-courier", {"courier_id": COURIER_ID})) == (422, "courier_deleted")


def test_courier_who_has_the_order_is_not_assigned_again(acting: Acting) -> None:
    make_courier()
    acting.has(courierInfo=courier())

    assert refused(acting.ask("assign-courier", {"courier_id": COURIER_ID})) == (409, "already_so")


@pytest.mark.parametrize(
    ("payments", "code"),
    [
        ([{"paymentTypeKind": "Card", "sum": 1651}], "payment_type_ambiguous"),
        ([{"paymentTypeKind": "External", "sum": 1651}], "no_such_payment_type"),
        ([{"paymentTypeKind": "Cash", "sum": "1650.99"}], "sum_too_small"),
        ([{"paymentTypeId": ORDER_ID, "sum": 1651}], "unknown_payment_type"),
        ([{"paymentTypeId": CASH_ID, "paymentTypeKind": "Card", "sum": 1651}], "payment_type_of_other_kind"),
        ([{"paymentTypeId": REMOVAL_ID, "sum": 1651}], "payment_type_not_settable"),
    ],
)
def test_payments_that_do_not_fit(acting: Acting, payments: list[dict[str, Any]], code: str) -> None:
    make_payment_type()
    make_payment_type(CARD_ID, "Visa", kind="Card")
    make_payment_type(CAUSE_ID, "Мир", kind="Card")
    make_payment_type(REMOVAL_ID, "Списание", kind="Writeoff")
    acting.has()

    response = acting.ask("update-payment", {"payments": payments})

    assert refused(response) == (422, code)
    if code in ("payment_type_ambiguous", "no_such_payment_type"):
        detail = response.json()["errors"][0]["detail"]
        assert f"Visa = {CARD_ID}; Мир = {CAUSE_ID}" in detail


def test_restaurant_of_no_payment_types_is_told_to_read_them(acting: Acting) -> None:
    acting.has()

    answer = acting.ask(
        "update-payment",
        {"payments": [{"paymentTypeKind": "Card", "sum": 1651}]},
        headers={"Accept-Language": "en"},
    )

    assert refused(answer) == (422, "no_such_payment_type")
    assert "Read the dictionaries" in answer.json()["errors"][0]["detail"]


def test_same_payments_are_not_sent_again(acting: Acting) -> None:
    make_payment_type()
    acting.has(payments=PAID)

    response = acting.ask("update-payment", {"payments": [{"paymentTypeKind": "Cash", "sum": 1651}]})

    assert refused(response) == (409, "already_so")


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        '{"payments": []}',
        '{"payments": [{"sum": 1}]}',
        '{"payments": [{"paymentTypeKind": "Online", "sum": 1}]}',
        '{"payments": [{"paymentTypeKind": "Cash", "sum": 19.999}]}',
        '{"payments": [{"paymentTypeKind": "Cash", "sum": 0}]}',
        '{"payments": [{"paymentTypeKind": "Cash", "sum": -5}]}',
        '{"payments": [{"paymentTypeKind": "Cash", "sum": true}]}',
        '{"payments": [{"paymentTypeKind": "Cash", "sum": NaN}]}',
        '{"payments": [{"paymentTypeKind": "Cash", "sum": 10000000000.01}]}',
        '{"payments": [{"paymentTypeKind": "Cash"}]}',
    ],
)
def test_body_that_cannot_be_understood_is_400(acting: Acting, body: str) -> None:
    make_payment_type()
    acting.has()

    response = acting.ask("update-payment", body)

    assert response.status_code == 400
    assert OrderCommand.objects.count() == 0


def test_cancellation_that_needs_more(acting: Acting) -> None:
    acting.has(status="CookingStarted")
    assert refused(acting.ask("cancel", {})) == (422, "removal_type_needed")
    assert refused(acting.ask("cancel", {"cancel_cause_id": CAUSE_ID})) == (422, "unknown_cancel_cause")
    assert refused(acting.ask("cancel", {"removal_type_id": CAUSE_ID})) == (422, "unknown_removal_type")

    make_removal_type(is_reason_required=True)

    assert refused(acting.ask("cancel", {})) == (422, "reason_needed")
    assert acting.ask("cancel", {"cancel_reason": "х" * 256}).status_code == 400


def test_candidates_are_named_where_a_removal_type_must_be_chosen(acting: Acting) -> None:
    for number, name in enumerate(("Брак", "Ошибка")):
        make_removal_type(f"3c4d5e6f-0000-4000-8000-00000000001{number}", name)
    acting.has(status="CookingStarted")

    response = acting.ask("cancel", {"cancel_reason": "Долго"})

    assert refused(response) == (422, "removal_type_needed")
    detail = response.json()["errors"][0]["detail"]
    assert "Брак (" in detail
    assert ") = 3c4d5e6f-0000-4000-8000-000000000010; Ошибка (" in detail


def test_time_of_delivery_goes_with_delivered_and_closed_only(acting: Acting) -> None:
    acting.has(status="Waiting")
    body = {"status": "OnWay", "delivered_at": "2026-03-14T14:31:00Z"}

    assert refused(acting.ask("update-status", body)) == (422, "delivered_at_unfit")


def test_reason_is_told_in_the_callers_language(acting: Acting) -> None:
    acting.has(status="Closed")

    response = acting.ask("cancel", {}, headers={"Accept-Language": "en"})

    assert response.json()["errors"][0]["detail"] == (
        "The order is closed; iiko changes closed orders only on the POS."
    )


# --- what is on its way ------------------------------------------------------------------------------


def test_order_shows_what_is_on_its_way_and_stays_as_iiko_told_it(acting: Acting) -> None:
    order = acting.has(status="Waiting")
    acting.iiko.answers(STATUS, QUEUED)
    acting.iiko.answers("commands/status", IN_PROGRESS)
    command = acting.asked("update-status", {"status": "OnWay"})

    (row,) = acting.get("orders")["results"]
    acting.step(command)
    shown = acting.get(f"orders/{order.pk}")

    assert [(one["id"], one["state"]) for one in row["pending_commands"]] == [(command.pk, "pending")]
    assert [(one["kind"], one["state"], one["params"]["status"]) for one in shown["pending_commands"]] == [
        ("update_status", "sent", "OnWay")
    ]
    assert (shown["status"], shown["courier_id"], shown["payments"]) == ("Waiting", None, [])
    assert command.order_snapshot["status"] == "Waiting"


def test_same_command_is_not_asked_twice_and_its_opposite_waits(acting: Acting) -> None:
    acting.has(status="Waiting")
    acting.asked("update-status", {"status": "OnWay"})

    again = acting.ask("update-status", {"status": "OnWay"})
    back = acting.ask("update-status", {"status": "Waiting"})

    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "already_asked")
    assert (back.status_code, back.json()["errors"][0]["code"]) == (409, "change_under_way")
    assert OrderCommand.objects.count() == 1


def test_command_is_stored_with_its_asker_and_a_job_to_carry_it(acting: Acting) -> None:

    acting.has(status="Waiting")

    command = acting.asked("update-status", {"status": "OnWay"})

    assert (command.requested_by, command.user) == ("API: shop", None)
    jobs = ProcrastinateJob.objects.filter(task_name="orders.advance_command")
    assert [(job.args, job.scheduled_at) for job in jobs] == [({"command_id": command.pk}, None)]
    assert command.next_attempt_at is None
    assert acting.clock.now - command.created_at < timedelta(minutes=1)
