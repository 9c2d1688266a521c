"""Secrets of this installation: from the environment, else made once and kept in the data folder."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from iikohub.configuration.ownership import not_allowed


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Return the secret kept in ``path``, making it once (mode 0600) if there is none.

    Two processes that start together agree: the one that links its file first wins. A process
    killed half-way leaves only a temporary file, never half a secret.

    Raises:
        ImproperlyConfigured: the file is there and empty, or another account's.
    """
    try:
        return _read(path) if path.exists() else _make(path, make)
    except PermissionError as error:
        raise not_allowed(path, "read" if path.parent.exists() else "made", give=path.parent) from error


def _make(path: Path, make: Callable[[], str]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return _read(path)
    finally:
        temporary.unlink(missing_ok=True)
    return _read(path)


def _read(path: Path) -> str:
    secret = path.read_text().strip()
    if not secret:
        raise ImproperlyConfigured(
            f"{path} is empty. Bring it back from a backup, or remove it for a new one."
        )
    return secret


def make_secret_key() -> str:
    return secrets.token_urlsafe(50)


def make_credentials_key() -> str:
    return Fernet.generate_key().decode()
