"""The integrator's guide: its samples run one after the other against a hub, and its tables are true."""

import base64
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer
from standardwebhooks import Webhook

from orders.models.command import CommandState, OrderCommand
from tests.acting import QUEUED, STATUS, SUCCESS, Acting
from tests.simulated_iiko import SimulatedIiko
from tests.test_api_examples import bodies, description, examples_of

GUIDE = Path(__file__).resolve().parent.parent / "docs" / "integrators-guide.md"
TEXT = GUIDE.read_text()
SAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)

WHAT_TO_DO = {
    "400": "mend the request",
    "401": "check the key",
    "403": "have the right given to the key",
    "404": "there is none, or not for you",
    "406": "ask for JSON",
    "409": "not possible as things stand: read `detail`, read the order again",
    "413": "send less at once",
    "415": "send JSON in UTF-8",
    "422": "it does not fit: mend the values",
    "429": "wait for `Retry-After` seconds",
    "503": "repeat it, with the same Idempotency-Key",
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.long
def test_samples_do_what_the_guide_says(
    live_server: LiveServer, iiko: SimulatedIiko, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = Acting(iiko)
    order = acting.has(status="Waiting")
    iiko.answers(STATUS, QUEUED)
    iiko.answers("commands/status", SUCCESS)
    known: dict[str, Any] = {"HUB": live_server.url, "KEY": acting.key, "ORDER": order.pk}

    def a_worker_works(_seconds: float) -> None:
        acting.step_when_due(OrderCommand.objects.get())

    monkeypatch.setattr("orders.api.prefer_wait.LONGEST_WAIT_S", 0.0)
    for sample in SAMPLES:
        code = compile(sample, str(GUIDE), "exec")
        exec(code, known)
        if "import time" in sample:
            known["time"] = SimpleNamespace(time=time.time, sleep=a_worker_works)

    known["api"].close()
    assert [one["id"] for one in known["open_orders"]] == [order.pk]
    assert datetime.fromisoformat(known["last"]) <= datetime.now(UTC)
    assert known["answer"].status_code == 202
    assert (known["ended"]["id"], known["ended"]["state"]) == (known["command"]["id"], "confirmed")
    assert known["code"] == "set_by_kitchen"


def test_signature_of_the_standard_is_taken_and_no_other() -> None:
    known: dict[str, Any] = {}
    (sample,) = [one for one in SAMPLES if "def is_from_the_hub" in one]
    exec(sample, known)
    secret, body = f"whsec_{base64.b64encode(b'k' * 32).decode()}", '{"type": "order.updated"}'
    now = time.time()
    right = Webhook(secret).sign("msg_1", datetime.fromtimestamp(int(now), tz=UTC), body)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now)),
        "webhook-signature": f"v1,bm90aGluZw== {right}",
    }
    check = known["is_from_the_hub"]

    assert check(headers, body.encode(), secret)
    assert not check(headers, body.encode() + b" ", secret)
    assert not check(headers | {"webhook-id": "msg_2"}, body.encode(), secret)
    assert not check(headers | {"webhook-timestamp": str(int(now) - 600)}, body.encode(), secret)
    assert not check(headers | {"webhook-signature": "v1a,"}, body.encode(), secret)


def codes_by_status() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for where, media in bodies():
        status = where.split(" ")[2]
        if status in WHAT_TO_DO and "Refusals" in str(media["schema"]):
            for one in examples_of(media):
                found.setdefault(status, set()).update(error["code"] for error in one["errors"])
    return found


def test_table_of_codes_is_that_of_the_description() -> None:
    """What it shows where it differs is what the guide has to have."""
    wanted = [
        f"| {status} | {WHAT_TO_DO[status]} | {' '.join(f'`{code}`' for code in sorted(codes))} |"
        for status, codes in sorted(codes_by_status().items())
    ]

    found = re.findall(r"^\| [45]\d\d \|.*$", TEXT, flags=re.MULTILINE)

    assert found == wanted, "\n".join(wanted)


def test_table_of_states_names_all() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| (?!means)", TEXT, flags=re.MULTILINE)) == set(CommandState.values)


def test_routes_that_it_names_are_there() -> None:
    """``subscriptions`` come with the outbound webhooks."""
    paths = {path.removeprefix("/api/v1/").partition("/")[0] for path in description()["paths"]}
    named = {one.partition("/")[0] for one in re.findall(r"`(?:GET|POST) ([\w-]+)", TEXT)}

    assert named - {"subscriptions"} <= paths
