"""The sender of the ingest benchmark in C, where ``wrk`` is installed: it leaves the cores to the others.

Does what ``bench.load`` does: keep-alive connections, each with one request under way, all of them new.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from bench.bodies import DECIMAL, HEXADECIMAL, template
from bench.load import LoadResult, head
from bench.processes import ProcessFailed

SCRIPT = Path(__file__).with_suffix(".lua")
_AFTER_WARM_UP = 50_000_000
"""The orders of the warm-up have lower numbers."""


def program() -> str | None:
    """Return where wrk is, or None."""
    return shutil.which("wrk")


def send(
    port: int, *, token: str, run: int, step: int, connections: int, warm_up_s: float, seconds: float
) -> LoadResult:
    """Warm up, then measure; wrk counts in whole seconds.

    Raises:
        ProcessFailed: wrk did not measure.
    """
    text = template(run=run, step=step)
    size = len(text) + 11 * text.count(HEXADECIMAL) + 7 * text.count(DECIMAL)
    with tempfile.NamedTemporaryFile() as file:
        file.write(head(token, size) + text)
        file.flush()
        first, second = (
            _run(port, connections, lasts_s, file.name, after)
            for lasts_s, after in ((warm_up_s, 0), (seconds, _AFTER_WARM_UP))
        )
    errors = {name: first["errors"][name] + count for name, count in second["errors"].items()}
    return LoadResult(
        answered=first["requests"] + second["requests"] - errors["status"],
        errors={name: count for name, count in errors.items() if count},
        per_s=(second["requests"] - second["errors"]["status"]) / second["seconds"],
        p50_ms=second["p50_ms"],
        p99_ms=second["p99_ms"],
    )


def _run(port: int, connections: int, seconds: float, request: str, after: int) -> dict[str, Any]:
    done = subprocess.run(
        [
            "wrk", "--threads=1", f"--connections={connections}", f"--duration={max(1, round(seconds))}s",
            "--timeout=15s", f"--script={SCRIPT}", f"http://127.0.0.1:{port}/", "--", request, str(after),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise ProcessFailed(f"wrk did not measure:\n{done.stdout}\n{done.stderr}")
    summary: dict[str, Any] = json.loads(lines[-1])
    return summary
