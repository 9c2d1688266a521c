"""Filters that refuse what they do not know, so that a misspelt one does not show everything."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError as BadValue
from django.db.models import Model, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from django_filters import BooleanFilter, CharFilter, IsoDateTimeFilter, MultipleChoiceFilter, UUIDFilter
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from core.api.fields import NO_ID_GIVEN
from core.values.ids import searchable_id
from core.values.moments import NO_MOMENT, checked_moment
from iiko_client.json_reader import external_id, is_no_id
from iiko_client.models.statuses import normaliser

if TYPE_CHECKING:
    # DRF loads this module while it is loading its views.
    from rest_framework.views import APIView

M = TypeVar("M", bound=Model)

PAGING = frozenset({"skip", "limit", "cursor", "format"})


class StrictBooleanField(forms.NullBooleanField):
    """Refuses a value that it does not know; Django's own takes it for an absent one."""

    widget = forms.TextInput

    def to_python(self, value: object) -> bool | None:  # type: ignore[override]  # three-valued, as its base is
        word = str(value or "").strip().lower()
        if word in {"true", "1"}:
            return True
        if word in {"false", "0"}:
            return False
        if word:
            raise BadValue(_("Write true or false."), code="invalid")
        return None


class StrictBooleanFilter(BooleanFilter):
    field_class = StrictBooleanField


class _MomentFormField(IsoDateTimeField):
    def to_python(self, value: str | datetime | date | None) -> datetime | None:
        moment: datetime | None = super().to_python(value)
        try:
            return checked_moment(moment) if moment else None
        except ValueError as error:
            raise BadValue(NO_MOMENT, code="no_moment") from error


class TraceIdFilter(UUIDFilter):
    """Rows of one trace; the id as ``X-Trace-ID`` has it, or as a UUID."""

    def __init__(self, field_name: str = "trace_id", **options: Any) -> None:
        words = "32 hexadecimal digits, as `X-Trace-ID` has them: rows of one trace."
        super().__init__(field_name=field_name, help_text=words, **options)


class MomentFilter(IsoDateTimeFilter):
    """A moment of ISO 8601; without an offset it is UTC."""

    field_class = _MomentFormField


class _ChoicesField(forms.MultipleChoiceField):
    """Values of a list; an empty one asks for nothing, as in a filter of one value."""

    def to_python(self, value: object) -> list[str]:
        return [text.strip() for text in super().to_python(value) if text.strip()]


class _WordsField(_ChoicesField):
    def to_python(self, value: object) -> list[str]:
        known = normaliser(choice for choice, _label in self.widget.choices)
        return [known(text) or text for text in super().to_python(value)]


class _TextsField(_ChoicesField):
    """Values of any text that PostgreSQL can hold."""

    def to_python(self, value: object) -> list[str]:
        return [forms.CharField().clean(text) for text in super().to_python(value)]

    def valid_value(self, value: object) -> bool:
        return True


class _IdsField(_TextsField):
    def to_python(self, value: object) -> list[str]:
        ids = super().to_python(value)
        if any(is_no_id(text) for text in ids):
            raise BadValue(NO_ID_GIVEN, code="no_id")
        return ids


class ChoicesFilter(MultipleChoiceFilter):
    """Rows with one of the values given: ``?status=OnWay&status=Waiting`` finds both."""

    field_class = _ChoicesField

    def filter(self, qs: QuerySet[M], value: Sequence[str]) -> QuerySet[M]:
        return qs.filter(**{f"{self.field_name}__in": value}) if value else qs


class WordsFilter(ChoicesFilter):
    """The same for iiko's values, in any spelling: ``ON_WAY`` finds what ``OnWay`` does."""

    field_class = _WordsField


class TextsFilter(CharFilter, ChoicesFilter):
    """The same for any text. As a ``CharFilter`` it is a *string* in OpenAPI."""

    field_class = _TextsField  # type: ignore[assignment]  # several texts where the base has one

    def filter(self, qs: QuerySet[M], value: Sequence[str]) -> QuerySet[M]:
        return ChoicesFilter.filter(self, qs, value)


class IikoIdFilter(TextsFilter):
    """iiko's ids in any spelling of a UUID: upper case finds what lower case does."""

    field_class = _IdsField

    def filter(self, qs: QuerySet[M], value: Sequence[str]) -> QuerySet[M]:
        return super().filter(qs, [searchable_id(text) for text in value])


def refuse_repeats(query: QueryDict, several: Collection[str] = ()) -> None:
    """Refuse a parameter that is given twice, so that no value is dropped silently.

    Raises:
        ValidationError: 400, naming the parameter. Those in ``several`` may be given any number of times.
    """
    if repeated := sorted(name for name, values in query.lists() if len(values) > 1 and name not in several):
        raise ValidationError(dict.fromkeys(repeated, _("It is given more than once. Give it one value.")))


class ExternalIdFilter(CharFilter):
    """A number of the shop's own: exactly as given, with its case and dashes."""

    def filter(self, qs: QuerySet[M], value: str | None) -> QuerySet[M]:
        found: QuerySet[M] = super().filter(qs, external_id(value) if value else value)
        return found


class StrictFilterBackend(DjangoFilterBackend):
    def filter_queryset(  # type: ignore[override]  # DRF hands its own Request
        self, request: Request, queryset: QuerySet[M], view: APIView
    ) -> QuerySet[M]:
        filters = self.get_filterset_class(view, queryset)
        offered = filters.base_filters if filters else {}
        known = set(offered)
        if unknown := sorted(set(request.query_params) - known - PAGING):
            problem = _("No such filter. There are: %s.") % ", ".join(sorted(known))
            raise ValidationError(dict.fromkeys(unknown, problem))
        refuse_repeats(
            request.query_params,
            [name for name, one in offered.items() if isinstance(one, MultipleChoiceFilter)],
        )
        filtered: QuerySet[M] = super().filter_queryset(request, queryset, view)
        return filtered
