"""The record of one physical HTTP call, for a log. It holds no secret."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from iiko_client.http import redaction, responses
from iiko_client.json_reader import JsonObject

LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One request (a token request too) and its answer. The bodies hold personal data: not in the repr."""

    operation: str
    url: str
    organization_id: str | None
    request: JsonObject = field(repr=False)
    response: Any = field(repr=False)
    """JSON with exact numbers, or up to ``LONGEST_TEXT`` characters of another text; None: no answer."""
    http_status: int | None
    duration_ms: int
    correlation_id: str | None
    error: str | None
    """Class of the error the caller saw."""
    error_code: str | None
    attempt: int
    started_at: datetime


def safe_request(body: JsonObject, known: Collection[str]) -> JsonObject:
    """Return a request's body without secrets."""
    return {key: redaction.scrub_field(key, value, known) for key, value in body.items()}


def safe_response(raw: bytes | None, known: Collection[str]) -> object:
    """Return an answer's body without secrets; a big one that holds none is not copied."""
    if raw is None:
        return None
    body = responses.parse(raw)
    if isinstance(body, str):
        return redaction.hide(body[:LONGEST_TEXT], known)
    return redaction.scrub(body, known) if _may_hold_secret(raw, known) else body


def _may_hold_secret(raw: bytes, known: Collection[str]) -> bool:
    text = raw.lower()
    words = (
        *redaction.SECRET_FIELDS,
        *redaction.ADDRESS_FIELDS,
        "bearer",
        "eyj",
        *(secret.lower() for secret in known),
        "\\u",
    )
    return any(word.encode() in text for word in words)


def organization_of(body: JsonObject) -> str | None:
    """Return the one organization a request is about, if it is about one."""
    if isinstance(one := body.get("organizationId"), str):
        return one
    many = body.get("organizationIds")
    return str(many[0]) if isinstance(many, list | tuple) and len(many) == 1 else None
