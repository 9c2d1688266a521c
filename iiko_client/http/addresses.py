"""Which servers may be called: those of the public Internet, unless the installation allows others.

A person who may change the address of a login must not make the hub call what only the hub can reach.
"""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3 import HTTPSConnectionPool
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import create_connection

SocketOption = tuple[int, int, int | bytes]
_MOST_ADDRESSES = 4
_NAT64 = IPv6Network("64:ff9b::/96")


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
    before each attempt how long it may take (None: as long as the system waits); what it raises ends them.

    Raises:
        NoSuchName, NotPublicAddress
        OSError: of the last attempt.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
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


class _PublicConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        try:
            return connect_checked(
                self._dns_host,
                self.port or 443,
                only_public=True,
                wait_s=lambda: self.timeout,
                options=self.socket_options,
            )
        except NotPublicAddress as error:
            raise AddressRefused(self, "the address is not public") from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection: {error}") from error


class _PublicPool(HTTPSConnectionPool):
    ConnectionCls = _PublicConnection


class PublicAdapter(HTTPAdapter):
    """Connects to public addresses alone. A proxy of the environment resolves names by itself."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _PublicPool}
