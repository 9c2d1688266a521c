"""What must hold after a run, each as a function of the evidence that returns the breaches it sees."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bench.truth import differences
from chaos.evidence import ClientRequest, Evidence, Injected, Json, Sample, Spares, canonical
from chaos.pace import Pace, caught_up_s
from chaos.watch import HEALTHZ, READYZ, WEBHOOK

Check = Callable[[Evidence], list[str]]

OVER = {"processed", "stale", "ignored"}
FINAL = {"confirmed", "rejected", "expired", "attention"}
_LEAST = {"webhooks acknowledged": 100, "commands confirmed": 3, "wallet operations confirmed": 3}
"""A run with less proves nothing."""

_EXPECTED = {0, 200, 202, 409, 422, 429, 503}
"""Of the requests of a run; 0 is no answer."""

_ANSWERED_WITHIN_S = {WEBHOOK: 5.0, READYZ: 5.0, HEALTHZ: 1.0}
"""On a machine that has time: 4 s for the database (docs/how-it-works.md), and a little around it."""

_QUIET_AFTER_S = 3.0
"""So long after the end of a fault the other web process may still take the database for away."""

_UP_AGAIN_S = 5.0
_CAUGHT_UP_S = 60.0
"""Other faults that come meanwhile do not count."""

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


# --- nobody waits, and all comes back by itself ----------------------------------------------------------


def answers_came_in_time(evidence: Evidence) -> list[str]:
    """Demand an answer of a webhook and of health checks within seconds, whatever the web stands on."""
    pace = Pace(evidence)
    return [
        f"{sample.endpoint} took {sample.took_s:.1f} s during: {fault.name}; {limit_s:.1f} s at most here"
        if sample.status
        else f"{sample.endpoint} got no answer during: {fault.name}"
        for fault in evidence.injected
        if fault.spares in (Spares.WEB, Spares.RECEIVING)
        for sample in _asked_during(evidence, fault)
        if sample.endpoint in _ANSWERED_WITHIN_S
        and not _web_was_away(evidence, sample)
        and (
            sample.took_s > (limit_s := pace.allowed_s(_ANSWERED_WITHIN_S[sample.endpoint], sample))
            or not sample.status
        )
    ]


def spared_parts_went_on(evidence: Evidence) -> list[str]:
    """Demand that what a fault does not touch goes on: first of all, that webhooks are stored."""
    broken = [f"{words}, during: {fault.name}" for fault in evidence.injected for words in fault.broken]
    last_up = 0.0
    for fault in evidence.injected:
        if fault.spares is Spares.RECEIVING:
            since = max(fault.began, last_up + _QUIET_AFTER_S)
            refused = Counter(
                sample.status
                for sample in _asked_during(evidence, fault)
                if sample.endpoint == WEBHOOK and sample.at >= since and not sample.is_good
            )
            broken += [
                f"a webhook got {status}, {n} times, during: {fault.name}" for status, n in refused.items()
            ]
        last_up = max(last_up, fault.up_again)
    return broken


def all_came_back_by_itself(evidence: Evidence) -> list[str]:
    """Demand that soon after a fault /readyz is good and what waited is applied, by itself."""
    pace = Pace(evidence)
    breaches = []
    for fault in evidence.injected:
        up_s, allowed_s = fault.up_again - fault.ended, pace.scaled_s(_UP_AGAIN_S)
        if up_s > allowed_s:
            breaches.append(
                f"/readyz was good {up_s:.1f} s after: {fault.name}; {allowed_s:.1f} s at most here"
            )
        late_s, allowed_s = caught_up_s(evidence, fault), pace.scaled_s(_CAUGHT_UP_S)
        if late_s is None:
            breaches.append(f"what came before the end of “{fault.name}” was never applied")
        elif late_s > allowed_s:
            breaches.append(f"caught up {late_s:.1f} s after: {fault.name}; {allowed_s:.1f} s at most here")
    return breaches


def _asked_during(evidence: Evidence, fault: Injected) -> list[Sample]:
    return [one for one in evidence.samples if fault.began <= one.at <= fault.ended]


def _web_was_away(evidence: Evidence, sample: Sample) -> bool:
    """Whether a fault that leaves no web process has a part in it."""
    return any(
        fault.spares in (Spares.NOTHING, Spares.ONE_PROCESS)
        and fault.began <= sample.at + sample.took_s
        and sample.at <= fault.up_again + _QUIET_AFTER_S
        for fault in evidence.injected
    )


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
    "answers came in time": answers_came_in_time,
    "what a fault spares went on": spared_parts_went_on,
    "all came back by itself": all_came_back_by_itself,
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
