"""What is held of a guest, as JSON: for whoever asks what the hub knows of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import models

from core.privacy.registry import Declaration, Found, Whose, declarations
from core.privacy.search import mention_pattern


def export_person(found: Found) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield table by table the rows found, without the columns that name staff or users of the hub."""
    for declared in declarations():
        if ids := found.of(declared.label):
            rows = declared.model._default_manager.filter(pk__in=ids).order_by("pk")
            columns = _columns(declared)
            yield (
                declared.model._meta.db_table,
                [{column.name: _plain(column.value_from_object(row)) for column in columns} for row in rows],
            )


def export_mentions(found: Found) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield table by table the texts about other people in which the phone stands, and nothing else."""
    for declared in declarations():
        if ids := found.mentioned.get(declared.label):
            rows = declared.model._default_manager.filter(pk__in=ids).order_by("pk")
            yield declared.model._meta.db_table, [_mention(row, declared, found.phone) for row in rows]


def _mention(row: models.Model, declared: Declaration, phone: str) -> dict[str, Any]:
    pattern = re.compile(mention_pattern(phone))
    texts = (text for name in declared.rows.mentions for text in _texts(getattr(row, name)))
    return {"id": row.pk, "texts": [text for text in texts if pattern.search(text)]}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)


def _columns(declared: Declaration) -> list[models.Field[Any, Any]]:
    others = {name for name, one in declared.personal.items() if one.whose is not Whose.GUEST}
    return [column for column in declared.model._meta.concrete_fields if column.name not in others]


def _plain(value: object) -> object:
    return bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else value
