"""Addresses: what is taken and refused, what plug-ins may do, and what nobody is told of an address."""

import logging
import os
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
import responses
from django.conf import LazySettings
from django.utils import translation

from attention.notifications import plan
from attention.notifications.errors import words
from attention.notifications.guard import Refused, guarded
from attention.notifications.services import (
    BadAddress,
    check_address,
    deliver,
    schema_of,
)
from attention.notifications.text import Message
from attention.tests.receivers import NOON, Receiver, look, make_channel, receiving

HELLO = Message(7, "a title", "a text")
TELEGRAM = "tgram://123456789:AAqzxsecret_token-of-a-bot/-1001234567890"
VK = "vk://vk1.a.QZXsecret-token_Of/2000000001"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def lan(settings: LazySettings) -> None:
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = True


# --- addresses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "shown", "service"),
    [
        (TELEGRAM, "tgram://…", "Telegram"),
        ("mailtos://user:qzxsecret@example.com?to=chef@example.com", "mailtos://example.com/…", "E-Mail"),
        (VK, "vk://…", "VK"),
        ("jsons://user:qzxsecret@example.com/hook?+X-Key=qzxsecret", "jsons://example.com/…", "JSON"),
        (
            "https://discord.com/api/webhooks/4174/qzxsecretHI8qBe7bk2ZwO5U711o",
            "discord://…",
            "Discord",
        ),
    ],
)
def test_address_is_taken_and_shown_without_its_secrets(address: str, shown: str, service: str) -> None:
    assert check_address(address) == (service, shown)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "no address that the hub knows"),
        ("qzx", "no address that the hub knows"),
        ("nosuch://example.com", "no address that the hub knows"),
        ("https://example.com/hook", "write json:// instead of http://"),
        ("tgram://1", "missing or wrong"),
        ("vk://token/chat", "missing or wrong"),
        ("mqtt://example.com/topic", "needs a package of Python that is not installed here: paho-mqtt"),
        ("mailtos://u:p@example.com?to=a@example.com,b@example.com", "Write one recipient"),
        ("tgram://123456789:AAqzxsecret_token-of-a-bot/1/2", "Write one recipient"),
        *((f"{schema}://", "stays on the hub's own machine") for schema in ("syslog", "dbus", "windows")),
        ("macosx://?click=http://localhost", "stays on the hub's own machine"),
        ("json://localhost/", "Write a public address"),
        ("json://hub/", "Write a public address"),
        ("json://2130706433/", "Write a public address"),
        ("jsons://10.0.0.5:8080/x", "Write a public address"),
        ("json://169.254.169.254/latest", "Write a public address"),
        ("mailto://u:p@192.168.1.4", "Write a public address"),
    ],
)
def test_address_is_refused_in_words(address: str, said: str) -> None:
    with pytest.raises(BadAddress) as refused:
        check_address(address)

    assert said in str(refused.value)
    assert "qzxsecret" not in str(refused.value)


@pytest.mark.usefixtures("lan")
def test_private_address_is_taken_where_the_environment_allows_it() -> None:
    check_address("json://10.0.0.5:8080/x")


# --- what is not done ----------------------------------------------------------------------------------


def test_nothing_is_sent_to_a_private_address(receiver: Receiver) -> None:
    assert deliver(receiver.address, HELLO) == "private_address"

    assert receiver.got == []


def test_name_that_leads_to_a_private_address_is_refused(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", receiver.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: found)

    assert deliver(f"json://hook.example.com:{receiver.port}/", HELLO) == "private_address"

    assert receiver.got == []


@pytest.mark.usefixtures("lan")
@pytest.mark.parametrize("choice", ["", "?redirect=yes"])
def test_redirect_is_not_followed(receiver: Receiver, choice: str) -> None:
    with receiving() as other:
        receiver.answers, receiver.headers = [307], {"Location": f"http://127.0.0.1:{other.port}/"}

        error = deliver(receiver.address + choice, HELLO)

        assert other.got == []
    assert error == "http_307"
    assert words(error) == (
        "The receiver says that it has moved. Enter the address at which it is now. (HTTP 307)"
    )


def test_receiver_that_does_not_end_its_answer_is_cut_off() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    began = monotonic()

    with guarded(may_be_private=True, within_s=0.3) as watched, server:
        client = socket.create_connection(server.getsockname())
        client.settimeout(30)
        assert client.recv(1) == b""

    assert watched.error == "no_answer"
    assert monotonic() - began < 5
    client.close()


def test_plug_in_that_goes_on_after_its_time_makes_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with guarded(may_be_private=True) as watched, socket.socket() as made_before:
            watched.cut()
            with pytest.raises(Refused):
                made_before.connect(address)
            with pytest.raises(Refused):
                socket.create_connection(address)

    assert watched.error == "no_answer"


@pytest.mark.usefixtures("lan")
def test_receiver_that_is_not_there_is_told_from_one_that_refuses(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    receiver.answers = [403]

    assert deliver(f"json://127.0.0.1:{port}/", HELLO) == "no_answer"
    assert deliver(receiver.address, HELLO) == "http_403"
    assert (
        deliver(f"mailto://u:p@127.0.0.1:{port}?from=a@example.com&to=b@example.com", HELLO) == "mail_failed"
    )


def test_plug_in_may_start_no_program_and_open_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("qzx")

    with guarded(may_be_private=True) as watched:
        with pytest.raises(Refused):
            secret.read_text()
        with pytest.raises(Refused):
            (tmp_path / "new").write_text("x")
        with pytest.raises(Refused):
            subprocess.run(["true"], check=False)
        with pytest.raises(Refused):
            os.system("true")
        with pytest.raises(Refused):
            os.truncate(secret, 0)
        with pytest.raises(Refused):
            os.chown(secret, os.getuid(), os.getgid())
        with pytest.raises(Refused):
            os.utime(secret)
        with pytest.raises(Refused):
            sqlite3.connect(":memory:")
        with socket.socket() as one, pytest.raises(Refused):
            one.bind(("127.0.0.1", 0))
        Path(os.__file__).read_bytes()  # a module of Python

    assert watched.error == "local_access"
    assert secret.read_text() == "qzx"
    assert not (tmp_path / "new").exists()


# The attachment of apprise that was refused half made complains when it goes.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@responses.activate
def test_file_that_an_address_names_is_not_sent(tmp_path: Path) -> None:
    template = tmp_path / "card.json"
    template.write_text('{"text": "qzx"}')
    address = (
        "workflow://prod.westeurope.logic.azure.com:443/0123456789abcdef0123456789abcdef"
        f"/0123456789abcdef-0123456789abcdef/?template={template}"
    )

    assert deliver(address, HELLO) == "local_access"

    assert len(responses.calls) == 0


def test_sockets_of_this_machine_are_no_receivers() -> None:
    with guarded(may_be_private=False), socket.socket(socket.AF_UNIX) as one, pytest.raises(Refused):
        one.connect("/run/anything.sock")


# --- VK ------------------------------------------------------------------------------------------------


@responses.activate
def test_vk_gets_the_number_by_which_it_drops_a_repeat() -> None:
    responses.post("https://api.vk.com/method/messages.send", json={"response": 5})

    assert deliver(VK, HELLO) == ""

    sent = dict(pair.split("=") for pair in str(responses.calls[0].request.body).split("&"))
    assert sent == {
        "access_token": "vk1.a.QZXsecret-token_Of",
        "v": "5.199",
        "peer_id": "2000000001",
        "random_id": "7",
        "message": "a+title%0D%0Aa+text",
        "dont_parse_links": "1",
    }


@responses.activate
@pytest.mark.parametrize(("code", "error"), [(5, "http_401"), (901, "http_403"), (1, "http_500")])
def test_what_vk_refuses_with_200_is_refused(code: int, error: str) -> None:
    body = {"error": {"error_code": code, "error_msg": "no: vk1.a.QZXsecret-token_Of"}}
    responses.post("https://api.vk.com/method/messages.send", json=body)

    assert deliver(VK, HELLO) == error


# --- what nobody is told -------------------------------------------------------------------------------


@responses.activate
@pytest.mark.django_db
@pytest.mark.parametrize("address", [TELEGRAM, VK], ids=schema_of)
def test_secrets_are_neither_logged_nor_kept_in_errors(
    address: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    responses.add_callback(
        "POST",
        "https://api.telegram.org/bot123456789:AAqzxsecret_token-of-a-bot/sendMessage",
        lambda request: (401, {}, '{"ok": false, "description": "Unauthorized ' + str(request.url) + '"}'),
    )
    responses.post("https://api.vk.com/method/messages.send", status=401)
    channel = make_channel(address=address)
    plan.plan_test(channel, now=NOON)

    with caplog.at_level(logging.DEBUG):
        look(NOON)

    channel.refresh_from_db()
    written = caplog.text + "".join(capfd.readouterr())
    assert channel.last_error == "http_401"
    assert "notifications.not_sent" in written
    for part in ("qzxsecret", "QZXsecret", "123456789"):
        assert part not in written


def test_what_stands_before_an_address_is_not_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    address = "123:qzxsecret tgram://x"

    with caplog.at_level(logging.DEBUG), pytest.raises(BadAddress):
        check_address(address)

    assert schema_of(address) == ""
    assert schema_of("TGram://x") == "tgram"

    assert "qzxsecret" not in caplog.text + "".join(capfd.readouterr())


def test_what_apprise_says_of_itself_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(BadAddress):
        check_address("tgram://qzxsecret")

    assert "qzxsecret" not in caplog.text
