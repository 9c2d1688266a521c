"""What must hold after a run, each as a function of the evidence that returns the breaches it sees."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bench.truth import differences
from chaos.evidence import ClientRequest, Evidence, Json, canonical

Check = Callable[[Evidence], list[str]]

OVER = {"processed", "stale", "ignored"}
FINAL = {"confirmed", "rejected", "expired", "attention"}
_LEAST = {"webhooks acknowledged": 100, "commands confirmed": 3, "wallet operations confirmed": 3}
"""A run with less proves nothing."""

_EXPECTED = {0, 200, 202, 409, 422, 429, 503}
"""Of the requests of a run; 0 is no answer."""

_LATER = {
    "WaitCooking": {"ReadyForCooking", "CookingStarted", "CookingCompleted", "Waiting", "OnWay", "Delivered",
                    "Closed"},
    "Waiting": {"OnWay", "Delivered", "Closed"},
    "OnWay": {"Delivered", "Closed"},
    "Delivered": {"Closed"},
}  # fmt: skip
"""An order that has come further has done what was requested."""


# --- nothing received is lost -------------------------------------------------------------------------


def acknowledged_webhooks_are_kept(evidence: Evidence) -> list[str]:
    """Each webhook answered 2xx is a row, or counted as a repeat of one."""
    by_message = Counter[str]()
    by_revision = Counter[Any]()
    for row in evidence.inbox:
        by_message[row.message] += 1 + row.duplicates
        if row.revision is not None:
            by_revision[row.organization_id, row.event_type, row.entity_id, row.revision] += (
                1 + row.duplicates
            )
    wanted = Counter(canonical(message) for message in evidence.acknowledged)
    messages = {canonical(message): message for message in evidence.acknowledged}
    return [
        f"{_name(messages[text])} was acknowledged {times} times and is kept {kept} times"
        for text, times in wanted.items()
        if (kept := max(by_message[text], by_revision[_revision_of(messages[text])])) < times
    ]


def inbox_is_applied(evidence: Evidence) -> list[str]:
    left = Counter(
        (row.event_type, row.status, row.reason) for row in evidence.inbox if row.status not in OVER
    )
    return [
        f"{count} of {name} are {status} {reason}".strip() for (name, status, reason), count in left.items()
    ]


def orders_equal(evidence: Evidence) -> list[str]:
    return [
        f"order {order['id']}: {_describe(found)}"
        for order in evidence.orders
        if (
            found := differences(
                order, evidence.shown_orders.get(order["id"]), evidence.zones[order["organizationId"]]
            )
        )
    ]


def no_order_invented(evidence: Evidence) -> list[str]:
    known = {order["id"] for order in evidence.orders}
    return [f"order {ident} is shown, iiko has none" for ident in evidence.shown_orders if ident not in known]


def stop_lists_equal(evidence: Evidence) -> list[str]:
    return [
        f"stop list: {row} is missing" for row in sorted(evidence.stop_lists - evidence.shown_stop_lists)
    ] + [f"stop list: {row} is not iiko's" for row in sorted(evidence.shown_stop_lists - evidence.stop_lists)]


def acknowledged_actions_are_over(evidence: Evidence) -> list[str]:
    """Each action answered 200 or 202 is there, and has an end."""
    breaches = []
    for request in filter(lambda one: one.is_acknowledged, evidence.requests):
        rows = evidence.commands if request.order_id else evidence.operations
        row = None if request.id is None else rows.get(request.id)
        if row is None:
            breaches.append(f"{request.path} was acknowledged as {request.id} and is gone")
        elif row["state"] not in FINAL:
            breaches.append(f"{request.path} ({request.id}) is still {row['state']}")
    return breaches


# --- nothing is done twice ----------------------------------------------------------------------------


def commands_done_once(evidence: Evidence) -> list[str]:
    """iiko took no command oftener than clients requested it."""
    taken = Counter((one["operation"], canonical(one["body"])) for one in evidence.taken)
    return [
        f"{operation} {body} was taken {times} times"
        for (operation, body), times in taken.items()
        if times > 1
    ]


def one_command_a_key(evidence: Evidence) -> list[str]:
    """Demand one command of a request repeated under its key, and one at most of a request never answered."""
    on_orders = [request for request in evidence.requests if request.order_id]
    mine = Counter(request.id for request in on_orders if request.id is not None)
    extra = set(evidence.commands) - set(mine)
    breaches = [f"{times} requests share command {ident}" for ident, times in mine.items() if times > 1]
    if len(extra) > sum(request.status == 0 for request in on_orders):
        breaches.append(f"commands {sorted(extra)} were requested by nobody")
    return breaches


def money_moved_as_shown(evidence: Evidence) -> list[str]:
    """Each operation is in iiko's book once if it is confirmed, and not if it was refused or not done."""
    booked = Counter(_booked_key(one) for one in evidence.transactions)
    breaches = []
    for operation in evidence.operations.values():
        if operation["kind"] == "cancel_hold":
            continue
        times, state = booked[_operation_key(operation)], operation["state"]
        if times > 1:
            breaches.append(f"operation {operation['id']} was booked {times} times")
        elif bool(times) != (state == "confirmed"):
            breaches.append(f"operation {operation['id']} is {state} and was booked {times} times")
    return breaches + _releases_as_shown(evidence)


def _releases_as_shown(evidence: Evidence) -> list[str]:
    """iiko's book does not say which hold was released: they are counted by wallet and sum."""
    booked = Counter(
        (one["customerId"], one["walletId"], _minor(one["sum"]))
        for one in evidence.transactions
        if one["typeName"] == _TYPE_NAMES["cancel_hold"]
    )
    confirmed = Counter(
        (one["customer_id"], one["wallet_id"], int(one["amount_minor"]))
        for one in evidence.operations.values()
        if one["kind"] == "cancel_hold" and one["state"] == "confirmed"
    )
    return [
        f"{confirmed[key]} releases of {key[2]} in wallet {key[1]} are confirmed, {booked[key]} were booked"
        for key in booked | confirmed
        if booked[key] != confirmed[key]
    ]


def wallets_equal(evidence: Evidence) -> list[str]:
    """Demand the balance that the hub shows, and that its ledger makes of the opening one."""
    breaches = []
    for wallet, balance in evidence.balances.items():
        ledger = Decimal(evidence.opening_balances[wallet]) + Decimal(_moved_minor(evidence, wallet)) / 100
        if Decimal(balance) != ledger:
            breaches.append(f"wallet {wallet[1]} of {wallet[0]} holds {balance}, by the ledger {ledger}")
        shown = evidence.shown_balances.get(wallet)
        if shown is None or Decimal(shown) != Decimal(balance):
            breaches.append(f"wallet {wallet[1]} of {wallet[0]} holds {balance}, shown is {shown}")
    return breaches


# --- nothing shown is invented ------------------------------------------------------------------------


def confirmed_commands_were_done(evidence: Evidence) -> list[str]:
    """iiko's orders went through what commands shown as confirmed are for, meanwhile or in the end."""
    final = {ident for ident, one in evidence.commands.items() if one["state"] == "confirmed"}
    by_id = {one.id: one for one in evidence.requests if one.order_id and one.id}
    history: dict[str, list[Json]] = {}
    for state in evidence.history:
        history.setdefault(state["id"], []).append(state)
    return [
        f"command {ident} ({request.path} {request.body}) is shown as confirmed, iiko did not do it"
        for ident in sorted(final | evidence.shown_confirmed)
        if (request := by_id.get(ident))
        and not any(_fulfils(request, state) for state in history.get(request.order_id or "", []))
    ]


def order_states_were_iikos(evidence: Evidence) -> list[str]:
    had = {(state["id"], state["status"]) for state in evidence.history}
    return [
        f"order {ident} was shown as {status} at revision {revision}, iiko never had it so"
        for ident, revision, status in sorted(evidence.states_shown, key=str)
        if status is not None and (ident, status) not in had
    ]


def nobody_met_an_internal_error(evidence: Evidence) -> list[str]:
    """While something is away the answer says so (503) or nobody answers; a 500 is wrong at any time."""
    unexpected = Counter(
        (one.endpoint, one.status) for one in evidence.samples if one.status not in _EXPECTED
    )
    return [
        f"{endpoint} answered {status}, {times} times" for (endpoint, status), times in unexpected.items()
    ]


def no_process_ended_by_itself(evidence: Evidence) -> list[str]:
    """Web and workers outlive whatever happens to what they stand on."""
    return list(evidence.ended_by_themselves)


def evidence_suffices(evidence: Evidence) -> list[str]:
    """Refuse a run in which little happened, or that was not watched: it proves nothing."""
    found = {
        "webhooks acknowledged": len(evidence.acknowledged),
        "commands confirmed": sum(one["state"] == "confirmed" for one in evidence.commands.values()),
        "wallet operations confirmed": sum(
            one["state"] == "confirmed" for one in evidence.operations.values()
        ),
    }
    return evidence.gaps + [
        f"{name}: {found[name]}, at least {least}" for name, least in _LEAST.items() if found[name] < least
    ]


CHECKS: dict[str, Check] = {
    "every webhook answered 2xx is in the inbox": acknowledged_webhooks_are_kept,
    "every event of the inbox is applied": inbox_is_applied,
    "orders equal iiko's, field by field": orders_equal,
    "no order that iiko has not": no_order_invented,
    "stop lists equal iiko's": stop_lists_equal,
    "wallets equal iiko's and the ledger": wallets_equal,
    "every action acknowledged came to an end": acknowledged_actions_are_over,
    "no command was taken twice": commands_done_once,
    "a repeated request made one command": one_command_a_key,
    "money moved once, and as shown": money_moved_as_shown,
    "commands shown as confirmed were done": confirmed_commands_were_done,
    "orders were shown in states that iiko had": order_states_were_iikos,
    "nobody met an internal error": nobody_met_an_internal_error,
    "no process ended by itself": no_process_ended_by_itself,
    "enough happened, and all was watched": evidence_suffices,
}


def judge(evidence: Evidence) -> dict[str, list[str]]:
    return {name: check(evidence) for name, check in CHECKS.items()}


# --- reading the evidence -----------------------------------------------------------------------------


def _name(message: Json) -> str:
    info: Json = message.get("eventInfo") or {}
    return f"{message.get('eventType', 'SOI message')} {info.get('id', '')}".strip()


def _describe(found: dict[str, tuple[Any, Any]]) -> str:
    return ", ".join(f"{name} is {ours!r}, iiko has {theirs!r}" for name, (theirs, ours) in found.items())


def _revision_of(message: Json) -> tuple[Any, ...]:
    info = message.get("eventInfo") or {}
    return (message.get("organizationId"), message.get("eventType"), info.get("id"), info.get("timestamp"))


def _fulfils(request: ClientRequest, state: Json) -> bool:
    action = request.path.rsplit("/", 1)[1]
    if action == "update-status":
        wanted = request.body["status"]
        return state["status"] in {wanted} | _LATER.get(wanted, set())
    if action == "assign-courier":
        return bool(state["courier_id"] == request.body["courier_id"])
    if action == "cancel":
        return bool(state["status"] == "Cancelled")
    wanted_payments = [(one["paymentTypeKind"], Decimal(one["sum"])) for one in request.body["payments"]]
    return sorted(wanted_payments) == sorted((kind, Decimal(total)) for kind, total in state["payments"])


def _booked_key(transaction: Json) -> tuple[Any, ...]:
    """Identify a transaction by what the client wrote, which stands behind the hub's own marker."""
    comment = transaction["comment"].rpartition("] ")[2]
    return (transaction["typeName"], transaction["customerId"], transaction["walletId"], comment)


_TYPE_NAMES = {
    "topup": "RefillWallet",
    "withdraw": "PayFromWallet",
    "hold": "HoldMoney",
    "cancel_hold": "CancelHoldMoney",
}


def _operation_key(operation: Json) -> tuple[Any, ...]:
    kind, comment = _TYPE_NAMES[operation["kind"]], operation["comment"]
    return (kind, operation["customer_id"], operation["wallet_id"], comment)


def _minor(amount: float | str) -> int:
    return int(Decimal(str(amount)) * 100)


def _moved_minor(evidence: Evidence, wallet: tuple[str, str]) -> int:
    signs = {"topup": 1, "cancel_hold": 1, "withdraw": -1, "hold": -1}
    return sum(
        signs[one["kind"]] * int(one["amount_minor"])
        for one in evidence.operations.values()
        if one["state"] == "confirmed" and (one["customer_id"], one["wallet_id"]) == wallet
    )
