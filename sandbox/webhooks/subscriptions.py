"""Where webhooks go: one address, token and filter per restaurant and login.

Until a login configures its own, a restaurant has the settings that the sandbox was started with, and
these let everything through; started with no address, it has none and sends nothing. A filter, or a list
in it, that is null asks for nothing: the vendor does not say, so this is a guess (register with one null
and see).
"""

from collections import deque
from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid5

from sandbox.catalogue.world import Organization
from sandbox.http.request import Choice, Request
from sandbox.orders.order import CreationStatus, ItemStatus
from sandbox.webhooks import events

UPDATES_AT_MOST = 3
UPDATES_WITHIN = timedelta(minutes=1)


DELIVERY_STATUSES = (
    *("Unconfirmed", "WaitCooking", "ReadyForCooking", "CookingStarted", "CookingCompleted"),
    *("Waiting", "OnWay", "Delivered", "Closed", "Cancelled"),
)
TABLE_STATUSES = ("New", "Bill", "Closed", "Deleted")
ITEM_STATUSES = tuple(status.value for status in ItemStatus)


class UpdatesFilter(Request):
    updates: bool = False
    errors: bool = False


class _OrderFilter(Request):
    """Which order events pass; an update passes for the status of the order or of one of its items."""

    item_statuses: list[Annotated[str, Choice(ITEM_STATUSES)]] | None = None
    errors: bool = False
    returned_external_data_keys: list[str] | None = None
    order_statuses: list[str] | None = None

    def passes(self, status: str, items: Set[str]) -> bool:
        return status in (self.order_statuses or ()) or not items.isdisjoint(self.item_statuses or ())


class DeliveryFilter(_OrderFilter):
    order_statuses: list[Annotated[str, Choice(DELIVERY_STATUSES)]] | None = None

    def passes_change(self, change: events.OrderChange) -> bool:
        if change.is_error:
            return self.errors
        if change.order.creation is CreationStatus.IN_PROGRESS:
            return bool(self.order_statuses)
        return self.passes(change.order.status, {line.status for line in change.order.lines})


class TableFilter(_OrderFilter):
    order_statuses: list[Annotated[str, Choice(TABLE_STATUSES)]] | None = None


_NO_UPDATES = UpdatesFilter()


class Filter(Request):
    """Which events are sent, as the request says it. A part that is null asks for nothing."""

    delivery_order_filter: DeliveryFilter | None = None
    table_order_filter: TableFilter | None = None
    reserve_filter: UpdatesFilter | None = None
    stop_list_update_filter: UpdatesFilter | None = None
    personal_shift_filter: UpdatesFilter | None = None
    nomenclature_update_filter: UpdatesFilter | None = None
    business_hours_and_mapping_update_filter: UpdatesFilter | None = None

    def lets_through(self, event: events.Event) -> bool:
        match event:
            case events.OrderChange():
                return (self.delivery_order_filter or DeliveryFilter()).passes_change(event)
            case events.TableOrderChange(order=order):
                chosen = self.table_order_filter or TableFilter()
                statuses = {line.status for line in order.lines}
                return chosen.errors if order.error else chosen.passes(order.status, statuses)
            case events.ReserveChange(reserve=reserve):
                updates = self.reserve_filter or _NO_UPDATES
                return updates.errors if reserve.error else updates.updates
            case events.StopListChange():
                return (self.stop_list_update_filter or _NO_UPDATES).updates
            case events.ShiftChange():
                return (self.personal_shift_filter or _NO_UPDATES).updates
            case events.UndocumentedEvent(kind=events.UndocumentedType.MENU):
                return (self.nomenclature_update_filter or _NO_UPDATES).updates
            case events.UndocumentedEvent(kind=events.UndocumentedType.BUSINESS_HOURS):
                return (self.business_hours_and_mapping_update_filter or _NO_UPDATES).updates
            case events.UndocumentedEvent():
                # The vendor's filter has no field for KitchenOrderUpdate (OpenAPI, WebHooksFilter, read
                # 2026-11). That a filter excludes it is a guess; a real account's webhooks would settle it.
                return False


@dataclass(frozen=True, slots=True)
class Subscription:
    """One receiver of a restaurant's webhooks. Within a ``partition`` they keep their order.

    Without a ``filter`` all events are sent; ``requested_filter`` is it word for word as the client gave it.
    """

    partition: UUID
    url: str
    token: str
    filter: Filter | None = None
    requested_filter: object = None

    @property
    def external_keys(self) -> tuple[str, ...]:
        chosen = self.filter.delivery_order_filter if self.filter else None
        return tuple(chosen.returned_external_data_keys or ()) if chosen else ()


class TooManyUpdates(Exception):
    """The settings were changed too often; nothing was changed now."""


class Subscriptions:
    """The settings of all restaurants. Not thread-safe."""

    def __init__(self, url: str = "", token: str = "") -> None:
        self._url = url
        self._token = token
        self._configured: dict[UUID, dict[str, Subscription]] = {}
        self._updates: dict[tuple[UUID, str], deque[datetime]] = {}

    def of(self, organization: Organization) -> list[Subscription]:
        """Give every receiver of the restaurant's webhooks."""
        configured = self._configured.get(organization.id)
        initial = self._initial(organization)
        return list(configured.values()) if configured else [initial] if initial else []

    def get(self, organization: Organization, login: str) -> Subscription | None:
        """Give the login's settings; None when only others have configured theirs."""
        configured = self._configured.get(organization.id)
        return configured.get(login) if configured else self._initial(organization)

    def configure(
        self, organization: Organization, login: str, at: datetime, wanted: Callable[[UUID], Subscription]
    ) -> None:
        """Replace the login's settings as a whole by those ``wanted`` in its partition.

        Raises:
            TooManyUpdates: it was done too often in the last minute.
        """
        updates = self._updates.setdefault((organization.id, login), deque())
        while updates and updates[0] <= at - UPDATES_WITHIN:
            updates.popleft()
        if len(updates) >= UPDATES_AT_MOST:
            raise TooManyUpdates
        updates.append(at)
        configured = self._configured.setdefault(organization.id, {})
        configured[login] = wanted(uuid5(organization.id, f"webhooks/{login}"))

    def _initial(self, organization: Organization) -> Subscription | None:
        return Subscription(organization.id, self._url, self._token) if self._url else None
