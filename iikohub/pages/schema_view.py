"""``/api/schema/``: made once by each process for each language and format, then served as bytes."""

import functools
import hashlib
import threading
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Described:
    body: bytes
    etag: str


@functools.cache
def _described(language: str, renderer_class: type[BaseRenderer]) -> _Described:
    with translation.override(language):
        schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        body: bytes = renderer_class().render(schema, renderer_context={})
    return _Described(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


class SchemaView(SpectacularAPIView):
    def _get_schema_response(self, request: Request) -> HttpResponse:
        language = translation.get_language()
        if language not in dict(settings.LANGUAGES):
            language = settings.LANGUAGE_CODE
        renderer = request.accepted_renderer
        with _ONE_AT_A_TIME:
            described = _described(language, type(renderer))  # type: ignore[arg-type]  # a class has a hash
        response = HttpResponse(described.body, content_type=renderer.media_type)
        # Kept by the browser and asked about each time: an update of the hub shows at once.
        response.headers["ETag"] = described.etag
        response.headers["Cache-Control"] = "no-cache"
        plain: HttpRequest = request._request  # noqa: SLF001  # Django's own, that DRF wraps
        return get_conditional_response(plain, etag=described.etag, response=response) or response
