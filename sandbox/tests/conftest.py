"""Fixtures of the sandbox's tests."""

from collections.abc import Iterator

import pytest

from sandbox.run import serving
from sandbox.tests.harness import Harness, open_harness
from sandbox.tests.hub import Hub


@pytest.fixture
def harness() -> Harness:
    """Give a simulator that creates no orders by itself."""
    return open_harness(rate=0)


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    with serving(server, poll_s=0.01):
        yield server
        server.opened.set()
