"""Fields of a message that tells only a part: a typed dictionary whose fields say where they stand in it.

    class OrderFields(TypedDict, total=False):
        comment: Annotated[str | None, At("comment", Reader.label)]
        courier_id: Annotated[str | None, At("courierInfo.courier.id", Reader.ident)]

    plan_of(OrderFields).read(order, fields)

A missing key: the message lacks the field. None: it is empty, or could not be read (then noted); so are all
fields inside an object that is null or unreadable. Flat records: see ``iiko_client.records``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast, get_type_hints

from iiko_client.json_reader import Reader


@dataclass(frozen=True, slots=True)
class At:
    """Where a field stands, and how it is read. An unreadable list is an empty one."""

    path: str
    parse: Callable[[Reader, str], object]
    is_list: bool = False


class AtWrapper(At):
    """A field of the wrapper around the content."""


_TEXT_IS = {
    "operator": "name",
    "externalCourierService": "name",
    "waiter": "name",
    "orderType": "name",
    "courierInfo": "courier",
    "cancelInfo": "comment",
}
"""What a text in the place of an object means."""


class Plan:
    """The fields of one object, in the order in which they are read."""

    def __init__(self, fields: Mapping[str, At]) -> None:
        self._plain = [(name, one) for name, one in fields.items() if "." not in one.path]
        self._groups: dict[str, dict[str, list[tuple[str, At]]]] = {}
        for name, one in fields.items():
            group, dot, inner = one.path.partition(".")
            if dot:
                place, _, key = inner.rpartition(".")
                self._groups.setdefault(group, {}).setdefault(place, []).append((name, At(key, one.parse)))

    @property
    def keys(self) -> list[str]:
        return [*(one.path for _name, one in self._plain), *self._groups]

    def read(self, reader: Reader, into: Mapping[str, object]) -> None:
        """Set the fields that the object has in ``into``, a typed dictionary of the plan's."""
        fields = cast("dict[str, object]", into)
        for name, one in self._plain:
            if reader.has(one.path):
                try:
                    fields[name] = one.parse(reader, one.path)
                except ValueError as error:
                    reader.note(one.path, error)
                    fields[name] = [] if one.is_list else None
        for key, places in self._groups.items():
            if reader.has(key):
                _read_group(reader.read(key, _group), places, fields)

    def row(self, reader: Reader) -> dict[str, object]:
        """Return all fields of a line of a list; one that it lacks is None."""
        fields: dict[str, object] = {}
        for name, one in self._plain:
            value = reader.read(one.path, one.parse)
            fields[name] = [] if value is None and one.is_list else value
        for key, places in self._groups.items():
            _read_group(reader.inner_named(key), places, fields)
        return fields


def _group(reader: Reader, key: str) -> Reader | None:
    return reader.named(key, _TEXT_IS[key]) if key in _TEXT_IS else reader.child(key)


def _read_group(
    group: Reader | None, places: Mapping[str, list[tuple[str, At]]], fields: dict[str, object]
) -> None:
    for key, columns in places.items():
        place = group.inner_named(key) if group and key else group
        for name, one in columns:
            fields[name] = place.read(one.path, one.parse) if place else None


def plan_of(kind: type, mark: type[At] = At, *, without: type | None = None) -> Plan:
    """Return the plan of a typed dictionary's fields that are marked so, less those that it inherits."""
    hints = get_type_hints(kind, include_extras=True)
    left_out = get_type_hints(without) if without else {}
    marked = {name: getattr(hint, "__metadata__", (None,))[0] for name, hint in hints.items()}
    return Plan({name: one for name, one in marked.items() if type(one) is mark and name not in left_out})
