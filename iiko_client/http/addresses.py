"""Which servers may be called: those of the public Internet, unless the installation allows others.

A person who may change the address of a login must not make the hub call what only the hub can reach.
"""

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import NewConnectionError

_NAT64 = IPv6Network("64:ff9b::/96")


class NotPublic(ValueError):
    """An address that is not one of a public server over https."""


class AddressRefused(NewConnectionError):
    """No connection was made: the name leads to an address that is not public."""


def is_public(address: str) -> bool:
    """Tell whether an IP address is public; an IPv6 address that embeds an IPv4 one counts as that one."""
    ip = _innermost(ip_address(address))
    return ip.is_global and not ip.is_multicast


def _innermost(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is None and ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        return inner or ip
    return ip


def check_public_url(url: str) -> None:
    """Refuse an address that is plainly not public https. Where a name leads is checked at each call.

    Raises:
        NotPublic
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme != "https":
        raise NotPublic("the address of iiko must begin with https://")
    literal = _literal(host)
    is_local_name = "." not in host or host.endswith((".localhost", ".local", ".internal"))
    if is_local_name if literal is None else not is_public(literal):
        raise NotPublic("the address of iiko must be a public one")


def _literal(host: str) -> str | None:
    """Return the IP address that ``host`` spells, as the system reads it (127.1, 2130706433), else None."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return None
    return str(found[0][4][0])


class _PublicConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, f"no such name: {error}") from error
        self._check(str(address[0]) for *_rest, address in found)
        connected = super()._new_conn()
        try:
            # The name may have led elsewhere the second time.
            self._check([str(connected.getpeername()[0])])
        except AddressRefused:
            connected.close()
            raise
        return connected

    def _check(self, addresses: Iterable[str]) -> None:
        if not all(is_public(address) for address in addresses):
            raise AddressRefused(self, "the address is not public")


class _PublicPool(HTTPSConnectionPool):
    ConnectionCls = _PublicConnection


class PublicAdapter(HTTPAdapter):
    """Connects to public addresses alone. A proxy of the environment resolves names by itself."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _PublicPool}
