"""Every answer of the API fits the vendor's schema."""

import pytest

from sandbox.http.call import OPERATIONS
from sandbox.orders.order import DeliveryStatus
from sandbox.tests import vendor_schema
from sandbox.tests.good_bodies import good_bodies
from sandbox.tests.harness import Harness, open_harness


@pytest.fixture(scope="module")
def harness() -> Harness:
    """Give a simulator after some minutes, with stop lists, transactions and a finished command."""
    opened = open_harness(rate=30)
    opened.run(600)
    return opened


@vendor_schema.needs_schema
def test_every_operation_answers_as_the_schema_says(harness: Harness) -> None:
    bodies = good_bodies(harness)

    # A draft that was committed is not there any more, see test_drafts.
    assert set(bodies) == {*OPERATIONS, "access_token"} - {"deliveries/drafts/delete"}
    for path, body in bodies.items():
        response = harness.ask(path, body)
        assert response.status_code == 200, (path, response.get_data(as_text=True))
        if path == "deliveries/update_tracking_link":
            assert response.get_data() == b""
        elif path == "loyalty/iiko/program":
            assert list(response.get_json()) == ["Programs"]
            assert vendor_schema.answer_errors(f"/api/1/{path}", response.get_json()) == []
        elif path == "loyalty/iiko/customer/info":
            # "All may be null" (REFERENCE 3), though the schema says so of a few only.
            filled = {key: value for key, value in response.get_json().items() if value is not None}
            assert vendor_schema.answer_errors(f"/api/1/{path}", filled) == []
        else:
            assert vendor_schema.answer_errors(f"/api/1/{path}", response.get_json()) == [], path


@vendor_schema.needs_schema
def test_finished_commands_answer_as_the_schema_says(harness: Harness) -> None:
    order = harness.wait_for_order("Берёзка", DeliveryStatus.COOKING_STARTED)

    done = harness.command("change_comment", order, comment="Готово")
    failed = harness.command("confirm", order)

    assert vendor_schema.answer_errors("/api/1/commands/status", done) == []
    assert vendor_schema.answer_errors("/api/1/commands/status", failed) == []
    assert (done, failed["state"]) == ({"state": "Success"}, "Error")


@vendor_schema.needs_schema
def test_full_webhook_settings_fit_the_schema(harness: Harness) -> None:
    settings = harness.get("webhooks/settings", {"organizationId": str(harness.restaurant("Волна").id)})

    assert vendor_schema.answer_errors("/api/1/webhooks/settings", settings) == []
    assert (settings["webHooksUri"], settings["authToken"]) == ("http://hub.example/hook", "very-secret")


@vendor_schema.needs_schema
def test_organizations_are_listed_by_get_too(harness: Harness) -> None:
    headers = {"Authorization": f"Bearer {harness.token}"}

    shown = harness.client.get("/api/1/organizations", headers=headers).get_json()

    assert vendor_schema.answer_errors("/api/1/organizations", shown) == []
    assert [one["name"] for one in shown["organizations"]] == [
        each.name for each in harness.simulator.world.organizations
    ]
    assert harness.client.get("/api/1/organizations").status_code == 401
