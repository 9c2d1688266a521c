"""A filter by a day or a moment; a day is that of the restaurant's clock."""

import re
from datetime import UTC, datetime
from typing import Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError as BadValue
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter

from core.api.filters import MomentFilter
from core.database import db_clock
from organizations.clock_ranges import clocks_of, days_from_today, on_own_clock, outer_span, read_span
from organizations.models.organization import Organization

M = TypeVar("M", bound=Model)

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

NO_DAY = _(
    "No such moment or day. Write a moment of ISO 8601 (2026-03-14T18:00:00Z), a day (2026-03-14), or today, "
    "yesterday, tomorrow; years from 1900 to 2199."
)


class _EndField(forms.CharField):
    """A moment, or the text of a day: which moments it means depends on the restaurants."""

    def to_python(self, value: object) -> datetime | str | None:  # type: ignore[override]  # a moment, too
        text = super().to_python(value)
        if not text:
            return None
        try:
            if days_from_today(text) is not None or _ISO_DAY.fullmatch(text):
                read_span(text, UTC, now=db_clock.now())
                return text
            moment: datetime | None = MomentFilter.field_class().clean(text)
        except (ValueError, BadValue) as error:
            raise BadValue(NO_DAY, code="no_day") from error
        return moment


class RangeEndFilter(CharFilter):
    """One end of a period of ``field_name``: at or after (``gte``), or before (``lt``) the end of its day."""

    field_class = _EndField

    def __init__(self, *, is_from: bool, **options: Any) -> None:
        super().__init__(lookup_expr="gte" if is_from else "lt", **options)
        self._is_from = is_from

    def filter(self, qs: QuerySet[M], value: datetime | str | None) -> QuerySet[M]:
        if not isinstance(value, str):
            found: QuerySet[M] = super().filter(qs, value)
            return found
        clocks = clocks_of(Organization.objects.all())
        now = db_clock.now()
        spans = {zone: read_span(value, zone, now=now) for zone in clocks or (UTC,)}
        since, until = outer_span(spans)
        # What an index answers; then, of several clocks, each restaurant by its own.
        qs = qs.filter(**{f"{self.field_name}__{self.lookup_expr}": since if self._is_from else until})
        if len(spans) == 1:
            return qs
        return qs.filter(
            on_own_clock(
                spans,
                clocks,
                field=str(self.field_name),
                restaurant="organization_id",
                is_from=self._is_from,
            )
        )
