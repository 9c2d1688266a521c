"""Which servers may be called: those of the public Internet, unless the installation allows others.

A person who may change the address of a login must not make the hub call what only the hub can reach. Names
are resolved within the time to connect (``names``), and once for each connection: what was checked is what
is connected to.
"""

import socket
import time
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, ClassVar
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from iiko_client.http.names import names

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


_CONNECT_S = 5.0
"""Where no time to connect is set."""
_LEAST_CONNECT_S = 1.0


class _ResolvesInTime(HTTPConnection):
    """Connects within its timeout, the lookup of the name included; urllib3 bounds only what follows it."""

    def _new_conn(self) -> socket.socket:
        timeout_s = self.timeout if isinstance(self.timeout, int | float) else _CONNECT_S
        began = time.monotonic()
        try:
            found = names.resolve(self._dns_host, self.port, within_s=timeout_s)
        except (OSError, UnicodeError) as error:
            raise NameResolutionError(self.host, self, _as_lookup_error(error)) from error
        addresses = list(dict.fromkeys(str(address[0]) for *_rest, address in found))
        self._check(addresses)
        left_s = max(timeout_s - (time.monotonic() - began), _LEAST_CONNECT_S)
        return self._connect_to_one(addresses, left_s)

    def _check(self, addresses: Iterable[str]) -> None:
        """Refuse addresses that may not be called."""

    def _connect_to_one(self, addresses: list[str], timeout_s: float) -> socket.socket:
        name, timeout = self._dns_host, self.timeout
        try:
            self.timeout = timeout_s
            for address in addresses[:-1]:
                self._dns_host = address
                try:
                    return super()._new_conn()
                except (NewConnectionError, ConnectTimeoutError):
                    continue
            self._dns_host = addresses[-1]
            return super()._new_conn()
        finally:
            self._dns_host, self.timeout = name, timeout


def _as_lookup_error(error: Exception) -> socket.gaierror:
    return error if isinstance(error, socket.gaierror) else socket.gaierror(socket.EAI_NONAME, str(error))


class _Plain(HTTPConnectionPool):
    ConnectionCls = _ResolvesInTime


class _TlsConnection(_ResolvesInTime, HTTPSConnection):
    pass


class _Tls(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _PublicConnection(_TlsConnection):
    def _check(self, addresses: Iterable[str]) -> None:
        if not all(is_public(address) for address in addresses):
            raise AddressRefused(self, "the address is not public")


class _PublicTls(HTTPSConnectionPool):
    ConnectionCls = _PublicConnection


class ResolvingAdapter(HTTPAdapter):
    """Waits for a name no longer than for a connection; a proxy of the environment resolves it by itself."""

    pools: ClassVar[dict[str, type[HTTPConnectionPool]]] = {"http": _Plain, "https": _Tls}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self.pools


class PublicAdapter(ResolvingAdapter):
    """Connects to public addresses alone."""

    pools: ClassVar[dict[str, type[HTTPConnectionPool]]] = {"https": _PublicTls}
