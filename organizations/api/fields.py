"""Fields that bodies of several apps share."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from iiko_client.reading import LONGEST_ID, is_no_id

NO_ID_GIVEN = _("The empty GUID is no id. Leave the field out where there is none.")


class IikoIdField(serializers.CharField):
    """An id of iiko, in any spelling."""

    default_error_messages = {"no_id": NO_ID_GIVEN}

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"max_length": LONGEST_ID} | options))

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        if is_no_id(text):
            self.fail("no_id")
        return text
