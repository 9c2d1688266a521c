"""Random JSON of the vendor's schema: what iiko may send, by its own description."""

from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sandbox.tests.vendor_schema import Schema, json_schema

_TEXTS = ("", "Зал", "Айгүл Қ. 😀", "a\u0000b", "x" * 300, "<b>&'\"", "+79040000117", "  ")
_WHOLE = {"int32": 2**31 - 1, "int64": 2**63 - 1}
_REFERENCE = "#/$defs/"


def example(name: str, random: Random) -> Any:
    """Draw an instance of a component (without the vendor's prefix); absent, null and empty all occur."""
    schema = json_schema(name)
    return _Examples(schema["$defs"], random).of(schema)


class _Examples:
    def __init__(self, definitions: Schema, random: Random) -> None:
        self._definitions = definitions
        self._random = random

    def of(self, schema: Schema) -> Any:
        if reference := schema.get("$ref"):
            return self.of(self._definitions[reference.removeprefix(_REFERENCE)])
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return self.of(self._random.choice(schema[choice]))
        if "allOf" in schema:
            (only,) = schema["allOf"]
            return self.of(only)
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        return self._of_type(schema)

    def _of_type(self, schema: Schema) -> Any:
        random = self._random
        match schema.get("type"):
            case "null":
                return None
            case "boolean":
                return random.random() < 0.5
            case "integer":
                return random.choice((0, 1, random.randint(-5, 500), _WHOLE["int32"]))
            case "number":
                return random.choice((0, 0.1, 19.99, 760.0, -3.5, 0.125, 12345678.9, 1e9))
            case "string":
                return self._text(schema.get("pattern", ""))
            case "array":
                return [self.of(schema["items"]) for _ in range(random.choice((0, 1, 1, 3)))]
            case "object":
                return self._object(schema)
        return random.choice((None, {"any": [1, "thing"]}, "text", 7))

    def _text(self, pattern: str) -> str:
        if "-" in pattern and ":" in pattern:
            moment = datetime(2022, 1, 1) + timedelta(milliseconds=self._random.randrange(10**11))  # noqa: DTZ001  # as iiko writes it
            return moment.isoformat(sep=" ", timespec="milliseconds")
        if pattern:
            return str(UUID(int=self._random.getrandbits(128)))
        return self._random.choice(_TEXTS)

    def _object(self, schema: Schema) -> dict[str, Any]:
        required = schema.get("required", ())
        named = schema.get("properties", {})
        return {
            name: self.of(inner)
            for name, inner in named.items()
            if name in required or self._random.random() < 0.7
        }
