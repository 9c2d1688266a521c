"""What drf-spectacular cannot know by itself; it is found because the app imports it when ready."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the base declares no types
    target_class = "organizations.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Api-Key <key>`; make a key with `manage.py create_api_key NAME`.",
        }


class StrictScheme(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # the base declares no types
    target_class = "organizations.api.strict.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> dict[str, Any]:
        described = auto_schema._map_serializer(  # type: ignore[no-untyped-call]  # the library declares no types
            self.target, direction, bypass_extensions=True
        )
        return {**described, "additionalProperties": False}


def without_slash(endpoints: list[tuple[Any, ...]], **_: Any) -> list[tuple[Any, ...]]:
    """Describe the addresses without the slash at their end, which may be left out."""
    return [(path.rstrip("/"), *rest) for path, *rest in endpoints]
