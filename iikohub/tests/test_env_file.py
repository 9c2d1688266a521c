"""The file ``.env``: what it sets is read, and what it would not set is said."""

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from iikohub.configuration.env_file import names_in, read_env_file
from iikohub.configuration.ownership import not_allowed


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HUB_FIRST", "HUB_SECOND"):
        monkeypatch.setenv(name, "taken back after the test")
        monkeypatch.delenv(name)
    return tmp_path / ".env"


def test_what_the_environment_has_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("HUB_FIRST=file\nexport HUB_SECOND='a # b'\n")
    monkeypatch.setenv("HUB_FIRST", "environment")

    read_env_file(file)

    assert (os.environ["HUB_FIRST"], os.environ["HUB_SECOND"]) == ("environment", "a # b")


def test_editor_of_another_system_does_no_harm(file: Path) -> None:
    file.write_bytes("\ufeffHUB_FIRST=1\r\n  # a remark\r\n\r\nHUB_SECOND=2\r\n".encode())

    read_env_file(file)

    assert (os.environ["HUB_FIRST"], os.environ["HUB_SECOND"]) == ("1", "2")


def test_no_file_is_no_error(file: Path) -> None:
    read_env_file(file)


@pytest.mark.parametrize(
    "line", ["HUB_SECOND = hunter2", " HUB_SECOND=hunter2", "HUB_SECOND: hunter2", "hunter2"]
)
def test_line_that_would_set_nothing_stops_the_start_and_is_not_shown(file: Path, line: str) -> None:
    file.write_text(f"HUB_FIRST=1\n\n{line}\n")

    with pytest.raises(ImproperlyConfigured, match=r"\.env, line 3: write NAME=value") as refused:
        read_env_file(file)

    assert "hunter2" not in str(refused.value)
    assert "HUB_FIRST" not in os.environ


def test_file_that_is_no_text_or_no_file_is_named(file: Path) -> None:
    file.write_bytes("HUB_FIRST=тест\n".encode("cp1251"))
    with pytest.raises(ImproperlyConfigured, match="Save it as UTF-8"):
        read_env_file(file)

    file.unlink()
    file.mkdir()
    with pytest.raises(ImproperlyConfigured, match=r"\.env cannot be read: Is a directory\."):
        read_env_file(file)


def test_who_may_not_read_is_told_whose_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("HUB_FIRST=1\n")
    file.chmod(0)

    def refuse(*_: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)  # root reads everything

    with pytest.raises(ImproperlyConfigured) as refused:
        read_env_file(file)
    monkeypatch.undo()

    me = file.owner()
    assert str(refused.value) == (
        f"{file} cannot be read: it belongs to {me}, and this process runs as {me}. Either it was started as "
        f"the wrong account (sudo -u ACCOUNT), or an earlier command was: then sudo chown -R {me}: {file}"
    )


def test_of_what_cannot_be_seen_the_folder_is_told_of(tmp_path: Path) -> None:
    missing = tmp_path / "data" / "key"

    assert f"{tmp_path} belongs to {tmp_path.owner()}" in str(not_allowed(missing, "made", give=tmp_path))


def test_names_are_those_that_get_a_value(file: Path) -> None:
    file.write_text("HUB_FIRST=1\n#HUB_SECOND=\n# HUB_THIRD=3\n")

    assert names_in(file) == {"HUB_FIRST"}
    assert names_in(file, with_comments=True) == {"HUB_FIRST", "HUB_SECOND"}
    assert names_in(file.with_name("none")) == set()
