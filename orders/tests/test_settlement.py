"""What is paid and what remains to be collected: one truth in page and API, each fact once."""

from typing import Any

import pytest
from django.test import Client

from orders.models.order import Order
from tests.acting import wire_payment
from tests.builders import authorized, cloud_event, drain, make_key, make_organization, post, soi_message
from tests.pages import ORDERS, sign_in_superuser, text

pytestmark = pytest.mark.django_db

OUTSIDE = {"isProcessedExternally": True}
PREPAID = {"isProcessedExternally": True, "isPrepay": True}
POSTED = {"isPreliminary": False}


@pytest.fixture(autouse=True)
def _restaurant() -> None:
    make_organization()


def payments_card(client: Client) -> str:
    sign_in_superuser(client)
    page = text(client.get(f"{ORDERS}{Order.objects.get().pk}/change/", headers={"Accept-Language": "en"}))
    return page[page.index(" Payments ") : page.index(" Times ")].strip()


def sums_of_api() -> tuple[int | None, int | None]:
    url = f"/api/v1/orders/{Order.objects.get().pk}"
    told = Client().get(url, headers=authorized(make_key())).json()
    return told["paid_minor"], told["due_minor"]


def arrive(**order: Any) -> None:
    post(Client(), cloud_event(**order))
    drain()


CASES: dict[str, tuple[dict[str, Any], str, tuple[int | None, int | None]]] = {
    "unpaid, nothing put down": (
        {"payments": [], "processedPaymentsSum": 0},
        "Payments No payment is put down. To collect 479.70 ₽, nothing is paid yet.",
        (0, 47970),
    ),
    "promised": (
        {"payments": [wire_payment(amount=479.7)], "processedPaymentsSum": 0},
        "Payments Наличные cash, to be paid 479.70 ₽ To collect 479.70 ₽, nothing is paid yet.",
        (0, 47970),
    ),
    "promised in part": (
        {"payments": [wire_payment(amount=400)], "processedPaymentsSum": 0},
        (
            "Payments Наличные cash, to be paid 400.00 ₽ To collect 479.70 ₽, nothing is paid yet. "
            "No payment is put down for 79.70 ₽."
        ),
        (0, 47970),
    ),
    "prepaid and preliminary": (
        {"payments": [wire_payment(amount=479.7) | PREPAID], "processedPaymentsSum": 479.7},
        "Payments Наличные cash, prepaid 479.70 ₽ Nothing to collect, paid 479.70 ₽.",
        (47970, 0),
    ),
    "paid in part outside": (
        {
            "payments": [wire_payment(amount=300) | OUTSIDE, wire_payment(amount=179.7)],
            "processedPaymentsSum": 300,
        },
        (
            "Payments Наличные cash, paid outside iiko 300.00 ₽ Наличные cash, to be paid 179.70 ₽ "
            "To collect 179.70 ₽, paid 300.00 ₽."
        ),
        (30000, 17970),
    ),
    "all of it processed, though called preliminary": (
        {"payments": [wire_payment(amount=479.7)], "processedPaymentsSum": 479.7},
        "Payments Наличные cash, paid 479.70 ₽ Nothing to collect, paid 479.70 ₽.",
        (47970, 0),
    ),
    "POS that names no total": (
        {"payments": [wire_payment(amount=479.7) | POSTED], "processedPaymentsSum": None},
        "Payments Наличные cash, paid 479.70 ₽ Nothing to collect, paid 479.70 ₽.",
        (47970, 0),
    ),
    "taken outside and not processed yet": (
        {"payments": [wire_payment(amount=479.7) | OUTSIDE], "processedPaymentsSum": 0},
        (
            "Payments Наличные cash, paid outside iiko 479.70 ₽ "
            "Nothing to collect, paid 479.70 ₽, of which the POS has not processed 479.70 ₽ yet."
        ),
        (47970, 0),
    ),
    "processed in part": (
        {
            "payments": [wire_payment(amount=200) | PREPAID, wire_payment(amount=100) | OUTSIDE],
            "processedPaymentsSum": 200,
        },
        (
            "Payments Наличные cash, prepaid 200.00 ₽ Наличные cash, paid outside iiko 100.00 ₽ "
            "To collect 179.70 ₽, paid 300.00 ₽, of which the POS has not processed 100.00 ₽ yet. "
            "No payment is put down for 179.70 ₽."
        ),
        (30000, 17970),
    ),
    "overpaid": (
        {"payments": [wire_payment(amount=500) | PREPAID], "processedPaymentsSum": 500},
        "Payments Наличные cash, prepaid 500.00 ₽ Overpaid by 20.30 ₽, paid 500.00 ₽.",
        (50000, 0),
    ),
    "cancelled": (
        {"status": "Cancelled", "sum": 0, "payments": [], "processedPaymentsSum": 0},
        "Payments No payments, tips or discounts.",
        (0, 0),
    ),
    "cancelled and not paid back": (
        {"status": "Cancelled", "sum": 0, "payments": [], "processedPaymentsSum": 479.7},
        (
            "Payments No payment is put down. Overpaid by 479.70 ₽, paid 479.70 ₽. "
            "iiko contradicts itself: by the payments 0.00 ₽ was taken, by its own total 479.70 ₽."
        ),
        (47970, 0),
    ),
    "closed with too little": (
        {
            "status": "Closed",
            "whenClosed": "2026-03-14 19:40:00.000",
            "payments": [wire_payment(amount=400) | POSTED],
            "processedPaymentsSum": 400,
        },
        "Payments Наличные cash, paid 400.00 ₽ 79.70 ₽ is missing, paid 400.00 ₽.",
        (40000, 7970),
    ),
}


@pytest.mark.parametrize(("order", "card", "sums"), CASES.values(), ids=CASES)
def test_each_fact_of_the_money_is_shown_once(
    client: Client, order: dict[str, Any], card: str, sums: tuple[int | None, int | None]
) -> None:
    arrive(**{"sum": 479.7, "discounts": [], "tips": []} | order)

    assert payments_card(client) == card
    assert sums_of_api() == sums


def test_what_iiko_never_told_is_not_known(client: Client) -> None:
    post(Client(), soi_message())
    drain()

    assert payments_card(client) == "Payments iiko has reported no payments yet."
    assert sums_of_api() == (None, None)
