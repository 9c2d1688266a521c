"""What of a text was found by what was typed, as HTML."""

import re
from html import escape

from django.utils.safestring import SafeString

from core.values.ids import searchable_id
from core.values.name_keys import fold
from core.values.phones import last_digits, normal_phone
from orders.search.words import parts_of, typed_words

_TOKENS = re.compile(r"(\s+|№)")


class Marker:
    """Marks in texts of orders what a search looked for; each text is escaped here."""

    def __init__(self, text: str) -> None:
        words = typed_words(text)
        self._words = [fold(word) for word in words]
        self._parts = {*self._words, *(part for word in words for part in parts_of(word))}
        self._ids = {searchable_id(word) for word in self._words}
        numbers = " ".join(word for word in words if not any(sign.isalpha() for sign in word))
        self._phones = {phone for one in (text, numbers, *words) if (phone := normal_phone(one))}
        self._ends = {digits for word in words if (digits := last_digits(word))}

    def mark(self, text: str) -> SafeString:
        """Return ``text`` with the found parts in ``<mark>``."""
        if phone := normal_phone(text):
            is_found = phone in self._phones or phone[-4:] in self._ends
            return SafeString(f"<mark>{escape(text)}</mark>" if is_found else escape(text))
        return SafeString("".join(map(self._token, _TOKENS.split(text))))

    def has_found(self, ident: str) -> bool:
        """Tell whether an id was looked for."""
        key = fold(ident)
        return key in self._ids or any(key.startswith(word) for word in self._words)

    def is_name(self, *names: str | None) -> bool:
        """Tell whether all that was typed is one of these names of an order."""
        typed = " ".join(self._words)
        return any(name and fold(name) == typed for name in names)

    def _token(self, token: str) -> str:
        """Mark a word without spaces: its beginning, or in a number any part of it."""
        begin, end = self._span(token)
        if begin == end:
            return escape(token)
        return f"{escape(token[:begin])}<mark>{escape(token[begin:end])}</mark>{escape(token[end:])}"

    def _span(self, token: str) -> tuple[int, int]:
        key = fold(token)
        if key in self._ids:
            return 0, len(token)
        found = [span for part in self._parts if (span := _span_in(key, part))]
        if not found:
            return 0, 0
        # Folding leaves signs out: where it did, the places in the key are not those in the text.
        return max(found, key=lambda span: span[1] - span[0]) if len(key) == len(token) else (0, len(token))


def _span_in(key: str, part: str) -> tuple[int, int] | None:
    """Find the part where a word begins; digits anywhere in a number."""
    pattern = re.escape(part) if part[0].isdigit() else rf"(?<![^\W_]){re.escape(part)}"
    found = re.search(pattern, key)
    return found.span() if found else None
