"""Reads a request's body field by field, as strictly as the vendor does.

Every reader raises the 400 that the vendor would answer, naming the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from uuid import UUID

from sandbox.http.errors import bad_request

_DATE = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,7})?")
_DATE_FORM = "yyyy-MM-dd HH:mm:ss.fff"
_LARGEST_SUM = Decimal(10_000_000_000)


class Body:
    """A JSON object that came from outside; ``path`` is where it lies in the whole body."""

    def __init__(self, content: dict[str, object], path: str = "") -> None:
        self._content = content
        self._path = path

    @classmethod
    def parse(cls, text: bytes, *, may_be_quoted: bool = False) -> Body:
        """Read a whole body; numbers keep every digit they came with.

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
        return cls(content)

    @property
    def content(self) -> dict[str, object]:
        """The object word for word, to be kept or given back."""
        return self._content

    def has(self, name: str) -> bool:
        """Tell whether the field is there and not null."""
        return self._content.get(name) is not None

    def must_name(self, name: str) -> None:
        """Insist on a field that may be null, but not absent."""
        if name not in self._content:
            raise self.wrong(name, "is required, though it may be null")

    def must_not_be_null(self, *names: str) -> None:
        """Insist on fields that may be absent, but not null."""
        for name in names:
            if name in self._content and self._content[name] is None:
                raise self.wrong(name, "may be left out, but not be null")

    def wrong(self, name: str, what: str) -> Exception:
        return bad_request(f"{self._path}{name}: {what}.")

    # --- ids ---

    def id(self, name: str) -> UUID:
        return self._as_id(name, self._content.get(name))

    def id_or_none(self, name: str) -> UUID | None:
        return self.id(name) if self.has(name) else None

    def ids(self, name: str) -> list[UUID]:
        given = self._content.get(name)
        if not isinstance(given, list):
            raise self.wrong(name, "a list of ids is expected")
        return [self._as_id(name, each) for each in given]

    def ids_or_none(self, name: str) -> list[UUID] | None:
        return self.ids(name) if self.has(name) else None

    def _as_id(self, name: str, value: object) -> UUID:
        try:
            return UUID(str(value))
        except ValueError as error:
            raise self.wrong(name, f"{value!r} is not a uuid") from error

    # --- words ---

    def text(self, name: str, *, longest: int | None = None, shortest: int = 0) -> str:
        value = self._content.get(name)
        if not isinstance(value, str):
            raise self.wrong(name, "a string is expected")
        if len(value) < shortest or (longest is not None and len(value) > longest):
            raise self.wrong(name, f"a string of {shortest} to {longest} characters is expected")
        return value

    def text_or_none(self, name: str, *, longest: int | None = None) -> str | None:
        return self.text(name, longest=longest) if self.has(name) else None

    def choice(self, name: str, allowed: Collection[str]) -> str:
        value = self._content.get(name)
        if not isinstance(value, str) or value not in allowed:
            raise self.wrong(name, f"{value!r} is not one of {', '.join(allowed)}")
        return value

    def choice_or_none(self, name: str, allowed: Collection[str]) -> str | None:
        return self.choice(name, allowed) if self.has(name) else None

    def words_or_none(self, name: str, allowed: Collection[str] | None = None) -> list[str] | None:
        """Read a list of strings, each one of ``allowed`` where there is such a list."""
        value = self._content.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong(name, "a list of strings is expected")
        for each in value:
            if allowed is not None and each not in allowed:
                raise self.wrong(name, f"{each!r} is not one of {', '.join(allowed)}")
        return value

    def words(self, name: str) -> list[str]:
        words = self.words_or_none(name)
        if words is None:
            raise self.wrong(name, "a list of strings is expected")
        return words

    # --- numbers and flags ---

    def flag(self, name: str) -> bool:
        """Read a flag; absent is no, and null is wrong."""
        value = self._content.get(name, False)
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false is expected")
        return value

    def flag_or_none(self, name: str) -> bool:
        """Read a flag that may be null, which is no, too."""
        return self.has(name) and self.flag(name)

    def required_flag(self, name: str) -> bool:
        if not self.has(name):
            raise self.wrong(name, "true or false is expected")
        return self.flag(name)

    def integer(self, name: str) -> int:
        """Read a whole number of either sign, as far as 32 bits go."""
        value = self._content.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not -(2**31) <= value < 2**31:
            raise self.wrong(name, "a whole number is expected")
        return value

    def integer_or_none(self, name: str) -> int | None:
        return self.integer(name) if self.has(name) else None

    def whole(self, name: str, *, lowest: int = 0) -> int:
        value = self._content.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
            raise self.wrong(name, f"a whole number from {lowest} is expected")
        return value

    def whole_or_none(self, name: str, *, lowest: int = 0) -> int | None:
        return self.whole(name, lowest=lowest) if self.has(name) else None

    def any_number(self, name: str) -> Decimal:
        """Read a number, exact to its last digit."""
        value = self._content.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise self.wrong(name, "a number is expected")
        return Decimal(value)

    def number(self, name: str, *, largest: Decimal = _LARGEST_SUM) -> Decimal:
        """Read a number from 0, exact to its last digit."""
        number = self.any_number(name)
        if not 0 <= number <= largest:
            raise self.wrong(name, f"a number from 0 to {largest} is expected")
        return number

    # --- dates ---

    def moment(self, name: str, zone: tzinfo = UTC) -> datetime:
        """Read a vendor's date of ``zone`` as an instant in UTC."""
        value = self._content.get(name)
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise self.wrong(name, f"{value!r} is not a date, {_DATE_FORM} is expected")
        try:
            return datetime.fromisoformat(value[:26]).replace(tzinfo=zone).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise self.wrong(name, f"{value!r} is not a date, {_DATE_FORM} is expected") from error

    def moment_or_none(self, name: str, zone: tzinfo = UTC) -> datetime | None:
        return self.moment(name, zone) if self.has(name) else None

    # --- objects within ---

    def part(self, name: str) -> Body:
        value = self._content.get(name)
        if not isinstance(value, dict):
            raise self.wrong(name, "an object is expected")
        return Body(value, f"{self._path}{name}.")

    def part_or_none(self, name: str) -> Body | None:
        return self.part(name) if self.has(name) else None

    def parts(self, name: str) -> list[Body]:
        value = self._content.get(name)
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.wrong(name, "a list of objects is expected")
        return [Body(each, f"{self._path}{name}[{number}].") for number, each in enumerate(value)]

    def parts_or_none(self, name: str) -> list[Body]:
        """Read a list of objects; absent and null are an empty one."""
        return self.parts(name) if self.has(name) else []
