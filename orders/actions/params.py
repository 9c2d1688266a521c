"""Params of commands: frozen dataclasses in the code, JSON at the column alone."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Self, get_args, get_origin, get_type_hints

from iiko_client.models.order_lines import iso


class Params:
    """What a command was asked to do, checked and typed. Subclasses are frozen dataclasses.

    Their fields are texts, whole numbers, flags, choices, decimals, moments, other ``Params``, tuples of
    these, or None. A field with a default may be missing in what an older version of the hub has stored.
    """

    __slots__ = ()

    def to_json(self) -> dict[str, object]:
        return {name: _written(getattr(self, name)) for name in _types_of(type(self))}

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Self:
        """Read what ``to_json`` wrote.

        Raises:
            TypeError, ValueError, ArithmeticError: another version of the hub wrote it.
        """
        types = _types_of(cls)
        return cls(**{name: _read(types[name], stored[name]) for name in types if name in stored})


def _types_of(params: type[Params]) -> dict[str, Any]:
    """Return the type of each field, looked up once for each class."""
    if params not in _TYPES:
        types = get_type_hints(params)
        _TYPES[params] = {one.name: types[one.name] for one in fields(params)}  # type: ignore[arg-type]  # each is a dataclass
    return _TYPES[params]


_TYPES: dict[type[Params], dict[str, Any]] = {}


def _written(value: object) -> object:
    match value:
        case Params():
            return value.to_json()
        case tuple():
            return [_written(one) for one in value]
        case datetime():
            return iso(value)
        case Decimal():
            return format(value.normalize(), "f")
        case Enum():
            return value.value
    return value


def _read(kind: Any, value: Any) -> object:  # noqa: ANN401  # a type of any field, and its JSON
    if value is None and type(None) in get_args(kind):
        return None
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], one) for one in value)
    [kind, *_others] = [one for one in get_args(kind) if one is not type(None)] or [kind]
    kind = getattr(kind, "__supertype__", kind)  # of a NewType
    if issubclass(kind, Params):
        return kind.from_json(value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is Decimal or issubclass(kind, Enum):
        return kind(value)
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value
