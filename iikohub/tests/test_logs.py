"""What the log says of a request, and what it does not."""

from __future__ import annotations

import io
import logging

import pytest
from django.test import Client

from tests.builders import authorized, make_key

PHONE = "+79995550011"


@pytest.mark.django_db
def test_page_under_an_unknown_name_leaves_one_line_and_no_traceback(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    (handler,) = [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
    monkeypatch.setattr(handler, "stream", log)

    assert client.get("/admin/login/", headers={"host": "scanner.example.org"}).status_code == 400

    [line] = [one for one in log.getvalue().splitlines() if "scanner.example.org" in one]
    assert "pages.unknown_host" in line
    assert "Traceback" not in log.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/orders", 400),
        ("/api/v1/no-such-list", 404),
        ("/api/v1/loyalty/topup", 405),
        ("/no-such-page", 404),
    ],
)
def test_refused_request_is_logged_without_its_query(
    client: Client, monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    log = io.StringIO()
    (handler,) = [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
    monkeypatch.setattr(handler, "stream", log)
    headers = authorized(make_key())

    response = client.get(path, {"nosuchfilter": PHONE}, headers=headers)

    assert response.status_code == status
    assert f'"GET {path}"' in log.getvalue()
    assert PHONE[1:] not in log.getvalue()
