"""What ``make fuzz`` prints: the seed it searches by, how far it is, and what it found at the end."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

_SEED, _EXAMPLES = os.environ.get("FUZZ_SEED", "0"), os.environ.get("FUZZ_EXAMPLES", "0")


class Progress:
    """Counts what tests note by ``record_property``, whichever worker runs them."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.requests: Counter[str] = Counter()
        self.operations: set[str] = set()
        self.failures: set[str] = set()

    def note(self, report: pytest.TestReport) -> str:
        """Add what a test asked; return it in words."""
        noted: dict[str, Any] = dict(report.user_properties)
        if (asked := noted.get("fuzz")) is None:
            return ""
        self.requests[asked["kind"]] += asked["requests"]
        self.operations |= set(asked["operations"])
        self.failures |= set(noted["fuzz_failures"])
        span = time.monotonic() - self.began
        found = f", {len(noted['fuzz_failures'])} FAILURES" if noted["fuzz_failures"] else ""
        return (
            f"[{span:4.0f} s] {asked['kind']}: {asked['requests']} requests, "
            f"{len(asked['operations'])} operations in {report.duration:.0f} s{found}"
        )

    def summary(self) -> Iterator[str]:
        asked = ", ".join(f"{count} of {kind}" for kind, count in sorted(self.requests.items()))
        yield f"{len(self.operations)} operations, {self.requests.total()} requests ({asked})"
        yield f"{len(self.failures)} kinds of failures, in {time.monotonic() - self.began:.0f} s"
        yield from sorted(self.failures)
        yield f"the same search again: make fuzz FUZZ_SEED={_SEED} FUZZ_EXAMPLES={_EXAMPLES}"


class Printer:
    """The plugin of the process that people look at; workers have none."""

    def __init__(self, config: pytest.Config) -> None:
        self._config, self._progress = config, Progress()

    def pytest_report_header(self) -> str:
        return f"fuzz: FUZZ_SEED={_SEED}, {_EXAMPLES} examples of each kind for each operation"

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and (line := self._progress.note(report)):
            reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
            reporter.ensure_newline()
            reporter.write_line(line)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("fuzz")
        for line in self._progress.summary():
            terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.pluginmanager.register(Printer(config))
