"""Phones normalised in one way for the whole hub, whatever a keyboard or a clipboard makes of them.

A phone is ``+`` and digits. Its extension (``доб. 12``, ``ext. 12``, ``x12``, ``,12``, ``#12``, ``;ext=12``)
is not a part of it: a search finds a phone with any extension, and without one.
"""

import re
import unicodedata
from urllib.parse import unquote

from django.db.models import Expression, Func, Q, TextField, Value
from django.db.models.functions import Collate

_LABEL = re.compile(r"\s*(?:тел(?:ефон)?|моб|т|tel|phone|callto|sms)(?:[.:\s]+|(?=\+))", re.IGNORECASE)
_LINKS = ("tel:", "callto:", "sms:")
_EXTENSION = re.compile(r"(?<=[0-9])[^0-9a-zа-яё]*(?:[,;#]|доб|вн|ext|x|х).*", re.IGNORECASE | re.DOTALL)
_BETWEEN = re.compile(r"[\s().\-\u2010-\u2015\u2212/_]")
_PHONE = re.compile(r"\+?[0-9]{7,15}")
_FOUR_DIGITS = re.compile(r"[0-9]{4}")


def normal_phone(text: str) -> str:
    """Write a phone as ``+`` and digits; return an empty text where it is no phone.

    Without a plus, ten digits, and eleven that begin with 8, are Russian; 00 and Russia's 810 stand for a
    plus. A number with a plus is left as it is, of whatever country.
    """
    text = unquote(text) if visible(text).lower().startswith(_LINKS) else text
    text = _EXTENSION.sub("", _LABEL.sub("", _plain(text), count=1))
    text = _BETWEEN.sub("", text)
    if not _PHONE.fullmatch(text):
        return ""
    return text if text.startswith("+") else f"+{_with_country(text)}"


def visible(text: str) -> str:
    """Leave out what a clipboard carries along unseen: marks of direction, zero widths, outer spaces."""
    return "".join(sign for sign in text if unicodedata.category(sign) != "Cf").strip()


def _plain(text: str) -> str:
    """Write digits and spaces of any script as ours."""
    return "".join(
        str(unicodedata.decimal(sign, sign)) for sign in visible(unicodedata.normalize("NFKC", text))
    )


def _with_country(digits: str) -> str:
    if len(digits) == 10:
        return f"7{digits}"
    if len(digits) == 11 and digits.startswith("8"):
        return f"7{digits[1:]}"
    for prefix in ("810", "00"):
        if digits.startswith(prefix) and len(digits) >= len(prefix) + 10:
            return digits.removeprefix(prefix)
    return digits


# --- the database ------------------------------------------------------------------------------------


def phone_key(column: str) -> Expression:
    """Compute the digits of a stored phone from the last to the first, without an extension.

    An index of it answers both for a whole phone and for its last digits. iiko and the shops write phones
    as they like, so what is stored stays as it came.
    """
    plain = Func(column, function="normalize", template="%(function)s(%(expressions)s, NFKC)")
    without = Func(
        plain,
        Value("([0-9][^0-9]*?)[,;#A-Za-zА-яЁё].*$"),
        Value(r"\1"),
        function="regexp_replace",
    )
    digits = Func(without, Value("[^0-9]"), Value(""), Value("g"), function="regexp_replace")
    # In the collation C a LIKE by the beginning can use the index.
    return Collate(Func(digits, function="reverse", output_field=TextField()), "C")


def has_phone(key: str, text: str, *, by_last_digits: bool = False) -> Q:
    """Find rows whose ``key`` (an alias of ``phone_key``) is this phone, or ends in these four digits."""
    if phone := normal_phone(text):
        return Q(**{f"{key}__in": [form[::-1] for form in stored_forms(phone[1:])]})
    if by_last_digits and (digits := last_digits(text)):
        return Q(**{f"{key}__startswith": digits[::-1]})
    return Q(pk__in=())


def last_digits(text: str) -> str:
    """Return four digits, by which people name a phone; an empty text where it is anything else."""
    plain = _plain(text)
    return plain if _FOUR_DIGITS.fullmatch(plain) else ""


def stored_forms(digits: str) -> list[str]:
    """List the digits under which a phone may be stored: a Russian one also with 8 and without a code."""
    if len(digits) == 11 and digits.startswith("7"):
        return [digits, f"8{digits[1:]}", digits[1:]]
    return [digits]
