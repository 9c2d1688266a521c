"""The rows that belong to a guest: by the phone in its columns, by what goes with them, by mention."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db.models import BinaryField, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from core.privacy.registry import Declaration, Found, declarations
from core.redaction import MASK
from core.values.phones import has_phone, normal_phone, phone_key

# Signs that people and programs write between the digits of a phone; never a quotation mark of JSON.
_BETWEEN = r"[\s().\-/_\u00a0\u2010-\u2015]{0,3}"


class NoPhone(ValueError):
    """What was given as a phone is none."""


def find_person(phone: str) -> Found:
    """Find all rows of the guest with this phone, in whatever writing either is.

    Reads every message and call that is kept: some 30 s for a hundred thousand.

    Raises:
        NoPhone
    """
    normal = normal_phone(phone)
    if not normal:
        raise NoPhone(f"{phone!r} is no phone: write it with its country, as +7 912 555 44 17.")
    found = Found(phone=normal)
    for declared in declarations():
        if declared.is_root:
            rows = declared.model._default_manager.alias(phone_key=phone_key(declared.rows.phone))
            _note(declared, rows.filter(has_phone("phone_key", normal)), found)
            rows, mentioned = _mentioning(rows, declared.rows.mentions, normal)
            _note_mentioned(declared, rows.filter(mentioned), found)
    return find_what_goes_with(found)


def find_what_goes_with(found: Found) -> Found:
    """Add the rows that go with the roots found so far and, of a person, those that mention the phone."""
    for declared in declarations():
        if declared.is_root or not (declared.rows.goes_with or declared.rows.mentions):
            continue
        rows = declared.model._default_manager.all()
        wanted = declared.rows.goes_with(found) if declared.rows.goes_with else Q(pk__in=())
        if found.phone:
            rows, mentioned = _mentioning(rows, declared.rows.mentions, found.phone)
            about_others = declared.rows.about_others or Q(pk__in=())
            _note(declared, rows.filter(wanted | mentioned & ~about_others), found)
            _note_mentioned(declared, rows.filter(mentioned & about_others), found)
        else:
            _note(declared, rows.filter(wanted), found)
    return found


def note_roots(declared: Declaration, ids: Sequence[int], found: Found) -> None:
    """Begin with rows of a root that were found in another way."""
    _note(declared, declared.model._default_manager.filter(pk__in=ids), found)


def open_rows(found: Found) -> dict[Declaration, int]:
    """Count the rows found that are still worked with."""
    counts = {}
    for declared in declarations():
        if declared.rows.is_open is not None and (ids := found.of(declared.label)):
            rows = declared.model._default_manager.filter(declared.rows.is_open, pk__in=ids)
            counts[declared] = rows.count()
    return {declared: count for declared, count in counts.items() if count}


def _note(declared: Declaration, rows: QuerySet[Any], found: Found) -> None:
    if not declared.rows.iiko_id:
        found.keys[declared.label] = sorted(rows.values_list("pk", flat=True))
        return
    named = list(rows.order_by("pk").values_list("pk", declared.rows.iiko_id))
    found.keys[declared.label] = [pk for pk, _ in named]
    found.iiko_ids |= {ident for _, ident in named if ident}


def _note_mentioned(declared: Declaration, rows: QuerySet[Any], found: Found) -> None:
    own = set(found.of(declared.label))
    if others := [pk for pk in rows.order_by("pk").values_list("pk", flat=True) if pk not in own]:
        found.mentioned[declared.label] = others


def _mentioning(rows: QuerySet[Any], columns: Sequence[str], phone: str) -> tuple[QuerySet[Any], Q]:
    """Look for the phone anywhere in some columns, whatever separates its digits."""
    found, pattern = Q(), mention_pattern(phone)
    for name in columns:
        column = rows.model._meta.get_field(name)
        text = (
            Func(name, Value("escape"), function="encode", output_field=TextField())
            if isinstance(column, BinaryField)
            else Cast(name, TextField())
        )
        rows = rows.alias(**{f"mentions_{name}": text})
        found |= Q(**{f"mentions_{name}__regex": pattern})
    return rows, found if columns else Q(pk__in=())


def mention_pattern(phone: str) -> str:
    """Write a normal phone as a regular expression of PostgreSQL's and Python's.

    The first and the last group are what stands around it.
    """
    digits = phone[1:]
    beginning = r"(\+?00?)?"
    if len(digits) == 11 and digits.startswith("7"):
        digits, beginning = digits[1:], r"(\+?([78]|0*7|8107))?"
    return rf"(^|[^0-9]){beginning}{_BETWEEN}" + _BETWEEN.join(digits) + "($|[^0-9])"


def without_phone(phone: str) -> Callable[[object], object]:
    """Return what masks a phone in a text, or in every text and whole number of a JSON value."""
    pattern = re.compile(mention_pattern(phone))

    def masked(value: object) -> object:
        if isinstance(value, str):
            # What stands around one phone stands around the next, too.
            return pattern.sub(_between, pattern.sub(_between, value))
        if isinstance(value, int) and pattern.fullmatch(str(value)):
            return MASK
        if isinstance(value, Mapping):
            return {key: masked(one) for key, one in value.items()}
        return [masked(one) for one in value] if isinstance(value, list) else value

    return masked


def _between(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}{found[found.re.groups]}"
