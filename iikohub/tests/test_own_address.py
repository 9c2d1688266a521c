"""Whether the public address leads to this hub: what is asked, what counts as an answer, and how often."""

import socket
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from django.test import Client
from pytest_django import Settings

from core.database import db_clock
from iiko_client.http import addresses
from iikohub.first_steps import reach
from iikohub.first_steps.address import AddressStep
from iikohub.first_steps.proof import proof_of
from iikohub.first_steps.step import Finding
from iikohub.models import AddressCheck
from iikohub.tasks import ask_own_address
from tests.builders import arrive, cloud_event, make_organization
from tests.pages import sign_in_superuser
from webhooks.models.inbox import WebhookConfig

pytestmark = pytest.mark.django_db

BASE = "https://hub.example.com"
NONCE = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _address(settings: Settings) -> None:
    settings.WEBHOOK_BASE_URL = BASE
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def web(client: Client) -> Any:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def this_hub_answers(web: responses.RequestsMock) -> None:
    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        told = Client().get(f"/healthz?{urlsplit(str(request.url)).query}")
        return told.status_code, {}, told.content

    web.add_callback(responses.GET, f"{BASE}/healthz", callback=answer)


def found(now: datetime | None = None) -> Finding:
    return AddressStep().look(now or db_clock.now())


def test_healthz_proves_to_a_nonce_which_hub_it_is(client: Client, settings: Settings) -> None:
    told = client.get("/healthz", {"nonce": NONCE}).json()

    assert told == {"status": "ok", "proof": proof_of(NONCE)}
    settings.SECRET_KEY = "of another hub"
    assert client.get("/healthz", {"nonce": NONCE}).json()["proof"] != told["proof"]


@pytest.mark.parametrize("nonce", ["", "short", NONCE.upper(), NONCE + "0", NONCE + "\n", "٣" * 32])
def test_healthz_signs_nothing_but_a_nonce(client: Client, nonce: str) -> None:
    assert client.get("/healthz", {"nonce": nonce}).json() == {"status": "ok"}


def test_without_an_address_it_says_what_to_set(settings: Settings) -> None:
    settings.WEBHOOK_BASE_URL = ""

    assert not found().is_done
    assert found().sentence == "The hub does not know by which address iiko reaches it."
    assert found().command == "WEBHOOK_BASE_URL=https://hub.example.com"
    assert reach.ask_now(now=db_clock.now()) is None


def test_button_asks_and_this_hub_is_recognised(client: Client, web: responses.RequestsMock) -> None:
    this_hub_answers(web)
    sign_in_superuser(client)
    assert found().sentence == "Nobody has asked yet whether the hub answers at https://hub.example.com."
    button = found().button
    assert button is not None

    client.post(button.url)

    assert found().is_done
    assert found().sentence.startswith("https://hub.example.com answers, and it is this hub. Asked ")
    assert "its own way" in found().advice
    [call] = web.calls
    nonces = parse_qs(urlsplit(str(call.request.url)).query)["nonce"]
    assert [len(nonce) for nonce in nonces] == [32]


SLOW = requests.ReadTimeout("slow")
UNKNOWN_NAME = requests.ConnectionError(
    requests.packages.urllib3.exceptions.NameResolutionError("hub.example.com", None, socket.gaierror(-2))  # type: ignore[attr-defined]
)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"json": {"status": "ok"}}, "Something answers at https://hub.example.com, but it is not this hub."),
        (
            {"json": {"proof": "0" * 64}},
            "Something answers at https://hub.example.com, but it is not this hub.",
        ),
        ({"json": ["proof"]}, "Something answers at https://hub.example.com, but it is not this hub."),
        ({"body": "<html>Welcome to nginx"}, "Something answers at https://hub.example.com, but"),
        ({"body": b"\xff" * 100_000}, "Something answers at https://hub.example.com, but"),
        ({"status": 502}, "https://hub.example.com answers with an error: HTTP 502."),
        (
            {"status": 301, "headers": {"Location": "https://www.example.com/healthz?nonce=1"}},
            "https://hub.example.com redirects to https://www.example.com/healthz.",
        ),
        (
            {"body": requests.exceptions.SSLError("expired")},
            "The certificate at https://hub.example.com is not",
        ),
        ({"body": SLOW}, "Nobody answers at https://hub.example.com."),
        ({"body": requests.ConnectionError("refused")}, "Nobody answers at https://hub.example.com."),
        ({"body": UNKNOWN_NAME}, "The name in https://hub.example.com is not known"),
    ],
)
def test_whatever_else_answers_is_told_apart(
    web: responses.RequestsMock, answer: dict[str, Any], words: str
) -> None:
    web.add(responses.GET, f"{BASE}/healthz", **answer)

    reach.ask_now(now=db_clock.now())

    assert not found().is_done
    assert found().sentence.startswith(words)
    assert found().command == "curl -i https://hub.example.com/healthz"
    assert len(web.calls) == 1  # a redirect is not followed


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://hub.example.com", "http://hub.example.com is not an https:// address"),
        ("https://10.0.0.7", "From here https://10.0.0.7 leads to a private address"),
        ("https://localhost:8443", "From here https://localhost:8443 leads to a private address"),
    ],
)
def test_private_address_is_asked_only_where_settings_allow_it(
    web: responses.RequestsMock, settings: Settings, address: str, words: str
) -> None:
    settings.WEBHOOK_BASE_URL = address

    reach.ask_now(now=db_clock.now())

    assert found().sentence.startswith(words)
    assert len(web.calls) == 0

    settings.IIKO_ALLOW_PRIVATE_ADDRESSES = True
    web.add(responses.GET, f"{address}/healthz", status=503)
    reach.ask_now(now=db_clock.now())
    assert found().sentence.startswith(f"{address} answers with an error: HTTP 503.")


def test_name_that_leads_to_a_private_address_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        addresses.socket,  # type: ignore[attr-defined]  # the module's own import
        "getaddrinfo",
        lambda *_args, **_options: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 443))],
    )

    assert reach.ask(BASE, only_public=True) == ("private", "")


def test_result_is_kept_for_a_while_and_asked_anew_for_another_address(
    web: responses.RequestsMock, settings: Settings
) -> None:
    this_hub_answers(web)
    now = db_clock.now()

    asked = [reach.ask_if_due(now=now + timedelta(minutes=minutes)) for minutes in (0, 1, 59, 61)]

    assert asked == [True, False, False, True]
    assert AddressCheck.objects.count() == 1
    settings.WEBHOOK_BASE_URL = "https://new.example.com"
    assert not found().is_done
    web.add(responses.GET, "https://new.example.com/healthz", status=500)
    later = now + timedelta(minutes=62)
    asked = [reach.ask_if_due(now=later + timedelta(seconds=seconds)) for seconds in (0, 5, 60)]
    assert asked == [True, False, True]


def test_worker_asks_by_the_clock(web: responses.RequestsMock) -> None:
    this_hub_answers(web)

    ask_own_address.func()

    assert found().is_done


def test_event_from_iiko_proves_its_way_where_the_hub_cannot(web: responses.RequestsMock) -> None:
    web.add(responses.GET, f"{BASE}/healthz", body=requests.ConnectTimeout("no way back in"))
    make_organization()
    reach.ask_now(now=db_clock.now())
    WebhookConfig.objects.update(
        registration_status="registered",
        webhook_url=f"{BASE}/api/v1/webhooks/iiko",
        last_registration=db_clock.now() - timedelta(minutes=1),
    )
    assert not found().is_done
    assert "the first event from iiko settles this step" in found().advice

    arrive(cloud_event())

    assert found().is_done
    assert found().sentence == "iiko's events come in by https://hub.example.com."
    WebhookConfig.objects.update(webhook_url="https://former.example.com/api/v1/webhooks/iiko")
    assert not found().is_done
