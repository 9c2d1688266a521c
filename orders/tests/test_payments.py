"""Payments: taken outside iiko, the usual type of a kind, and what is refused."""

from typing import Any

import pytest
from django.test import Client

from orders.models.command import OrderCommand
from orders.models.order import Order, TimelineEntry
from organizations.models.organization import Organization
from tests.acting import CARD_ID, CASH_ID, QUEUED, SUCCESS, Acting, make_payment_type, refused, wire_payment
from tests.builders import ORDER_ID, ORGANIZATION_ID, TERMINAL_GROUP_ID
from tests.pages import ORDERS, ORGANIZATIONS, sign_in, sign_in_superuser, text
from tests.simulated_iiko import SimulatedIiko

pytestmark = pytest.mark.django_db

CHANGE = "deliveries/change_payments"
IDS = {"organizationId": ORGANIZATION_ID, "orderId": ORDER_ID}
MIR_ID = "1a2b3c4d-0000-4000-8000-000000000002"
OUTSIDE = {"paymentTypeKind": "Card", "sum": "1651.00", "isProcessedExternally": True}


def paying(payment: dict[str, Any], *more: dict[str, Any]) -> dict[str, Any]:
    return {"payments": [payment, *more]}


def card(**flags: bool) -> dict[str, Any]:
    return wire_payment(CARD_ID, kind="Card") | flags


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    one = Acting(iiko)
    make_payment_type()
    one.has(payments=[])
    return one


@pytest.fixture
def visa(acting: Acting) -> Acting:
    make_payment_type(CARD_ID, "Visa", kind="Card", processing="Both")
    return acting


# --- taken outside -----------------------------------------------------------------------------------


def test_payment_taken_outside_is_sent_so_and_told(visa: Acting) -> None:
    visa.iiko.answers(CHANGE, QUEUED)

    command = visa.asked("update-payment", paying(OUTSIDE | {"isFiscalizedExternally": True}))
    visa.step(command)

    [sent] = visa.body(CHANGE)["payments"]
    assert sent == {
        "paymentTypeKind": "Card",
        "sum": 1651,
        "paymentTypeId": CARD_ID,
        "isProcessedExternally": True,
        "isFiscalizedExternally": True,
    }
    [told] = visa.get(f"commands/{command.pk}")["params"]["payments"]
    assert (told["is_processed_externally"], told["is_fiscalized_externally"]) == (True, True)


@pytest.mark.parametrize("flags", [{}, {"isProcessedExternally": False, "isFiscalizedExternally": False}])
def test_payment_that_says_nothing_is_not_taken_outside(acting: Acting, flags: dict[str, bool]) -> None:
    acting.iiko.answers(CHANGE, QUEUED)

    acting.step(acting.asked("update-payment", paying({"paymentTypeKind": "Cash", "sum": 1651} | flags)))

    [sent] = acting.body(CHANGE)["payments"]
    assert (sent["isProcessedExternally"], sent.get("isFiscalizedExternally")) == (False, None)


@pytest.mark.parametrize("kind", ["CASH", "cash", " Cash "])
def test_kind_is_taken_in_any_spelling(acting: Acting, kind: str) -> None:
    acting.has(payments=[])

    command = acting.asked("update-payment", paying({"paymentTypeKind": kind, "sum": 1651}))

    assert [one["payment_type_id"] for one in command.params["payments"]] == [CASH_ID]


def test_only_a_payment_taken_outside_proves_one(visa: Acting) -> None:
    visa.iiko.answers(CHANGE, QUEUED)
    command = visa.asked("update-payment", paying(OUTSIDE))
    visa.step(command)

    visa.has(payments=[card()])
    command.refresh_from_db()
    assert command.state == "sent"

    visa.has(payments=[card(isProcessedExternally=True)])
    command.refresh_from_db()
    assert (command.state, command.confirmed_by) == ("confirmed", "event")
    [shown] = visa.get(f"orders/{command.order_id}")["payments"]
    assert (shown["sum_minor"], shown["is_processed_externally"]) == (165_100, True)


@pytest.mark.parametrize(("told", "state"), [(False, "sent"), (True, "confirmed"), (None, "confirmed")])
def test_receipt_printed_outside_is_compared_where_the_pos_tells_of_it(
    visa: Acting, told: bool | None, state: str
) -> None:
    visa.iiko.answers(CHANGE, QUEUED)
    command = visa.asked("update-payment", paying(OUTSIDE | {"isFiscalizedExternally": True}))
    visa.step(command)

    visa.has(payments=[card(isProcessedExternally=True) | {"isFiscalizedExternally": told}])

    command.refresh_from_db()
    assert command.state == state


def test_same_payments_but_taken_outside_are_another_command(visa: Acting) -> None:
    visa.has(payments=[card()])
    same = paying({"paymentTypeKind": "Card", "sum": 1651})

    assert refused(visa.ask("update-payment", same)) == (409, "already_so")
    visa.asked("update-payment", paying(OUTSIDE))


def test_payment_taken_outside_counts_as_paid(visa: Acting) -> None:
    """iiko's own sum of what is processed may come later than the payment."""
    visa.has(payments=[card(isProcessedExternally=True)], processedPaymentsSum=0.0, status="OnWay")
    body = paying({"paymentTypeKind": "Cash", "sum": 1651})

    assert refused(visa.ask("update-payment", body)) == (409, "payment_processed")
    assert visa.ask("update-status", {"status": "Closed"}).status_code == 202
    assert visa.iiko.operations() == []


def test_payment_taken_outside_forbids_a_discount(visa: Acting) -> None:
    visa.has(
        payments=[card(isProcessedExternally=True)],
        processedPaymentsSum=0.0,
        status="WaitCooking",
        whenPrinted=None,
        items=[],
    )
    body = {"discount_percent": 10, "reissue": True}

    assert refused(visa.ask("apply-discount", body)) == (409, "payment_processed")


def test_page_says_what_was_taken_outside(visa: Acting, client: Client) -> None:
    order = visa.has(payments=[card(isProcessedExternally=True, isFiscalizedExternally=True)])
    sign_in_superuser(client)
    client.cookies["django_language"] = "en"

    page = text(client.get(f"{ORDERS}{order.pk}/change/"))

    assert "taken outside iiko, receipt printed outside iiko" in page
    assert "(taken outside iiko, receipt printed outside iiko)" in page  # the timeline
    told = TimelineEntry.objects.filter(what="payments").latest("id").to_value
    assert told == [
        {
            "name": "Наличные",
            "kind": "Card",
            "sum_minor": 165_100,
            "is_processed_externally": True,
            "is_fiscalized_externally": True,
        }
    ]


@pytest.mark.parametrize("processing", ["Internal", None])
def test_type_that_iiko_takes_only_itself_is_refused(acting: Acting, processing: str | None) -> None:
    make_payment_type(CARD_ID, "Visa", kind="Card", processing=processing)
    by_id = {"paymentTypeId": CARD_ID, "sum": 1651, "isProcessedExternally": True}

    for asked in (OUTSIDE, by_id):
        response = acting.ask("update-payment", paying(asked))
        assert refused(response) == (422, "payment_type_not_external")
        assert "Visa" in response.json()["errors"][0]["detail"]
    assert acting.iiko.operations() == []


def test_being_taken_outside_tells_types_of_a_kind_apart(visa: Acting) -> None:
    make_payment_type(MIR_ID, "Мир", kind="Card", processing="Internal")

    command = visa.asked("update-payment", paying(OUTSIDE))

    assert command.params["payments"][0]["payment_type_id"] == CARD_ID


# --- the usual type ----------------------------------------------------------------------------------


@pytest.fixture
def cards(acting: Acting) -> Acting:
    make_payment_type(CARD_ID, "Visa", kind="Card")
    make_payment_type(MIR_ID, "Мир", kind="Card")
    return acting


BY_CARD = {"paymentTypeKind": "Card", "sum": 1651}


def test_kind_of_several_types_is_refused_naming_the_setting(cards: Acting) -> None:
    response = cards.ask("update-payment", paying(BY_CARD), headers={"Accept-Language": "en"})

    assert refused(response) == (422, "payment_type_ambiguous")
    assert response.json()["errors"][0]["detail"] == (
        "Several payment types are of the kind Card. Give paymentTypeId, or have the usual one chosen in the "
        f"admin (Organizations, Кафе «Сирень», Usual payment types): Visa = {CARD_ID}; Мир = {MIR_ID}."
    )


def test_usual_type_is_chosen_in_the_admin_and_taken(cards: Acting, client: Client) -> None:
    sign_in_superuser(client)
    page = f"{ORGANIZATIONS}{cards.organization.pk}/change/"
    form = {
        "name": "Кафе «Сирень»",
        "timezone": "Asia/Yekaterinburg",
        "currency": "RUB",
        "is_active": "on",
        "api_login": cards.organization.api_login_id,
        "usual_card_type": MIR_ID,
        "terminal_groups-TOTAL_FORMS": 0,
        "terminal_groups-INITIAL_FORMS": 0,
    }

    shown = client.get(page).content.decode()
    assert client.post(page, form).status_code == 302

    assert 'name="usual_card_type"' in shown
    assert Organization.objects.get().default_payment_types == {"Card": MIR_ID}
    [listed] = cards.get("organizations")["results"]
    assert listed["default_payment_types"] == {"Card": MIR_ID}
    command = cards.asked("update-payment", paying(BY_CARD))
    assert command.params["payments"][0]["payment_type_id"] == MIR_ID


@pytest.mark.parametrize("usual", [CASH_ID, "gone", None])
def test_usual_type_that_does_not_fit_resolves_nothing(cards: Acting, usual: str | None) -> None:
    Organization.objects.update(default_payment_types={"Card": usual, "Cash": CARD_ID})

    assert refused(cards.ask("update-payment", paying(BY_CARD))) == (422, "payment_type_ambiguous")


def test_usual_type_of_another_pos_group_resolves_nothing(cards: Acting) -> None:
    make_payment_type("1a2b3c4d-0000-4000-8000-000000000007", "Бар", kind="Card", groups=["other"])
    Organization.objects.update(default_payment_types={"Card": "1a2b3c4d-0000-4000-8000-000000000007"})

    assert Order.objects.get().terminal_group_id == TERMINAL_GROUP_ID
    assert refused(cards.ask("update-payment", paying(BY_CARD))) == (422, "payment_type_ambiguous")


def test_one_who_may_only_look_sees_the_usual_type(cards: Acting, client: Client) -> None:
    Organization.objects.update(default_payment_types={"Card": MIR_ID})
    sign_in(client, "organizations.view_organization")

    page = client.get(f"{ORGANIZATIONS}{cards.organization.pk}/change/")

    assert page.status_code == 200
    assert "Мир" in text(page)
    assert 'name="usual_card_type"' not in page.content.decode()


# --- loyalty cards -----------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [{"paymentTypeKind": "LoyaltyCard"}, {"paymentTypeId": CARD_ID}])
def test_payment_from_a_loyalty_card_is_refused_with_the_reason(acting: Acting, by: dict[str, str]) -> None:
    make_payment_type(CARD_ID, "Бонусы", kind="IikoCard")

    response = acting.ask("update-payment", paying(by | {"sum": 1651}), headers={"Accept-Language": "en"})

    assert refused(response) == (422, "loyalty_card_needs_guest")
    assert "credential, searchScope" in response.json()["errors"][0]["detail"]
    assert acting.iiko.operations() == []


def test_payment_under_way_is_told_in_its_state(visa: Acting) -> None:
    visa.iiko.answers(CHANGE, QUEUED)
    visa.iiko.answers("commands/status", SUCCESS)
    visa.shows(payments=[card(isProcessedExternally=True)])
    command = visa.asked("update-payment", paying(OUTSIDE))
    visa.step(command)
    visa.step_when_due(command)

    assert OrderCommand.objects.get().state == "confirmed"
