"""``eventInfo`` of a StopListUpdate: whose lists changed, and not in what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from iiko_client.reading import BadValue, Reader

_LIST = "terminalGroupsStopListsUpdates"


@dataclass(frozen=True, slots=True)
class ChangedStopList:
    """``is_full``: "whether out-of-stock list is fully updated" (OpenAPI, read 2026-11), no more is said."""

    terminal_group_id: str
    is_full: bool


@dataclass(frozen=True, slots=True)
class StopListChange:
    lists: tuple[ChangedStopList, ...]
    issues: tuple[str, ...]


def read_stop_list_change(info: Mapping[str, Any]) -> StopListChange | None:
    """Read the content of the event; None where the list that it is made of is missing."""
    issues: list[str] = []
    reader = Reader(info, zone=UTC, issues=issues)
    if not isinstance(info.get(_LIST), list):
        return None
    found: dict[str, bool] = {}
    for update in reader.children(_LIST):
        ident = update.read("id", Reader.ident)
        if ident is None:
            update.note("id", BadValue("names no terminal group"))
            continue
        # Unreadable is taken for "only a part": nothing is concluded from it.
        is_full = bool(update.read("isFull", Reader.boolean))
        found[ident] = found.get(ident, False) or is_full
    return StopListChange(tuple(ChangedStopList(*one) for one in found.items()), tuple(issues))
