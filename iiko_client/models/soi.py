"""The SOI format: ``{"type": "CREATE"|"UPDATE", …}``, one object, no revision.

Known only from the format's own examples (docs/iiko.md#soi), so it is read leniently: parts may be missing,
ids need not be UUIDs, ``errorInfo`` may be text or an object.
"""

from __future__ import annotations

from datetime import UTC

from iiko_client.json_reader import JsonObject, Reader
from iiko_client.models.order import OrderFields, OrderReading
from iiko_client.models.order_lines import word
from iiko_client.models.shared import FieldMap, read_creation, read_fields, read_status
from iiko_client.models.statuses import normalise_status, order_type

_DETAILS: FieldMap = (
    ("restaurantName", "restaurant_name", Reader.label),
    ("orderAmount", "amount_minor", Reader.money),
    ("orderType", "order_type", word(order_type)),
    ("problem", "problem", Reader.label),
    # With an offset in every example; without one it is taken as UTC.
    ("receivedAt", "when_created", Reader.local_time),
    ("promisedTime", "promised_time", Reader.local_time),
)


def read_soi_order(wire: JsonObject) -> OrderReading:
    """Read a SOI message; never raise for bad content (see ``OrderReading.issues``)."""
    issues: list[str] = []
    message = Reader(wire, zone=UTC, issues=issues)
    fields = OrderFields()
    external = message.read("orderExternalId", Reader.external_id)
    if external is not None:
        fields["external_order_id"] = external
        fields["soi_external_id"] = external
    read_fields(message, (("readableNumber", "readable_number", Reader.short),), fields)
    read_creation(message, fields)
    details = message.inner("iikoOrderDetails")
    _read_details(details, fields)
    for place in (message, details):
        _read_courier(place, fields)
    return OrderReading(
        organization_id=message.inner("transactionDetails").read("organizationId", Reader.ident),
        iiko_order_id=details.read("iikoOrderId", Reader.ident),
        external_order_id=external,
        revision=None,
        fields=fields,
        issues=tuple(issues),
    )


def _read_details(details: Reader, fields: OrderFields) -> None:
    read_fields(details, _DETAILS, fields)
    read_status(details, "orderStatus", fields, normalise_status)
    if "readable_number" not in fields and details.wire.get("iikoOrderNumber"):
        fields["readable_number"] = details.read("iikoOrderNumber", Reader.short)


def _read_courier(place: Reader, fields: OrderFields) -> None:
    """Read the courier, nested or flat; a message without one leaves the fields out.

    No courier is in the published example; imitations of the format name one in these ways. Id and name
    are of one person, so one of them alone empties the other.
    """
    courier = place.read("courier", Reader.named)
    if courier is not None:
        person = courier.read("id", Reader.ident), courier.read("name", Reader.label)
    elif place.has("courierId") or place.has("courierName"):
        person = place.read("courierId", Reader.ident), place.read("courierName", Reader.label)
    elif place.has("courier"):
        person = None, None
    else:
        return
    fields["courier_id"], fields["courier_name"] = person
