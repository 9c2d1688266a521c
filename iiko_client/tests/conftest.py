"""One played iiko for each test."""

from collections.abc import Iterator

import pytest
import responses

from iiko_client.client import IikoClient
from iiko_client.tests.harness import Stub


@pytest.fixture
def iiko() -> Iterator[Stub]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        stub = Stub(mock)
        stub.gives_tokens()
        yield stub


@pytest.fixture
def client(iiko: Stub) -> IikoClient:
    return IikoClient(iiko.transport())
