"""``python -m tests.image build|run|health FOLDER``: the steps of the Dockerfile without Docker.

``build`` makes a clean folder that stands for the root of the container; all stages share it, and nobody may
write in it but in .data and /tmp. ``run`` starts the image's command, or another, with the container's
environment; root, whom no mode of a file stops, has it mounted read-only where it may mount. Only the
standard library is needed.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.production_files import ROOT, copy_production_files

DOCKERFILE = ROOT / "Dockerfile"
_READ_ONLY = """
mount --bind "$0" "$0"
for written in app/.data tmp; do mount --bind "$0/$written" "$0/$written"; done
mount -o remount,bind,ro "$0"
cd "$0/app"
exec "$@"
"""
_OWN_FOLDERS = re.compile(r"(?<![\w/])/(?=(?:opt|app)\b)")


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    words: str


def steps() -> list[Step]:
    """Read the instructions, a line each."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line and not line.startswith("#")]
    return [Step(*line.split(" ", 1)) for line in lines]


def _may_mount() -> bool:
    tried = ["unshare", "--mount", "sh", "-c", "mount --bind /tmp /tmp"]
    return os.geteuid() == 0 and subprocess.run(tried, capture_output=True, check=False).returncode == 0


class Image:
    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.tmp = self.folder / "tmp"

    def inside(self, words: str) -> str:
        """Turn the image's own paths into those of the folder."""
        return _OWN_FOLDERS.sub(f"{self.folder}/", words)

    def build(self) -> None:
        """Carry out COPY and RUN, stage by stage.

        Raises:
            subprocess.CalledProcessError: a step failed.
        """
        self.folder.mkdir(parents=True)
        self.tmp.mkdir()
        self.tmp.chmod(0o1777)
        env, at = self._outer_env(), self.folder
        for step in steps():
            match step.name:
                case "ENV":
                    env |= self._variables(step.words, env)
                case "WORKDIR":
                    at = Path(self.inside(step.words))
                    at.mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(step.words, at)
                case "RUN":
                    self._run(step.words, at, env)
        self._forbid_writing()

    def _copy(self, words: str, at: Path) -> None:
        what, to = shlex.split(words)[-2:]
        if words.startswith("--from="):
            assert what == to, "stages share one folder"
        elif what == ".":
            copy_production_files(at)
        else:
            shutil.copy2(ROOT / what, at / to)

    def _run(self, words: str, at: Path, env: Mapping[str, str]) -> None:
        if words.startswith("useradd "):
            return
        command = re.sub(r" && chown [^&]*", "", words)  # the account is the image's own
        print(f"--- RUN {command}", flush=True)  # noqa: T201  # a command's answer
        subprocess.run(["sh", "-ec", self.inside(command)], cwd=at, env=env, check=True)

    def _forbid_writing(self) -> None:
        for folder, folders, files in os.walk(self.folder):
            folders[:] = [name for name in folders if name not in {".data", "tmp"}]
            for path in (Path(folder), *(Path(folder, name) for name in files)):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode & ~0o222)

    def run(self, command: Sequence[str] = ()) -> None:
        """Become the command, CMD if none is given."""
        env = self._outer_env()
        for step in steps():
            if step.name == "ENV":
                env |= self._variables(step.words, env)
        os.chdir(self.folder / "app")
        words = [*command] or self._exec_form("CMD")
        if _may_mount():
            words = ["unshare", "--mount", "sh", "-ec", _READ_ONLY, str(self.folder), *words]
        os.execvpe(words[0], words, env)

    def health(self) -> None:
        """Become the health check."""
        self.run(self._exec_form("HEALTHCHECK"))

    def _exec_form(self, name: str) -> list[str]:
        (words,) = (step.words for step in steps() if step.name == name)
        found: list[str] = json.loads(words[words.index("[") :])
        return found

    def _variables(self, words: str, env: Mapping[str, str]) -> dict[str, str]:
        """Read an ENV line; what is set from outside wins, as with ``docker run --env``."""
        pairs = (word.split("=", 1) for word in shlex.split(words))
        set_here = {name: self.inside(value).replace("$PATH", env["PATH"]) for name, value in pairs}
        return {name: value for name, value in set_here.items() if name == "PATH" or name not in os.environ}

    def _outer_env(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))
        }
        return kept | {"HOME": str(self.folder / "app"), "TMPDIR": str(self.tmp)}


if __name__ == "__main__":
    verb, place, *rest = sys.argv[1:]
    image = Image(Path(place))
    match verb:
        case "build":
            image.build()
        case "run":
            image.run(rest)
        case "health":
            image.health()
        case _:
            sys.exit(f"build, run or health, not {verb}")
