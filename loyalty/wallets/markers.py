"""The marker by which an operation of the hub is found again among iiko's transactions."""

from __future__ import annotations

import re
import secrets

PREFIX = "hub:"
_MARKED = re.compile(r"\[(hub:[0-9a-f]{16})\]")


def new_marker() -> str:
    """Return 64 random bits: iiko's top-up and charge-off know no key of the caller's own."""
    return f"{PREFIX}{secrets.token_hex(8)}"


def marker_in(comment: str | None) -> str | None:
    found = _MARKED.search(comment or "")
    return found[1] if found else None
