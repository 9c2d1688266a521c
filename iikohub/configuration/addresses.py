"""The hub's own addresses as the environment names them: read whole, refused in a sentence."""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

DEFAULT_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"(\*|\.?[^\s:/@?#*\[\]]+|\[[0-9a-fA-F:.]+\])")


def base_url(text: str) -> str:
    """Return the address in the form browsers write it, with its path and without a slash at the end."""
    text = text.strip()
    if not text:
        return ""
    parts = _split(text)
    if parts is None or parts.query or parts.fragment:
        raise ImproperlyConfigured(
            "WEBHOOK_BASE_URL must be the address by which iiko reaches the hub, such as "
            f"https://hub.example.com, not {text!r}."
        )
    return _origin(parts) + parts.path.rstrip("/")


def host_of(address: str) -> str:
    """Return the host of an address as ``ALLOWED_HOSTS`` names it, IPv6 in brackets."""
    host = urlsplit(address).hostname or ""
    return f"[{host}]" if ":" in host else host


def host_names(texts: Iterable[str]) -> list[str]:
    names = [text.strip() for text in texts if text.strip()]
    for name in names:
        if not _NAME.fullmatch(name):
            raise ImproperlyConfigured(
                "ALLOWED_HOSTS takes names without scheme, port and path, such as hub.example.com, "
                f".example.com for all names of a domain or [::1], not {name!r}."
            )
    return [_ascii(name) for name in names]


def trusted_origins(texts: Iterable[str]) -> list[str]:
    """Read ``CSRF_TRUSTED_ORIGINS``: ``scheme://host[:port]``, where ``*.`` stands for any name before it."""
    found = []
    for text in (text.strip() for text in texts if text.strip()):
        parts = _split(text)
        if parts is None or parts.path.strip("/") or parts.query or parts.fragment:
            raise ImproperlyConfigured(
                "CSRF_TRUSTED_ORIGINS takes addresses with scheme and without path, such as "
                f"https://hub.example.com:8443, separated by commas, not {text!r}."
            )
        found.append(_origin(parts))
    return found


def origins_of(*, hosts: Iterable[str], address: str) -> list[str]:
    """Return the origins that follow from ``ALLOWED_HOSTS`` and the hub's own address."""
    found: list[str] = [_origin(urlsplit(address))] if address else []
    for host in hosts:
        if host != "*":
            found.append(f"https://{host.lstrip('.')}")
        if host.startswith("."):
            found.append(f"https://*{host}")
    return list(dict.fromkeys(found))


def _split(text: str) -> SplitResult | None:
    """Take an http(s) address apart; None if it is none."""
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in DEFAULT_PORTS and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        return None
    return parts if is_one and "@" not in parts.netloc and " " not in text else None


def _origin(parts: SplitResult) -> str:
    """Write the origin as browsers do: in small letters, without the scheme's own port."""
    host = _ascii(parts.hostname or "")
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _ascii(host: str) -> str:
    """Write a name of other letters as it travels (``xn--…``)."""
    if host.isascii():
        return host.lower()
    try:
        return ".".join(part and part.encode("idna").decode() for part in host.lower().split("."))
    except UnicodeError as error:
        raise ImproperlyConfigured(f"{host!r} is not a name that an address can have.") from error
