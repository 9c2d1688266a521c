"""Under which names the hub answers, whose forms it takes, and what it says when it does not."""

from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from iikohub.configuration.addresses import base_url, host_names, host_of, origins_of, trusted_origins
from iikohub.tests.test_settings import settings as read_settings
from tests.builders import RECEIVE_URL, authorized, make_key
from tests.hub_process import running_hub
from tests.pages import text

LOGIN = "/admin/login/"
ENGLISH = {"Accept-Language": "en"}
UNKNOWN_HOSTS = [
    "172.19.17.130:8000",
    "iikohub_web:8000",
    "10.0.3.7:8000",
    "other.example.com",
    "[::1]:9",
    "a b",
]


# --- machines, by any name ---------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("host", UNKNOWN_HOSTS)
@pytest.mark.parametrize("path", ["/healthz", "/healthz/", "/readyz", "/readyz/", "/metrics", "/metrics/"])
def test_machine_address_answers_under_any_name(settings: LazySettings, path: str, host: str) -> None:
    settings.ALLOWED_HOSTS = ["hub.example.com"]
    client = Client(headers={"host": host})

    assert client.get(path).status_code == 200
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


@pytest.mark.django_db
def test_webhook_is_taken_under_any_name(settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["hub.example.com"]

    refused = Client(headers={"host": "iikohub_web:8000"}).post(
        RECEIVE_URL, "[]", content_type="application/json"
    )

    assert refused.status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("path", [LOGIN, "/", "/nowhere", "/healthz/x", "/metricsx", "/api/docs/"])
def test_page_under_an_unknown_name_stays_refused(settings: LazySettings, path: str) -> None:
    settings.ALLOWED_HOSTS = ["hub.example.com"]

    response = Client(headers={"host": "10.0.3.7:8000"} | ENGLISH).get(path)

    assert response.status_code == 400


@pytest.mark.django_db
def test_refusal_of_a_name_says_which_setting_helps(
    settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALLOWED_HOSTS = ["hub.example.com"]
    client = Client(headers={"host": "other.example.com"})

    english = text(client.get(LOGIN, headers=ENGLISH))
    russian = text(client.get(LOGIN))

    assert "The hub does not know this address as its own" in english
    assert "adds the name to ALLOWED_HOSTS" in english
    assert "Этот адрес не принадлежит" in russian
    assert "ALLOWED_HOSTS" in russian
    assert "'host': 'other.example.com', 'setting': 'ALLOWED_HOSTS'" in caplog.text


@pytest.mark.django_db
def test_refusal_of_a_name_is_json_for_the_api(settings: LazySettings) -> None:
    headers = authorized(make_key())
    settings.ALLOWED_HOSTS = ["hub.example.com"]

    response = Client(headers={"host": "other.example.com"}).get("/api/v1/orders", headers=headers | ENGLISH)

    assert (response.status_code, response["Content-Type"]) == (400, "application/json")
    [error] = response.json()["errors"]
    assert (error["code"], "ALLOWED_HOSTS" in error["detail"]) == ("unknown_host", True)


@pytest.mark.process
def test_machine_address_answers_under_any_name_through_the_web_server(tmp_path: Path) -> None:
    with running_hub(tmp_path) as hub:
        hub.settings = {"ALLOWED_HOSTS": "127.0.0.1", "WEB_CONCURRENCY": "1"}
        hub.start_web()

        statuses = {
            (method, path): status_of(hub.port, method, path)
            for path in ("/healthz", "/readyz", "/metrics", LOGIN)
            for method in ("GET", "HEAD")
        }

    assert {key for key, status in statuses.items() if status == 400} == {("GET", LOGIN), ("HEAD", LOGIN)}
    assert set(statuses.values()) == {200, 400}


def status_of(port: int, method: str, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Host": "iikohub_web:8000"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


# --- whose forms are taken ---------------------------------------------------------------------------

ON_A_PORT = {"WEBHOOK_BASE_URL": "https://hub.example.com:8443"}
HTTPS = {"x-forwarded-proto": "https"}


@pytest.fixture
def on_a_port(settings: LazySettings, db: None) -> None:
    """Start the hub with the address of ``ON_A_PORT``."""
    address = ON_A_PORT["WEBHOOK_BASE_URL"]
    settings.WEBHOOK_BASE_URL = address
    settings.SECURE_HTTPS = settings.CSRF_COOKIE_SECURE = True
    settings.ALLOWED_HOSTS = ["localhost", host_of(address)]
    settings.CSRF_TRUSTED_ORIGINS = origins_of(hosts=settings.ALLOWED_HOSTS, address=address)


def sign_in(django_user_model: Any, **headers: str) -> Any:
    """Open the login page and send the form back, as a browser does."""
    django_user_model.objects.create_superuser("root", password="pass-of-root")
    client = Client(enforce_csrf_checks=True)
    token = client.get(LOGIN, headers={"host": headers["host"]}).cookies["csrftoken"].value
    # A browser would not keep a secure cookie from plain http; the proxy tells only here that it was https.
    form = {"username": "root", "password": "pass-of-root", "csrfmiddlewaretoken": token, "next": "/admin/"}
    return client.post(LOGIN, form, headers=headers | {"accept-language": "en"})


@pytest.mark.usefixtures("on_a_port")
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "hub.example.com", "origin": "https://hub.example.com:8443"} | HTTPS,
        {"host": "hub.example.com:8443", "origin": "https://hub.example.com:8443"},
        {"host": "hub.example.com:8443", "origin": "https://hub.example.com:8443"} | HTTPS,
        {"host": "hub.example.com", "referer": "https://hub.example.com:8443/admin/login/"} | HTTPS,
        {"host": "hub.example.com", "origin": "https://hub.example.com"} | HTTPS,
    ],
)
def test_address_on_a_port_of_its_own_signs_in(django_user_model: Any, headers: dict[str, str]) -> None:
    assert sign_in(django_user_model, **headers).status_code == 302


STALE = "The form has expired"
HIDDEN = "The browser hides where the form came from"
UNKNOWN = "The hub does not know this address as its own"
HTTP = "This page was opened over http"


@pytest.mark.usefixtures("on_a_port")
@pytest.mark.parametrize(
    ("headers", "heading", "setting"),
    [
        ({"origin": "null"} | HTTPS, HIDDEN, None),
        (HTTPS, HIDDEN, None),
        ({"referer": "nonsense"} | HTTPS, HIDDEN, None),
        ({"origin": "https://hub.example.com:9443"} | HTTPS, UNKNOWN, "https://hub.example.com:9443"),
        ({"origin": "https://kassa.example.org"} | HTTPS, UNKNOWN, "https://kassa.example.org"),
        ({"referer": "https://kassa.example.org/admin/?a=1"} | HTTPS, UNKNOWN, "https://kassa.example.org"),
        ({"origin": "http://hub.example.com:8000"} | HTTPS, HTTP, None),
        ({"referer": "http://hub.example.com:8000/"} | HTTPS, HTTP, None),
    ],
)
def test_refused_form_says_why(
    django_user_model: Any, headers: dict[str, str], heading: str, setting: str | None
) -> None:
    response = sign_in(django_user_model, host="hub.example.com", **headers)

    page = text(response)
    assert response.status_code == 403
    assert [words for words in (STALE, HIDDEN, UNKNOWN, HTTP) if words in page] == [heading]
    assert ("CSRF_TRUSTED_ORIGINS" in page) == (setting is not None)
    assert setting is None or f"CSRF_TRUSTED_ORIGINS={setting}" in page


@pytest.mark.usefixtures("on_a_port")
def test_form_without_its_cookie_over_http_says_to_use_https() -> None:
    page = Client(enforce_csrf_checks=True).post(LOGIN, {}, headers={"host": "hub.example.com"} | ENGLISH)

    assert HTTP in text(page)
    assert "https://hub.example.com:8443" in text(page)


@pytest.mark.django_db
def test_stale_form_is_said_in_its_own_words() -> None:
    client = Client(enforce_csrf_checks=True)

    assert STALE in text(client.post(LOGIN, {}, headers=ENGLISH))
    assert "Форма устарела" in text(client.post(LOGIN, {}))


@pytest.mark.usefixtures("on_a_port")
def test_refused_address_is_named_in_russian_and_cannot_inject(django_user_model: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    origin = "https://<script>alert(1)</script>"

    response = client.post(LOGIN, {}, headers={"host": "hub.example.com", "origin": origin} | HTTPS)

    assert "Этот адрес не принадлежит" in text(response)
    assert "<script" not in response.content.decode()


# --- as the environment names them -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", ""),
        ("https://hub.example.com", "https://hub.example.com"),
        (" https://hub.example.com/ ", "https://hub.example.com"),
        ("HTTPS://Hub.Example.COM:443/", "https://hub.example.com"),
        ("http://hub.example.com:80", "http://hub.example.com"),
        ("https://hub.example.com:8443/", "https://hub.example.com:8443"),
        ("https://example.com/Hub/", "https://example.com/Hub"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://хаб.рф", "https://xn--80ac2d.xn--p1ai"),
    ],
)
def test_own_address_is_read_as_browsers_write_it(written: str, read: str) -> None:
    assert base_url(written) == read


@pytest.mark.parametrize(
    "written",
    [
        *("hub.example.com", "hub.example.com:8443", "ftp://hub.example.com", "https://", "https://h:port"),
        *("https://h/?a=1", "https://u:p@h", "https://h/#x", "https://[::1"),
    ],
)
def test_what_is_no_address_stops_the_start(written: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="WEBHOOK_BASE_URL must be the address"):
        base_url(written)


@pytest.mark.parametrize(
    "written",
    [
        "https://hub.example.com",
        "hub.example.com:8443",
        "hub.example.com/",
        "::1",
        "[::1]:80",
        "*.example.com",
    ],
)
def test_name_with_more_than_a_name_stops_the_start(written: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="ALLOWED_HOSTS takes names without scheme, port and path"):
        host_names(["localhost", written])


def test_names_are_read() -> None:
    named = ["Hub.example.com ", "", ".example.org", "*", "[::1]", "127.0.0.1", "my_host"]

    assert host_names(named) == ["hub.example.com", ".example.org", "*", "[::1]", "127.0.0.1", "my_host"]


def test_trusted_addresses_are_read_as_browsers_write_them() -> None:
    named = ["HTTPS://Kassa.example.org:443/", " http://10.0.0.5:8000", "", "https://*.example.com"]

    read = ["https://kassa.example.org", "http://10.0.0.5:8000", "https://*.example.com"]
    assert trusted_origins(named) == read


@pytest.mark.parametrize(
    "written", ["hub.example.com", "https://hub.example.com/admin", "null", "*", "https://a b", "ftp://a"]
)
def test_trusted_address_that_is_none_stops_the_start(written: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="CSRF_TRUSTED_ORIGINS takes addresses with scheme"):
        trusted_origins([written])


def test_settings_trust_the_own_address_and_those_that_are_named() -> None:
    read = read_settings(
        WEBHOOK_BASE_URL="https://Hub.example.com:8443/",
        ALLOWED_HOSTS="hub.example.com,.example.org,[::1],*",
        CSRF_TRUSTED_ORIGINS="https://kassa.example.net:444",
    )

    assert read["SESSION_COOKIE_SECURE"] is True
    assert read["CSRF_TRUSTED_ORIGINS"] == [
        "https://hub.example.com:8443",
        "https://hub.example.com",
        "https://example.org",
        "https://*.example.org",
        "https://[::1]",
        "https://kassa.example.net:444",
    ]


def test_address_by_number_opens_its_host() -> None:
    assert read_settings(WEBHOOK_BASE_URL="https://[2001:db8::1]")["ALLOWED_HOSTS"][-1] == "[2001:db8::1]"
