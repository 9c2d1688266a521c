"""Which servers may be called: those of the public Internet, unless the installation allows others.

A person who may change the address of a login must not make the hub call what only the hub can reach.
"""

import socket
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, ClassVar
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import create_connection

from iiko_client.http.names import names

SocketOption = tuple[int, int, int | bytes]
LOOKUP_S = 5.0
"""How long the lookup of a name may take (``names``)."""
_LEAST_CONNECT_S = 1.0
_MOST_ADDRESSES = 4
_NAT64 = IPv6Network("64:ff9b::/96")
_GLOBAL_IPV6 = IPv6Network("2000::/3")
"""All that is assigned to public servers; around it are ways into private networks, old and new."""


class NotPublic(ValueError):
    """An address that is not one of a public server over https."""


class NoSuchName(OSError):
    """A name leads to no address."""


class NotPublicAddress(OSError):
    """A name leads to an address that is not public."""


class AddressRefused(NewConnectionError):
    """No connection was made: the name leads to an address that is not public."""


def is_public(address: str) -> bool:
    """Tell whether an IP address is public; an IPv6 address that embeds an IPv4 one counts as that one."""
    ip = _innermost(ip_address(address))
    if isinstance(ip, IPv6Address) and ip not in _GLOBAL_IPV6:
        return False
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


def connect_checked(
    host: str,
    port: int,
    *,
    only_public: bool,
    wait_s: Callable[[], float | None],
    options: list[SocketOption] | None = None,
) -> socket.socket:
    """Resolve a name once, refuse it unless every address of it is public, and connect to one of those.

    What was checked is what is connected to, wherever the name leads a moment later. ``wait_s`` is asked
    before the lookup and before each attempt how long it may take (None: as long as the system waits, but the
    lookup ``LOOKUP_S``); what it raises ends them.

    Raises:
        NoSuchName, NotPublicAddress
        OSError: of the last attempt.
    """
    try:
        found = names.resolve(host, port, within_s=min(wait_s() or LOOKUP_S, LOOKUP_S))
    except (OSError, UnicodeError) as error:
        raise NoSuchName(str(error)) from error
    addresses = list(dict.fromkeys(str(address[0]) for *_rest, address in found))
    if only_public and not all(is_public(one.partition("%")[0]) for one in addresses):
        raise NotPublicAddress(host)
    failure: OSError = NoSuchName(host)
    for one in addresses[:_MOST_ADDRESSES]:
        left_s = wait_s()
        try:
            return create_connection((one, port), left_s, socket_options=options)
        except OSError as error:
            failure = error
    raise failure


class _InTime(HTTPConnection):
    """Connects within its timeout, the lookup of the name included; urllib3 bounds only what follows it."""

    only_public = False

    def _new_conn(self) -> socket.socket:
        until = time.monotonic() + (self.timeout or LOOKUP_S)
        try:
            return connect_checked(
                self._dns_host,
                self.port or self.default_port,
                only_public=self.only_public,
                wait_s=lambda: max(until - time.monotonic(), _LEAST_CONNECT_S),
                options=self.socket_options,
            )
        except NotPublicAddress as error:
            raise AddressRefused(self, "the address is not public") from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection: {error}") from error


class _TlsInTime(_InTime, HTTPSConnection):
    pass


class _PublicConnection(_TlsInTime):
    only_public = True


class _Pool(HTTPConnectionPool):
    ConnectionCls = _InTime


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsInTime


class _PublicPool(HTTPSConnectionPool):
    ConnectionCls = _PublicConnection


class ResolvingAdapter(HTTPAdapter):
    """Waits for a name no longer than for a connection; a proxy of the environment resolves it by itself."""

    pools: ClassVar[dict[str, type[HTTPConnectionPool]]] = {"http": _Pool, "https": _TlsPool}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self.pools


class PublicAdapter(ResolvingAdapter):
    """Connects to public addresses alone."""

    pools: ClassVar[dict[str, type[HTTPConnectionPool]]] = {"https": _PublicPool}
