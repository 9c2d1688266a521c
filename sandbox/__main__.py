"""``python -m sandbox``: the sandbox without Django."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser

from sandbox.options import UsageError, add_arguments, read_options
from sandbox.start import start


def main() -> None:
    parser = ArgumentParser(prog="python -m sandbox", description="Play restaurants of iiko.")
    add_arguments(parser)
    try:
        start(read_options(vars(parser.parse_args()), os.environ), sys.stdout)
    except UsageError as error:
        raise SystemExit(f"Error: {error}") from error


if __name__ == "__main__":
    main()
