"""Lenient reading of the vendor's JSON: a bad field is noted and left out, never the whole document.

"Absent" and "null" differ: ``null`` clears a field of the mirror, an absent one leaves it as it was. An
unreadable one clears it, too: what was known before is not what iiko says now.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from iiko_client import units, vendor_time
from iiko_client.units import MinorUnits

LONGEST_ID = 200
LONGEST_EXTERNAL_ID = 255
NO_ID = "00000000-0000-0000-0000-000000000000"
"""What a .NET sender writes where it has no id."""
_CANONICAL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_INT64 = 2**63
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_DECIMAL = re.compile(r"-?\d{1,20}(?:\.\d{1,30})?", re.ASCII)
_UNSTORABLE = re.compile("[\ud800-\udfff\x00]")
_MAY_BE_UNSTORABLE = re.compile(rb"\\u(?:d[89a-f]|0000)", re.IGNORECASE)

T = TypeVar("T")
JsonObject = Mapping[str, Any]


class BadValue(ValueError):
    """A value that cannot stand for what its field means."""


def _number(text: str) -> int | Decimal:
    # Python refuses to read integers of more than 4 300 digits; no field of the vendor has 40.
    return int(text) if len(text) < 40 else Decimal(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def loads(text: str | bytes) -> Any:  # noqa: ANN401  # any JSON value
    """Parse JSON with exact numbers (``Decimal`` for fractions).

    Raises:
        ValueError: not JSON (NaN and Infinity included).
        RecursionError: nested too deeply.
    """
    return json.loads(text, parse_float=Decimal, parse_int=_number, parse_constant=_refuse_constant)


def sanitize(text: str) -> str:
    """Replace what no database stores as text: NUL, and lone surrogates."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def loads_sanitized(raw: bytes) -> Any:  # noqa: ANN401  # any JSON value
    """Parse JSON like ``loads`` and sanitize all its texts."""
    value = loads(raw)
    return _sanitized(value) if _MAY_BE_UNSTORABLE.search(raw) else value


def _sanitized(value: object) -> object:
    if isinstance(value, str):
        return sanitize(value)
    if isinstance(value, dict):
        return {sanitize(key): _sanitized(inner) for key, inner in value.items()}
    return [_sanitized(inner) for inner in value] if isinstance(value, list) else value


def canonical_id(text: str) -> str:
    """Return UUIDs in lower case with dashes, other ids as they are.

    Raises:
        BadValue: longer than any id that is indexed.
    """
    if _CANONICAL.fullmatch(text):
        return text
    if len(text) > LONGEST_ID:
        raise BadValue(f"an id longer than {LONGEST_ID} characters")
    try:
        return str(UUID(text))
    except ValueError:
        return text


def external_id(text: str) -> str:
    """Return the shop's own number as it is stored: as given, without white space around it.

    Its case and dashes stay as they are. A number longer than an index takes is cut; a digest keeps it
    distinct.
    """
    text = text.strip()
    if len(text) <= LONGEST_EXTERNAL_ID:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{text[: LONGEST_EXTERNAL_ID - 33]}…{digest}"


def is_no_id(text: str) -> bool:
    """Tell whether it is the empty GUID, in any spelling."""
    return canonical_id(text.strip()[:LONGEST_ID]) == NO_ID


def without_no_ids(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    """Return a JSON value with null in the place of every empty GUID."""
    if isinstance(value, str):
        return None if is_no_id(value) else value
    if isinstance(value, Mapping):
        return {key: without_no_ids(inner) for key, inner in value.items()}
    return [without_no_ids(inner) for inner in value] if isinstance(value, list) else value


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def plain(value: object) -> object:
    """Turn exact numbers inside a JSON value into floats where that loses nothing, else into text."""
    if isinstance(value, Decimal):
        return float(value) if Decimal(repr(float(value))) == value else format(value, "f")
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


class Reader:
    """One JSON object being read; ``issues`` collects what could not be read, with its path."""

    def __init__(
        self, wire: JsonObject, *, zone: tzinfo = UTC, issues: list[str] | None = None, path: str = ""
    ) -> None:
        self.wire = wire
        self.zone = zone
        self.issues: list[str] = [] if issues is None else issues
        self.path = path

    def has(self, key: str) -> bool:
        return key in self.wire

    def note(self, key: str, problem: object) -> None:
        self.issues.append(f"{self.path}{key}: {problem}")

    def raw(self, key: str) -> object:
        """Return the JSON as received, for fields whose shape iiko does not describe; empty ones are None."""
        return plain(self.wire.get(key)) or None

    def read(self, key: str, parse: Callable[[Reader, str], T]) -> T | None:
        """Parse one value; None if it is absent, null or bad (then noted)."""
        try:
            return parse(self, key)
        except ValueError as error:
            self.note(key, error)
            return None

    # Each of these raises ValueError for a bad value and returns None for null or absent.

    def text(self, key: str) -> str | None:
        value = self.wire.get(key)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise BadValue(f"expected text, got {type(value).__name__}")
        return str(value)

    def label(self, key: str) -> str | None:
        """Read a text that is not blank; blank counts as null."""
        return (self.text(key) or "").strip() or None

    def short(self, key: str) -> str | None:
        """Read a label short enough to be indexed."""
        value = self.label(key)
        if value is not None and len(value) > LONGEST_ID:
            raise BadValue(f"longer than {LONGEST_ID} characters")
        return value

    def word(self, key: str, known: Callable[[str], str | None]) -> str | None:
        """Read a listed value in any spelling that ``known`` takes; note any other, keep it as received."""
        raw = self.short(key)
        found = known(raw) if raw else None
        if raw and found is None:
            self.note(key, f"unknown word {raw[:60]!r}")
        return raw if found is None else str(found)

    def ident(self, key: str) -> str | None:
        """Read an id of iiko's; the empty GUID counts as null."""
        if isinstance(self.wire.get(key), Decimal):
            raise BadValue("expected an id, got a fraction")
        value = self.label(key)
        found = None if value is None else canonical_id(value)
        return None if found == NO_ID else found

    def external_id(self, key: str) -> str | None:
        """Read the shop's own number; see the function ``external_id``."""
        if isinstance(self.wire.get(key), Decimal):
            raise BadValue("expected text, got a fraction")
        value = self.label(key)
        if value is not None and len(value) > LONGEST_EXTERNAL_ID:
            self.note(key, f"longer than {LONGEST_EXTERNAL_ID} characters, shown cut")
        return None if value is None else external_id(value)

    def money(self, key: str) -> MinorUnits | None:
        """Round an amount to 1/100 (see ``units``); note it where more than a double's noise was lost."""
        value = self.wire.get(key)
        if value is None:
            return None
        minor, is_loss = units.rounded(value)
        if is_loss:
            self.note(key, f"{str(value)[:40]} is finer than 1/100, rounded to {units.to_major(minor)}")
        return minor

    def local_time(self, key: str) -> datetime | None:
        value = self.label(key)
        return None if value is None else vendor_time.terminal_local(value, self.zone)

    def utc_time(self, key: str) -> datetime | None:
        value = self.label(key)
        return None if value is None else vendor_time.utc(value)

    def boolean(self, key: str) -> bool | None:
        """Read true or false; what some senders write in their place (``"true"``, 1) is taken and noted."""
        value = self.wire.get(key)
        if value is None or isinstance(value, bool):
            return value
        found = _FLAGS.get(str(value).strip().lower()) if isinstance(value, str | int) else None
        if found is None:
            raise BadValue(f"expected true or false, got {str(value)[:40]!r}")
        self.note(key, f"expected true or false, got {value!r}; taken for {str(found).lower()}")
        return found

    def decimal(self, key: str) -> Decimal | None:
        """Read a number below 10¹²; decimal text is taken too, as of whole numbers and of money."""
        value = self.wire.get(key)
        if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
            value = Decimal(value.strip())
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise BadValue(f"expected a number, got {str(value)[:40]!r}")
        number = Decimal(value)
        if not number.is_finite() or number.copy_abs() >= 10**12:
            raise BadValue(f"{str(value)[:40]} is out of range")
        return number

    def integer(self, key: str) -> int | None:
        """Read a 64-bit whole number; digits in a string are taken too."""
        value = self.wire.get(key)
        if isinstance(value, str):
            value = value.strip()
            if not (value.lstrip("-").isascii() and value.lstrip("-").isdigit() and len(value) < 40):
                raise BadValue(f"expected a whole number, got {value[:40]!r}")
            value = int(value)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise BadValue(f"expected a whole number, got {type(value).__name__}")
        if not -_INT64 <= value < _INT64 or value != int(value):
            raise BadValue(f"{str(value)[:40]} is not a 64-bit whole number")
        return int(value)

    def child(self, key: str) -> Reader | None:
        value = self.wire.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise BadValue(f"expected an object, got {type(value).__name__}")
        return self._inner(value, f"{key}.")

    def named(self, key: str, text_is: str = "name") -> Reader | None:
        """Read the object under ``key``; text in its place is its ``text_is``, a UUID its id (both noted)."""
        value = self.wire.get(key)
        if not isinstance(value, str):
            return self.child(key)
        if not value.strip():
            return None
        meaning = "id" if is_uuid(value.strip()) else text_is
        self.note(key, f"expected an object, got text; taken for its {meaning}")
        return self._inner({meaning: value}, f"{key}.")

    def children(self, key: str) -> list[Reader]:
        """Read the objects of a list; null counts as an empty list, other members are noted and left out."""
        found = []
        for index, member in enumerate(self._members(key)):
            if isinstance(member, Mapping):
                found.append(self._inner(member, f"{key}[{index}]."))
            else:
                self.note(f"{key}[{index}]", "expected an object")
        return found

    def idents(self, key: str) -> list[str]:
        """Read the ids of a list; null counts as an empty list, what is no id is noted and left out."""
        members = self._inner({str(at): member for at, member in enumerate(self._members(key))}, f"{key}.")
        found = (members.read(at, Reader.ident) for at in members.wire)
        return [one for one in found if one is not None]

    def _members(self, key: str) -> list[object]:
        value = self.wire.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise BadValue(f"expected a list, got {type(value).__name__}")
        return value

    def _inner(self, wire: JsonObject, path: str) -> Reader:
        return Reader(wire, zone=self.zone, issues=self.issues, path=self.path + path)

    def inner(self, key: str) -> Reader:
        """Read the object under ``key``, an empty one where it is absent, null or bad (then noted)."""
        return self.read(key, Reader.child) or self._inner({}, f"{key}.")

    def inner_named(self, key: str, text_is: str = "name") -> Reader:
        """Like ``inner``, with text taken as ``named`` takes it."""
        return self.read(key, lambda reader, at: reader.named(at, text_is)) or self._inner({}, f"{key}.")


def word(known: Callable[[str], str | None]) -> Callable[[Reader, str], str | None]:
    """Make a parser of a listed value; see ``Reader.word``."""
    return lambda reader, key: reader.word(key, known)
