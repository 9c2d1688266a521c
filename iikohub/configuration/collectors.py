"""Addresses to which errors and spans are sent; what cannot be used stops the start.

Not a system check: web servers start without those.
"""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_DSN_FORM = "https://public-key@host/project-number"


def check_dsn(dsn: str) -> str:
    """Return a DSN as it was given. Raises ``ImproperlyConfigured``; the key in it is not repeated."""
    if not dsn:
        return ""
    parts = urlsplit(dsn)
    project = parts.path.rpartition("/")[2]
    if not (_is_http(dsn) and parts.username and project.isascii() and project.isdigit()):
        raise ImproperlyConfigured(
            f"SENTRY_DSN cannot be read. Copy it from the project's settings in Sentry: {_DSN_FORM}."
        )
    return dsn


def check_collector(endpoint: str) -> str:
    """Return the address of a collector as it was given. Raises ``ImproperlyConfigured``."""
    if endpoint and not _is_http(endpoint):
        raise ImproperlyConfigured(
            "OTEL_EXPORTER_OTLP_ENDPOINT must be an address of HTTP such as http://localhost:4318; "
            "gRPC (port 4317) is not spoken."
        )
    return endpoint


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _port = parts.port  # raises where it is no number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
