"""An id for each request: in its answer and in every log line that is written on its behalf."""

import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from core.request_id import request_id

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

HEADER = "X-Request-ID"
_TAKEN = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class RequestIds:
    """Take the caller's ``X-Request-ID`` where it is a plain one of at most 64 characters, else make one.

    Outside of Django, so that the door for webhooks, which goes past it, has them too.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        own = given if given and _TAKEN.fullmatch(given) else secrets.token_hex(16)

        def start(status: str, headers: list[tuple[str, str]], *more: object) -> object:
            return start_response(status, [*headers, (HEADER, own)], *more)

        token = request_id.set(own)
        try:
            return self._application(environ, start)
        finally:
            request_id.reset(token)
