"""Orders and their timeline, as the API shows them."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.database import db_clock
from orders.actions.base import Offer
from orders.actions.registry import allowed_actions
from orders.mirror.relations import Relation, Relative, relatives_of
from orders.models.command import OrderCommand
from orders.models.order import Order, TimelineEntry
from orders.payments.settlement import settlement_of
from organizations.api.permissions import in_scope

LIST_FIELDS = (
    "id",
    "organization_id",
    "iiko_order_id",
    "external_order_id",
    "readable_number",
    "status",
    "raw_status",
    "creation_status",
    "error_info",
    "is_deleted",
    "order_type",
    "amount_minor",
    "currency",
    "promised_time",
    "courier_id",
    "courier_name",
    "external_courier_service_name",
    "tracking_link",
    "restaurant_name",
    "terminal_group_id",
    "problem",
    "comment",
    "cancel_cause",
    "cancel_comment",
    "revision",
    "is_late",
    "unknown_to_iiko_at",
    "pending_commands",
    "created_at",
    "updated_at",
)

DETAIL_FIELDS = (
    "items",
    "payments",
    "tips",
    "discounts",
    "customer",
    "phone",
    "phone_extension",
    "address",
    "soi_external_id",
    "pos_id",
    "order_type_id",
    "order_type_name",
    "processed_payments_minor",
    "courier_phone",
    "external_courier_service_id",
    "operator_name",
    "guests_count",
    "delivery_zone",
    "source_key",
    "is_asap",
    "is_open",
    "cancel_cause_id",
    "loyalty",
    "external_data",
    "moved",
    "estimated_time",
    "cooking_start_time",
    "when_created",
    "when_confirmed",
    "when_printed",
    "when_cooking_completed",
    "when_packed",
    "when_sent",
    "when_delivered",
    "when_bill_printed",
    "when_closed",
    "when_cancelled",
    "when_received_by_api",
)


_OF_RELATED = ("organization_id", "iiko_order_id", "readable_number", "status", "moved")


def open_commands(*, people: bool) -> "Prefetch[str]":
    """Read with each order its commands under way, as ``open_commands``."""
    commands = OrderCommand.objects.shown(people=people).open().order_by("id")
    return Prefetch("commands", queryset=commands, to_attr="open_commands")


class PendingCommandSerializer(serializers.ModelSerializer[OrderCommand]):
    class Meta:
        model = OrderCommand
        fields = ("id", "kind", "state", "params", "requested_by", "created_at")
        read_only_fields = fields


class AllowedActionSerializer(serializers.Serializer[Any]):
    action = serializers.CharField(help_text="The last part of the address: `update-status`.")
    status = serializers.CharField(allow_null=True, help_text="For `update-status`: the status to request.")
    allowed = serializers.BooleanField()
    code = serializers.CharField(
        help_text="Why not, for programs; empty when allowed, or `needs_reissue`: allowed with "
        "`reissue: true`."
    )
    reason = serializers.CharField(help_text="Why not, and what to do instead; or what it takes.")


class OrderSerializer(serializers.ModelSerializer[Order]):
    organization_id = serializers.CharField(read_only=True, help_text="iiko's organization id.")
    currency = serializers.CharField(read_only=True, source="organization.currency")
    is_late = serializers.SerializerMethodField(
        help_text="Handed over after the promised time, or not yet though it has passed."
    )
    pending_commands = serializers.SerializerMethodField(
        help_text="Commands on their way to iiko; the fields above change only once iiko confirms. A command "
        "alone does not move `updated_at`: follow it at GET commands/{id}."
    )

    class Meta:
        model = Order
        fields: tuple[str, ...] = LIST_FIELDS
        read_only_fields = fields

    def get_is_late(self, order: Order) -> bool:
        return order.late_at(db_clock.now())

    @extend_schema_field(PendingCommandSerializer(many=True))
    def get_pending_commands(self, order: Order) -> Sequence[dict[str, object]]:
        open_commands: list[OrderCommand] = order.open_commands  # type: ignore[attr-defined]  # by open_commands
        return list(PendingCommandSerializer(open_commands, many=True).data)


class RelatedOrderSerializer(serializers.Serializer[Relative]):
    relation = serializers.ChoiceField([relation.value for relation in Relation])
    id = serializers.IntegerField(
        source="order.pk",
        default=None,
        allow_null=True,
        help_text="Ours; null: not here, or not for this key.",
    )
    iiko_order_id = serializers.CharField()
    organization_id = serializers.CharField(allow_null=True, help_text="As far as iiko names it.")
    readable_number = serializers.CharField(source="order.readable_number", default=None, allow_null=True)
    status = serializers.CharField(source="order.status", default=None, allow_null=True)


class OrderDetailSerializer(OrderSerializer):
    paid_minor = serializers.SerializerMethodField(
        help_text="What the guest has paid, by iiko's total and the flags of the payments: the larger of "
        "the two. Null: iiko has reported neither."
    )
    due_minor = serializers.SerializerMethodField(
        help_text="What remains to be collected, never below 0. Null: not known."
    )
    allowed_actions = serializers.SerializerMethodField(help_text="What may be requested of the order now.")
    related_orders = serializers.SerializerMethodField(
        help_text="Related orders, the nearest first: what it was moved from or to, split from or "
        "into. Each has a timeline of its own."
    )

    class Meta(OrderSerializer.Meta):
        fields = (
            *LIST_FIELDS,
            *DETAIL_FIELDS,
            "paid_minor",
            "due_minor",
            "allowed_actions",
            "related_orders",
        )
        read_only_fields = fields

    def get_paid_minor(self, order: Order) -> int | None:
        return settlement_of(order).paid_minor

    def get_due_minor(self, order: Order) -> int | None:
        return settlement_of(order).due_minor

    @extend_schema_field(RelatedOrderSerializer(many=True))
    def get_related_orders(self, order: Order) -> Sequence[dict[str, object]]:
        visible = in_scope(self.context["request"], Order.objects.only(*_OF_RELATED))
        relatives: Any = relatives_of(order, visible=visible)
        return list(RelatedOrderSerializer(relatives, many=True).data)

    @extend_schema_field(AllowedActionSerializer(many=True))
    def get_allowed_actions(self, order: Order) -> list[Offer]:
        return allowed_actions(order)


class TimelineEntrySerializer(serializers.ModelSerializer[TimelineEntry]):
    class Meta:
        model = TimelineEntry
        fields = (
            "id",
            "what",
            "from_value",
            "to_value",
            "happened_at",
            "recorded_at",
            "source_event_id",
            "actor",
        )
        read_only_fields = fields
