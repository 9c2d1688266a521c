"""Actions on live orders of the sandbox: what the hub tells is what became of them, each is sent once."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bench.processes import free_port
from bench.sandbox_control import SandboxControl, arguments
from tests.hub_process import PATIENCE_S, Hub, running_hub, wait_until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("acting")]

TOKEN = "token-of-the-sandbox"
FAST, CALM, STILL = 300.0, 20.0, 2.0
"""Speeds of the sandbox; at the lowest an order stays as it is for long enough to act on it."""
IN_THE_KITCHEN = ("CookingStarted", "CookingCompleted")
ON_WAY = {"status": "OnWay"}
CHANGED_MEANWHILE = {"OrderStatusChangedInIikoFront", "order_closed", "order_cancelled"}

# Sends, and is killed before it can write down what came back.
KILLED_AFTER_SENDING = """
import os, pathlib, signal
from datetime import timedelta
from django.core.management import call_command
from core.outbox import Step
from orders.commands import dispatch
record = dispatch.OUTBOX.record
def die(claim, outcome, now):
    if claim.step is Step.SEND:
        os.kill(os.getpid(), signal.SIGKILL)
    return record(claim, outcome, now)
dispatch.OUTBOX.record, dispatch.OUTBOX.lease = die, timedelta(seconds=5)
pathlib.Path({ready!r}).touch()
call_command("worker")
"""


@pytest.fixture(scope="module")
def sandbox_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, sandbox_port: int) -> Iterator[Hub]:
    with running_hub(
        tmp_path_factory.mktemp("hub"),
        IIKO_API_URL=f"http://127.0.0.1:{sandbox_port}",
        IIKO_API_KEY="demo",
        WEBHOOK_SECRET_KEY=TOKEN,
        WEB_CONCURRENCY="1",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def iiko(hub: Hub, sandbox_port: int) -> SandboxControl:
    """Start a sandbox with orders at every stage, which runs slowly from here on."""
    hub.start(*arguments(port=sandbox_port, hub_port=hub.port, token=TOKEN, speed=FAST))
    control = SandboxControl(sandbox_port)
    wait_until(control.is_up)
    hub.manage("sync_dictionaries")
    hub.start_web()
    hub.start_worker()
    for _ in range(4):
        control.create_orders(6)
        time.sleep(0.7)
    control.set_speed(CALM)
    return control


# --- the hub -----------------------------------------------------------------------------------------


def ask(hub: Hub, pk: int, action: str, body: Any, *, wait_s: int = 20) -> dict[str, Any]:
    """Ask for an action and wait for its end; a refusal is given as it is."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{hub.port}/api/v1/orders/{pk}/{action}",
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Api-Key {hub.key}",
            "Content-Type": "application/json",
            "Prefer": f"wait={wait_s}",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            told: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        told = json.load(error)
    return told


def details(hub: Hub) -> list[dict[str, Any]]:
    return [hub.get(f"/api/v1/orders/{row['id']}") for row in hub.rows("/api/v1/orders?open=true")]


def allowing(
    hub: Hub,
    iiko: SandboxControl,
    action: str,
    *,
    used: set[int],
    with_courier: bool = False,
    **wanted: tuple[Any, ...],
) -> dict[str, Any]:
    """Find an order on which nobody acted yet, that allows an action (a status or the address's last part).

    From then on the sandbox is slow, so that no restaurant moves the order on before the hub acts.
    One to cancel is in the kitchen already: whether the POS wants a removal type must not change on the way.
    """
    if action == "cancel":
        wanted.setdefault("status", IN_THE_KITCHEN)

    def fits(order: dict[str, Any]) -> bool:
        return (
            (order["courier_id"] is not None or not with_courier)
            and all(order[name] in values for name, values in wanted.items())
            and any(
                one["allowed"] and action in (one["status"], one["action"])
                for one in order["allowed_actions"]
            )
        )

    def is_as_known(order: dict[str, Any]) -> bool:
        """Whether the hub knows the order as it is, now that it no longer changes."""
        courier = (truth(iiko, order)["courierInfo"] or {}).get("courier", {}).get("id")
        return (truth(iiko, order)["status"], courier) == (order["status"], order["courier_id"])

    found: list[dict[str, Any]] = []

    def look() -> bool:
        fitting = [order for order in details(hub) if order["id"] not in used and fits(order)]
        if fitting:
            iiko.set_speed(STILL)
            now = [hub.get(f"/api/v1/orders/{order['id']}") for order in fitting]
            found[:] = [order for order in now if fits(order) and is_as_known(order)]
        if not found:
            iiko.set_speed(CALM)
        return bool(found)

    wait_until(look)
    latest: dict[str, Any] = max(found, key=lambda order: order["updated_at"])
    used.add(latest["id"])
    return latest


def act(
    hub: Hub,
    iiko: SandboxControl,
    action: str,
    body_of: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    used: set[int],
    allows: str = "",
    carried: list[int] | None = None,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Act on an order that allows it, and wait for the end; returns order, body and command.

    ``carried`` collects the ids of all commands that were carried to iiko.
    The restaurants of the sandbox go on working: an order that changed meanwhile is left to them.
    """
    for _ in range(5):
        order = allowing(hub, iiko, allows or action, used=used)
        body = body_of(order)
        command = ask(hub, order["id"], action, body)
        if "errors" in command:
            continue
        command = ended(hub, command)
        if carried is not None and command["sent_at"] is not None:
            carried.append(command["id"])
        if not changed_meanwhile(command):
            return order, body, command
    raise AssertionError(command)


def changed_meanwhile(command: dict[str, Any]) -> bool:
    """Return whether the order had moved on before the command came, to the hub or to the POS."""
    error = command["error"] or {}
    return command["state"] == "rejected" and error.get("code") in CHANGED_MEANWHILE


def ended(hub: Hub, command: dict[str, Any]) -> dict[str, Any]:
    """Wait for the command's end and return it."""
    path = f"/api/v1/commands/{command['id']}"
    wait_until(lambda: hub.get(path)["finished_at"] is not None)
    end: dict[str, Any] = hub.get(path)
    return end


def truth(iiko: SandboxControl, order: dict[str, Any]) -> dict[str, Any]:
    [told] = [each["order"] for each in iiko.orders() if each["id"] == order["iiko_order_id"]]
    inner: dict[str, Any] = told
    return inner


def sent(iiko: SandboxControl) -> dict[str, int]:
    """How many calls of each operation that changes orders iiko had."""
    changing = ("update_order", "change_", "cancel", "close", "confirm")
    return {
        name: sum(calls["answers"].values())
        for name, calls in iiko.calls().items()
        if name.startswith("deliveries/") and name.split("/")[1].startswith(changing)
    }


# --- the journeys ------------------------------------------------------------------------------------


def test_five_kinds_of_actions_end_as_iiko_has_them(hub: Hub, iiko: SandboxControl) -> None:
    used: set[int] = set()
    carried: list[int] = []
    before = sent(iiko)

    def courier_of(order: dict[str, Any]) -> dict[str, Any]:
        couriers = hub.rows(f"/api/v1/couriers?organization_id={order['organization_id']}")
        courier = next(each for each in couriers if each["courier_id"] != order["courier_id"])
        return {"courier_id": courier["courier_id"]}

    def cash_for(order: dict[str, Any]) -> dict[str, Any]:
        amount = Decimal(order["amount_minor"]) / 100 + Decimal("0.01")
        return {"payments": [{"paymentTypeKind": "Cash", "sum": str(amount)}]}

    # First, while there are orders in the kitchen: the restaurants of the sandbox go on working.
    cancelled = act(
        hub, iiko, "cancel", lambda _: {"cancel_reason": "Гость передумал"}, used=used, carried=carried
    )
    done = [
        act(hub, iiko, "assign-courier", courier_of, used=used, carried=carried),
        act(hub, iiko, "update-payment", cash_for, used=used, carried=carried),
        act(hub, iiko, "update-status", lambda _: ON_WAY, used=used, carried=carried, allows="OnWay"),
        act(
            hub,
            iiko,
            "update-status",
            lambda _: {"status": "Closed"},
            used=used,
            carried=carried,
            allows="Closed",
        ),
        cancelled,
    ]
    commands = [command for _, _, command in done]
    courier_order, payment_order, status_order, close_order, cancel_order = (order for order, _, _ in done)
    courier, amount = done[0][1], Decimal(done[1][1]["payments"][0]["sum"])

    ends = [(command["state"], command["error"]) for command in commands]
    assert ends == [("confirmed", None)] * 5
    # The simulated restaurant may name another courier later.
    assert courier["courier_id"] in {
        state["courier_id"] for state in iiko.history(0) if state["id"] == courier_order["iiko_order_id"]
    }
    assert [Decimal(str(each["sum"])) for each in truth(iiko, payment_order)["payments"]] == [amount]
    assert truth(iiko, status_order)["status"] in ("OnWay", "Delivered", "Closed")
    assert truth(iiko, close_order)["status"] == "Closed"
    assert truth(iiko, cancel_order)["status"] == "Cancelled"

    def shown(order: dict[str, Any], name: str) -> Any:
        return hub.get(f"/api/v1/orders/{order['id']}")[name]

    wait_until(
        lambda: (
            shown(courier_order, "courier_id") == truth(iiko, courier_order)["courierInfo"]["courier"]["id"]
        )
    )
    wait_until(lambda: shown(payment_order, "payments")[0]["sum_minor"] == int(amount * 100))
    wait_until(lambda: shown(close_order, "status") == "Closed")
    wait_until(lambda: shown(cancel_order, "status") == "Cancelled")
    assert shown(cancel_order, "pending_commands") == []
    after = sent(iiko)
    assert sum(after.values()) - sum(before.values()) == len(carried), (before, after)


def restaurants(hub: Hub, *, is_new: bool) -> tuple[str, ...]:
    """Those whose POS knows ``change_driver_info``, or those whose POS is too old for it."""

    def version(row: dict[str, Any]) -> tuple[int, ...]:
        return tuple(int(part) for part in row["pos_version"].split("."))

    found = hub.rows("/api/v1/terminal-groups")
    return tuple(row["organization_id"] for row in found if (version(row) >= (8, 6, 6)) is is_new)


def another_courier(hub: Hub, order: dict[str, Any]) -> dict[str, str]:
    couriers = hub.rows(f"/api/v1/couriers?organization_id={order['organization_id']}")
    return {
        "courier_id": next(one["courier_id"] for one in couriers if one["courier_id"] != order["courier_id"])
    }


@pytest.mark.parametrize(
    ("is_new", "call"), [(True, "deliveries/change_driver_info"), (False, "deliveries/update_order_courier")]
)
def test_courier_goes_by_the_call_that_the_pos_knows(
    hub: Hub, iiko: SandboxControl, is_new: bool, call: str
) -> None:
    iiko.create_orders(10)
    where = restaurants(hub, is_new=is_new)
    order = allowing(hub, iiko, "assign-courier", used=set(), organization_id=where)
    before = sent(iiko)
    wanted = another_courier(hub, order)

    end = ended(hub, ask(hub, order["id"], "assign-courier", wanted))

    assert end["state"] == "confirmed", end
    assert truth(iiko, order)["courierInfo"]["courier"]["id"] == wanted["courier_id"]
    after = sent(iiko)
    assert {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name)} == {
        call: 1
    }


def test_courier_is_taken_off_where_the_pos_can(hub: Hub, iiko: SandboxControl) -> None:
    iiko.create_orders(10)
    # Nobody else puts a courier on one that is on its way.
    where = restaurants(hub, is_new=True)
    new = allowing(
        hub, iiko, "assign-courier", used=set(), with_courier=True, organization_id=where, status=("OnWay",)
    )

    end = ended(hub, ask(hub, new["id"], "assign-courier", {"courier_id": None}))

    assert end["state"] == "confirmed", end
    assert truth(iiko, new)["courierInfo"] is None
    wait_until(lambda: hub.get(f"/api/v1/orders/{new['id']}")["courier_id"] is None)


def test_payment_taken_outside_is_money_for_iiko(hub: Hub, iiko: SandboxControl) -> None:
    iiko.create_orders(10)

    def paid(order: dict[str, Any]) -> dict[str, Any]:
        amount = str(Decimal(order["amount_minor"]) / 100)
        return {"payments": [{"paymentTypeKind": "Card", "sum": amount, "isProcessedExternally": True}]}

    used: set[int] = set()
    for _ in range(4):  # the control POS may post the guest's own payment first, and refuse
        order, body, end = act(hub, iiko, "update-payment", paid, used=used)
        if end["state"] == "confirmed":
            break

    assert end["state"] == "confirmed", end
    [payment] = truth(iiko, order)["payments"]
    assert (payment["isProcessedExternally"], payment["paymentType"]["name"]) == (True, "Онлайн-оплата")

    def shown() -> Any:
        return hub.get(f"/api/v1/orders/{order['id']}")

    wait_until(lambda: [one["is_processed_externally"] for one in shown()["payments"]] == [True])
    again = ask(hub, order["id"], "update-payment", body)
    assert again["errors"][0]["code"] in ("payment_processed", "order_closed", "order_cancelled")


@pytest.mark.parametrize("fault", ["http_408_after", "reset_after"])
def test_answer_lost_after_the_effect_is_found_in_the_order(
    hub: Hub, iiko: SandboxControl, fault: str
) -> None:
    iiko.create_orders(4)
    order = allowing(hub, iiko, "cancel", used=set())
    before = sent(iiko).get("deliveries/cancel", 0)
    iiko.set_faults(f"{fault}=1@deliveries/cancelx1")

    end = ended(hub, ask(hub, order["id"], "cancel", {"cancel_reason": "Гость передумал"}))
    iiko.set_faults("")

    assert (end["state"], end["correlation_id"]) == ("confirmed", ""), end
    assert end["confirmed_by"] in ("order", "event")
    assert truth(iiko, order)["status"] == "Cancelled"
    assert sent(iiko)["deliveries/cancel"] - before == 1


def test_command_waits_for_a_pos_that_is_offline(hub: Hub, iiko: SandboxControl) -> None:
    used: set[int] = set()
    for _ in range(3):  # its kitchen may be done with the order meanwhile
        iiko.create_orders(8)
        order = allowing(hub, iiko, "cancel", used=used)
        terminal_group = {"organization_id": order["organization_id"]}
        iiko._ask("till", terminal_group | {"online": False})

        waiting = ask(hub, order["id"], "cancel", {"cancel_reason": "Гость передумал"}, wait_s=3)
        wait_until(lambda path=f"/api/v1/commands/{waiting['id']}": hub.get(path)["state"] == "sent")
        pending = hub.get(f"/api/v1/orders/{order['id']}")["pending_commands"]
        assert pending[0]["id"] == waiting["id"]

        iiko._ask("till", terminal_group | {"online": True})
        if not changed_meanwhile(end := ended(hub, waiting)):
            break

    assert end["state"] == "confirmed", end
    assert truth(iiko, order)["status"] == "Cancelled"


def test_worker_killed_between_sending_and_recording(hub: Hub, iiko: SandboxControl, tmp_path: Path) -> None:
    iiko.create_orders(8)
    worker = hub.processes[-1]
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(PATIENCE_S) == 0
    ready = tmp_path / "ready"
    doomed = hub.start("manage.py", "shell", "-v0", "-c", KILLED_AFTER_SENDING.format(ready=str(ready)))
    wait_until(ready.exists)
    # Found late: the kitchen of the sandbox does not wait until a process has started.
    order = allowing(hub, iiko, "cancel", used=set())
    before = sent(iiko).get("deliveries/cancel", 0)

    command = ask(hub, order["id"], "cancel", {"cancel_reason": "Гость передумал"}, wait_s=0)
    assert doomed.wait(PATIENCE_S) == -signal.SIGKILL
    assert hub.get(f"/api/v1/commands/{command['id']}")["state"] == "sent"
    time.sleep(6.5)  # until the claim has run out
    hub.start_worker()

    end = ended(hub, command)
    assert (end["state"], end["confirmed_by"] in ("order", "event")) == ("confirmed", True), end
    assert truth(iiko, order)["status"] == "Cancelled"
    assert sent(iiko)["deliveries/cancel"] - before == 1


def test_what_the_pos_refuses_is_told_with_cause_and_next_step(hub: Hub, iiko: SandboxControl) -> None:
    def closed_at_the_checkout(order: dict[str, Any]) -> dict[str, Any]:
        # Behind the hub's back: by the POS, and no webhook tells.
        iiko.set_faults("drop=1")
        iiko.advance(4 * 3600)
        wait_until(lambda: truth(iiko, order)["status"] in ("Closed", "Cancelled"))
        return {"cancel_reason": "Поздно"}

    used: set[int] = set()
    for _ in range(5):  # reconciliation may read the order before the action comes
        iiko.set_faults("")
        iiko.create_orders(8)
        order = allowing(hub, iiko, "cancel", used=used)
        command = ask(hub, order["id"], "cancel", closed_at_the_checkout(order))
        if "errors" not in command:
            break
    iiko.set_faults("")
    refused = ended(hub, command)

    assert refused["state"] == "rejected", refused
    assert refused["error"]["code"] == "OrderStatusChangedInIikoFront"
    assert "changed at the restaurant checkout" in refused["error"]["message"]
    assert refused["error"]["cause"]
    assert refused["error"]["next_step"]
