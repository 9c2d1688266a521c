"""An update while the hub works: migrations widen, and two versions run side by side on one database.

The version before is taken from the history, by ``deploy/previous_version``. A migration that cannot keep to
that says so (``needs_stop``); then the update with a stop is tried in place of it.
"""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from iikohub.embedded_postgres.cluster import Cluster
from tests.answering_iiko import AnsweringIiko, always, answering
from tests.builders import cloud_event, product
from tests.database import copy_former_cluster
from tests.hub_process import KEEP, Hub, Process, wait_until
from tests.preloaded import ROOT

pytestmark = [pytest.mark.process, pytest.mark.long, pytest.mark.xdist_group("two versions")]

REFUSAL = re.compile(r"This update needs a stop: .+ Stop the web server and all workers first, then run this")
NO_HISTORY = "the version before is not in this checkout's history"
QUEUED = {"correlationId": "11111111-1111-4111-8111-111111111111"}
ANSWERS = {
    "access_token": always({"token": "token-1"}),
    "deliveries/cancel": always(QUEUED),
    "commands/status": always({"state": "Success"}),
}
UNMADE = [product(status="Added", whenPrinted=None)]
COLUMNS = """
SELECT table_name || '.' || column_name, data_type, is_nullable = 'YES' OR column_default IS NOT NULL
       OR is_identity = 'YES' OR is_generated = 'ALWAYS'
FROM information_schema.columns WHERE table_schema = 'public'
"""


def previous_version() -> str:
    lines = (ROOT / "deploy" / "previous_version").read_text().splitlines()
    [name] = [line for line in lines if line and not line.startswith("#")]
    return name


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the version before this one."""
    name = previous_version()
    git = ["git", "-C", str(ROOT), "archive", name]
    packed = subprocess.run(git, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip(NO_HISTORY)
    folder = tmp_path_factory.mktemp("former")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    missing = [name for name in required(folder) if not is_installed(name)]
    assert not missing, f"{name} needs packages that this one does not: {missing}"
    return folder


def required(project: Path) -> list[str]:
    locked = (project / "requirements.txt").read_text()
    return re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==[^;\n]*\\$", locked, re.MULTILINE)


def is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


class Update:
    """One database, the version before and this one; each a hub with a port of its own."""

    def __init__(self, folder: Path, former: Path, iiko_url: str) -> None:
        settings = {
            "IIKO_API_URL": iiko_url,
            "IIKO_API_KEY": "demo",
            "WEB_CONCURRENCY": "1",
            "SECRET_KEY": "of-the-test-alone-" * 4,
            "CREDENTIALS_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "EMBEDDED_POSTGRES_DIR": str(folder / "postgres"),
        }
        for name in ("old", "new"):
            (folder / name).mkdir()
        self.old = Hub(folder / "old", root=former, settings=settings)
        self.new = Hub(folder / "new", settings=settings)
        self.cluster = Cluster(folder / "postgres")
        copy_former_cluster(folder / "postgres", former, previous_version())
        keep = KEEP.replace("Path(settings.EMBEDDED_POSTGRES_DIR).parent", f"Path({str(folder)!r})")
        self.survivor = self.old.start("manage.py", "shell", "-v0", "-c", keep)
        wait_until((folder / "kept").exists, seconds=60)
        self.old.key = self.new.key = (folder / "kept").read_text()

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        parameters = self.cluster.connection_params()
        with psycopg.connect(**parameters, dbname="iikohub", autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    def columns(self) -> dict[str, tuple[str, bool]]:
        return {name: (kind, may_be_left_out) for name, kind, may_be_left_out in self.query(COLUMNS)}

    def applied(self) -> dict[str, int]:
        """Count the messages of each order that were kept, and see that all are over."""
        rows = self.query(
            "SELECT payload -> 'eventInfo' ->> 'id', status, 1 + duplicates FROM webhook_events"
        )
        assert {status for _order, status, _times in rows} <= {"processed", "stale", "pending"}
        return {order: times for order, status, times in rows if status != "pending"}

    def complaints(self) -> list[str]:
        logs = [file for hub in (self.old, self.new) for file in hub.folder.glob("*.log")]
        lines = [line for file in logs for line in file.read_text().splitlines()]
        return [line for line in lines if '"level": "error"' in line or "Traceback" in line]


@pytest.fixture
def iiko() -> Iterator[AnsweringIiko]:
    with answering(ANSWERS) as server:
        yield server


@pytest.fixture
def update(tmp_path: Path, former: Path, iiko: AnsweringIiko) -> Iterator[Update]:
    made = Update(tmp_path, former, f"http://127.0.0.1:{iiko.server_port}")
    yield made
    made.new.stop()
    made.old.stop()


def soon(happened: Callable[[], bool]) -> None:
    """Wait for a worker, which may have to start before."""
    wait_until(happened, seconds=120)


def event(order_id: str) -> dict[str, Any]:
    return cloud_event(order_id=order_id, status="WaitCooking", items=UNMADE, whenPrinted=None)


def end(process: Process) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(60)


def cancel(hub: Hub, order_id: str) -> None:
    [number] = [row["id"] for row in hub.rows("/api/v1/orders") if row["iiko_order_id"] == order_id]
    assert hub.ask(f"/api/v1/orders/{number}/cancel", cancel_reason="Долго") == 202


def test_two_versions_work_on_one_database_while_an_update_goes_on(
    update: Update, iiko: AnsweringIiko
) -> None:
    old, new = update.old, update.new
    orders = [str(uuid4()) for _ in range(8)]
    before = update.columns()
    web, worker = old.start_web(), old.start_worker()
    assert old.post([event(one) for one in orders[:2]])
    soon(lambda: len(update.applied()) == 2)

    if not migrates_beside(update):
        end(worker)
        assert old.post([event(one) for one in orders[2:4]])
        for one in (web, update.survivor):
            end(one)
        update_with_a_stop(update, orders)
        return
    assert narrowed(before, update.columns()) == []
    new.start_web()

    # The worker of the version before, and both webs.
    assert new.post([event(one) for one in orders[:4]])
    assert old.post([event(one) for one in orders[2:6]])
    soon(lambda: len(update.applied()) == 6)
    cancel(old, orders[0])
    cancel(new, orders[1])
    soon(lambda: iiko.asked["deliveries/cancel"] == 2)

    # The worker of this version in place of it.
    end(worker)
    new.start_worker()
    assert old.post([event(one) for one in orders[4:]])
    assert new.post([event(one) for one in orders[6:]])
    cancel(old, orders[2])
    cancel(new, orders[3])
    soon(lambda: len(update.applied()) == 8)
    soon(lambda: iiko.asked["deliveries/cancel"] == 4)

    assert update.applied() == dict.fromkeys(orders, 2)
    assert {row["iiko_order_id"] for row in new.rows("/api/v1/orders")} == set(orders)
    assert {row["iiko_order_id"] for row in old.rows("/api/v1/orders")} == set(orders)
    assert update.query("SELECT count(*), count(DISTINCT order_id) FROM order_commands") == [(4, 4)]
    assert update.complaints() == []


def update_with_a_stop(update: Update, orders: list[str]) -> None:
    """Go on where the processes of the version before have ended; two events wait to be applied."""
    new = update.new
    new.manage("migrate", "-v0")
    new.start_web()
    new.start_worker()
    assert new.post([event(one) for one in orders[:6]])
    cancel(new, orders[0])
    soon(lambda: len(update.applied()) == 6)

    assert update.applied() == dict.fromkeys(orders[:4], 2) | dict.fromkeys(orders[4:6], 1)
    assert {row["iiko_order_id"] for row in new.rows("/api/v1/orders")} == set(orders[:6])
    assert update.complaints() == []


def migrates_beside(update: Update) -> bool:
    """Migrate while the version before works; whether that is possible. If not, it says what to do."""
    try:
        update.new.manage("migrate", "-v0")
    except subprocess.CalledProcessError as refused:
        if REFUSAL.search(refused.stderr):
            return False
        raise
    return True


def narrowed(before: dict[str, tuple[str, bool]], after: dict[str, tuple[str, bool]]) -> list[str]:
    """Say what the version before will miss: columns that are gone, changed, or have to be given."""
    found = [f"{name} is gone" for name in before if name not in after]
    tables = {name.partition(".")[0] for name in before}
    for name, (kind, may_be_left_out) in after.items():
        was_kind, could_be_left_out = before.get(name, (kind, True))
        if kind != was_kind:
            found.append(f"{name} was {was_kind} and is {kind}")
        if could_be_left_out and not may_be_left_out and name.partition(".")[0] in tables:
            found.append(f"{name} has to be given, and the version before does not know it: db_default")
    return found


def test_what_the_version_before_will_miss_is_named() -> None:
    before = {"orders.id": ("bigint", True), "orders.name": ("text", True), "orders.sum": ("integer", False)}
    after = {
        "orders.id": ("bigint", True),
        "orders.sum": ("bigint", False),
        "orders.trace": ("text", False),
        "orders.note": ("text", True),
        "traces.id": ("uuid", False),
    }

    assert narrowed(before, after) == [
        "orders.name is gone",
        "orders.sum was integer and is bigint",
        "orders.trace has to be given, and the version before does not know it: db_default",
    ]
