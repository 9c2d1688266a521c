"""Commands, as the API shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import TraceIdField
from orders.actions.registry import action_of
from orders.commands.refusals import meaning
from orders.models.command import OrderCommand


class CommandErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="iiko's code, or one of the hub's.")
    message = serializers.CharField(help_text="iiko's own words; where it said none, the cause.")
    cause = serializers.CharField(allow_null=True, help_text="What it means.")
    next_step = serializers.CharField(allow_null=True, help_text="What to do about it.")


class CommandSerializer(serializers.ModelSerializer[OrderCommand]):
    order_id = serializers.IntegerField(read_only=True)
    phase = serializers.CharField(
        required=False, help_text="Of a discount alone: the step it is at; `state` says how far that one is."
    )
    new_iiko_order_id = serializers.CharField(
        required=False,
        source="new_order_id",
        help_text="Of a discount alone: iiko's id of the order made in place of this one.",
    )
    error = serializers.SerializerMethodField(help_text="null unless something went wrong.")
    trace_id = TraceIdField()

    class Meta:
        model = OrderCommand
        fields = (
            "id",
            "order_id",
            "kind",
            "state",
            "phase",
            "params",
            "new_iiko_order_id",
            "correlation_id",
            "trace_id",
            "error",
            "confirmed_by",
            "requested_by",
            "created_at",
            "sent_at",
            "finished_at",
        )
        read_only_fields = fields

    def to_representation(self, instance: OrderCommand) -> dict[str, object]:
        shown: dict[str, object] = super().to_representation(instance)
        if not action_of(instance.kind).first_phase:
            del shown["phase"], shown["new_iiko_order_id"]
        return shown

    @extend_schema_field(CommandErrorSerializer(allow_null=True))
    def get_error(self, command: OrderCommand) -> dict[str, object] | None:
        if not (command.error_code or command.error):
            return None
        known = meaning(command.error_code)
        cause = str(known.cause) if known else None
        return {
            "code": command.error_code,
            "message": command.error or cause or "",
            "cause": cause,
            "next_step": str(known.next_step) if known else None,
        }
