"""The way in from both commands: what plays is imported here, once its packages are known to be there."""

from __future__ import annotations

from typing import TextIO

from sandbox.options import Options, UsageError

INSTALL = "python -m pip install --require-hashes -r requirements-dev.txt"


def start(options: Options, out: TextIO) -> None:
    """Play until SIGTERM or SIGINT; must be called from the main thread.

    Raises:
        UsageError: a package that only development needs is not installed, or the port cannot be had.
    """
    try:
        # Here, not above: the hub lists this app also where its packages are not installed.
        from sandbox.run import run
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "sandbox":
            raise
        raise UsageError(f"The sandbox needs the package {error.name}; install it with: {INSTALL}") from error
    run(options, out)
