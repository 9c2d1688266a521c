"""Limits of how often a caller may act, counted in the database for all web processes together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from organizations.models.api_keys import ApiKey

if TYPE_CHECKING:
    # DRF loads its views while this module is being loaded.
    from rest_framework.views import APIView

# One row for each caller, one statement for each request: no race, and nothing to clean up.
_COUNT = """
INSERT INTO api_uses AS known (caller, minute, count)
VALUES (%s, floor(extract(epoch FROM clock_timestamp()) / 60)::bigint, 1)
ON CONFLICT (caller) DO UPDATE SET
    count = CASE WHEN known.minute = excluded.minute THEN known.count + 1 ELSE 1 END,
    minute = excluded.minute
RETURNING count, 60 - mod(floor(extract(epoch FROM clock_timestamp()))::bigint, 60)
"""


class ActionThrottle(BaseThrottle):
    """``API_ACTIONS_PER_MINUTE`` of each API key or person; reading is not counted."""

    counted = ""

    def __init__(self) -> None:
        self._wait_s = 0

    def allow_request(self, request: Request, view: APIView) -> bool:
        limit: int = settings.API_ACTIONS_PER_MINUTE
        if not limit:
            return True
        with connection.cursor() as cursor:
            key = request.auth
            caller = f"key:{key.pk}" if isinstance(key, ApiKey) else f"user:{request.user.pk}"
            cursor.execute(_COUNT, [self.counted + caller])
            count, self._wait_s = cursor.fetchone()
        return bool(count <= limit)

    def wait(self) -> float:
        return float(self._wait_s)


class SearchThrottle(ActionThrottle):
    """The same limit for searches in iiko, counted apart: nobody tries all phones."""

    counted = "search:"
