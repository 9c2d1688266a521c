r"""From the bytes of a body to the messages in it, each as text that PostgreSQL can keep.

The text of a message is cut out of the body as it stands, so nothing is rounded or reordered on the
way to jsonb. What jsonb refuses (``\u0000``, lone surrogates, bytes that are not UTF-8) is replaced
by U+FFFD in the payload, and the bytes as they came are kept beside it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from math import isinf
from typing import NoReturn

import orjson

from iiko_client.models.events import Envelope, read_envelope
from webhooks.models.inbox import Reason

DEEPEST = 100
"""Levels of nesting; the vendor's deepest event has about ten."""

MOST_MESSAGES = 10_000
"""In one body; each takes memory, and five mebibytes have room for millions of empty ones."""

_ESCAPES = re.compile(
    r"(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<bad>\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2}))"
    r"|\\.",
    re.DOTALL,
)
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
# A body in which every digit is 0 and every E is e shows at a glance the numbers that are written out longer
# than they came (an exponent of two digits or more), and those that are long already.
_OUTLINE = bytes.maketrans(b"123456789E", b"000000000e")
_GROWING = re.compile(rb"0e[+-]?00+\s*[,\]}]")
_LONG = b"0" * 300
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"|[^]["{}]++', re.DOTALL)
_BLANK = re.compile(r"[ \t\n\r]*")
_REPLACEMENT = "\ufffd"


HIGHEST_EXPONENT = 40
"""Of a number. PostgreSQL writes jsonb back without exponents: ``1e308`` takes 309 digits, a body full of
them hundreds of megabytes. So a number grows by 40 digits at most; the vendor's have no exponent at all."""


class NotMessages(Exception):
    """The body holds no messages; it is kept as it is, with ``reason``."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class TooManyMessages(Exception):
    """More members than are taken at once; nothing of the body is kept."""


@dataclass(frozen=True, slots=True)
class Message:
    """One member of a body. ``raw`` is set where the payload had to be cleaned."""

    envelope: Envelope
    payload: str
    raw: bytes | None
    is_object: bool
    problem: str = ""
    """Why the payload, though JSON, cannot be kept as such."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class _OutOfRange(ValueError):
    """A number that nobody could read back from the database, or that would be far longer there."""


def _number(text: str) -> float:
    value = float(text)
    if len(text) > 300 or "e" in text or "E" in text:
        _, _, exponent = text.lower().partition("e")
        digits = exponent.lstrip("+-0")
        if isinf(value) or len(text) > 1000 or len(digits) > 2 or int(digits or "0") > HIGHEST_EXPONENT:
            raise _OutOfRange(f"the number {text[:20]}… is out of range")
    return value


def _integer(text: str) -> int:
    if len(text) > 300:
        _number(text)
    return int(text)


def _any_integer(text: str) -> int | float:
    # Python refuses to read integers of more than 4 300 digits.
    return int(text) if len(text) <= 300 else float(text)


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_integer, parse_float=_number)
_lenient = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_any_integer)


def read_body(body: bytes) -> list[Message]:
    """Split a body into its messages.

    Raises:
        NotMessages: not JSON, neither an object nor an array, or nested too deeply.
        TooManyMessages: more than ``MOST_MESSAGES``.
    """
    if (plain := read_plain(body)) is not None:
        return [plain]
    problems = False
    try:
        text, is_faithful = _decode(body)
        try:
            members = list(_members(text, _decoder))
        except _OutOfRange:
            members = list(_members(text, _lenient))
            problems = True
    except RecursionError as error:
        raise NotMessages(Reason.TOO_DEEP, f"nested more than {DEEPEST} levels deep") from error
    except ValueError as error:
        raise NotMessages(Reason.NOT_JSON, str(error)[:300]) from error
    is_clean = is_faithful and _SUSPECT.search(body) is None
    only_one = len(members) == 1
    messages = [_message(piece, value, is_clean, body if only_one else None) for piece, value in members]
    return [_with_problem(message) for message in messages] if problems else messages


def read_plain(body: bytes) -> Message | None:
    """Read the usual body, one object alone or in an array, that needs nothing done to it; else None.

    The C parser saves a fifth of the work of a webhook; what it refuses is read with more patience.
    """
    if _is_unusual(body):
        return None
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    text = body.decode().strip(" \t\n\r")
    if isinstance(value, list) and len(value) == 1:
        text, value = text[1:-1].strip(" \t\n\r"), value[0]
    return Message(read_envelope(value), text, None, True) if isinstance(value, dict) else None


def _is_unusual(body: bytes) -> bool:
    outline = body.translate(_OUTLINE)
    return (
        (b"\\u" in body and _SUSPECT.search(body) is not None)
        or _LONG in outline
        or _GROWING.search(outline) is not None
        or body.count(b"{") + body.count(b"[") > DEEPEST
    )


def _decode(body: bytes) -> tuple[str, bool]:
    """Return the text and whether it is the body byte for byte.

    Bytes that are not UTF-8 become lone surrogates, so that every piece can be turned back into them.
    """
    encoding = json.detect_encoding(body)
    if encoding == "utf-8":
        try:
            return body.decode(), True
        except UnicodeDecodeError:
            return body.decode("utf-8", "surrogateescape"), False
    if encoding == "utf-8-sig":
        return body[3:].decode("utf-8", "surrogateescape"), False
    return body.decode(encoding), False


def _members(text: str, decoder: json.JSONDecoder) -> Iterator[tuple[str, object]]:
    start = _skip(text, 0)
    if text[start : start + 1] not in ("[", "{"):
        raise ValueError("neither an object nor an array")
    value, end = decoder.raw_decode(text, start)
    if _skip(text, end) != len(text):
        raise ValueError(f"something follows the JSON at character {_skip(text, end)}")
    _check_depth(text[start:end])
    if len(value) > MOST_MESSAGES and isinstance(value, list):
        raise TooManyMessages(f"The body holds {len(value)} messages; at most {MOST_MESSAGES} are taken.")
    if isinstance(value, dict):
        yield text[start:end], value
    elif len(value) == 1:
        yield text[start + 1 : end - 1].strip(" \t\n\r"), value[0]
    else:
        yield from _pieces(text, start + 1, value, decoder)


def _pieces(
    text: str, at: int, values: list[object], decoder: json.JSONDecoder
) -> Iterator[tuple[str, object]]:
    for value in values:
        at = _skip(text, at)
        _, end = decoder.raw_decode(text, at)
        yield text[at:end], value
        at = _skip(text, end) + 1  # past the comma or the closing bracket


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _check_depth(text: str) -> None:
    if text.count("{") + text.count("[") <= DEEPEST:
        return
    # Counted on the brackets of the text: walking the values takes seconds where there are millions.
    steps = (1 if bracket in "[{" else -1 for bracket in _NO_BRACKETS.sub("", text))
    if max(accumulate(steps)) > DEEPEST:
        raise RecursionError


def _message(piece: str, value: object, is_clean: bool, body: bytes | None) -> Message:
    raw = None
    if not is_clean:
        cleaned = clean(piece)
        if cleaned != piece or body is not None:
            raw = body if body is not None else piece.encode("utf-8", "surrogateescape")
        if cleaned != piece:
            piece, value = cleaned, _lenient.decode(cleaned)
    return Message(read_envelope(value), piece, raw, isinstance(value, dict))


def _with_problem(message: Message) -> Message:
    try:
        _decoder.decode(message.payload)
    except _OutOfRange as error:
        return replace(message, raw=message.raw or message.payload.encode(), problem=str(error))
    return message


def clean(text: str) -> str:
    """Replace what jsonb refuses in JSON text by U+FFFD; valid surrogate pairs stay."""
    text = _SURROGATE.sub(_REPLACEMENT, text)
    return _ESCAPES.sub(lambda match: _REPLACEMENT if match["bad"] else match[0], text)
