"""Bodies with exact numbers."""

import codecs
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any, NoReturn

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import JSONParser

_MAY_BE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "body_too_large"


class ExactJSONParser(JSONParser):
    """JSON whose fractions are ``Decimal``: a sum is taken as it is written, to the kopeck.

    At most ``API_MAX_BODY_BYTES``: values take many times the memory of their text.
    """

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  # any JSON
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        # JSON is UTF-8 (RFC 8259). Not all of Python's codecs are of texts: zlib makes 200 MB of 200 bytes.
        if codecs.lookup(encoding).name != "utf-8":
            raise UnsupportedMediaType(media_type or self.media_type)
        try:
            text = _read(stream).decode()
            value = json.loads(text, parse_float=Decimal, parse_constant=_refuse)
            _refuse_lone_surrogates(text, value)
        # Decimal raises for exponents beyond its own.
        except (ValueError, RecursionError, ArithmeticError) as error:
            reason = str(error) if isinstance(error, json.JSONDecodeError) else type(error).__name__
            raise ParseError(_("The body is not JSON: %s") % reason) from error
        return value


def _read(stream: IO[bytes]) -> bytes:
    limit = settings.API_MAX_BODY_BYTES
    body = stream.read(limit + 1)
    if len(body) > limit:
        words = _("The body is larger than %(limit)d bytes. Send less at once.")
        raise BodyTooLarge(words % {"limit": limit})
    return body


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refuse_lone_surrogates(text: str, value: object) -> None:
    r"""``"\ud83d"`` alone is no character: it can be neither stored nor returned."""
    if _MAY_BE_SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False, default=str).encode()
