"""Where iiko sends its webhooks, and which of them (docs/iiko.md#webhook-settings)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from iiko_client.json_reader import JsonObject, Reader
from iiko_client.models.statuses import DeliveryStatus
from iiko_client.records import wire

# Enums of the filter (OpenAPI, read 2026-11).
ORDER_STATUSES = tuple(status.value for status in DeliveryStatus)
ITEM_STATUSES = ("Added", "PrintedNotCooking", "CookingStarted", "CookingCompleted", "Served")
TABLE_STATUSES = ("New", "Bill", "Closed", "Deleted")


@dataclass(frozen=True, slots=True)
class WebhookFilter:
    """Which events iiko sends. By default all, listed: what an empty filter means is not documented."""

    order_statuses: tuple[str, ...] = ORDER_STATUSES
    order_item_statuses: tuple[str, ...] = ITEM_STATUSES
    order_errors: bool = True
    external_data_keys: tuple[str, ...] = ()
    table_statuses: tuple[str, ...] = TABLE_STATUSES
    table_item_statuses: tuple[str, ...] = ITEM_STATUSES
    table_errors: bool = True
    reserves: bool = True
    reserve_errors: bool = True
    stop_lists: bool = True
    shifts: bool = True
    nomenclature: bool = True
    business_hours: bool = True

    def wire(self) -> dict[str, Any]:
        return {
            "deliveryOrderFilter": {
                "orderStatuses": list(self.order_statuses),
                "itemStatuses": list(self.order_item_statuses),
                "errors": self.order_errors,
                "returnedExternalDataKeys": list(self.external_data_keys),
            },
            "tableOrderFilter": {
                "orderStatuses": list(self.table_statuses),
                "itemStatuses": list(self.table_item_statuses),
                "errors": self.table_errors,
            },
            "reserveFilter": {"updates": self.reserves, "errors": self.reserve_errors},
            "stopListUpdateFilter": {"updates": self.stop_lists},
            "personalShiftFilter": {"updates": self.shifts},
            "nomenclatureUpdateFilter": {"updates": self.nomenclature},
            "businessHoursAndMappingUpdateFilter": {"updates": self.business_hours},
        }

    def equals(self, settings: JsonObject | None) -> bool:
        """Compare with iiko's filter; the order of lists and fields unknown to us do not count."""
        return _covers(self.wire(), settings)


def _covers(ours: object, theirs: object) -> bool:
    if isinstance(ours, Mapping):
        known = theirs if isinstance(theirs, Mapping) else {}
        return all(_covers(value, known.get(key)) for key, value in ours.items())
    if isinstance(ours, list):
        return isinstance(theirs, list | None) and set(ours) == set(map(str, theirs or ()))
    return bool(ours == theirs)


def _object(reader: Reader, key: str) -> JsonObject | None:
    value = reader.wire.get(key)
    return value if isinstance(value, Mapping) else None


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """What is set for one organization and login; a change replaces all of it."""

    uri: str | None = wire("webHooksUri", Reader.label)
    auth_token: str | None = wire("authToken", Reader.text, repr=False)
    filter: JsonObject | None = wire("webHooksFilter", _object)
