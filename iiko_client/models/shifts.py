"""``eventInfo`` of a PersonalShift (docs/iiko.md#stop-lists-and-shifts); the envelope has the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from iiko_client.json_reader import Reader


@dataclass(frozen=True, slots=True)
class ShiftReading:
    """What could be read; None is missing or unreadable."""

    employee_id: str | None
    terminal_group_id: str | None
    role_id: str | None
    is_opened: bool | None
    issues: tuple[str, ...]


def read_shift(info: Mapping[str, Any]) -> ShiftReading:
    issues: list[str] = []
    reader = Reader(info, zone=UTC, issues=issues)
    return ShiftReading(
        employee_id=reader.read("id", Reader.ident),
        terminal_group_id=reader.read("terminalGroupId", Reader.ident),
        role_id=reader.read("roleId", Reader.ident),
        is_opened=reader.read("opened", Reader.boolean),
        issues=tuple(issues),
    )
