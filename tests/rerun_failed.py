"""Run once more, one after the other, what failed of the tests with processes.

What is left to time limits and to other processes may fail on a machine that others use too; a wrong answer
fails twice. A test that needs no process gets no second chance: one such failure ends the rerun.
"""

import json
import re
import sys
from collections.abc import Sequence

import pytest

from tests.database import ROOT

FAILED = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
WITH_PROCESSES = "process or browser or long"


class NoneDeselected:
    """Ends the run where a test that failed is not one with processes."""

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        names = "\n".join(item.nodeid for item in items)
        pytest.exit(f"These need no process, and are not run again:\n{names}", returncode=1)


def failed() -> list[str]:
    """Return what failed in the last run, without the group that xdist adds to a name."""
    names = json.loads(FAILED.read_text()) if FAILED.exists() else {}
    return sorted({re.sub(r"@[^@\]]*$", "", name) for name in names})


def main() -> int:
    """Return pytest's exit code; ends with a sentence where nothing is known to have failed."""
    if not (names := failed()):
        sys.exit("Nothing is known to have failed.")
    return int(pytest.main([*names, "-m", WITH_PROCESSES], plugins=[NoneDeselected()]))


if __name__ == "__main__":
    sys.exit(main())
