"""What drf-spectacular cannot know by itself; loaded when the app is ready."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiExample
from drf_standardized_errors.openapi import AutoSchema as StandardErrorsSchema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

from core.api.strict import StrictSerializer


class RefusalSerializer(serializers.Serializer[object]):
    code = serializers.CharField(help_text="Stable, for programs.")
    detail = serializers.CharField(help_text="The reason, and what to do instead.")
    attr = serializers.CharField(allow_null=True, help_text="The field or parameter that is meant.")


class RefusalsSerializer(serializers.Serializer[object]):
    type = serializers.ChoiceField(["client_error", "validation_error", "server_error"])
    errors = RefusalSerializer(many=True)  # type: ignore[assignment]  # as drf-standardized-errors names it


class HubSchema(StandardErrorsSchema):
    """Adds what every operation of its kind may answer; an operation names only what is its own."""

    def get_operation_id(self) -> str:
        """Name an act by what it does, ``orders_cancel``: only rows are created."""
        name: str = super().get_operation_id()
        creates = getattr(self.view, "action", None) == "create"
        return name if creates else name.removesuffix("_create")

    def _get_response_for_code(
        self,
        serializer: object,
        status_code: str,
        media_types: list[str] | None = None,
        direction: Direction = "response",
    ) -> dict[str, Any]:
        """Describe refusals as the JSON they are, whatever was asked for, and files as texts or bytes."""
        if status_code >= "400":
            media_types = [JSONRenderer.media_type]
        answer: dict[str, Any] = super()._get_response_for_code(  # type: ignore[no-untyped-call]  # the library declares no types
            serializer, status_code, media_types, direction
        )
        for media_type in set(answer.get("content", {})) - {JSONRenderer.media_type}:
            is_text = media_type.startswith("text/")
            answer["content"][media_type] = {
                "schema": {"type": "string"} if is_text else {"type": "string", "format": "binary"}
            }
        return answer

    def _get_error_response_examples(self) -> list[OpenApiExample]:
        return []  # the hub's own say it in its words

    def _should_add_error_response(self, responses: dict[str, object], status_code: str) -> bool:
        if getattr(self.view, "describes_every_answer", False):
            return False
        if status_code in ("413", "415") and not self._takes_a_body():
            return False
        if status_code == "422" and not self._takes_a_strict_body():
            return False
        return bool(super()._should_add_error_response(responses, status_code))

    def _takes_a_body(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH")

    def _takes_a_strict_body(self) -> bool:
        body = self.get_request_serializer() if self._takes_a_body() else None
        return isinstance(body, StrictSerializer) or (
            isinstance(body, type) and issubclass(body, StrictSerializer)
        )

    def _map_serializer_field(self, field: Any, direction: Direction, bypass_extensions: bool = False) -> Any:  # noqa: ANN401  # the library declares no types
        if isinstance(field, serializers.ChoiceField) and field.read_only and _is_blank_in_its_model(field):
            field.allow_blank = True
        return super()._map_serializer_field(  # type: ignore[no-untyped-call]  # the library declares no types
            field, direction, bypass_extensions
        )


def _is_blank_in_its_model(field: serializers.ChoiceField) -> bool:
    """Tell whether the column may be empty: the serializer of a read-only field does not know."""
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    columns = {one.name: one for one in model._meta.get_fields()} if model else {}
    return bool(getattr(columns.get(field.source), "blank", False))


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
    target_class = "core.api.strict.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        described = auto_schema._map_serializer(  # type: ignore[no-untyped-call]  # noqa: SLF001  # as its guide shows
            self.target, direction, bypass_extensions=True
        )
        return {**described, "additionalProperties": False}


def without_slash(endpoints: list[tuple[Any, ...]], **_: object) -> list[tuple[Any, ...]]:
    """Describe the addresses without the slash at their end, which may be left out."""
    return [(path.rstrip("/"), *rest) for path, *rest in endpoints]


def without_parameter_titles(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Leave the titles of filters out: they are of the reader's language, and clients name types by them."""
    for operations in result["paths"].values():
        for operation in operations.values():
            for one in operation.get("parameters", []):
                one["schema"].pop("title", None)
    return result
