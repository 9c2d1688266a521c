"""The vendor's refusals: a status, a sentence and sometimes a short code."""

from __future__ import annotations

from http import HTTPStatus
from uuid import uuid4


class ApiError(Exception):
    """A request that the vendor refuses; ``code`` is its short name, where it has one."""

    def __init__(self, status: HTTPStatus, description: str, code: str | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.body = error_body(description, code)


def bad_request(description: str, code: str | None = None) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, description, code)


def answer(**content: object) -> dict[str, object]:
    """Put the id of the operation before the content of an answer."""
    return {"correlationId": uuid4(), **content}


def error_body(description: str, code: str | None = None) -> dict[str, object]:
    return {"correlationId": str(uuid4()), "errorDescription": description, "error": code}
