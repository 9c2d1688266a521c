"""``python -m chaos``: a whole hub under load while everything that can break breaks; then it is judged."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from types import FrameType
from typing import NoReturn

from bench.processes import ProcessFailed
from chaos.checks import judge
from chaos.faults import FAULTS, plan
from chaos.installation import Installation
from chaos.report import Report
from chaos.trial import Trial
from iikohub.embedded_postgres.programs import EmbeddedPostgresError

_CLEAN, _BREACHED, _UNFINISHED, _CANCELLED = 0, 1, 2, 130
_OWN_MOUNTS = "CHAOS_HAS_OWN_MOUNTS"


def main() -> int:
    arguments = read_arguments()
    _leave_mounts_to_the_kernel()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    folder = Path(tempfile.mkdtemp(prefix="iikohub-chaos-"))
    folder.chmod(0o711)  # PostgreSQL may run as another user, who must be able to pass
    code = _CANCELLED
    try:
        code = _try(folder, arguments)
    finally:
        shutil.rmtree(folder / "disk", ignore_errors=True)
        if code in (_CLEAN, _CANCELLED) and not arguments.keep_logs:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"Kept as evidence: {folder} ({_what_is_kept(folder)})", file=sys.stderr)
    return code


def _try(folder: Path, arguments: argparse.Namespace) -> int:
    try:
        report = _run(folder, arguments)
    except (ProcessFailed, EmbeddedPostgresError) as error:
        print(f"The run could not be finished: {error}", file=sys.stderr)
        return _UNFINISHED
    if not report.is_clean:
        report.write(folder)
    print(json.dumps(report.as_json(), indent=1, ensure_ascii=False) if arguments.json else report)
    return _CLEAN if report.is_clean else _BREACHED


def _what_is_kept(folder: Path) -> str:
    written = sorted(one.name for one in folder.glob("*.json"))
    return ", ".join([*written, f"logs of {len(list(folder.glob('*.log')))} processes"])


def read_arguments() -> argparse.Namespace:
    names = [fault.name for fault in FAULTS]
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument(
        "--minutes",
        type=float,
        default=1.5,
        help="how long faults come (default: %(default)s); each comes once at least",
    )
    parser.add_argument("--seed", type=int, default=1, help="of faults and load (default: %(default)s)")
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="FAULT",
        help="inject this fault alone; repeat for more: " + ", ".join(names),
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--keep-logs", action="store_true", help="leave the logs of all processes behind")
    return parser.parse_args()


def _run(folder: Path, arguments: argparse.Namespace) -> Report:
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    hub = Installation(folder, seed=arguments.seed)
    faults = tuple(one for one in FAULTS if not arguments.only or one.name in arguments.only)
    first = plan(Random(f"{arguments.seed}/plan"), faults=faults)
    say(f"plan of seed {arguments.seed}: {', '.join(one.name for one in first)}")
    try:
        say(f"bringing a hub up; full disk: {hub.disk.what}")
        hub.up()
        trial = Trial(hub, arguments.minutes, arguments.seed, say, faults)
        evidence = trial.run()
    finally:
        hub.down()
    return Report(arguments.minutes, arguments.seed, trial.settle_s, hub.disk.what, evidence, judge(evidence))


def _leave_mounts_to_the_kernel() -> None:
    """Go on in a mount namespace of our own, where this machine allows it: its mounts end with us."""
    if os.environ.get(_OWN_MOUNTS) or os.geteuid() != 0 or not shutil.which("unshare"):
        return
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0:
        os.environ[_OWN_MOUNTS] = "1"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, "-m", "chaos", *sys.argv[1:]])


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
