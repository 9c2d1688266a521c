"""A disk that can be full: a small file system of our own, else a limit on the size of files."""

import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

_SIZE_MIB = 3072
_PAGE_KIB = 4
_TRIES = 50
_LARGEST_FILE = 1024 * 1024
"""Less than a segment of the server's log, so that nothing can be committed."""


class CannotBeFilled(Exception):
    """A full disk cannot be made on this machine; the message says why."""


class SmallFileSystem:
    """A tmpfs that is shrunk to what lies on it: the next page is refused with ENOSPC."""

    what = "a file system of its own without a free page (ENOSPC)"

    def __init__(self, folder: Path) -> None:
        """Mount it.

        Raises:
            CannotBeFilled: mounting is not allowed here.
        """
        self._folder = folder
        self._mount("-t", "tmpfs", "-o", f"size={_SIZE_MIB}m", "tmpfs")

    def fill(self) -> None:
        # The server may take a page between the look and the mount, which is refused then.
        for _ in range(_TRIES):
            seen = os.statvfs(self._folder)
            used_kib = (seen.f_blocks - seen.f_bfree) * seen.f_frsize // 1024
            try:
                self._mount("-o", f"remount,size={max(used_kib, _PAGE_KIB)}k")
            except CannotBeFilled:
                time.sleep(0.02)
            else:
                return
        raise CannotBeFilled("the file system grew faster than it could be shrunk")

    def free(self) -> None:
        self._mount("-o", f"remount,size={_SIZE_MIB}m")

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self._folder)], check=False)

    def _mount(self, *arguments: str) -> None:
        done = subprocess.run(
            ["mount", *arguments, str(self._folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotBeFilled(done.stderr.strip().partition("\n")[0])


class FileSizeLimit:
    """A limit on the files of the server's processes: what is written behind it is refused with EFBIG."""

    def __init__(self, why_not_mounted: str, server: Callable[[], Iterable[psutil.Process]]) -> None:
        self.what = f"RLIMIT_FSIZE on the server (EFBIG, not ENOSPC: {why_not_mounted})"
        self._server = server

    def fill(self) -> None:
        self._limit(_LARGEST_FILE)

    def free(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        for process in self._server():
            try:
                _soft, hard = process.rlimit(psutil.RLIMIT_FSIZE)
                process.rlimit(psutil.RLIMIT_FSIZE, (size, hard))
            except psutil.NoSuchProcess:
                continue
            except psutil.AccessDenied as error:
                raise CannotBeFilled(f"{self.what}, and the limit is refused too") from error


Disk = SmallFileSystem | FileSizeLimit
"""Where the database lies; ``what`` says how the disk gets full."""
