"""Start the web server that ``SERVER`` names: ``python -m iikohub.operations.web_server``.

Unset it is gunicorn, as ``gunicorn iikohub.wsgi`` starts it. When to take which: docs/performance.md.
"""

import os
import sys
from importlib import import_module

from django.core.exceptions import ImproperlyConfigured

SERVERS = {
    "gunicorn": ("gunicorn", "iikohub.wsgi"),
    "granian": ("iikohub.operations.granian_server",),
}
"""The module of each, and its arguments."""


def main() -> None:
    """Become the server.

    Raises:
        SystemExit: the name is none of ``SERVERS``, or the settings are wrong: each process of the server
            would say so in a traceback of its own.
    """
    try:
        import_module("iikohub.settings")  # reads .env, too
    except ImproperlyConfigured as error:
        raise SystemExit(str(error)) from error
    server = os.environ.get("SERVER") or "gunicorn"
    if server not in SERVERS:
        raise SystemExit(f"SERVER={server} is not known. Set it to {' or '.join(SERVERS)}.")
    os.execv(sys.executable, [sys.executable, "-m", *SERVERS[server]])  # noqa: S606  # constants


if __name__ == "__main__":
    main()
