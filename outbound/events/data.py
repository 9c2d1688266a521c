"""The present state of things, under the same names as in the answers of the API.

Each reader takes the ids of many rows and asks for all of them at once: a hundred events a second are to cost
little. A row that is gone meanwhile is not in what it returns.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db.models import Model
from django.utils import translation
from rest_framework import serializers

from attention.api.serializers import FIELDS as ATTENTION_FIELDS, AttentionItemSerializer
from attention.models.items import AttentionItem
from attention.words import with_holder
from core.database import db_clock
from iiko_client.json_reader import JsonObject
from iiko_client.models.order_lines import iso
from loyalty.api.serializers import OperationSerializer
from loyalty.models import LoyaltyOperation
from orders.api.command_serializers import CommandSerializer
from orders.api.serializers import DETAIL_FIELDS, LIST_FIELDS
from orders.models.command import OrderCommand
from orders.models.order import Order
from orders.payments.settlement import settlement_of
from organizations.api.serializers import StopListItemSerializer
from organizations.models.stop_lists import StopListItem
from organizations.name_annotations import with_group_names, with_product_names
from outbound.models.events import EntityType

M = TypeVar("M", bound=Model)
Rows = dict[int, JsonObject]
"""By the id of the row."""

_OF_THE_ANSWER = {"pending_commands", "is_late", "currency"}
ORDER_COLUMNS = tuple(name for name in (*LIST_FIELDS, *DETAIL_FIELDS) if name not in _OF_THE_ANSWER)
"""What of an order is sent, and what ``changes`` may name."""


def plain(value: object) -> object:
    """Return a value as JSON has it: a moment is text."""
    return iso(value) if isinstance(value, datetime) else value


def read_orders(ids: Collection[int]) -> Rows:
    """Read what ``GET orders/{id}`` shows, without what has events of its own or is for the caller.

    Not by the serializer: that costs a millisecond for each order.
    """
    now = db_clock.now()
    found = Order.objects.filter(pk__in=ids).select_related("organization")
    return {order.pk: _order(order, now) for order in found.only(*ORDER_COLUMNS, *_NEEDED)}


_NEEDED = ("field_precedence", "organization__currency")


def _order(order: Order, now: datetime) -> JsonObject:
    settlement = settlement_of(order)
    return {
        **{name: plain(getattr(order, name)) for name in ORDER_COLUMNS},
        "currency": order.organization.currency,
        "is_late": order.late_at(now),
        "paid_minor": settlement.paid_minor,
        "due_minor": settlement.due_minor,
    }


def read_commands(ids: Collection[int], *, people: bool = True) -> Rows:
    found = OrderCommand.objects.shown(people=people).filter(pk__in=ids)
    return _by_id(CommandSerializer(found, many=True))


class _OperationSerializer(OperationSerializer):
    class Meta(OperationSerializer.Meta):
        # ``waiting`` goes on by itself, and no event would tell of it.
        list_serializer_class = serializers.ListSerializer  # type: ignore[assignment]  # the plain one again
        fields = tuple(name for name in OperationSerializer.Meta.fields if name != "waiting")
        read_only_fields = fields

    waiting = None  # type: ignore[assignment]  # how the framework leaves a field of the base out


def read_operations(ids: Collection[int], *, people: bool = True) -> Rows:
    found = LoyaltyOperation.objects.shown(people=people).filter(pk__in=ids)
    return _by_id(
        _OperationSerializer(
            found.select_related("organization", "wallet__customer__organization", "hold"), many=True
        )
    )


def read_stop_list_items(ids: Collection[int]) -> Rows:
    found = with_product_names(with_group_names(StopListItem.objects.filter(pk__in=ids)))
    return _by_id(StopListItemSerializer(found, many=True))


class _ItemSerializer(AttentionItemSerializer):
    class Meta(AttentionItemSerializer.Meta):
        # The step leads to one of the hub's own pages.
        fields = tuple(name for name in ATTENTION_FIELDS if name != "next_step")
        read_only_fields = fields

    next_step = None  # type: ignore[assignment]  # how the framework leaves a field of the base out


def read_attention_items(ids: Collection[int]) -> Rows:
    """Read items of the attention list; their sentences are in the language of the hub."""
    found = with_holder(AttentionItem.objects.filter(pk__in=ids)).select_related("organization")
    with translation.override(settings.LANGUAGE_CODE):
        return _by_id(_ItemSerializer(found, many=True))


def _by_id(serializer: serializers.BaseSerializer[M]) -> Rows:
    return {row["id"]: dict(row) for row in serializer.data}


READERS: dict[str, Callable[[Collection[int]], Rows]] = {
    EntityType.ORDER: read_orders,
    EntityType.COMMAND: read_commands,
    EntityType.LOYALTY_OPERATION: read_operations,
    EntityType.STOP_LIST_ITEM: read_stop_list_items,
    EntityType.ATTENTION_ITEM: read_attention_items,
}
READERS_WITHOUT_PEOPLE = READERS | {
    EntityType.COMMAND: partial(read_commands, people=False),
    EntityType.LOYALTY_OPERATION: partial(read_operations, people=False),
}
"""For those who may not see guests. Of the others ``people`` takes them out of what was read."""
