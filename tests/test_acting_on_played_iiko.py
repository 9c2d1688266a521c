"""Actions on live orders of a played iiko: what the hub tells is what became of them, each is sent once."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from bench.played import Played, arguments
from tests.hub_process import Hub, free_port, running_hub, wait_until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("acting")]

TOKEN = "token-of-the-played-iiko"
FAST, CALM = 300.0, 20.0
ON_WAY = {"status": "OnWay"}

# Sends, and is killed before it can write down what came back.
KILLED_AFTER_SENDING = """
import os, signal
from datetime import timedelta
from django.core.management import call_command
from orders.services import carrying
record = carrying._record
def die(claim, verdict, now):
    if claim.step is carrying.Step.SEND:
        os.kill(os.getpid(), signal.SIGKILL)
    return record(claim, verdict, now)
carrying._record, carrying.LEASE = die, timedelta(seconds=1)
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
    ) as running:
        yield running


@pytest.fixture(scope="module")
def iiko(hub: Hub, sandbox_port: int) -> Played:
    """A sandbox with orders at every stage, played slowly from here on."""
    hub.start(*arguments(port=sandbox_port, hub_port=hub.port, token=TOKEN, speed=FAST))
    played = Played(sandbox_port)
    wait_until(played.is_up)
    hub.manage("sync_dictionaries")
    hub.start_web()
    hub.start_worker()
    for _ in range(4):
        played.bear(6)
        time.sleep(0.7)
    played._ask("clock", {"speed": CALM})
    return played


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


def allowing(hub: Hub, action: str, *, used: set[int], **wanted: Any) -> dict[str, Any]:
    """An order on which nobody acted yet, that allows an action (a status or the address's last part)."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        found[:] = [
            order
            for order in details(hub)
            if order["id"] not in used
            and all(order[name] == value for name, value in wanted.items())
            and any(
                one["allowed"] and action in (one["status"], one["action"])
                for one in order["allowed_actions"]
            )
        ]
        return bool(found)

    wait_until(look)
    used.add(found[0]["id"])
    return found[0]


def ended(hub: Hub, command: dict[str, Any]) -> dict[str, Any]:
    """The command once it is over."""
    path = f"/api/v1/commands/{command['id']}"
    wait_until(lambda: hub.get(path)["finished_at"] is not None)
    end: dict[str, Any] = hub.get(path)
    return end


def truth(iiko: Played, order: dict[str, Any]) -> dict[str, Any]:
    [told] = [each["order"] for each in iiko.orders() if each["id"] == order["iiko_order_id"]]
    inner: dict[str, Any] = told
    return inner


def sent(iiko: Played) -> dict[str, int]:
    """How many calls of each operation that changes orders iiko had."""
    changing = ("update_order", "change_", "cancel", "close", "confirm")
    return {
        name: sum(calls["answers"].values())
        for name, calls in iiko.calls().items()
        if name.startswith("deliveries/") and name.split("/")[1].startswith(changing)
    }


# --- the journeys ------------------------------------------------------------------------------------


def test_five_kinds_of_actions_end_as_iiko_has_them(hub: Hub, iiko: Played) -> None:
    used: set[int] = set()

    courier_order = allowing(hub, "assign-courier", used=used)
    couriers = hub.rows(f"/api/v1/couriers?organization_id={courier_order['organization_id']}")
    courier = next(each for each in couriers if each["courier_id"] != courier_order["courier_id"])
    payment_order = allowing(hub, "update-payment", used=used)
    amount = Decimal(payment_order["amount_minor"]) / 100 + Decimal("0.01")
    status_order = allowing(hub, "OnWay", used=used)
    close_order = allowing(hub, "Closed", used=used)
    cancel_order = allowing(hub, "cancel", used=used)
    before = sent(iiko)

    paid = {"payments": [{"paymentTypeKind": "Cash", "sum": str(amount)}]}
    commands = [
        ask(hub, courier_order["id"], "assign-courier", {"courier_id": courier["courier_id"]}),
        ask(hub, payment_order["id"], "update-payment", paid),
        ask(hub, status_order["id"], "update-status", ON_WAY),
        ask(hub, close_order["id"], "update-status", {"status": "Closed"}),
        ask(hub, cancel_order["id"], "cancel", {"cancel_reason": "Гость передумал"}),
    ]

    assert [command.get("state") for command in commands] == ["confirmed"] * 5, commands
    assert truth(iiko, courier_order)["courierInfo"]["courier"]["id"] == courier["courier_id"]
    assert [Decimal(str(each["sum"])) for each in truth(iiko, payment_order)["payments"]] == [amount]
    assert truth(iiko, status_order)["status"] in ("OnWay", "Delivered", "Closed")
    assert truth(iiko, close_order)["status"] == "Closed"
    assert truth(iiko, cancel_order)["status"] == "Cancelled"

    def shown(order: dict[str, Any], name: str) -> Any:
        return hub.get(f"/api/v1/orders/{order['id']}")[name]

    wait_until(lambda: shown(courier_order, "courier_id") == courier["courier_id"])
    wait_until(lambda: shown(payment_order, "payments")[0]["sum_minor"] == int(amount * 100))
    wait_until(lambda: shown(close_order, "status") == "Closed")
    wait_until(lambda: shown(cancel_order, "status") == "Cancelled")
    assert shown(cancel_order, "pending_commands") == []
    after = sent(iiko)
    assert sum(after.values()) - sum(before.values()) == 5, (before, after)


@pytest.mark.parametrize("fault", ["http_408_after", "reset_after"])
def test_answer_lost_after_the_effect_is_found_in_the_order(hub: Hub, iiko: Played, fault: str) -> None:
    iiko.bear(4)
    order = allowing(hub, "cancel", used=set())
    before = sent(iiko).get("deliveries/cancel", 0)
    iiko.set_faults(f"{fault}=1@deliveries/cancelx1")

    end = ask(hub, order["id"], "cancel", {"cancel_reason": "Гость передумал"})
    iiko.set_faults("")

    assert (end["state"], end["correlation_id"]) == ("confirmed", ""), end
    assert end["proof"] in ("order", "event")
    assert truth(iiko, order)["status"] == "Cancelled"
    assert sent(iiko)["deliveries/cancel"] - before == 1


def test_command_waits_for_a_till_that_is_offline(hub: Hub, iiko: Played) -> None:
    iiko.bear(8)
    order = allowing(hub, "cancel", used=set())
    till = {"organization_id": order["organization_id"]}
    iiko._ask("till", till | {"online": False})

    waiting = ask(hub, order["id"], "cancel", {"cancel_reason": "Гость передумал"}, wait_s=3)
    assert waiting["state"] == "sent", waiting
    assert hub.get(f"/api/v1/orders/{order['id']}")["pending_commands"][0]["id"] == waiting["id"]

    iiko._ask("till", till | {"online": True})
    assert ended(hub, waiting)["state"] == "confirmed"
    assert truth(iiko, order)["status"] == "Cancelled"


def test_worker_killed_between_sending_and_recording(hub: Hub, iiko: Played) -> None:
    iiko.bear(8)
    order = allowing(hub, "cancel", used=set())
    worker = hub.processes[-1]
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(30) == 0
    before = sent(iiko).get("deliveries/cancel", 0)
    doomed = hub.start("manage.py", "shell", "-v0", "-c", KILLED_AFTER_SENDING)

    command = ask(hub, order["id"], "cancel", {"cancel_reason": "Гость передумал"}, wait_s=0)
    assert doomed.wait(30) == -signal.SIGKILL
    assert hub.get(f"/api/v1/commands/{command['id']}")["state"] == "sent"
    time.sleep(6.5)  # until the claim has run out
    hub.start_worker()

    end = ended(hub, command)
    assert (end["state"], end["proof"] in ("order", "event")) == ("confirmed", True), end
    assert truth(iiko, order)["status"] == "Cancelled"
    assert sent(iiko)["deliveries/cancel"] - before == 1


def test_what_the_till_refuses_is_told_with_cause_and_next_step(hub: Hub, iiko: Played) -> None:
    order = allowing(hub, "cancel", used=set())
    iiko.set_faults("drop=1")
    # Cancelled behind the hub's back: by the till, and no webhook tells.
    iiko._ask("clock", {"advance_s": 4 * 3600})
    wait_until(lambda: truth(iiko, order)["status"] in ("Closed", "Cancelled"))

    refused = ask(hub, order["id"], "cancel", {"cancel_reason": "Поздно"})
    iiko.set_faults("")

    assert refused["state"] == "rejected", refused
    assert refused["error"]["code"] == "OrderStatusChangedInIikoFront"
    assert "changed at the restaurant checkout" in refused["error"]["message"]
    assert refused["error"]["cause"]
    assert refused["error"]["next_step"]
