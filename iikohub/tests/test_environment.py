"""One list of variables: what ``.env.example`` explains, what is read, and what Compose passes on."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
OF_COMPOSE_ALONE = {"POSTGRES_PASSWORD", "WEB_PUBLISH"}
SET_BY_COMPOSE = {"DATABASE_URL", "PORT", "GUNICORN_BIND"}
SHARED_SECRETS = {"SECRET_KEY", "CREDENTIALS_KEYS"}
INTERNAL = {"PROMETHEUS_MULTIPROC_DIR"}
"""Set by the web server for its own processes."""


def explained() -> list[str]:
    text = (ROOT / ".env.example").read_text()
    return re.findall(r"^#?([A-Z][A-Z0-9_]*)=", text, flags=re.MULTILINE)


def read_by(path: str, *readers: str) -> set[str]:
    """Names that are the first argument of a call to one of these."""
    tree = ast.parse((ROOT / path).read_text())
    return {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith(readers) and call.args
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
        if call.args[0].value.isupper()
    }


def services() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return read


def test_every_variable_is_explained_once_and_every_explained_one_is_read() -> None:
    of_settings = read_by("iikohub/settings.py", "env.", "_flag", "_whole_number", "_amount_minor")
    of_the_web_server = read_by("gunicorn.conf.py", "os.environ.get") - INTERNAL
    of_the_web_server |= read_by("iikohub/operations/web_server.py", "os.environ.get")
    names = explained()

    assert len(of_settings) > 20
    assert len(of_the_web_server) == 5
    assert sorted(names) == sorted(set(names))
    assert set(names) == of_settings | of_the_web_server | OF_COMPOSE_ALONE


@pytest.mark.parametrize("name", ["web", "worker", "migrate"])
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
