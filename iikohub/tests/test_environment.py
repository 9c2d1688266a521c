"""One list of variables: what ``.env.example`` explains, what is read, and what Compose passes on."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.configuration_page import PAGE, page, sections, types

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
OF_COMPOSE_ALONE = {"POSTGRES_PASSWORD", "WEB_PUBLISH", "BACKUP_KEEP_DAYS", "SERVER_NAME", "TLS_FOLDER"}
SET_BY_COMPOSE = {"DATABASE_URL", "PORT", "GUNICORN_BIND"}
SHARED_SECRETS = {"SECRET_KEY", "CREDENTIALS_KEYS"}
INTERNAL = {"PROMETHEUS_MULTIPROC_DIR"}
"""Set by the web server for its own processes."""


def services() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return read


def test_every_variable_is_explained_once_and_every_explained_one_is_read() -> None:
    read = set(types()) - INTERNAL
    names = [name for section in sections() for group in section.groups for name in group.names]

    assert len(read) > 30
    assert sorted(names) == sorted(set(names))
    assert set(names) == read | OF_COMPOSE_ALONE


def test_page_of_configuration_is_made_of_what_stands_now() -> None:
    assert PAGE.read_text() == page(), "make docs, and commit docs/configuration.md"


def test_page_says_type_default_and_when_to_change() -> None:
    text = page()

    assert (
        "### `GUNICORN_THREADS`\n\nwhole number, from 1 · default: 16 · example: `GUNICORN_THREADS=16`"
        in text
    )
    assert "### `LOYALTY_MAX_OPERATION`, `LOYALTY_MAX_DAY`\n\namount, such as 5000 or 5000.50" in text
    assert "### `DEBUG`\n\n1 or 0 · default: 0 · example" in text
    assert "\n*Change it* when the port is taken, or the proxy stands on another machine.\n" in text


@pytest.mark.parametrize("name", ["web", "worker", "migrate", "backup"])
def test_compose_passes_every_setting(name: str) -> None:
    service = services()[name]

    assert service["env_file"] == [{"path": ".env", "required": False}]
    assert set(service["environment"]) == SET_BY_COMPOSE | SHARED_SECRETS


def test_compose_asks_for_nothing_that_is_not_explained() -> None:
    named = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text()))

    assert named == OF_COMPOSE_ALONE | SHARED_SECRETS


def test_what_compose_sets_itself_is_explained() -> None:
    head = (ROOT / ".env.example").read_text().split("\n# ---")[0]

    assert f"it sets {', '.join(['DATABASE_URL', 'PORT'])} and GUNICORN_BIND itself" in head


def test_containers_listen_on_every_interface_and_say_so() -> None:
    assert services()["web"]["environment"]["GUNICORN_BIND"] == "0.0.0.0"
    assert "\nENV GUNICORN_BIND=0.0.0.0\n" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize(
    ("variables", "bound"),
    [
        ({}, "127.0.0.1:9100 3"),
        ({"PORT": "9200"}, "127.0.0.1:9200 3"),
        ({"GUNICORN_BIND": "0.0.0.0"}, "0.0.0.0:9100 3"),
        ({"GUNICORN_BIND": "[::]"}, "[::]:9100 3"),
        ({"GUNICORN_BIND": "::"}, "[::]:9100 3"),
        ({"GUNICORN_BIND": "::1"}, "[::1]:9100 3"),
        ({"GUNICORN_BIND": "[::1]:1"}, "[::1]:1 3"),
        ({"GUNICORN_BIND": "10.0.0.5:1", "PORT": "9200"}, "10.0.0.5:1 3"),
        ({"GUNICORN_BIND": "unix:/run/hub.sock"}, "unix:/run/hub.sock 3"),
    ],
)
def test_web_server_reads_the_file_and_the_environment_wins(
    tmp_path: Path, variables: dict[str, str], bound: str
) -> None:
    (tmp_path / "gunicorn.conf.py").write_bytes((ROOT / "gunicorn.conf.py").read_bytes())
    (tmp_path / ".env").write_text("PORT=9100\nWEB_CONCURRENCY=3\nGUNICORN_BIND=\n")
    ours = {"PORT", "GUNICORN_BIND", "WEB_CONCURRENCY"}

    show = "import runpy; c = runpy.run_path('gunicorn.conf.py'); print(c['bind'], c['workers'])"
    done = subprocess.run(
        [sys.executable, "-c", show],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name not in ours} | variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.strip() == bound
