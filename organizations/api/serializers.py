"""Restaurants, their terminal groups and couriers, and calls to iiko, as the API shows them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from rest_framework import serializers

from core.database import db_clock
from organizations.models.connection import CALL_BODIES, ApiCall
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization, TerminalGroup

CALL_FIELDS = (
    "id",
    "operation",
    "url",
    "organization_id",
    "order_id",
    "http_status",
    "duration_ms",
    "correlation_id",
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


class CallWithBodiesSerializer(CallDetailSerializer):
    """A row of the list; ``logs/{id}`` has the whole of a body that is too long for it."""

    def to_representation(self, instance: ApiCall) -> dict[str, Any]:
        row = super().to_representation(instance)
        for name in ("request", "response"):
            if (length := len(json.dumps(row[name], ensure_ascii=False))) > LONGEST_LISTED:
                row[name] = {"cut": length}
        row["response_text"] = row["response_text"][:LONGEST_LISTED]
        return row
