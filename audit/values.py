"""What an entry keeps of the fields of an object: nothing secret, nothing personal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db.models import Field, ManyToManyField, Model
from django.utils import translation

from core.privacy.registry import Whose, personal_fields
from core.redaction import MASK, mask

Values = dict[str, object]

IGNORED = frozenset(
    {
        *("updated_at", "changed_at", "last_login", "last_used_at", "last_used_address", "name_key"),
        *("last_step", "wrong_codes", "wrong_code_at"),
    }
)
"""Fields that follow from the others, or from being used."""

_SECRET = re.compile(
    r"password|secret(?!_until)|token|digest|hash|salt|^key$|otp|api_login$|recovery|backup_code"
)
_PERSONAL = re.compile(r"phone|e?mail$|first_name|last_name|surname|birth|address(?!ed)|card|comment|note$")
_LONGEST = 500
_NAMED_AS_PEOPLE = frozenset({"loyalty.customer"})


def is_secret(field: Field[Any, Any]) -> bool:
    """Tell whether a value opens something: an encrypted column, or one that its name gives away."""
    if getattr(field, "is_secret", False):
        return True
    return field.remote_field is None and bool(_SECRET.search(field.name))


def is_personal(field: Field[Any, Any]) -> bool:
    declared = personal_fields(field.model._meta.label, Whose.GUEST)
    return field.name in declared or bool(_PERSONAL.search(field.name))


def kept(field: Field[Any, Any], value: object) -> object:
    """Return what an entry may keep of a value. Of a hidden one it keeps whether there is any."""
    if value is None or value == "":
        return value
    if is_secret(field) or is_personal(field) or hasattr(value, "resolve_expression"):
        return MASK
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    if isinstance(value, bytes | memoryview):
        return MASK
    return mask(value)


def own_fields(row: Model, names: Iterable[str] | None = None) -> Iterable[Field[Any, Any]]:
    """Yield the columns of a row that count, or those of them that are named."""
    chosen = None if names is None else set(names)
    for field in row._meta.concrete_fields:
        if field.name not in IGNORED and (chosen is None or chosen & {field.name, field.attname}):
            yield field


def raw_values(row: Model, names: Iterable[str] | None = None) -> Values:
    return {field.name: field.value_from_object(row) for field in own_fields(row, names)}


def changed(row: Model, old: Mapping[str, object], new: Mapping[str, object]) -> tuple[Values, Values]:
    """Return what an entry keeps of the fields that differ, before and after."""
    fields = {field.name: field for field in row._meta.concrete_fields}
    names = [name for name, value in new.items() if old.get(name) != value]
    before = {name: kept(fields[name], old.get(name)) for name in names}
    return before, {name: kept(fields[name], new[name]) for name in names}


def filled(row: Model) -> Values:
    """Return what an entry keeps of a row that was made or deleted: its fields that are not empty."""
    return {
        field.name: kept(field, value)
        for field in own_fields(row)
        if not field.primary_key and (value := field.value_from_object(row)) not in (None, "", [], {})
    }


def linked_names(row: Model, field: ManyToManyField[Any, Any]) -> list[str]:
    """Name what a row is linked with, in the hub's own language: readers have several."""
    with translation.override(settings.LANGUAGE_CODE):
        return sorted(str(one) for one in getattr(row, field.name).all())


def text_of(row: Model) -> str:
    """Name a row for people, in the hub's own language; a guest by a number."""
    if row._meta.label_lower in _NAMED_AS_PEOPLE:
        return f"#{row.pk}"
    with translation.override(settings.LANGUAGE_CODE):
        return str(row)[:200]


def subject_of(row: Model) -> str:
    return f"{row._meta.label_lower}:{row.pk}"
