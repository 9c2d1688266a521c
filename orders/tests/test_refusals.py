"""One catalogue of refusals: every entry is raised, every action lists its own, and both languages say it."""

import ast
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation

from iiko_client.endpoints import reissue
from iiko_client.models.statuses import DeliveryStatus
from orders.actions.cancel import CancelOrder
from orders.actions.courier import AssignCourier
from orders.actions.discount.action import ApplyDiscount
from orders.actions.discount.reissue_request import HINDRANCES
from orders.actions.payment import UpdatePayment
from orders.actions.registry import action_of
from orders.actions.rules import Subject
from orders.actions.status import UpdateStatus
from orders.commands.refusals import CATALOGUE, MEANINGS, code_of_entry, refusal
from orders.errors import NotAllowed
from orders.models.command import CommandKind
from orders.models.order import Order
from organizations.models.organization import Organization
from tests.builders import ORDER_ID, ORGANIZATION_ID

LATER = {
    CommandKind.UPDATE_STATUS: {"change_under_way"},
    CommandKind.ASSIGN_COURIER: {"change_under_way"},
    CommandKind.UPDATE_PAYMENT: {"already_so", "change_under_way"},
    CommandKind.CANCEL: set(),
    CommandKind.APPLY_DISCOUNT: {
        "already_so",
        "discount_unsettled",
        "discount_not_rebuildable",
        "discount_total_unknown",
        "payment_not_rebuildable",
        "payments_to_share",
    },
}
"""What is seen after the rules, from other commands and the dictionaries; besides ``already_asked``."""

PAYMENT = {"sum_minor": 1000, "is_preliminary": True}
ORDER: dict[str, Any] = {
    "organization_id": ORGANIZATION_ID,
    "iiko_order_id": ORDER_ID,
    "order_type": "DELIVERY",
    "raw_status": "any",
    "amount_minor": 1000,
    "payments": [PAYMENT],
    "field_precedence": {"payments": "1"},
    "items": [{"kind": "Product"}],
}
CHANGES: list[dict[str, Any]] = [
    {},
    {"raw_status": None, "creation_status": "Error"},
    {"raw_status": None, "creation_status": "InProgress"},
    {"iiko_order_id": None},
    {"iiko_order_id": "ORD-17"},
    {"is_deleted": True},
    {"unknown_to_iiko_at": datetime(2026, 3, 14, tzinfo=UTC)},
    {"order_type": "HALL"},
    {"order_type": "PICKUP"},
    {"external_courier_service_name": "Fast Legs"},
    {"payments": [PAYMENT | {"is_preliminary": False}]},
    {"payments": []},
    {"courier_id": "1"},
    {"items": []},
    {"items": [{"kind": "Compound"}]},
    {"items": [{"kind": "Product", "combo_id": "1"}]},
    {"tips": [{}]},
    {"loyalty": {"coupon": "1"}},
    {"external_data": [{}]},
]
RESTAURANTS: list[dict[str, Any]] = [
    {},
    {"is_active": False},
    {"is_confirmation_enabled": False, "payment_settings": "WhenOrderOnTheWay"},
]


def subjects() -> Iterator[Subject]:
    restaurants = [Organization(iiko_id=ORGANIZATION_ID, **one) for one in RESTAURANTS]
    statuses = [None, *DeliveryStatus]
    for changes, status, restaurant, version in itertools.product(
        CHANGES, statuses, restaurants, ("", "7.0.0")
    ):
        yield Subject(Order(**ORDER | changes, status=status), restaurant, version)


def codes_of_rules(*judges: Callable[[Subject], None]) -> set[str]:
    codes = set()
    for judge, subject in itertools.product(judges, subjects()):
        try:
            judge(subject)
        except NotAllowed as error:
            codes.add(error.code)
    return codes


JUDGES: dict[CommandKind, list[Callable[[Subject], None]]] = {
    CommandKind.UPDATE_STATUS: [
        partial(UpdateStatus().check_status, wanted=status) for status in DeliveryStatus
    ],
    CommandKind.ASSIGN_COURIER: [AssignCourier().check, AssignCourier().check_off],
    CommandKind.UPDATE_PAYMENT: [UpdatePayment().check],
    CommandKind.CANCEL: [CancelOrder().check],
    CommandKind.APPLY_DISCOUNT: [ApplyDiscount().check, ApplyDiscount().check_without_reissue],
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", CommandKind)
def test_action_lists_what_its_rules_refuse_and_nothing_else(kind: CommandKind) -> None:
    """What the dictionaries refuse (422) is compared wherever a test asks (``tests.acting``)."""
    listed = {code_of_entry(key) for key, one in action_of(kind).refusals.items() if one.http_status == 409}

    assert codes_of_rules(*JUDGES[kind]) | LATER[kind] | {"already_asked"} == listed


def keys_given_to(name: str, file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            key = node.args[0]
            choices = (key.body, key.orelse) if isinstance(key, ast.IfExp) else (key,)
            yield from (str(one.value) for one in choices if isinstance(one, ast.Constant))


def test_every_entry_is_raised_and_every_code_that_is_raised_is_an_entry() -> None:
    raised = {code for _field, code in HINDRANCES} | {"unknown_cancel_cause", "unknown_removal_type"}
    raised.update(keys_given_to("_refuse", Path(reissue.__file__)))
    for file in Path(settings.BASE_DIR, "orders").rglob("*.py"):
        if "tests" not in file.parts:
            raised.update(keys_given_to("refusal", file))

    assert raised == set(CATALOGUE)
    assert all(CATALOGUE[key] is one for group in CATALOGUE.maps for key, one in group.items())


@pytest.mark.parametrize("key", CATALOGUE)
def test_refusal_is_said_in_both_languages(key: str) -> None:
    said = {}
    for language in ("en", "ru"):
        with translation.override(language):
            said[language] = refusal(key, **CATALOGUE[key].example).detail

    assert said["en"] != said["ru"]
    assert not [text for text in said.values() if "%(" in text]


def test_every_end_of_a_command_is_explained() -> None:
    assert [code for code, one in MEANINGS.items() if not (str(one.cause) and str(one.next_step))] == []
