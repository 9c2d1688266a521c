"""A client that a generator writes from the API's description works against a hub that runs."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen
from uuid import uuid4

import pytest
from pytest_django.live_server_helper import LiveServer

from orders.models.command import OrderCommand
from orders.models.order import Order
from tests.acting import QUEUED, STATUS, SUCCESS, Acting
from tests.simulated_iiko import SimulatedIiko

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

NAME = "hub_client"
BIN = Path(sys.executable).parent


@pytest.fixture
def package(live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Generate the client as the integrator's guide says; a warning is a failure."""
    document = tmp_path / "openapi.json"
    with urlopen(f"{live_server.url}/api/schema/?format=json") as answer:
        document.write_bytes(answer.read())
    command = ["openapi-python-client", "generate", "--path", str(document)]
    options = ["--output-path", str(tmp_path / NAME), "--meta", "none", "--fail-on-warning"]
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:], *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(NAME)
    for name in [one for one in sys.modules if one.partition(".")[0] == NAME]:
        del sys.modules[name]


def part(name: str) -> Any:
    return importlib.import_module(f"{NAME}.{name}")


def test_client_lists_reads_acts_and_follows(
    package: Any, live_server: LiveServer, iiko: SimulatedIiko
) -> None:
    acting = Acting(iiko)
    orders = [acting.has(order_id=str(uuid4()), status="Waiting") for _ in range(3)]
    order = acting.has(status="Waiting")

    with package.AuthenticatedClient(live_server.url, token=acting.key, prefix="Api-Key") as hub:
        assert _all_orders(hub) == [one.pk for one in reversed([*orders, order])]
        _acts(hub, acting, order)
        _is_refused(hub, order)
        _sees_what_changed(hub, acting, order)


def _all_orders(hub: Any) -> list[int]:
    """Follow ``next`` to the end, two orders a page."""
    found: list[int] = []
    cursor: dict[str, str] = {}
    for _page in range(3):
        page = part("api.orders.orders_list").sync(client=hub, limit=2, **cursor)
        found += [one.id for one in page.results]
        if page.next_ is None:
            return found
        cursor = {"cursor": parse_qs(urlsplit(page.next_).query)["cursor"][0]}
    raise AssertionError("it has no end")


def _acts(hub: Any, acting: Acting, order: Order) -> None:
    acting.iiko.answers(STATUS, QUEUED)
    acting.iiko.answers("commands/status", SUCCESS)
    models, update = part("models"), part("api.orders.orders_update_status")
    body = models.UpdateStatusRequest(status=models.UpdateStatusStatusEnum.ONWAY)
    asked = {"client": hub, "body": body, "idempotency_key": "1207-on-way"}

    answer = update.sync_detailed(str(order.pk), prefer="wait=0", **asked)
    again = update.sync_detailed(str(order.pk), **asked)

    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "wait=0")
    assert (again.status_code, again.parsed.id) == (202, answer.parsed.id)
    assert answer.parsed.state == models.CommandStateEnum.PENDING
    command = OrderCommand.objects.get(pk=answer.parsed.id)
    acting.step(command)
    acting.step_when_due(command)
    followed = part("api.commands.commands_retrieve").sync(str(command.pk), client=hub)
    assert (followed.state, followed.error) == (models.CommandStateEnum.CONFIRMED, None)
    read = part("api.orders.orders_commands_list").sync(str(order.pk), client=hub)
    assert [one.id for one in read.results] == [command.pk]


def _is_refused(hub: Any, order: Order) -> None:
    models = part("models")
    body = models.UpdateStatusRequest(status=models.UpdateStatusStatusEnum.READYFORCOOKING)
    update = part("api.orders.orders_update_status").sync_detailed

    kitchen = update(str(order.pk), client=hub, body=body)

    assert (kitchen.status_code, type(kitchen.parsed)) == (409, models.Refusals)
    assert [one.code for one in kitchen.parsed.errors] == ["set_by_kitchen"]
    missing = part("api.orders.orders_retrieve").sync("0", client=hub)
    assert (missing.type_, missing.errors[0].code) == (models.TypeEnum.CLIENT_ERROR, "not_found")


def _sees_what_changed(hub: Any, acting: Acting, order: Order) -> None:
    since = Order.objects.latest("updated_at").updated_at + timedelta(microseconds=1)
    acting.has(status="OnWay")

    changed = part("api.orders.orders_list").sync(client=hub, updated_since=since)
    one = part("api.orders.orders_retrieve").sync(str(order.pk), client=hub)

    assert [row.id for row in changed.results] == [order.pk]
    assert (one.status, one.updated_at) == (
        part("models").OrderStatusEnum.ONWAY,
        changed.results[0].updated_at,
    )
