"""The daily check tells what the ledger, the balances and iiko's transactions disagree on."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from loyalty.models import BalanceDifference, Customer, LoyaltyOperation, OperationState
from loyalty.tasks import read_guest
from loyalty.tests.played_loyalty import (
    BY_DATE,
    INFO,
    PHONE,
    TOPUP,
    guest,
    loyal_restaurant,
    move,
    moved,
    newest,
    page,
    timeline,
    work,
)
from loyalty.wallets.balance_check import check_all
from tests.simulated_iiko import SimulatedIiko, refusal

pytestmark = pytest.mark.django_db


def later() -> object:
    return timezone.now() + timedelta(hours=1)


def topped_up(client: Client, iiko: SimulatedIiko) -> LoyaltyOperation:
    loyal_restaurant(iiko, "100.00")
    iiko.answers(TOPUP, {})
    move(client, "topup", "25.50")
    done = work()
    iiko.forget(INFO)
    iiko.answers(INFO, guest("125.50"))
    return done


def check() -> list[tuple[str, int | None, int | None]]:
    check_all(clock=later)  # type: ignore[arg-type]  # an instant
    return list(BalanceDifference.objects.order_by("id").values_list("kind", "expected_minor", "found_minor"))


def test_books_that_agree_are_silent_and_the_transaction_is_noted(
    client: Client, iiko: SimulatedIiko
) -> None:
    done = topped_up(client, iiko)
    iiko.answers(BY_DATE, page(moved("25.50", f"[{done.marker}] подарок")))

    assert check() == []
    assert newest().transaction_id == "c0ffee00-0000-4000-8000-000000000001"


def test_what_the_hub_reads_by_itself_does_not_bring_an_erased_guest_again(
    client: Client, iiko: SimulatedIiko
) -> None:
    done = topped_up(client, iiko)
    call_command("erase_person", PHONE, yes=True)
    iiko.answers(BY_DATE, page(moved("25.50", f"[{done.marker}] подарок")))

    read_guest(customer_id=done.wallet.customer_id)
    check()

    customer = Customer.objects.get()
    assert (customer.name, customer.surname, customer.phone, customer.email) == ("", "", "", "")
    assert customer.cards == []
    assert customer.wallets.get().balance == Decimal("125.50")


def test_done_for_the_hub_but_not_for_iiko(client: Client, iiko: SimulatedIiko) -> None:
    topped_up(client, iiko)
    iiko.answers(BY_DATE, page())

    assert check() == [("missing", 2550, None)]
    assert check() == [("missing", 2550, None)]  # once, however often it is seen


def test_carried_out_twice(client: Client, iiko: SimulatedIiko) -> None:
    done = topped_up(client, iiko)
    comment = f"[{done.marker}]"
    second = moved("25.50", comment, id="c0ffee00-0000-4000-8000-000000000002", revision=1001)
    iiko.answers(BY_DATE, page(moved("25.50", comment), second))

    assert check() == [("twice", 2550, 5100)]


def test_balance_that_no_transaction_explains(client: Client, iiko: SimulatedIiko) -> None:
    done = topped_up(client, iiko)
    iiko.forget(INFO)
    iiko.answers(INFO, guest("999.00"))
    iiko.answers(BY_DATE, page(moved("25.50", f"[{done.marker}]")))

    assert check() == [("balance", 12550, 99900)]


def test_balance_is_not_judged_while_money_moves(client: Client, iiko: SimulatedIiko) -> None:
    done = topped_up(client, iiko)
    mine = moved("25.50", f"[{done.marker}]")
    at_the_pos = moved("-5", "", id="c0ffee00-0000-4000-8000-000000000003", revision=1001)
    for one in (page(mine), page(), page(mine, at_the_pos), page()):  # two lists, each read to its end
        iiko.answers(BY_DATE, one)

    assert check() == []


def test_balance_that_changes_without_any_transaction(client: Client, iiko: SimulatedIiko) -> None:
    topped_up(client, iiko)
    LoyaltyOperation.objects.update(state=OperationState.EXPIRED)
    iiko.answers(BY_DATE, page())
    assert check() == []
    iiko.forget(INFO)
    iiko.answers(INFO, guest("9.00"))

    check_all(clock=lambda: timezone.now() + timedelta(hours=25))

    assert [one.kind for one in BalanceDifference.objects.all()] == ["balance"]


def test_what_was_taken_for_not_done_is_confirmed_when_it_turns_up(
    client: Client, iiko: SimulatedIiko
) -> None:
    done = topped_up(client, iiko)
    LoyaltyOperation.objects.update(state=OperationState.EXPIRED, confirmed_by="", error_code="not_done")
    iiko.answers(BY_DATE, page(moved("25.50", f"[{done.marker}]")))

    assert check() == [("unexpected", None, 2550)]
    assert (newest().state, newest().confirmed_by) == (OperationState.CONFIRMED, "check")
    assert timeline(newest())[-1] == ("expired", "confirmed")


def test_mark_of_a_ledger_that_is_not_ours(client: Client, iiko: SimulatedIiko) -> None:
    done = topped_up(client, iiko)
    foreign = moved("-7", "[hub:00000000deadbeef]", id="c0ffee00-0000-4000-8000-000000000009", revision=999)
    iiko.answers(BY_DATE, page(foreign, moved("25.50", f"[{done.marker}]")))

    assert check() == [("unexpected", None, -700)]


def test_guest_that_cannot_be_read_is_left_for_tomorrow(client: Client, iiko: SimulatedIiko) -> None:
    topped_up(client, iiko)
    iiko.answers(BY_DATE, refusal("no"), status=400)

    with pytest.raises(CommandError, match="Not everything agrees"):
        call_command("loyalty", "check")
    assert not BalanceDifference.objects.exists()
