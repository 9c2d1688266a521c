"""What ``GET analytics`` answers."""

from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from analytics.counting.figures import STAGES
from analytics.models import PeriodFigures, Unit
from analytics.report.summary import Cause, CommandFigures, CourierFigures, Slice, StageLengths, Summary

_NOT_GIVEN = "An empty text: iiko did not say."
_MINOR = "In 1/100 of the currency."
_SHARE = "Of `promised`, from 0 to 1; null where nothing was promised and handed over."


class TypeFiguresSerializer(serializers.Serializer[Slice]):
    order_type = serializers.CharField(source="key", help_text=_NOT_GIVEN)
    orders = serializers.IntegerField()
    revenue_minor = serializers.IntegerField(help_text=_MINOR)


class ChannelFiguresSerializer(serializers.Serializer[Slice]):
    source_key = serializers.CharField(source="key", help_text=_NOT_GIVEN)
    orders = serializers.IntegerField()
    revenue_minor = serializers.IntegerField(help_text=_MINOR)


class StageFiguresSerializer(serializers.Serializer[StageLengths]):
    stage = serializers.ChoiceField(STAGES)
    orders = serializers.IntegerField(help_text="Those whose beginning and end of the stage are known.")
    median_minutes = serializers.IntegerField(allow_null=True, help_text="Whole minutes.")
    p90_minutes = serializers.IntegerField(allow_null=True)


class CauseFiguresSerializer(serializers.Serializer[Cause]):
    cause = serializers.CharField(help_text=_NOT_GIVEN)
    orders = serializers.IntegerField()


class CourierFiguresSerializer(serializers.Serializer[CourierFigures]):
    courier_id = serializers.CharField(source="courier", help_text="iiko's id, or an outside service's name.")
    orders = serializers.IntegerField()
    average_minutes = serializers.IntegerField(
        source="minutes", allow_null=True, help_text="From sent to delivered."
    )
    promised = serializers.IntegerField()
    late = serializers.IntegerField()
    late_share = serializers.FloatField(allow_null=True, help_text=_SHARE)


class CommandFiguresSerializer(serializers.Serializer[CommandFigures]):
    kind = serializers.CharField()
    commands = serializers.IntegerField()
    confirmed = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Refused, or expired.")
    needs_attention = serializers.IntegerField()
    median_seconds = serializers.IntegerField(
        allow_null=True, help_text="From the request to the confirmation."
    )
    p90_seconds = serializers.IntegerField(allow_null=True)


class FiguresBeforeSerializer(serializers.Serializer[Summary]):
    orders = serializers.IntegerField()
    closed = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    revenue_minor = serializers.IntegerField(help_text=_MINOR)
    average_bill_minor = serializers.IntegerField(allow_null=True)
    late_share = serializers.FloatField(allow_null=True, help_text=_SHARE)
    missed_webhooks = serializers.IntegerField()


@dataclass(frozen=True, slots=True)
class _Shown:
    row: PeriodFigures
    now: Summary
    before: Summary


class AnalyticsSerializer(serializers.Serializer[PeriodFigures]):
    id = serializers.IntegerField(source="row.pk")
    organization_id = serializers.CharField(source="row.organization_id")
    by = serializers.ChoiceField(Unit.choices, source="row.unit")
    starts_at = serializers.DateTimeField(source="row.starts_at")
    starts_at_local = serializers.SerializerMethodField(help_text="The same on the restaurant's clock.")
    currency = serializers.CharField(source="row.organization.currency")
    orders = serializers.IntegerField(
        source="now.orders", help_text="All but those deleted, refused by the POS or replaced."
    )
    closed = serializers.IntegerField(source="now.closed")
    under_way = serializers.IntegerField(source="now.under_way", help_text="Neither closed nor cancelled.")
    cancelled = serializers.IntegerField(source="now.cancelled")
    refused = serializers.IntegerField(
        source="now.refused", help_text="Not accepted by the POS; not among `orders`."
    )
    revenue_minor = serializers.IntegerField(
        source="now.revenue_minor", help_text=f"Of closed orders. {_MINOR}"
    )
    average_bill_minor = serializers.IntegerField(
        source="now.average_bill_minor", allow_null=True, help_text="Of closed orders with a sum."
    )
    promised = serializers.IntegerField(source="now.promised", help_text="Handed over, with a promised time.")
    late = serializers.IntegerField(source="now.late", help_text="Of `promised`, after the promised time.")
    late_share = serializers.FloatField(source="now.late_share", allow_null=True, help_text=_SHARE)
    types = TypeFiguresSerializer(source="now.types", many=True)
    channels = ChannelFiguresSerializer(source="now.channels", many=True)
    stages = StageFiguresSerializer(source="now.stages", many=True)
    cancel_causes = CauseFiguresSerializer(source="now.causes", many=True)
    couriers = CourierFiguresSerializer(source="now.couriers", many=True)
    commands = CommandFiguresSerializer(source="now.commands", many=True)
    missed_webhooks = serializers.IntegerField(
        source="now.missed_webhooks", help_text="Changes of status that no webhook brought."
    )
    before = FiguresBeforeSerializer(help_text="The period before.")

    def to_representation(self, row: PeriodFigures) -> dict[str, Any]:
        orders_before = getattr(row, "orders_before", None) or {}
        before = Summary(orders_before, {}, getattr(row, "missed_before", None) or 0)
        shown: Any = _Shown(row, Summary.of([row]), before)
        represented: dict[str, Any] = super().to_representation(shown)
        return represented

    def get_starts_at_local(self, shown: _Shown) -> str:
        return shown.row.starts_at.astimezone(shown.row.organization.zone()).isoformat()
