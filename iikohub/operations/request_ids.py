"""Two ids for each request, in its answer and in every log line that is written on its behalf.

``X-Request-ID`` is of this one request, ``X-Trace-ID`` of all that follows from it: commands, calls to iiko,
webhooks to integrators (``core.trace``).
"""

from collections.abc import Callable, Iterable
from typing import Any

from core import spans, trace
from core.request_id import id_headers, id_of, request_id

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_LONGEST_PATH = 300


class RequestIds:
    """Give each request its ids.

    The trace is new; whoever shows a valid API key may name another (``ApiKeyAuthentication``). Outside of
    Django, so that the door for webhooks, which goes past it, has both.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        own = id_of(environ.get("HTTP_X_REQUEST_ID", ""))

        def start(status: str, headers: list[tuple[str, str]], *more: object) -> object:
            return start_response(status, [*headers, *id_headers(own, trace.current_id())], *more)

        token, begun = request_id.set(own), trace.begin_request()
        try:
            if spans.are_sent():
                return self._timed(environ, start)
            return self._application(environ, start)
        finally:
            trace.end_request(begun)
            request_id.reset(token)

    def _timed(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer, and tell how long it took until the answer began."""
        begun, answered = spans.begin_request(trace.current_id()), [0]

        def start(status: str, headers: list[tuple[str, str]], *more: object) -> object:
            answered[0] = int(status[:3])
            return start_response(status, headers, *more)

        try:
            return self._application(environ, start)
        finally:
            method, path, status = environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), answered[0]
            attributes: spans.Attributes = {
                "http.request.method": method,
                "url.path": path[:_LONGEST_PATH],
                "http.response.status_code": status,
            }
            is_failed = status >= 500 or not status
            spans.end_request(begun, f"{method} {_door(path)}", attributes, is_failed=is_failed)


def _door(path: str) -> str:
    """Name what was asked by the beginning of its path: names of spans are few."""
    if path.startswith("/api/v1/webhooks/iiko"):
        return "webhook"
    return next((door for door in ("api", "console", "admin") if path.startswith(f"/{door}/")), "other")
