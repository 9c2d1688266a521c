import base64
import json
from datetime import timedelta

import pytest

from sandbox.tests.harness import UNKNOWN_ID, Harness, open_harness, refusal_of

EXPIRED = (401, "Token is invalid or has expired.", None)


def test_token_of_the_second_version_is_a_jwt_for_the_same_operations(harness: Harness) -> None:
    given = {"apiKey": "key", "appId": UNKNOWN_ID, "clientSecret": "secret"}

    harness.token = harness.client.post("/api/v2/access_token", json=given).get_json()["token"]

    claims = harness.token.split(".")[1]
    expiry = json.loads(base64.urlsafe_b64decode(claims + "=="))["exp"]
    assert expiry == int((harness.clock.instant + timedelta(hours=1)).timestamp())
    assert len(harness.get("organizations", {})["organizations"]) == 4


@pytest.mark.parametrize(
    ("changes", "status", "description"),
    [
        ({"appId": "x"}, 400, "appId: 'x' is not a uuid."),
        ({"clientSecret": None}, 400, "clientSecret: a string is expected."),
        ({"clientSecret": "refused"}, 401, "Application is not authorized."),
        ({"apiKey": "refused"}, 401, "Login is not authorized."),
    ],
)
def test_application_that_is_refused(
    harness: Harness, changes: dict[str, object], status: int, description: str
) -> None:
    given = {"apiKey": "key", "appId": UNKNOWN_ID, "clientSecret": "s", **changes}

    refusal = refusal_of(harness.client.post("/api/v2/access_token", json=given))

    assert refusal == (status, description, None)


def test_login_may_come_as_a_quoted_object(harness: Harness) -> None:
    answer = harness.client.post("/api/1/access_token", json=json.dumps({"apiLogin": "demo"}))

    assert (answer.status_code, list(answer.get_json())) == (200, ["correlationId", "token"])


def test_token_expires_when_the_options_say() -> None:
    harness = open_harness(rate=0, token_lifetime_s=60)

    harness.clock.instant += timedelta(seconds=59)
    harness.get("organizations", {})
    harness.clock.instant += timedelta(seconds=1)

    assert harness.refusal("organizations", {}) == EXPIRED
    harness.log_in()
    harness.get("organizations", {})


def test_token_that_was_revoked_is_no_longer_good(harness: Harness) -> None:
    assert harness.control("tokens/revoke", {"login": "other"}) == {"revoked": 0}
    harness.get("organizations", {})

    assert harness.control("tokens/revoke", {"login": "demo"}) == {"revoked": 1}

    assert harness.refusal("organizations", {}) == EXPIRED


def test_login_may_do_only_what_it_has_a_right_to(harness: Harness) -> None:
    harness.log_in("readonly-partner")

    harness.get("organizations", {})
    refused = (401, "Right api/1/deliveries/cancel is not allowed for this ApiLogin.", None)
    assert harness.refusal("deliveries/cancel", {}) == refused


def test_login_bound_to_one_restaurant_sees_no_other(harness: Harness) -> None:
    mine, other = harness.id_of("Маяк"), harness.id_of("Волна")
    harness.control("logins", {"name": "mayak", "organizations": [mine]})
    harness.log_in("mayak")

    assert [each["id"] for each in harness.get("organizations", {})["organizations"]] == [mine]
    harness.get("webhooks/settings", {"organizationId": mine})
    refused = (403, f"Organization {other} is not bound to this ApiLogin.", None)
    assert harness.refusal("webhooks/settings", {"organizationId": other}) == refused
    assert harness.refusal("stop_lists", {"organizationIds": [mine, other]}) == refused


def test_login_that_is_blocked_loses_its_tokens(harness: Harness) -> None:
    harness.control("logins", {"name": "demo", "blocked": True})

    assert harness.refusal("organizations", {}) == EXPIRED
    answer = harness.client.post("/api/1/access_token", json={"apiLogin": "demo"})
    assert refusal_of(answer) == (401, "Login is not authorized.", None)


def test_restaurants_differ_in_when_they_are_paid_and_in_their_version(harness: Harness) -> None:
    shown = harness.get("organizations", {"returnAdditionalInfo": True})["organizations"]

    assert [(each["deliveryOrderPaymentSettings"], each["version"]) for each in shown] == [
        ("WhenOrderClosed", "9.2.6012.0"),
        ("WhenOrderOnTheWay", "9.2.6012.0"),
        ("WhenOrderClosed", "8.2.7014.0"),
        ("WhenOrderOnTheWay", "9.4.6008.0"),
    ]


def test_shift_is_opened_and_closed(harness: Harness) -> None:
    cafe = harness.restaurant("Берёзка")
    person = {
        "organizationId": str(cafe.id),
        "terminalGroupId": str(cafe.terminal_groups[0].id),
        "employeeId": str(cafe.couriers[-1].id),
    }

    def is_open() -> bool:
        return bool(harness.get("employees/shift/is_open", person)["isSessionOpened"])

    assert is_open() is False
    given = harness.get("employees/shift/clockin", person)
    harness.run(4)

    assert is_open() is True
    event = harness.events()[-1]
    assert (event["eventType"], event["correlationId"]) == ("PersonalShift", given["correlationId"])
    assert (event["eventInfo"]["id"], event["eventInfo"]["opened"]) == (person["employeeId"], True)
    again = harness.get("employees/shift/clockin", person)["correlationId"]
    harness.run(2)
    status = harness.get("commands/status", {**person, "correlationId": again})
    assert status["exception"] == {"message": "Personal session is already open"}
