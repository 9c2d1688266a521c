"""Who may call the API, with which rights and for which restaurants.

A login that was not configured may do everything in every restaurant, so that a hub needs no set-up.
Names that begin with ``refused`` are rejected, those with ``readonly`` may only read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from uuid import UUID

from sandbox.catalogue.world import Organization

READING = (
    "organizations",
    "terminal_groups",
    "employees/couriers",
    "employees/shift/is_open",
    "employees/info",
    "cancel_causes",
    "removal_types",
    "discounts",
    "payment_types",
    "deliveries/order_types",
    "deliveries/by_",
    "deliveries/drafts/by_id",
    "stop_lists",
    "nomenclature",
    "commands/status",
    "webhooks/settings",
    "loyalty/iiko/program",
    "loyalty/iiko/customer/info",
    "loyalty/iiko/customer/transactions",
)


@dataclass(frozen=True, slots=True)
class Login:
    """``organizations``: None is all. ``rights``: beginnings of operations, None is all of them."""

    name: str
    is_blocked: bool = False
    organizations: frozenset[UUID] | None = None
    rights: tuple[str, ...] | None = None
    source_key: str | None = field(default=None)

    def may(self, operation: str) -> bool:
        return self.rights is None or any(operation.startswith(right) for right in self.rights)

    def sees(self, organization: Organization) -> bool:
        return self.organizations is None or organization.id in self.organizations


class Logins:
    """The configured logins and the defaults of all others. Thread-safe."""

    def __init__(self) -> None:
        self._named: dict[str, Login] = {}
        self._lock = Lock()

    def get(self, name: str) -> Login:
        with self._lock:
            return self._named.get(name) or _unnamed(name)

    def put(self, login: Login) -> None:
        with self._lock:
            self._named[login.name] = login


def _unnamed(name: str) -> Login:
    rights = READING if name.startswith("readonly") else None
    return Login(name, is_blocked=name.startswith("refused"), rights=rights)
