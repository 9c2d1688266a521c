"""How much of a request a web process takes, and for how long it waits: the same for both servers."""

from django.conf import settings

LONGEST_HEAD = 64 * 1024
"""Bytes of a request's head, all headers together."""

MOST_RECEIVED = 64 * 1024 * 1024
"""Bytes of requests that one process holds in memory while they arrive."""

STALLED_S = 30.0
"""A client that does not go on taking its answer for so long is let go."""

LINGER_S = 2.0
"""For so long a client is still heard when its connection, or the process, is to end."""


def largest_body() -> int:
    """Return the bytes of the largest body that any door takes."""
    return max(
        settings.WEBHOOK_MAX_BODY_BYTES,
        settings.API_MAX_BODY_BYTES,
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0,
    )
