"""Which servers a login may name: public ones over https, unless the installation allows others."""

import socket
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from core.errors import HubError
from iiko_client.http import addresses
from iiko_client.http.errors import IikoNotSent
from organizations.connection.call_log import call_log
from organizations.connection.clients import client_for
from organizations.models.connection import ApiCall, ApiLogin
from organizations.tests.test_connection_admin import form
from tests.builders import ORGANIZATION_ID
from tests.pages import LOGINS, sign_in_superuser
from tests.simulated_iiko import make_login

pytestmark = pytest.mark.django_db

NOT_PUBLIC = (
    "http://iiko.example",
    "https://127.0.0.1",
    "https://127.1",
    "https://2130706433",
    "https://0x7f000001",
    "https://localhost",
    "https://hub.localhost.",
    "https://metadata",
    "https://metadata.google.internal",
    "https://10.0.0.7",
    "https://172.16.0.1:8443",
    "https://192.168.1.1",
    "https://100.64.0.1",
    "https://169.254.169.254",
    "https://0.0.0.0",
    "https://224.0.0.1",
    "https://[::1]",
    "https://[::]",
    "https://[::ffff:127.0.0.1]",
    "https://[fe80::1]",
    "https://[fd00::1]",
    "https://[64:ff9b::a9fe:a9fe]",
    "https://[2002:7f00:1::]",
    "https://[fec0::1]",
    "https://[::7f00:1]",
    "https://[64:ff9b:1::7f00:1]",
)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_form_takes_no_address_that_is_not_public(client: Client, address: str) -> None:
    sign_in_superuser(client)

    page = client.post(f"{LOGINS}add/", form(base_url=address), headers={"Accept-Language": "en"})

    assert "Write a public address with https." in page.text
    assert ApiLogin.objects.count() == 0


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_address_that_stands_there_already_is_not_called(address: str) -> None:
    with pytest.raises(HubError, match="cannot be used: the address of iiko must"):
        client_for(make_login(base_url=address))


@pytest.mark.parametrize(
    "address", ["https://api-ru.iiko.services", "https://8.8.8.8", "https://[2606:4700::1111]"]
)
def test_public_address_is_taken(client: Client, address: str) -> None:
    sign_in_superuser(client)

    client.post(f"{LOGINS}add/", form(base_url=address))

    assert ApiLogin.objects.get().base_url == address


def test_installation_allows_what_it_likes(client: Client, settings: LazySettings) -> None:
    settings.IIKO_ALLOW_PRIVATE_ADDRESSES = True
    sign_in_superuser(client)

    client.post(f"{LOGINS}add/", form(base_url="http://10.0.0.7:8001"))

    client_for(ApiLogin.objects.get(base_url="http://10.0.0.7:8001"))


def test_installations_own_server_may_be_private(settings: LazySettings) -> None:
    settings.IIKO_API_URL = "http://127.0.0.1:8001"

    client_for(make_login(base_url=""))
    client_for(make_login(name="same", base_url="http://127.0.0.1:8001"))


class Listening:
    """A server in the local network: it must not even be connected to."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def was_called(self) -> bool:
        self.socket.settimeout(0.2)
        try:
            self.socket.accept()[0].close()
        except TimeoutError:
            return False
        return True


@pytest.fixture
def listening() -> Any:
    one = Listening()
    yield one
    one.socket.close()


def leads_to(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Resolve ``iiko.example`` to these addresses, one lookup after the other."""
    real, coming = socket.getaddrinfo, list(answers)

    def lookup(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "iiko.example" or kwargs.get("flags"):
            return real(host, port, *args, **kwargs)
        address = coming.pop(0) if len(coming) > 1 else coming[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_name_is_asked_for_once_and_what_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch, "8.8.8.8", "127.0.0.1")
    tried: list[Any] = []

    def refuse(address: Any, *_args: Any, **_options: Any) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(addresses, "create_connection", refuse)

    with pytest.raises(IikoNotSent):
        client_for(make_login(base_url="https://iiko.example:444")).cancel_causes(
            organization_id=ORGANIZATION_ID
        )

    assert tried == [("8.8.8.8", 444)]


def test_name_that_leads_inside_brings_no_answer(
    listening: Listening, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    leads_to(monkeypatch, "127.0.0.1")
    login = make_login(base_url=f"https://iiko.example:{listening.port}")

    with pytest.raises(IikoNotSent, match="the address of iiko is not a public one"):
        client_for(login).cancel_causes(organization_id=ORGANIZATION_ID)

    assert not listening.was_called()
    call_log.flush()
    assert {
        (one.http_status, one.response, one.response_text, one.error_code) for one in ApiCall.objects.all()
    } == {(None, None, "", "address_refused")}
    assert "IIKO_ALLOW_PRIVATE_ADDRESSES" in ApiLogin.objects.get().last_error


def test_public_addresses_are_told_from_others() -> None:
    found = {
        one: addresses.is_public(one) for one in ("8.8.8.8", "64:ff9b::808:808", "::ffff:8.8.8.8", "10.1.1.1")
    }

    assert found == {"8.8.8.8": True, "64:ff9b::808:808": True, "::ffff:8.8.8.8": True, "10.1.1.1": False}
