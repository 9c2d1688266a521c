"""Registration without a person: automatic, patient after a 429, and a watch that only reads."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from iiko_client.models.webhook_settings import WebhookFilter
from organizations.models.connection import IikoPause
from organizations.models.organization import Organization
from tests.builders import ORGANIZATION_ID, TOKEN, cloud_event, make_organization, post
from tests.simulated_iiko import CORRELATION, SimulatedIiko, linked, refusal
from webhooks.models.inbox import RegistrationStatus, WebhookConfig
from webhooks.receiving.configs import set_webhook_token
from webhooks.registration import register_webhook
from webhooks.registration.watch import register_all, register_new, watch_webhooks

pytestmark = pytest.mark.django_db

URL = "https://hub.example.com/api/v1/webhooks/iiko"
FOREIGN = "https://delivery.example/hooks"
NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
OURS: dict[str, Any] = {
    "correlationId": CORRELATION,
    "apiLoginName": "main",
    "webHooksUri": URL,
    "authToken": TOKEN,
    "webHooksFilter": WebhookFilter().wire(),
}
EMPTY = OURS | {"webHooksUri": None, "authToken": None, "webHooksFilter": None}


@pytest.fixture(autouse=True)
def _public_address(settings: LazySettings) -> None:
    settings.WEBHOOK_BASE_URL = "https://hub.example.com"
    settings.WEBHOOK_AUTO_REGISTER = True


@pytest.fixture
def restaurant(iiko: SimulatedIiko) -> Organization:
    iiko.answers("webhooks/update_settings", {"correlationId": CORRELATION})
    return linked(make_organization())


def registered(restaurant: Organization, iiko: SimulatedIiko) -> WebhookConfig:
    iiko.answers("webhooks/settings", OURS)
    register_webhook(restaurant, now=lambda: NOW)
    iiko.forget("webhooks/settings")
    return WebhookConfig.objects.get()


def updates(iiko: SimulatedIiko) -> int:
    return len(iiko.bodies("webhooks/update_settings"))


def test_nothing_is_registered_unless_it_is_wanted(
    iiko: SimulatedIiko, restaurant: Organization, settings: LazySettings
) -> None:
    settings.WEBHOOK_AUTO_REGISTER = False

    assert (register_all(now=NOW), register_new()) == (0, 0)

    assert iiko.operations() == []


def test_worker_that_starts_registers_and_the_next_one_finds_it_done(
    iiko: SimulatedIiko, restaurant: Organization
) -> None:
    iiko.answers("webhooks/settings", EMPTY)

    assert register_all(now=NOW) == 1
    checked = WebhookConfig.objects.get().checked_at
    assert checked is not None
    assert register_all(now=checked + timedelta(seconds=30)) == 0

    assert len(iiko.bodies("webhooks/settings")) == 1
    assert updates(iiko) == 1


def test_worker_that_starts_later_compares_and_changes_nothing(
    iiko: SimulatedIiko, restaurant: Organization
) -> None:
    registered(restaurant, iiko)
    iiko.answers("webhooks/settings", OURS)

    assert register_all(now=NOW + timedelta(hours=1)) == 1

    assert updates(iiko) == 0


def test_without_an_address_nothing_is_asked(
    iiko: SimulatedIiko, restaurant: Organization, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.WEBHOOK_BASE_URL = ""

    assert register_all(now=NOW) == 0

    assert iiko.operations() == []
    assert "webhooks.no_address" in caplog.text


def test_after_429_iiko_is_left_alone_for_minutes_and_tried_again(
    iiko: SimulatedIiko, restaurant: Organization
) -> None:
    iiko.answers("webhooks/settings", EMPTY)
    iiko.forget("webhooks/update_settings")
    iiko.answers("webhooks/update_settings", refusal("Too many requests"), status=429)

    register_all(now=NOW)
    config = WebhookConfig.objects.get()
    assert (config.registration_status, config.registration_code) == (RegistrationStatus.FAILED, "busy")
    pause = IikoPause.objects.get()
    assert pause.refusals == 1
    assert register_new() == 1
    assert updates(iiko) == 1  # the pause holds: nothing was sent

    IikoPause.objects.all().delete()
    iiko.forget("webhooks/update_settings")
    iiko.answers("webhooks/update_settings", {"correlationId": CORRELATION})
    assert register_new() == 1
    assert WebhookConfig.objects.get().registration_status == RegistrationStatus.REGISTERED
    assert register_new() == 0


def test_foreign_address_is_not_tried_again_and_again(iiko: SimulatedIiko, restaurant: Organization) -> None:
    iiko.answers("webhooks/settings", OURS | {"webHooksUri": FOREIGN})

    assert (register_all(now=NOW), register_new()) == (1, 0)

    assert updates(iiko) == 0
    config = WebhookConfig.objects.get()
    assert (config.registration_code, config.seen_url) == ("foreign", FOREIGN)
    assert config.drift == ["address"]


@pytest.mark.parametrize(
    ("found", "drift", "seen"),
    [
        ({"webHooksUri": f"{FOREIGN}?key=s3cret"}, ["address"], f"{FOREIGN}?…"),
        ({"authToken": "somebody-elses"}, ["token"], URL),
        ({"webHooksFilter": None}, ["filter"], URL),
    ],
)
def test_watch_reports_what_was_changed_in_iiko(
    iiko: SimulatedIiko,
    restaurant: Organization,
    client: Client,
    caplog: pytest.LogCaptureFixture,
    found: dict[str, Any],
    drift: list[str],
    seen: str,
) -> None:
    registered(restaurant, iiko)
    iiko.answers("webhooks/settings", OURS | found)

    assert watch_webhooks(now=NOW) == 1

    config = WebhookConfig.objects.get()
    assert config.registration_status == RegistrationStatus.DRIFTED
    assert (config.drift, config.seen_url, config.checked_at) == (drift, seen, NOW)
    assert updates(iiko) == 0
    assert "webhooks.drifted" in caplog.text
    assert "s3cret" not in caplog.text
    assert "iikohub_webhooks_drifted 1.0" in client.get("/metrics").content.decode()


def test_watch_tells_a_token_that_iiko_was_not_told_yet(
    iiko: SimulatedIiko, restaurant: Organization
) -> None:
    registered(restaurant, iiko)
    set_webhook_token(organization=restaurant, token="after-the-rotation")
    iiko.answers("webhooks/settings", OURS)

    assert watch_webhooks(now=NOW) == 1

    assert WebhookConfig.objects.get().drift == ["former_token"]


def test_token_that_iiko_has_stays_valid_however_often_a_new_one_is_set(
    iiko: SimulatedIiko, restaurant: Organization, client: Client
) -> None:
    registered(restaurant, iiko)

    for token in ("the-second-token", "the-third-token"):
        set_webhook_token(organization=restaurant, token=token)

    config = WebhookConfig.objects.get()
    assert (config.auth_token, config.previous_auth_token) == ("the-third-token", TOKEN)
    assert config.drift == ["former_token"]
    assert post(client, [cloud_event()], token=TOKEN).status_code == 200
    assert post(client, [cloud_event()], token="the-second-token").status_code == 401


def test_token_that_was_registered_stays_valid_until_its_follower_comes(
    iiko: SimulatedIiko, restaurant: Organization
) -> None:
    registered(restaurant, iiko)
    set_webhook_token(organization=restaurant, token="the-second-token")
    iiko.answers("webhooks/settings", OURS)
    register_webhook(restaurant, now=lambda: NOW)

    config = set_webhook_token(organization=restaurant, token="the-third-token")

    assert (config.auth_token, config.previous_auth_token) == ("the-third-token", "the-second-token")


def test_going_back_to_the_token_that_iiko_has_ends_the_rotation(
    iiko: SimulatedIiko, restaurant: Organization
) -> None:
    registered(restaurant, iiko)
    set_webhook_token(organization=restaurant, token="the-second-token")

    config = set_webhook_token(organization=restaurant, token=TOKEN)

    assert (config.auth_token, config.previous_auth_token, config.drift) == (TOKEN, "", [])
    assert config.registration_status == RegistrationStatus.REGISTERED


def test_new_token_is_registered_by_itself_where_that_is_wanted(
    iiko: SimulatedIiko, restaurant: Organization
) -> None:
    registered(restaurant, iiko)
    set_webhook_token(organization=restaurant, token="the-second-token")
    iiko.answers("webhooks/settings", OURS)

    assert (register_new(), register_new()) == (1, 0)

    [sent] = iiko.bodies("webhooks/update_settings")
    assert sent["authToken"] == "the-second-token"


def test_drift_ends_when_iiko_has_our_settings_again(iiko: SimulatedIiko, restaurant: Organization) -> None:
    registered(restaurant, iiko)
    iiko.answers("webhooks/settings", OURS | {"webHooksUri": FOREIGN})
    iiko.answers("webhooks/settings", OURS)

    assert (watch_webhooks(now=NOW), watch_webhooks(now=NOW)) == (1, 0)

    config = WebhookConfig.objects.get()
    assert (config.registration_status, config.drift) == (RegistrationStatus.REGISTERED, [])


def test_watch_leaves_alone_what_the_hub_never_registered(
    iiko: SimulatedIiko, restaurant: Organization
) -> None:
    assert watch_webhooks(now=NOW) == 0

    assert iiko.operations() == []


def test_watch_that_gets_no_answer_changes_nothing(iiko: SimulatedIiko, restaurant: Organization) -> None:
    before = registered(restaurant, iiko)
    iiko.answers("webhooks/settings", refusal("Too many requests"), status=429)

    assert watch_webhooks(now=NOW + timedelta(hours=1)) == 0

    after = WebhookConfig.objects.get()
    assert (after.registration_status, after.checked_at) == (RegistrationStatus.REGISTERED, before.checked_at)
    assert iiko.bodies("webhooks/settings")[-1] == {"organizationId": ORGANIZATION_ID}
