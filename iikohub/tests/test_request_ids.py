"""Each request has an id: in its answer, and in the log lines that are written on its behalf."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from iikohub.operations.request_ids import Environ, RequestIds, StartResponse
from tests.builders import RECEIVE_URL, TOKEN, cloud_event
from tests.hub_process import Hub, running_hub, wait_until

MADE = re.compile(r"[0-9a-f]{32}")


def id_of_answer(given: str | None) -> str:
    def application(_environ: Environ, start: StartResponse) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return [b""]

    answered: list[tuple[str, str]] = []
    environ = {} if given is None else {"HTTP_X_REQUEST_ID": given}
    RequestIds(application)(environ, lambda _status, headers: answered.extend(headers))
    assert answered[0] == ("Content-Type", "text/plain")
    [request_id] = [value for name, value in answered if name == "X-Request-ID"]
    return request_id


@pytest.mark.parametrize("given", ["a", "4bf92f35-77b3.shop:17_x", "x" * 64])
def test_plain_id_of_the_caller_is_answered(given: str) -> None:
    assert id_of_answer(given) == given


@pytest.mark.parametrize("given", [None, "", "two words", "line\nbreak", "x" * 65, "имя"])
def test_another_is_replaced_by_one_of_our_own(given: str | None) -> None:
    made = {id_of_answer(given), id_of_answer(given)}

    assert len(made) == 2
    assert all(MADE.fullmatch(one) for one in made)


@pytest.mark.process
def test_web_server_answers_with_it_and_logs_it_and_worker_names_its_jobs(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        hub.start_web()
        assert ask(hub, RECEIVE_URL, "webhook-1", [cloud_event()], TOKEN) == (200, "webhook-1")
        assert ask(hub, RECEIVE_URL, "webhook-2", [cloud_event()], "wrong") == (401, "webhook-2")
        assert ask(hub, "/api/v1/orders", "list-1") == (401, "list-1")
        assert MADE.fullmatch(ask(hub, "/healthz", "")[1])
        hub.start_worker()
        wait_until(lambda: any("job" in line and line["event"] == "task.done" for line in log_of(hub)))

    lines = {line["event"].split(":")[0]: line for line in log_of(hub)}
    traces = [lines[name]["trace_id"] for name in ("[WEBHOOK] Получено событие", "task.done")]
    assert all(MADE.fullmatch(one) for one in traces)
    ids = {name: line.get("request_id") for name, line in lines.items()}
    assert ids["[WEBHOOK] Получено событие"] == "webhook-1"
    assert ids["inbox.token_refused"] == "webhook-2"
    assert ids["task.done"] is None


def log_of(hub: Hub) -> list[dict[str, Any]]:
    lines = [line for path in hub.folder.glob("*.log") for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def ask(hub: Hub, path: str, request_id: str, body: object = None, token: str = "") -> tuple[int, str]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{hub.port}{path}", headers={"X-Request-ID": request_id}
    )
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers["X-Request-ID"]
    except urllib.error.HTTPError as error:
        return error.code, error.headers["X-Request-ID"]
