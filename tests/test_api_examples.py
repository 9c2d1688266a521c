"""Every body of the API's description has an example that fits its own schema."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft4Validator, FormatChecker  # type: ignore[import-untyped]  # it has no stubs
from openapi_spec_validator import validate

from core.api.examples import Examples
from iikohub.api_examples import WORDS

Schema = dict[str, Any]

FILES = {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
"""Of bytes no example can be shown."""


@cache
def description(language: str = "en") -> Schema:
    with translation.override(language):
        described: Schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return described


def bodies() -> Iterator[tuple[str, Schema]]:
    """Yield what each operation takes and answers: where, and its schema with examples."""
    for path, operations in description()["paths"].items():
        for method, operation in operations.items():
            where = f"{method.upper()} {path}"
            for kind, media in operation.get("requestBody", {}).get("content", {}).items():
                yield f"{where} takes {kind}", media
            for status, answer in operation["responses"].items():
                for kind, media in answer.get("content", {}).items():
                    if kind not in FILES:
                        yield f"{where} {status} {kind}", media


def examples_of(media: Schema) -> list[Any]:
    shown = media.get("examples", {}).values()
    kept = description()["components"]["examples"]
    return [kept[one["$ref"].rpartition("/")[2]]["value"] if "$ref" in one else one["value"] for one in shown]


def as_json_schema(schema: Any) -> Any:
    """Write OpenAPI's ``nullable`` as JSON Schema has it, references followed."""
    if isinstance(schema, list):
        return [as_json_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return as_json_schema(description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    plain = {
        key: as_json_schema(value) for key, value in schema.items() if key not in {"nullable", "example"}
    }
    return {"anyOf": [{"type": "null"}, plain]} if schema.get("nullable") else plain


def errors_of(value: Any, schema: Schema) -> list[str]:
    validator = Draft4Validator(as_json_schema(schema), format_checker=FormatChecker())
    return [f"{list(one.path)}: {one.message[:200]}" for one in validator.iter_errors(value)]


def test_description_is_one_of_openapi() -> None:
    validate(description())


def test_every_body_has_examples_that_fit() -> None:
    wrong = {}
    for where, media in bodies():
        shown = examples_of(media)
        errors = [error for one in shown for error in errors_of(one, media["schema"])]
        if errors or not shown:
            wrong[where] = errors or ["no example"]

    assert wrong == {}


def test_no_text_of_an_example_is_made_up_by_its_type() -> None:
    """A new field is named in ``iikohub.api_examples.WORDS``, unless its name is there already."""
    schemas, shown = description()["components"]["schemas"], description()["components"]["examples"]
    made = Examples(schemas, WORDS)

    for name in sorted(schemas.keys() & shown.keys()):
        made.of_component(name)

    assert sorted(made.unnamed) == []


def test_every_word_is_of_a_field_that_there_is() -> None:
    schemas = description()["components"]["schemas"]
    fields = {field for one in schemas.values() for field in one.get("properties", {})}
    known = fields | set(schemas)
    known |= {f"{name}.{field}" for name, one in schemas.items() for field in one.get("properties", {})}

    assert sorted(set(WORDS) - known) == []


@pytest.mark.parametrize(
    "status", ["400", "401", "403", "404", "406", "409", "413", "415", "422", "429", "503"]
)
def test_refusals_are_shown_with_their_code_and_a_sentence(status: str) -> None:
    shown = [one for where, media in bodies() if f" {status} " in where for one in examples_of(media)]

    assert shown
    for body in shown:
        errors = body.get("errors") or [{"code": body["status"], "detail": body["detail"]}]
        assert all(one["code"] and len(one["detail"]) > 8 for one in errors), body


def test_examples_are_the_same_in_both_languages() -> None:
    assert description("ru")["components"]["examples"] == description("en")["components"]["examples"]
