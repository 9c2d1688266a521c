"""One token per credential: renewed early, asked for once, never shown."""

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from typing import Any

import pytest
import requests
import responses

from iiko_client.client import IikoClient
from iiko_client.http.auth import V1, V2, InMemoryTokenStore, Token, credential_key, renew_at
from iiko_client.http.errors import IikoAuthFailed, IikoError, IikoNotSent
from iiko_client.tests.harness import BASE, CORRELATION, LOGIN, NOON, ORG, Stub, error_body

QUARTER = timedelta(minutes=15)
ORGANIZATIONS: dict[str, Any] = {"organizations": []}


def jwt(claims: object) -> str:
    parts = ({"alg": "HS256"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2ln"])


@pytest.mark.parametrize(
    ("token", "after"),
    [
        ("opaque", QUARTER),
        ("a.b.c", QUARTER),
        (jwt({"exp": NOON.timestamp() + 3600}), timedelta(minutes=59)),
        (jwt({"exp": int(NOON.timestamp()) + 300}), timedelta(minutes=4)),
        (jwt({"exp": int(NOON.timestamp()) + 30}), QUARTER),
        (jwt({"exp": int(NOON.timestamp()) - 9999}), QUARTER),
        (jwt({"exp": 10**30}), QUARTER),
        (jwt({"exp": "soon"}), QUARTER),
        (jwt({"exp": None}), QUARTER),
        (jwt([1]), QUARTER),
        (jwt({}), QUARTER),
    ],
)
def test_moment_of_renewal(token: str, after: timedelta) -> None:
    assert renew_at(token, NOON, QUARTER) == NOON + after


def test_one_token_serves_many_calls_until_it_is_to_be_renewed(iiko: Stub, client: IikoClient) -> None:
    iiko.answers("organizations", ORGANIZATIONS)

    for _ in range(3):
        client.organizations()
        iiko.clock.pass_s(299)
    assert iiko.tokens == 1

    iiko.clock.pass_s(3)
    client.organizations()

    assert iiko.tokens == 2
    used = [request.headers["Authorization"] for request in iiko.sent("organizations")]
    assert used == ["Bearer token-1-abcdef"] * 3 + ["Bearer token-2-abcdef"]


def test_ten_threads_at_expiry_make_one_request(iiko: Stub) -> None:
    client = IikoClient(iiko.transport())
    iiko.answers("organizations", ORGANIZATIONS)
    client.organizations()
    iiko.clock.pass_s(3600)
    iiko.token_takes_s = 0.2
    start = threading.Barrier(10)

    def call(_number: int) -> None:
        start.wait()
        client.organizations()

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(call, range(10)))

    assert iiko.tokens == 2
    assert len(iiko.sent("organizations")) == 11


def test_two_transports_of_one_credential_share_a_store(iiko: Stub) -> None:
    store = InMemoryTokenStore()
    iiko.answers("organizations", ORGANIZATIONS)

    for _ in range(2):
        IikoClient(iiko.transport(tokens=store)).organizations()

    assert iiko.tokens == 1


def test_callers_that_waited_for_a_failed_request_do_not_repeat_it() -> None:
    arrived, asked = threading.Event(), []

    def refuse(_request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        asked.append(1)
        arrived.wait(5)
        return 401, {}, json.dumps(error_body(f"Login {LOGIN} is not authorized"))

    with responses.RequestsMock() as mock:
        mock.add_callback(responses.POST, f"{BASE}/api/1/access_token", callback=refuse)
        client = IikoClient(Stub(mock).transport())
        errors: list[IikoError] = []

        def call() -> None:
            try:
                client.organizations()
            except IikoError as error:
                errors.append(error)

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        threading.Event().wait(0.3)  # lets all of them come to the lock
        arrived.set()
        for thread in threads:
            thread.join()

    assert len(asked) == 1
    assert [(type(error), error.code) for error in errors] == [(IikoAuthFailed, "login_refused")] * 8
    assert len({id(error) for error in errors}) == 8


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (error_body(f"Login {LOGIN} is not authorized"), 401, "login_refused"),
        (error_body("bad body"), 400, "login_refused"),
        (error_body("no such thing"), 404, "login_refused"),
        (error_body("Apilogin's license for using the Cloud API has expired"), 402, "licence_expired"),
        ("", 301, "redirect"),
    ],
)
def test_refused_login_is_for_an_operator_and_not_repeated(
    body: object, status: int, code: str, iiko: Stub
) -> None:
    iiko.mock.remove(responses.POST, f"{BASE}/api/1/access_token")
    iiko.answers("access_token", body, status=status, Location="https://elsewhere.example/")

    with pytest.raises(IikoAuthFailed) as refused:
        IikoClient(iiko.transport()).close(organization_id=ORG, order_id=ORG, zone=UTC)

    assert (refused.value.code, refused.value.operation) == (code, "access_token")
    assert LOGIN not in str(refused.value)
    assert len(iiko.mock.calls) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 500),
        ("", 408),
        (requests.ReadTimeout(), 200),
        ("no JSON", 200),
        ({"token": None}, 200),
        ({"token": "two words"}, 200),
        ({"token": "line\nbreak"}, 200),
        ({"correlationId": CORRELATION}, 200),
    ],
)
def test_command_without_a_token_is_known_not_to_be_sent(body: object, status: int, iiko: Stub) -> None:
    iiko.mock.remove(responses.POST, f"{BASE}/api/1/access_token")
    iiko.answers("access_token", body, status=status)

    with pytest.raises(IikoNotSent) as failed:
        IikoClient(iiko.transport()).close(organization_id=ORG, order_id=ORG, zone=UTC)

    assert failed.value.operation == "deliveries/close"
    assert len(iiko.sent("access_token")) == 3
    assert not iiko.sent("deliveries/close")


def test_v2_asks_at_its_own_address(iiko: Stub) -> None:
    iiko.token_path = "/api/v2/access_token"
    iiko.gives_tokens()
    iiko.answers("organizations", ORGANIZATIONS)
    app = "00000000-0000-4000-8000-000000000099"

    IikoClient(iiko.transport(V2("the-key", app, "the-5ecret"))).organizations()

    first = iiko.mock.calls[0].request
    assert first.url == f"{BASE}/api/v2/access_token"
    assert json.loads(first.body or b"") == {
        "apiKey": "the-key",
        "appId": app,
        "clientSecret": "the-5ecret",
    }
    assert "Authorization" not in first.headers


def test_nothing_shows_a_secret(iiko: Stub) -> None:
    v1, v2 = V1("the-l0gin"), V2("the-key", "app", "the-5ecret")
    token = Token("the-t0ken", NOON)
    shown = " ".join(map(repr, (v1, v2, token, iiko.transport(v1), iiko.transport(v2))))

    assert not {word for word in ("the-l0gin", "the-key", "the-5ecret", "the-t0ken") if word in shown}
    assert credential_key(BASE, v1) != credential_key("https://other.example", v1)
    assert credential_key(BASE, v2) != credential_key(BASE, V2("the-key", "app", "another"))
    assert "l0gin" not in credential_key(BASE, v1)


@pytest.mark.parametrize("minutes", [0, -1, 51])
def test_lifetime_is_bounded(minutes: int, iiko: Stub) -> None:
    with pytest.raises(ValueError, match="a token is kept"):
        iiko.transport(token_lifetime=timedelta(minutes=minutes))
