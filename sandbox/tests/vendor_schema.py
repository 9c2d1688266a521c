"""Validates against the vendor's OpenAPI document, where it lies beside the project.

Four adaptations make JSON Schema of it: ``nullable``, the vendor's date format, discriminators, and
subtypes that close their properties although they inherit (REFERENCE, head).
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # comes with drf-spectacular, without stubs
import pytest

DOCUMENT = Path(__file__).resolve().parents[2].parent / "shared" / "iiko" / "cloud-openapi.json"
_PREFIX = "iikoTransport.PublicApi.Contracts."
_REF = "#/components/schemas/"
_FORMATS = {
    "yyyy-MM-dd HH:mm:ss.fff": r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}$",
    "uuid": r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
}

needs_schema = pytest.mark.vendor

Schema = dict[str, Any]


def errors(name: str, instance: object) -> list[str]:
    """List what is wrong with ``instance`` as a ``name``, a component without the vendor's prefix."""
    found = _validator(_PREFIX + name).iter_errors(instance)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def answer_errors(path: str, body: object) -> list[str]:
    """List what is wrong with the body of a 200 of the operation at ``path``."""
    response = _document()["paths"][path]["post"]["responses"]["200"]
    reference = response["content"]["application/json"]["schema"]["$ref"]
    found = _validator(reference.removeprefix(_REF)).iter_errors(body)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def request_errors(path: str, body: object) -> list[str]:
    """List what is wrong with the body of a request to ``path``."""
    content = _document()["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    found = _validator(content["schema"]["$ref"].removeprefix(_REF)).iter_errors(body)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def json_schema(name: str) -> Schema:
    """Return a component without the vendor's prefix, with everything that it refers to."""
    return _schema(_PREFIX + name)


def _schema(name: str) -> Schema:
    return {"$ref": f"#/$defs/{_key(name)}", "$defs": _definitions()}


@cache
def _validator(name: str) -> Any:
    return jsonschema.Draft202012Validator(_schema(name))


@cache
def _components() -> dict[str, Schema]:
    components: dict[str, Schema] = _document()["components"]["schemas"]
    return components


@cache
def _document() -> Schema:
    document: Schema = json.loads(DOCUMENT.read_text())
    return document


@cache
def _definitions() -> Schema:
    return {_key(name): _definition(name) for name in _components()}


@cache
def _key(name: str) -> str:
    """Give the vendor's name, which may hold brackets and back-ticks, a form that a reference takes."""
    return f"d{list(_components()).index(name)}"


def _definition(name: str) -> Any:
    schema = _components()[name]
    if subtypes := _subtypes(schema):
        return {"oneOf": list(subtypes.values())}
    for parent in schema.get("allOf", []):
        # A field may ask for one subtype by its name.
        siblings = _subtypes(_components().get(parent.get("$ref", "").removeprefix(_REF), {}))
        if name in siblings:
            return siblings[name]
    return _adapted(schema)


def _subtypes(schema: Schema) -> dict[str, Any]:
    """Return the subtypes of a component with a discriminator, by their names."""
    discriminator = schema.get("discriminator", {})
    children = {child.removeprefix(_REF): tag for tag, child in discriminator.get("mapping", {}).items()}
    return {
        child: _subtype(schema, child, discriminator["propertyName"], tag) for child, tag in children.items()
    }


def _subtype(parent: Schema, child_name: str, field: str, tag: str) -> Any:
    child = _components()[child_name]
    properties = {**parent["properties"], **child.get("properties", {}), field: {"enum": [tag]}}
    required = [*parent.get("required", []), *child.get("required", [])]
    return _adapted(
        {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    )


def _adapted(schema: Any) -> Any:
    """Make JSON Schema of OpenAPI 3.0."""
    if isinstance(schema, list):
        return [_adapted(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{_key(schema['$ref'].removeprefix(_REF))}"}
    kept = {key: _adapted(value) for key, value in schema.items() if key not in {"nullable", "format"}}
    if pattern := _FORMATS.get(schema.get("format", "")):
        kept["pattern"] = pattern
    return {"anyOf": [kept, {"type": "null"}]} if schema.get("nullable") is True else kept
