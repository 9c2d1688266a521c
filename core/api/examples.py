"""Examples of bodies and answers, made of the description itself: one for each of its components.

What a field holds is looked up by ``Component.field``, by the field's name, or by the name of the component
it refers to; numbers, dates and choices are made up by their type. So a new field of a known name has its
example at once, and a text that nobody named is found by a test (``unnamed``).
"""

import csv
import io
from collections.abc import Mapping
from typing import Any

from core.api.csv_lists import cell_of

Schema = dict[str, Any]

MOMENT = "2026-11-24T09:30:00Z"
_BY_FORMAT = {
    "date-time": MOMENT,
    "date": MOMENT[:10],
    "uuid": "6b1f2f0c-3d5e-4a7b-9c8d-0e1f2a3b4c5d",
    "uri": "https://hub.example.com/",
}
_BY_TYPE: dict[str, object] = {"integer": 3, "number": 0.25, "boolean": True}


class Examples:
    """Makes values that fit a schema; ``words`` are the trade's, by the names of fields."""

    def __init__(self, components: Mapping[str, Schema], words: Mapping[str, object]) -> None:
        self._components, self._words = components, words
        self.unnamed: set[str] = set()
        """Fields whose text is nobody's: ``Component.field``."""

    def of_component(self, name: str) -> object:
        if name in self._words:
            return self._words[name]
        return self.of(self._components[name], owner=name)

    def of(self, schema: Schema, *, owner: str = "", field: str = "") -> object:
        """Make a value of a schema, which is that of a ``field`` of the component ``owner``."""
        for name in (f"{owner}.{field}", field):
            if name in self._words:
                return self._words[name]
        if "example" in schema:
            return schema["example"]
        if "enum" in schema:
            return schema["enum"][0]
        if "$ref" in schema:
            return self.of_component(schema["$ref"].rpartition("/")[2])
        for several in ("allOf", "oneOf", "anyOf"):
            if several in schema:
                return self.of(schema[several][0], owner=owner, field=field)
        return self._by_type(schema, owner=owner, field=field)

    def _by_type(self, schema: Schema, *, owner: str, field: str) -> object:
        kind = schema.get("type")
        if kind == "array":
            return [self.of(schema["items"], owner=owner, field=field)]
        if kind == "object" and "properties" in schema:
            return {name: self.of(one, owner=owner, field=name) for name, one in schema["properties"].items()}
        if kind == "object" and schema.get("additionalProperties") is False:
            return {}
        if schema.get("format") in _BY_FORMAT:
            return _BY_FORMAT[schema["format"]]
        if kind in _BY_TYPE:
            return _BY_TYPE[kind]
        self.unnamed.add(f"{owner}.{field}")
        return "text" if kind == "string" else None


def as_csv(page: Mapping[str, Any]) -> str:
    """Write the rows of a page as the same list has them in a file."""
    rows: list[dict[str, object]] = page["results"]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(rows[0])
    writer.writerows([cell_of(value) for value in row.values()] for row in rows)
    return text.getvalue()
