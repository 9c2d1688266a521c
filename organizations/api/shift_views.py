"""``shifts``: read-only, in JSON and CSV."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view

from core.api.csv_lists import FORMAT, CsvListViewSet
from organizations.api.permissions import in_scope
from organizations.api.shift_filters import ShiftFilter
from organizations.api.shift_serializers import ShiftSerializer
from organizations.models.shifts import Shift
from organizations.name_annotations import with_employee_names, with_group_names


@extend_schema_view(
    list=extend_schema(
        summary="Shifts, newest first",
        description="Made of iiko's two messages, opened and closed; either may be missing. `open=true`: who "
        "is on shift now, as far as iiko has reported.",
        parameters=[FORMAT],
    )
)
class ShiftViewSet(CsvListViewSet[Shift]):
    queryset = Shift.objects.order_by("-began_at", "-pk")
    serializer_class = ShiftSerializer
    filterset_class = ShiftFilter
    staff_permission = "organizations.view_shift"
    file_name = "shifts"

    def get_queryset(self) -> Any:
        return with_group_names(with_employee_names(in_scope(self.request, super().get_queryset())))
