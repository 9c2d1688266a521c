from datetime import timedelta
from uuid import UUID

import pytest

from sandbox.http.access import LIFETIME, Tokens
from sandbox.orders.order import Order
from sandbox.orders.serializer import order_info
from sandbox.tests import vendor_schema
from sandbox.tests.harness import UNKNOWN_ID, Harness, ManualClock, open_harness, refusal_of


@pytest.fixture
def harness() -> Harness:
    """Give a simulator after two minutes."""
    opened = open_harness()
    opened.run(120)
    return opened


def _accepted_order(harness: Harness) -> Order:
    return next(order for order in harness.simulator.open_orders() if order.creation == "Success")


@vendor_schema.needs_schema
def test_answers_fit_the_vendors_schema(harness: Harness) -> None:
    order = _accepted_order(harness)
    by_id = {"organizationId": str(order.organization.id), "orderIds": [str(order.id)]}
    extended = harness.get("organizations", {"returnAdditionalInfo": True})
    answers = [
        ("Auth.GetAccessTokenResponse", harness.get("access_token", {"apiLogin": "demo"})),
        ("Organizations.GetOrganizationsResponse", harness.get("organizations", {})),
        ("Organizations.GetOrganizationsResponse", extended),
        ("Terminals.TerminalGroupsResponse", harness.get("terminal_groups", harness.all_ids())),
        ("Deliveries.Response.OrdersResponse", harness.get("deliveries/by_id", by_id)),
        ("Errors.ErrorResponse", harness.client.post("/api/1/organizations", json={}).get_json()),
    ]

    for name, body in answers:
        assert vendor_schema.errors(name, body) == [], name
    assert {each["responseType"] for each in extended["organizations"]} == {"Extended"}


def test_organizations_of_the_login(harness: Harness) -> None:
    body = harness.get("organizations", {"organizationIds": None})

    assert [(each["id"], each["name"]) for each in body["organizations"]] == [
        (str(each.id), each.name) for each in harness.simulator.world.organizations
    ]


def test_only_known_organizations_asked_for_are_given(harness: Harness) -> None:
    mayak = harness.id_of("Маяк")
    query = {"organizationIds": [mayak, UNKNOWN_ID]}

    organizations = harness.get("organizations", query)["organizations"]
    groups = harness.get("terminal_groups", query)["terminalGroups"]

    assert [each["id"] for each in organizations] == [mayak]
    assert [(each["organizationId"], len(each["items"])) for each in groups] == [(mayak, 1)]
    assert groups[0]["items"][0]["timeZone"] == "Europe/Kaliningrad"


def test_order_is_found_by_id_and_by_pos_id_in_its_own_restaurant(harness: Harness) -> None:
    order = _accepted_order(harness)
    other = next(each for each in harness.simulator.world.organizations if each != order.organization)
    mine, theirs = {"organizationId": str(order.organization.id)}, {"organizationId": str(other.id)}
    by_id, by_pos_id = {"orderIds": [str(order.id), UNKNOWN_ID]}, {"posOrderIds": [str(order.pos_id)]}

    assert harness.get("deliveries/by_id", {**mine, **by_id})["orders"] == [order_info(order)]
    found = harness.get("deliveries/by_id", {**mine, **by_pos_id})["orders"]
    assert [each["id"] for each in found] == [str(order.id)]
    assert harness.get("deliveries/by_id", {**theirs, **by_id})["orders"] == []


@pytest.mark.parametrize("authorization", [None, "Bearer made-up", "Basic YTpi", "Bearer "])
def test_without_a_good_token_there_is_no_answer(harness: Harness, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    response = harness.client.post("/api/1/organizations", json={}, headers=headers)

    assert refusal_of(response) == (401, "Token is invalid or has expired.", None)
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
def test_login_that_is_refused(harness: Harness, body: object, status: int, description: str) -> None:
    assert refusal_of(harness.client.post("/api/1/access_token", json=body)) == (status, description, None)


CAFE = {"organizationId": "d75a452b-472a-5540-af29-4a861739166f"}


@pytest.mark.parametrize(
    ("path", "body", "description", "code"),
    [
        ("terminal_groups", {}, "organizationIds: a list of ids is expected.", None),
        ("terminal_groups", {"organizationIds": "x"}, "organizationIds: a list of ids is expected.", None),
        ("organizations", {"organizationIds": ["x"]}, "organizationIds: 'x' is not a uuid.", None),
        ("deliveries/by_id", {}, "organizationId: None is not a uuid.", None),
        (
            *("deliveries/by_id", {"organizationId": UNKNOWN_ID, "orderIds": []}),
            *("Organization is not found.", "Common_OrganizationNotFound"),
        ),
        ("deliveries/by_id", CAFE, "Either orderIds or posOrderIds is expected.", None),
        (
            *("deliveries/by_id", {**CAFE, "orderIds": [], "posOrderIds": []}),
            *("Either orderIds or posOrderIds is expected.", None),
        ),
        (
            *("deliveries/by_id", {**CAFE, "orderIds": [UNKNOWN_ID] * 201}),
            *("At most 200 orders may be asked for at once.", None),
        ),
    ],
)
def test_request_that_makes_no_sense(
    harness: Harness, path: str, body: object, description: str, code: str | None
) -> None:
    assert harness.refusal(path, body) == (400, description, code)


def test_body_that_is_not_json_is_a_bad_request(harness: Harness) -> None:
    headers = {"Authorization": f"Bearer {harness.token}"}

    response = harness.client.post("/api/1/organizations", data="{", headers=headers)

    assert refusal_of(response) == (400, "The body is not a JSON object.", None)


def test_what_is_not_simulated_says_so(harness: Harness) -> None:
    unknown = harness.client.post("/api/1/combo", json={})
    wrong_method = harness.client.get("/api/1/terminal_groups")

    assert refusal_of(unknown) == (404, "The sandbox does not simulate POST /api/1/combo.", None)
    refused = (405, "The sandbox does not simulate GET /api/1/terminal_groups.", None)
    assert refusal_of(wrong_method) == refused
    assert harness.client.get("/nowhere").status_code == 404


def test_state_shows_restaurants_orders_and_webhooks(harness: Harness) -> None:
    state, restaurants = harness.show("state"), harness.show("state")["restaurants"]

    # 13:44 in UTC
    assert [(each["time_zone"], each["local_time"], each["webhooks"]) for each in restaurants] == [
        ("Asia/Yekaterinburg", "18:44", "Cloud"),
        ("Europe/Kaliningrad", "15:44", "Cloud"),
        ("Europe/Moscow", "16:44", "Cloud"),
        ("Asia/Vladivostok", "23:44", "SOI"),
    ]
    assert len(state["orders"]) == sum(each["open_orders"] for each in restaurants) > 0
    assert [each["id"] for each in state["orders"]] == [
        str(order.id) for order in harness.simulator.open_orders()
    ]
    counts = ("delivered", "events", "refused", "lost", "dropped", "duplicated", "waiting")
    assert state["webhooks"] == dict.fromkeys(counts, 0)
    assert state["last_answers"] == []


def test_page_shows_the_open_orders(harness: Harness) -> None:
    order = _accepted_order(harness)

    page = harness.client.get("/").get_data(as_text=True)

    assert f"{order.organization.short_name} №{order.number}" in page
    assert str(order.sum) in page
    assert "Кафе «Берёзка», Тюмень" in page


def test_nothing_shown_names_a_guest_or_the_token(harness: Harness) -> None:
    pages = [harness.client.get(path).get_data(as_text=True) for path in ("/", "/sandbox/state")]

    assert "very-secret" not in "".join(pages)
    for order in harness.simulator.open_orders():
        assert order.phone not in "".join(pages)


def test_simulator_that_was_suspended_goes_on_where_it_was(harness: Harness) -> None:
    before = {order.id for order in harness.simulator.open_orders()}

    harness.clock.instant += timedelta(hours=8)
    harness.simulator.run_due()

    assert {order.id for order in harness.simulator.open_orders()} == before


def test_token_is_good_for_an_hour() -> None:
    clock = ManualClock()
    tokens = Tokens(clock.now)
    token = tokens.issue()

    clock.instant += LIFETIME - timedelta(seconds=1)
    assert tokens.owner(token) is not None
    clock.instant += timedelta(seconds=1)
    assert tokens.owner(token) is None


def test_oldest_token_goes_when_there_are_too_many() -> None:
    tokens = Tokens()
    oldest, *others = [tokens.issue() for _ in range(1001)]

    assert tokens.owner(oldest) is None
    assert all(tokens.owner(token) is not None for token in others)


@pytest.mark.parametrize("body", [b'{"title": "Late: 142"}', b"[]", b"no json", b""])
def test_notifications_are_taken_whatever_they_hold(harness: Harness, body: bytes) -> None:
    answer = harness.client.post("/notifications", data=body, content_type="application/json")

    assert (answer.status_code, answer.data) == (204, b"")
