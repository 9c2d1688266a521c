"""How long each product was out of stock at each terminal group."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q, QuerySet, Sum

from organizations.models.stop_lists import StopListItem, StopListItemQuerySet
from organizations.name_annotations import with_group_names, with_product_names

USUAL_PERIOD = timedelta(days=7)


def time_out_of_stock(
    items: StopListItemQuerySet | QuerySet[StopListItem], *, since: datetime, until: datetime
) -> QuerySet[StopListItem, dict[str, Any]]:
    """Sum what was out of stock in a period, the longest first; one row for each product, size and group.

    The time in which something was left does not count, though the product was on the list.
    """
    out = StopListItem.objects.filter(pk__in=items.values("pk"), is_out_of_stock=True)
    timed = out.within(since, until).timed(since, until)
    columns = ("organization_id", "organization__name", "terminal_group_id", "product_id", "size_id")
    grouped: Any = with_group_names(with_product_names(timed)).order_by()
    named = ("terminal_group_name", "product_name", "size_name")
    totals: QuerySet[StopListItem, dict[str, Any]] = (
        grouped.values(*columns, *named)
        .annotate(
            out_for=Sum("out_for"),
            times=Count("pk"),
            last_since=Max("since"),
            now=Count("pk", filter=Q(until__isnull=True)),
        )
        .order_by("-out_for", *columns)
    )
    return totals
