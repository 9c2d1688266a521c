"""An id for each request: in its answer and in every log line that is written on its behalf."""

import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from structlog.contextvars import bind_contextvars, unbind_contextvars

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
        request_id = given if _TAKEN.fullmatch(given) else uuid.uuid4().hex

        def start(status: str, headers: list[tuple[str, str]], *more: object) -> object:
            return start_response(status, [*headers, (HEADER, request_id)], *more)

        bind_contextvars(request_id=request_id)
        try:
            return self._application(environ, start)
        finally:
            unbind_contextvars("request_id")
