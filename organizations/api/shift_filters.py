"""Filters of ``GET shifts``."""

from __future__ import annotations

import django_filters as filters

from core.api.filters import IikoIdFilter, MomentFilter, StrictBooleanFilter
from organizations.models.shifts import Shift


class ShiftFilter(filters.FilterSet):
    organization_id = IikoIdFilter()
    terminal_group_id = IikoIdFilter()
    employee_id = IikoIdFilter()
    open = StrictBooleanFilter(field_name="is_open", help_text="true: on shift now.")
    since = MomentFilter(field_name="began_at", lookup_expr="gte", help_text="ISO 8601; begun at or after.")
    until = MomentFilter(field_name="began_at", lookup_expr="lt", help_text="ISO 8601; begun before.")

    class Meta:
        model = Shift
        fields: list[str] = []
