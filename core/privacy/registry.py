"""The one registry of personal data: which columns hold them, of whom, and what becomes of them.

Each app declares its own columns in ``personal_data.py``; a test walks all models, so that a column of text
cannot be added without a word on whether it names people. Numbers, times, flags, choices and ids (``*_id``)
say nothing of a person by themselves and need no word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Q

from core.privacy.treatments import EMPTIED, FOLLOWS, KEPT, Treatment


class Whose(StrEnum):
    GUEST = "guests"
    STAFF = "staff"  # whom iiko names: couriers, waiters, operators
    USER = "users"  # who sign in to the hub


class Kind(StrEnum):
    NAME = "name"
    PHONE = "phone"
    EMAIL = "e-mail"
    ADDRESS = "address"
    CARD = "cards"
    PROFILE = "name, birthday, sex, comment"
    TEXT = "free text"
    BODY = "JSON or bytes as sent"
    TERMS = "search terms"
    NETWORK = "network address, browser"


@dataclass(frozen=True, slots=True)
class Personal:
    """One column. ``treatment`` says what becomes of it when its guest is removed."""

    kind: Kind
    treatment: Treatment = EMPTIED
    whose: Whose = Whose.GUEST


def of_staff(kind: Kind, treatment: Treatment = KEPT) -> Personal:
    return Personal(kind, treatment, Whose.STAFF)


def of_user(kind: Kind) -> Personal:
    return Personal(kind, KEPT, Whose.USER)


@dataclass(slots=True)
class Found:
    """The rows of a person, or of orders that are over: primary keys by label of the model.

    ``phone`` is empty where rows are found by their age. ``iiko_ids`` are iiko's ids of the rows found, by
    which rows without a foreign key lead to them. ``mentioned`` are rows about other people in whose words
    the phone stands: these lose the phone and nothing else.
    """

    phone: str = ""
    keys: dict[str, list[int]] = field(default_factory=dict)
    mentioned: dict[str, list[int]] = field(default_factory=dict)
    iiko_ids: set[str] = field(default_factory=set)

    def of(self, label: str) -> list[int]:
        return self.keys.get(label, [])


Finder = Callable[[Found], Q]
ALL = Q(pk__isnull=False)
"""Every row of a model."""


@dataclass(frozen=True, slots=True)
class Rows:
    """How the rows of a guest are found.

    ``phone`` is the column that a guest is found by; a model with one is a root, and ``iiko_id`` names its
    column of iiko's id. ``goes_with`` finds the rows of other models that go with those found before.
    ``mentions`` are the columns that may name a phone anywhere in them. A row that is found by them alone is
    the guest's, or, where it is a root or ``about_others`` matches it, somebody else's. ``is_open`` tells
    rows that are still worked with, ``is_left`` those that a worker may hold and treats itself. ``mark`` is
    the column that says when the row lost its guest.
    """

    phone: str = ""
    iiko_id: str = ""
    goes_with: Finder | None = None
    mentions: tuple[str, ...] = ()
    about_others: Q | None = None
    is_open: Q | None = None
    is_left: Q | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """What a model holds of people."""

    label: str
    personal: Mapping[str, Personal]
    harmless: Mapping[str, str]
    rows: Rows

    @property
    def model(self) -> type[models.Model]:
        return apps.get_model(self.label)

    @property
    def removed(self) -> dict[str, Personal]:
        """The columns that change when a guest is removed."""
        untouched = (KEPT, FOLLOWS)
        return {name: one for name, one in self.personal.items() if one.treatment not in untouched}

    @property
    def is_root(self) -> bool:
        return bool(self.rows.phone)


_DECLARED: dict[str, Declaration] = {}


def declare(
    label: str,
    personal: Mapping[str, Personal] | None = None,
    *,
    harmless: Mapping[str, str] | None = None,
    rows: Rows | None = None,
) -> None:
    """Name the columns of a model; ``harmless`` maps a reason to names, parted by spaces."""
    by_name = {name: reason for reason, names in (harmless or {}).items() for name in names.split()}
    _DECLARED[label] = Declaration(label, personal or {}, by_name, rows or Rows())


def declarations() -> list[Declaration]:
    """List what all apps declare, lower apps first."""
    return list(_DECLARED.values())


def declaration_of(label: str) -> Declaration | None:
    return _DECLARED.get(label)


def personal_fields(label: str, *whose: Whose) -> dict[str, Personal]:
    """Return the personal columns of a model by name, of some people or of all."""
    declared = _DECLARED.get(label)
    found = declared.personal if declared else {}
    return {name: one for name, one in found.items() if not whose or one.whose in whose}


_SILENT = (
    models.BooleanField,
    models.IntegerField,
    models.FloatField,
    models.DecimalField,
    models.DateField,
    models.TimeField,
    models.DurationField,
    models.UUIDField,
)


def needs_word(column: models.Field[Any, Any]) -> bool:
    """Tell whether a column could name people, by its type and name."""
    if column.is_relation or column.choices or column.name.endswith("_id"):
        return False
    made = column.output_field if isinstance(column, models.GeneratedField) else column
    return not isinstance(made, _SILENT)


def unnamed_columns() -> Iterator[str]:
    """Yield each column that is declared neither personal nor harmless, as ``app.Model.column``."""
    for model in apps.get_models(include_auto_created=True):
        declared = _DECLARED.get(model._meta.label)
        named = {*declared.personal, *declared.harmless} if declared else set()
        for column in model._meta.concrete_fields:
            if needs_word(column) and column.name not in named:
                yield f"{model._meta.label}.{column.name}"


def unknown_names() -> Iterator[str]:
    """Yield what is declared of columns that are not there, or twice."""
    for declared in _DECLARED.values():
        columns = {column.name for column in declared.model._meta.concrete_fields}
        for name in (*declared.personal, *declared.harmless):
            if name not in columns or (name in declared.personal and name in declared.harmless):
                yield f"{declared.label}.{name}"
