"""Rows of which somebody sees everything but the guests.

Who may not see guests is given rows that hold masks in their place, so that no page, file or serializer can
show more. Rows keep what rules ask of them: what was there is there, only hidden.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models.query import ModelIterable

from core.privacy.shown import masked, masks_of

R = TypeVar("R", bound="PeopleRow")


class PeopleRow(models.Model):
    """A row of a model whose columns the registry names. With its guests hidden it cannot be saved."""

    hides_people = False

    class Meta:
        abstract = True

    def save(self, *args: Any, **named: Any) -> None:
        if self.hides_people:
            raise TypeError(f"{self._meta.label} #{self.pk} was read without its guests: it is for showing.")
        super().save(*args, **named)

    def hide_people(self) -> None:
        """Put masks in the place of what tells of guests; of what is read later, too."""
        self.hides_people = True
        loaded = self.__dict__
        for name in masks_of(self._meta.label):
            if name in loaded:
                loaded[name] = self.masked_value(name, loaded[name])

    def masked_value(self, name: str, value: object) -> object:
        return masked(self._meta.label, name, value)

    def refresh_from_db(self, *args: Any, **named: Any) -> None:
        super().refresh_from_db(*args, **named)
        if self.hides_people:
            self.hide_people()


class _WithoutPeople(ModelIterable):  # type: ignore[type-arg]  # not subscriptable at run time
    def __iter__(self) -> Iterator[Any]:
        for row in super().__iter__():
            row.hide_people()
            yield row


class PeopleQuerySet(models.QuerySet[R]):
    def shown(self, *, people: bool) -> Self:
        """Read rows to be shown: with ``people`` as they are, else with their guests hidden.

        Values that are read without rows (``values``) are not hidden.
        """
        rows = self.all()
        if not people:
            rows._iterable_class = _WithoutPeople  # noqa: SLF001  # no other way to say how rows are made
        return rows


def without_people(row: R) -> R:
    """Return a copy of a row with its guests hidden, of one that others share."""
    shown = copy(row)
    shown.hide_people()
    return shown
