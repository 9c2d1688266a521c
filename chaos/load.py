"""What goes on meanwhile: guests order, kitchens run out of dishes, clients act on orders and wallets.

A client repeats a request under its key until it is answered, as the documentation says.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from random import Random
from typing import Any
from urllib.error import HTTPError

import requests

from bench.sandbox_control import SandboxControl
from chaos.evidence import ClientRequest, Json, Sample
from chaos.installation import Installation, wait_for

UNRULY = "duplicate=0.1,reorder=0.1,batch=0.3,http_408_after=0.03,http_500_before=0.02,reset_after=0.02"
"""Of iiko itself, all the time: answers get lost, webhooks come twice, late and in batches."""

WALLETS = 6
_FIRST_ORDERS = 12
_BETWEEN_ORDERS_S = 0.5
_BETWEEN_SIDE_EVENTS_S = 2.0
_BETWEEN_ACTIONS_S = 0.3
_BETWEEN_MONEY_S = 0.8
_TIMEOUT_S = 30.0
_PAUSE_S = 1.0
_SIDE_EVENTS = ("StopListUpdate", "StopListUpdate", "PersonalShift", "TableOrderUpdate", "ReserveUpdate")
_EARLY = ("WaitCooking", "CookingStarted", "CookingCompleted", "Waiting")
"""What is further is over before a command gets there, and refused."""
_FOLLOWING = {"CookingCompleted": "Waiting", "Waiting": "OnWay"}
_ANSWERED_LATER = {0, 429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Wallet:
    organization_id: str
    customer_id: str
    wallet_id: str
    opening: str


@dataclass
class Load:
    """Threads that act until ``stop``; ``requested`` is what clients know afterwards."""

    hub: Installation
    seed: int
    wallets: list[Wallet] = field(default_factory=list)
    requested: list[ClientRequest] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _done: set[tuple[str, str]] = field(default_factory=set)
    _number: int = 0

    def start(self) -> None:
        self.hub.iiko.create_orders(_FIRST_ORDERS)
        wait_for(self._find_wallets, "guests with wallets", seconds=_TIMEOUT_S)
        self.couriers: dict[str, list[str]] = {}
        for row in self.hub.rows("/api/v1/couriers"):
            self.couriers.setdefault(row["organization_id"], []).append(row["courier_id"])
        self.hub.iiko.set_faults(UNRULY)
        for name, act, pause_s in (
            ("orders", lambda _random: self.hub.iiko.create_orders(1), _BETWEEN_ORDERS_S),
            ("side events", self._side_event, _BETWEEN_SIDE_EVENTS_S),
            ("actions", self._act, _BETWEEN_ACTIONS_S),
            ("money", self._move_money, _BETWEEN_MONEY_S),
        ):
            thread = threading.Thread(target=self._repeat, args=(name, act, pause_s), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _find_wallets(self) -> bool:
        self.wallets = find_wallets(self.hub.iiko, Random(f"{self.seed}/wallets"))
        return len(self.wallets) == WALLETS

    def stop(self) -> None:
        """Let what was begun come to its answer."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(_TIMEOUT_S * 2)

    def _repeat(self, name: str, act: Callable[[Random], None], pause_s: float) -> None:
        random = Random(f"{self.seed}/{name}")
        while not self._stopping.wait(random.uniform(0.5, 1.5) * pause_s):
            try:
                act(random)
            except (ValueError, KeyError) as error:
                self.failures.append(f"{name}: an answer that makes no sense, {error!r}")
                self._stopping.wait(_PAUSE_S)
            except (HTTPException, OSError):
                # The hub is away: nothing was read to act on.
                self._stopping.wait(_PAUSE_S)
            except Exception as error:  # noqa: BLE001  # named in the report: a client that died acts no more
                self.failures.append(f"{name}: {error!r}")
                return

    # --- iiko's side ---

    def _side_event(self, random: Random) -> None:
        cloud = [one["id"] for one in self.hub.iiko.state()["restaurants"] if one["webhooks"] == "Cloud"]
        self.hub.iiko.tell(random.choice(_SIDE_EVENTS), random.choice(cloud))

    # --- clients ---

    def _act(self, random: Random) -> None:
        orders = self.hub.get("/api/v1/orders?open=true&limit=100")["results"]
        orders = [one for one in orders if one["iiko_order_id"] and one["status"] in _EARLY]
        if not orders:
            return
        order = random.choice(orders)
        name, body = self._action(order, random)
        if (order["iiko_order_id"], f"{name} {body}") in self._done:
            return
        self._done.add((order["iiko_order_id"], f"{name} {body}"))
        self._ask(f"/api/v1/orders/{order['id']}/{name}", body, order["iiko_order_id"])

    def _action(self, order: Json, random: Random) -> tuple[str, Json]:
        """Choose what iiko will mostly agree to: the kitchen goes on meanwhile, and may be faster."""
        couriers = self.couriers.get(order["organization_id"])
        kind = random.choices(("assign-courier", "update-status", "update-payment", "cancel"), (6, 2, 3, 1))[
            0
        ]
        if kind == "assign-courier" and couriers and order["order_type"] == "DELIVERY":
            return kind, {"courier_id": random.choice(couriers)}
        if kind == "update-status" and order["status"] in _FOLLOWING:
            return kind, {"status": _FOLLOWING[order["status"]]}
        if kind == "cancel":
            return kind, {"cancel_reason": "guest changed their mind"}
        total = f"{order['amount_minor'] // 100}.{order['amount_minor'] % 100:02d}"
        return "update-payment", {"payments": [{"paymentTypeKind": "Cash", "sum": total}]}

    def _move_money(self, random: Random) -> None:
        wallet = random.choice(self.wallets)
        path = random.choices(("topup", "withdraw", "hold", "release"), (4, 3, 2, 1))[0]
        if path == "release":
            confirmed = "/api/v1/loyalty/operations?kind=hold&state=confirmed&limit=50"
            held = [one for one in self.hub.get(confirmed)["results"] if one["released_at"] is None]
            if not held:
                return
            hold = random.choice(held)
            if (hold["transaction_id"], "release") in self._done:
                return
            self._done.add((hold["transaction_id"], "release"))
            self._ask(f"/api/v1/loyalty/holds/{hold['transaction_id']}/cancel", {})
            return
        self._number += 1
        body = {
            "organization_id": wallet.organization_id,
            "customer_id": wallet.customer_id,
            "wallet_id": wallet.wallet_id,
            "amount": f"{random.randint(1, 30_000) / 100:.2f}",
            "comment": f"chaos {self._number}",
        }
        self._ask(f"/api/v1/loyalty/{path}", body)

    def _ask(self, path: str, body: Json, order_id: str | None = None) -> None:
        """Repeat a request until it is answered."""
        key, tries = f"chaos-{self.seed}-{time.monotonic_ns()}", 0
        while True:
            tries += 1
            began = time.monotonic()
            status, ident = self._post(path, body, key)
            endpoint = "POST orders/{id}/…" if order_id else "POST loyalty/…"
            self.samples.append(Sample(began, endpoint, status, time.monotonic() - began))
            if status not in _ANSWERED_LATER or (self._stopping.is_set() and tries > 3):
                break
            time.sleep(_PAUSE_S)
        self.requested.append(ClientRequest(path, body, key, status, tries, ident, order_id))

    def _post(self, path: str, body: Json, key: str) -> tuple[int, int | None]:
        headers = {"Authorization": f"Api-Key {self.hub.key}", "Idempotency-Key": key}
        try:
            answer = requests.post(f"{self.hub.url}{path}", json=body, headers=headers, timeout=_TIMEOUT_S)
        except requests.RequestException:
            return 0, None
        info: Any = answer.json() if answer.status_code in (200, 202) else {}
        return answer.status_code, info.get("id")


def find_wallets(iiko: SandboxControl, random: Random) -> list[Wallet]:
    """Choose wallets of points and money of guests, from the customers of iiko's orders."""
    phones = {
        (order["organizationId"], order["order"]["phone"])
        for order in iiko.orders()
        if order["order"] and order["order"].get("phone")
    }
    found = []
    for organization_id, phone in sorted(phones):
        try:
            guest = iiko.vendor(
                "loyalty/iiko/customer/info", organizationId=organization_id, type="phone", phone=phone
            )
        except HTTPError:
            continue  # a guest that has no wallet
        found += [
            Wallet(organization_id, guest["id"], one["id"], str(one["balance"]))
            for one in guest["walletBalances"]
            if one["type"] in (0, 1)
        ]
    return random.sample(found, min(WALLETS, len(found)))
