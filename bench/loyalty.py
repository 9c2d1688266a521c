"""Money under faults: random operations against the sandbox, then every wallet is compared with the ledger.

The sandbox answers over real HTTP and loses answers before and after the effect, resets lines, answers
408, 429 and 500. Workers die between any two steps and requests are repeated. One clock, moved by hand,
serves the hub and the sandbox, so that waiting costs no time.
"""

import io
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial, wraps
from random import Random
from typing import ParamSpec, TypeVar
from unittest import mock
from uuid import UUID

from django.db import connection
from django.test import Client, override_settings
from werkzeug.serving import make_server

from bench.report import Comparison, Length, Row, Section
from core.database import db_clock
from iiko_client.http.transport import Retries
from loyalty.models import LoyaltyOperation, OperationKind, OperationState, OperationStep
from loyalty.wallets import dispatch, submission
from organizations.models.connection import ApiLogin, IikoCircuit, IikoPause
from organizations.models.organization import Organization
from organizations.provisioning import add_organization, create_api_key
from sandbox.faults import NO_FAULTS, parse_faults
from sandbox.http.app import create_app
from sandbox.journal import Journal
from sandbox.loyalty.wallets import Customer
from sandbox.options import Options
from sandbox.run import serving
from sandbox.simulator import Simulator

WALLET_CALLS = "loyalty/iiko/customer/wallet"
FAULTS = ",".join(
    f"{name}={share}@{WALLET_CALLS}"
    for name, share in (
        ("http_408_before", 0.04),
        ("http_408_after", 0.06),
        ("http_500_after", 0.05),
        ("reset_before", 0.04),
        ("reset_after", 0.06),
        ("http_429", 0.05),
    )
)
READS_FAIL = "http_500_before=0.03"
CRASHES = 0.01
REPEATED_SHARE = 0.1

_WORKERS = 4
_BURST = 24
_STEPS = (
    (dispatch.OUTBOX, "claim"),
    (dispatch, "_guard"),
    (dispatch.OUTBOX, "begin"),
    (dispatch, "_call"),
    (dispatch.OUTBOX, "record"),
    (dispatch, "finish"),
    (dispatch, "record"),
    (submission, "record"),
)


Task = Callable[[], None]
Given = ParamSpec("Given")
Result = TypeVar("Result")


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Outcome:
    """What was asked, what went wrong on purpose, and what does not agree in the end."""

    operations: int = 0
    wallets: int = 0
    refused: int = 0
    crashes: int = 0
    repeats: int = 0
    lost_answers: int = 0
    states: dict[str, int] = field(default_factory=dict)
    duration_s: float = 0.0
    wrong_balances: list[str] = field(default_factory=list)
    carried_out_twice: list[str] = field(default_factory=list)
    not_as_shown: list[str] = field(default_factory=list)
    overdrawn: list[str] = field(default_factory=list)
    unfinished: int = 0

    @property
    def is_exact(self) -> bool:
        wrong = (self.wrong_balances, self.carried_out_twice, self.not_as_shown, self.overdrawn)
        return not any(wrong) and not self.unfinished


class ManualClock:
    def __init__(self) -> None:
        self.instant = datetime.now(UTC)

    def now(self) -> datetime:
        return self.instant


def _survive(task: Task) -> None:
    with suppress(Crash):  # another worker finds what this one left
        task()


def _work(pool: ThreadPoolExecutor, tasks: list[Task]) -> None:
    """Wait for the last of the tasks; raise what one of them raised, unless it just died."""
    wait(futures := [pool.submit(_survive, task) for task in tasks])
    for future in futures:
        future.result()


@contextmanager
def _workers() -> Iterator[ThreadPoolExecutor]:
    met = threading.Barrier(_WORKERS)

    def leave() -> None:
        connection.close()
        met.wait(30)  # nobody takes a second of these tasks before all have taken one

    with ThreadPoolExecutor(_WORKERS) as pool:
        try:
            yield pool
        finally:
            _work(pool, [leave] * _WORKERS)


class Trial:
    """``run`` makes so many operations on so many wallets. Needs a database to write into."""

    def __init__(self, *, operations: int, wallets: int, seed: int) -> None:
        self._wanted, self._seed = operations, seed
        self._random = Random(f"{seed}/trial")  # a day of the sandbox
        self._dice, self._dice_lock = Random(f"{seed}/crashes"), threading.Lock()
        self._clock = ManualClock()
        options = Options(port=0, webhook_url="http://127.0.0.1:9/", webhook_token="x", seed=seed, rate=0,
                          token_lifetime_s=86400 * 30)  # fmt: skip
        self._simulator = Simulator(options, self._clock, Journal(io.StringIO()))
        self._guests = self._chosen(wallets)
        self._before = {key: guest.balances[key[2]] for key, guest in self._guests.items()}
        self._outcome = Outcome(wallets=len(self._guests))

    def _chosen(self, wallets: int) -> dict[tuple[UUID, UUID, UUID], Customer]:
        """Wallets by organization, guest and wallet, spread over the restaurants."""
        found = {
            (organization.id, guest.guest.id, wallet): guest
            for organization in self._simulator.world.organizations
            for guest in self._simulator.loyalty.accounts(organization).customers
            for wallet in list(guest.balances)[:2]  # points and money; the hub moves nothing in the others
        }
        return {key: found[key] for key in self._random.sample(sorted(found), min(wallets, len(found)))}

    def run(self) -> Outcome:
        began = time.monotonic()
        with ExitStack() as stack:
            # Each fault is logged, as it should be; here they are the plan.
            logging.disable(logging.CRITICAL)
            stack.callback(logging.disable, logging.NOTSET)
            stack.enter_context(override_settings(IIKO_ALLOW_PRIVATE_ADDRESSES=True))
            server = make_server("127.0.0.1", 0, create_app(self._simulator), threaded=True)
            stack.enter_context(serving(server))
            self._set_up(f"http://127.0.0.1:{server.server_port}")
            stack.enter_context(mock.patch.object(db_clock.clock, "now", self._clock.now))
            stack.enter_context(mock.patch.object(db_clock, "exactly_now", self._clock.now))
            # Waiting between reads that failed would cost real time and prove nothing.
            stack.enter_context(mock.patch.object(Retries, "pause_s", return_value=0.0))
            for owner, name in _STEPS:
                stack.enter_context(mock.patch.object(owner, name, self._crashing(getattr(owner, name))))
            with _workers() as pool:
                self._play(partial(_work, pool))
        self._compare()
        self._outcome.duration_s = round(time.monotonic() - began, 1)
        return self._outcome

    def _set_up(self, base_url: str) -> None:
        login = ApiLogin.objects.create(name=f"trial {self._seed}", base_url=base_url, api_login="demo")
        for restaurant in self._simulator.world.organizations:
            add_organization(iiko_id=str(restaurant.id), name=restaurant.name, timezone=restaurant.time_zone)
            Organization.objects.filter(iiko_id=str(restaurant.id)).update(api_login=login)
        self._key = create_api_key(name="trial")[1]

    # --- dying ---------------------------------------------------------------------------------------

    def _crashing(self, step: Callable[Given, Result]) -> Callable[Given, Result]:
        """Mark a step before or after which the process may end."""

        @wraps(step)
        def run(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            self._crash_perhaps()
            result = step(*args, **kwargs)
            self._crash_perhaps()
            return result

        return run

    def _crash_perhaps(self) -> None:
        with self._dice_lock:
            if self._dice.random() < CRASHES:
                self._outcome.crashes += 1
                raise Crash

    # --- running -------------------------------------------------------------------------------------

    def _play(self, work: Callable[[list[Task]], None]) -> None:
        left = self._wanted
        for _round in range(100 * self._wanted):
            self._simulator.faults.set(parse_faults(f"{FAULTS},{READS_FAIL}"))
            burst = [self._request() for _ in range(min(left, _BURST))]
            left -= len(burst)
            work(burst)
            due = LoyaltyOperation.objects.open().exclude(next_attempt_at__gt=self._clock.now())
            ids = list(due.values_list("pk", flat=True))
            if not ids and not left and not LoyaltyOperation.objects.open().exists():
                return
            self._random.shuffle(ids)
            # Each twice: two workers may have been called for the same step.
            work([self._advancing(pk) for pk in [*ids, *ids]])
            self._clock.instant += timedelta(seconds=self._random.uniform(1, 40))
            # What the link shuts after refusals opens as this clock goes on, not as the wall's does.
            IikoPause.objects.all().delete()
            IikoCircuit.objects.all().delete()

    def _advancing(self, operation_id: int) -> Task:
        def advance() -> None:
            dispatch.advance(operation_id, clock=self._clock.now)

        return advance

    def _request(self) -> Task:
        """Repeat a request, some of them twice under one key, until the hub has taken or refused it."""
        number = self._outcome.operations
        self._outcome.operations += 1
        path, body = self._next_request()
        times = 2 if self._random.random() < REPEATED_SHARE else 1
        self._outcome.repeats += times - 1
        headers = {"Authorization": f"Api-Key {self._key}", "Idempotency-Key": f"trial-{number}"}

        def post() -> None:
            for _ in range(times):
                self._post(path, body, headers)

        return post

    def _post(self, path: str, body: dict[str, str], headers: dict[str, str]) -> None:
        client = Client(SERVER_NAME="127.0.0.1", raise_request_exception=False)
        for _ in range(20):
            try:
                answer = client.post(
                    f"/api/v1/loyalty/{path}", json.dumps(body), "application/json", headers=headers
                )
            except Crash:
                continue
            if answer.status_code in (200, 202):
                return
            if answer.status_code in (404, 409):
                self._outcome.refused += 1
                return

    def _next_request(self) -> tuple[str, dict[str, str]]:
        holds = list(LoyaltyOperation.objects.open_holds().order_by("?")[:1])
        if holds and self._random.random() < 0.25:
            return f"holds/{holds[0].transaction_id}/cancel", {}
        organization, guest, wallet = self._random.choice(sorted(self._guests))
        path = self._random.choices(("topup", "withdraw", "hold"), (4, 4, 2))[0]
        return path, {
            "organization_id": str(organization),
            "customer_id": str(guest),
            "wallet_id": str(wallet),
            "amount": f"{self._random.randint(1, 30_000) / 100:.2f}",
            "comment": "trial",
        }

    # --- comparing -----------------------------------------------------------------------------------

    def _compare(self) -> None:
        self._simulator.faults.set(NO_FAULTS)
        outcome = self._outcome
        outcome.states = dict(Counter(LoyaltyOperation.objects.values_list("state", flat=True)))
        outcome.unfinished = LoyaltyOperation.objects.open().count()
        outcome.lost_answers = OperationStep.objects.filter(after=OperationState.UNKNOWN).count()
        for key, guest in self._guests.items():
            self._compare_wallet(key, guest)

    def _compare_wallet(self, key: tuple[UUID, UUID, UUID], guest: Customer) -> None:
        organization, guest_id, wallet_id = key
        ledger = LoyaltyOperation.objects.filter(
            organization_id=str(organization),
            wallet__customer__iiko_id=str(guest_id),
            wallet__iiko_id=str(wallet_id),
        )
        booked = [one for one in guest.transactions if one.wallet_id == wallet_id]
        expected = self._before[key] + Decimal(sum(_effect_minor(one) for one in ledger)) / 100
        if guest.balances[wallet_id] != expected:
            self._outcome.wrong_balances.append(
                f"{wallet_id} of {guest_id}: {guest.balances[wallet_id]}, by the ledger {expected}"
            )
        if any(one.after < 0 for one in booked):
            self._outcome.overdrawn.append(str(wallet_id))
        for operation in ledger.exclude(kind=OperationKind.CANCEL_HOLD):
            times = sum(operation.marker in (one.comment or "") for one in booked)
            if times > 1:
                self._outcome.carried_out_twice.append(str(operation))
            if bool(times) != (operation.state == OperationState.CONFIRMED):
                self._outcome.not_as_shown.append(f"{operation} is {operation.state}, carried out {times}")


def _effect_minor(operation: LoyaltyOperation) -> int:
    if operation.state != OperationState.CONFIRMED:
        return 0
    adds = operation.kind in (OperationKind.TOPUP, OperationKind.CANCEL_HOLD)
    return operation.amount_minor if adds else -operation.amount_minor


def _always(count: float) -> Callable[[Outcome], float]:
    return lambda _: count


def section(length: Length) -> Section:
    operations, wallets = (100, 10) if length.quick else (1000, 50)
    outcome = Trial(operations=operations, wallets=wallets, seed=1).run()
    how = (
        f"{operations} random operations on {wallets} wallets of the sandbox; answers lost before and "
        "after the effect, resets, 408, 429, 500, workers that die between any two steps"
    )
    counts = {
        "operations": outcome.operations,
        "refused at once": outcome.refused,
        **outcome.states,
        "answers lost": outcome.lost_answers,
        "deaths": outcome.crashes,
        "repeats": outcome.repeats,
        "seconds": outcome.duration_s,
    }
    rows = [Row(name, _always(count)) for name, count in counts.items()]
    found = Section.of("loyalty", how, [outcome], rows, asdict)
    found.comparisons = [
        Comparison("every wallet equals the ledger", not outcome.wrong_balances),
        Comparison("nothing carried out twice", not outcome.carried_out_twice),
        Comparison("every outcome is as shown", not outcome.not_as_shown),
        Comparison("no wallet overdrawn", not outcome.overdrawn),
        Comparison("nothing left open", not outcome.unfinished),
    ]
    return found
