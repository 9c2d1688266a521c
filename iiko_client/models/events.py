"""The envelope of a webhook: enough of a message to store it, find it again and put it in order.

Reads anything without raising: what is missing or of the wrong type is left empty, and the payload
is stored beside it as it came.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson

from iiko_client import vendor_time
from iiko_client.json_reader import LONGEST_ID, NO_ID, BadValue, JsonObject, canonical_id, external_id
from iiko_client.models.statuses import letters

# The vendor's enum `WebHooks.WebHookEventType` (OpenAPI, read 2026-11).
EVENT_TYPES = (
    "DeliveryOrderUpdate",
    "DeliveryOrderError",
    "ReserveUpdate",
    "ReserveError",
    "TableOrderUpdate",
    "TableOrderError",
    "StopListUpdate",
    "PersonalShift",
    "KitchenOrderUpdate",
    "NomenclatureUpdate",
    "BusinessHoursAndMappingUpdate",
)

# Names from an older description; the vendor's enum has no such values.
OLDER_EVENT_TYPES = ("OrderChanged", "DeliveryOrderChanged")

SOI_TYPES = ("CREATE", "UPDATE")

_TYPES_BY_LETTERS = {letters(name): name for name in (*EVENT_TYPES, *OLDER_EVENT_TYPES, *SOI_TYPES)}

CLOUD, SOI, UNKNOWN = "cloud", "soi", "unknown"
_INT64 = 2**63


@dataclass(frozen=True, slots=True)
class Envelope:
    """What stands on the outside of a message. Ids longer than we index are shortened with a digest."""

    format: str
    event_type: str = ""
    organization_id: str = ""
    entity_key: str = ""
    order_external_id: str = ""
    correlation_id: str = ""
    event_time: datetime | None = None
    revision: int | None = None
    digest: str = ""
    """Of the part that identifies the event: ``eventInfo`` of a Cloud event, else the whole message.

    The whole message also where a Cloud event has no content or no moment: nothing else distinguishes it from
    the one before (docs/iiko.md#identity-of-an-event).
    """


def read_envelope(message: object) -> Envelope:
    fields = _object(message)
    is_soi = _soi_type(fields) in SOI_TYPES
    if "eventType" in fields and not (fields["eventType"] is None and is_soi):
        return _cloud(fields)
    if is_soi:
        return _soi(fields)
    return Envelope(
        UNKNOWN,
        organization_id=_ident(fields.get("organizationId")),
        correlation_id=_ident(fields.get("correlationId")),
        digest=digest_of(message),
    )


def _object(value: object) -> JsonObject:
    return value if isinstance(value, Mapping) else {}


def _soi_type(message: JsonObject) -> str:
    return str(message.get("type")).strip().upper()


def _cloud(message: JsonObject) -> Envelope:
    info = _object(message.get("eventInfo"))
    event_time, revision = _time(message.get("eventTime")), _revision(info.get("timestamp"))
    is_identified = bool(info) and (event_time is not None or revision is not None)
    return Envelope(
        CLOUD,
        event_type=event_type_of(message.get("eventType")),
        # ``eventInfo`` of orders and reserves names the organization once more (OpenAPI, read 2026-11).
        organization_id=_ident(message.get("organizationId")) or _ident(info.get("organizationId")),
        entity_key=_ident(info.get("id")),
        order_external_id=_external(info.get("externalNumber")),
        correlation_id=_ident(message.get("correlationId")),
        event_time=event_time,
        revision=revision,
        digest=digest_of(info if is_identified else message),
    )


def _soi(message: JsonObject) -> Envelope:
    transaction, details = (
        _object(message.get("transactionDetails")),
        _object(message.get("iikoOrderDetails")),
    )
    external = _external(message.get("orderExternalId"))
    return Envelope(
        SOI,
        event_type=_soi_type(message),
        # Where the format's examples have it; an imitation may put it outside, as the Cloud does.
        organization_id=_ident(transaction.get("organizationId")) or _ident(message.get("organizationId")),
        entity_key=_ident(details.get("iikoOrderId")) or (f"ext:{external}" if external else ""),
        order_external_id=external,
        correlation_id=_ident(transaction.get("correlationId")),
        digest=digest_of(message),
    )


def digest_of(part: object) -> str:
    """Return 32 hexadecimal digits that are equal for equal JSON, whatever the order of its keys."""
    try:
        text = orjson.dumps(part, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # numbers of more than 64 bits
        text = json.dumps(part, sort_keys=True, separators=(",", ":"), default=str).encode()
    return hashlib.sha256(text).hexdigest()[:32]


def event_type_of(value: object) -> str:
    """Return the name of a type as the hub stores it, in whatever spelling it was written."""
    name = value.strip()[:100] if isinstance(value, str) else ""
    return _TYPES_BY_LETTERS.get(letters(name), name)


def _external(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return external_id(str(value))


def _ident(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value).strip()
    try:
        found = canonical_id(text)
        return "" if found == NO_ID else found
    except BadValue:
        return f"{text[: LONGEST_ID - 40]}…{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        return vendor_time.utc(value)
    except vendor_time.NotATime:
        return None


def _revision(value: object) -> int | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 40:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _INT64:
        return None
    return int(value)
