"""What people and programs are shown meanwhile: pages and answers, asked for again and again."""

import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from uuid import uuid4

import requests

from chaos.evidence import Json, Sample
from chaos.installation import PASSWORD, TOKEN, USER, Installation

WEBHOOK = "POST webhooks/iiko"
_TIMEOUT_S = 30.0
_GATHER_S = 1.0
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_MOST_KEPT = 500
"""Of webhooks by the sandbox: more between two polls are missed."""


class Watch:
    """Threads that poll; what they were shown is in ``samples`` and beside it."""

    def __init__(self, hub: Installation, seed: int) -> None:
        self.hub = hub
        self.samples: list[Sample] = []
        self.states_shown: set[tuple[str, int | None, str | None]] = set()
        self.shown_confirmed: set[int] = set()
        self.acknowledged: list[Json] = []
        self.history: list[Json] = []
        self.gaps: list[str] = []
        self.command_ids: Callable[[], list[int]] = list
        self._random = Random(f"{seed}/watch")
        self._order_ids: list[int] = []
        self._tried = 0
        self._restaurants = list(hub.iiko.zones())
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._people = requests.Session()

    def start(self) -> None:
        self._sign_in()
        for name, ask, pause_s in (
            ("GET healthz", lambda: self._get("/healthz").status_code, 0.25),
            ("GET readyz", lambda: self._get("/readyz").status_code, 0.25),
            (WEBHOOK, self._webhook, 0.25),
            ("GET orders", self._orders, 0.4),
            ("GET orders/{id}", self._order, 0.5),
            ("GET commands/{id}", self._command, 0.3),
            ("admin: overview", lambda: self._page("/admin/"), 1.0),
            ("admin: orders", lambda: self._page("/admin/orders/order/"), 1.0),
            ("admin: an order", self._order_page, 1.0),
        ):
            self._thread(self._poll, name, ask, pause_s)
        self._thread(self._gather)

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(_TIMEOUT_S)

    def gather(self) -> None:
        """Take up what iiko sent and went through since the last time."""
        sent = self.hub.iiko.sent(self._tried)
        if sent and sent[0]["number"] > self._tried + 1:
            self.gaps.append(f"{sent[0]['number'] - self._tried - 1} tries of webhooks were not seen")
        for one in sent:
            self._tried = one["number"]
            if one["status"] is not None and 200 <= one["status"] < 300:
                self.acknowledged += one["body"] if isinstance(one["body"], list) else [one["body"]]
        since = self.history[-1]["number"] if self.history else 0
        states = self.hub.iiko.history(since)
        if states and states[0]["number"] > since + 1:
            self.gaps.append(f"{states[0]['number'] - since - 1} states of orders were not seen")
        self.history += states

    def _thread(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _gather(self) -> None:
        while not self._stopping.wait(_GATHER_S):
            self.gather()

    def _poll(self, endpoint: str, ask: Callable[[], int | None], pause_s: float) -> None:
        while not self._stopping.wait(pause_s):
            began = time.monotonic()
            try:
                status = ask()
            except requests.JSONDecodeError as error:
                self.gaps.append(f"{endpoint}: a whole answer that is no JSON, {error}")
                continue
            except requests.RequestException:
                status = 0
            except Exception as error:  # noqa: BLE001  # named in the report: who died sees nothing more
                self.gaps.append(f"{endpoint}: {error!r}")
                return
            if status is not None:
                self.samples.append(Sample(began, endpoint, status, time.monotonic() - began))

    # --- programs ---

    def _get(self, path: str) -> requests.Response:
        headers = {"Authorization": f"Api-Key {self.hub.key}"}
        return requests.get(f"{self.hub.url}{path}", headers=headers, timeout=_TIMEOUT_S)

    def _webhook(self) -> int:
        """Deliver an event of a type that is kept and sets nothing off."""
        event = {
            "eventType": "KitchenOrderUpdate",
            "eventTime": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3],
            "organizationId": self._random.choice(self._restaurants),
            "correlationId": str(uuid4()),
            "eventInfo": {"id": str(uuid4()), "note": "chaos"},
        }
        url = f"{self.hub.url}/api/v1/webhooks/iiko"
        answer = requests.post(url, json=[event], headers={"Authorization": TOKEN}, timeout=_TIMEOUT_S)
        if answer.status_code == 200:
            self.acknowledged.append(event)
        return answer.status_code

    def _orders(self) -> int:
        answer = self._get("/api/v1/orders?limit=100")
        if answer.status_code == 200:
            rows = answer.json()["results"]
            self._order_ids = [row["id"] for row in rows]
            self._note(rows)
        return answer.status_code

    def _order(self) -> int | None:
        if not self._order_ids:
            return None
        answer = self._get(f"/api/v1/orders/{self._random.choice(self._order_ids)}")
        if answer.status_code == 200:
            self._note([answer.json()])
        return answer.status_code

    def _note(self, rows: list[Json]) -> None:
        self.states_shown |= {(row["iiko_order_id"], row["revision"], row["status"]) for row in rows}

    def _command(self) -> int | None:
        ids = self.command_ids()
        if not ids:
            return None
        answer = self._get(f"/api/v1/commands/{self._random.choice(ids)}")
        if answer.status_code == 200 and answer.json()["state"] == "confirmed":
            self.shown_confirmed.add(answer.json()["id"])
        return answer.status_code

    # --- people ---

    def _sign_in(self) -> None:
        url = f"{self.hub.url}/admin/login/"
        found = _CSRF.search(self._people.get(url, timeout=_TIMEOUT_S).text)
        token = found[1] if found else ""
        form = {"username": USER, "password": PASSWORD, "csrfmiddlewaretoken": token, "next": "/admin/"}
        answer = self._people.post(url, data=form, headers={"Referer": url}, timeout=_TIMEOUT_S)
        answer.raise_for_status()

    def _page(self, path: str) -> int:
        answer = self._people.get(f"{self.hub.url}{path}", timeout=_TIMEOUT_S, allow_redirects=False)
        return answer.status_code

    def _order_page(self) -> int | None:
        if not self._order_ids:
            return None
        return self._page(f"/admin/orders/order/{self._random.choice(self._order_ids)}/change/")
