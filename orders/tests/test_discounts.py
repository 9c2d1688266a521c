"""Asking for a discount: what is allowed, what the dictionary says to it, what cannot be rebuilt."""

import json
from typing import Any

import pytest
from django.utils import translation

from orders.commands import dispatch
from orders.commands.submission import Requester, abandon
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order
from orders.tests.test_action_api import _no_jobs_left, at_once, named
from orders.tests.test_action_matrix import ALL, PICKUP
from organizations.models.dictionaries import DictionaryEntry
from tests.acting import (
    CARD_ID,
    DISCOUNT_ID,
    Acting,
    make_discount,
    make_payment_type,
    refused,
    told,
    wire_payment,
)
from tests.builders import product
from tests.simulated_iiko import SimulatedIiko

__all__ = ["_no_jobs_left"]
pytestmark = pytest.mark.django_db

OTHER = "4d5e6f70-0000-4000-8000-000000000005"
FRESH: dict[str, Any] = {"status": "WaitCooking", "whenPrinted": None, "items": [product(whenPrinted=None)]}
BY_SUM = {"discount_sum": 100, "reissue": True}
OVER = {"Closed": "order_closed", "Cancelled": "order_cancelled"}


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    """Make a restaurant with one discount of a free sum, and an order that the kitchen does not have."""
    one = Acting(iiko)
    make_discount()
    return one


def outcome(acting: Acting) -> dict[str, Any]:
    shown = acting.get(f"orders/{Order.objects.get().pk}")
    [found] = [one for one in shown["allowed_actions"] if one["action"] == "apply-discount"]
    return dict(found)


# --- when --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [{}, {"orderType": PICKUP}], ids=["courier", "pickup"])
@pytest.mark.parametrize("stands", ALL)
def test_every_status_and_service(acting: Acting, stands: str, kind: dict[str, Any]) -> None:
    acting.has(**FRESH | {"status": stands} | kind)
    is_early = stands in ("Unconfirmed", "WaitCooking")

    shown = outcome(acting)
    plain = acting.ask("apply-discount", {"discount_percent": 10})
    no_reissue = OVER.get(stands, "discount_not_supported_by_iiko")
    assert refused(plain) == (409, no_reissue)
    assert (shown["allowed"], shown["code"]) == (is_early, "needs_reissue" if is_early else no_reissue)

    answer = acting.ask("apply-discount", BY_SUM)
    if is_early:
        assert (answer.status_code, answer.json()["kind"]) == (202, "apply_discount")
    else:
        assert refused(answer) == (409, OVER.get(stands, "kitchen_has_it"))
    assert acting.iiko.operations() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"whenPrinted": "2026-03-14 18:54:40.002"}, "kitchen_has_it"),
        ({"items": [product(whenPrinted="2026-03-14 18:54:40.002")]}, "kitchen_has_it"),
        ({"status": "Teleported"}, "status_unknown"),
        ({"processedPaymentsSum": 0.01}, "payment_processed"),
        ({"payments": [wire_payment() | {"isProcessedExternally": True}]}, "payment_processed"),
        ({"payments": [wire_payment() | {"isPreliminary": False}]}, "payment_processed"),
        ({"payments": [wire_payment() | {"isPrepay": True}]}, "payment_processed"),
        ({"payments": [wire_payment(amount=1000), wire_payment(amount=651)]}, "payments_to_share"),
        ({"payments": [wire_payment(CARD_ID, kind="External")]}, "payment_not_rebuildable"),
        ({"payments": [wire_payment(OTHER)]}, "payment_not_rebuildable"),
        ({"tips": [wire_payment(amount=50) | {"tipsType": None}]}, "has_tips"),
        ({"loyaltyInfo": {"coupon": "SPRING"}}, "has_loyalty"),
        ({"externalData": [{"key": "a", "value": "b"}]}, "has_external_data"),
        ({"externalCourierService": {"id": OTHER, "name": None}}, "has_external_courier"),
        ({"externalCourierService": {"id": None, "name": "Такси"}}, "has_external_courier"),
        ({"items": []}, "no_items"),
        (
            {
                "items": [
                    product(
                        whenPrinted=None,
                        comboInformation={"comboId": OTHER, "comboSourceId": OTHER, "groupId": OTHER},
                    )
                ]
            },
            "has_combo",
        ),
        ({"items": [product(whenPrinted=None, type="Compound")]}, "has_compound_item"),
    ],
)
def test_what_would_be_lost_is_refused_before_anything_is_stored(
    acting: Acting, changes: dict[str, Any], code: str
) -> None:
    make_payment_type()
    make_payment_type(CARD_ID, "Кошелёк", kind="External")
    acting.has(**FRESH | changes)

    assert refused(acting.ask("apply-discount", BY_SUM)) == (409, code)
    assert acting.iiko.operations() == []


def test_empty_loyalty_and_deleted_items_stand_in_no_way(acting: Acting) -> None:
    removal = {"id": OTHER, "comment": None, "removalType": {"id": OTHER, "name": "Без списания"}}
    gone = product(type="Compound", deleted={"deletionMethod": removal})
    loyalty: dict[str, Any] = {"coupon": None, "appliedManualConditions": None, "dynamicDiscounts": []}
    acting.has(**FRESH | {"items": [product(whenPrinted=None), gone], "loyaltyInfo": loyalty})

    assert acting.ask("apply-discount", BY_SUM).status_code == 202


def test_order_deleted_at_the_pos_meanwhile_is_not_made_again(acting: Acting) -> None:
    acting.has(**FRESH)
    command = acting.asked("apply-discount", BY_SUM)
    acting.shows(**FRESH | {"isDeleted": True})

    acting.step(command)

    assert (command.state, command.error_code) == ("rejected", "order_deleted")
    assert "deliveries/create" not in acting.iiko.operations()


def test_courier_service_with_the_empty_guid_stands_in_no_way(acting: Acting) -> None:
    nobody = {"id": "00000000-0000-0000-0000-000000000000", "name": None}
    acting.has(**FRESH | {"externalCourierService": nobody})

    assert acting.ask("apply-discount", BY_SUM).status_code == 202


def test_old_pos_is_not_asked(iiko: SimulatedIiko) -> None:
    acting = Acting(iiko, pos_version="7.5.3")
    make_discount()
    acting.has(**FRESH)

    assert refused(acting.ask("apply-discount", BY_SUM)) == (409, "till_too_old")


def test_reason_says_whether_it_can_be_reissued(acting: Acting) -> None:
    acting.has(**FRESH)
    with translation.override("en"):
        early = acting.ask("apply-discount", {}, headers={"Accept-Language": "en"}).json()["errors"][0][
            "detail"
        ]
        acting.has(status="Waiting")
        late = acting.ask("apply-discount", {}, headers={"Accept-Language": "en"}).json()["errors"][0][
            "detail"
        ]

    assert "reissue: true" in early
    assert "reissue: true" not in late
    assert "on the POS" in late


# --- how much ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "sum_minor"),
    [
        ('{"discount_sum": 19.99, "reissue": true}', 1999),
        ('{"discount_sum": "19.99", "reissue": true}', 1999),
        ('{"discount_sum": 1651, "reissue": true}', 165100),
        ('{"discount_percent": 10, "reissue": true}', 16510),
        ('{"discount_percent": "12.5", "reissue": true}', None),
        ('{"discount_percent": 100, "reissue": true}', 165100),
        ('{"discount_percent": 0.5, "reissue": true}', None),
    ],
)
def test_sums_are_exact_or_refused(acting: Acting, body: str, sum_minor: int | None) -> None:
    acting.has(**FRESH)

    answer = acting.ask("apply-discount", body)

    if sum_minor is None:
        assert refused(answer) == (422, "discount_percent_not_exact")
        assert "discount_sum" in answer.json()["errors"][0]["detail"]
    else:
        assert answer.json()["params"]["sum_minor"] == sum_minor


def test_percentage_is_of_the_dishes_before_discounts(acting: Acting) -> None:
    make_discount(OTHER, "Гостю", mode="Percent", percent="10")
    delivery = {"type": "Service", "service": {"id": OTHER, "name": "Доставка"}, "cost": 151.0}
    service = {
        key: value
        for key, value in product(whenPrinted=None).items()
        if key in ("status", "deleted", "amount", "comment", "whenPrinted", "size", "comboInformation")
    } | delivery
    given = {"discountType": {"id": OTHER, "name": "Гостю"}, "sum": 500.0}
    acting.has(**FRESH | {"items": [product(whenPrinted=None), service], "discounts": [given]})

    params = acting.ask("apply-discount", {"discount_percent": 10, "reissue": True}).json()["params"]

    assert (params["base_minor"], params["sum_minor"]) == (165100 + 50000 - 15100, 20000)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "discount_missing"),
        ({"discount_sum": 1, "discount_percent": 1}, "discount_ambiguous"),
        ({"discount_sum": 1651.01}, "discount_too_large"),
        ({"discount_id": "4d5e6f70-0000-4000-8000-0000000000ff"}, "unknown_discount"),
        ({"discount_id": DISCOUNT_ID}, "discount_sum_needed"),
        ({"discount_id": "percent", "discount_sum": 1}, "discount_takes_no_sum"),
        ({"discount_id": "percent", "discount_percent": 10}, "discount_takes_no_sum"),
        ({"discount_id": "auto"}, "discount_not_manual"),
        ({"discount_id": "feast"}, "order_below_minimum"),
    ],
)
def test_what_does_not_fit_the_dictionary(acting: Acting, body: dict[str, Any], code: str) -> None:
    make_discount("percent", "10 %", mode="Percent", percent="10")
    make_discount("auto", "Счастливые часы", mode="Percent", percent="5", is_manual=False)
    make_discount("feast", "Банкет", mode="FixedSum", sum_minor=10000, min_order_sum_minor=165101)
    acting.has(**FRESH)

    assert refused(acting.ask("apply-discount", body | {"reissue": True})) == (422, code)


def test_other_discounts_leave_less_to_take(acting: Acting) -> None:
    make_discount(OTHER, "Гостю", mode="FixedSum", sum_minor=10000)
    given = {"discountType": {"id": OTHER, "name": "Гостю"}, "sum": 100.0}
    acting.has(**FRESH | {"discounts": [given]})

    assert refused(acting.ask("apply-discount", BY_SUM | {"discount_sum": 1651.01})) == (
        422,
        "discount_too_large",
    )
    assert acting.ask("apply-discount", BY_SUM | {"discount_sum": 1651}).status_code == 202


def test_type_must_be_clear(acting: Acting) -> None:
    acting.has(**FRESH)
    make_discount(OTHER, "Извинение")
    assert refused(acting.ask("apply-discount", BY_SUM)) == (422, "discount_type_ambiguous")

    DictionaryEntry.objects.all().delete()
    assert refused(acting.ask("apply-discount", BY_SUM)) == (422, "no_discount_takes_a_sum")


@pytest.mark.parametrize(
    "text",
    ['"1,5"', "1.005", "0", "-1", "true", "[]", '"NaN"'],
)
@pytest.mark.parametrize("name", ["discount_sum", "discount_percent"])
def test_amount_that_is_none_is_400(acting: Acting, name: str, text: str) -> None:
    acting.has(**FRESH)

    answer = acting.ask("apply-discount", f'{{"{name}": {text}, "reissue": true}}')

    assert refused(answer)[0] == 400


def test_discount_that_the_order_has(acting: Acting) -> None:
    given = {"discountType": {"id": DISCOUNT_ID, "name": "Скидка"}, "sum": 100.0}
    acting.has(**FRESH | {"discounts": [given]})

    assert refused(acting.ask("apply-discount", BY_SUM)) == (409, "already_so")
    assert acting.ask("apply-discount", BY_SUM | {"discount_sum": 150}).status_code == 202


# --- once --------------------------------------------------------------------------------------------


def test_second_discount_waits_for_the_end_of_the_first(acting: Acting) -> None:
    acting.has(**FRESH)
    acting.asked("apply-discount", BY_SUM)

    assert told(acting.ask("apply-discount", BY_SUM)) == (409, "already_asked")
    assert told(acting.ask("apply-discount", BY_SUM | {"discount_sum": 1})) == (409, "already_asked")
    assert OrderCommand.objects.count() == 1


def test_order_that_is_being_made_gets_no_other_discount(acting: Acting) -> None:
    first = acting.has(**FRESH)
    command = acting.asked("apply-discount", BY_SUM)
    OrderCommand.objects.filter(pk=command.pk).update(new_order_id=OTHER)
    acting.has(**FRESH | {"order_id": OTHER, "number": 143})
    # ``ask`` asks for the order of ORDER_ID: let that be the new one.
    Order.objects.filter(pk=first.pk).update(iiko_order_id="4d5e6f70-0000-4000-8000-0000000000aa")
    Order.objects.filter(iiko_order_id=OTHER).update(iiko_order_id=first.iiko_order_id)
    OrderCommand.objects.filter(pk=command.pk).update(new_order_id=first.iiko_order_id)

    assert told(acting.ask("apply-discount", BY_SUM)) == (409, "already_asked")


@pytest.mark.usefixtures("_no_jobs_left")
@pytest.mark.django_db(transaction=True)
def test_fifty_requests_with_one_key_make_one_command(acting: Acting) -> None:
    acting.has(**FRESH)

    answers = at_once(50, lambda _: acting.ask("apply-discount", BY_SUM, headers=named("k-1")))

    command = OrderCommand.objects.get()
    assert {(one.status_code, one.json()["id"]) for one in answers} == {(202, command.pk)}


@pytest.mark.usefixtures("_no_jobs_left")
@pytest.mark.django_db(transaction=True)
def test_two_operators_at_once_make_one_command(acting: Acting) -> None:
    acting.has(**FRESH)

    answers = at_once(2, lambda n: acting.ask("apply-discount", BY_SUM | {"discount_sum": 100 + n}))

    assert sorted(one.status_code for one in answers) == [202, 409]
    assert OrderCommand.objects.count() == 1


def test_other_commands_wait_meanwhile(acting: Acting) -> None:
    acting.has(**FRESH)
    acting.asked("apply-discount", BY_SUM)
    cancel = acting.asked("cancel", {"cancel_reason": "x"})

    acting.step(cancel)

    assert cancel.state == CommandState.PENDING
    assert acting.iiko.operations() == []


# --- what is told ------------------------------------------------------------------------------------


def test_command_tells_its_step_and_the_new_order(acting: Acting) -> None:
    acting.has(**FRESH)
    command = acting.asked("apply-discount", BY_SUM)

    told_now = acting.get(f"commands/{command.pk}")

    assert (told_now["kind"], told_now["phase"], told_now["new_iiko_order_id"]) == (
        CommandKind.APPLY_DISCOUNT,
        "read",
        "",
    )
    assert "state_data" not in told_now
    assert json.dumps(told_now["params"])


def test_giving_up_says_what_was_done_by_then(acting: Acting) -> None:
    acting.has(**FRESH)
    command = acting.asked("apply-discount", BY_SUM)
    abandon(command_id=command.pk, by=Requester("Оля", "user:1"), now=acting.clock.now)

    command.refresh_from_db()
    assert (command.state, command.error_code) == ("expired", "given_up_unsent")
    assert dispatch.advance(command.pk, clock=acting.clock) is None
