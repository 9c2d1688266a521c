"""The types of events: what each tells, and when it is sent.

Names are part of the public contract and never change. A new type needs an entry here, an example of its
data (``examples``), and what reads it (``data``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from iiko_client.json_reader import JsonObject
from outbound.events import examples
from outbound.models.events import EntityType, EventType

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Entry:
    """One type of event. ``when`` says when it is sent, ``data`` is an example."""

    name: EventType
    about: EntityType
    title: StrOrPromise
    when: StrOrPromise
    data: JsonObject

    def example(self) -> JsonObject:
        """Return a whole body as it is sent."""
        return {"type": self.name.value, "timestamp": examples.TIMESTAMP, "data": self.data}


_ALL = (
    Entry(
        EventType.ORDER_CREATED,
        EntityType.ORDER,
        _("New order"),
        _("The hub learns of an order."),
        examples.ORDER,
    ),
    Entry(
        EventType.ORDER_STATUS_CHANGED,
        EntityType.ORDER,
        _("Order: another status"),
        _("The status changes, or the POS takes or refuses the order; other changes may come along."),
        examples.ORDER_STATUS_CHANGED,
    ),
    Entry(
        EventType.ORDER_UPDATED,
        EntityType.ORDER,
        _("Order: something else changed"),
        _("Anything but the status changes: items, payments, courier, times and so on."),
        examples.ORDER_UPDATED,
    ),
    Entry(
        EventType.ORDER_MERGED,
        EntityType.ORDER,
        _("Order: two turned out to be one"),
        _("Two rows of the hub turn out to be one order: that of id is gone, that of merged_into stays."),
        examples.ORDER_MERGED,
    ),
    Entry(
        EventType.COMMAND_CREATED,
        EntityType.COMMAND,
        _("Command: requested"),
        _("Somebody asks for an action on an order."),
        examples.COMMAND_CREATED,
    ),
    Entry(
        EventType.COMMAND_UPDATED,
        EntityType.COMMAND,
        _("Command: went on"),
        _("It was sent, or its answer was lost: its state changes and is no end."),
        examples.COMMAND_UPDATED,
    ),
    Entry(
        EventType.COMMAND_FINISHED,
        EntityType.COMMAND,
        _("Command: ended"),
        _("It is confirmed, refused, expired, or needs attention."),
        examples.COMMAND_FINISHED,
    ),
    Entry(
        EventType.OPERATION_CREATED,
        EntityType.LOYALTY_OPERATION,
        _("Loyalty operation: requested"),
        _("Somebody tops up, withdraws, holds or releases."),
        examples.OPERATION_CREATED,
    ),
    Entry(
        EventType.OPERATION_UPDATED,
        EntityType.LOYALTY_OPERATION,
        _("Loyalty operation: went on"),
        _("Its state changes and is no end."),
        examples.OPERATION_UPDATED,
    ),
    Entry(
        EventType.OPERATION_FINISHED,
        EntityType.LOYALTY_OPERATION,
        _("Loyalty operation: ended"),
        _("It is confirmed, refused, expired, cancelled, or needs attention."),
        examples.OPERATION_FINISHED,
    ),
    Entry(
        EventType.STOP_LIST_ADDED,
        EntityType.STOP_LIST_ITEM,
        _("Stop list: a product was added"),
        _("A product runs out, or iiko limits how much is left of it."),
        examples.STOP_LIST_ITEM,
    ),
    Entry(
        EventType.STOP_LIST_CHANGED,
        EntityType.STOP_LIST_ITEM,
        _("Stop list: another balance"),
        _("Of a product on the list more or less is left."),
        examples.STOP_LIST_ITEM_CHANGED,
    ),
    Entry(
        EventType.STOP_LIST_REMOVED,
        EntityType.STOP_LIST_ITEM,
        _("Stop list: a product was removed"),
        _("A product is on the list no more; until says since when."),
        examples.STOP_LIST_ITEM_REMOVED,
    ),
    Entry(
        EventType.ATTENTION_OPENED,
        EntityType.ATTENTION_ITEM,
        _("Attention: something was found"),
        _("A rule of the attention list finds something that needs a person."),
        examples.ATTENTION_ITEM,
    ),
    Entry(
        EventType.ATTENTION_UPDATED,
        EntityType.ATTENTION_ITEM,
        _("Attention: an item changed"),
        _("Somebody takes, snoozes or resolves an item, or it becomes worse."),
        examples.ATTENTION_ITEM_UPDATED,
    ),
    Entry(
        EventType.ATTENTION_ENDED,
        EntityType.ATTENTION_ITEM,
        _("Attention: it is over"),
        _("What a rule had found is so no more."),
        examples.ATTENTION_ITEM_ENDED,
    ),
    Entry(
        EventType.TEST,
        EntityType.TEST,
        _("Test"),
        _("Somebody sends a test from the admin or over the API; nobody subscribes to it."),
        examples.TEST,
    ),
)

CATALOGUE: dict[str, Entry] = {one.name.value: one for one in _ALL}
SUBSCRIBABLE: tuple[Entry, ...] = tuple(one for one in _ALL if one.name != EventType.TEST)
_KNOWN = frozenset(one.name.value for one in SUBSCRIBABLE)


def unknown_types(names: Iterable[str]) -> list[str]:
    """Return those of the names that nobody can subscribe to."""
    return sorted(set(names) - _KNOWN)


def title_of(name: str) -> str:
    """Return the title of a type; of one of another version of the hub its name."""
    known = CATALOGUE.get(name)
    return str(known.title) if known else name
