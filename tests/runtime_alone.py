"""``python tests/runtime_alone.py SCRIPT …``: run a script as if ``requirements.txt`` alone were installed.

``.ci/run`` does the same with a real environment, which takes a package index and a minute.
"""

import importlib.metadata
import re
import runpy
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements.txt"


def locked(requirements: Path) -> dict[str, str]:
    """Read the versions, by name."""
    pins = re.findall(r"^([\w.-]+)==([\w.]+)", requirements.read_text(), flags=re.MULTILINE)
    return {_canonical(name): version for name, version in pins}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


class OnlyLocked:
    """Finds what another finder of modules finds, unless it belongs to packages that are not locked."""

    def __init__(self, finder: Any, names: frozenset[str], owners: Mapping[str, list[str]]) -> None:
        self._finder = finder
        self._names = names
        self._owners = owners

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        owners = self._owners.get(name.partition(".")[0], [])
        if owners and self._names.isdisjoint(map(_canonical, owners)):
            return None
        spec: ModuleSpec | None = self._finder.find_spec(name, path, target)
        return spec

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)


if __name__ == "__main__":
    names, owners = frozenset(locked(REQUIREMENTS)), importlib.metadata.packages_distributions()
    sys.meta_path[:] = [OnlyLocked(finder, names, owners) for finder in sys.meta_path]
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")
