"""A resolver that hangs holds nobody up: the lookup has a limit, and what comes late is of use."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from iiko_client.client import IikoClient
from iiko_client.http.errors import IikoNotSent
from iiko_client.http.exchange import Timeouts
from iiko_client.http.names import Names, names
from iiko_client.tests.harness import CORRELATION, ORG
from iiko_client.tests.test_exchange import answer, server, transport_to

NAME = "iiko.example"


class Resolver:
    """Answers for one name when it is let go, with the addresses of the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.let_go = threading.Event()
        self.addresses = ["127.0.0.1"]
        self.asked = 0
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if host != NAME:
            return self._real(host, port, *rest, **options)
        self.asked += 1
        self.let_go.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in self.addresses]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    names.forget()
    hanging = Resolver(monkeypatch)
    yield hanging
    hanging.let_go.set()
    names.forget()


def test_lookup_that_hangs_is_given_up_and_its_answer_serves_the_next(resolver: Resolver) -> None:
    asking = Names()

    with pytest.raises(socket.gaierror, match=r"was not resolved within 0\.1 s"):
        asking.resolve(NAME, 443, within_s=0.1)
    resolver.let_go.set()

    end = time.monotonic() + 5
    while not asking._late and time.monotonic() < end:
        time.sleep(0.01)
    found = asking.resolve(NAME, 443, within_s=0.1)
    assert [address for *_rest, address in found] == [("127.0.0.1", 443)]
    assert resolver.asked == 1
    asking.resolve(NAME, 443, within_s=5)
    assert resolver.asked == 2  # a late answer serves once


def test_many_who_ask_for_one_name_share_a_lookup(resolver: Resolver) -> None:
    asking = Names()

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(asking.resolve, NAME, 443, within_s=10) for _ in range(8)]
        while resolver.asked == 0 or not all(one.running() for one in answers):
            time.sleep(0.01)
        resolver.let_go.set()
        found = [one.result(5) for one in answers]

    assert resolver.asked == 1
    assert found == [found[0]] * 8


def test_call_to_a_name_that_hangs_is_known_not_to_have_been_sent(resolver: Resolver) -> None:
    timeouts = Timeouts(connect_s=0.2, read_s=1.1, margin_s=1)
    began = time.monotonic()

    with (
        closing(transport_to(f"http://{NAME}", timeouts=timeouts)) as transport,
        pytest.raises(IikoNotSent, match="no connection to iiko"),
    ):
        IikoClient(transport).confirm(organization_id=ORG, order_id=ORG)

    assert time.monotonic() - began < 5  # the resolver takes 10


def test_name_of_several_addresses_leads_to_the_one_that_answers(resolver: Resolver) -> None:
    resolver.let_go.set()
    resolver.addresses = ["127.0.0.2", "127.0.0.1"]  # nobody listens at the first

    with (
        server(answer(f'{{"correlationId": "{CORRELATION}"}}'.encode())) as url,
        closing(transport_to(url.replace("127.0.0.1", NAME))) as transport,
    ):
        answered = IikoClient(transport).confirm(organization_id=ORG, order_id=ORG)

    assert answered.correlation_id == CORRELATION
    assert resolver.asked == 1
