"""Each check can fail: a run in which all holds is spoiled in one place, and the judge names it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chaos.checks import CHECKS, judge
from chaos.evidence import (
    Backlog,
    Calm,
    ClientRequest,
    Evidence,
    InboxRow,
    Injected,
    Sample,
    Spares,
    canonical,
)
from chaos.watch import WEBHOOK

CAFE = "6b1f2f0c-3d5e-4a7b-9c8d-0e1f2a3b4c5d"
ORDER = "3c5e7a91-b2d4-4f60-8172-93a4b5c6d7e8"
COURIER = "7d8e9fa0-b1c2-4d3e-8f40-516273849500"
GUEST, WALLET = "guest", "wallet"
STOP = (CAFE, "group", "product", 0.0)
ACTIONS: list[tuple[str, dict[str, Any]]] = [
    ("assign-courier", {"courier_id": COURIER}),
    ("update-status", {"status": "Waiting"}),
    ("update-status", {"status": "OnWay"}),
    ("update-payment", {"payments": [{"paymentTypeKind": "Cash", "sum": "10.50"}]}),
    ("cancel", {"cancel_reason": "guest"}),
]
MONEY = [("topup", 500), ("withdraw", 200), ("hold", 100), ("cancel_hold", 100), ("topup", 50), ("topup", 1)]
TYPES = {
    "topup": "RefillWallet",
    "withdraw": "PayFromWallet",
    "hold": "HoldMoney",
    "cancel_hold": "CancelHoldMoney",
}
SIGNS = {"topup": 1, "withdraw": -1, "hold": -1, "cancel_hold": 1}


def message(number: int) -> dict[str, Any]:
    info = {"id": f"order {number}", "timestamp": 1000 + number}
    return {"eventType": "DeliveryOrderUpdate", "organizationId": CAFE, "eventTime": "now", "eventInfo": info}


def row_of(number: int) -> InboxRow:
    sent = message(number)
    info = sent["eventInfo"]
    return InboxRow(CAFE, sent["eventType"], info["id"], info["timestamp"], canonical(sent), "processed")


def iikos_order() -> dict[str, Any]:
    """Make an order that the POS refused: iiko says little of it."""
    return {
        "id": ORDER,
        "organizationId": CAFE,
        "posId": None,
        "timestamp": 17,
        "creationStatus": "Error",
        "errorInfo": None,
        "externalNumber": "A-1",
        "order": None,
    }


def shown_order() -> dict[str, Any]:
    return {
        "organization_id": CAFE,
        "iiko_order_id": ORDER,
        "pos_id": None,
        "revision": 17,
        "creation_status": "Error",
        "error_info": None,
        "external_order_id": "A-1",
    }


def went_through() -> list[dict[str, Any]]:
    state = {
        "id": ORDER,
        "timestamp": 1,
        "status": "Waiting",
        "courier_id": COURIER,
        "payments": [["Cash", "10.50"]],
    }
    return [state, state | {"status": "OnWay"}, state | {"status": "Cancelled"}]


def operation(ident: int, kind: str, amount_minor: int) -> dict[str, Any]:
    return {
        "id": ident,
        "kind": kind,
        "state": "confirmed",
        "amount_minor": amount_minor,
        "customer_id": GUEST,
        "wallet_id": WALLET,
        "comment": "" if kind == "cancel_hold" else f"chaos {ident}",
    }


def transaction(ident: int, kind: str, amount_minor: int) -> dict[str, Any]:
    return {
        "typeName": TYPES[kind],
        "customerId": GUEST,
        "walletId": WALLET,
        "sum": SIGNS[kind] * amount_minor / 100,
        "comment": "" if kind == "cancel_hold" else f"[hub:0123456789abcdef] chaos {ident}",
    }


def clean() -> Evidence:
    """Make the evidence of a run in which all holds."""
    requests = [
        ClientRequest(f"/api/v1/orders/1/{name}", body, f"key {ident}", 202, 1, ident, ORDER)
        for ident, (name, body) in enumerate(ACTIONS, 1)
    ]
    moved = [
        ClientRequest(f"/api/v1/loyalty/{kind}", {}, f"money {ident}", 202, 1, ident)
        for ident, (kind, _) in enumerate(MONEY, 1)
    ]
    end = f"{(10_000 + sum(SIGNS[kind] * amount for kind, amount in MONEY)) / 100:.2f}"
    return Evidence(
        orders=[iikos_order()],
        zones={CAFE: "Asia/Yekaterinburg"},
        history=went_through(),
        taken=[{"operation": name, "body": body, "state": "Success"} for name, body in ACTIONS],
        transactions=[transaction(ident, *one) for ident, one in enumerate(MONEY, 1)],
        opening_balances={(GUEST, WALLET): "100.00"},
        balances={(GUEST, WALLET): end},
        stop_lists={STOP},
        acknowledged=[message(number) for number in range(100)],
        inbox=[row_of(number) for number in range(100)],
        shown_orders={ORDER: shown_order()},
        shown_balances={(GUEST, WALLET): end},
        shown_stop_lists={STOP},
        commands={one.id: {"id": one.id, "state": "confirmed"} for one in requests if one.id},
        operations={ident: operation(ident, *one) for ident, one in enumerate(MONEY, 1)},
        requests=requests + moved,
        samples=[Sample(0.0, "GET orders", 200, 0.1), Sample(0.2, "GET orders", 503, 0.1)],
        states_shown={(ORDER, 1, "OnWay"), (ORDER, 1, "Waiting")},
        shown_confirmed={1},
    )


# --- one thing wrong ---------------------------------------------------------------------------------


def lose_an_inbox_row(evidence: Evidence) -> None:
    del evidence.inbox[3]


def count_a_repeat_too_few(evidence: Evidence) -> None:
    evidence.acknowledged.append(message(3))


def leave_an_event_dead(evidence: Evidence) -> None:
    evidence.inbox[3] = replace(evidence.inbox[3], status="dead")


def show_another_revision(evidence: Evidence) -> None:
    evidence.shown_orders[ORDER]["revision"] = 16


def lose_an_order(evidence: Evidence) -> None:
    del evidence.shown_orders[ORDER]


def invent_an_order(evidence: Evidence) -> None:
    evidence.shown_orders["nobody's"] = shown_order() | {"iiko_order_id": "nobody's"}


def miss_a_stop(evidence: Evidence) -> None:
    evidence.shown_stop_lists.clear()


def keep_a_stop_too_long(evidence: Evidence) -> None:
    evidence.stop_lists.clear()


def double_a_top_up(evidence: Evidence) -> None:
    evidence.transactions.append(transaction(1, "topup", 500))


def double_a_release(evidence: Evidence) -> None:
    evidence.transactions.append(transaction(4, "cancel_hold", 100))


def book_what_was_not_confirmed(evidence: Evidence) -> None:
    evidence.operations[1]["state"] = "expired"


def confirm_what_was_not_booked(evidence: Evidence) -> None:
    evidence.transactions.pop(0)


def take_money_behind_the_ledger(evidence: Evidence) -> None:
    evidence.balances[GUEST, WALLET] = evidence.shown_balances[GUEST, WALLET] = "1.00"


def show_an_old_balance(evidence: Evidence) -> None:
    evidence.shown_balances[GUEST, WALLET] = "100.00"


def lose_a_command(evidence: Evidence) -> None:
    del evidence.commands[2]


def leave_a_command_open(evidence: Evidence) -> None:
    evidence.commands[2]["state"] = "sent"


def lose_a_wallet_operation(evidence: Evidence) -> None:
    del evidence.operations[6]


def send_a_command_twice(evidence: Evidence) -> None:
    evidence.taken.append(evidence.taken[0])


def make_two_commands_of_one_request(evidence: Evidence) -> None:
    evidence.commands[99] = {"id": 99, "state": "rejected"}


def answer_two_requests_with_one_command(evidence: Evidence) -> None:
    evidence.requests[1] = replace(evidence.requests[1], id=1)
    del evidence.commands[2]


def confirm_a_courier_that_iiko_never_had(evidence: Evidence) -> None:
    for state in evidence.history:
        state["courier_id"] = None


def show_as_confirmed_for_a_moment(evidence: Evidence) -> None:
    evidence.commands[5]["state"] = "rejected"
    evidence.shown_confirmed.add(5)
    evidence.history.pop()


def confirm_another_payment(evidence: Evidence) -> None:
    for state in evidence.history:
        state["payments"] = [["Cash", "10.00"]]


def show_a_state_that_never_was(evidence: Evidence) -> None:
    evidence.states_shown.add((ORDER, 1, "Delivered"))


def answer_with_an_internal_error(evidence: Evidence) -> None:
    evidence.samples.append(Sample(1.0, "admin: orders", 500, 0.1))


def let_a_worker_give_up(evidence: Evidence) -> None:
    evidence.ended_by_themselves.append("a worker ended with 1 during: disk full")


def gone(evidence: Evidence, **changes: Any) -> None:
    """Let the database be away for eight seconds; all is applied a second later."""
    fault = Injected("database gone", "stopped", began=10.0, ended=18.0, up_again=18.5, spares=Spares.WEB)
    evidence.injected.append(replace(fault, **changes))
    evidence.backlog.append(Backlog(19.0, 0.5))


def keep_a_webhook_waiting(evidence: Evidence) -> None:
    gone(evidence)
    evidence.samples.append(Sample(11.0, WEBHOOK, 503, 6.0))


def answer_a_webhook_not_at_all(evidence: Evidence) -> None:
    gone(evidence)
    evidence.samples.append(Sample(11.0, WEBHOOK, 0, 0.1))


def refuse_a_webhook_without_need(evidence: Evidence) -> None:
    gone(evidence, name="DNS gone", spares=Spares.RECEIVING)
    evidence.samples.append(Sample(14.0, WEBHOOK, 503, 0.1))


def let_workers_stand_still(evidence: Evidence) -> None:
    gone(evidence, broken=["no worker looked at the rules"])


def come_back_late(evidence: Evidence) -> None:
    gone(evidence, up_again=24.0)


def apply_late(evidence: Evidence) -> None:
    gone(evidence)
    evidence.backlog[:] = [Backlog(70.0, 60.0), Backlog(90.0, 0.0)]


def never_apply_what_came_before(evidence: Evidence) -> None:
    gone(evidence)
    evidence.backlog[:] = [Backlog(70.0, 60.0)]


def see_too_little(evidence: Evidence) -> None:
    evidence.gaps.append("7 tries of webhooks were not seen")


KEPT = "every webhook answered 2xx is in the inbox"
APPLIED = "every event of the inbox is applied"
EQUAL = "orders equal iiko's, field by field"
NOT_INVENTED = "no order that iiko has not"
STOPS = "stop lists equal iiko's"
MONEY_ONCE = "money moved once, and as shown"
WALLETS = "wallets equal iiko's and the ledger"
ENDED = "every action acknowledged came to an end"
ONCE = "no command was taken twice"
ONE_A_KEY = "a repeated request made one command"
DONE = "commands shown as confirmed were done"
STATES = "orders were shown in states that iiko had"
NO_ERROR = "nobody met an internal error"
NO_END = "no process ended by itself"
IN_TIME = "answers came in time"
SPARED = "what a fault spares went on"
BACK = "all came back by itself"
ENOUGH = "enough happened, and all was watched"

Spoil = Callable[[Evidence], None]
SPOILED: list[tuple[Spoil, str, str]] = [
    (lose_an_inbox_row, KEPT, "acknowledged 1 times and is kept 0 times"),
    (count_a_repeat_too_few, KEPT, "acknowledged 2 times and is kept 1"),
    (leave_an_event_dead, APPLIED, "1 of DeliveryOrderUpdate are dead"),
    (show_another_revision, EQUAL, "revision is 16, iiko has 17"),
    (lose_an_order, EQUAL, f"order is None, iiko has '{ORDER}'"),
    (invent_an_order, NOT_INVENTED, "order nobody's is shown, iiko has none"),
    (miss_a_stop, STOPS, "is missing"),
    (keep_a_stop_too_long, STOPS, "is not iiko's"),
    (double_a_top_up, MONEY_ONCE, "operation 1 was booked 2 times"),
    (double_a_release, MONEY_ONCE, "1 releases of 100 in wallet wallet are confirmed, 2 were"),
    (book_what_was_not_confirmed, MONEY_ONCE, "operation 1 is expired and was booked 1 times"),
    (confirm_what_was_not_booked, MONEY_ONCE, "operation 1 is confirmed and was booked 0"),
    (take_money_behind_the_ledger, WALLETS, "holds 1.00, by the ledger 103.51"),
    (show_an_old_balance, WALLETS, "holds 103.51, shown is 100.00"),
    (lose_a_command, ENDED, "was acknowledged as 2 and is gone"),
    (leave_a_command_open, ENDED, "(2) is still sent"),
    (lose_a_wallet_operation, ENDED, "was acknowledged as 6 and is gone"),
    (send_a_command_twice, ONCE, "was taken 2 times"),
    (make_two_commands_of_one_request, ONE_A_KEY, "commands [99] were requested by"),
    (answer_two_requests_with_one_command, ONE_A_KEY, "2 requests share command 1"),
    (confirm_a_courier_that_iiko_never_had, DONE, "command 1 (/api/v1/orders/1/as"),
    (show_as_confirmed_for_a_moment, DONE, "command 5 (/api/v1/orders/1/cancel"),
    (confirm_another_payment, DONE, "command 4 (/api/v1/orders/1/update-payment"),
    (show_a_state_that_never_was, STATES, "was shown as Delivered at revision 1"),
    (answer_with_an_internal_error, NO_ERROR, "admin: orders answered 500, 1 times"),
    (let_a_worker_give_up, NO_END, "a worker ended with 1 during: disk full"),
    (keep_a_webhook_waiting, IN_TIME, "POST webhooks/iiko took 6.0 s during: database gone; 5.0 s at most"),
    (answer_a_webhook_not_at_all, IN_TIME, "POST webhooks/iiko got no answer during: database gone"),
    (refuse_a_webhook_without_need, SPARED, "a webhook got 503, 1 times, during: DNS gone"),
    (let_workers_stand_still, SPARED, "no worker looked at the rules, during: database gone"),
    (come_back_late, BACK, "/readyz was good 6.0 s after: database gone; 5.0 s at most here"),
    (apply_late, BACK, "caught up 72.0 s after: database gone; 60.0 s at most here"),
    (never_apply_what_came_before, BACK, "what came before the end of “database gone” was never applied"),
    (see_too_little, ENOUGH, "7 tries of webhooks were not seen"),
]  # fmt: skip


def test_nothing_is_found_where_all_holds() -> None:
    assert judge(clean()) == {name: [] for name in CHECKS}


@pytest.mark.parametrize(("spoil", "check", "breach"), SPOILED, ids=lambda one: getattr(one, "__name__", ""))
def test_one_wrong_thing_is_named(spoil: Spoil, check: str, breach: str) -> None:
    evidence = clean()
    spoil(evidence)

    found = judge(evidence)[check]

    assert len(found) == 1
    assert breach in found[0]


def test_every_check_is_seen_to_fail() -> None:
    assert {check for _, check, _ in SPOILED} == set(CHECKS)


def test_repeats_that_reconciliation_had_brought_count_for_the_webhook() -> None:
    """What was read has the webhook's revision and another envelope; the webhook counts as its repeat."""
    evidence = clean()
    evidence.inbox[3] = replace(evidence.inbox[3], message="read from iiko", duplicates=1)

    assert judge(evidence) == {name: [] for name in CHECKS}


def test_request_that_was_never_answered_may_have_made_a_command() -> None:
    evidence = clean()
    evidence.commands[99] = {"id": 99, "state": "rejected"}
    evidence.requests.append(ClientRequest("/api/v1/orders/2/cancel", {}, "key 99", 0, 4, None, "another"))

    assert judge(evidence) == {name: [] for name in CHECKS}


def test_empty_run_proves_nothing() -> None:
    assert judge(Evidence())[ENOUGH] == [
        "webhooks acknowledged: 0, at least 100",
        "commands confirmed: 0, at least 3",
        "wallet operations confirmed: 0, at least 3",
    ]


def test_machine_that_is_slow_is_given_longer() -> None:
    evidence = clean()
    keep_a_webhook_waiting(evidence)
    evidence.injected[0].up_again = 23.9
    evidence.lags = [(11.5, 0.3), (30.0, 9.0)]
    evidence.calm = Calm(webhook_s=0.12, webhooks=10)  # 1.2 times as long

    assert judge(evidence) == {name: [] for name in CHECKS}
    evidence.lags = [(30.0, 9.0)]  # at another moment
    assert judge(evidence)[IN_TIME] == [
        "POST webhooks/iiko took 6.0 s during: database gone; 5.2 s at most here"
    ]


def test_time_of_other_faults_does_not_count_as_catching_up() -> None:
    evidence = clean()
    apply_late(evidence)
    evidence.injected.append(Injected("web master killed", "kill -9", began=20.0, ended=50.0, up_again=52.0))

    assert judge(evidence) == {name: [] for name in CHECKS}


def test_who_asks_while_no_web_process_runs_is_not_answered_in_time() -> None:
    evidence = clean()
    gone(evidence)
    evidence.injected.append(Injected("web master killed", "kill -9", began=17.0, ended=17.5, up_again=18.0))
    evidence.samples.append(Sample(11.0, WEBHOOK, 0, 6.5))

    assert judge(evidence) == {name: [] for name in CHECKS}
