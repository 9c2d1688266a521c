"""Restaurants, what iiko says of them, and calls to iiko, as the API shows them."""

import json
from datetime import datetime
from typing import Any

from rest_framework import serializers

from core.api.fields import TraceIdField
from core.database import db_clock
from organizations.models.connection import CALL_BODIES, ApiCall
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization, TerminalGroup
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListItem

NULL_NAME = "null where the dictionaries do not know it."

Row = dict[str, Any]
"""A row of values, not of a model."""

CALL_FIELDS = (
    "id",
    "operation",
    "url",
    "organization_id",
    "order_id",
    "http_status",
    "duration_ms",
    "correlation_id",
    "trace_id",
    "error",
    "error_code",
    "requested_by",
    "attempt",
    "started_at",
)


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    organization_id = serializers.CharField(source="iiko_id", read_only=True, help_text="iiko's id.")

    class Meta:
        model = Organization
        fields = (
            "organization_id",
            "name",
            "timezone",
            "currency",
            "is_active",
            "pos_version",
            "default_payment_types",
            "dictionaries_synced_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class TerminalGroupSerializer(serializers.ModelSerializer[TerminalGroup]):
    terminal_group_id = serializers.CharField(source="iiko_id", read_only=True, help_text="iiko's id.")
    organization_id = serializers.CharField(read_only=True)
    timezone = serializers.SerializerMethodField(help_text="The clock of its orders.")
    not_answering_since = serializers.SerializerMethodField(
        help_text="Since when its POS does not answer; null: it does, or iiko was not asked lately. iiko is "
        "asked when an order or a command waits for an answer."
    )

    class Meta:
        model = TerminalGroup
        fields = (
            "terminal_group_id",
            "organization_id",
            "name",
            "timezone",
            "pos_version",
            "is_in_sleep",
            "is_deleted",
            "not_answering_since",
        )
        read_only_fields = fields

    def get_not_answering_since(self, group: TerminalGroup) -> datetime | None:
        return group.silent_since(db_clock.now())

    def get_timezone(self, group: TerminalGroup) -> str:
        return group.timezone or group.organization.timezone


class CourierSerializer(serializers.ModelSerializer[Courier]):
    courier_id = serializers.CharField(source="iiko_id", read_only=True, help_text="iiko's id.")
    organization_id = serializers.CharField(read_only=True)

    class Meta:
        model = Courier
        fields = ("courier_id", "organization_id", "name", "code", "is_deleted", "updated_at")
        read_only_fields = fields


class CallSerializer(serializers.ModelSerializer[ApiCall]):
    trace_id = TraceIdField()

    class Meta:
        model = ApiCall
        fields: tuple[str, ...] = CALL_FIELDS
        read_only_fields = fields


class CallDetailSerializer(CallSerializer):
    class Meta(CallSerializer.Meta):
        fields = (*CALL_FIELDS, *CALL_BODIES)
        read_only_fields = fields


LONGEST_LISTED = 8000
"""Characters of one body in a list, so that a page of 200 calls stays below some megabytes."""

_ABSENT = "Absent with `bodies=0`."


class CallWithBodiesSerializer(CallDetailSerializer):
    """A row of the list; ``logs/{id}`` has the whole of a body that is too long for it."""

    request = serializers.JSONField(required=False, allow_null=True, help_text=_ABSENT)
    response = serializers.JSONField(required=False, allow_null=True, help_text=_ABSENT)
    response_text = serializers.CharField(required=False, help_text=_ABSENT)

    def to_representation(self, instance: ApiCall) -> Row:
        row = super().to_representation(instance)
        for name in ("request", "response"):
            if (length := len(json.dumps(row[name], ensure_ascii=False))) > LONGEST_LISTED:
                row[name] = {"cut": length}
        row["response_text"] = row["response_text"][:LONGEST_LISTED]
        return row


class ShiftSerializer(serializers.ModelSerializer[Shift]):
    organization_id = serializers.CharField(read_only=True)
    terminal_group_name = serializers.CharField(read_only=True, allow_null=True, help_text=NULL_NAME)
    employee_name = serializers.CharField(
        read_only=True, allow_null=True, help_text="null for an id that is not among the couriers."
    )
    role_id = serializers.SerializerMethodField(help_text="iiko's id of the role; null where iiko sent none.")
    opened_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="null: not reported.")
    closed_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="null: it is open, or (`is_open` false) not reported."
    )
    lasted_s = serializers.SerializerMethodField(
        help_text="Seconds, until now where it is open; null where an end is not known."
    )

    class Meta:
        model = Shift
        fields = (
            "id",
            "organization_id",
            "terminal_group_id",
            "terminal_group_name",
            "employee_id",
            "employee_name",
            "role_id",
            "opened_at",
            "closed_at",
            "is_open",
            "lasted_s",
        )
        read_only_fields = fields

    def get_role_id(self, shift: Shift) -> str | None:
        return shift.role_id or None

    def get_lasted_s(self, shift: Shift) -> int | None:
        span = shift.span(db_clock.now())
        return None if span is None else int(span.total_seconds())


class StopListItemSerializer(serializers.ModelSerializer[StopListItem]):
    organization_id = serializers.CharField(read_only=True)
    terminal_group_name = serializers.CharField(read_only=True, allow_null=True, help_text=NULL_NAME)
    product_name = serializers.CharField(read_only=True, allow_null=True, help_text=NULL_NAME)
    size_id = serializers.SerializerMethodField(help_text="null: the product has no sizes.")
    size_name = serializers.CharField(read_only=True, allow_null=True, help_text=NULL_NAME)
    balance = serializers.SerializerMethodField(
        help_text="How much is left, decimal text; null where iiko's value could not be read."
    )
    since = serializers.DateTimeField(
        read_only=True, help_text="As iiko says (`is_since_told`), else when the hub saw it first."
    )
    until = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="null: it is on the list now."
    )
    out_of_stock_s = serializers.SerializerMethodField(
        help_text="Seconds of this interval, until now where it lasts; 0 while something is left."
    )

    class Meta:
        model = StopListItem
        fields = (
            "id",
            "organization_id",
            "terminal_group_id",
            "terminal_group_name",
            "product_id",
            "product_name",
            "size_id",
            "size_name",
            "sku",
            "balance",
            "is_out_of_stock",
            "since",
            "is_since_told",
            "until",
            "out_of_stock_s",
        )
        read_only_fields = fields

    def get_size_id(self, item: StopListItem) -> str | None:
        return item.size_id or None

    def get_balance(self, item: StopListItem) -> str | None:
        return None if item.balance is None else f"{item.balance.normalize():f}"

    def get_out_of_stock_s(self, item: StopListItem) -> int:
        return int(item.span(db_clock.now()).total_seconds()) if item.is_out_of_stock else 0


class TimeOutOfStockSerializer(serializers.Serializer[Row]):
    organization_id = serializers.CharField()
    terminal_group_id = serializers.CharField()
    terminal_group_name = serializers.CharField(allow_null=True, help_text=NULL_NAME)
    product_id = serializers.CharField()
    product_name = serializers.CharField(allow_null=True, help_text=NULL_NAME)
    size_id = serializers.SerializerMethodField(help_text="null: the product has no sizes.")
    size_name = serializers.CharField(allow_null=True, help_text=NULL_NAME)
    times = serializers.IntegerField(help_text="How often it ran out, as far as it touches the period.")
    out_of_stock_s = serializers.SerializerMethodField(help_text="Seconds of the period with nothing left.")
    is_out_of_stock = serializers.SerializerMethodField(help_text="It is out of stock now.")

    def get_size_id(self, row: Row) -> str | None:
        return row["size_id"] or None

    def get_out_of_stock_s(self, row: Row) -> int:
        return int(row["out_for"].total_seconds())

    def get_is_out_of_stock(self, row: Row) -> bool:
        return bool(row["now"])
