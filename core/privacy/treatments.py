"""How personal data are taken out of a column, so that the row and what is not personal stay."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.redaction import MASK, mask

_FREE_TEXT = frozenset({"comment", "reason", "deletion_reason", "error"})


@dataclass(frozen=True, slots=True)
class Treatment:
    """``change`` turns a stored value into one without people; None: see ``words``."""

    words: str
    change: Callable[[object], object] | None = None


def _masked_text(value: object) -> object:
    return MASK if value else value


def _masked_leaves(value: object) -> object:
    """Mask every text but codes; numbers and flags alone name nobody."""
    if isinstance(value, Mapping):
        return {key: one if key == "code" else _masked_leaves(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_masked_leaves(one) for one in value]
    return MASK if isinstance(value, str) and value else value


def _without_free_text(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            key: _masked_text(one) if key in _FREE_TEXT else _without_free_text(one)
            for key, one in value.items()
        }
    return [_without_free_text(one) for one in value] if isinstance(value, list) else value


def _without_people(value: object) -> object:
    """Treat a value of the timeline: a step of a command, or a field of the order."""
    is_command = isinstance(value, Mapping) and "command_id" in value
    return _without_free_text(value) if is_command else _masked_leaves(value)


EMPTIED = Treatment("emptied")
"""Set to NULL, or to the column's empty value."""
MASKED = Treatment(f"replaced by {MASK}", _masked_text)
LEAVES = Treatment(f"every text in it replaced by {MASK}", _masked_leaves)
FREE_TEXT = Treatment(f"comments in it replaced by {MASK}", _without_free_text)
BODY = Treatment(f"people in it replaced by {MASK} (core.redaction)", mask)
HISTORY = Treatment(f"every text in it replaced by {MASK}; of a command its comments", _without_people)
FOLLOWS = Treatment("follows the columns that it is made of")
KEPT = Treatment("stays")
"""Of staff and people who use the hub: they are not erased as guests are."""
