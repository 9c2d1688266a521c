"""What the log says of a request, and what it does not."""

import io
import json
import logging
import logging.config
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client

from iikohub.operations.logs import LineHandler, logging_config
from tests.builders import authorized, make_key

PHONE = "+79995550011"


@pytest.mark.django_db
def test_page_under_an_unknown_name_leaves_one_line_and_no_traceback(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    (handler,) = [one for one in logging.getLogger().handlers if isinstance(one, LineHandler)]
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
    (handler,) = [one for one in logging.getLogger().handlers if isinstance(one, LineHandler)]
    monkeypatch.setattr(handler, "stream", log)
    headers = authorized(make_key())

    response = client.get(path, {"nosuchfilter": PHONE}, headers=headers)

    assert response.status_code == status
    assert f'"GET {path}"' in log.getvalue()
    assert PHONE[1:] not in log.getvalue()


# --- lines that may wait -----------------------------------------------------------------------------


def line_handler(log_format: str) -> LineHandler:
    config = logging_config(log_format)
    configurator = logging.config.DictConfigurator(config)
    handler = LineHandler(io.StringIO())
    handler.setFormatter(configurator.configure_formatter(config["formatters"]["default"]))
    return handler


def record(event: str, *, may_wait: bool = False, **fields: Any) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "trade", "levelno": logging.INFO, "levelname": "INFO"})
    made.msg = {**fields, "event": event, "level": "info", "logger": "trade"}
    vars(made).update(_logger=logging.getLogger("trade"), _name="info", may_wait=may_wait)
    return made


def text(handler: LineHandler) -> str:
    assert isinstance(handler.stream, io.StringIO)
    return handler.stream.getvalue()


def written(handler: LineHandler) -> list[str]:
    return text(handler).splitlines()


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_line_that_may_wait_is_written_after_a_moment() -> None:
    handler = line_handler("json")

    handler.handle(record("first", may_wait=True))
    handler.handle(record("second", may_wait=True))

    assert written(handler) == []
    wait_for(lambda: len(written(handler)) == 2)
    handler.handle(record("third", may_wait=True))
    wait_for(lambda: len(written(handler)) == 3)
    assert [json.loads(line)["event"] for line in written(handler)] == ["first", "second", "third"]


def test_line_that_does_not_wait_takes_along_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = line_handler("json")
    monkeypatch.setattr(handler, "PAUSE_S", 60.0)

    handler.handle(record("first", may_wait=True))
    handler.handle(record("second"))

    assert [json.loads(line)["event"] for line in written(handler)] == ["first", "second"]


def test_end_of_the_process_writes_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = line_handler("json")
    monkeypatch.setattr(handler, "PAUSE_S", 60.0)
    handler.handle(record("first", may_wait=True))

    handler.flush()  # logging.shutdown does

    assert len(written(handler)) == 1


def test_waiting_lines_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = line_handler("json")
    monkeypatch.setattr(handler, "PAUSE_S", 60.0)
    monkeypatch.setattr(handler, "MOST_WAITING", 3)

    for number in range(4):
        handler.handle(record(str(number), may_wait=True))

    assert len(written(handler)) == 3


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_value_with_line_breaks_stays_on_one_line(log_format: str) -> None:
    handler = line_handler(log_format)
    number = "W-1\n2026-01-01 [error] made up\r\x1b[2J\u2028"

    handler.handle(record(f"got {number}", external_id=number))

    # U+2028 breaks a line for people, not for those who read JSON lines.
    (line,) = written(handler) if log_format == "console" else text(handler).rstrip("\n").split("\n")
    assert line.count("made up") == 2
    assert "\x1b[2J" not in line
    if log_format == "console":
        assert r"W-1\n2026-01-01 [error] made up\r\x1b[2J\u2028" in line
    else:
        assert json.loads(line)["external_id"] == number


def test_traceback_keeps_its_lines_on_the_console() -> None:
    handler = line_handler("console")

    try:
        raise ZeroDivisionError
    except ZeroDivisionError as error:
        handler.handle(record("broken", exc_info=error))

    assert any(line.strip() == "raise ZeroDivisionError" for line in written(handler))


@pytest.mark.parametrize(("status", "has_traceback"), [(403, False), (500, True)])
def test_refused_page_is_a_line_without_traceback(status: int, has_traceback: bool) -> None:
    handler = line_handler("json")
    refused = logging.makeLogRecord(
        {"name": "django.request", "levelname": "WARNING", "msg": "Forbidden: %s"}
    )
    vars(refused).update(args=("/admin/first-steps/",), status_code=status)

    try:
        raise PermissionDenied
    except PermissionDenied:
        refused.exc_info = sys.exc_info()
        handler.handle(refused)

    (line,) = map(json.loads, written(handler))
    assert (line["event"], line["status_code"]) == ("Forbidden: /admin/first-steps/", status)
    assert ("exception" in line) == has_traceback


@pytest.mark.parametrize("value", [2**70, "\ud83d", {1: "a"}, {"a"}, None, 1.5, ["x", {"y": 1}]])
def test_json_takes_every_value(value: Any) -> None:
    handler = line_handler("json")

    handler.handle(record("odd", value=value))

    read = json.loads(written(handler)[0])["value"]
    assert read == {"1": "a"} if value == {1: "a"} else read == (repr(value) if value == {"a"} else value)
