"""The folder in which the web processes of one gunicorn add up their metrics.

A master that is killed removes nothing. So each holds a lock on its folder, which the kernel gives back
when the master and all its workers are gone, and the next one to start removes what nobody holds.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "iikohub-web-metrics-"


class MetricsFolder:
    """A fresh folder, held until it is removed or the process and its children end."""

    def __init__(self) -> None:
        parent = Path(tempfile.gettempdir())
        remove_abandoned(parent)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            # Another that starts just now may have found it first, before it was held.
            if (held := _hold(self.path)) is not None and self.path.exists():
                self._held = held
                return

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._held)


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of masters that are gone; those of other accounts are theirs to remove."""
    for folder in _own_folders(parent):
        held = _hold(folder)
        if held is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


def _own_folders(parent: Path) -> Iterator[Path]:
    with os.scandir(parent) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                is_folder = entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False)
                if is_folder and entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                    yield Path(entry.path)


def _hold(folder: Path) -> int | None:
    """Lock the folder; None if another has it, or it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
