"""``make run``: what starts together ends together, however the end comes."""

import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from django.core.management.base import CommandError

from demo.management.commands import demo

PROJECT = Path(__file__).resolve().parent.parent.parent
SUPERVISOR = """
import os, sys
from demo.supervisor import Supervisor
supervisor = Supervisor(sys.stdout, grace_s=1)
supervisor.remind("THE ADDRESS", is_ready=lambda: True)
for number, program in enumerate(sys.argv[1:], 1):
    supervisor.add(f"child{number}", sys.executable, "-u", "-c", program, env=dict(os.environ))
sys.exit(supervisor.run())
"""
WAITS = "import time; print('ready'); time.sleep(60)"
FAILS = "import sys; sys.exit(3)"
IGNORES = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(60)"

Supervised = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def supervised() -> Iterator[Supervised]:
    started: list[subprocess.Popen[str]] = []

    def start(*programs: str, stdin: int | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, *programs],
            cwd=PROJECT,
            stdin=stdin,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=60)


def read_until(process: subprocess.Popen[str], times: int, word: str) -> str:
    assert process.stdout is not None
    said = ""
    while said.count(word) < times:
        line = process.stdout.readline()
        assert line, f"ended after saying {said!r}"
        said += line
    return said


def wait_until_gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return those that outlive half a minute. A zombie is gone: its parent just has not looked yet."""
    deadline = time.monotonic() + 30
    while left := [process for process in processes if lives(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return left


def lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_all_and_counts_as_success(supervised: Supervised, number: signal.Signals) -> None:
    process = supervised(WAITS, WAITS)
    said = read_until(process, 2, "ready")
    children = psutil.Process(process.pid).children(recursive=True)

    process.send_signal(number)
    rest, _ = process.communicate(timeout=60)

    assert "child1 | ready" in said
    assert "child2 | ready" in said
    assert f"{number.name}: stopping" in rest
    assert "child1 stopped" in rest
    assert "child2 stopped" in rest
    assert process.returncode == 0
    assert len(children) == 2
    assert wait_until_gone(children) == []


@pytest.mark.process
def test_signal_while_they_start_ends_all(supervised: Supervised) -> None:
    process = supervised(WAITS, WAITS)
    while not psutil.Process(process.pid).children():
        time.sleep(0.01)

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode == 0


@pytest.mark.process
def test_process_that_ends_by_itself_is_named_and_ends_the_rest(supervised: Supervised) -> None:
    process = supervised(FAILS, WAITS)

    said, _ = process.communicate(timeout=60)

    assert "child1 ended by itself with code 3; stopping the rest" in said
    assert "child2 stopped" in said
    assert process.returncode == 1


@pytest.mark.process
def test_process_that_was_killed_is_named_with_the_signal(supervised: Supervised) -> None:
    process = supervised(WAITS)
    read_until(process, 1, "ready")

    psutil.Process(process.pid).children()[0].kill()
    said, _ = process.communicate(timeout=60)

    assert "child1 ended by itself (killed by SIGKILL); stopping the rest" in said
    assert process.returncode == 1


@pytest.mark.process
def test_process_that_ignores_the_request_is_killed_after_the_grace(supervised: Supervised) -> None:
    process = supervised(IGNORES)
    read_until(process, 1, "ready")

    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)

    assert "child1 has not stopped: killed" in said
    assert process.returncode == 0


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a child to its parent")
def test_kill_9_of_the_supervisor_leaves_no_orphan(supervised: Supervised) -> None:
    process = supervised(WAITS, WAITS)
    read_until(process, 2, "ready")
    children = psutil.Process(process.pid).children(recursive=True)

    process.kill()

    assert len(children) == 2
    assert wait_until_gone(children) == []


def test_taken_port_is_named_with_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(CommandError, match=rf"Port {port} is taken; run `make run PORT=\d+`\."):
            demo.refuse_unusable(port)


@pytest.mark.parametrize("port", [0, -1, 70000])
def test_impossible_port_is_refused(port: int) -> None:
    with pytest.raises(CommandError, match="does not exist; choose one from 1 to 65534"):
        demo.refuse_unusable(port)


def test_sandbox_takes_the_next_free_port() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        assert demo.next_free(port) > port


def test_second_run_in_one_checkout_names_the_first(tmp_path: Path) -> None:
    demo.claim_checkout(tmp_path / "demo.lock", "http://127.0.0.1:8000/admin/")

    with pytest.raises(CommandError, match=f"127.0.0.1:8000/admin/ \\(process {os.getpid()}\\)"):
        demo.claim_checkout(tmp_path / "demo.lock", "http://127.0.0.1:9000/admin/")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a fresh copy of the project, compiled as it is: its own data folder, its own server."""
    aside = shutil.ignore_patterns(".*", "results")
    return Path(shutil.copytree(PROJECT, tmp_path / "check out", ignore=aside))


def start_demo(checkout: Path, port: int, *options: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "HOME"}}
    return subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port), *options],
        cwd=checkout,
        env={**clean, "EMBEDDED_POSTGRES_DIR": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.process
def test_address_is_shown_again_on_enter(supervised: Supervised) -> None:
    terminal, keyboard = pty.openpty()
    process = supervised(WAITS, stdin=keyboard)
    read_until(process, 1, "THE ADDRESS")

    os.write(terminal, b"\n")
    read_until(process, 1, "THE ADDRESS")

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    os.close(terminal)
    os.close(keyboard)
    assert process.returncode == 0


@pytest.mark.process
def test_without_a_terminal_the_address_is_shown_once(supervised: Supervised) -> None:
    process = supervised(WAITS, stdin=subprocess.DEVNULL)
    said = read_until(process, 1, "ready")
    time.sleep(0.5)

    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)

    assert (said + rest).count("THE ADDRESS") == 1
    assert process.returncode == 0


@pytest.mark.process
def test_demo_from_an_empty_folder_answers_and_ends_without_a_trace(checkout: Path) -> None:
    port = demo.next_free(18000)
    process = start_demo(checkout, port)
    try:
        said = read_until(process, 1, "Enter shows this again")
        assert said.index("Booting worker") < said.index("Password")
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20) as answer:
            assert answer.status == 200
        assert f"http://127.0.0.1:{port}/ " in said
        assert (checkout / ".data/demo_admin_password").read_text() in said
        belonging = psutil.Process(process.pid).children(recursive=True)
        postmaster = int((checkout / ".data/postgres/data/postmaster.pid").read_text().split()[0])
        belonging.append(psutil.Process(postmaster))

        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

        assert process.returncode == 0
        assert wait_until_gone(belonging) == []
    finally:
        process.kill()
        process.communicate(timeout=60)
