"""Reads a request into the dataclass that declares it, as strictly as the vendor does.

A field without a default must be there; only one of type ``… | None`` may be null. ``Length``, ``Range``
and ``Choice`` narrow what its type allows. What does not fit is the vendor's 400, which names the field.
Dates are read without a zone: which one they are in depends on the field, see ``instant``.
"""

import json
import re
from collections.abc import Callable, Collection
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import cache
from http import HTTPStatus
from types import NoneType
from typing import Annotated, Any, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit
from uuid import UUID, uuid4

_DATE = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,7})?")
_FIRST, _LAST = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001  # of any zone

T = TypeVar("T")
Content = dict[str, Any]


class ApiError(Exception):
    """A request that the vendor refuses; ``code`` is its short name, where it has one."""

    def __init__(self, status: HTTPStatus, description: str, code: str | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.body = error_body(description, code)


def bad_request(description: str, code: str | None = None) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, description, code)


def wrong(place: str, what: str) -> ApiError:
    return bad_request(f"{place}: {what}.")


def error_body(description: str, code: str | None = None) -> dict[str, object]:
    return {"correlationId": str(uuid4()), "errorDescription": description, "error": code}


@dataclass(frozen=True, slots=True)
class Length:
    """How many characters a string may have."""

    longest: int
    shortest: int = 0


@dataclass(frozen=True, slots=True)
class Range:
    """What a number may be; without ``highest`` there is no upper limit."""

    lowest: int = 0
    highest: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The strings that are allowed."""

    allowed: Collection[str]


@dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """The dataclasses that an object may be read into, by the value of its field ``tag``."""

    kinds: dict[str, type]
    tag: str = "type"


NOT_NULL = object()
"""Marks a field that may be left out, but not be null."""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Request:
    """An object of a request; every subclass is a frozen dataclass."""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True)(cls)


Amount = Annotated[Decimal, Range(highest=Decimal(10_000_000_000))]


def parse(text: bytes, *, may_be_quoted: bool = False) -> Content:
    """Parse a whole body; numbers keep every digit they came with.

    One that ``may_be_quoted`` may also be a JSON string of the object: pyiikocloudapi 0.0.32 asks
    for its token so.
    """
    try:
        content = json.loads(text, parse_float=Decimal)
        if may_be_quoted and isinstance(content, str):
            content = json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise bad_request("The body is not a JSON object.")
    return content


def read(kind: type[T], content: Content, path: str = "", *, spell: Callable[[str], str] | None = None) -> T:
    """Read an object; ``spell`` turns the names of fields into those of the request, else camel case does.

    Raises:
        ApiError: it does not fit; the error names the field.
    """
    found: dict[str, object] = {}
    shape: Any = kind
    for name, hint, is_required in _fields_of(shape):
        key = (spell or camel)(name)
        if key in content:
            found[name] = _read_value(hint, content[key], path + key)
        elif is_required:
            may_be_null = NoneType in get_args(hint)
            if may_be_null:
                raise wrong(path + key, "is required, though it may be null")
            _read_value(hint, None, path + key)
    return kind(**found)


def instant(local: datetime, zone: tzinfo) -> datetime:
    """Give the instant of a date that was read, in UTC."""
    return local.replace(tzinfo=zone).astimezone(UTC)


def is_address(url: str) -> bool:
    """Whether it is an absolute http or https address."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


@cache
def _fields_of(kind: Any) -> list[tuple[str, Any, bool]]:  # noqa: ANN401  # types have no type
    hints = get_type_hints(kind, include_extras=True)
    return [
        (each.name, hints[each.name], each.default is MISSING and each.default_factory is MISSING)
        for each in fields(kind)
    ]


def _read_value(hint: Any, value: object, place: str) -> object:  # noqa: ANN401  # as above
    may_be_null = NoneType in get_args(hint)
    if may_be_null:
        hint = next(each for each in get_args(hint) if each is not NoneType)
    hint, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if may_be_null and value is None:
        if NOT_NULL in marks:
            raise wrong(place, "may be left out, but not be null")
        return None
    limits = next((mark for mark in marks if mark is not NOT_NULL), None)
    if get_origin(hint) is list:
        return _read_list(get_args(hint)[0], value, place)
    if reader := _READERS.get(hint):
        return reader(value, limits, place)
    if not isinstance(value, dict):
        raise wrong(place, "an object is expected")
    if isinstance(limits, Variants):
        hint = limits.kinds[_read_text(value.get(limits.tag), Choice(limits.kinds), f"{place}.{limits.tag}")]
    return read(hint, value, f"{place}.")


def _read_list(hint: Any, value: object, place: str) -> list[object]:  # noqa: ANN401  # as above
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    what, kind = _KINDS_OF_LISTS.get(plain, ("objects", dict))
    if not isinstance(value, list) or not all(isinstance(each, kind) for each in value):
        raise wrong(place, f"a list of {what} is expected")
    places = [f"{place}[{number}]" if kind is dict else place for number in range(len(value))]
    return [_read_value(hint, each, place) for each, place in zip(value, places, strict=True)]


def _read_id(value: object, limits: None, place: str) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise wrong(place, f"{value!r} is not a uuid") from error


def _read_text(value: object, limits: Length | Choice | None, place: str) -> str:
    if isinstance(limits, Choice):
        if not isinstance(value, str) or value not in limits.allowed:
            raise wrong(place, f"{value!r} is not one of {', '.join(limits.allowed)}")
        return value
    if not isinstance(value, str):
        raise wrong(place, "a string is expected")
    if limits and not limits.shortest <= len(value) <= limits.longest:
        raise wrong(place, f"a string of {limits.shortest} to {limits.longest} characters is expected")
    return value


def _read_flag(value: object, limits: None, place: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(place, "true or false is expected")
    return value


def _read_whole(value: object, limits: Range | None, place: str) -> int:
    """Read a whole number: from a lowest one on, or of either sign as far as 32 bits go."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not isinstance(value, int) or not is_whole or (limits and value < limits.lowest):
        raise wrong(place, f"a whole number{f' from {limits.lowest}' if limits else ''} is expected")
    if not limits and not -(2**31) <= value < 2**31:
        raise wrong(place, "a whole number is expected")
    return value


def _read_number(value: object, limits: Range | None, place: str) -> Decimal:
    """Read a number, exact to its last digit."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise wrong(place, "a number is expected")
    if limits and limits.highest is not None and not limits.lowest <= value <= limits.highest:
        raise wrong(place, f"a number from {limits.lowest} to {limits.highest} is expected")
    return Decimal(value)


def _read_date(value: object, limits: None, place: str) -> datetime:
    try:
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise ValueError
        local = datetime.fromisoformat(value[:26])
        if not _FIRST <= local <= _LAST:
            raise ValueError
    except ValueError as error:
        raise wrong(place, f"{value!r} is not a date, yyyy-MM-dd HH:mm:ss.fff is expected") from error
    return local


_KINDS_OF_LISTS: dict[object, tuple[str, type]] = {UUID: ("ids", object), str: ("strings", str)}
_READERS: dict[object, Callable[[object, Any, str], object]] = {
    UUID: _read_id,
    str: _read_text,
    bool: _read_flag,
    int: _read_whole,
    Decimal: _read_number,
    datetime: _read_date,
}
