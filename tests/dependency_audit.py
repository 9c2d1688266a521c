"""``python -m tests.dependency_audit PIP_AUDIT``: ask whether what is locked has known vulnerabilities.

Ends with 1 where it has one that ``.ci/audit-ignore.toml`` does not excuse. Where the advisory service cannot
be reached, or does not know the packages (a mirror without advisories), it says so and ends with 0: then
nothing was checked, which is no reason to stop a build, nor to call it clean.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
IGNORED = ROOT / ".ci" / "audit-ignore.toml"
LOCKED = ("requirements.txt", "requirements-dev.txt")
PATIENCE_S = 300


@dataclass(frozen=True, slots=True)
class Ignored:
    """A vulnerability that does not concern the hub, why, and until when somebody looked."""

    id: str
    reason: str
    until: date


@dataclass(frozen=True, slots=True)
class AuditResult:
    is_bad: bool
    lines: list[str]


def read_ignored(text: str) -> list[Ignored]:
    """Read the list; each entry has an id, a reason and a date.

    Raises:
        ValueError: one lacks any of them.
    """
    found = []
    for one in tomllib.loads(text).get("ignore", []):
        ident, reason, until = one.get("id"), one.get("reason"), one.get("until")
        if not ident or not reason or not isinstance(until, date):
            raise ValueError(f"An entry of {IGNORED.name} needs an id, a reason and a date (until): {one}")
        found.append(Ignored(ident, reason, until))
    return found


def judge(code: int, answer: str, complaint: str, *, ignored: Iterable[Ignored], today: date) -> AuditResult:
    """Say what an answer of pip-audit means: its exit code, what it printed, and its complaints."""
    try:
        packages: list[Mapping[str, Any]] = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        if code == 0:
            return AuditResult(True, ["pip-audit answered what nobody can read.", answer[-500:]])
        last = complaint.strip().splitlines()[-1:] or ["no reason was given"]
        return AuditResult(False, ["NOT CHECKED: the advisory service did not answer.", *last])
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    if len(unknown) == len(packages):
        return AuditResult(
            False, ["NOT CHECKED: the advisory service knows none of the packages (a mirror?)."]
        )
    excused = {one.id: one for one in ignored}
    lines, is_bad = [], False
    for package in packages:
        for found in package.get("vulns", ()):
            names = {found["id"], *found.get("aliases", ())}
            excuse = next((excused[name] for name in names if name in excused), None)
            is_excused = excuse is not None and today <= excuse.until
            is_bad = is_bad or not is_excused
            lines.append(_line(package, found, excuse, is_excused=is_excused))
    if unknown:
        lines.append(f"Not known to the service, and not checked: {', '.join(unknown)}.")
    checked = len(packages) - len(unknown)
    return AuditResult(
        is_bad, [*lines, f"{checked} packages checked, {'see above' if lines else 'none is vulnerable'}."]
    )


def _line(
    package: Mapping[str, Any], found: Mapping[str, Any], excuse: Ignored | None, *, is_excused: bool
) -> str:
    fixed = ", ".join(found.get("fix_versions", ())) or "none yet"
    what = f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}"
    if excuse is None:
        return f"VULNERABLE {what}"
    if is_excused:
        return f"ignored until {excuse.until}: {what} ({excuse.reason})"
    return f"VULNERABLE {what}; it was ignored until {excuse.until}: look again ({excuse.reason})"


def _ask(program: str, locked: Path) -> tuple[int, str, str]:
    options = ("--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off")
    try:
        ended = subprocess.run(
            [program, *options, "--timeout", "15", "-r", str(locked)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, "", f"no answer in {PATIENCE_S} seconds"
    return ended.returncode, ended.stdout, ended.stderr


def main(program: str) -> int:
    ignored = read_ignored(IGNORED.read_text())
    is_bad = False
    for name in LOCKED:
        result = judge(*_ask(program, ROOT / name), ignored=ignored, today=date.today())  # noqa: DTZ011  # a day of the machine is near enough
        sys.stdout.write("".join(f"{name}: {line}\n" for line in result.lines))
        is_bad = is_bad or result.is_bad
    return int(is_bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
