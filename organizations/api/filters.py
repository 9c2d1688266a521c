"""Filters that refuse what they do not know, so that a misspelt one does not show everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError as BadValue
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters import BooleanFilter, CharFilter
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from iiko_client.reading import external_id, is_no_id
from organizations.api.fields import NO_ID_GIVEN
from organizations.services.registry import canonical_id

if TYPE_CHECKING:
    # DRF loads this module while it is loading its views.
    from rest_framework.views import APIView

PAGING = frozenset({"skip", "limit", "format"})


class StrictBooleanField(forms.NullBooleanField):
    """Django's own takes every word it does not know for "not asked"."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> bool | None:  # type: ignore[override]  # three-valued, as its base is
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


class IikoIdFormField(forms.CharField):
    def validate(self, value: Any) -> None:
        super().validate(value)
        if is_no_id(value or ""):
            raise BadValue(NO_ID_GIVEN, code="no_id")


class IikoIdFilter(CharFilter):
    """iiko's id in any spelling of a UUID: upper case finds what lower case does."""

    field_class = IikoIdFormField

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        found: QuerySet[Any] = super().filter(qs, canonical_id(value) if value else value)
        return found


class ExternalIdFilter(CharFilter):
    """A number of the shop's own: exactly as given, with its case and dashes."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        found: QuerySet[Any] = super().filter(qs, external_id(value) if value else value)
        return found


class StrictFilterBackend(DjangoFilterBackend):
    def filter_queryset(  # type: ignore[override]  # DRF hands its own Request
        self, request: Request, queryset: QuerySet[Any], view: APIView
    ) -> QuerySet[Any]:
        filters = self.get_filterset_class(view, queryset)
        known = set(filters.base_filters) if filters else set()
        if unknown := sorted(set(request.query_params) - known - PAGING):
            words = _("No such filter. There are: %s.") % ", ".join(sorted(known))
            raise ValidationError(dict.fromkeys(unknown, words))
        filtered: QuerySet[Any] = super().filter_queryset(request, queryset, view)
        return filtered
