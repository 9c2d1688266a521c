"""Send a call to iiko; the error says whether it may have been carried out.

A read is retried after a lost answer, a few times. Anything else is retried only where it was certainly not
sent, and a poll never: its caller asks again anyway. A 429 pauses the whole restriction group, a 401 is
answered once by a new token, and a circuit stops calls before iiko blocks the key. Time, chance and sleep
are parameters, for tests.
"""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from iiko_client import json_writer
from iiko_client.endpoints.registry import Kind, Operation
from iiko_client.http import auth, errors, responses
from iiko_client.http.addresses import check_public_url
from iiko_client.http.call_record import CallRecord
from iiko_client.http.circuit_breaker import Breaker, InMemoryBreaker, Priority
from iiko_client.http.exchange import HttpExchange, Request, Timeouts, normalise_base_url, session_of
from iiko_client.http.gates import CircuitGate, RateLimitGate
from iiko_client.http.rate_limits import InMemoryPauses, Pauses
from iiko_client.http.responses import Answer
from iiko_client.json_reader import JsonObject

_TOKEN_TEXT = re.compile(r"[\x21-\x7e]{1,8192}")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a call is retried where that is safe."""

    tries: int = 3
    first_pause_s: float = 0.5
    longest_pause_s: float = 5.0
    patience_s: float = 45.0
    """No further try begins after so long."""

    def pause_s(self, attempt: int, chance: float) -> float:
        """Return the pause after a failed attempt: doubling, capped, at random between half and all of it."""
        whole: float = min(self.first_pause_s * 2 ** (attempt - 1), self.longest_pause_s)
        return whole * (0.5 + chance / 2)


@dataclass(slots=True)
class _Call:
    """One logical call and how far it has come."""

    operation: Operation
    body: JsonObject
    priority: Priority
    wait_left_s: float
    began: float
    before_sending: Callable[[], None] | None = None
    attempt: int = 0
    token: str | None = field(default=None, repr=False)
    refused: str | None = field(default=None, repr=False)
    """The token that got a 401: a second 401 is final."""

    def is_curable_by_new_token(self, error: errors.IikoError | None) -> bool:
        is_refusal = isinstance(error, errors.IikoAuthFailed) and error.code == responses.TOKEN_REFUSED
        return is_refusal and self.refused is None


def _utc_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  # for a lone process; the hub passes its own clock


@dataclass(kw_only=True, eq=False, repr=False)
class Transport:
    """Sends calls for one credential; safe to share between threads, and meant to be kept."""

    base_url: str
    credentials: auth.Credentials
    key: str = ""
    """Names the credential in shared stores; by default a digest that should not be stored."""
    tokens: auth.TokenStore = field(default_factory=auth.InMemoryTokenStore)
    pauses: Pauses = field(default_factory=InMemoryPauses)
    breaker: Breaker = field(default_factory=InMemoryBreaker)
    on_call: Callable[[CallRecord], None] | None = None
    """Gets a record of every physical call, in the calling thread: it should hand over and return. What it
    raises is logged and counted in ``hook_failures``, and goes no further."""
    timeouts: Timeouts = field(default_factory=Timeouts)
    retries: Retries = field(default_factory=Retries)
    token_lifetime: timedelta = auth.USUAL_LIFETIME
    only_public: bool = False
    """Refuse addresses that are not public, and those without https."""
    clock: Callable[[], datetime] = _utc_now
    timer: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        self.base_url = normalise_base_url(self.base_url)
        if self.only_public:
            check_public_url(self.base_url)
        self.key = self.key or auth.credential_key(self.base_url, self.credentials)
        self._rate_limits = RateLimitGate(self.key, self.pauses, self.clock)
        self._circuits = CircuitGate(self.key, self.breaker, self.clock)
        self._tokens = auth.TokenCache(self.key, self.tokens, self.clock, self.token_lifetime)
        self._token_operation = Operation("access_token", "Auth", Kind.READ, own_path=self.credentials.path)
        self._exchange = HttpExchange(
            base_url=self.base_url,
            secrets=self.credentials.secrets(),
            timeouts=self.timeouts,
            session=session_of(only_public=self.only_public),
            refused=self._rate_limits.refused,
            on_call=self.on_call,
            clock=self.clock,
            timer=self.timer,
        )

    @property
    def hook_failures(self) -> int:
        return self._exchange.hook_failures

    def __repr__(self) -> str:
        return f"<Transport to {self.base_url}>"

    def close(self) -> None:
        self._exchange.close()

    def call(
        self,
        operation: Operation,
        body: JsonObject,
        *,
        priority: Priority = Priority.BACKGROUND,
        wait_s: float = 0.0,
        before_sending: Callable[[], None] | None = None,
    ) -> Answer:
        """Make one call; retry it only where that cannot carry it out twice.

        ``wait_s``: how long 429s may be waited out in all; 0 raises at once. ``before_sending`` is called
        right before each request, after the gates and the token; an error of it stops the request and goes
        to the caller.

        Raises:
            IikoError: see ``iiko_client.http.errors`` for what each kind asks of the caller.
        """
        json_writer.dumps(body)  # a body that cannot be written is found before any request
        call = _Call(operation, body, priority, wait_s, self.timer(), before_sending)
        while True:
            try:
                return self._attempt(call)
            except errors.IikoError as error:
                pause_s = self._before_next(call, error)
                if pause_s is None:
                    raise
            self.sleep(pause_s)

    def _attempt(self, call: _Call) -> Answer:
        self._rate_limits.admit(call.operation)
        self._circuits.admit(call.operation, call.body, call.priority)
        call.attempt += 1
        try:
            call.token = self._token(call)
            if call.before_sending is not None:
                call.before_sending()
            answer = self._exchange.send(Request(call.operation, call.body, call.token, call.attempt))
        except errors.IikoError as error:
            self._record(call, error)
            raise
        self._record(call, None)
        return answer

    def _record(self, call: _Call, error: errors.IikoError | None) -> None:
        curable = call.is_curable_by_new_token(error)
        self._circuits.record(call.operation, call.body, error, curable=curable)

    # Whether to try again

    def _before_next(self, call: _Call, error: errors.IikoError) -> float | None:
        """Return how long to pause before the next try; None: there is none."""
        if isinstance(error, errors.IikoBlocked):
            return None
        if isinstance(error, errors.IikoBusy):
            return self._wait_out(call, error)
        if call.is_curable_by_new_token(error):
            call.refused = call.token
            return 0.0
        if not isinstance(error, errors.IikoNoAnswer) or not self._may_retry(call, error):
            return None
        return self.retries.pause_s(call.attempt, self.chance())

    def _wait_out(self, call: _Call, error: errors.IikoBusy) -> float | None:
        # Operators go first when the pause ends: background calls come back a little later.
        late = self.chance() * (0.25 if call.priority is Priority.OPERATOR else 2.0)
        if error.retry_after_s > call.wait_left_s:
            return None
        call.wait_left_s -= error.retry_after_s + late
        return error.retry_after_s + late

    def _may_retry(self, call: _Call, error: errors.IikoNoAnswer) -> bool:
        is_safe = call.operation.kind is Kind.READ or isinstance(error, errors.IikoNotSent)
        has_time = self.timer() - call.began < self.retries.patience_s
        return is_safe and has_time and call.attempt < self.retries.tries

    # The token

    def _token(self, call: _Call) -> str:
        try:
            return self._tokens.current(ask=self._ask_token, refused=call.refused)
        except (errors.IikoNoAnswer, errors.IikoUnreadable) as error:
            words = f"no token to call with: {error.description}"
            raise error.recast(errors.IikoNotSent, words, operation=call.operation.name, code=None) from error

    def _ask_token(self) -> str:
        self._rate_limits.admit(self._token_operation)
        try:
            answer = self._exchange.send(Request(self._token_operation, self.credentials.body()))
        except (errors.IikoRejected, errors.IikoAuthFailed) as error:
            # It is about the credential (or the address: a redirect).
            is_told = error.code in (responses.LICENCE_EXPIRED, responses.REDIRECT)
            code = error.code if is_told else responses.LOGIN_REFUSED
            raise error.recast(errors.IikoAuthFailed, code=code) from error
        token = answer.body.get("token")
        if not isinstance(token, str) or not _TOKEN_TEXT.fullmatch(token):
            raise answer.unreadable(self._token_operation, "no token in the answer")
        return token
