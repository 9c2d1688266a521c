"""What stands in deploy/, the Dockerfile and docker-compose.yml, tried with the programs they are for."""

import http.server
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.processes import free_port
from tests.image import Step, steps

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
NAME = "hub.example.com"


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(program), reason=f"no {program} on this machine")


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


# --- nginx ---------------------------------------------------------------------------------------------


class Hub(http.server.BaseHTTPRequestHandler):
    """Stands behind the proxy and tells what it was asked with."""

    seen: list[Message] = []

    def do_GET(self) -> None:
        self.seen.append(self.headers)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


class Proxy:
    def __init__(self, folder: Path) -> None:
        self.plain, self.tls, self.hub = free_port(), free_port(), free_port()
        done = run(DEPLOY / "nginx" / "self-signed.sh", NAME, folder / "tls")
        assert done.returncode == 0, done.stderr
        self.certificate = folder / "tls" / "fullchain.pem"
        text = (DEPLOY / "nginx" / "iikohub.conf").read_text()
        for ours, here in (
            (r"listen \[::\].*;\n", "\n"),
            ("listen 80;", f"listen 127.0.0.1:{self.plain};"),
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.tls} ssl;"),
            (r"127\.0\.0\.1:8000", f"127.0.0.1:{self.hub}"),
            ("/etc/iikohub/tls", f"{folder}/tls"),
        ):
            text, changes = re.subn(ours, here, text)
            assert changes, ours
        (folder / "iikohub.conf").write_text(text)
        self.config = folder / "nginx.conf"
        self.config.write_text(
            f"pid {folder}/pid; error_log {folder}/errors; events {{}}\nhttp {{ access_log off; "
            + "".join(
                f"{kind}_temp_path {folder}/{kind}; "
                for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            )
            + f"include {folder}/iikohub.conf; }}\n"
        )

    def get(self, path: str, **headers: str) -> int:
        context = ssl.create_default_context(cafile=str(self.certificate))
        lines = [f"GET {path} HTTP/1.1", f"Host: {NAME}:{self.tls}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        with (
            socket.create_connection(("127.0.0.1", self.tls), timeout=10) as raw,
            context.wrap_socket(raw, server_hostname=NAME) as tls,
        ):
            tls.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            return int(tls.recv(100).split()[1])


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    proxy = Proxy(tmp_path)
    Hub.seen.clear()
    hub = http.server.ThreadingHTTPServer(("127.0.0.1", proxy.hub), Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    nginx = subprocess.Popen(["nginx", "-e", "stderr", "-c", proxy.config, "-g", "daemon off;"])
    try:
        for _ in range(100):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", proxy.tls)) == 0:
                    break
            time.sleep(0.05)
        yield proxy
    finally:
        nginx.terminate()
        nginx.wait(10)
        hub.shutdown()
        hub.server_close()


@needs("nginx")
@pytest.mark.process
def test_nginx_takes_its_file(tmp_path: Path) -> None:
    done = run("nginx", "-t", "-e", "stderr", "-c", Proxy(tmp_path).config)

    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


@needs("nginx")
@pytest.mark.process
def test_proxy_tells_the_hub_who_asked_whatever_the_client_says(proxy: Proxy) -> None:
    status = proxy.get("/admin/", X_Forwarded_Proto="http", X_Forwarded_For="6.6.6.6", X_Request_ID="theirs")

    assert status == 200
    (seen,) = Hub.seen
    assert seen["Host"] == f"{NAME}:{proxy.tls}"
    assert seen.get_all("X-Forwarded-Proto") == ["https"]
    assert seen.get_all("X-Forwarded-For") == ["127.0.0.1"]
    assert re.fullmatch("[0-9a-f]{32}", seen["X-Request-ID"])


@needs("nginx")
@pytest.mark.process
def test_proxy_sends_plain_http_to_https_and_large_bodies_away(proxy: Proxy) -> None:
    asked = urllib.request.Request(f"http://127.0.0.1:{proxy.plain}/x?y=1", headers={"Host": NAME})
    with pytest.raises(urllib.error.HTTPError) as redirected:
        urllib.request.build_opener(NoRedirect).open(asked)
    redirected.value.close()

    assert (redirected.value.code, redirected.value.headers["Location"]) == (301, f"https://{NAME}/x?y=1")
    assert proxy.get("/", Content_Length=str(7 * 1024 * 1024)) == 413
    assert proxy.get("/metrics") == 200
    assert [seen.get("Content-Length") for seen in Hub.seen] == [None]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def test_certificate_is_made_once_and_its_key_kept_secret(tmp_path: Path) -> None:
    script = DEPLOY / "nginx" / "self-signed.sh"
    run(script, NAME, tmp_path)
    key = (tmp_path / "privkey.pem").read_bytes()

    again = run(script, NAME, tmp_path)

    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    assert (tmp_path / "privkey.pem").read_bytes() == key
    assert (tmp_path / "privkey.pem").stat().st_mode & 0o077 == 0
    assert (tmp_path / "fullchain.pem").stat().st_mode & 0o777 == 0o644


# --- systemd -------------------------------------------------------------------------------------------


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Copy the units, as if the checkout were the installation."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/iikohub/app", str(ROOT)))
    return sorted(tmp_path.iterdir())


@needs("systemd-analyze")
def test_systemd_takes_the_units(units: list[Path]) -> None:
    done = run("systemd-analyze", "verify", "--man=no", *units)

    complaints = [line for line in done.stderr.splitlines() if "iikohub" in line]
    assert (done.returncode, complaints) == (0, [])


@needs("systemd-analyze")
def test_services_are_exposed_little(units: list[Path]) -> None:
    services = [unit for unit in units if unit.suffix == ".service"]

    done = run("systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", *services)

    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if "Overall" in line)


def test_install_names_every_unit() -> None:
    page = (ROOT / "docs" / "install.md").read_text()

    assert [unit.name for unit in UNITS if unit.stem not in page] == []
    assert {unit.name for unit in UNITS} == {
        "iikohub-backup.service",
        "iikohub-backup.timer",
        "iikohub-web.service",
        "iikohub-worker.service",
    }


# --- backups -------------------------------------------------------------------------------------------


def backup_run(folder: Path, *arguments: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
    """Run backup.sh with a python that writes the file it is told to, or fails."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    action = "exit 1" if fails else 'for last; do :; done; echo dump > "$last"'
    (programs / "python").write_text(f"#!/bin/sh\n{action}\n")
    (programs / "python").chmod(0o755)
    env = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    return run(DEPLOY / "backup.sh", folder, *arguments, env=env)


def old_backup(folder: Path, name: str, *, days: int) -> Path:
    path = folder / name
    path.write_text("old")
    past = path.stat().st_mtime - days * 24 * 3600
    os.utime(path, (past, past))
    return path


def test_backup_is_written_and_old_ones_go(tmp_path: Path) -> None:
    kept = [old_backup(tmp_path, "hub-a.dump", days=13), old_backup(tmp_path, "before-update.dump", days=99)]
    old = old_backup(tmp_path, "hub-b.dump", days=16)

    done = backup_run(tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert not old.exists()
    new = {path.name for path in tmp_path.glob("*.dump")} - {path.name for path in kept}
    assert len(new) == 1
    assert re.fullmatch(r"hub-\d{4}-\d\d-\d\d\.dump", new.pop())


def test_backup_that_fails_removes_nothing(tmp_path: Path) -> None:
    old = old_backup(tmp_path, "hub-a.dump", days=99)

    done = backup_run(tmp_path, "1", fails=True)

    assert done.returncode == 1
    assert old.exists()


# --- the image -----------------------------------------------------------------------------------------


def named(name: str) -> list[Step]:
    return [step for step in steps() if step.name == name]


def test_image_is_built_of_steps_that_ci_can_carry_out() -> None:
    known = {"FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "CMD", "VOLUME", "EXPOSE", "HEALTHCHECK"}

    assert {step.name for step in steps()} == known


def test_image_follows_the_rules() -> None:
    stages, runs = named("FROM"), [step.words for step in named("RUN")]

    assert [re.fullmatch(r"python:3\.\d+-slim( AS \w+)?", one.words) is not None for one in stages] == [
        True
    ] * 2
    assert [step.words for step in named("USER")] == ["hub"]
    assert all(step.words.startswith("[") for step in named("CMD"))
    assert [
        "--require-hashes" in words
        for words in runs
        if "pip" in words.split("install")[0] and "install" in words
    ] == [True]
    assert not any(word in words for words in runs for word in ("sudo", "apt-get", "curl", "wget"))
    assert [step.words for step in named("VOLUME")] == ["/app/.data"]


def services() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return read


@pytest.mark.parametrize("name", ["web", "worker", "migrate", "backup"])
def test_containers_of_the_hub_write_only_where_they_may(name: str) -> None:
    service = services()[name]

    assert (service["read_only"], service["tmpfs"], service["cap_drop"]) == (True, ["/tmp"], ["ALL"])
    assert service.get("healthcheck", {}).get("disable", False) is (name != "web")


def test_proxy_waits_for_a_web_server_that_is_well() -> None:
    proxy = services()["proxy"]

    assert proxy["depends_on"] == {"web": {"condition": "service_healthy", "restart": True}}
    assert proxy["profiles"] == ["proxy"]
    assert "s/127.0.0.1:8000/web:8000/" in proxy["command"][2]
