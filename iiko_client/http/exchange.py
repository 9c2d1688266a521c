"""One physical request to iiko: send it, read the answer, pass on its record."""

import logging
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from iiko_client import json_writer
from iiko_client.endpoints.registry import Operation
from iiko_client.http import call_record, responses
from iiko_client.http.addresses import AddressRefused, PublicAdapter, ResolvingAdapter
from iiko_client.http.call_record import CallRecord
from iiko_client.http.errors import IikoBusy, IikoError, IikoNoAnswer, IikoNotSent, IikoUnreadable
from iiko_client.http.rate_limits import AskedPause
from iiko_client.http.responses import Answer, Refusal
from iiko_client.json_reader import JsonObject

logger = logging.getLogger(__name__)

_API_PATH = re.compile(r"/*(/api(/v?\d+)?)?/*$")
_SLOW_HOOK_S = 0.1
_CONNECTIONS = 10

ADDRESS_REFUSED = "address_refused"


def normalise_base_url(url: str) -> str:
    """Return the server's address: ``https://api-ru.iiko.services/api/1/`` → ``https://api-ru.iiko.services``.

    Raises:
        ValueError: not an http(s) address, or one with a password in it.
    """
    base = _API_PATH.sub("", url.strip())
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("the address of iiko must look like https://api-ru.iiko.services")
    if parts.username or parts.password:
        raise ValueError("the address of iiko must not hold a name or password")
    if parts.port == 0:  # reading it refuses what is no number or too large
        raise ValueError("port 0 is no address")
    return base


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait. iiko is asked to stop ``margin_s`` earlier, so that it answers 408 itself."""

    connect_s: float = 5.0
    read_s: float = 20.0
    margin_s: float = 5.0

    def vendor_s(self) -> int:
        """Return the vendor's ``Timeout`` header, in whole seconds (docs/iiko.md#server-side-wait)."""
        return max(1, int(self.read_s - self.margin_s))

    def __post_init__(self) -> None:
        if self.connect_s <= 0 or self.read_s <= self.vendor_s():
            raise ValueError("our own timeouts must be above zero and the read timeout above the vendor's")


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt at an operation."""

    operation: Operation
    body: JsonObject
    token: str | None = field(default=None, repr=False)
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class _Exchange:
    """The raw result of one physical request; ``status`` is None where no answer came."""

    status: int | None
    raw: bytes | None
    asked: AskedPause
    failure: Exception | None
    started_at: datetime
    duration_s: float


class _Bearer(AuthBase):
    """Sets the token; also keeps ``requests`` from putting a password of ``~/.netrc`` in its place."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@dataclass(kw_only=True, eq=False, repr=False)
class HttpExchange:
    """Sends requests for one credential over a pool of connections; safe to share between threads."""

    base_url: str
    secrets: tuple[str, ...]
    timeouts: Timeouts
    session: requests.Session
    refused: Callable[[Operation, AskedPause, Refusal], IikoBusy]
    on_call: Callable[[CallRecord], None] | None
    clock: Callable[[], datetime]
    timer: Callable[[], float]
    hook_failures: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        self.session.close()

    def send(self, request: Request) -> Answer:
        """Make one physical request.

        Raises:
            IikoError: anything but a 2xx with a JSON object.
        """
        exchange = self._exchange(request)
        known = (*self.secrets, *([request.token] if request.token else []))
        outcome = self._outcome(request.operation, exchange, known)
        self._report(request, exchange, outcome, known)
        if isinstance(outcome, IikoError):
            raise outcome
        return outcome

    def _exchange(self, request: Request) -> _Exchange:
        started_at, began = self.clock(), self.timer()
        status, raw, asked, failure = None, None, AskedPause(), None
        try:
            response = self.session.post(
                self.base_url + request.operation.path,
                data=json_writer.dumps(request.body).encode(),
                headers={"Timeout": str(self.timeouts.vendor_s())},
                auth=_Bearer(request.token),
                timeout=(self.timeouts.connect_s, self.timeouts.read_s),
                allow_redirects=False,
            )
            status, raw = response.status_code, response.content
            asked = AskedPause(response.headers.get("Retry-After"), response.headers.get("Date"))
        except (OSError, urllib3.exceptions.HTTPError) as error:  # requests' own are OSError
            failure = error
        return _Exchange(status, raw, asked, failure, started_at, self.timer() - began)

    def _outcome(
        self, operation: Operation, exchange: _Exchange, known: tuple[str, ...]
    ) -> Answer | IikoError:
        if exchange.status is None or exchange.raw is None:
            return _lost(operation, exchange.failure)
        if 200 <= exchange.status < 300:
            try:
                return responses.answer_of(operation, exchange.status, exchange.raw)
            except IikoUnreadable as error:
                return error
        refusal = responses.refusal(responses.parse(exchange.raw), known)
        if exchange.status == 429:
            return self.refused(operation, exchange.asked, refusal)
        return responses.error_of(operation, exchange.status, refusal)

    def _report(
        self, request: Request, exchange: _Exchange, outcome: Answer | IikoError, known: tuple[str, ...]
    ) -> None:
        if self.on_call is None:
            return
        began = self.timer()
        try:
            self.on_call(self._record(request, exchange, outcome, known))
        except Exception as error:  # noqa: BLE001  # a log that fails must not change the outcome of the call
            with self._counting:
                self.hook_failures += 1
            _warn("iiko.call_hook_failed", request.operation, error=type(error).__name__)
        if (spent := self.timer() - began) > _SLOW_HOOK_S:
            _warn("iiko.call_hook_slow", request.operation, duration_ms=round(spent * 1000))

    def _record(
        self, request: Request, exchange: _Exchange, outcome: Answer | IikoError, known: tuple[str, ...]
    ) -> CallRecord:
        error = outcome if isinstance(outcome, IikoError) else None
        return CallRecord(
            operation=request.operation.name,
            url=self.base_url + request.operation.path,
            organization_id=call_record.organization_of(request.body),
            request=call_record.safe_request(request.body, known),
            response=call_record.safe_response(exchange.raw, known),
            http_status=exchange.status,
            duration_ms=round(exchange.duration_s * 1000),
            correlation_id=outcome.correlation_id,
            error=type(error).__name__ if error else None,
            error_code=error.code if error else None,
            attempt=request.attempt,
            started_at=exchange.started_at,
        )


def session_of(*, only_public: bool) -> requests.Session:
    session = requests.Session()
    session.headers.update(
        {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "iikohub"}
    )
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # threads share no state but sockets
    kind = PublicAdapter if only_public else ResolvingAdapter
    adapter = kind(pool_connections=1, pool_maxsize=_CONNECTIONS, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


_NOT_CONNECTED = (
    requests.ConnectTimeout,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.NewConnectionError,
    ssl.SSLCertVerificationError,
)


def _lost(operation: Operation, failure: Exception | None) -> IikoNoAnswer:
    if any(isinstance(cause, AddressRefused) for cause in _causes(failure)):
        text = "the address of iiko is not a public one"
        return IikoNotSent(text, operation=operation.name, code=ADDRESS_REFUSED)
    if any(isinstance(cause, _NOT_CONNECTED) for cause in _causes(failure)):
        return IikoNotSent("no connection to iiko", operation=operation.name)
    is_late = isinstance(failure, requests.Timeout)
    text = "no answer in time" if is_late else f"the connection broke ({type(failure).__name__})"
    return IikoNoAnswer(text, operation=operation.name)


def _causes(error: object) -> Iterator[BaseException]:
    """Walk the errors that the HTTP libraries wrapped; ``__context__`` may hold an earlier call's."""
    if not isinstance(error, BaseException):
        return
    yield error
    for inner in (*error.args, getattr(error, "reason", None), getattr(error, "original_error", None)):
        if inner is not error:
            yield from _causes(inner)


def _warn(event: str, operation: Operation, **facts: object) -> None:
    logger.warning(event, extra={"iiko_operation": operation.name, **facts})
