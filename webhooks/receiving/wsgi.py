"""A door of their own for webhooks, in front of Django's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http.client import responses
from typing import Any

from django.db import connection

from webhooks.receiving.database_watch import ANSWER_WITHIN_S, PAGE_STATEMENT_S, database_watch
from webhooks.receiving.view import answer_webhook

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
