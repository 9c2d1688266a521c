"""The state of the client that processes share for a login: its token, its pauses, its circuits.

Each step is one statement or one short transaction; no lock is held during a call to iiko. That works
behind pgbouncer too, where advisory locks of a session do not.
"""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from iiko_client.http.auth import Token
from iiko_client.http.circuit_breaker import CLOSED, CallResult, Circuit, Limits, Priority
from iiko_client.http.errors import IikoNoAnswer
from iiko_client.http.rate_limits import Pause
from organizations.models.connection import IikoCircuit, IikoPause, IikoToken

# A token request ends within the client's timeouts (5 s to connect, 20 s to read). Where the holder of the
# lease dies, the others wait for so long at most.
LEASE = timedelta(seconds=40)
PATIENCE_S = 60.0
_RETRY_S = 0.05


class DatabaseTokenStore:
    """The token of one login. ``credential`` is a fingerprint: another credential's token is not seen."""

    def __init__(self, *, login_id: int, credential: str) -> None:
        self._row = IikoToken.objects.filter(api_login_id=login_id)
        self._login_id = login_id
        self._credential = credential

    def get(self, key: str) -> Token | None:
        row = self._row.filter(credential=self._credential).first()
        if row is None or not row.token or row.renew_at is None:
            return None
        return Token(row.token, row.renew_at)

    def put(self, key: str, token: Token) -> None:
        IikoToken.objects.update_or_create(
            api_login_id=self._login_id,
            defaults={"token": token.text, "renew_at": token.renew_at, "credential": self._credential},
        )

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold a lease on the row while a token is requested; it expires by itself."""
        holder = uuid.uuid4().hex
        IikoToken.objects.bulk_create([IikoToken(api_login_id=self._login_id)], ignore_conflicts=True)
        self._acquire(holder)
        try:
            yield
        finally:
            self._row.filter(lease_holder=holder).update(lease_holder="", lease_until=None)

    def _acquire(self, holder: str) -> None:
        free = self._row.filter(Q(lease_until__isnull=True) | Q(lease_until__lte=Now()))
        deadline = time.monotonic() + PATIENCE_S
        while not free.update(lease_holder=holder, lease_until=Now() + LEASE):
            if time.monotonic() > deadline:
                raise IikoNoAnswer(
                    "another process is asking for a token and does not come back", operation="access_token"
                )
            time.sleep(_RETRY_S * random.uniform(0.5, 1.5))  # noqa: S311  # jitter


class DatabasePauses:
    """Pauses of all restriction groups. Of two written at once the later end stays."""

    def get(self, restriction_group: str) -> Pause | None:
        row = IikoPause.objects.filter(restriction_group=restriction_group).first()
        return Pause(row.until, row.refusals) if row else None

    def put(self, restriction_group: str, pause: Pause) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO iiko_pauses AS p (restriction_group, until, refusals) VALUES (%s, %s, %s) "
                "ON CONFLICT (restriction_group) "
                "DO UPDATE SET until = EXCLUDED.until, refusals = EXCLUDED.refusals "
                "WHERE p.until < EXCLUDED.until",
                [restriction_group, pause.until, pause.refusals],
            )


class DatabaseBreaker:
    """Circuits in rows. A closed circuit that stays closed costs one read and no write."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    def admit(self, circuit: str, priority: Priority, now: datetime) -> datetime | None:
        if self._read(circuit).open_until is None:
            return None
        blocked: list[datetime | None] = []

        def step(state: Circuit) -> Circuit:
            until = state.blocked_until(priority, now, self._limits)
            blocked.append(until)
            return state.admitted(priority, now, self._limits) if until is None else state

        self._change(circuit, step)
        return blocked[-1]

    def record(self, circuit: str, result: CallResult, now: datetime) -> None:
        state = self._read(circuit)
        if state.after(result, now, self._limits) != state:
            self._change(circuit, lambda current: current.after(result, now, self._limits))

    def _read(self, circuit: str) -> Circuit:
        stored = IikoCircuit.objects.filter(name=circuit).values_list("state", flat=True).first()
        return circuit_of(stored or {})

    def _change(self, circuit: str, step: Callable[[Circuit], Circuit]) -> None:
        """Apply ``step`` under the row's lock."""
        IikoCircuit.objects.bulk_create([IikoCircuit(name=circuit)], ignore_conflicts=True)
        with transaction.atomic():
            row = IikoCircuit.objects.select_for_update().get(name=circuit)
            before = circuit_of(row.state)
            after = step(before)
            if after != before:
                row.state = state_of(after)
                row.save(update_fields=["state"])


def forget_old_circuits(*, now: datetime) -> int:
    """Delete circuits without a failure for a day; return how many. Each wallet that refused has one."""
    before = (now - timedelta(days=1)).isoformat()
    deleted, _per_model = IikoCircuit.objects.filter(state__last_failure_at__lt=before).delete()
    return deleted


_MOMENTS = ("last_failure_at", "open_until", "probe_until")


def state_of(circuit: Circuit) -> dict[str, Any]:
    """Write a circuit as JSON; ``{}`` for a closed one without failures."""
    if circuit == CLOSED:
        return {}
    state = asdict(circuit)
    for key in _MOMENTS:
        state[key] = state[key].isoformat() if state[key] else None
    return state | {"probed_by": int(circuit.probed_by)}


def circuit_of(state: dict[str, Any]) -> Circuit:
    """Read a circuit; what an older version of the hub did not write has its default."""
    read = {name: datetime.fromisoformat(state[name]) for name in _MOMENTS if state.get(name)}
    return Circuit(**state | read | {"probed_by": Priority(state.get("probed_by", 0))})
