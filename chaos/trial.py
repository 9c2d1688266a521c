"""One run: load goes on while faults come and go; then all is repaired, settles and is compared."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import Any, cast
from urllib.error import HTTPError

from bench.processes import ProcessFailed
from chaos.checks import FINAL, OVER
from chaos.disk import CannotBeFilled
from chaos.evidence import Evidence, InboxRow, Injected, Json, Sample, canonical
from chaos.faults import LONG_FROM_MINUTES, Fault, plan, wait_until_up
from chaos.installation import WORKERS, Installation, wait_for
from chaos.load import Load
from chaos.pace import times_of
from chaos.watch import Watch

_CALM_S = 3.0
_REST_S = (0.5, 2.0)
_SETTLE_S = 120.0
_END_SPEED = 600.0
_READERS = 4
_PASSED = "15 minutes"
"""As much as leases, pauses and searches for a lost answer last at most; the hub goes on after that."""

_WAITING = {
    "order_commands": "finished_at IS NULL",
    "loyalty_operations": "finished_at IS NULL",
    "stop_list_groups": "true",
    "stop_list_readings": "true",
    "webhook_events": "status = 'failed'",
    "procrastinate_jobs": "status = 'todo'",
    "procrastinate_workers": "true",
    "order_sync": "true",
    "order_sync_leases": "true",
    "iiko_pauses": "true",
}
"""What waits for its time, by table."""

Say = Callable[[str], None]


@dataclass
class Trial:
    hub: Installation
    minutes: float
    seed: int
    say: Say
    faults: tuple[type[Fault], ...]

    def run(self) -> Evidence:
        self.load = Load(self.hub, self.seed)
        self.watch = Watch(self.hub, self.seed)
        self.watch.command_ids = lambda: [
            one.id for one in self.load.requested[-50:] if one.order_id and one.id
        ]
        self.watch.guests = lambda: [(one.organization_id, one.customer_id) for one in self.load.wallets]
        self.load.start()
        self.watch.start()
        time.sleep(_CALM_S)
        self.calm = self.watch.calm()
        self.injected: list[Injected] = []
        self.ended_by_themselves: list[str] = []
        self._inject()
        self.load.stop()
        self.settle_s = self._settle()
        self.watch.stop()
        return self._collect()

    # --- faults ---

    def _inject(self) -> None:
        """Inject every fault once, then again and again until the time is over."""
        until = time.monotonic() + 60 * self.minutes
        order = Random(f"{self.seed}/plan")
        while True:
            for kind in plan(order, faults=self.faults):
                number = len(self.injected)
                if number >= len(self.faults) and time.monotonic() > until:
                    return
                random = Random(f"{self.seed}/{number}")
                time.sleep(random.uniform(*_REST_S))
                self.injected.append(self._play(kind(self.hub, random)))

    def _play(self, fault: Fault) -> Injected:
        self.say(fault.name)
        began, hit, not_injected = time.monotonic(), "", ""
        try:
            hit = fault.begin()
            time.sleep(self._length_s(fault))
        except CannotBeFilled as refused:
            not_injected = str(refused)
            self.say(f"{fault.name}: NOT INJECTED, {not_injected}")
        finally:
            fault.end()
        ended = time.monotonic()
        wait_until_up(self.hub)
        self.ended_by_themselves += [f"{one} during: {fault.name}" for one in self.hub.replace_dead()]
        return Injected(
            fault.name, hit, began, ended, time.monotonic(), not_injected, fault.spares, fault.broken
        )

    def _length_s(self, fault: Fault) -> float:
        is_long = self.minutes >= LONG_FROM_MINUTES and fault.lasts_long_s
        return fault.lasts_long_s if is_long else fault.lasts_s

    # --- coming to rest ---

    def _settle(self) -> float:
        """Let iiko be reliable and all that waits come to its end; returns how long it took."""
        began = time.monotonic()
        self.say("all repaired: waiting until the hub has caught up")
        self.hub.iiko.set_faults("")
        self.hub.iiko.set_speed(_END_SPEED)
        self._wait(self._is_iiko_quiet, "iiko's last order and webhook")
        self._let_time_pass()
        self._wait(self._is_hub_quiet, "the hub to come to rest")
        self._wait(self._is_equal, "the mirror to equal iiko")
        return time.monotonic() - began

    def _wait(self, happened: Callable[[], Any], what: str) -> None:
        try:
            wait_for(happened, what, seconds=_SETTLE_S * times_of(self.calm))
        except ProcessFailed as late:
            self.say(str(late))  # the checks show what is missing

    def _is_iiko_quiet(self) -> bool:
        state = self.hub.iiko.state()
        return not state["orders"] and not state["webhooks"]["waiting"]

    def _let_time_pass(self) -> None:
        """Bring near what the hub has put off, so that nobody waits a quarter of an hour for it."""
        self.hub.stop_workers()
        for table, condition in _WAITING.items():
            columns = self.hub.query(
                "SELECT column_name FROM information_schema.columns "
                "WHERE table_name = %s AND data_type = 'timestamp with time zone'",
                table,
            )
            moved = ", ".join(f"{name} = {name} - interval '{_PASSED}'" for (name,) in columns)
            if moved:
                self.hub.query(f"UPDATE {table} SET {moved} WHERE {condition}")  # constants of ours
            else:
                self.watch.gaps.append(f"there is no table {table} in which anything could wait")
        for _ in range(WORKERS):
            self.hub.start_worker()

    def _is_hub_quiet(self) -> bool:
        left = "SELECT count(*) FROM webhook_events WHERE NOT status = ANY(%s)"
        open_rows = "SELECT count(*) FROM {} WHERE NOT state = ANY(%s)"
        return not (
            self.hub.query(left, sorted(OVER))[0][0]
            or self.hub.query(open_rows.format("order_commands"), sorted(FINAL))[0][0]
            or self.hub.query(open_rows.format("loyalty_operations"), sorted(FINAL))[0][0]
        )

    def _is_equal(self) -> bool:
        shown = {row["iiko_order_id"]: row["revision"] for row in self.hub.rows("/api/v1/orders")}
        known = {one["id"]: one["timestamp"] for one in self.hub.iiko.orders()}
        return shown == known and self.hub.stop_lists() == self.hub.iiko.stop_lists()

    # --- collecting ---

    def _collect(self) -> Evidence:
        self.watch.gather()
        evidence = Evidence(
            orders=self.hub.iiko.orders(),
            zones=self.hub.iiko.zones(),
            history=self.watch.history,
            taken=self.hub.iiko.commands(),
            stop_lists=self.hub.iiko.stop_lists(),
            webhooks_lost=self.hub.iiko.state()["webhooks"]["lost"],
            acknowledged=self.watch.acknowledged,
            inbox=read_inbox(self.hub),
            shown_stop_lists=self.hub.stop_lists(),
            operations={row["id"]: row for row in self.hub.rows("/api/v1/loyalty/operations")},
            requests=self.load.requested,
            samples=self.watch.samples + self.load.samples,
            states_shown=self.watch.states_shown,
            shown_confirmed=self.watch.shown_confirmed,
            injected=self.injected,
            backlog=self.watch.backlog,
            lags=self.watch.lags,
            calm=self.calm,
            ended_by_themselves=self.ended_by_themselves,
            gaps=self.watch.gaps + self.load.failures,
        )
        commands = self._read(evidence, "commands", "SELECT id FROM order_commands")
        evidence.commands = {one["id"]: one for one in commands}
        orders = self._read(evidence, "orders", "SELECT id FROM orders")
        evidence.shown_orders = {one["iiko_order_id"]: one for one in orders}
        self._collect_wallets(evidence)
        return evidence

    def _read(self, evidence: Evidence, path: str, ids: str) -> list[Json]:
        """Read rows one by one, as a client would; an answer that is an error is one that people got."""

        def read(ident: int) -> Json | None:
            began = time.monotonic()
            try:
                return cast("Json", self.hub.get(f"/api/v1/{path}/{ident}"))
            except HTTPError as error:
                took_s = time.monotonic() - began
                evidence.samples.append(Sample(began, f"GET {path}/{{id}} in the end", error.code, took_s))
                return None

        with ThreadPoolExecutor(_READERS) as pool:
            return [one for one in pool.map(read, [row[0] for row in self.hub.query(ids)]) if one]

    def _collect_wallets(self, evidence: Evidence) -> None:
        guests = {(one.organization_id, one.customer_id) for one in self.load.wallets}
        opening = {(one.customer_id, one.wallet_id): one.opening for one in self.load.wallets}
        evidence.opening_balances = opening
        for organization_id, customer_id in sorted(guests):
            info = self.hub.iiko.vendor(
                "loyalty/iiko/customer/info", organizationId=organization_id, type="id", id=customer_id
            )
            evidence.balances |= _balances(customer_id, info["walletBalances"], "id", opening)
            shown = self.hub.get(
                f"/api/v1/loyalty/customers?organization_id={organization_id}&id={customer_id}"
            )
            evidence.shown_balances |= _balances(customer_id, shown["wallets"], "wallet_id", opening)
            book = self.hub.iiko.vendor(
                "loyalty/iiko/customer/transactions/by_revision",
                organizationId=organization_id, customerId=customer_id, revision=0, pageSize=1000,
            )  # fmt: skip
            if len(book["transactions"]) == book["pageSize"]:
                evidence.gaps.append(f"more than {book['pageSize']} transactions of guest {customer_id}")
            evidence.transactions += [one | {"customerId": customer_id} for one in book["transactions"]]


def _balances(
    customer_id: str, rows: list[Json], name: str, opening: dict[tuple[str, str], str]
) -> dict[tuple[str, str], str]:
    found = {(customer_id, row[name]): str(row["balance"]) for row in rows}
    return {wallet: balance for wallet, balance in found.items() if wallet in opening}


def read_inbox(hub: Installation) -> list[InboxRow]:
    rows = hub.query(
        "SELECT organization_id, event_type, payload -> 'eventInfo' ->> 'id', revision, payload, status, "
        "reason, duplicates FROM webhook_events"
    )
    return [
        InboxRow(organization, kind, entity, revision, canonical(payload), status, reason, duplicates)
        for organization, kind, entity, revision, payload, status, reason, duplicates in rows
    ]
