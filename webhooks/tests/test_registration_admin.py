"""Telling iiko of a webhook from the admin: asked first; the address of another only by choice."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import translation

from iiko_client.models.webhook_settings import WebhookFilter
from organizations.connection.call_log import call_log
from organizations.models.connection import ApiCall
from organizations.models.organization import Organization
from tests.builders import TOKEN, make_organization
from tests.pages import CONFIGS, markup, rows, sign_in, sign_in_superuser, text
from tests.simulated_iiko import CORRELATION, SimulatedIiko, linked, refusal
from webhooks.models.inbox import RegistrationStatus, WebhookConfig

pytestmark = pytest.mark.django_db

URL = "https://hub.example.com/api/v1/webhooks/iiko"
FOREIGN = "https://delivery.example/hooks"
OURS: dict[str, Any] = {
    "correlationId": CORRELATION,
    "apiLoginName": "main",
    "webHooksUri": URL,
    "authToken": TOKEN,
    "webHooksFilter": WebhookFilter().wire(),
}


@pytest.fixture(autouse=True)
def _in_english(client: Client, settings: LazySettings) -> Iterator[None]:
    settings.WEBHOOK_BASE_URL = "https://hub.example.com"
    client.cookies["django_language"] = "en"
    with translation.override("en"):
        yield


@pytest.fixture
def restaurant(iiko: SimulatedIiko) -> Organization:
    iiko.answers("webhooks/update_settings", {"correlationId": CORRELATION})
    return linked(make_organization())


def path(name: str = "change") -> str:
    return f"{CONFIGS}{WebhookConfig.objects.get().pk}/{name}/"


def updates(iiko: SimulatedIiko) -> int:
    return len(iiko.bodies("webhooks/update_settings"))


def test_registering_tells_how_it_went(client: Client, iiko: SimulatedIiko, restaurant: Organization) -> None:
    iiko.answers("webhooks/settings", OURS | {"webHooksUri": None})
    user = sign_in_superuser(client)

    said = text(client.post(path("register"), follow=True))

    assert "iiko sends its webhooks here now." in said
    assert updates(iiko) == 1
    assert WebhookConfig.objects.get().registration_status == RegistrationStatus.REGISTERED
    call_log.flush()
    assert set(ApiCall.objects.values_list("requested_by", flat=True)) == {user.username}
    assert "registered" in rows(client.get(CONFIGS))[0]


def test_looking_at_the_question_does_nothing(
    client: Client, iiko: SimulatedIiko, restaurant: Organization
) -> None:
    sign_in_superuser(client)

    assert "Register again?" in text(client.get(path("register")))
    assert "Take the address over?" in text(client.get(path("take-over")))

    assert iiko.operations() == []


def test_foreign_address_is_explained_and_taken_only_by_choice(
    client: Client, iiko: SimulatedIiko, restaurant: Organization
) -> None:
    iiko.answers("webhooks/settings", OURS | {"webHooksUri": FOREIGN})
    sign_in_superuser(client)

    before = markup(client.get(path()))
    said = client.post(path("register"), {"force": "true"}, follow=True)

    assert path("take-over") not in before
    assert "Nothing was changed: iiko sends to somebody else" in text(said)
    assert FOREIGN in text(said)
    assert path("take-over") in markup(said)
    assert updates(iiko) == 0

    said = client.post(path("take-over"), follow=True)

    assert "iiko sends its webhooks here now." in text(said)
    assert path("take-over") not in markup(said)
    assert updates(iiko) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(429, "iiko asked to be left alone for a while"), (400, "It did not work."), (500, "It did not work.")],
)
def test_refusal_is_told(
    client: Client, iiko: SimulatedIiko, restaurant: Organization, status: int, words: str
) -> None:
    iiko.answers("webhooks/settings", OURS | {"webHooksUri": None})
    iiko.forget("webhooks/update_settings")
    iiko.answers("webhooks/update_settings", refusal("No."), status=status)
    sign_in_superuser(client)

    said = text(client.post(path("register"), follow=True))

    assert words in said
    assert TOKEN not in said
    assert WebhookConfig.objects.get().registration_status == RegistrationStatus.FAILED


def test_what_lacks_is_named(client: Client, iiko: SimulatedIiko, settings: LazySettings) -> None:
    make_organization()
    sign_in_superuser(client)

    without_login = text(client.post(path("register"), follow=True))
    settings.WEBHOOK_BASE_URL = ""
    without_address = text(client.post(path("register"), follow=True))

    assert "has no active API login" in without_login
    assert "set WEBHOOK_BASE_URL" in without_address
    assert iiko.operations() == []


def test_who_may_only_look_may_not_register(
    client: Client, iiko: SimulatedIiko, restaurant: Organization
) -> None:
    sign_in(client, "webhooks.view_webhookconfig")

    assert client.post(path("register")).status_code == 403
    assert client.post(path("take-over")).status_code == 403
    page = markup(client.get(path()))

    assert path("register") not in page
    assert iiko.operations() == []


def test_drift_is_shown(client: Client, restaurant: Organization) -> None:
    WebhookConfig.objects.update(
        registration_status=RegistrationStatus.DRIFTED, drift=["address", "filter"], seen_url=FOREIGN
    )
    sign_in_superuser(client)

    said = text(client.get(path()))

    assert "Changed in iiko: another address, other kinds of events." in said
    assert f"iiko sends to {FOREIGN}" in said
