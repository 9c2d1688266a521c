"""The loyalty in the admin: who may move money, how it is asked for, and what is shown of people."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from loyalty.models import (
    BalanceDifference,
    Customer,
    LoyaltyOperation,
    OperationKind,
    OperationState,
    Wallet,
)
from loyalty.tasks import read_guest
from loyalty.tests.played_loyalty import (
    BY_DATE,
    CHARGEOFF,
    HOLD,
    INFO,
    NOT_FOUND,
    PHONE,
    TOPUP,
    guest,
    loyal_restaurant,
    move,
    newest,
    page,
    work,
)
from loyalty.wallets.customers import Way, find_customer
from orders.models.order import Order
from tests.builders import (
    ORGANIZATION_ID,
    cloud_event,
    drain,
    make_organization,
    make_other_organization,
    post,
)
from tests.pages import markup, rows, sign_in, sign_in_superuser, text
from tests.simulated_iiko import SimulatedIiko, refusal

pytestmark = pytest.mark.django_db

GUESTS = "/admin/loyalty/customer/"
OPERATIONS = "/admin/loyalty/loyaltyoperation/"
DIFFERENCES = "/admin/loyalty/balancedifference/"
VIEW = ("loyalty.view_customer", "loyalty.view_loyaltyoperation")


def known_guest(iiko: SimulatedIiko, balance: str = "100.00") -> Wallet:
    organization = loyal_restaurant(iiko, balance)
    now = timezone.now()
    find_customer(organization=organization, way=Way.PHONE, value=PHONE, requested_by="test", now=now)
    return Wallet.objects.get()


def page_of(wallet: Wallet, verb: str) -> str:
    return reverse("admin:loyalty_customer_move", args=[wallet.customer_id, wallet.pk, verb])


def hidden(response: Any) -> dict[str, str]:
    """Return the hidden fields of a page."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', markup(response))
    return {name: value for name, value in found if name != "csrfmiddlewaretoken"}


def fill(client: Client, url: str, **fields: str) -> Any:
    """Open a form, fill it in and send it."""
    return client.post(url, hidden(client.get(url)) | fields)


# --- finding -----------------------------------------------------------------------------------------


def test_guest_is_found_in_iiko_and_shown(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko, "1651.07")
    sign_in(client, *VIEW, "loyalty.view_personal_data")

    answer = client.post(
        f"{GUESTS}find/", {"organization": ORGANIZATION_ID, "way": "phone", "value": PHONE}, follow=True
    )

    said = text(answer)
    assert "Мария Лунина" in said
    assert "1651,07 ₽" in said or "1 651,07 ₽" in said
    assert PHONE in said


def test_guest_is_found_by_id_alone_without_the_right(client: Client, iiko: SimulatedIiko) -> None:
    wallet = known_guest(iiko)
    sign_in(client, *VIEW)

    by_phone = client.post(
        f"{GUESTS}find/", {"organization": ORGANIZATION_ID, "way": "phone", "value": PHONE}, follow=True
    )
    page = text(client.get(f"{GUESTS}{wallet.customer_id}/change/"))

    assert by_phone.redirect_chain == [("/admin/loyalty/customer/", 302)]
    assert "+7•••11" in page
    assert not any(one in page for one in ("Мария", "Лунина", PHONE))


def test_guest_that_iiko_does_not_know_is_said_so(client: Client, iiko: SimulatedIiko) -> None:
    loyal_restaurant(iiko)
    iiko.forget(INFO)
    iiko.answers(INFO, NOT_FOUND, status=400)
    sign_in(client, *VIEW, "loyalty.view_personal_data")

    client.post(f"{GUESTS}find/", {"organization": ORGANIZATION_ID, "way": "phone", "value": PHONE})

    assert not Customer.objects.exists()


def test_phones_are_shown_with_the_permission_alone(client: Client, iiko: SimulatedIiko) -> None:
    wallet = known_guest(iiko)
    sign_in(client, *VIEW, "loyalty.view_personal_data")

    assert PHONE in text(client.get(f"{GUESTS}{wallet.customer_id}/change/"))
    assert PHONE in rows(client.get(f"{GUESTS}?q=89030000011"))[0]


def test_balances_are_read_again_on_demand(client: Client, iiko: SimulatedIiko) -> None:
    wallet = known_guest(iiko)
    iiko.forget(INFO)
    iiko.answers(INFO, guest("77.00"))
    sign_in(client, *VIEW)

    client.post(f"{GUESTS}{wallet.customer_id}/read/")

    wallet.refresh_from_db()
    assert wallet.balance_minor == 7700


# --- moving ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "permission", "operation"),
    [
        ("topup", "loyalty.topup_wallet", TOPUP),
        ("withdraw", "loyalty.withdraw_wallet", CHARGEOFF),
        ("hold", "loyalty.hold_wallet", HOLD),
    ],
)
def test_money_moves_after_a_confirmation(
    client: Client, iiko: SimulatedIiko, verb: str, permission: str, operation: str
) -> None:
    wallet = known_guest(iiko)
    sign_in(client, *VIEW, permission)

    question = fill(client, page_of(wallet, verb), amount="25,50", reason="Извинения")
    assert not LoyaltyOperation.objects.exists()
    confirmed = client.post(page_of(wallet, verb), hidden(question))
    again = client.post(page_of(wallet, verb), hidden(question))  # the button pressed twice

    assert "25,50 ₽" in text(question)
    assert (confirmed.status_code, again.status_code) == (302, 302)
    asked = LoyaltyOperation.objects.get()
    assert (asked.kind, asked.amount_minor, asked.comment) == (verb, 2550, "Извинения")
    assert (asked.requested_by, asked.state) == ("operator", OperationState.PENDING)
    assert iiko.bodies(operation) == []


@pytest.mark.parametrize("verb", ["topup", "withdraw", "hold"])
def test_each_action_has_its_permission(client: Client, iiko: SimulatedIiko, verb: str) -> None:
    wallet = known_guest(iiko)
    others = {"topup", "withdraw", "hold"} - {verb}
    sign_in(client, *VIEW, *(f"loyalty.{other}_wallet" for other in others))

    shown = client.get(f"{GUESTS}{wallet.customer_id}/change/")

    assert client.get(page_of(wallet, verb)).status_code == 403
    assert client.post(page_of(wallet, verb), {"amount": "1", "reason": "x", "token": "t"}).status_code == 403
    assert page_of(wallet, verb) not in markup(shown)
    assert all(page_of(wallet, other) in markup(shown) for other in others)
    assert not LoyaltyOperation.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [{"amount": "25"}, {"reason": "x"}, {"amount": "-1", "reason": "x"}, {"amount": "1.001", "reason": "x"}],
)
def test_amount_and_reason_are_obligatory(
    client: Client, iiko: SimulatedIiko, fields: dict[str, str]
) -> None:
    wallet = known_guest(iiko)
    sign_in(client, *VIEW, "loyalty.topup_wallet")

    answer = client.post(page_of(wallet, "topup"), {"token": "t", "confirmed": "yes"} | fields)

    assert answer.status_code == 200
    assert 'role="alert"' in markup(answer)
    assert not LoyaltyOperation.objects.exists()


def test_too_much_is_refused_with_the_reason(client: Client, iiko: SimulatedIiko) -> None:
    wallet = known_guest(iiko, "10.00")
    sign_in(client, *VIEW, "loyalty.withdraw_wallet")
    question = fill(client, page_of(wallet, "withdraw"), amount="25", reason="x")

    answer = client.post(page_of(wallet, "withdraw"), hidden(question), follow=True)

    assert "10.00" in answer.content.decode()
    assert not LoyaltyOperation.objects.exists()


def test_hold_is_for_the_order_that_is_named_and_released_by_a_person(
    client: Client, iiko: SimulatedIiko
) -> None:
    wallet = known_guest(iiko)
    post(client, [cloud_event()])
    drain()
    iiko.answers(HOLD, {"transactionId": None})
    sign_in(client, *VIEW, "loyalty.hold_wallet")
    question = fill(client, page_of(wallet, "hold"), amount="25", reason="x", order_number="142")
    client.post(page_of(wallet, "hold"), hidden(question))
    hold = work()

    shown = text(client.get(f"{GUESTS}{wallet.customer_id}/change/"))
    release = reverse("admin:loyalty_customer_release", args=[hold.pk])
    fill(client, release, reason="Передумали")

    assert hold.order == Order.objects.get()
    assert "142" in shown
    assert (newest().kind, newest().hold_id) == (OperationKind.CANCEL_HOLD, hold.pk)


def test_ids_of_the_page_of_guests_are_each_of_one_field(client: Client) -> None:
    make_organization()
    make_other_organization()
    sign_in(client, *VIEW)

    ids = re.findall(r' id="([^"]+)"', markup(client.get(GUESTS)))

    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize(("verb", "is_told"), [("topup", False), ("withdraw", False), ("hold", True)])
def test_what_becomes_of_a_hold_is_said_of_holds_alone(
    client: Client, iiko: SimulatedIiko, verb: str, is_told: bool
) -> None:
    wallet = known_guest(iiko)
    sign_in_superuser(client)

    page = text(client.get(page_of(wallet, verb), headers={"Accept-Language": "en"}))

    assert "if it is for one." in page
    assert ("goes back when its order is cancelled" in page) is is_told


def test_order_that_is_not_there_is_an_error_of_the_field(client: Client, iiko: SimulatedIiko) -> None:
    wallet = known_guest(iiko)
    sign_in(client, *VIEW, "loyalty.hold_wallet")

    answer = fill(client, page_of(wallet, "hold"), amount="25", reason="x", order_number="999")

    assert 'role="alert"' in markup(answer)
    assert not LoyaltyOperation.objects.exists()


@pytest.mark.parametrize(
    ("amount", "minor"), [("25,5", 2550), ("1 520,50", 152050), ("1\xa0520.5", 152050), ("7", 700)]
)
def test_amount_is_read_as_people_write_it(
    client: Client, iiko: SimulatedIiko, amount: str, minor: int
) -> None:
    wallet = known_guest(iiko)
    sign_in(client, *VIEW, "loyalty.topup_wallet")

    question = fill(client, page_of(wallet, "topup"), amount=amount, reason="x")
    client.post(page_of(wallet, "topup"), hidden(question))

    assert newest().amount_minor == minor


@pytest.mark.parametrize("amount", ["1,500", "1.500", "1.520,50", "1e3", "+5", "0", "NaN", "9" * 20])
def test_amount_that_means_two_things_is_not_guessed(
    client: Client, iiko: SimulatedIiko, amount: str
) -> None:
    wallet = known_guest(iiko)
    sign_in(client, *VIEW, "loyalty.topup_wallet")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    answer = client.post(
        page_of(wallet, "topup"),
        {"token": "t", "confirmed": "yes", "amount": amount, "reason": "x"},
        follow=True,
    )

    assert 'role="alert"' in markup(answer) or "larger than any wallet" in text(answer)
    assert not LoyaltyOperation.objects.exists()


def test_form_that_was_sent_and_changed_is_not_a_second_operation(
    client: Client, iiko: SimulatedIiko
) -> None:
    wallet = known_guest(iiko)
    sign_in(client, *VIEW, "loyalty.topup_wallet")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    question = hidden(fill(client, page_of(wallet, "topup"), amount="25", reason="x"))
    client.post(page_of(wallet, "topup"), question)

    answer = client.post(page_of(wallet, "topup"), question | {"amount": "30"}, follow=True)

    assert "This form was sent already, with other values." in text(answer)
    assert newest().amount_minor == 2500
    assert LoyaltyOperation.objects.count() == 1


def test_nothing_moves_by_opening_a_page_or_without_its_token(client: Client, iiko: SimulatedIiko) -> None:
    wallet = known_guest(iiko)
    iiko.answers(HOLD, {})
    move(client, "hold", "1")
    hold = work()
    sign_in(client, *VIEW, "loyalty.topup_wallet", "loyalty.hold_wallet")
    urls = [
        f"{page_of(wallet, 'topup')}?amount=1&reason=x&token=t&confirmed=yes",
        f"{reverse('admin:loyalty_customer_release', args=[hold.pk])}?reason=x&token=t",
        f"{GUESTS}{wallet.customer_id}/read/",
        f"{GUESTS}find/?organization={ORGANIZATION_ID}&way=phone&value={PHONE}",
    ]
    asked = len(iiko.operations())

    for url in urls:
        assert client.get(url).status_code in (200, 302)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    answer = strict.post(
        page_of(wallet, "topup"), {"amount": "1", "reason": "x", "token": "t", "confirmed": "yes"}
    )

    assert answer.status_code == 403
    assert LoyaltyOperation.objects.count() == 1
    assert len(iiko.operations()) == asked


def test_page_tells_what_an_operation_waits_for(client: Client, iiko: SimulatedIiko) -> None:
    known_guest(iiko)
    iiko.answers(TOPUP, refusal("late"), status=408)
    iiko.answers(BY_DATE, page())
    move(client, "topup", "1")
    first = work()
    move(client, "topup", "2")
    sign_in(client, *VIEW)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    waiting = text(client.get(f"{OPERATIONS}{newest().pk}/change/"))
    looked_for = text(client.get(f"{OPERATIONS}{first.pk}/change/"))

    assert f"This one waits for: top-up #{first.pk}" in waiting
    assert "Do not repeat it meanwhile." in looked_for
    assert "waits for" not in looked_for


def test_hold_tells_what_became_of_it(client: Client, iiko: SimulatedIiko) -> None:
    known_guest(iiko)
    post(client, [cloud_event()])
    drain()
    iiko.answers(HOLD, {})
    move(client, "hold", "25", order_id=Order.objects.get().pk)
    hold = work()
    sign_in(client, *VIEW)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    def told() -> str:
        return rows(client.get(OPERATIONS))[0]

    assert "held for" in told()
    Order.objects.update(status="Closed")
    assert "its order is closed" in told()
    LoyaltyOperation.objects.filter(pk=hold.pk).update(released_at=timezone.now())
    assert "given back" in told()


def test_end_that_tells_nothing_is_shown_as_that(client: Client, iiko: SimulatedIiko) -> None:
    known_guest(iiko)
    move(client, "topup", "1")
    LoyaltyOperation.objects.update(
        state=OperationState.EXPIRED, error_code="no_answer", finished_at=timezone.now(), next_attempt_at=None
    )
    sign_in(client, *VIEW)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    [row] = rows(client.get(OPERATIONS))

    assert "not known, look in iiko" in row
    assert "not done" not in row


# --- lists -------------------------------------------------------------------------------------------


def test_ledger_is_listed_filtered_and_told(client: Client, iiko: SimulatedIiko) -> None:
    wallet = known_guest(iiko)
    iiko.answers(TOPUP, {})
    move(client, "topup", "25.50")
    done = work()
    sign_in(client, *VIEW)

    assert len(rows(client.get(OPERATIONS))) == 1
    assert len(rows(client.get(f"{OPERATIONS}?state=open"))) == 0
    assert len(rows(client.get(f"{OPERATIONS}?state=confirmed&kind=topup&q={done.marker}"))) == 1
    told = text(client.get(f"{OPERATIONS}{done.pk}/change/"))
    assert done.marker in told
    assert "API: shop" in told
    assert wallet.name in told


def test_lists_ask_the_database_the_same_however_long_they_are(
    client: Client, iiko: SimulatedIiko, django_assert_max_num_queries: Any
) -> None:
    known_guest(iiko)
    for _ in range(5):
        move(client, "topup", "1")
    wallet = Wallet.objects.get()
    now = timezone.now()
    BalanceDifference.objects.create(wallet=wallet, kind="balance", found_at=now, seen_at=now, found_minor=5)
    sign_in(client, *VIEW, "loyalty.view_balancedifference")

    for url in (OPERATIONS, GUESTS, DIFFERENCES):
        with django_assert_max_num_queries(16):
            assert len(rows(client.get(url))) >= 1


def test_balance_is_read_again_once_money_was_moved(client: Client, iiko: SimulatedIiko) -> None:
    sign_in(client, *VIEW)
    wallet = known_guest(iiko)
    card = f"{GUESTS}{wallet.customer_id}/change/"
    english = {"Accept-Language": "en"}
    iiko.answers(TOPUP, {})
    move(client, "topup")
    assert work().state == OperationState.CONFIRMED
    assert "Money was moved since the balances were read" in text(client.get(card, headers=english))
    iiko.forget(INFO)
    iiko.answers(INFO, guest("125.50"))

    [job] = ProcrastinateJob.objects.filter(task_name="loyalty.read_guest")
    read_guest(**job.args)
    read_guest(**job.args)

    shown = text(client.get(card, headers=english))
    assert "125.50 ₽" in shown
    assert "Money was moved" not in shown
    assert [body["type"] for body in iiko.bodies(INFO)] == ["phone", "id"]
