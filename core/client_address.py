"""The address of a client, which the sender cannot forge."""

import ipaddress
from collections.abc import Mapping

from django.conf import settings

_IPV6_PREFIX = 64
"""The smallest network that a provider gives one customer, who then has all of its addresses."""


def client_address(meta: Mapping[str, str]) -> str | None:
    """Return the address of the client, as the outermost of ``TRUSTED_PROXIES`` saw it.

    Each proxy adds the address it was called from to the end of ``X-Forwarded-For``. What stands further left
    comes from the client and is not trusted.
    """
    peer: str | None = meta.get("REMOTE_ADDR") or None
    if not settings.TRUSTED_PROXIES:
        return peer
    hops = [text.strip() for text in meta.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    try:
        return str(ipaddress.ip_address(hops[-min(settings.TRUSTED_PROXIES, len(hops))]))
    except ValueError:
        return peer


def client_network(meta: Mapping[str, str]) -> str:
    """Return the network one sender controls: an IPv4 address, or the /64 of an IPv6 address.

    Empty where the server names none (a Unix socket): those senders are one.
    """
    try:
        address = ipaddress.ip_address(client_address(meta) or "")
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), _IPV6_PREFIX), strict=False))
