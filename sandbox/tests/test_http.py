from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from sandbox.http.app import create_app
from sandbox.http.tokens import LIFETIME, Tokens
from sandbox.journal import Journal
from sandbox.options import Options
from sandbox.orders.order import Order
from sandbox.orders.serializer import order_info
from sandbox.simulator import Simulator
from sandbox.tests import vendor_schema
from sandbox.tests.builders import OPENED_AT
from sandbox.webhooks.webhook_queue import Delivery

UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.instant = OPENED_AT

    def now(self) -> datetime:
        return self.instant


class DeafSender:
    """Keeps the letters instead of sending them."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    def put(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def simulator(clock: ManualClock) -> Iterator[Simulator]:
    """Give a stage on which two minutes were played; its letters stay where they are."""
    options = Options(port=0, webhook_url="http://hub.example/hook", webhook_token="very-secret")
    simulator = Simulator(options, clock, Journal(io.StringIO()))
    sender, deaf = simulator.sender, DeafSender()
    simulator.sender.put = deaf.put  # type: ignore[method-assign]  # nothing is to leave the test
    for _ in range(120):
        clock.instant += timedelta(seconds=1)
        simulator.run_due()
    yield simulator
    sender.close()


@pytest.fixture
def client(simulator: Simulator) -> FlaskClient:
    return create_app(simulator).test_client()


@pytest.fixture
def bearer(client: FlaskClient) -> dict[str, str]:
    token = client.post("/api/1/access_token", json={"apiLogin": "demo"}).get_json()["token"]
    return {"Authorization": f"Bearer {token}"}


def _taken_order(simulator: Simulator) -> Order:
    return next(order for order in simulator.open_orders() if order.creation == "Success")


def _fits(name: str, body: Any) -> bool:
    assert vendor_schema.errors(name, body) == []
    return True


@vendor_schema.needs_schema
def test_answers_fit_the_vendors_schema(
    client: FlaskClient, bearer: dict[str, str], simulator: Simulator
) -> None:
    ids = [str(each.id) for each in simulator.world.organizations]
    order = _taken_order(simulator)
    query = {"organizationId": str(order.organization.id), "orderIds": [str(order.id)]}

    token = client.post("/api/1/access_token", json={"apiLogin": "demo"}).get_json()
    simple = client.post("/api/1/organizations", json={}, headers=bearer).get_json()
    extended = client.post(
        "/api/1/organizations", json={"returnAdditionalInfo": True}, headers=bearer
    ).get_json()
    groups = client.post("/api/1/terminal_groups", json={"organizationIds": ids}, headers=bearer).get_json()
    orders = client.post("/api/1/deliveries/by_id", json=query, headers=bearer).get_json()
    refusal = client.post("/api/1/organizations", json={}).get_json()

    assert _fits("Auth.GetAccessTokenResponse", token)
    assert _fits("Organizations.GetOrganizationsResponse", simple)
    assert _fits("Organizations.GetOrganizationsResponse", extended)
    assert _fits("Terminals.TerminalGroupsResponse", groups)
    assert _fits("Deliveries.Response.OrdersResponse", orders)
    assert _fits("Errors.ErrorResponse", refusal)
    assert {each["responseType"] for each in extended["organizations"]} == {"Extended"}


def test_organizations_of_the_login(
    client: FlaskClient, bearer: dict[str, str], simulator: Simulator
) -> None:
    body = client.post("/api/1/organizations", json={"organizationIds": None}, headers=bearer).get_json()

    assert [(each["id"], each["name"]) for each in body["organizations"]] == [
        (str(each.id), each.name) for each in simulator.world.organizations
    ]


def test_only_known_organizations_asked_for_are_given(
    client: FlaskClient, bearer: dict[str, str], simulator: Simulator
) -> None:
    mayak = str(simulator.world.organizations[1].id)
    query = {"organizationIds": [mayak, UNKNOWN_ID]}

    organizations = client.post("/api/1/organizations", json=query, headers=bearer).get_json()
    groups = client.post("/api/1/terminal_groups", json=query, headers=bearer).get_json()

    assert [each["id"] for each in organizations["organizations"]] == [mayak]
    assert [(each["organizationId"], len(each["items"])) for each in groups["terminalGroups"]] == [(mayak, 1)]
    assert groups["terminalGroups"][0]["items"][0]["timeZone"] == "Europe/Kaliningrad"


def test_order_by_id_is_the_order_of_the_webhooks(
    client: FlaskClient, bearer: dict[str, str], simulator: Simulator
) -> None:
    order = _taken_order(simulator)
    query = {"organizationId": str(order.organization.id), "orderIds": [str(order.id), UNKNOWN_ID]}

    body = client.post("/api/1/deliveries/by_id", json=query, headers=bearer).get_json()

    assert body["orders"] == [order_info(order)]


def test_order_by_the_tills_id(client: FlaskClient, bearer: dict[str, str], simulator: Simulator) -> None:
    order = _taken_order(simulator)
    query = {"organizationId": str(order.organization.id), "posOrderIds": [str(order.pos_id)]}

    body = client.post("/api/1/deliveries/by_id", json=query, headers=bearer).get_json()

    assert [each["id"] for each in body["orders"]] == [str(order.id)]


def test_order_of_another_organization_is_not_given(
    client: FlaskClient, bearer: dict[str, str], simulator: Simulator
) -> None:
    order = _taken_order(simulator)
    other = next(each for each in simulator.world.organizations if each.id != order.organization.id)
    query = {"organizationId": str(other.id), "orderIds": [str(order.id)]}

    assert client.post("/api/1/deliveries/by_id", json=query, headers=bearer).get_json()["orders"] == []


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer made-up"}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer "}],
)
def test_without_a_good_token_there_is_no_answer(client: FlaskClient, headers: dict[str, str]) -> None:
    response = client.post("/api/1/organizations", json={}, headers=headers)

    assert response.status_code == 401
    assert response.get_json()["errorDescription"] == "Token is invalid or has expired."
    assert str(UUID(response.get_json()["correlationId"])) == response.get_json()["correlationId"]


@pytest.mark.parametrize(
    ("body", "status", "description"),
    [
        ({"apiLogin": "refused-login"}, 401, "Login is not authorized."),
        ({"apiLogin": ""}, 400, "apiLogin: a string is expected."),
        ({}, 400, "apiLogin: a string is expected."),
        ([], 400, "The body is not a JSON object."),
    ],
)
def test_login_that_is_refused(client: FlaskClient, body: object, status: int, description: str) -> None:
    response = client.post("/api/1/access_token", json=body)

    assert (response.status_code, response.get_json()["errorDescription"]) == (status, description)


@pytest.mark.parametrize(
    ("path", "body", "description", "code"),
    [
        ("terminal_groups", {}, "organizationIds: a list of ids is expected.", None),
        ("terminal_groups", {"organizationIds": "x"}, "organizationIds: a list of ids is expected.", None),
        ("organizations", {"organizationIds": ["x"]}, "organizationIds: 'x' is not a uuid.", None),
        ("deliveries/by_id", {}, "organizationId: None is not a uuid.", None),
        (
            "deliveries/by_id",
            {"organizationId": UNKNOWN_ID, "orderIds": []},
            "Organization is not found.",
            "Common_OrganizationNotFound",
        ),
    ],
)
def test_request_that_makes_no_sense(
    client: FlaskClient, bearer: dict[str, str], path: str, body: object, description: str, code: str | None
) -> None:
    response = client.post(f"/api/1/{path}", json=body, headers=bearer)

    assert response.status_code == 400
    assert (response.get_json()["errorDescription"], response.get_json()["error"]) == (description, code)


@pytest.mark.parametrize(
    ("query", "description"),
    [
        ({}, "Either orderIds or posOrderIds is expected."),
        ({"orderIds": [], "posOrderIds": []}, "Either orderIds or posOrderIds is expected."),
        ({"orderIds": [UNKNOWN_ID] * 201}, "At most 200 orders may be asked for at once."),
    ],
)
def test_orders_are_asked_for_in_one_way_and_not_too_many(
    client: FlaskClient,
    bearer: dict[str, str],
    simulator: Simulator,
    query: dict[str, object],
    description: str,
) -> None:
    body = {"organizationId": str(simulator.world.organizations[0].id), **query}

    response = client.post("/api/1/deliveries/by_id", json=body, headers=bearer)

    assert (response.status_code, response.get_json()["errorDescription"]) == (400, description)


def test_body_that_is_not_json_is_a_bad_request(client: FlaskClient, bearer: dict[str, str]) -> None:
    response = client.post("/api/1/organizations", data="{", headers=bearer)

    assert response.status_code == 400
    assert response.get_json()["errorDescription"] == "The body is not a JSON object."


def test_what_is_not_played_yet_says_so(client: FlaskClient) -> None:
    unknown = client.post("/api/1/combo", json={})
    wrong_method = client.get("/api/1/terminal_groups")

    assert (unknown.status_code, unknown.get_json()["errorDescription"]) == (
        404,
        "The sandbox does not play POST /api/1/combo.",
    )
    assert (wrong_method.status_code, wrong_method.get_json()["errorDescription"]) == (
        405,
        "The sandbox does not play GET /api/1/terminal_groups.",
    )
    assert client.get("/nowhere").status_code == 404


def test_state_tells_restaurants_orders_and_webhooks(client: FlaskClient, simulator: Simulator) -> None:
    state = client.get("/sandbox/state").get_json()

    assert [each["time_zone"] for each in state["restaurants"]] == [
        "Asia/Yekaterinburg",
        "Europe/Kaliningrad",
        "Europe/Moscow",
        "Asia/Vladivostok",
    ]
    assert [each["webhooks"] for each in state["restaurants"]] == ["Cloud", "Cloud", "Cloud", "SOI"]
    # 13:44 in UTC
    assert [each["local_time"] for each in state["restaurants"]] == ["18:44", "15:44", "16:44", "23:44"]
    assert len(state["orders"]) == sum(each["open_orders"] for each in state["restaurants"]) > 0
    assert [each["id"] for each in state["orders"]] == [str(order.id) for order in simulator.open_orders()]
    assert state["webhooks"] == {
        "delivered": 0,
        "events": 0,
        "refused": 0,
        "lost": 0,
        "dropped": 0,
        "duplicated": 0,
        "waiting": 0,
    }
    assert state["last_answers"] == []


def test_page_shows_the_open_orders(client: FlaskClient, simulator: Simulator) -> None:
    order = _taken_order(simulator)

    page = client.get("/").get_data(as_text=True)

    assert f"{order.organization.short_name} №{order.number}" in page
    assert str(order.sum) in page
    assert "Кафе «Берёзка», Тюмень" in page


def test_nothing_shown_names_a_guest_or_the_token(client: FlaskClient, simulator: Simulator) -> None:
    shown = client.get("/").get_data(as_text=True) + client.get("/sandbox/state").get_data(as_text=True)

    assert "very-secret" not in shown
    for order in simulator.open_orders():
        assert order.phone not in shown


def test_stage_that_slept_plays_on_where_it_was(simulator: Simulator, clock: ManualClock) -> None:
    before = {order.id for order in simulator.open_orders()}

    clock.instant += timedelta(hours=8)
    simulator.run_due()

    assert {order.id for order in simulator.open_orders()} == before


def test_token_is_good_for_an_hour() -> None:
    clock = ManualClock()
    tokens = Tokens(clock.now)
    token = tokens.issue()

    clock.instant += LIFETIME - timedelta(seconds=1)
    assert tokens.is_good(token)
    clock.instant += timedelta(seconds=1)
    assert not tokens.is_good(token)


def test_oldest_token_goes_when_there_are_too_many() -> None:
    tokens = Tokens()
    oldest, *others = [tokens.issue() for _ in range(1001)]

    assert not tokens.is_good(oldest)
    assert all(tokens.is_good(token) for token in others)
