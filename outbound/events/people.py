"""Leaves guests out of what is sent to those who may not see them: names, phones, addresses, words.

The shape stays: a text becomes ``***``, an object keeps its fields and ids. Only numbers and flags in such an
object become null.
"""

from collections.abc import Mapping

from core.privacy.shown import masked
from core.redaction import MASK, mask
from iiko_client.json_reader import JsonObject
from outbound.models.events import EntityType

_OF_ORDERS = frozenset(
    {
        *("customer", "phone", "phone_extension", "address", "comment", "problem", "cancel_comment"),
        *("tracking_link", "external_data", "loyalty", "courier_phone", "error_info"),
    }
)
_OF_OPERATIONS = frozenset({"comment", "cancel_comment"})
_IDS = frozenset({"id", "type", "code"})
"""What an object keeps."""


def without_people(about: str, data: JsonObject) -> JsonObject:
    """Return the data of an event about this ``EntityType`` without what tells of a guest."""
    hidden = dict(_hide(about, data))
    if isinstance(changes := data.get("changes"), Mapping):
        hidden["changes"] = {name: _change(about, name, change) for name, change in changes.items()}
    return hidden


def _change(about: str, name: str, change: JsonObject) -> JsonObject:
    return {side: _hide(about, {name: value})[name] for side, value in change.items()}


def _hide(about: str, data: JsonObject) -> JsonObject:
    if about == EntityType.ORDER:
        return {name: _of_order(name, value) for name, value in data.items()}
    if about == EntityType.COMMAND:
        return {name: mask(value) if name in ("params", "error") else value for name, value in data.items()}
    if about == EntityType.LOYALTY_OPERATION:
        return {name: _of_operation(name, value) for name, value in data.items()}
    return dict(data)


def _of_order(name: str, value: object) -> object:
    if name in _OF_ORDERS:
        return _blank(value)
    # Of lines what the API hides, too: words about why one was taken off may name whoever ordered it.
    return masked("orders.Order", name, value) if name == "items" else value


def _of_operation(name: str, value: object) -> object:
    if name in _OF_OPERATIONS:
        return _blank(value)
    return mask(value) if name == "error" else value


def _blank(value: object) -> object:
    if isinstance(value, str):
        return MASK if value else value
    if isinstance(value, Mapping):
        return {name: inner if name in _IDS else _blank(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_blank(one) for one in value]
    return None
