"""The timeline of an order: which changes it records, and in which form."""

from __future__ import annotations

from datetime import datetime

from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from core.mirror.precedence import NOTHING, FieldPrecedence
from iiko_client.models.order_lines import iso
from orders.models.order import Order

# The title of each change, in the order in which the changes of one message are recorded. Fields that are
# not here change along with one of these, or say little to a person; they are in the event itself.
TRACKED = {
    "unknown_to_iiko_at": _("Unknown to iiko"),
    "creation_status": _("Creation"),
    "error_info": _("Creation error"),
    "status": _("Status"),
    "is_deleted": _("Deletion"),
    "cancel_cause": _("Cancel cause"),
    "cancel_comment": _("Cancel comment"),
    "external_order_id": _("External id"),
    "readable_number": _("Number"),
    "order_type": _("Type"),
    "promised_time": _("Promised time"),
    "estimated_time": _("Estimated time"),
    "courier_name": _("Courier"),
    "external_courier_service_name": _("Outside courier service"),
    "tracking_link": _("Tracking link"),
    "problem": _("Problem"),
    "comment": _("Comment"),
    "amount_minor": _("Amount"),
    "items": _("Items"),
    "payments": _("Payments"),
    "tips": _("Tips"),
    "discounts": _("Discounts"),
    "customer": _("Customer"),
    "phone": _("Phone"),
    "phone_extension": _("Phone extension"),
    "address": _("Address"),
    "moved": _("Moved"),
}
UNKNOWN_TO_IIKO = "unknown_to_iiko_at"
ACKNOWLEDGED = "acknowledged"
MERGED = "merged"
REISSUED = "reissued"
TITLES = TRACKED | {
    ACKNOWLEDGED: _("Acknowledged"),
    MERGED: _("Merged with another row of the same order"),
    REISSUED: _("Reissued"),
}

# The first value of a field is no change; only these are recorded even so.
_TRACKED_AT_FIRST = frozenset(
    {
        "status",
        "is_deleted",
        "creation_status",
        "error_info",
        "courier_name",
        "external_courier_service_name",
        "unknown_to_iiko_at",
        "problem",
        "cancel_cause",
    }
)

_BRIEF = {
    "items": ("name", "size", "amount", "status", "is_deleted", "result_minor"),
    "payments": ("name", "kind", "sum_minor"),
    "tips": ("name", "kind", "sum_minor"),
    "discounts": ("name", "sum_minor"),
}

# That a payment was taken, or its receipt printed, outside iiko is kept only where it was.
_WHERE_TRUE = ("is_processed_externally", "is_fiscalized_externally")

# Which time orders a timeline: the one that is shown. iiko's own where it named one, so that an event that
# comes late stands where it belongs; of one moment the entry that was written first.
SHOWN_AT = Coalesce("happened_at", "recorded_at")

TIMELINE_COLUMNS = (
    "order",
    "organization",
    "what",
    "from_value",
    "to_value",
    "happened_at",
    "recorded_at",
    "source_event_id",
    "actor",
)


class TimelineBuilder:
    """Collect the timeline entries of one order while messages are applied to it."""

    def __init__(self, order: Order, precedences: FieldPrecedence) -> None:
        self._order = order
        self._precedences = precedences
        self._rows: list[dict[str, object]] = []
        self._before: dict[str, object] = {}
        self._unset: frozenset[str] = frozenset()
        self._source: dict[str, object] = {}

    def open(self, happened_at: datetime | None, event_id: int, now: datetime) -> None:
        """Begin one message: remember how things stand."""
        self._before = {name: _value_of(self._order, name) for name in TRACKED}
        self._unset = frozenset(name for name in TRACKED if self._precedences.of(name) == NOTHING)
        self._source = {"happened_at": happened_at, "recorded_at": now, "source_event_id": event_id}

    def close(self) -> None:
        """End the message: record what is different now."""
        for name, before in self._before.items():
            after = _value_of(self._order, name)
            if after != before and (name not in self._unset or name in _TRACKED_AT_FIRST):
                self._record(name, before, after)

    def merge(self, other: TimelineBuilder, *, duplicate_id: int) -> None:
        """Take over the timeline of the duplicate row; between ``open`` and ``close``."""
        self._rows += other._rows
        self._record(MERGED, duplicate_id, self._order.pk)

    def _record(self, name: str, before: object, after: object) -> None:
        self._rows.append(
            {"what": name, "from_value": kept(name, before), "to_value": kept(name, after), "actor": "iiko"}
            | self._source
        )

    def rows(self) -> list[dict[str, object]]:
        of = {"order_id": self._order.pk, "organization_id": self._order.organization_id}
        return [of | row for row in self._rows]


def _value_of(order: Order, name: str) -> object:
    """Return a field as the timeline records it: an unknown status as iiko wrote it, no deletion as False."""
    if name == "status":
        return order.status or order.raw_status
    return bool(order.is_deleted) if name == "is_deleted" else getattr(order, name)


def kept(name: str, value: object) -> object:
    """Return the form in which the timeline keeps a field's value."""
    if isinstance(value, datetime):
        return iso(value)
    if name in _BRIEF and isinstance(value, list):
        return [
            {key: line.get(key) for key in _BRIEF[name]}
            | {flag: True for flag in _WHERE_TRUE if line.get(flag)}
            for line in value
        ]
    return value
