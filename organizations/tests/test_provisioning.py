"""Adding restaurants: ``provisioning`` and ``manage.py add_organization``."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from core.values.ids import searchable_id
from organizations.errors import BadOrganization, BadTimeZone, OrganizationExists
from organizations.models.organization import Organization
from organizations.provisioning import add_organization
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    cloud_event,
    drain,
    inbox,
    make_organization,
    post,
)
from webhooks.models.inbox import WebhookConfig

pytestmark = pytest.mark.django_db


def command(iiko_id: str = ORGANIZATION_ID, *, timezone: str = "Europe/Moscow", **options: Any) -> str:
    out = StringIO()
    call_command(
        "add_organization",
        iiko_id,
        name=options.pop("name", "Кафе"),
        timezone=timezone,
        stdout=out,
        **options,
    )
    return out.getvalue()


# --- add_organization --------------------------------------------------------------------------------


def test_organization_is_stored_as_it_was_named() -> None:
    organization = add_organization(iiko_id=ORGANIZATION_ID, name="Кафе", timezone=" Asia/Omsk ")

    assert Organization.objects.get() == organization
    assert (organization.iiko_id, organization.name, organization.timezone) == (
        ORGANIZATION_ID,
        "Кафе",
        "Asia/Omsk",
    )
    assert (organization.currency, organization.is_active, str(organization)) == ("RUB", True, "Кафе")


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (ORGANIZATION_ID.upper(), ORGANIZATION_ID),
        (f"  {ORGANIZATION_ID}\n", ORGANIZATION_ID),
        (ORGANIZATION_ID.replace("-", ""), ORGANIZATION_ID),
        (f"{{{ORGANIZATION_ID}}}", ORGANIZATION_ID),
        (" org-42 ", "org-42"),
        ("Org-42", "Org-42"),
    ],
)
def test_ids_are_stored_in_one_spelling(written: str, stored: str) -> None:
    assert searchable_id(written) == stored
    assert add_organization(iiko_id=written, name="x", timezone="UTC").iiko_id == stored


@pytest.mark.parametrize("zone", ["Europe/Moscow", "UTC", "+05:00", "-03:30", "05:00:00"])
def test_zones_are_taken_by_name_and_by_shift(zone: str) -> None:
    assert add_organization(iiko_id="x", name="x", timezone=zone).zone() is not None


@pytest.mark.parametrize("zone", ["", " ", "Moscow", "Europe/Atlantis", "+25:00", "MSK+3", "../etc/passwd"])
def test_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(BadTimeZone, match="Write a name such as Europe/Moscow, or a shift such as"):
        add_organization(iiko_id="x", name="x", timezone=zone)

    assert Organization.objects.count() == 0


def test_organization_that_is_here_is_refused_and_unchanged() -> None:
    add_organization(iiko_id=ORGANIZATION_ID, name="first", timezone="UTC")

    with pytest.raises(OrganizationExists, match=f"Organization {ORGANIZATION_ID} is already here"):
        add_organization(iiko_id=ORGANIZATION_ID.upper(), name="second", timezone="UTC")

    assert Organization.objects.get().name == "first"


@pytest.mark.parametrize("iiko_id", ["", "  "])
def test_organization_without_id_is_refused(iiko_id: str) -> None:
    with pytest.raises(BadOrganization, match="The organization's id is empty"):
        add_organization(iiko_id=iiko_id, name="x", timezone="UTC")


@pytest.mark.parametrize(
    "wrong",
    [
        {"iiko_id": "x" * 201},
        {"name": "x" * 201},
        {"name": ""},
        {"currency": "ROUBLES"},
        {"currency": "₽"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_does_not_fit_is_refused_in_words(wrong: dict[str, str]) -> None:
    with pytest.raises(BadOrganization):
        add_organization(**({"iiko_id": "x", "name": "x", "timezone": "UTC"} | wrong))

    assert Organization.objects.count() == 0


# --- the command -------------------------------------------------------------------------------------


def test_command_makes_a_token_and_shows_it_once(settings: Settings) -> None:
    settings.WEBHOOK_BASE_URL = "https://hub.example.org"

    lines = command().splitlines()

    config = WebhookConfig.objects.get()
    assert lines == [
        f"Added Кафе ({ORGANIZATION_ID}).",
        "Webhook address: https://hub.example.org/api/v1/webhooks/iiko",
        f"Webhook token:   {config.auth_token}",
    ]
    assert len(config.auth_token) == 43
    assert (config.organization_id, config.webhook_url) == (
        ORGANIZATION_ID,
        "https://hub.example.org/api/v1/webhooks/iiko",
    )


def test_command_says_that_the_address_is_not_known_and_how_to_set_it(settings: Settings) -> None:
    settings.WEBHOOK_BASE_URL = ""

    told = command().splitlines()[1]

    assert told == (
        "Webhook address: not known yet, only its path: /api/v1/webhooks/iiko. Set WEBHOOK_BASE_URL (in the "
        "environment or .env) to the https:// address by which iiko reaches the hub: "
        "WEBHOOK_BASE_URL=https://hub.example.com"
    )


def test_given_token_opens_the_door_and_is_not_printed(client: Client) -> None:
    out = command(webhook_token="a-token-of-ours")

    assert "a-token-of-ours" not in out
    assert post(client, [cloud_event()], "a-token-of-ours").status_code == 200


def test_two_organizations_get_different_tokens() -> None:
    command()
    command(OTHER_ORGANIZATION_ID)

    assert len({config.auth_token for config in WebhookConfig.objects.all()}) == 2


def test_currency_is_written_in_capitals() -> None:
    command(currency="kzt")

    assert Organization.objects.get().currency == "KZT"


def test_command_refuses_a_bad_zone() -> None:
    with pytest.raises(CommandError, match="'Moskau' is not a time zone"):
        command(timezone="Moskau")

    assert (Organization.objects.count(), WebhookConfig.objects.count()) == (0, 0)


def test_command_refuses_what_is_here_and_leaves_its_token() -> None:
    command(webhook_token="the-first-token")

    with pytest.raises(CommandError, match=r"is already here\. Change it in the admin"):
        command(webhook_token="the-second-token")

    assert WebhookConfig.objects.get().auth_token == "the-first-token"


@pytest.mark.parametrize("token", ["short", "токен-по-русски", "tab\tinside-token", " " * 20])
def test_command_refuses_a_token_that_no_header_can_carry(token: str) -> None:
    with pytest.raises(CommandError, match="The token"):
        command(webhook_token=token)

    assert (Organization.objects.count(), WebhookConfig.objects.count()) == (0, 0)


def test_empty_token_is_refused_as_too_short() -> None:
    with pytest.raises(CommandError, match="shorter than 8 characters"):
        command(webhook_token="")

    assert Organization.objects.count() == 0


def test_command_mentions_what_came_before(client: Client, settings: Settings) -> None:
    settings.WEBHOOK_SECRET_KEY = "secret-of-the-installation"
    post(client, [cloud_event(), cloud_event(order_id="other")], "secret-of-the-installation")
    drain()
    assert {event.reason for event in inbox()} == {"unknown_organization"}

    assert command().splitlines()[-1] == (
        "2 events came before it was here. Apply them: "
        f"manage.py replay_webhooks --status ignored --organization {ORGANIZATION_ID}"
    )


def test_command_says_nothing_of_other_organizations(client: Client, settings: Settings) -> None:
    settings.WEBHOOK_SECRET_KEY = "secret-of-the-installation"
    make_organization(iiko_id=OTHER_ORGANIZATION_ID)
    post(client, [cloud_event(organization_id="third")], "secret-of-the-installation")
    drain()

    assert len(command().splitlines()) == 3
