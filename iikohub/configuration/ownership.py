"""Whose a file is: said where this process may not use it."""

import os
import pwd
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def not_allowed(path: Path, doing: str, *, give: Path) -> ImproperlyConfigured:
    """Say that this process may not do something with ``path``; ``give`` is what would have to be its own."""
    me = _name_of(os.geteuid())
    return ImproperlyConfigured(
        f"{path} cannot be {doing}: {_owner_of(path)}, and this process runs as {me}. Either it was started "
        f"as the wrong account (sudo -u ACCOUNT), or an earlier command was: then sudo chown -R {me}: {give}"
    )


def _owner_of(path: Path) -> str:
    """Name the owner of the path, or of the folder above it that is as far as this process sees."""
    for one in (path, *path.parents):
        try:
            owner = one.stat().st_uid
        except OSError:
            continue
        return f"{'it' if one == path else one} belongs to {_name_of(owner)}"
    return "its folder cannot be seen"


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
