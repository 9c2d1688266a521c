"""``python -m sandbox``: the sandbox without Django; ``manage.py iiko_sandbox`` starts it in the same way."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping

from sandbox.options import UsageError, add_arguments, read_options

INSTALL = "make install"


def start(given: Mapping[str, object]) -> None:
    """Run with these options until SIGTERM or SIGINT; must be called from the main thread.

    Raises:
        UsageError: an option is not valid, a package that only development needs is not installed, or the
            port cannot be bound.
    """
    options = read_options(given, os.environ)
    try:
        # Here, not above: the hub lists this app also where its packages are not installed.
        from sandbox.run import run
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "sandbox":
            raise
        raise UsageError(f"The sandbox needs the package {error.name}; install it with: {INSTALL}") from error
    run(options, sys.stdout)


def main() -> None:
    parser = ArgumentParser(prog="python -m sandbox", description="Simulate restaurants of iiko.")
    add_arguments(parser)
    try:
        start(vars(parser.parse_args()))
    except UsageError as error:
        raise SystemExit(f"Error: {error}") from error


if __name__ == "__main__":
    main()
