"""What a person types, as a query over the terms of orders (the table ``order_terms``).

A term begins with its kind: ``i`` an id or number or a part of one, ``p`` a word of the guest's name, the
street or the courier's name, ``c`` the last alone, ``h`` a house, ``t`` the digits of the phone, ``e`` their
last four. So one index answers for all, and what is personal is left out of a query without reading a row. A
phone is found whole or by its end, never by its beginning: nobody learns it digit by digit.
"""

import unicodedata
from collections.abc import Iterable

from core.values.ids import searchable_id
from core.values.name_keys import fold
from core.values.phones import last_digits, normal_phone, stored_forms, visible
from iiko_client.json_reader import external_id, sanitize

SEPARATORS = "".join(chr(code) for code in range(1, 128) if not chr(code).isalnum()) + "\u0085\u2028\u2029"
"""What stands between the words of a name or the parts of a number, once it is folded."""

LONGEST = 500
"""So many signs may be searched for; no number or name is longer."""

_LONGEST_TERM = 255
_TO_SPACES = str.maketrans(dict.fromkeys(SEPARATORS, " "))


def typed_words(text: str) -> list[str]:
    """Split what was typed at spaces, without what a clipboard brings along and the sign of a number."""
    words = unicodedata.normalize("NFKC", visible(sanitize(text)).replace("№", " ")).split()
    return [word for word in (word.lstrip("#") for word in words) if fold(word)]


def parts_of(word: str) -> list[str]:
    """Split a word as the names and numbers of orders are split."""
    return fold(word).translate(_TO_SPACES).split()


def query_of(text: str, *, people: bool) -> str:
    """Write the tsquery of the orders that ``text`` finds; an empty text where it can find none.

    Every word has to be found, each in any field. Without ``people`` guests, streets and phones are not
    looked at.
    """
    words = typed_words(text)
    if not words:
        return ""
    with_house = any(map(_has_letter, words))
    found = [_all(_word(word, people=people, with_house=with_house) for word in words)]
    if len(words) > 1 and any(map(str.isdigit, text)):
        # An id may have spaces; every alternative costs the index time, so names are spared it.
        found.append(_term("i", fold(external_id(visible(sanitize(text)))), is_prefix=True))
    if people:
        found += [_phone(text), _phone_in_words(words, with_house=with_house)]
    return _any(found)


def _word(word: str, *, people: bool, with_house: bool) -> str:
    key = fold(external_id(word))
    found = [_term("i", key, is_prefix=True)]
    if (ident := searchable_id(key)) != key:
        found.append(_term("i", ident))
    if people:
        found += [_phone(word), _term("e", last_digits(word))]
    found.append(_all(_name(part, people=people, with_house=with_house) for part in parts_of(word)))
    return _any(found)


def _name(part: str, *, people: bool, with_house: bool) -> str:
    """Look for a part of a name; a number is one of a house, and only beside the name of a street."""
    found = [_term("p" if people else "c", part, is_prefix=True)] if _has_letter(part) else []
    if people and with_house and part[0].isdigit():
        found.append(_term("h", part, is_prefix=True))
    return _any(found)


def _phone(text: str) -> str:
    phone = normal_phone(text)
    return _any(_term("t", form) for form in stored_forms(phone[1:])) if phone else ""


def _phone_in_words(words: list[str], *, with_house: bool) -> str:
    """Read ``Anna 8 912 555 44 17`` as a name and a phone."""
    named = [word for word in words if _has_letter(word)]
    phone = _phone(" ".join(word for word in words if not _has_letter(word)))
    if not named:
        return ""
    return _all([*(_word(word, people=True, with_house=with_house) for word in named), phone])


def _has_letter(text: str) -> bool:
    return any(sign.isalpha() for sign in text)


# --- the language of the query -----------------------------------------------------------------------


def _term(kind: str, text: str, *, is_prefix: bool = False) -> str:
    if not text:
        return ""
    quoted = (kind + text[:_LONGEST_TERM]).replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}'{':*' if is_prefix else ''}"


def _all(found: Iterable[str]) -> str:
    """Join with AND; what cannot be found makes all of it so."""
    each = list(found)
    return f"({' & '.join(each)})" if each and all(each) else ""


def _any(found: Iterable[str]) -> str:
    possible = list(dict.fromkeys(filter(None, found)))
    return f"({' | '.join(possible)})" if possible else ""
