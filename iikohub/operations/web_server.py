"""Start the web server that ``SERVER`` names: ``python -m iikohub.operations.web_server``.

Unset it is gunicorn, as ``gunicorn iikohub.wsgi`` starts it. When to take which: docs/performance.md.
"""

import os
import sys
from pathlib import Path

import environ

SERVERS = {
    "gunicorn": ("gunicorn", "iikohub.wsgi"),
    "granian": ("iikohub.operations.granian_server",),
}
"""The module of each, and its arguments."""


def main() -> None:
    """Become the server. Raises ``SystemExit`` for a name that is none of ``SERVERS``."""
    environ.Env.read_env(Path(__file__).resolve().parents[2] / ".env")
    server = os.environ.get("SERVER") or "gunicorn"
    if server not in SERVERS:
        raise SystemExit(f"SERVER={server} is not known. Set it to {' or '.join(SERVERS)}.")
    os.execv(sys.executable, [sys.executable, "-m", *SERVERS[server]])  # noqa: S606  # constants


if __name__ == "__main__":
    main()
