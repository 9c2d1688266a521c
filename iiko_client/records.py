"""Flat records of the vendor: a frozen dataclass whose fields name iiko's field and how it is read.

Own code: attrs with cattrs, msgspec, pydantic and mashumaro check an object as a whole. Here a bad field is
noted with its path and left empty, and the rest of the object stays. Each reader would be ours there as well.
Orders and what is like them tell an absent field from an empty one: see ``iiko_client.message_fields``.
"""

from collections.abc import Callable, Iterable
from dataclasses import field, fields
from functools import cache, partial
from typing import TypeVar

from iiko_client.json_reader import BadValue, Reader

T = TypeVar("T")
Parse = Callable[[Reader, str], T | None]

_READ = "read"  # in the metadata of a field: how its value is taken from the reader of its object


def _field(read_one: Callable[[Reader], T], *, repr: bool = True) -> T:  # noqa: A002  # as dataclasses names it
    found: T = field(metadata={_READ: read_one}, repr=repr)
    return found


def wire(key: str, parse: Parse[T], *, repr: bool = True) -> T | None:  # noqa: A002  # as dataclasses names it
    """Declare a field; None is missing, null or unreadable (then noted)."""
    return _field(lambda reader: reader.read(key, parse), repr=repr)


def essential(key: str, parse: Parse[T]) -> T:
    """Declare a field without which there is no record."""
    return _field(lambda reader: need(reader, key, parse))


def text(key: str) -> str:
    """Declare a text; empty where there is none."""
    return _field(lambda reader: reader.read(key, Reader.label) or "")


def flag(key: str) -> bool:
    """Declare a flag; false where there is none."""
    return _field(lambda reader: bool(reader.read(key, Reader.boolean)))


def many(key: str, kind: Callable[..., T]) -> tuple[T, ...]:
    """Declare a list of records; those without an essential are noted and left out."""
    return _field(lambda reader: members(partial(read, kind), reader.read(key, Reader.children) or []))


def column(key: str, inner: str, parse: Parse[T]) -> tuple[T, ...]:
    """Declare the values that the members of a list have under ``inner``."""

    def read_column(reader: Reader) -> tuple[T, ...]:
        found = (member.read(inner, parse) for member in reader.read(key, Reader.children) or [])
        return tuple(value for value in found if value is not None)

    return _field(read_column)


def ids(key: str) -> tuple[str, ...]:
    """Declare a list of ids."""
    return _field(lambda reader: tuple(reader.read(key, Reader.idents) or ()))


def issues() -> tuple[str, ...]:
    """Declare what could not be read so far: the last field of a record that nothing else reports on."""
    return _field(lambda reader: tuple(reader.issues))


def read(kind: Callable[..., T], reader: Reader, **given: object) -> T:
    """Read a record from its object; ``given`` are the fields that the object does not tell.

    Raises:
        BadValue: an essential field is missing or unreadable.
    """
    told = {name: read_one(reader) for name, read_one in _readers(kind) if name not in given}
    return kind(**told, **given)


@cache
def _readers(kind: type) -> tuple[tuple[str, Callable[[Reader], object]], ...]:
    return tuple((one.name, one.metadata[_READ]) for one in fields(kind) if _READ in one.metadata)


def need(reader: Reader, key: str, parse: Parse[T]) -> T:
    """Return an essential field.

    Raises:
        BadValue: it is missing or unreadable.
    """
    value = parse(reader, key)
    if value is None:
        raise BadValue(f"{key} is missing")
    return value


def members(read_one: Callable[[Reader], T], readers: Iterable[Reader]) -> tuple[T, ...]:
    """Read the members of a list; one without an essential is noted and left out."""
    found = []
    for reader in readers:
        try:
            found.append(read_one(reader))
        except BadValue as error:
            reader.note("", error)
    return tuple(found)
