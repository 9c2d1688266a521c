"""``register_webhooks``: iiko's settings made ours, once, and never at the cost of somebody else's."""

from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from requests import ConnectTimeout

from iiko_client.models.webhook_settings import WebhookFilter
from organizations.connection.call_log import call_log
from organizations.models.connection import ApiCall
from organizations.models.organization import Organization
from organizations.provisioning import create_api_key
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    TOKEN,
    authorized,
    cloud_event,
    make_key,
    make_organization,
    make_other_organization,
    post,
)
from tests.simulated_iiko import CORRELATION, SimulatedIiko, linked, make_login, refusal
from webhooks import registration
from webhooks.models.inbox import RegistrationStatus, WebhookConfig
from webhooks.receiving.configs import retire_previous_tokens, set_webhook_token
from webhooks.registration import Outcome, register_webhook

pytestmark = pytest.mark.django_db

URL = "https://hub.example.com/api/v1/webhooks/iiko"
NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
DONE = {"correlationId": CORRELATION}
NEW_TOKEN = "token-after-the-rotation"


@pytest.fixture(autouse=True)
def _public_address(settings: LazySettings) -> None:
    settings.WEBHOOK_BASE_URL = "https://hub.example.com"


@pytest.fixture
def restaurant() -> Organization:
    return linked(make_organization())


def vendor_settings(**changes: Any) -> dict[str, Any]:
    """Make what iiko has; by default all as we want it."""
    return {
        "correlationId": CORRELATION,
        "apiLoginName": "main",
        "webHooksUri": URL,
        "authToken": TOKEN,
        "webHooksFilter": WebhookFilter().wire(),
    } | changes


EMPTY = vendor_settings(webHooksUri=None, authToken=None, webHooksFilter=None)


def plays(iiko: SimulatedIiko, *states: dict[str, Any]) -> None:
    for state in states:
        iiko.answers("webhooks/settings", state)
    iiko.answers("webhooks/update_settings", DONE)


def register(**options: Any) -> str:
    out = StringIO()
    call_command("register_webhooks", stdout=out, **options)
    return out.getvalue()


def refused(**options: Any) -> tuple[str, str]:
    """Return what was said and the last sentence."""
    out = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("register_webhooks", stdout=out, **options)
    return out.getvalue(), str(failed.value)


def test_settings_are_written_once(iiko: SimulatedIiko, restaurant: Organization) -> None:
    plays(iiko, EMPTY, vendor_settings())

    first, second = register(), register()

    assert iiko.bodies("webhooks/update_settings") == [
        {
            "organizationId": ORGANIZATION_ID,
            "webHooksUri": URL,
            "authToken": TOKEN,
            "webHooksFilter": WebhookFilter().wire(),
        }
    ]
    assert first.splitlines() == [
        "Кафе «Сирень»: registered",
        f"  address: none → {URL}",
        "  token: none → ***",
        (
            "  filter: deliveryOrderFilter, tableOrderFilter, reserveFilter, stopListUpdateFilter, "
            "personalShiftFilter, nomenclatureUpdateFilter, businessHoursAndMappingUpdateFilter"
        ),
    ]
    assert second == "Кафе «Сирень»: registered already\n"
    config = WebhookConfig.objects.get()
    assert (config.registration_status, config.registration_error) == (RegistrationStatus.REGISTERED, "")
    assert config.webhook_url == URL
    assert config.last_registration is not None


@pytest.mark.parametrize(
    ("difference", "line"),
    [
        ({"webHooksUri": f"{URL}/"}, f"  address: {URL}/ → {URL}"),
        ({"webHooksUri": URL.replace("https", "http")}, f"  address: {URL.replace('https', 'http')} → {URL}"),
        ({"authToken": "the-one-before-the-last"}, "  token: *** → ***"),
        (
            {"webHooksFilter": WebhookFilter().wire() | {"personalShiftFilter": {"updates": False}}},
            "  filter: personalShiftFilter",
        ),
    ],
)
def test_any_difference_is_mended(
    iiko: SimulatedIiko, restaurant: Organization, difference: dict[str, Any], line: str
) -> None:
    plays(iiko, vendor_settings(**difference))

    assert register().splitlines() == ["Кафе «Сирень»: registered", line]

    assert len(iiko.bodies("webhooks/update_settings")) == 1


def test_restaurant_without_a_token_gets_one(iiko: SimulatedIiko) -> None:
    linked(make_organization(token=None))
    plays(iiko, EMPTY)

    register()

    [sent] = iiko.bodies("webhooks/update_settings")
    assert sent["authToken"] == WebhookConfig.objects.get().auth_token
    assert len(sent["authToken"]) >= 40


def test_foreign_address_is_left_alone(iiko: SimulatedIiko, restaurant: Organization) -> None:
    plays(
        iiko, vendor_settings(webHooksUri="https://user:pw@crm.example/hook?key=5ecret", authToken="theirs")
    )

    said, last = refused()

    assert "webhooks/update_settings" not in iiko.operations()
    assert said.splitlines()[0] == (
        "Кафе «Сирень»: belongs to another integration: iiko sends the webhooks of this login to "
        "https://crm.example/hook?…, which is not the hub. Another integration may need them. "
        "To take over: register_webhooks --force, or Take over in the admin."
    )
    assert last == "1 of 1 restaurants are not registered, see above."
    config = WebhookConfig.objects.get()
    assert config.registration_status == RegistrationStatus.FAILED
    assert "https://crm.example/hook?…" in config.registration_error
    for secret in ("5ecret", "theirs", TOKEN, "user:pw"):
        assert secret not in said + config.registration_error


def test_foreign_address_is_taken_over_by_force(iiko: SimulatedIiko, restaurant: Organization) -> None:
    plays(iiko, vendor_settings(webHooksUri="https://crm.example/hook"))

    register(force=True)

    assert [body["webHooksUri"] for body in iiko.bodies("webhooks/update_settings")] == [URL]
    assert WebhookConfig.objects.get().registration_status == RegistrationStatus.REGISTERED


def test_own_former_address_is_not_foreign(
    iiko: SimulatedIiko, restaurant: Organization, settings: LazySettings
) -> None:
    plays(iiko, EMPTY, vendor_settings())
    register()
    settings.WEBHOOK_BASE_URL = "https://new.example.com"

    register()

    addresses = [body["webHooksUri"] for body in iiko.bodies("webhooks/update_settings")]
    assert addresses == [URL, "https://new.example.com/api/v1/webhooks/iiko"]


def test_dry_run_only_reads(iiko: SimulatedIiko) -> None:
    linked(make_organization(token=None))
    plays(iiko, EMPTY)

    said = register(dry_run=True)

    assert iiko.operations() == ["access_token", "webhooks/settings"]
    assert not WebhookConfig.objects.exists()
    assert said.splitlines()[:3] == [
        "Кафе «Сирень»: would be registered",
        f"  address: none → {URL}",
        "  token: none → a new one",
    ]


def test_dry_run_shows_a_foreign_address_and_keeps_nothing(
    iiko: SimulatedIiko, restaurant: Organization
) -> None:
    plays(iiko, vendor_settings(webHooksUri="https://crm.example/hook"))
    before = WebhookConfig.objects.values().get()

    said, _ = refused(dry_run=True)

    assert f"  address: https://crm.example/hook → {URL}" in said
    assert WebhookConfig.objects.values().get() == before


def test_429_is_recorded_with_when_to_try_again(iiko: SimulatedIiko, restaurant: Organization) -> None:
    iiko.answers("webhooks/settings", EMPTY)
    too_many = refusal("Too many requests")
    iiko.answers("webhooks/update_settings", too_many, status=429, **{"Retry-After": "240"})

    done = register_webhook(restaurant, now=lambda: NOW)

    assert done.outcome is Outcome.BUSY
    config = WebhookConfig.objects.get()
    assert config.registration_status == RegistrationStatus.FAILED
    assert config.registration_error.startswith("webhooks/update_settings, HTTP 429: Too many requests. Try")
    assert "Try again at 2026-03-14 12:04:0" in config.registration_error
    assert config.last_registration is None


def test_answer_lost_on_reading_leaves_what_stood(iiko: SimulatedIiko, restaurant: Organization) -> None:
    plays(iiko, vendor_settings())
    register()
    iiko.forget("webhooks/settings")
    iiko.answers("webhooks/settings", refusal("no"), status=400)

    refused()

    config = WebhookConfig.objects.get()
    assert config.registration_status == RegistrationStatus.REGISTERED
    assert config.registration_error == "webhooks/settings, HTTP 400: no"


def test_update_is_not_repeated_after_a_lost_answer(iiko: SimulatedIiko, restaurant: Organization) -> None:
    iiko.answers("webhooks/settings", EMPTY)
    iiko.answers("webhooks/update_settings", refusal("slow"), status=408)

    refused()

    assert iiko.operations().count("webhooks/update_settings") == 1
    assert WebhookConfig.objects.get().registration_status == RegistrationStatus.FAILED


def test_one_failure_does_not_stop_the_others(iiko: SimulatedIiko, restaurant: Organization) -> None:
    linked(make_other_organization(), restaurant.api_login)
    iiko.answers("webhooks/settings", refusal("no access"), status=403)
    iiko.answers("webhooks/settings", vendor_settings())
    iiko.answers("webhooks/update_settings", DONE)

    said, last = refused()

    assert [line.split(": ")[:2] for line in said.splitlines() if not line.startswith(" ")] == [
        ["Бар «Клён»", "failed"],
        ["Кафе «Сирень»", "registered already"],
    ]
    assert last == "1 of 2 restaurants are not registered, see above."


def test_incomplete_login_is_told_and_does_not_stop_the_others(
    iiko: SimulatedIiko, restaurant: Organization
) -> None:
    linked(make_other_organization(), make_login(name="half", api_login=""))
    plays(iiko, vendor_settings())

    said, _ = refused()

    assert "Бар «Клён»: failed: The API login 'half' is not complete" in said
    assert "Кафе «Сирень»: registered already" in said


def test_switched_off_is_skipped(iiko: SimulatedIiko, restaurant: Organization) -> None:
    WebhookConfig.objects.update(is_active=False)

    assert register() == "Кафе «Сирень»: skipped: its webhook is switched off here\n"

    assert iiko.operations() == []


def test_inactive_and_unlinked_restaurants_are_left_out(
    iiko: SimulatedIiko, restaurant: Organization
) -> None:
    make_other_organization()
    plays(iiko, vendor_settings())

    assert register() == "Кафе «Сирень»: registered already\n"

    Organization.objects.update(is_active=False)
    assert refused()[1].startswith("No active restaurant has an API login. Add a login in the admin")
    assert "IIKO_API_KEY" in refused()[1]


def test_one_restaurant_may_be_named(iiko: SimulatedIiko, restaurant: Organization) -> None:
    make_other_organization()
    plays(iiko, vendor_settings())

    assert register(organization=ORGANIZATION_ID.upper()) == "Кафе «Сирень»: registered already\n"
    assert refused(organization=OTHER_ORGANIZATION_ID)[1].startswith("Бар «Клён» has no API login.")
    assert refused(organization="nobody")[1] == "No active organization nobody here."


@pytest.mark.parametrize("address", ["", "hub.example.com", "ftp://hub.example.com"])
def test_public_address_is_needed(
    iiko: SimulatedIiko, restaurant: Organization, settings: LazySettings, address: str
) -> None:
    settings.WEBHOOK_BASE_URL = address

    assert refused()[1].startswith("The hub does not know where iiko reaches it. Set WEBHOOK_BASE_URL")
    assert iiko.operations() == []


def test_no_token_is_written_to_logs_or_calls(
    iiko: SimulatedIiko, restaurant: Organization, caplog: pytest.LogCaptureFixture
) -> None:
    plays(iiko, vendor_settings(authToken="another-secret-token"))

    said = register()
    call_log.flush()

    calls = [f"{call.request} {call.response}" for call in ApiCall.objects.all()]
    assert len(calls) == 3
    for secret in (TOKEN, "another-secret-token", "token-1-s3cret", "api-login-5ecret"):
        assert secret not in "".join([said, caplog.text, *calls])


# --- the former token --------------------------------------------------------------------------------


def rotated() -> WebhookConfig:
    return set_webhook_token(organization=make_organization(), token=NEW_TOKEN)


@pytest.mark.parametrize(
    ("theirs", "kept"),
    [
        ("https://delivery.example/in?key=their-s3cret", "https://delivery.example/in?***"),
        ("https://me:their-s3cret@delivery.example/in", "https://***@delivery.example/in"),
        ("https://delivery.example/in#their-s3cret", "https://delivery.example/in#***"),
        (URL, URL),
    ],
)
def test_key_in_the_address_of_another_is_written_nowhere(
    iiko: SimulatedIiko, restaurant: Organization, caplog: pytest.LogCaptureFixture, theirs: str, kept: str
) -> None:
    plays(iiko, vendor_settings(webHooksUri=theirs))

    register_webhook(restaurant, now=lambda: NOW)

    call_log.flush()
    call = ApiCall.objects.get(operation="webhooks/settings")
    assert (call.response or {})["webHooksUri"] == kept
    config = WebhookConfig.objects.get()
    assert "s3cret" not in f"{caplog.text} {config.seen_url} {config.registration_error}"


def test_former_token_is_dropped_when_the_new_one_comes(client: Client) -> None:
    config = rotated()
    assert post(client, cloud_event(), token=TOKEN).status_code == 200
    config.refresh_from_db()
    assert config.previous_auth_token == TOKEN

    assert post(client, cloud_event(), token=NEW_TOKEN).status_code == 200

    config.refresh_from_db()
    assert (config.auth_token, config.previous_auth_token) == (NEW_TOKEN, "")


@pytest.mark.parametrize("body", [[], b"not json"])
def test_former_token_outlives_what_is_no_event(client: Client, body: Any) -> None:
    config = rotated()

    assert post(client, body, token=NEW_TOKEN).status_code == 200

    config.refresh_from_db()
    assert config.previous_auth_token == TOKEN


def test_token_that_is_itself_being_replaced_drops_nothing() -> None:
    config = rotated()
    set_webhook_token(organization=config.organization, token="token-number-three")

    assert retire_previous_tokens(config_ids=[config.pk], token=NEW_TOKEN) == 0

    config.refresh_from_db()
    assert config.previous_auth_token == NEW_TOKEN


def test_receiving_without_a_rotation_looks_at_no_config(client: Client) -> None:
    make_organization()
    post(client, cloud_event())

    with CaptureQueriesContext(connection) as captured:
        post(client, cloud_event())

    assert "webhook_configs" not in str(captured.captured_queries)


# --- over the API ------------------------------------------------------------------------------------


def api(client: Client, method: str, address: str = "", body: Any = None, key: str | None = None) -> Any:
    call = getattr(client, method)
    more = {} if body is None else {"data": body, "content_type": "application/json"}
    headers = authorized(key or make_key())
    return call(f"/api/v1/webhooks/configs{address}", headers=headers, **more)


def test_config_is_made_changed_and_shown_without_tokens(client: Client) -> None:
    make_organization(token=None)

    made = api(client, "post", body={"organization_id": ORGANIZATION_ID.upper(), "auth_token": TOKEN})
    changed = api(client, "patch", f"/{made.json()['id']}", {"auth_token": NEW_TOKEN})
    listed = api(client, "get").json()["results"]

    assert (made.status_code, changed.status_code) == (201, 200)
    assert (made.json()["has_previous_token"], changed.json()["has_previous_token"]) == (False, True)
    assert listed == [changed.json()]
    assert listed[0]["organization_id"] == ORGANIZATION_ID
    assert listed[0]["registration_status"] == "not_registered"
    for response in (made, changed):
        assert TOKEN not in response.text
        assert NEW_TOKEN not in response.text
    config = WebhookConfig.objects.get()
    assert (config.auth_token, config.previous_auth_token) == (NEW_TOKEN, TOKEN)


def test_config_is_switched_off_over_the_api(client: Client) -> None:
    make_organization()
    config = WebhookConfig.objects.get()

    assert api(client, "patch", f"/{config.pk}", {"is_active": False}).json()["is_active"] is False
    changed = api(client, "patch", f"/{config.pk}", {"auth_token": NEW_TOKEN})

    assert changed.json()["is_active"] is False
    assert post(client, cloud_event(), token=NEW_TOKEN).status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"organization_id": ORGANIZATION_ID}, 409, "webhook_config_exists"),
        ({"organization_id": OTHER_ORGANIZATION_ID}, 404, "unknown_organization"),
        ({}, 400, "required"),
    ],
)
def test_config_that_cannot_be_made_is_refused(
    client: Client, body: dict[str, Any], status: int, code: str
) -> None:
    make_organization()

    response = api(client, "post", body=body)

    assert (response.status_code, response.json()["errors"][0]["code"]) == (status, code)
    assert WebhookConfig.objects.get().auth_token == TOKEN


def test_bad_token_changes_nothing(client: Client) -> None:
    make_organization()

    response = api(client, "patch", f"/{WebhookConfig.objects.get().pk}", {"auth_token": "short"})

    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "bad_token")
    assert WebhookConfig.objects.get().auth_token == TOKEN


def test_key_reaches_its_own_configs_only(client: Client) -> None:
    make_organization()
    other = make_other_organization(token=None)
    key, pk = make_key(other.iiko_id), WebhookConfig.objects.get().pk

    assert api(client, "get", key=key).json()["results"] == []
    assert api(client, "get", f"/{pk}", key=key).status_code == 404
    assert api(client, "patch", f"/{pk}", {"is_active": False}, key=key).status_code == 404
    assert api(client, "post", f"/{pk}/register", {}, key=key).status_code == 404
    made = api(client, "post", body={"organization_id": ORGANIZATION_ID}, key=key)
    assert made.status_code == 404
    assert WebhookConfig.objects.get().is_active


@pytest.mark.parametrize(
    ("method", "address", "body"),
    [
        ("post", "", {"organization_id": OTHER_ORGANIZATION_ID, "auth_token": NEW_TOKEN}),
        ("patch", "/{pk}", {"auth_token": NEW_TOKEN}),
        ("patch", "/{pk}", {"is_active": False}),
        ("post", "/{pk}/register", {"force": True}),
        ("post", "/{pk}/register", {"dry_run": True}),
    ],
)
def test_key_that_only_reads_changes_no_config(
    client: Client, iiko: SimulatedIiko, method: str, address: str, body: dict[str, Any]
) -> None:
    make_organization()
    make_other_organization(token=None)
    key = create_api_key(name="reader", rights=())[1]
    pk = WebhookConfig.objects.get().pk

    response = api(client, method, address.format(pk=pk), body, key)

    assert (response.status_code, response.json()["errors"][0]["code"]) == (403, "permission_denied")
    config = WebhookConfig.objects.get()
    assert (config.auth_token, config.previous_auth_token, config.is_active) == (TOKEN, "", True)
    assert iiko.operations() == []
    assert post(client, cloud_event(), token=NEW_TOKEN).status_code == 401


def test_registering_over_the_api(client: Client, iiko: SimulatedIiko, restaurant: Organization) -> None:
    plays(iiko, vendor_settings(authToken="before"), vendor_settings())
    address = f"/{WebhookConfig.objects.get().pk}/register"

    first = api(client, "post", address, {})
    second = api(client, "post", address, {"force": True})
    call_log.flush()

    assert (first.status_code, first.json()["outcome"]) == (200, "updated")
    assert first.json()["changes"] == ["token: *** → ***"]
    assert first.json()["config"]["registration_status"] == "registered"
    assert second.json()["outcome"] == "unchanged"
    assert set(ApiCall.objects.values_list("requested_by", flat=True)) == {"key shop"}
    assert TOKEN not in first.text


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        (vendor_settings(webHooksUri="https://crm.example/x"), 200, "foreign_webhook"),
        (refusal("busy"), 429, "iiko_busy"),
        (refusal("no"), 403, "registration_failed"),
    ],
)
def test_registration_that_fails_tells_why(
    client: Client,
    iiko: SimulatedIiko,
    restaurant: Organization,
    state: dict[str, Any],
    status: int,
    code: str,
) -> None:
    iiko.answers("webhooks/settings", state, status=status)

    response = api(client, "post", f"/{WebhookConfig.objects.get().pk}/register", {})

    assert (response.status_code, response.json()["errors"][0]["code"]) == (409, code)
    assert response.json()["errors"][0]["detail"]


def test_unreachable_iiko_is_told_in_words(
    client: Client, iiko: SimulatedIiko, restaurant: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    iiko.forget("access_token")
    iiko.answers("access_token", ConnectTimeout())

    response = api(client, "post", f"/{WebhookConfig.objects.get().pk}/register", {})

    assert response.status_code == 409
    assert "no connection to iiko" in response.json()["errors"][0]["detail"]


def test_address_is_needed_over_the_api_too(
    client: Client, restaurant: Organization, settings: LazySettings
) -> None:
    settings.WEBHOOK_BASE_URL = ""

    response = api(client, "post", f"/{WebhookConfig.objects.get().pk}/register", {})

    assert (response.status_code, response.json()["errors"][0]["code"]) == (409, "no_webhook_address")


def test_every_failure_has_a_code() -> None:
    failures = {one for one in Outcome if not one.is_success} | {Outcome.SWITCHED_OFF}

    assert set(registration.REFUSAL_CODES) == failures
