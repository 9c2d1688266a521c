"""``Authorization: Api-Key <key>``. Imports no views: DRF loads this class early."""

from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core import trace
from core.client_address import client_address
from core.database import db_clock
from organizations.models.api_keys import ApiKey

KEYWORD = "api-key"
WRONG_KEY = _("The API key is wrong, switched off or expired.")


class ApiKeyAuthentication(BaseAuthentication):
    """Sets ``request.auth`` to the ``ApiKey``; there is no user behind a key."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey] | None:
        keyword, _sep, key = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if keyword.lower() != KEYWORD:
            return None
        row = self._open(key.strip())
        row.note_use(db_clock.now(), client_address(request.META))
        # Of a stranger, or of a browser, nothing is taken: the trace is the hub's own.
        trace.adopt(request.META.get("HTTP_TRACEPARENT", ""))
        return AnonymousUser(), row

    def _open(self, key: str) -> ApiKey:
        prefix = "_".join(key.split("_")[:2])
        looks_like_one = len(key) < 200 and key.isascii() and key.isprintable()
        usable = ApiKey.objects.usable(db_clock.now())
        row = usable.filter(prefix=prefix).first() if looks_like_one else None
        if row is None or not row.opens_with(key):
            raise AuthenticationFailed(WRONG_KEY)
        return row

    def authenticate_header(self, request: Request) -> str:
        return "Api-Key"
