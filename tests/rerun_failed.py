"""Run once more, one after the other, what failed in the last run.

What is left to time limits and to other processes may fail on a machine that others use too; a wrong answer
fails twice. Many failures at once are no accident of the machine: then nothing is run again.
"""

import json
import re
import sys

import pytest

from tests.database import ROOT

FAILED = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
MOST = 10


def failed() -> list[str]:
    """Return what failed in the last run, without the group that xdist adds to a name."""
    names = json.loads(FAILED.read_text()) if FAILED.exists() else {}
    return sorted({re.sub(r"@[^@\]]*$", "", name) for name in names})


def main() -> int:
    """Return pytest's exit code; ends with a sentence where there is nothing, or too much, to run again."""
    names = failed()
    if not names:
        sys.exit("Nothing is known to have failed.")
    if len(names) > MOST:
        sys.exit(f"{len(names)} tests failed, more than {MOST}: they are not run again.")
    sys.stdout.write("".join(f"failed the first time: {name}\n" for name in names))
    sys.stdout.flush()
    return int(pytest.main(names))


if __name__ == "__main__":
    sys.exit(main())
