"""Answer iiko's webhooks, without DRF, sessions and authentication: it takes every order."""

from __future__ import annotations

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
from webhooks.receiving.big_bodies import TooBusy, big_bodies
from webhooks.receiving.configs import retire_previous_tokens
from webhooks.receiving.database_watch import ANSWER_WITHIN_S, PAGE_STATEMENT_S, DatabaseAway, database_watch
from webhooks.receiving.event_log import log_received
from webhooks.receiving.inbox import Receipt, receive_body
from webhooks.receiving.parser import TooManyMessages
from webhooks.receiving.tokens import Scope, TokensUnreadable, presented_tokens, webhook_tokens, wrong_tokens

logger = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")

_SPARE_S = 0.5
"""What is left for storing after a new connection is made."""

_NEW_TOKEN_SEEN_WITHIN_S = 0.1
"""How old the tokens may be that a limited address is refused by. One set since then is not iiko's yet: the
hub tells iiko of it after it is stored, by a call that takes longer."""

receipts = Counter("iikohub_webhook_receipts", "Webhook requests by outcome", ["outcome"])


events = Counter("iikohub_inbox_events", "Messages stored in the inbox", ["kind"])


# Looked up once: a labelled counter costs more to find than to count.
_stored_receipts = receipts.labels("stored")
_ignored_receipts = receipts.labels("ignored")
_new_events = events.labels("new")
_duplicate_events = events.labels("duplicate")


class _Refused(Exception):
    def __init__(self, status: int, code: str, detail: str, *headers: tuple[str, str]) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers


class WebhookRequest(Protocol):
    """What receiving needs of a request; the WSGI door hands over something lighter than Django's."""

    method: str | None
    META: dict[str, Any]

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]


def answer_webhook(request: WebhookRequest) -> Answer:
    """Store what iiko brings, then answer 200; the answer says "stored", nothing more."""
    try:
        _check_method(request)
        database_watch.check()
        # Django would ask the database "are you there" before each webhook; see _with_live_connection.
        connection.health_check_done = True  # type: ignore[attr-defined]  # the stubs do not know it
        scope = _with_live_connection(lambda: _authenticate(request))
        _check_encoding(request)
        body = _read(request)
        receipt = _store(body, scope)
    except _Refused as refusal:
        receipts.labels(refusal.code).inc()
        return _refusal(refusal)
    except (DatabaseError, InterfaceError, TokensUnreadable) as error:
        receipts.labels("unavailable").inc()
        # A refusal without a question has nothing more to tell.
        logger.error("inbox.not_stored", exc_info=not isinstance(error, DatabaseAway))
        return _UNAVAILABLE
    _count(receipt)
    log_received(receipt.envelopes)
    if scope.introduced and receipt.stored + receipt.duplicates and not receipt.is_ignored:
        _retire_former_tokens(scope)
    return _IGNORED if receipt.is_ignored else _OK


def _count(receipt: Receipt) -> None:
    (_ignored_receipts if receipt.is_ignored else _stored_receipts).inc()
    if receipt.stored:
        _new_events.inc(receipt.stored)
    if receipt.duplicates:
        _duplicate_events.inc(receipt.duplicates)


def _with_live_connection(step: Callable[[], T]) -> T:
    """Run a step that may be run twice; once more on a new connection if the old one turns out broken.

    Storing is safe to repeat: a message whose commit did go through is a duplicate the second time. The
    time for it is the database's alone: a sender may be slow with his body.
    """
    with database_watch.within(ANSWER_WITHIN_S):
        return _tried(step)


def _tried(step: Callable[[], T]) -> T:
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


def _retire_former_tokens(scope: Scope) -> None:
    """iiko shows the new token: the one before is not needed any more."""
    try:
        retire_previous_tokens(config_ids=scope.introduced, token=scope.token)
    except (DatabaseError, InterfaceError):
        logger.warning("inbox.former_token_kept", exc_info=True)  # the next event tries again


def _answer(status: int, content: dict[str, str], *more: tuple[str, str]) -> Answer:
    body = json.dumps(content).encode()
    # Without a length the server sends the answer in chunks: three packets for one.
    headers = (("Content-Type", "application/json"), ("Content-Length", str(len(body))), *more)
    return Answer(status, body, headers)


_OK = _answer(200, {"status": "OK"})
_IGNORED = _answer(200, {"status": "ignored"})
_UNAVAILABLE = _answer(
    503,
    {"status": "unavailable", "detail": "Not stored: the hub cannot use its database. Send it again."},
    ("Retry-After", "5"),
)


def _refusal(refusal: _Refused) -> Answer:
    content = {"status": refusal.code, "detail": str(refusal)}
    return _answer(refusal.status, content, *_REMEDIES.get(refusal.status, ()), *refusal.headers)


_REMEDIES = {405: (("Allow", "POST"),), 415: (("Accept-Encoding", "identity"),)}
"""The headers that tell a sender what would be taken."""


def _authenticate(request: WebhookRequest) -> Scope:
    tokens = presented_tokens(
        request.META.get("HTTP_AUTHORIZATION", ""), request.META.get("HTTP_AUTHTOKEN", "")
    )
    return webhook_tokens.remembered_scope(tokens) or _authenticate_by_database(request, tokens)


def _authenticate_by_database(request: WebhookRequest, tokens: list[str]) -> Scope:
    """Look for a token in the database, seldom so where wrong ones come often; count it if it is wrong."""
    network = client_network(request.META)
    pause_s = _NEW_TOKEN_SEEN_WITHIN_S if wrong_tokens.is_limited(network) else 0.0
    if tokens and (scope := webhook_tokens.scope_of(*tokens, unless_read_for_s=pause_s)) is not None:
        return scope
    refusal = wrong_tokens.count(network)
    if refusal.is_logged:
        logger.warning(
            "inbox.token_refused", has_token=bool(tokens), network=network, wrong_tokens=refusal.count
        )
    if refusal.retry_after_s:
        raise _Refused(
            429,
            "too_many_wrong_tokens",
            "Too many requests with a missing or wrong token came from this address. The right one is taken "
            "at any time: send the webhook's token in the Authorization header.",
            ("Retry-After", str(refusal.retry_after_s)),
        )
    raise _Refused(
        401,
        "unauthorized",
        "The token is missing or wrong. Send the webhook's token in the Authorization header.",
    )


def _check_method(request: WebhookRequest) -> None:
    if request.method != "POST":
        raise _Refused(405, "method_not_allowed", "Webhooks are delivered with POST.")


def _check_encoding(request: WebhookRequest) -> None:
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip()
    if encoding.lower() not in ("", "identity"):
        raise _Refused(
            415,
            "unsupported_encoding",
            f"Content-Encoding {encoding[:40]} is not taken. Send the body as it is, without compression.",
        )


def _read(request: WebhookRequest) -> bytes:
    limit = settings.WEBHOOK_MAX_BODY_BYTES
    if _declared_length(request) > limit:
        raise _too_large(limit)
    try:
        body = _stream(request).read(limit + 1)
    except OSError as error:
        raise _Refused(400, "incomplete", "The connection broke before the body had arrived.") from error
    if len(body) > limit:
        raise _too_large(limit)
    if len(body) < _declared_length(request):
        raise _Refused(400, "incomplete", "The body is shorter than its Content-Length.")
    return bytes(body)


def _declared_length(request: WebhookRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text[:20]) if text.isascii() and text.isdigit() else 0


def _stream(request: WebhookRequest) -> Any:
    # Django takes a body without Content-Length for empty; a chunked one is whole on the server's stream.
    if not request.META.get("CONTENT_LENGTH") and request.META.get("wsgi.input_terminated"):
        return request.META["wsgi.input"]
    return request


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


def _too_large(limit: int) -> _Refused:
    return _Refused(413, "too_large", f"The body is larger than {limit} bytes (WEBHOOK_MAX_BODY_BYTES).")


RECEIVE_PATHS = frozenset({"/api/v1/webhooks/iiko", "/api/v1/webhooks/iiko/"})

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class _WsgiRequest:
    """The two things receiving reads of a request, without Django's request around them."""

    def __init__(self, environ: Environ) -> None:
        self.method: str | None = environ["REQUEST_METHOD"]
        self.META = environ

    def read(self, size: int, /) -> bytes:
        """Read no further than the declared length: past it a server may wait for more."""
        text = self.META.get("CONTENT_LENGTH") or "0"
        length = int(text[:20]) if text.isascii() and text.isdigit() else 0
        body: bytes = self.META["wsgi.input"].read(min(size, length))
        return body


class ReceiveFirst:
    """Answer webhooks at once and hand everything else to Django.

    Django's handler, signals and request cost as much as reading and keying a webhook. Servers that do
    not come through here get the same answers from ``webhooks.api.receive_view``.
    """

    def __init__(self, django: Application) -> None:
        self._django = django

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") not in RECEIVE_PATHS:
            with database_watch.each_statement_within(PAGE_STATEMENT_S):
                return self._django(environ, start_response)
        with database_watch.within(ANSWER_WITHIN_S):
            # What Django does at the start of a request.
            connection.close_if_unusable_or_obsolete()
        answer = answer_webhook(_WsgiRequest(environ))
        start_response(f"{answer.status} {responses[answer.status]}", list(answer.headers))
        return [answer.body]
