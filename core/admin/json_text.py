"""JSON that a person can read."""

import json
from collections.abc import Iterator
from decimal import Decimal

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

_INDENT = "  "


def pretty_json(text: str) -> SafeString:
    """Lay JSON out in lines and colour it. Every character of the message is escaped."""
    value = json.loads(text, parse_float=Decimal)
    return mark_safe("".join(_json(value, "\n")))  # noqa: S308  # every piece is escaped where it is made


def _json(value: object, line: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        members = [(_quoted("k", key) + ": ", inner) for key, inner in value.items()]
        yield from _group("{", "}", members, line)
    elif isinstance(value, list) and value:
        yield from _group("[", "]", [("", inner) for inner in value], line)
    elif isinstance(value, str):
        yield _quoted("s", value)
    elif isinstance(value, bool) or value is None:
        yield f'<span class="c">{json.dumps(value)}</span>'
    elif isinstance(value, dict | list):
        yield "{}" if isinstance(value, dict) else "[]"
    else:
        yield f'<span class="n">{escape(value)}</span>'


def _group(opening: str, closing: str, members: list[tuple[str, object]], line: str) -> Iterator[str]:
    yield opening
    for number, (name, inner) in enumerate(members):
        yield ("," if number else "") + line + _INDENT + name
        yield from _json(inner, line + _INDENT)
    yield line + closing


def _quoted(kind: str, text: str) -> str:
    return f'<span class="{kind}">{escape(json.dumps(text, ensure_ascii=False))}</span>'
