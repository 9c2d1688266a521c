"""Fixtures of the sandbox's tests."""

from __future__ import annotations

import pytest

from sandbox.tests.harness import Harness, open_harness


@pytest.fixture
def harness() -> Harness:
    """Give a simulator that creates no orders by itself."""
    return open_harness(rate=0)
