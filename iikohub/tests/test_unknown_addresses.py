"""What the API says where there is nothing: always JSON."""

import pytest
from django.test import Client

from tests.builders import authorized, make_key

pytestmark = pytest.mark.django_db

TOO_LONG = ["9" * 19, "9" * 20, "9" * 30, "9" * 5000]


@pytest.mark.parametrize("number", TOO_LONG, ids=len)
@pytest.mark.parametrize("place", ["orders", "webhooks/events", "webhooks/configs", "logs"])
def test_number_beyond_all_ids_is_not_found(client: Client, place: str, number: str) -> None:
    headers = authorized(make_key())

    beyond = client.get(f"/api/v1/{place}/{number}", headers=headers)
    missing = client.get(f"/api/v1/{place}/4242", headers=headers)

    assert (beyond.status_code, beyond["Content-Type"]) == (404, "application/json")
    assert beyond.json() == missing.json()
    assert beyond.json()["errors"][0]["code"] == "not_found"


@pytest.mark.parametrize("place", ["orders", "webhooks/events", "webhooks/configs", "logs"])
def test_number_beyond_all_ids_needs_a_key_like_any_other(client: Client, place: str) -> None:
    assert client.get(f"/api/v1/{place}/{'9' * 20}").status_code == 401


def test_action_on_a_number_beyond_all_ids_is_not_found(client: Client) -> None:
    headers = authorized(make_key())

    for address in ("webhooks/events/{}/replay", "webhooks/configs/{}/register"):
        url = f"/api/v1/{address.format('9' * 20)}"
        response = client.post(url, {}, content_type="application/json", headers=headers)
        assert (response.status_code, response["Content-Type"]) == (404, "application/json")
    assert client.get(f"/api/v1/orders/{'9' * 20}/timeline", headers=headers).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "address",
    [
        "/api/v1",
        "/api/v1/",
        "/api/v1/nothing",
        "/api/v1/nothing/",
        "/api/v1/orders/abc",
        "/api/v1/orders/1/2/3",
        "/api/v1/orders/1/%0A",
        "/api/v1/webhooks/iiko/more",
    ],
)
def test_unknown_address_is_a_json_404(client: Client, method: str, address: str) -> None:
    response = client.generic(method, address, headers={"Accept-Language": "en"})

    assert (response.status_code, response["Content-Type"]) == (404, "application/json")
    if method != "HEAD":
        assert response.json() == {
            "type": "client_error",
            "errors": [
                {
                    "code": "not_found",
                    "detail": "There is nothing at this address. /api/docs/ lists what there is.",
                    "attr": None,
                }
            ],
        }


def test_address_outside_the_api_is_not_answered_by_it(client: Client) -> None:
    assert client.get("/api/v10").status_code == 404
    assert "json" not in client.get("/api/v10")["Content-Type"]
