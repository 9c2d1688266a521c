"""Secrets that the installation makes for itself."""

import os
import stat
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from iikohub.configuration.secrets import kept_secret, make_credentials_key, make_secret_key


def test_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret"
    made: list[str] = []

    def make() -> str:
        made.append("s" + str(len(made)))
        return made[-1]

    assert [kept_secret(path, make) for _ in range(3)] == ["s0", "s0", "s0"]
    assert made == ["s0"]


def test_secret_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    old_mask = os.umask(0)
    try:
        kept_secret(path, make_secret_key)
    finally:
        os.umask(old_mask)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_secret_written_by_a_person_is_taken_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("by hand\n")

    assert kept_secret(path, make_secret_key) == "by hand"


@pytest.mark.parametrize("content", ["", "\n"])
def test_empty_file_is_no_secret_and_is_left_to_a_person(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secret"
    path.write_text(content)

    with pytest.raises(ImproperlyConfigured, match="secret is empty"):
        kept_secret(path, make_secret_key)

    assert path.read_text() == content


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret"
    start = threading.Barrier(10)
    got: list[str] = []

    def ask() -> None:
        start.wait(10)
        got.append(kept_secret(path, make_secret_key))

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == 10
    assert set(got) == {path.read_text()}
    assert [child.name for child in path.parent.iterdir()] == ["secret"]


def test_failure_half_way_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> str:
        raise RuntimeError("no entropy")

    with pytest.raises(RuntimeError):
        kept_secret(tmp_path / "secret", fail)

    assert list(tmp_path.iterdir()) == []


def test_made_keys_are_fit_for_use_and_differ() -> None:
    assert len(make_secret_key()) >= 50
    assert make_secret_key() != make_secret_key()
    assert Fernet(make_credentials_key()).encrypt(b"x")
    assert make_credentials_key() != make_credentials_key()
