"""Filters of ``GET orders``."""

from datetime import datetime
from typing import TypeVar, cast

import django_filters as filters
from django.db.models import F, Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from core.api.filters import (
    ExternalIdFilter,
    IikoIdFilter,
    MomentFilter,
    StrictBooleanFilter,
    TextsFilter,
    WordsFilter,
)
from core.database import db_clock
from core.mirror.change_feed import settled_before
from iiko_client.models.statuses import order_type as known_type
from orders.models.order import Order, OrderQuerySet, Status
from orders.search.find import found_by
from orders.search.words import LONGEST
from organizations.api.permissions import shows_people
from organizations.api.ranges import RangeEndFilter

M = TypeVar("M", bound=Model)


FOLLOWING = (
    "To follow the changes ask with `updated_since` (any moment of the past at first). The "
    "answer is in the order of `updated_at`, the oldest change first. Follow `next` until it is null, "
    "keep the `updated_at` of the last row, and ask again with it as `updated_since`, as often as you "
    "like. No change is missed; the last row comes once more, so store rows by `id`. With an empty "
    "answer keep what you have. Do not use `skip` for this, nor your own clock. A change that is being "
    "written, or one younger than such, is left for the next answer, for a second or so."
)


_FROM = (
    "At or after: ISO 8601, or a day (`2026-03-14`, `today`, `yesterday`, `tomorrow`) on the clock of each "
    "restaurant."
)
_TO = "Before that moment; of a day, until its end on the clock of each restaurant."

ORDERINGS = {
    "-id": ("-id",),
    "id": ("id",),
    "promised_time": ("promised_time", "-id"),
    "-promised_time": (F("promised_time").desc(nulls_last=True), "-id"),
}
"""By what a list may be sorted; orders that promise no time stand last either way."""


class ChangesFilter(filters.FilterSet):
    """For rows whose ``updated_at`` comes from ``core.mirror.change_feed``; with ``ChangesPagination``."""

    updated_since = MomentFilter(
        method="by_updated_since", help_text="ISO 8601; changed at or after, the oldest change first."
    )

    def by_updated_since(self, rows: QuerySet[M], _name: str, value: datetime) -> QuerySet[M]:
        settled = rows.filter(updated_at__gte=value, updated_at__lt=settled_before())
        return settled.order_by("updated_at", "id")


class OrderFilter(ChangesFilter):
    status = WordsFilter(choices=Status.choices, help_text="Of iiko's ten statuses.")
    organization_id = IikoIdFilter()
    courier_id = IikoIdFilter()
    order_type = TextsFilter(method="by_order_type", help_text="DELIVERY, PICKUP, HALL.")
    delivery_zone = TextsFilter(help_text="As iiko names it.")
    source_key = TextsFilter()
    terminal_group_id = IikoIdFilter()
    external_order_id = ExternalIdFilter()
    iiko_order_id = IikoIdFilter()
    readable_number = filters.CharFilter()
    late = StrictBooleanFilter(method="by_late", help_text="true: past the promised time.")
    open = StrictBooleanFilter(
        field_name="is_open",
        help_text="true: neither closed, cancelled, deleted, refused at creation nor unknown to iiko.",
    )
    search = filters.CharFilter(
        method="by_search",
        max_length=LONGEST,
        help_text="Words, each of which has to be found, in any case and order: the beginning, a part or the "
        "last digits of a number; the beginning of an id (ours excepted); the beginning of a name of the "
        "guest, the courier or the street; a phone, whole in any writing, or its last four digits. Guests, "
        "streets and phones are looked at for callers who may see guests alone.",
    )

    promised_since = RangeEndFilter(field_name="promised_time", is_from=True, help_text=_FROM)
    promised_until = RangeEndFilter(field_name="promised_time", is_from=False, help_text=_TO)
    created_since = RangeEndFilter(
        field_name="created_at", is_from=True, help_text=f"When the hub first saw the order. {_FROM}"
    )
    created_until = RangeEndFilter(field_name="created_at", is_from=False, help_text=_TO)
    ordering = filters.ChoiceFilter(
        choices=[(name, name) for name in ORDERINGS],
        method="by_ordering",
        help_text="Default: `-id`, newest first. Orders that promise no time stand last either way. Not with "
        "`updated_since`, which has an order of its own.",
    )

    class Meta:
        model = Order
        fields: list[str] = []

    def by_order_type(self, orders: QuerySet[Order], _name: str, value: list[str]) -> QuerySet[Order]:
        return orders.filter(order_type__in=[known_type(text) or text for text in value])

    def by_ordering(self, orders: QuerySet[Order], _name: str, value: str) -> QuerySet[Order]:
        if self.form.cleaned_data.get("updated_since"):
            raise ValidationError({"ordering": _("Changes are in the order of their time: leave it out.")})
        return orders.order_by(*ORDERINGS[value])

    def by_late(self, orders: OrderQuerySet, _name: str, value: bool) -> QuerySet[Order]:
        return orders.late(db_clock.now(), is_late=value)

    def by_search(self, orders: OrderQuerySet, _name: str, value: str) -> QuerySet[Order]:
        request = cast("Request", self.request)
        return found_by(orders, value, people=shows_people(request))
