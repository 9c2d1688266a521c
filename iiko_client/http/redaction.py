"""Redact secrets in errors, logs and the record of calls."""

import re
from collections.abc import Collection, Iterable, Mapping

MASK = "***"
LONGEST_DESCRIPTION = 500
_SHORTEST_SECRET = 4  # anything shorter would black out ordinary text

# Fields of the vendor's schema that hold a credential (OpenAPI, read 2026-11). `credential` pays from a
# guest's loyalty account.
SECRET_FIELDS = frozenset(
    {"apilogin", "apikey", "clientsecret", "token", "authtoken", "credential", "authorization"}
)

# Another integration's address may carry its key: https://user:key@host/path?key=…
ADDRESS_FIELDS = frozenset({"webhooksuri"})

_BEARER = re.compile(r"(?i)\bbearer\s+[\w.~+/=-]+")
# The first part is a small header. Unbounded, a long answer without a dot would take hours.
_JWT = re.compile(r"\beyJ[\w-]{5,500}\.[\w-]+\.[\w-]*")
_TAG = re.compile(r"(?s)<(?:style|script|title|head)\b.*?</(?:style|script|title|head)>|<[/!]?[a-zA-Z][^>]*>")
_USER = re.compile(r"^([a-zA-Z][\w+.-]*://)[^/@]*@")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")


def worth_hiding(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return the secrets, longest first, so that one inside another leaves no tail."""
    return tuple(sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True))


def hide(text: str, secrets: Collection[str]) -> str:
    """Replace known secrets, bearer tokens and JWTs in ``text``.

    A refusal repeats the login: "Login … is not authorized".
    """
    for secret in worth_hiding(secrets):
        text = text.replace(secret, MASK)
    return _JWT.sub(MASK, _BEARER.sub(f"Bearer {MASK}", text))


def clean(text: str, secrets: Collection[str]) -> str:
    """Return one short line for people: no secrets, no markup, no control characters."""
    text = hide(text[: LONGEST_DESCRIPTION * 20], secrets)
    line = _SPACE.sub(" ", _TAG.sub(" ", text)).strip()
    return line if len(line) <= LONGEST_DESCRIPTION else f"{line[: LONGEST_DESCRIPTION - 1]}…"


def scrub(value: object, secrets: Collection[str]) -> object:
    """Return a copy of a JSON value without secrets: fields that hold one, and their text anywhere else."""
    if isinstance(value, str):
        return hide(value, secrets)
    if isinstance(value, Mapping):
        return {key: scrub_field(key, inner, secrets) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(inner, secrets) for inner in value]
    return value


def scrub_field(key: str, value: object, secrets: Collection[str]) -> object:
    """Return one field of an object without secrets; null stays, it tells that there was none."""
    if key.lower() in SECRET_FIELDS and value is not None:
        return MASK
    if key.lower() in ADDRESS_FIELDS and isinstance(value, str):
        value = without_secrets(value)
    return scrub(value, secrets)


def without_secrets(url: str) -> str:
    """Return an address without its secret parts: user and password, query, fragment."""
    head, mark, _ = url.partition("?")
    head, hash_mark, _ = head.partition("#")
    head = _USER.sub(rf"\g<1>{MASK}@", head)
    return head + (f"{mark}{MASK}" if mark else "") + (f"{hash_mark}{MASK}" if hash_mark else "")
