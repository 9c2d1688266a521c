"""JSON for iiko with exact numbers: money leaves as the literal it is, never through a float."""

import json
from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID


def dumps(value: object) -> str:
    """Write a JSON value; ``Decimal`` becomes a number literal, ``UUID`` its text.

    Raises:
        TypeError: a ``float`` or ``datetime`` (whose clock must be chosen first), or no JSON value at all.
        ValueError: NaN or Infinity.
    """
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_key(key)}:{dumps(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, UUID):
        return f'"{value}"'
    if value is None or isinstance(value, str | int):
        return json.dumps(value)
    raise TypeError(f"{type(value).__name__} has no exact form in JSON")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a field's name is text, not {type(key).__name__}")
    return json.dumps(key)


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is not JSON")
    return format(value, "f")
