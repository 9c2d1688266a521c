"""A card as HTML that serves at any moment: its texts, and between them holes for what changes with time.

A card is written once; an answer fills its holes. So a page of a thousand cards costs little more than their
text, and never shows how late an order was a while ago.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from html import escape

from django.utils.translation import gettext as _

from core.display import span_text

HOLE = "\0"
"""Stands for a hole while a card is written: PostgreSQL's texts and JSON cannot hold it."""


class Moment:
    """The moment of one answer; texts that many cards share are made once for it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._seconds = now.timestamp()
        self._left = cache(_left_words)

    def left(self, due_s: float) -> str:
        """Write how long there is until a promise (seconds since 1970), as HTML."""
        left = int(due_s - self._seconds)
        # What is not shown is left out, so that few lengths are written.
        return self._left(left if -60 < left < 60 else int(left / 60) * 60)

    def since(self, moment: datetime) -> str:
        return span_text(self.now - moment)


Hole = Callable[[Moment], str]
"""Fills itself with HTML. What it is made of is part of the card, and nothing else but the language."""


@dataclass(frozen=True, slots=True)
class Written:
    """Texts, and after each but the last a hole."""

    texts: Sequence[str]
    holes: Sequence[Hole]

    def at(self, moment: Moment) -> str:
        parts = [self.texts[0]]
        for hole, text in zip(self.holes, self.texts[1:], strict=True):
            parts.append(hole(moment))
            parts.append(text)
        return "".join(parts)


class Draft:
    """Collects the holes of a card while it is written, in the order of its text."""

    def __init__(self) -> None:
        self._holes: list[Hole] = []

    def hole(self, fill: Hole) -> str:
        self._holes.append(fill)
        return HOLE

    def finish(self, html: str) -> Written:
        return Written(html.split(HOLE), tuple(self._holes))


def due_text(promised: datetime, now: datetime) -> str:
    """Write how long there is until a promise: ``in 12 min``, or ``−5 min`` once it has passed."""
    return _left_text(promised - now)


def _left_text(left: timedelta) -> str:
    if left < timedelta():
        return f"\N{MINUS SIGN}{span_text(-left)}"
    return _("in %(span)s") % {"span": span_text(left)}


def _left_words(seconds: int) -> str:
    return escape(_left_text(timedelta(seconds=seconds)))
