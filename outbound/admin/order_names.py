"""By which number people know the order that a delivery is about: its own, not the hub's."""

from typing import TypedDict

from django.db.models import BigIntegerField, Case, CharField, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast, Coalesce, Concat

from orders.models.command import OrderCommand
from orders.models.order import Order
from outbound.models.deliveries import Delivery
from outbound.models.events import EntityType


class NamesOrder(TypedDict):
    """What ``naming_orders`` adds; None where it is about no order, or the order is gone."""

    order_name: str | None


def naming_orders(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Add the number of the order, or of that of the command, as ``Order`` names itself."""
    command = OrderCommand.objects.filter(pk=OuterRef("event__row_id")).order_by()
    about = Case(
        When(event__entity_type=EntityType.ORDER, then=F("event__row_id")),
        When(event__entity_type=EntityType.COMMAND, then=Subquery(command.values("order_id")[:1])),
        output_field=BigIntegerField(),
    )
    own = Case(
        When(readable_number__gt="", then=Concat(Value("№"), "readable_number")),
        default=Coalesce("external_order_id", Cast("pk", CharField())),
        output_field=CharField(),
    )
    order = Order.objects.filter(pk=OuterRef("order_id_of")).order_by().annotate(own_name=own)
    named = deliveries.annotate(order_id_of=about)
    return named.annotate(order_name=Subquery(order.values("own_name")[:1]))
