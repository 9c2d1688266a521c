"""The SOI format: ``{"type": "CREATE"|"UPDATE", …}``, one object, no revision.

Known only from the format's own examples (docs/iiko.md#soi), so it is read leniently: parts may be missing,
ids need not be UUIDs, ``errorInfo`` may be text or an object.
"""

from iiko_client.json_reader import JsonObject, Reader, word
from iiko_client.message_fields import At, AtWrapper, Plan, plan_of
from iiko_client.models.order import OrderFields, OrderReading
from iiko_client.models.shared import InfoFields, read_status
from iiko_client.models.statuses import normalise_status, order_type

_NUMBER = Plan({"readable_number": At("readableNumber", Reader.short)})
_CREATION = plan_of(InfoFields, AtWrapper)
_DETAILS = Plan(
    {
        "restaurant_name": At("restaurantName", Reader.label),
        "amount_minor": At("orderAmount", Reader.money),
        "order_type": At("orderType", word(order_type)),
        "problem": At("problem", Reader.label),
        # With an offset in every example; without one it is taken as UTC.
        "when_created": At("receivedAt", Reader.local_time),
        "promised_time": At("promisedTime", Reader.local_time),
    }
)


def read_soi_order(wire: JsonObject) -> OrderReading:
    """Read a SOI message; never raise for bad content (see ``OrderReading.issues``)."""
    message = Reader(wire)
    fields = OrderFields()
    external = message.read("orderExternalId", Reader.external_id)
    if external is not None:
        fields["external_order_id"] = external
        fields["soi_external_id"] = external
    _NUMBER.read(message, fields)
    _CREATION.read(message, fields)
    details = message.inner("iikoOrderDetails")
    _DETAILS.read(details, fields)
    read_status(details, "orderStatus", fields, normalise_status)
    if "readable_number" not in fields and details.wire.get("iikoOrderNumber"):
        fields["readable_number"] = details.read("iikoOrderNumber", Reader.short)
    for place in (message, details):
        _read_courier(place, fields)
    return OrderReading(
        organization_id=message.inner("transactionDetails").read("organizationId", Reader.ident),
        iiko_order_id=details.read("iikoOrderId", Reader.ident),
        external_order_id=external,
        revision=None,
        fields=fields,
        issues=tuple(message.issues),
    )


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
