"""``python tests/production_files.py FOLDER``: copy the product as an image has it, without Docker."""

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def production_files() -> list[Path]:
    """List what ``COPY . .`` takes along, relative to the project."""
    left_out = _left_out()
    found = []
    for folder, folders, files in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        folders[:] = [name for name in folders if not left_out.fullmatch((here / name).as_posix())]
        found += [here / name for name in files if not left_out.fullmatch((here / name).as_posix())]
    return sorted(found)


def copy_production_files(to: Path) -> None:
    for path in production_files():
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, to / path)


def _left_out() -> re.Pattern[str]:
    """Read ``.dockerignore``: ``*`` stays within a folder's name, ``**/`` is any folder or none."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [re.escape(line) for line in lines if line and not line.startswith("#")]
    return re.compile("|".join(one.replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*") for one in patterns))


if __name__ == "__main__":
    copy_production_files(Path(sys.argv[1]))
