"""Ingest: how many webhooks a second the web processes store, against the database's own rate.

The rate to compare with is what ``pgbench`` commits on the same server: one row of the same size a
transaction, 16 clients, no Python. Every webhook is committed before it is answered as well.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from django.db import connection

from bench import database, wrk
from bench.__main__ import PROJECT
from bench.bodies import BEGUN, ORGANIZATION_ID, Moment, body
from bench.load import LoadResult
from bench.processes import ProcessFailed, family, free_port, processor_s, serving
from bench.report import HUNDREDTHS, MS, Comparison, JsonObject, Length, Row, Section, rows_of_each
from iikohub.embedded_postgres.programs import BINARIES

CONNECTIONS = 64
PGBENCH_CLIENTS = 16
WARM_UP_S = 1.0

_PLAIN_TABLE = """
CREATE TABLE IF NOT EXISTS bench_plain (
    id bigserial PRIMARY KEY,
    organization_id text NOT NULL,
    event_type text NOT NULL,
    entity_number bigint NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    payload jsonb NOT NULL
)
"""
_PLAIN_INSERT = (
    r"\set n random(1, 1000000000)"
    "\n"
    "INSERT INTO bench_plain (organization_id, event_type, entity_number, payload) VALUES "
    f"('{ORGANIZATION_ID}', 'DeliveryOrderUpdate', :n, :payload);\n"
)


@dataclass(frozen=True, slots=True)
class IngestRun:
    """One turn of one web server."""

    pgbench_per_s: float
    load: LoadResult
    rows: int
    processor_us: float
    """Of all web processes, for one webhook."""

    @property
    def ratio(self) -> float:
        return self.load.per_s / self.pgbench_per_s

    @property
    def lost(self) -> int:
        """Webhooks that were answered with 200 and are not in the inbox."""
        return max(0, self.load.answered - self.rows)


Turns = Mapping[str, IngestRun]
"""One run: each web server, one after the other."""


def section(length: Length) -> Section:
    seconds = 2 if length.quick else 8
    with connection.cursor() as cursor:
        cursor.execute(_PLAIN_TABLE)
    runs = [
        {server: _measure(server, run, seconds=seconds, token=length.token) for server in length.servers}
        for run in range(length.runs)
    ]
    how = (
        f"{CONNECTIONS} connections of {'wrk' if wrk.program() else 'a client in Python (wrk is not here)'}, "
        f"pgbench with {PGBENCH_CLIENTS} clients, {seconds} s each, servers in turns"
    )
    found = Section.of("ingest", how, runs, rows_of_each(length.servers, _ROWS), _as_json)
    each = [one for turns in runs for one in turns.values()]
    found.comparisons = [
        Comparison(f"{server}: ratio at least {goal}", found.medians[f"{server}: ratio"] >= goal, is_goal)
        for server in length.servers
        for goal, is_goal in ((0.25, True), (0.5, False))
    ]
    found.comparisons += [
        Comparison("every 200 is a row", all(run.lost == 0 for run in each)),
        Comparison("no errors", not any(run.load.errors for run in each)),
    ]
    return found


_ROWS: tuple[Row[IngestRun], ...] = (
    Row("webhooks/s", lambda run: run.load.per_s),
    Row("pgbench commits/s", lambda run: run.pgbench_per_s),
    Row("ratio", lambda run: run.ratio, HUNDREDTHS),
    Row("answered in, p50", lambda run: run.load.p50_ms, MS),
    Row("answered in, p99", lambda run: run.load.p99_ms, MS),
    Row("processor time of web for one", lambda run: run.processor_us, "{:.0f} µs"),
    Row("errors", lambda run: sum(run.load.errors.values())),
    Row("lost", lambda run: run.lost),
)


def _as_json(turns: Turns) -> JsonObject:
    return {server: {**asdict(run), "ratio": run.ratio, "lost": run.lost} for server, run in turns.items()}


def _measure(server: str, run: int, *, seconds: float, token: str) -> IngestRun:
    # Half of it before and half after: what else the machine does changes meanwhile.
    before = _pgbench(seconds / 2)
    database.empty()
    port = free_port()
    with serving(port, env={"SERVER": server}) as web:
        processes = family(web.process.pid)
        idle_s = processor_s(processes)
        load = send(port, run=run, seconds=seconds, token=token)
        busy_s = processor_s(processes) - idle_s
    rows = database.value("SELECT count(*) FROM webhook_events")
    after = _pgbench(seconds / 2)
    return IngestRun((before + after) / 2, load, rows, busy_s / max(1, load.answered) * 1e6)


def send(port: int, *, run: int, seconds: float, token: str, step: int = BEGUN) -> LoadResult:
    """Send as many webhooks as are taken, of a new order each, by wrk where there is one."""
    if wrk.program():
        return wrk.send(
            port,
            token=token,
            run=run,
            step=step,
            connections=CONNECTIONS,
            warm_up_s=WARM_UP_S,
            seconds=seconds,
        )
    return _send(port, run=run, step=step, seconds=seconds, token=token)


def _pgbench(seconds: float) -> float:
    database.empty()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE bench_plain")
    payload = body([Moment(0, 1, 0)]).decode()[1:-1]
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "insert.sql"
        script.write_text(_PLAIN_INSERT)
        done = subprocess.run(
            [
                str(BINARIES / "pgbench"), "--no-vacuum", f"--client={PGBENCH_CLIENTS}", "--jobs=2",
                f"--time={max(1, round(seconds))}", f"--file={script}", f"--define=payload='{payload}'",
                database.conninfo(),
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    if found is None:
        raise ProcessFailed(f"pgbench did not measure:\n{done.stdout}\n{done.stderr}")
    return float(found[1])


def _send(port: int, *, run: int, step: int, seconds: float, token: str) -> LoadResult:
    done = subprocess.run(
        [
            sys.executable, "-m", "bench.load", f"--port={port}", f"--token={token}",
            f"--run={run}", f"--step={step}",
            f"--connections={CONNECTIONS}", f"--warm-up-s={WARM_UP_S}", f"--seconds={seconds}",
        ],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ProcessFailed(f"The sender failed:\n{done.stderr}")
    return LoadResult(**json.loads(done.stdout))
