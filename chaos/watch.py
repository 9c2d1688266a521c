"""What people and programs are shown meanwhile: pages and answers, asked for again and again."""

import contextlib
import html
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from uuid import uuid4

import psycopg
import requests

from chaos.evidence import Backlog, Calm, Json, Sample
from chaos.installation import PASSWORD, TOKEN, USER, Installation
from iikohub.embedded_postgres.programs import EmbeddedPostgresError

WEBHOOK, HEALTHZ, READYZ = "POST webhooks/iiko", "GET healthz", "GET readyz"
_TIMEOUT_S = 30.0
_GATHER_S = 1.0
_PULSE_S = 0.05
_LEAST_LAG_S = 0.1
_BACKLOG_S = 0.5
_OLDEST_WAITING = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(received_at)), 0)
FROM webhook_events WHERE status = 'pending'
"""
_ALERT = re.compile(r'<(\w+)[^>]*role="alert"[^>]*>(.*?)</\1>', re.DOTALL)
_HEADING = re.compile(r"<(h1)[^>]*>(.*?)</h1>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_LONGEST_SAID = 160
_SMALL = 2000
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
        self.backlog: list[Backlog] = []
        self.lags: list[tuple[float, float]] = []
        self.command_ids: Callable[[], list[int]] = list
        self.guests: Callable[[], list[tuple[str, str]]] = list
        """Restaurants and customers."""
        self._random = Random(f"{seed}/watch")
        self._order_ids: list[int] = []
        self._tried = 0
        self._restaurants = list(hub.iiko.zones())
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._people = requests.Session()
        self._people.headers["Accept-Language"] = "en"

    def start(self) -> None:
        self._sign_in()
        for name, ask, pause_s in (
            (HEALTHZ, lambda: self._get("/healthz"), 0.25),
            (READYZ, lambda: self._get("/readyz"), 0.25),
            (WEBHOOK, self._webhook, 0.25),
            ("GET orders", self._orders, 0.4),
            ("GET orders/{id}", self._order, 0.5),
            ("GET commands/{id}", self._command, 0.3),
            ("GET loyalty/customers", self._guest, 1.0),
            ("console: board", lambda: self._page("/console/"), 1.0),
            ("console: attention", lambda: self._page("/console/attention"), 1.0),
            ("admin: overview", lambda: self._page("/admin/"), 1.0),
            ("admin: orders", lambda: self._page("/admin/orders/order/"), 1.0),
            ("admin: an order", self._order_page, 1.0),
        ):
            self._thread(self._poll, name, ask, pause_s)
        for look in (self._gather, self._follow_backlog, self._feel_pulse):
            self._thread(look)

    def calm(self) -> Calm:
        """Say how this machine was until now, when all was well."""
        took = [one.took_s for one in self.samples if one.endpoint == WEBHOOK]
        return Calm(max(took, default=0.0), len(took))

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

    def _follow_backlog(self) -> None:
        while not self._stopping.wait(_BACKLOG_S):
            at = time.monotonic()
            with contextlib.suppress(psycopg.Error, EmbeddedPostgresError):  # the database is away
                self.backlog.append(Backlog(at, float(self.hub.query(_OLDEST_WAITING)[0][0])))

    def _feel_pulse(self) -> None:
        """Note how long this machine lets a thread wait that has something to do."""
        before = time.monotonic()
        while not self._stopping.is_set():
            time.sleep(_PULSE_S)
            now = time.monotonic()
            if (lag_s := now - before - _PULSE_S) > _LEAST_LAG_S:
                self.lags.append((now, lag_s))
            before = now

    def _poll(self, endpoint: str, ask: Callable[[], requests.Response | None], pause_s: float) -> None:
        while not self._stopping.wait(pause_s):
            began, status, words = time.monotonic(), 0, ""
            try:
                answer = ask()
                if answer is None:
                    continue
                status, took_s = answer.status_code, time.monotonic() - began
                words = said(answer)
            except requests.JSONDecodeError as error:
                self.gaps.append(f"{endpoint}: a whole answer that is no JSON, {error}")
                continue
            except requests.RequestException:
                took_s = time.monotonic() - began
            except Exception as error:  # noqa: BLE001  # named in the report: who died sees nothing more
                self.gaps.append(f"{endpoint}: {error!r}")
                return
            self.samples.append(Sample(began, endpoint, status, took_s, words))

    # --- programs ---

    def _get(self, path: str) -> requests.Response:
        headers = {"Authorization": f"Api-Key {self.hub.key}", "Accept-Language": "en"}
        return requests.get(f"{self.hub.url}{path}", headers=headers, timeout=_TIMEOUT_S)

    def _webhook(self) -> requests.Response:
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
        return answer

    def _orders(self) -> requests.Response:
        answer = self._get("/api/v1/orders?limit=100")
        if answer.status_code == 200:
            rows = answer.json()["results"]
            self._order_ids = [row["id"] for row in rows]
            self._note(rows)
        return answer

    def _order(self) -> requests.Response | None:
        if not self._order_ids:
            return None
        answer = self._get(f"/api/v1/orders/{self._random.choice(self._order_ids)}")
        if answer.status_code == 200:
            self._note([answer.json()])
        return answer

    def _note(self, rows: list[Json]) -> None:
        self.states_shown |= {(row["iiko_order_id"], row["revision"], row["status"]) for row in rows}

    def _command(self) -> requests.Response | None:
        ids = self.command_ids()
        if not ids:
            return None
        answer = self._get(f"/api/v1/commands/{self._random.choice(ids)}")
        if answer.status_code == 200 and answer.json()["state"] == "confirmed":
            self.shown_confirmed.add(answer.json()["id"])
        return answer

    def _guest(self) -> requests.Response | None:
        """Look a guest up, for which the hub asks iiko."""
        guests = self.guests()
        if not guests:
            return None
        organization_id, customer_id = self._random.choice(guests)
        return self._get(f"/api/v1/loyalty/customers?organization_id={organization_id}&id={customer_id}")

    # --- people ---

    def _sign_in(self) -> None:
        url = f"{self.hub.url}/admin/login/"
        found = _CSRF.search(self._people.get(url, timeout=_TIMEOUT_S).text)
        token = found[1] if found else ""
        form = {"username": USER, "password": PASSWORD, "csrfmiddlewaretoken": token, "next": "/admin/"}
        answer = self._people.post(url, data=form, headers={"Referer": url}, timeout=_TIMEOUT_S)
        answer.raise_for_status()

    def _page(self, path: str) -> requests.Response:
        return self._people.get(f"{self.hub.url}{path}", timeout=_TIMEOUT_S, allow_redirects=False)

    def _order_page(self) -> requests.Response | None:
        if not self._order_ids:
            return None
        return self._page(f"/admin/orders/order/{self._random.choice(self._order_ids)}/change/")


def said(answer: requests.Response) -> str:
    """Return what an answer says is wrong; nothing where it says nothing."""
    if "json" not in answer.headers.get("Content-Type", ""):
        pattern = _ALERT if answer.status_code == 200 else _HEADING
        found = [html.unescape(_TAG.sub("", inner)) for _tag, inner in pattern.findall(answer.text)]
        different = dict.fromkeys(" ".join(words.split()) for words in found)
        return " ".join(different)[:_LONGEST_SAID]
    if answer.status_code == 200 and len(answer.content) > _SMALL:
        return ""
    body = answer.json()
    errors = body.get("errors") or [{}]
    words = body.get("reason") or body.get("warning") or body.get("detail") or errors[0].get("detail")
    return str(words or "")[:_LONGEST_SAID]
