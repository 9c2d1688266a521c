"""``eventInfo`` of a StopListUpdate: whose lists changed, not how (docs/iiko.md#stop-lists-and-shifts)."""

from collections.abc import Mapping
from dataclasses import dataclass

from iiko_client.json_reader import BadValue, Reader

_LIST = "terminalGroupsStopListsUpdates"


@dataclass(frozen=True, slots=True)
class ChangedStopList:
    """``is_full``: iiko updated the whole list; it does not say what is on it."""

    terminal_group_id: str
    is_full: bool


@dataclass(frozen=True, slots=True)
class StopListChange:
    """``is_complete``: it names every list that changed; where not, any list of the restaurant may have."""

    lists: tuple[ChangedStopList, ...]
    is_complete: bool
    issues: tuple[str, ...]


def read_stop_list_change(info: object) -> StopListChange:
    """Read the content of the event, whatever stands in its place."""
    reader = Reader(info if isinstance(info, Mapping) else {})
    if not isinstance(info, Mapping):
        reader.note("eventInfo", "missing, or no object")
    found: dict[str, bool] = {}
    named = 0
    for update in reader.read(_LIST, Reader.children) or []:
        ident = update.read("id", Reader.ident)
        if ident is None:
            update.note("id", BadValue("names no terminal group"))
            continue
        named += 1
        # Unreadable is taken for "only a part": nothing is concluded from it.
        is_full = bool(update.read("isFull", Reader.boolean))
        found[ident] = found.get(ident, False) or is_full
    is_complete = bool(found) and named == len(reader.wire[_LIST])
    lists = tuple(ChangedStopList(*one) for one in found.items())
    return StopListChange(lists, is_complete, tuple(reader.issues))
