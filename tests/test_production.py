"""What production gets: the product's files and the packages of ``requirements.txt``, nothing else."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.production_files import ROOT, copy_production_files, production_files
from tests.runtime_alone import locked

pytestmark = pytest.mark.xdist_group("production")

RUNTIME_ALONE = ROOT / "tests" / "runtime_alone.py"
IMPORT_ALL = """
import importlib, os, runpy
from pathlib import Path
os.environ["DJANGO_SETTINGS_MODULE"] = "iikohub.settings"
import django
django.setup()
modules = [path.with_suffix("").parts for path in Path().rglob("*/*.py")]
for parts in modules:
    importlib.import_module(".".join(parts))
runpy.run_path("gunicorn.conf.py")
print(len(modules))
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the product once: what was compiled for one test serves the next."""
    folder = tmp_path_factory.mktemp("image")
    copy_production_files(folder)
    return folder


@pytest.fixture(scope="module")
def checkout(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Add the parts for development to an image, without what they need."""
    folder = tmp_path_factory.mktemp("checkout") / "hub"
    shutil.copytree(image, folder)
    for name in ("sandbox", "demo"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def run_alone(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "DEBUG"}}
    return subprocess.run(
        [sys.executable, RUNTIME_ALONE, *command],
        cwd=folder,
        env=clean
        | {
            "WEBHOOK_BASE_URL": "https://hub.example.com",
            "TRUSTED_PROXIES": "1",
            "EMBEDDED_POSTGRES_DIR": "",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_image_holds_the_product_and_what_starts_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (product,) = [one["source_modules"] for one in contracts if one["name"].startswith("The product ")]
    files = production_files()

    tops = {path.parts[0] for path in files}
    tests = [path for path in files if "tests" in path.parts]

    assert tops == {*product, "locale", "deploy", "manage.py", "gunicorn.conf.py", "requirements.txt"}
    assert tests == []
    assert [path for path in files if path.parts[0] == "deploy"] == [Path("deploy/backup.sh")]


def test_versions_are_the_same_for_production_and_development() -> None:
    runtime = locked(ROOT / "requirements.txt")
    development = locked(ROOT / "requirements-dev.txt")

    assert len(runtime) > 40
    assert {name: development.get(name) for name in runtime} == runtime
    assert {"flask", "honcho", "pytest"} <= set(development) - set(runtime)


@pytest.mark.process
def test_hub_passes_its_checks_with_the_runtime_alone(image: Path) -> None:
    done = run_alone(image, "manage.py", "check", "--deploy", "--fail-level=WARNING")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("System check identified no issues")
    assert not (image / ".data" / "postgres").exists()


@pytest.mark.process
def test_every_module_is_imported_with_the_runtime_alone(image: Path) -> None:
    (image / "import_all.py").write_text(IMPORT_ALL)

    done = run_alone(image, "import_all.py")

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 300


@pytest.mark.process
@pytest.mark.parametrize(
    ("command", "missing"),
    [("iiko_sandbox --port 1 --webhook-token t", "the package werkzeug"), ("demo", "(honcho, flask)")],
)
def test_command_of_development_says_what_to_install(checkout: Path, command: str, missing: str) -> None:
    done = run_alone(checkout, "manage.py", *command.split())

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (sentence,) = done.stderr.splitlines()
    assert missing in sentence
    assert "make install" in sentence


@pytest.mark.process
def test_image_has_no_commands_of_development(image: Path) -> None:
    done = run_alone(image, "manage.py", "demo")

    assert done.returncode == 1
    assert "Unknown command: 'demo'" in done.stderr
