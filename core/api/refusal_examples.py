"""Refusals as an operation's description shows them: made by what makes the real ones."""

from collections.abc import Iterable
from typing import Any

from django.utils import translation
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from drf_standardized_errors.formatter import ExceptionFormatter

from core.api.errors import HubExceptionHandler
from core.api.schema import RefusalsSerializer

Context = Any
"""The library's, of which a description has none."""


def refusal_of(error: Exception) -> dict[str, Any]:
    """Return the body that an error is answered with, in English."""
    context: Context = {}
    with translation.override("en"):
        known: Any = HubExceptionHandler(error, context).convert_known_exceptions(error)
        body: dict[str, Any] = ExceptionFormatter(known, context, error).run()
        return {
            "type": str(body["type"]),
            "errors": [{name: text and str(text) for name, text in one.items()} for one in body["errors"]],
        }


def refused(words: str, errors: Iterable[Exception] = ()) -> OpenApiResponse:
    """Describe a refusal, with an example for each error that it may be."""
    bodies = [refusal_of(error) for error in errors]
    return OpenApiResponse(
        RefusalsSerializer,
        words,
        examples=[OpenApiExample(one["errors"][0]["code"], one, response_only=True) for one in bodies],
    )
