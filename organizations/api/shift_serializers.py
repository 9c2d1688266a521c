"""Who is on shift, as the API shows it."""

from __future__ import annotations

from rest_framework import serializers

from core.database import db_clock
from organizations.api.stop_list_serializers import NULL_NAME
from organizations.models.shifts import Shift


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
