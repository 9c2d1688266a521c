"""What a step of the set-up is: a condition, a sentence on how it stands, and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.utils.functional import Promise

ROWS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    words: str


@dataclass(frozen=True, slots=True)
class Button:
    """What is posted to ``url``; ``hidden`` are fields that go along."""

    url: str
    words: str
    hidden: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A restaurant that a step is about: where it is put right, and how it stands."""

    name: str
    url: str
    words: str


@dataclass(frozen=True, slots=True)
class Finding:
    """How a step stands: what is so or what is wrong, and the next step (``advice``, ``link`` …)."""

    is_done: bool
    sentence: str
    advice: str = ""
    command: str = ""
    """For the shell, shown as it is to be typed."""
    link: Link | None = None
    button: Button | None = None
    rows: Sequence[Row] = ()

    @property
    def shown_rows(self) -> Sequence[Row]:
        return self.rows[:ROWS_SHOWN]

    @property
    def more_rows(self) -> int:
        return max(0, len(self.rows) - ROWS_SHOWN)


class Step(Protocol):
    """One step. ``key`` names it in addresses; ``look`` asks few queries, since an open page repeats it."""

    @property
    def key(self) -> str: ...

    @property
    def title(self) -> str | Promise: ...

    def look(self, now: datetime) -> Finding: ...
