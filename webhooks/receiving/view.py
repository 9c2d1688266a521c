"""The door for webhooks, in front of Django's, without DRF and sessions; it takes every order.

A server that does not come through ``ReceiveFirst`` gets the same answers from ``webhooks.api.receive_view``.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import responses
from typing import Any, Protocol, TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from prometheus_client import Counter

from core.client_address import client_network
from webhooks.event_log import log_received
from webhooks.receiving.big_bodies import TooBusy, big_bodies
from webhooks.receiving.configs import retire_previous_tokens
from webhooks.receiving.database_watch import ANSWER_WITHIN_S, PAGE_STATEMENT_S, DatabaseAway, database_watch
from webhooks.receiving.inbox import Receipt, receive_body
from webhooks.receiving.parser import TooManyMessages
from webhooks.receiving.tokens import Scope, TokensUnreadable, presented_tokens, webhook_tokens, wrong_tokens

logger = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")
Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

RECEIVE_PATHS = frozenset({"/api/v1/webhooks/iiko", "/api/v1/webhooks/iiko/"})

_SPARE_S = 0.5
"""What is left for storing after a new connection is made."""

_NEW_TOKEN_SEEN_WITHIN_S = 0.1
"""How old the tokens may be that a limited address is refused by. One set since then is not iiko's yet: the
hub tells iiko of it after it is stored, by a call that takes longer."""

# Of this process; gunicorn's are added up at /metrics.
_receipts = Counter("iikohub_webhook_receipts", "Webhook requests by outcome", ["outcome"])
_events = Counter("iikohub_inbox_events", "Messages stored in the inbox", ["kind"])
# Looked up once: a labelled counter costs more to find than to count.
_stored_receipts, _ignored_receipts = _receipts.labels("stored"), _receipts.labels("ignored")
_new_events, _duplicate_events = _events.labels("new"), _events.labels("duplicate")
# From 0 on: the growth of a counter that appears with its first refusal is not seen by Prometheus.
for _outcome in ("unavailable", "busy", "too_large"):
    _receipts.labels(_outcome)


class _Refused(Exception):
    def __init__(self, status: int, code: str, detail: str, *headers: tuple[str, str]) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers


class WebhookRequest(Protocol):
    """What receiving needs of a request; the WSGI door hands over something lighter than Django's."""

    method: str | None
    META: Environ

    def read(self, size: int, /) -> bytes: ...


class ReceiveFirst:
    """Answer webhooks at once and hand everything else to Django.

    Django's handler, signals and request cost as much as reading and keying a webhook.
    """

    def __init__(self, django: Application) -> None:
        self._django = django

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") not in RECEIVE_PATHS:
            with database_watch.each_statement_within(PAGE_STATEMENT_S):
                return self._django(environ, start_response)
        with database_watch.within_in_all(ANSWER_WITHIN_S):
            with database_watch.within(ANSWER_WITHIN_S):
                # What Django does at the start of a request.
                connection.close_if_unusable_or_obsolete()
            answer = answer_webhook(_WsgiRequest(environ))
        start_response(f"{answer.status} {responses[answer.status]}", list(answer.headers))
        return [answer.body]


class _WsgiRequest:
    """What receiving reads of a request, without Django's request around it."""

    def __init__(self, environ: Environ) -> None:
        self.method: str | None = environ["REQUEST_METHOD"]
        self.META = environ

    def read(self, size: int, /) -> bytes:
        """Read no further than the declared length: past it a server may wait for more."""
        body: bytes = self.META["wsgi.input"].read(min(size, _declared_length(self)))
        return body


# --- answers -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


def _answer(status: int, content: dict[str, str], *more: tuple[str, str]) -> Answer:
    body = json.dumps(content).encode()
    # Without a length the server sends the answer in chunks: three packets for one.
    headers = (("Content-Type", "application/json"), ("Content-Length", str(len(body))), *more)
    return Answer(status, body, headers)


OK = _answer(200, {"status": "OK"})
_IGNORED = _answer(200, {"status": "ignored"})
UNAVAILABLE = _answer(
    503,
    {"status": "unavailable", "detail": "Not stored: the hub cannot use its database. Send it again."},
    ("Retry-After", "5"),
)


def answer_webhook(request: WebhookRequest) -> Answer:
    """Store what iiko brings, then answer 200; the answer says "stored", nothing more."""
    try:
        receipt, scope = _receive(request)
    except _Refused as refusal:
        _receipts.labels(refusal.code).inc()
        content = {"status": refusal.code, "detail": str(refusal)}
        return _answer(refusal.status, content, *refusal.headers)
    except (DatabaseError, InterfaceError, TokensUnreadable) as error:
        count_unavailable(1)
        # A refusal without a question has nothing more to tell.
        logger.error("inbox.not_stored", exc_info=not isinstance(error, DatabaseAway))
        return UNAVAILABLE
    if receipt.is_ignored:
        _ignored_receipts.inc()
    count_stored(new=receipt.stored, duplicates=receipt.duplicates, receipts=0 if receipt.is_ignored else 1)
    log_received(receipt.envelopes)
    if scope.introduced and receipt.stored + receipt.duplicates and not receipt.is_ignored:
        _retire_former_tokens(scope)
    return _IGNORED if receipt.is_ignored else OK


def count_stored(*, new: int, duplicates: int, receipts: int) -> None:
    """Count messages that are in the inbox, and the requests that brought them."""
    for counter, amount in (
        (_stored_receipts, receipts),
        (_new_events, new),
        (_duplicate_events, duplicates),
    ):
        if amount:
            counter.inc(amount)


def count_unavailable(receipts: int) -> None:
    """Count requests that the database did not take."""
    _receipts.labels("unavailable").inc(receipts)


def _retire_former_tokens(scope: Scope) -> None:
    """iiko shows the new token: the one before is not needed any more."""
    try:
        with database_watch.within(ANSWER_WITHIN_S):
            retire_previous_tokens(config_ids=scope.introduced, token=scope.token)
    except (DatabaseError, InterfaceError):
        logger.warning("inbox.former_token_kept", exc_info=True)  # the next event tries again


# --- receiving -----------------------------------------------------------------------------------------


def _receive(request: WebhookRequest) -> tuple[Receipt, Scope]:
    if request.method != "POST":
        raise _Refused(405, "method_not_allowed", "Webhooks are delivered with POST.", ("Allow", "POST"))
    database_watch.check()
    # Django would ask the database "are you there" before each webhook; see _with_live_connection.
    connection.health_check_done = True  # type: ignore[attr-defined]  # the stubs do not know it
    scope = _with_live_connection(lambda: _authenticate(request))
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip()
    if encoding.lower() not in ("", "identity"):
        raise _Refused(
            415,
            "unsupported_encoding",
            f"Content-Encoding {encoding[:40]} is not taken. Send the body as it is, without compression.",
            ("Accept-Encoding", "identity"),
        )
    return _store(_read(request), scope), scope


def _with_live_connection(step: Callable[[], T]) -> T:
    """Run a step that may be run twice; once more on a new connection if the old one turns out broken.

    Storing is safe to repeat: a message whose commit did go through is a duplicate the second time. The
    time for it is the database's alone: a sender may be slow with his body.
    """
    with database_watch.within(ANSWER_WITHIN_S):
        database_watch.check_in_time()
        try:
            return step()
        except DatabaseAway:
            raise
        except (OperationalError, InterfaceError):
            raw = connection.connection
            if connection.in_atomic_block or (raw is not None and not raw.closed):
                raise
            if database_watch.left_s() < settings.CONNECT_TIMEOUT_S + _SPARE_S:
                database_watch.note_failure()
                raise
            logger.warning("inbox.connection_replaced")
            connection.close()
            return _last_try(step)


def _last_try(step: Callable[[], T]) -> T:
    try:
        return step()
    except (OperationalError, InterfaceError):
        database_watch.note_failure()
        raise


def _authenticate(request: WebhookRequest) -> Scope:
    """Find whose token it is: in memory, else in the database, seldom so where wrong ones come often."""
    headers = request.META
    tokens = presented_tokens(headers.get("HTTP_AUTHORIZATION", ""), headers.get("HTTP_AUTHTOKEN", ""))
    if scope := webhook_tokens.remembered_scope(tokens):
        return scope
    network = client_network(headers)
    pause_s = _NEW_TOKEN_SEEN_WITHIN_S if wrong_tokens.is_limited(network) else 0.0
    if tokens and (scope := webhook_tokens.scope_of(*tokens, unless_read_for_s=pause_s)) is not None:
        return scope
    raise _refused_token(network, has_token=bool(tokens))


def _refused_token(network: str, *, has_token: bool) -> _Refused:
    """Count a wrong token and say so."""
    refusal = wrong_tokens.count(network)
    if refusal.is_logged:
        logger.warning(
            "inbox.token_refused", has_token=has_token, network=network, wrong_tokens=refusal.count
        )
    if refusal.retry_after_s:
        return _Refused(
            429,
            "too_many_wrong_tokens",
            "Too many requests with a missing or wrong token came from this address. The right one is taken "
            "at any time: send the webhook's token in the Authorization header.",
            ("Retry-After", str(refusal.retry_after_s)),
        )
    return _Refused(
        401,
        "unauthorized",
        "The token is missing or wrong. Send the webhook's token in the Authorization header.",
    )


def _read(request: WebhookRequest) -> bytes:
    limit, declared = settings.WEBHOOK_MAX_BODY_BYTES, _declared_length(request)
    # Django takes a body without Content-Length for empty; a chunked one is whole on the server's stream.
    is_chunked = not request.META.get("CONTENT_LENGTH") and request.META.get("wsgi.input_terminated")
    stream = request.META["wsgi.input"] if is_chunked else request
    body = b""
    if declared <= limit:
        try:
            body = bytes(stream.read(limit + 1))
        except OSError as error:
            words = "The connection broke before the body had arrived."
            raise _Refused(400, "incomplete", words) from error
    if max(declared, len(body)) > limit:
        raise _Refused(413, "too_large", f"The body is larger than {limit} bytes (WEBHOOK_MAX_BODY_BYTES).")
    if len(body) < declared:
        raise _Refused(400, "incomplete", "The body is shorter than its Content-Length.")
    return body


def _declared_length(request: WebhookRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text[:20]) if text.isascii() and text.isdigit() else 0


def _store(body: bytes, scope: Scope) -> Receipt:
    try:
        with big_bodies.turn(len(body)):
            return _with_live_connection(lambda: receive_body(body, scope))
    except TooManyMessages as error:
        raise _Refused(413, "too_large", str(error)) from error
    except TooBusy as error:
        raise _Refused(
            503,
            "busy",
            "Not stored: other large bodies are being stored. Send it again, in smaller bodies if you can.",
            ("Retry-After", "5"),
        ) from error
