"""``GET analytics``: the figures of hours, days, weeks or months of restaurants."""

import django_filters as filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view

from analytics.api.serializers import AnalyticsSerializer
from analytics.models import PeriodFigures, Unit
from core.api.csv_lists import FORMAT, CsvListViewSet
from core.api.filters import IikoIdFilter
from organizations.api.ranges import RangeEndFilter
from organizations.api.scope import ScopedListViewSet

_DAYS = "ISO 8601, or a day (`2026-03-14`, `today`, `yesterday`) on the clock of each restaurant."


class AnalyticsFilter(filters.FilterSet):
    by = filters.ChoiceFilter(
        field_name="unit", choices=Unit.choices, help_text="The length of the periods. Default: `day`."
    )
    organization_id = IikoIdFilter()
    since = RangeEndFilter(field_name="starts_at", is_from=True, help_text=f"Begun at or after. {_DAYS}")
    until = RangeEndFilter(
        field_name="starts_at", is_from=False, help_text=f"Begun before; of a day, until its end. {_DAYS}"
    )

    class Meta:
        model = PeriodFigures
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[PeriodFigures]) -> QuerySet[PeriodFigures]:
        found = super().filter_queryset(queryset)
        return found if self.form.cleaned_data["by"] else found.filter(unit=Unit.DAY)


@extend_schema_view(
    list=extend_schema(
        summary="Figures of restaurants by hour, day, week or month",
        description="One row for each period of a restaurant in which anything was counted, the latest "
        "first. Periods begin on the restaurant's clock, weeks on Monday. An order belongs to the period in "
        "which it was made; docs/analytics.md says what each number counts. A worker keeps them some seconds "
        "behind the orders. How long dishes were out of stock says `stop-list/time-out-of-stock`.",
        parameters=[FORMAT],
    )
)
class AnalyticsViewSet(CsvListViewSet[PeriodFigures], ScopedListViewSet[PeriodFigures]):
    queryset = (
        PeriodFigures.objects.with_before()
        .select_related("organization")
        .order_by("-starts_at", "organization_id", "pk")
    )
    serializer_class = AnalyticsSerializer
    filterset_class = AnalyticsFilter
    staff_permission = "analytics.view_analytics"
    file_name = "analytics"
