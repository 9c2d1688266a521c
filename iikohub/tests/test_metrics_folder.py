"""What a killed web server leaves behind, and who clears it away."""

import os
import signal
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from iikohub.operations.metrics_folder import PREFIX, MetricsFolder
from iikohub.operations.web_server import SERVERS
from tests.hub_process import PATIENCE_S, Hub, Process, running_hub, wait_until


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def folders(parent: Path) -> set[Path]:
    return set(parent.glob(f"{PREFIX}*"))


def test_a_folder_that_nobody_holds_is_removed_with_what_is_in_it(temporary: Path) -> None:
    abandoned = temporary / f"{PREFIX}abandoned"
    abandoned.mkdir()
    (abandoned / "counter_1.db").write_bytes(b"x")
    (temporary / "another-program").mkdir()

    mine = MetricsFolder()

    assert set(temporary.iterdir()) == {mine.path, temporary / "another-program"}
    mine.remove()
    assert folders(temporary) == set()


def test_a_folder_that_is_held_stays(temporary: Path) -> None:
    first = MetricsFolder()

    second = MetricsFolder()

    assert folders(temporary) == {first.path, second.path}
    first.remove()
    second.remove()


def test_a_link_to_somewhere_else_is_not_followed(
    temporary: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "kept").touch()
    (temporary / f"{PREFIX}link").symlink_to(elsewhere)

    MetricsFolder().remove()

    assert (elsewhere / "kept").exists()


@pytest.mark.process
@pytest.mark.xdist_group("kills")
@pytest.mark.parametrize("server", SERVERS)
def test_what_a_killed_web_server_left_goes_with_the_next_start(tmp_path: Path, server: str) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (tmp_path / "hub").mkdir()
    with running_hub(tmp_path / "hub", TMPDIR=str(temporary), WEB_CONCURRENCY="2", SERVER=server) as hub:
        killed = hub.start_web()
        (left,) = folders(temporary)
        # Both processes count, and are added up; the second may start after the first answers.
        wait_until(lambda: len(list(left.glob("counter_*.db"))) == 2)

        kill_master(killed)
        assert folders(temporary) == {left}

        next_one = hub.start_web()
        (fresh,) = folders(temporary)
        assert fresh != left
        beside = Hub(hub.folder, settings=hub.settings)
        other = beside.start_web()
        assert len(folders(temporary)) == 2
        assert fresh in folders(temporary)
        # A process of granian that still starts lets its master wait for half a minute.
        os.kill(other.pid, signal.SIGTERM)
        assert other.wait(PATIENCE_S) == 0
        assert folders(temporary) == {fresh}

        os.kill(next_one.pid, signal.SIGTERM)
        assert next_one.wait(PATIENCE_S) == 0
        assert folders(temporary) == set()


@pytest.mark.process
@pytest.mark.xdist_group("kills")
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("starts_for_s", [0.0, 0.5])
def test_processes_that_still_start_end_with_their_master_too(
    tmp_path: Path, server: str, starts_for_s: float
) -> None:
    (tmp_path / "hub").mkdir()
    with running_hub(tmp_path / "hub", WEB_CONCURRENCY="2", SERVER=server) as hub:
        web = hub.start("-m", "iikohub.operations.web_server")
        wait_until(lambda: len(psutil.Process(web.pid).children()) == 2)
        time.sleep(starts_for_s)

        kill_master(web)


def kill_master(web: Process) -> None:
    """End the master as the kernel does when memory is short; its workers notice and go."""
    workers = psutil.Process(web.pid).children()
    web.kill()
    web.wait(5)
    wait_until(lambda: not any(worker.is_running() for worker in workers))
