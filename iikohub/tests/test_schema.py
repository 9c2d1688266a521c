"""The description of the API and the page that shows it."""

import json
import re
from io import StringIO
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from orders.models.order import Status
from outbound.events.catalogue import SUBSCRIBABLE
from webhooks.models.inbox import EventStatus

RECEIVES = {"/api/v1/webhooks/iiko"}
CUSTOMERS = "/api/v1/loyalty/customers"
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """Generate the schema as `manage.py spectacular` does, warnings counting as errors."""
    out = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, format="openapi-json", stdout=out)
    described: dict[str, Any] = json.loads(out.getvalue())
    return described


def test_every_operation_is_described(schema: dict[str, Any]) -> None:
    operations = {
        f"{method.upper()} {path}": operation["summary"]
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }

    assert operations == {
        "GET /api/v1/attention": "What needs attention, newest first",
        "GET /api/v1/attention/{id}": "One item with its history",
        "POST /api/v1/attention/{id}/take": "Take it: somebody looks after it",
        "POST /api/v1/attention/{id}/release": "Give it back",
        "POST /api/v1/attention/{id}/resolve": "Resolve it, with a note",
        "POST /api/v1/attention/{id}/snooze": "Snooze it until a moment",
        "POST /api/v1/attention/{id}/reopen": "Open again what is resolved or snoozed",
        "GET /api/v1/analytics": "Figures of restaurants by hour, day, week or month",
        "GET /api/v1/couriers": "Couriers by restaurant and name",
        "GET /api/v1/logs": "Calls to iiko, newest first",
        "GET /api/v1/logs/{id}": "One call with its request and response",
        "GET /api/v1/loyalty/customers": "A guest with live balances",
        "GET /api/v1/loyalty/operations": "The ledger, newest first",
        "GET /api/v1/loyalty/operations/{id}": "One operation and its outcome",
        "POST /api/v1/loyalty/operations/{id}/cancel": "Cancel an operation that was not sent yet",
        "POST /api/v1/loyalty/hold": "Hold money of a wallet",
        "POST /api/v1/loyalty/holds/{transaction_id}/cancel": "Release a hold",
        "POST /api/v1/loyalty/topup": "Add to a wallet",
        "POST /api/v1/loyalty/withdraw": "Take from a wallet",
        "GET /api/v1/organizations": "Restaurants by name",
        "GET /api/v1/shifts": "Shifts, newest first",
        "GET /api/v1/stop-list": "What is out of stock or running out",
        "GET /api/v1/stop-list/time-out-of-stock": "How long each product was out of stock",
        "GET /api/v1/terminal-groups": "Terminal groups by restaurant and name",
        "GET /api/v1/table-orders": "Table orders, newest first",
        "GET /api/v1/table-orders/{id}": "One table order with its items, payments and guest",
        "GET /api/v1/reserves": "Reserves, newest first",
        "GET /api/v1/reserves/{id}": "One reserve with its guest, and its bill if it is a banquet",
        "GET /api/v1/commands/{id}": "One command and its outcome",
        "GET /api/v1/orders": "Orders, newest first",
        "GET /api/v1/orders/{id}": "One order with its items, payments, discounts and customer",
        "GET /api/v1/orders/{id}/timeline": "What changed, from, to, when, and the event that brought it",
        "GET /api/v1/orders/{id}/commands": "Commands of the order, newest first",
        "POST /api/v1/orders/{id}/update-status": "Change the status",
        "POST /api/v1/orders/{id}/assign-courier": "Assign a courier",
        "POST /api/v1/orders/{id}/update-payment": "Replace the payments",
        "POST /api/v1/orders/{id}/apply-discount": "Give a discount",
        "POST /api/v1/orders/{id}/cancel": "Cancel the order",
        "GET /api/v1/webhooks/configs": "Webhook settings by restaurant",
        "POST /api/v1/webhooks/configs": "Accept webhooks for a restaurant",
        "GET /api/v1/webhooks/configs/{id}": "One restaurant's webhook settings",
        "PATCH /api/v1/webhooks/configs/{id}": "Set a new token, or switch off",
        "POST /api/v1/webhooks/configs/{id}/register": "Make iiko send the webhooks here",
        "GET /api/v1/webhooks/events": "Received events, newest first",
        "GET /api/v1/webhooks/events/{id}": "One event with its payload",
        "POST /api/v1/webhooks/iiko": "Where iiko delivers its events",
        "GET /api/v1/subscriptions": "Subscriptions by name",
        "POST /api/v1/subscriptions": "Subscribe an address to events",
        "GET /api/v1/subscriptions/{id}": "One subscription, and how it fares",
        "PATCH /api/v1/subscriptions/{id}": "Change a subscription",
        "DELETE /api/v1/subscriptions/{id}": "End a subscription; what waits is not sent",
        "GET /api/v1/subscriptions/event-types": "All types of events, with an example of each",
        "POST /api/v1/subscriptions/{id}/test": "Send a test",
        "POST /api/v1/subscriptions/{id}/rotate-secret": "Make a new secret",
        "POST /api/v1/subscriptions/{id}/enable": "Enable it again, and close its circuit",
        "POST /api/v1/subscriptions/{id}/redeliver": "Send again what happened since a moment",
        "GET /api/v1/deliveries": "Deliveries, newest first",
        "GET /api/v1/deliveries/{id}": "One delivery with its body and its attempts",
        "POST /api/v1/deliveries/{id}/redeliver": "Send it again",
        "POST /api/v1/webhooks/events/replay": "Put the events of a selection into the inbox again",
        "POST /api/v1/webhooks/events/{id}/replay": "Put the event into the inbox again",
    }


def test_operations_are_named_for_what_they_do(schema: dict[str, Any]) -> None:
    ids = [one["operationId"] for all_of in schema["paths"].values() for one in all_of.values()]

    assert len(set(ids)) == len(ids)
    created = {name.removesuffix("_create") for name in ids if name.endswith("_create")}
    assert created <= {"webhooks_configs", "subscriptions"}
    assert {"orders_cancel", "loyalty_topup", "webhooks_receive", "attention_take"} <= set(ids)


def test_description_has_no_titles_of_filters(schema: dict[str, Any]) -> None:
    """They are of a language, and generators of clients name types by them."""
    operations = [one for all_of in schema["paths"].values() for one in all_of.values()]

    assert not [one for each in operations for one in each.get("parameters", []) if "title" in one["schema"]]


def parameters(schema: dict[str, Any], path: str) -> set[str]:
    return {one["name"] for one in schema["paths"][path]["get"]["parameters"] if one["in"] == "query"}


def test_filters_are_those_of_the_contract(schema: dict[str, Any]) -> None:
    assert parameters(schema, "/api/v1/orders") == {
        "status",
        "organization_id",
        "courier_id",
        "order_type",
        "external_order_id",
        "iiko_order_id",
        "readable_number",
        "late",
        "open",
        "updated_since",
        "search",
        "skip",
        "cursor",
        "limit",
        "delivery_zone",
        "source_key",
        "terminal_group_id",
        "promised_since",
        "promised_until",
        "created_since",
        "created_until",
        "ordering",
        "format",
    }
    hall = {
        "organization_id",
        "status",
        "open",
        "external_number",
        "search",
        "updated_since",
        "skip",
        "cursor",
        "limit",
    }
    assert parameters(schema, "/api/v1/table-orders") == hall | {"iiko_order_id", "number"}
    assert parameters(schema, "/api/v1/reserves") == hall | {
        "iiko_reserve_id",
        "expected_since",
        "expected_until",
    }
    assert parameters(schema, "/api/v1/webhooks/events") == {
        "event_type",
        "status",
        "organization_id",
        "order_external_id",
        "correlation_id",
        "trace_id",
        "reason",
        "processing_error",
        "source",
        "since",
        "until",
        "skip",
        "cursor",
        "limit",
    }
    assert parameters(schema, "/api/v1/attention") == {
        *("rule", "severity", "organization_id", "state", "since"),
        *("skip", "cursor", "limit"),
    }
    assert parameters(schema, "/api/v1/deliveries") == {
        *("subscription", "state", "event_type", "organization_id", "trace_id", "since", "until"),
        *("skip", "cursor", "limit"),
    }
    assert parameters(schema, "/api/v1/logs") == {
        "operation",
        "organization_id",
        "order_id",
        "correlation_id",
        "trace_id",
        "failed",
        "bodies",
        "slow_ms",
        "since",
        "until",
        "skip",
        "cursor",
        "limit",
    }
    assert parameters(schema, "/api/v1/stop-list") == {
        "organization_id",
        "terminal_group_id",
        "product_id",
        "product",
        "out_of_stock",
        "open",
        "since",
        "until",
        "format",
        "skip",
        "cursor",
        "limit",
    }
    assert parameters(schema, "/api/v1/shifts") == {
        "organization_id",
        "terminal_group_id",
        "employee_id",
        "open",
        "since",
        "until",
        "format",
        "skip",
        "cursor",
        "limit",
    }
    assert parameters(schema, "/api/v1/orders/{id}/timeline") == {"skip", "limit", "cursor"}


def test_lists_have_the_public_shape(schema: dict[str, Any]) -> None:
    shape = schema["components"]["schemas"]["PaginatedOrderList"]

    assert set(shape["properties"]) == {"count", "next", "previous", "results"}
    assert shape["properties"]["count"]["nullable"] is True


def test_key_is_the_way_in_everywhere(schema: dict[str, Any]) -> None:
    assert schema["components"]["securitySchemes"]["ApiKey"] == {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Api-Key <key>`; make a key with `manage.py create_api_key NAME`.",
    }
    by_token = schema["paths"]["/api/v1/webhooks/iiko"]["post"]
    assert "security" not in by_token
    for operations in schema["paths"].values():
        for method, operation in operations.items():
            if operation is not by_token:
                assert {"ApiKey": []} in operation["security"], method
                assert {"401", "403"} <= set(operation["responses"])


def test_statuses_are_named_for_what_they_are(schema: dict[str, Any]) -> None:
    schemas = schema["components"]["schemas"]

    assert schemas["OrderStatusEnum"]["enum"] == Status.values
    assert schemas["EventStatusEnum"]["enum"] == EventStatus.values


ACTIONS = ("update-status", "assign-courier", "update-payment", "cancel")


@pytest.mark.parametrize("name", ACTIONS)
def test_actions_have_examples_of_requests_and_answers(schema: dict[str, Any], name: str) -> None:
    operation = schema["paths"][f"/api/v1/orders/{{id}}/{name}"]["post"]

    assert operation["requestBody"]["content"]["application/json"]["examples"]
    assert {"200", "202", "401", "403", "404", "409", "422", "429"} <= set(operation["responses"])
    assert {one["name"] for one in operation["parameters"] if one["in"] == "header"} == {
        "Idempotency-Key",
        "Prefer",
    }


def test_discount_is_described_with_its_ends_and_refusals(schema: dict[str, Any]) -> None:
    operation = schema["paths"]["/api/v1/orders/{id}/apply-discount"]["post"]

    own = {"200", "202", "404", "409", "422", "429"}
    assert set(operation["responses"]) == own | {"400", "401", "403", "406", "413", "415", "503"}
    assert "discount_not_supported_by_iiko" in str(operation["responses"]["409"])
    assert "two_orders" in str(operation["responses"]["200"])
    assert "reissue" in str(operation["requestBody"])


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("till_too_old", {*ACTIONS, "apply-discount"}),
        ("idempotency_key_reused", {*ACTIONS, "apply-discount"}),
        ("pickup_order", {"update-status", "assign-courier"}),
        ("removal_type_needed", {"update-status", "cancel"}),
        ("set_by_kitchen", {"update-status"}),
        ("unknown_courier", {"assign-courier"}),
        ("sum_too_small", {"update-payment"}),
        ("unknown_cancel_cause", {"cancel"}),
        ("kitchen_has_it", {"apply-discount"}),
    ],
)
def test_action_lists_the_refusals_that_it_can_give(
    schema: dict[str, Any], code: str, names: set[str]
) -> None:
    listed = set()
    for name in (*ACTIONS, "apply-discount"):
        answers = schema["paths"][f"/api/v1/orders/{{id}}/{name}"]["post"]["responses"]
        for status in ("409", "422"):
            examples = answers[status]["content"]["application/json"]["examples"].values()
            if code in {one["value"]["errors"][0]["code"] for one in examples}:
                listed.add(name)

    assert listed == names


def test_what_may_be_empty_is_described_so(schema: dict[str, Any]) -> None:
    """A choice that its column lets be empty, and what is null for want of a thing."""
    schemas = schema["components"]["schemas"]

    assert {"$ref": "#/components/schemas/BlankEnum"} in schemas["Event"]["properties"]["reason"]["oneOf"]
    assert schemas["Operation"]["properties"]["hold_transaction_id"]["nullable"] is True


def test_refusals_are_described_where_they_occur_with_their_body(schema: dict[str, Any]) -> None:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if path in RECEIVES:
                continue
            answers = operation["responses"]
            assert {"400", "401", "403", "404", "406", "503"} <= set(answers), (path, method)
            has_body = method not in ("get", "delete")
            assert ("413" in answers) == has_body
            assert ("415" in answers) == ("422" in answers and path != CUSTOMERS) == has_body
            for status, answer in answers.items():
                if status >= "400":
                    body = answer["content"]["application/json"]["schema"]
                    assert body == {"$ref": "#/components/schemas/Refusals"}, (path, method, status)


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("accept", ["application/vnd.oai.openapi", "application/vnd.oai.openapi+json"])
def test_schema_is_made_once_and_kept_by_the_browser(
    client: Client, monkeypatch: pytest.MonkeyPatch, accept: str, language: str
) -> None:
    headers = {"Accept": accept, "Accept-Language": language}
    first = client.get("/api/schema/", headers=headers)

    def generated(*_: Any, **__: Any) -> None:
        raise AssertionError("it was made again")

    monkeypatch.setattr(SchemaGenerator, "get_schema", generated)
    again = client.get("/api/schema/", headers=headers)
    kept = client.get("/api/schema/", headers=headers | {"If-None-Match": first["ETag"]})

    assert (again.status_code, again.content, again["ETag"]) == (200, first.content, first["ETag"])
    assert again["Cache-Control"] == "no-cache"
    assert {"Accept", "Accept-Language"} <= set(again["Vary"].split(", "))
    assert (kept.status_code, kept.content) == (304, b"")


def test_schemas_of_two_languages_and_forms_are_kept_apart(client: Client) -> None:
    tags = {
        client.get("/api/schema/", headers={"Accept": accept, "Accept-Language": language})["ETag"]
        for accept in ("application/vnd.oai.openapi", "application/vnd.oai.openapi+json")
        for language in ("ru", "en")
    }

    assert len(tags) == 4
    assert client.get("/api/schema/?lang=no-such")["ETag"] in tags


@pytest.mark.parametrize("url", ["/api/schema", "/api/schema/"])
def test_schema_is_open_to_all(client: Client, url: str) -> None:
    response = client.get(url)

    assert response.status_code == 200
    assert response["Content-Type"].startswith("application/vnd.oai.openapi")
    assert yaml.load(response.content, Loader=yaml.CSafeLoader)["info"]["title"] == "iikohub"


@pytest.mark.parametrize("url", ["/api/docs", "/api/docs/"])
def test_page_is_shown_without_any_foreign_host(client: Client, url: str) -> None:
    response = client.get(url)
    page = response.content.decode()

    assert response.status_code == 200
    assert set(re.findall(r"(?:https?:)?//[\w.-]+", page)) <= {"http://testserver"}
    assert "swagger-ui-bundle.js" in page


@pytest.mark.django_db
def test_what_the_page_loads_is_served_by_the_hub(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "WHITENOISE_USE_FINDERS", True)
    page = client.get("/api/docs/").content.decode()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert len(addresses) >= 3
    for address in addresses:
        response = client.get(address.replace("&amp;", "&"))
        assert (address, response.status_code) == (address, 200)
        b"".join(response)
        response.close()


def test_page_runs_no_script_of_its_own_under_its_policy(client: Client) -> None:
    response = client.get("/api/docs/")

    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert "'unsafe" not in response["Content-Security-Policy"].split("script-src")[1]
    assert re.findall(r"<script(?![^>]*\bsrc=)", response.content.decode()) == []


def test_events_that_are_sent_are_described_with_their_bodies(schema: dict[str, Any]) -> None:
    sent = schema["x-webhooks"]

    assert list(sent) == [entry.name.value for entry in SUBSCRIBABLE]
    body = sent["order.status_changed"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["properties"]["type"]["enum"] == ["order.status_changed"]
    assert body["example"]["data"]["changes"]["status"] == {"from": "Waiting", "to": "OnWay"}
