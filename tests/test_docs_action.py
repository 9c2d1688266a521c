"""The worked example of docs/adding-an-action.md works as it stands there, in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "adding-an-action.md"
FORMATTED = ("actions", "admin", "api")
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "node_modules")
STEP = re.compile(
    r"^\*\*\d\. [^\n]*?`(?P<file>\w[\w/]+\.py)`(?:(?!^\*\*).)*?```(?P<how>diff|python)\n(?P<text>.*?)```",
    re.MULTILINE | re.DOTALL,
)
"""A step of the page: the file, and what is new in it."""


def changed(before: str, diff: str) -> str:
    """Apply a block of the page: ``@@`` parts two places; a place has a line that the file has already."""
    lines = before.splitlines()
    for place in diff.split("@@\n"):
        told = place.splitlines()
        [old] = [line[1:] for line in told if not line.startswith("+")]
        at = lines.index(old)
        lines[at : at + 1] = [line[1:] for line in told]
    return "\n".join(lines) + "\n"


def run(project: Path, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=project,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]


@pytest.mark.process
@pytest.mark.long
def test_page_adds_an_action() -> None:
    # Not in pytest's folder, which runs beside this one tidy up: a server lives here.
    with TemporaryDirectory(prefix="hub-", ignore_cleanup_errors=True) as folder:
        project = Path(folder) / "project"
        shutil.copytree(ROOT, project, ignore=LEFT_OUT)
        steps = list(STEP.finditer(PAGE.read_text()))
        for step in steps:
            file = project / step["file"]
            text = step["text"]
            file.write_text(text if step["how"] == "python" else changed(file.read_text(), text))

        assert len({step["file"] for step in steps}) + 1 <= 8, "with the migration"
        run(project, "manage.py", "makemigrations", "orders", "--name", "add_change_comment")
        run(project, "-m", "ruff", "check", "-q", "orders")
        run(project, "-m", "ruff", "format", "-q", "--check", *(f"orders/{one}" for one in FORMATTED))
        shutil.copy(ROOT / "tests" / "sixth_action.py", project / "tests" / "test_sixth_action.py")
        run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_sixth_action.py")
