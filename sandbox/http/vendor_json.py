"""Writes JSON as the vendor does: camel case, zoneless dates, money as doubles, rows by id and name.

A double renders every sum of a restaurant to the kopeck.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from uuid import UUID, uuid4

from sandbox.http.request import camel

Json = dict[str, object]


def vendor_date(instant: datetime, zone: tzinfo) -> str:
    """Write an instant as ``yyyy-MM-dd HH:mm:ss.fff`` of the zone, without naming it."""
    local = instant.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03d}"


def to_json(value: object, zone: tzinfo = UTC) -> object:
    """Turn a value and all within it into JSON; an object with a name becomes its id and name."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return float(value)
        case UUID():
            return str(value)
        case datetime():
            return vendor_date(value, zone)
        case Mapping():
            return {key: to_json(inner, zone) for key, inner in value.items()}
        case Iterable():
            return [to_json(inner, zone) for inner in value]
        case _:
            return to_json(named(value))


def render(content: Mapping[str, object], zone: tzinfo = UTC) -> Json:
    """Do the same with a whole object."""
    return {key: to_json(value, zone) for key, value in content.items()}


def answer(**content: object) -> Json:
    """Put the id of the operation before the content of an answer."""
    return {"correlationId": uuid4(), **content}


def named(row: object) -> Json:
    return pick(row, "id name")


def pick(row: object, names: str) -> Json:
    """Give the named attributes under their camel-case names."""
    return {camel(name): getattr(row, name) for name in names.split()}


def nulls(names: str) -> Json:
    """Give fields that the sandbox always leaves null."""
    return dict.fromkeys(names.split())


def falses(names: str) -> Json:
    """Give flags that the sandbox never sets."""
    return dict.fromkeys(names.split(), False)
