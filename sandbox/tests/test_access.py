from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from sandbox.tests.harness import STRANGER, Theatre, open_theatre

EXPIRED = (401, "Token is invalid or has expired.", None)


@pytest.fixture
def theatre() -> Theatre:
    return open_theatre(rate=0)


def test_token_of_the_second_version_is_a_jwt_that_opens_the_same_doors(theatre: Theatre) -> None:
    given = {"apiKey": "key", "appId": STRANGER, "clientSecret": "secret"}

    theatre.token = theatre.client.post("/api/v2/access_token", json=given).get_json()["token"]

    claims = theatre.token.split(".")[1]
    expiry = json.loads(base64.urlsafe_b64decode(claims + "=="))["exp"]
    assert expiry == int((theatre.clock.instant + timedelta(hours=1)).timestamp())
    assert len(theatre.get("organizations", {})["organizations"]) == 4


@pytest.mark.parametrize(
    ("body", "status", "description"),
    [
        ({"apiKey": "key", "appId": "x", "clientSecret": "s"}, 400, "appId: 'x' is not a uuid."),
        ({"apiKey": "key", "appId": STRANGER}, 400, "clientSecret: a string is expected."),
        (
            {"apiKey": "key", "appId": STRANGER, "clientSecret": "refused"},
            401,
            "Application is not authorized.",
        ),
        ({"apiKey": "refused", "appId": STRANGER, "clientSecret": "s"}, 401, "Login is not authorized."),
    ],
)
def test_application_that_is_refused(theatre: Theatre, body: object, status: int, description: str) -> None:
    answer = theatre.client.post("/api/v2/access_token", json=body)

    assert (answer.status_code, answer.get_json()["errorDescription"]) == (status, description)


def test_login_may_come_as_a_quoted_object(theatre: Theatre) -> None:
    answer = theatre.client.post("/api/1/access_token", json=json.dumps({"apiLogin": "demo"}))

    assert (answer.status_code, list(answer.get_json())) == (200, ["correlationId", "token"])


def test_token_expires_when_the_options_say() -> None:
    theatre = open_theatre(rate=0, token_lifetime_s=60)

    theatre.clock.instant += timedelta(seconds=59)
    theatre.get("organizations", {})
    theatre.clock.instant += timedelta(seconds=1)

    assert theatre.refusal("organizations", {}) == EXPIRED
    theatre.log_in()
    theatre.get("organizations", {})


def test_token_that_was_revoked_is_no_longer_good(theatre: Theatre) -> None:
    assert theatre.control("tokens/revoke", {"login": "other"}) == {"revoked": 0}
    theatre.get("organizations", {})

    assert theatre.control("tokens/revoke", {"login": "demo"}) == {"revoked": 1}

    assert theatre.refusal("organizations", {}) == EXPIRED


def test_login_may_do_only_what_it_has_a_right_to(theatre: Theatre) -> None:
    theatre.log_in("readonly-partner")

    theatre.get("organizations", {})
    assert theatre.refusal("deliveries/cancel", {}) == (
        401,
        "Right api/1/deliveries/cancel is not allowed for this ApiLogin.",
        None,
    )


def test_login_bound_to_one_restaurant_sees_no_other(theatre: Theatre) -> None:
    mine, other = theatre.restaurant("Маяк"), theatre.restaurant("Волна")
    theatre.control("logins", {"name": "mayak", "organizations": [str(mine.id)]})
    theatre.log_in("mayak")

    assert [each["id"] for each in theatre.get("organizations", {})["organizations"]] == [str(mine.id)]
    theatre.get("webhooks/settings", {"organizationId": str(mine.id)})
    refused = (403, f"Organization {other.id} is not bound to this ApiLogin.", None)
    assert theatre.refusal("webhooks/settings", {"organizationId": str(other.id)}) == refused
    assert theatre.refusal("stop_lists", {"organizationIds": [str(mine.id), str(other.id)]}) == refused


def test_login_that_is_blocked_loses_its_tokens(theatre: Theatre) -> None:
    theatre.control("logins", {"name": "demo", "blocked": True})

    assert theatre.refusal("organizations", {}) == EXPIRED
    answer = theatre.client.post("/api/1/access_token", json={"apiLogin": "demo"})
    assert (answer.status_code, answer.get_json()["errorDescription"]) == (401, "Login is not authorized.")


def test_restaurants_differ_in_when_they_are_paid_and_in_their_version(theatre: Theatre) -> None:
    told = theatre.get("organizations", {"returnAdditionalInfo": True})["organizations"]

    assert [(each["deliveryOrderPaymentSettings"], each["version"]) for each in told] == [
        ("WhenOrderClosed", "9.2.6012.0"),
        ("WhenOrderOnTheWay", "9.2.6012.0"),
        ("WhenOrderClosed", "8.2.7014.0"),
        ("WhenOrderOnTheWay", "9.4.6008.0"),
    ]


def test_shift_is_opened_and_closed(theatre: Theatre) -> None:
    cafe = theatre.restaurant("Берёзка")
    person = {
        "organizationId": str(cafe.id),
        "terminalGroupId": str(cafe.terminal_groups[0].id),
        "employeeId": str(cafe.couriers[-1].id),
    }
    assert theatre.get("employees/shift/is_open", person)["isSessionOpened"] is False

    given = theatre.get("employees/shift/clockin", person)
    theatre.play(4)

    assert theatre.get("employees/shift/is_open", person)["isSessionOpened"] is True
    event = theatre.events()[-1]
    assert (event["eventType"], event["correlationId"]) == ("PersonalShift", given["correlationId"])
    assert (event["eventInfo"]["id"], event["eventInfo"]["opened"]) == (person["employeeId"], True)
    again = theatre.get("employees/shift/clockin", person)["correlationId"]
    theatre.play(2)
    asked = {"organizationId": person["organizationId"], "correlationId": again}
    assert theatre.get("commands/status", asked)["exception"] == {
        "message": "Personal session is already open"
    }
