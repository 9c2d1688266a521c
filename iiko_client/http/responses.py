"""Turn an HTTP answer into a JSON object, or into the error that tells the caller what to do next."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from iiko_client import json_reader
from iiko_client.endpoints.registry import REVISION_TOO_OLD, TOO_MUCH_DATA, Operation
from iiko_client.http import errors
from iiko_client.http.redaction import clean
from iiko_client.json_reader import JsonObject

LOGIN_REFUSED = "login_refused"
TOKEN_REFUSED = "token_refused"  # noqa: S105
RIGHT_MISSING = "right_missing"
LICENCE_EXPIRED = "licence_expired"
REDIRECT = "redirect"

# A system behind iiko did not answer in time; as with 408 the outcome is unknown. A guess from the name:
# no source describes the code (docs/iiko.md#outcome-unknown).
_EXTERNAL_TIMEOUT = "EXTERNAL_SYSTEM_TIMEOUT"


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx: its JSON object with exact numbers."""

    body: JsonObject
    correlation_id: str | None
    http_status: int = 200

    def unreadable(self, operation: Operation, problem: str) -> errors.IikoUnreadable:
        """Return the error for an answer that lacks what it must have."""
        return errors.IikoUnreadable(
            problem,
            operation=operation.name,
            http_status=self.http_status,
            correlation_id=self.correlation_id,
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """The vendor's description of an error, in any of its shapes; for people, without secrets."""

    description: str
    code: str | None
    correlation_id: str | None


def parse(raw: bytes) -> Any:  # noqa: ANN401  # any JSON value
    """Return the JSON value of a body, or its text where it is not JSON; its texts can be stored."""
    try:
        return json_reader.loads_sanitized(raw)
    except (ValueError, RecursionError):
        return json_reader.sanitize(raw.decode("utf-8", "replace"))


def correlation_of(body: object) -> str | None:
    value = body.get("correlationId") if isinstance(body, Mapping) else None
    if not isinstance(value, str) or not 0 < len(value) <= json_reader.LONGEST_ID:
        return None
    found = json_reader.canonical_id(value)
    return None if found == json_reader.NO_ID else found


def refusal(body: object, secrets: Collection[str]) -> Refusal:
    """Read ``{correlationId, errorDescription, error}``, ``{message, details}``, ``{code, message}`` or text.

    The schema has only the first; the others were seen (docs/iiko.md#error-bodies).
    """
    if not isinstance(body, Mapping):
        return Refusal(clean(body if isinstance(body, str) else "", secrets), None, None)
    nested = body.get("error")
    inner = nested if isinstance(nested, Mapping) else body
    description = _first_text(inner, "errorDescription", "message", "details")
    code = clean(_first_text(inner, "error", "code"), secrets)[:100] or None
    return Refusal(clean(description or code or "", secrets), code, correlation_of(body))


def _first_text(wire: JsonObject, *keys: str) -> str:
    for key in keys:
        value = wire.get(key)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def error_of(operation: Operation, status: int, refusal: Refusal) -> errors.IikoError:
    """Return the error for an answer that is neither 2xx nor 429."""
    kind: type[errors.IikoError] = errors.IikoRejected
    code = refusal.code
    if status in (401, 402):
        kind, code = errors.IikoAuthFailed, LICENCE_EXPIRED if status == 402 else _why_401(refusal)
    elif status == 408 or status >= 500 or code == _EXTERNAL_TIMEOUT:
        kind = errors.IikoNoAnswer
    elif code == REVISION_TOO_OLD:
        kind = errors.IikoRevisionTooOld
    elif code == TOO_MUCH_DATA or (status == 422 and code is None):
        kind = errors.IikoTooMuchData
    elif status < 400:
        code = REDIRECT
    return kind(
        refusal.description,
        operation=operation.name,
        http_status=status,
        correlation_id=refusal.correlation_id,
        code=code,
    )


def _why_401(refusal: Refusal) -> str:
    # "Right api/1/… is not allowed for this ApiLogin." A new token does not help
    # (docs/iiko.md#refused-tokens-and-rights).
    text = refusal.description.lower()
    return RIGHT_MISSING if "right " in text and "not allowed" in text else TOKEN_REFUSED


def answer_of(operation: Operation, status: int, raw: bytes) -> Answer:
    """Return a 2xx as a JSON object.

    Raises:
        IikoUnreadable: not JSON, or not an object.
    """
    if operation.may_be_empty and not raw.strip():
        return Answer({}, None, status)
    body = parse(raw)
    if not isinstance(body, Mapping):
        problem = "iiko answered with something else than a JSON object"
        raise Answer({}, None, status).unreadable(operation, problem)
    return Answer(body, correlation_of(body), status)
