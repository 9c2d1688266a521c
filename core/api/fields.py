"""Serializer fields that several apps share."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from core.values.moments import NO_MOMENT, checked_moment
from iiko_client.json_reader import LONGEST_ID, is_no_id

NO_ID_GIVEN = _("The empty GUID is no id. Leave the field out where there is none.")


class IikoIdField(serializers.CharField):
    """An id of iiko, in any spelling."""

    default_error_messages = {"no_id": NO_ID_GIVEN}

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"max_length": LONGEST_ID} | options))

    def to_internal_value(self, data: str) -> str:
        text: str = super().to_internal_value(data)
        if is_no_id(text):
            self.fail("no_id")
        return text


class TraceIdField(serializers.CharField):
    """The id of a trace as ``traceparent`` writes it; ``source`` is the column."""

    def __init__(self, source: str = "trace_id") -> None:
        words = "Of the trace that it belongs to: the request or webhook it came from, and all that followed."
        super().__init__(source=f"{source}.hex", read_only=True, allow_null=True, help_text=words)


class MomentField(serializers.DateTimeField):
    """A moment of ISO 8601; without an offset it is UTC."""

    default_error_messages = {"no_moment": NO_MOMENT}

    def enforce_timezone(self, value: datetime) -> datetime:
        # Before the base changes its zone, which hides the offset that was written.
        aware = value if value.tzinfo else super().enforce_timezone(value)
        try:
            return checked_moment(aware)
        except ValueError:
            self.fail("no_moment")
