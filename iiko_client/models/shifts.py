"""``eventInfo`` of a PersonalShift (docs/iiko.md#stop-lists-and-shifts); the envelope has the time."""

from dataclasses import dataclass

from iiko_client.json_reader import JsonObject, Reader
from iiko_client.records import issues, read, wire


@dataclass(frozen=True, slots=True)
class ShiftReading:
    """What could be read; None is missing or unreadable."""

    employee_id: str | None = wire("id", Reader.ident)
    terminal_group_id: str | None = wire("terminalGroupId", Reader.ident)
    role_id: str | None = wire("roleId", Reader.ident)
    is_opened: bool | None = wire("opened", Reader.boolean)
    issues: tuple[str, ...] = issues()


def read_shift(info: JsonObject) -> ShiftReading:
    return read(ShiftReading, Reader(info))
