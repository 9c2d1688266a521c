"""Every shape of error the vendor is known to send, and that no error shows a secret."""

import copy
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from iiko_client.client import IikoClient
from iiko_client.http.errors import (
    IikoAuthFailed,
    IikoBlocked,
    IikoError,
    IikoNoAnswer,
    IikoRejected,
    IikoUnreadable,
)
from iiko_client.tests.harness import CORRELATION, LOGIN, ORG, Stub, error_body


def failure(iiko: Stub, client: IikoClient, body: Any, status: int) -> IikoError:
    iiko.answers("deliveries/confirm", body, status=status)
    with pytest.raises(IikoError) as failed:
        client.confirm(organization_id=ORG, order_id=ORG)
    return failed.value


@pytest.mark.parametrize(
    ("body", "description", "code", "correlation"),
    [
        (error_body("Bad body", "X"), "Bad body", "X", CORRELATION),
        (error_body("Bad body"), "Bad body", None, CORRELATION),
        ({"message": "No", "details": "d"}, "No", None, None),
        ({"code": "Validation_X", "message": "No"}, "No", "Validation_X", None),
        ({"code": 17, "message": "No"}, "No", "17", None),
        ({"error": {"code": "C", "message": "Nested"}}, "Nested", "C", None),
        ({"error": "ONLY_CODE"}, "ONLY_CODE", "ONLY_CODE", None),
        ('"just text"', "just text", None, None),
        ("plain text", "plain text", None, None),
        (
            "<html><title>t</title><body><h1>400 Bad  Request</h1></body></html>",
            "400 Bad Request",
            None,
            None,
        ),
        ("sum < 5 and > 3", "sum < 5 and > 3", None, None),
        ("", "", None, None),
        ("[1,2]", "", None, None),
        ("{}", "", None, None),
        ('{"errorDescription": "trunc', '{"errorDescription": "trunc', None, None),
        (b"\xff\xfe\x00", "\ufffd\ufffd\ufffd", None, None),
        ("[" * 100_000, "[" * 499 + "…", None, None),
        (error_body("строка\r\n\x00две"), "строка \ufffdдве", None, CORRELATION),
    ],
)
def test_shapes_of_a_refusal(
    body: Any, description: str, code: str | None, correlation: str | None, iiko: Stub, client: IikoClient
) -> None:
    error = failure(iiko, client, body, 400)

    assert type(error) is IikoRejected
    assert (error.description, error.code, error.correlation_id) == (description, code, correlation)
    assert (error.operation, error.http_status) == ("deliveries/confirm", 400)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (302, IikoRejected, "redirect"),
        (400, IikoRejected, None),
        (402, IikoAuthFailed, "licence_expired"),
        (403, IikoRejected, None),
        (404, IikoRejected, None),
        (405, IikoRejected, None),
        (408, IikoNoAnswer, None),
        (410, IikoRejected, None),
        (500, IikoNoAnswer, None),
        (502, IikoNoAnswer, None),
        (504, IikoNoAnswer, None),
    ],
)
def test_status_decides_what_the_caller_does(
    status: int, kind: type[IikoError], code: str | None, iiko: Stub, client: IikoClient
) -> None:
    error = failure(iiko, client, error_body("said"), status)

    assert type(error) is kind
    assert (error.code, error.description, error.http_status) == (code, "said", status)
    assert len(iiko.sent("deliveries/confirm")) == 1


def test_timeout_behind_iiko_leaves_the_outcome_open(iiko: Stub, client: IikoClient) -> None:
    error = failure(iiko, client, error_body("late", "EXTERNAL_SYSTEM_TIMEOUT"), 400)

    assert type(error) is IikoNoAnswer


@pytest.mark.parametrize("body", ["OK", "", '{"correlationId": "1', "[]", "null", '"text"', "NaN", "<html>"])
def test_2xx_that_is_no_object_is_unreadable(body: str, iiko: Stub, client: IikoClient) -> None:
    error = failure(iiko, client, body, 200)

    assert type(error) is IikoUnreadable
    assert error.http_status == 200
    assert not body or body not in str(error)


@pytest.mark.parametrize(
    "text",
    [
        f"Login {LOGIN} is not authorized",
        "Authorization: Bearer token-1-abcdef was refused",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "x" * 480 + LOGIN,
    ],
)
def test_no_secret_in_an_error(text: str, iiko: Stub, client: IikoClient) -> None:
    error = failure(iiko, client, error_body(text, text), 400)

    for shown in (str(error), repr(error), str(error.__dict__)):
        assert LOGIN[:6] not in shown
        assert "token-1" not in shown
        assert "eyJ" not in shown


def test_error_says_where_and_why() -> None:
    error = IikoRejected("Bad body", operation="deliveries/close", http_status=400, code="X")

    assert str(error) == "deliveries/close, HTTP 400, X: Bad body"
    assert str(IikoNoAnswer(operation="organizations")) == "organizations: IikoNoAnswer"


def test_errors_survive_copy_and_pickle() -> None:
    until = datetime(2026, 11, 23, tzinfo=UTC)
    error = IikoBlocked("stop", until=until, retry_after_s=5.0, operation="organizations", code="C")

    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is IikoBlocked
        assert again.__dict__ == error.__dict__
        assert str(again) == str(error)
