"""Whose token opens the door, and what is left behind when it does not."""

import logging

import pytest
from cryptography.fernet import Fernet
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    TOKEN,
    cloud_event,
    inbox,
    make_organization,
    make_other_organization,
    post,
)
from webhooks.models.inbox import WebhookConfig, WebhookEvent
from webhooks.receiving.configs import set_webhook_token
from webhooks.receiving.tokens import WebhookTokens, presented_tokens, webhook_tokens

pytestmark = pytest.mark.django_db


def stored() -> int:
    return WebhookEvent.objects.count()


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_AUTHORIZATION": TOKEN},
        {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"},
        {"HTTP_AUTHORIZATION": f"bearer {TOKEN}"},
        {"HTTP_AUTHORIZATION": f"  BEARER   {TOKEN}  "},
        {"HTTP_AUTHTOKEN": TOKEN},
        {"HTTP_AUTHTOKEN": f"Bearer {TOKEN}"},
        {"HTTP_AUTHORIZATION": "Basic dXNlcjpwYXNz", "HTTP_AUTHTOKEN": TOKEN},
        {"HTTP_AUTHORIZATION": "", "HTTP_AUTHTOKEN": TOKEN},
    ],
)
def test_right_token_is_taken_however_it_is_shown(client: Client, headers: dict[str, str]) -> None:
    make_organization()

    response = post(client, [cloud_event()], None, **headers)

    assert (response.status_code, response.json()) == (200, {"status": "OK"})
    assert stored() == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"HTTP_AUTHORIZATION": ""},
        {"HTTP_AUTHORIZATION": "Bearer"},
        {"HTTP_AUTHORIZATION": "Bearer "},
        {"HTTP_AUTHORIZATION": TOKEN[:-1]},
        {"HTTP_AUTHORIZATION": f"{TOKEN}x"},
        {"HTTP_AUTHORIZATION": TOKEN.upper()},
        {"HTTP_AUTHORIZATION": f"Basic {TOKEN}"},
        {"HTTP_AUTHORIZATION": f"Api-Key {TOKEN}"},
        {"HTTP_AUTHTOKEN": "wrong"},
        {"HTTP_X_AUTH_TOKEN": TOKEN},
        {"HTTP_AUTHORIZATION": "тайна"},
        {"HTTP_AUTHORIZATION": "t\xf6k\xe9n\xff\x80"},
        {"HTTP_AUTHORIZATION": "\udcff"},
        {"HTTP_AUTHORIZATION": "x" * 8000},
    ],
)
def test_wrong_or_missing_token_is_refused_and_leaves_no_row(client: Client, headers: dict[str, str]) -> None:
    make_organization()

    response = post(client, [cloud_event()], None, **headers)

    assert response.status_code == 401
    assert response.json() == {
        "status": "unauthorized",
        "detail": "The token is missing or wrong. Send the webhook's token in the Authorization header.",
    }
    assert stored() == 0


def test_no_token_opens_a_hub_without_tokens(client: Client, settings: Settings) -> None:
    settings.WEBHOOK_SECRET_KEY = ""

    assert [post(client, [], shown).status_code for shown in (None, "", "x")] == [401, 401, 401]
    assert stored() == 0


def test_refusal_comes_before_the_body_is_read(client: Client, settings: Settings) -> None:
    settings.WEBHOOK_MAX_BODY_BYTES = 10

    assert post(client, "x" * 100, "wrong").status_code == 401


def test_secret_of_the_installation_speaks_for_every_organization(client: Client, settings: Settings) -> None:
    settings.WEBHOOK_SECRET_KEY = "secret-of-the-installation"
    make_organization(token=None)

    response = post(
        client,
        [cloud_event(), cloud_event(organization_id=OTHER_ORGANIZATION_ID)],
        "secret-of-the-installation",
    )

    assert response.status_code == 200
    assert [(event.organization_id, event.status) for event in inbox()] == [
        (ORGANIZATION_ID, "pending"),
        (OTHER_ORGANIZATION_ID, "pending"),
    ]


def test_secret_of_the_installation_may_hold_any_letters(client: Client, settings: Settings) -> None:
    settings.WEBHOOK_SECRET_KEY = "тайное-слово"
    as_a_server_hands_it_over = "тайное-слово".encode().decode("latin-1")

    response = post(client, [cloud_event()], as_a_server_hands_it_over)

    assert response.status_code == 200


def test_secret_of_the_installation_does_not_close_the_door_to_tokens(
    client: Client, settings: Settings
) -> None:
    settings.WEBHOOK_SECRET_KEY = "secret-of-the-installation"
    make_organization()

    assert post(client, [cloud_event()], TOKEN).status_code == 200


def test_previous_token_is_taken_beside_the_new_one(client: Client) -> None:
    organization = make_organization()
    set_webhook_token(organization=organization, token="the-new-token")

    assert post(client, [cloud_event()], TOKEN).status_code == 200
    assert post(client, [cloud_event()], "the-new-token").status_code == 200


def test_token_before_the_previous_one_is_refused(client: Client) -> None:
    organization = make_organization()
    set_webhook_token(organization=organization, token="the-new-token")
    set_webhook_token(organization=organization, token="the-newest-token")

    assert post(client, [cloud_event()], TOKEN).status_code == 401
    assert post(client, [cloud_event()], "the-new-token").status_code == 200


def test_setting_the_same_token_again_keeps_the_previous_one() -> None:
    organization = make_organization()
    set_webhook_token(organization=organization, token="the-new-token")

    config = set_webhook_token(organization=organization, token="the-new-token")

    assert (config.auth_token, config.previous_auth_token) == ("the-new-token", TOKEN)


def test_token_of_an_inactive_row_is_refused(client: Client) -> None:
    make_organization()
    WebhookConfig.objects.update(is_active=False)
    webhook_tokens.forget()

    assert post(client, [cloud_event()]).status_code == 401
    assert stored() == 0


def test_token_of_an_inactive_organization_is_refused(client: Client) -> None:
    make_organization(is_active=False)

    assert post(client, [cloud_event()]).status_code == 401
    assert stored() == 0


def test_new_token_works_at_once_though_the_old_ones_are_remembered(client: Client) -> None:
    make_organization()
    assert post(client, [cloud_event()]).status_code == 200
    config = WebhookConfig.objects.get()
    config.auth_token = "introduced-by-another-process"
    config.save()

    assert post(client, [cloud_event()], "introduced-by-another-process").status_code == 200


def test_remembered_tokens_cost_no_query(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_organization()
    book = WebhookTokens()
    assert book.scope_of(TOKEN) is not None

    with django_assert_num_queries(0):
        assert book.scope_of(TOKEN) is not None


def test_withdrawn_token_is_forgotten_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    make_organization()
    book = WebhookTokens()
    assert book.scope_of(TOKEN) is not None
    WebhookConfig.objects.update(is_active=False)

    monkeypatch.setattr("webhooks.receiving.tokens.FRESH_S", 0.0)

    assert book.scope_of(TOKEN) is None


def test_scope_of_a_shared_token_holds_both_organizations() -> None:
    make_organization()
    make_other_organization(token=TOKEN)

    scope = webhook_tokens.scope_of(TOKEN)

    assert scope is not None
    assert scope.organization_ids == {ORGANIZATION_ID, OTHER_ORGANIZATION_ID}
    assert (scope.everyone, scope.covers(OTHER_ORGANIZATION_ID), scope.covers("x")) == (False, True, False)


def test_tokens_of_two_organizations_are_told_apart() -> None:
    make_organization()
    make_other_organization()

    scope = webhook_tokens.scope_of(OTHER_TOKEN)

    assert scope is not None
    assert scope.organization_ids == {OTHER_ORGANIZATION_ID}


def test_row_that_cannot_be_decrypted_does_not_shut_out_the_others(
    client: Client, settings: Settings
) -> None:
    make_other_organization()
    settings.CREDENTIALS_KEYS = [Fernet.generate_key().decode()]
    make_organization()

    assert post(client, [cloud_event()]).status_code == 200


def test_unknown_token_is_asked_to_come_again_while_some_cannot_be_decrypted(
    client: Client, settings: Settings
) -> None:
    make_organization()
    settings.CREDENTIALS_KEYS = [Fernet.generate_key().decode()]

    response = post(client, [cloud_event()])

    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert stored() == 0


def test_refused_token_is_not_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        post(client, [cloud_event()], "a-guess-that-is-nearly-right")

    assert "inbox.token_refused" in caplog.text
    assert "a-guess-that-is-nearly-right" not in caplog.text


@pytest.mark.parametrize(
    ("authorization", "auth_token", "expected"),
    [
        ("", "", []),
        ("abc", "", ["abc"]),
        ("Bearer abc", "", ["abc", "Bearer abc"]),
        ("Bearer", "", ["Bearer"]),
        ("Bearer a b", "", ["a b", "Bearer a b"]),
        ("abc", "def", ["abc", "def"]),
    ],
)
def test_presented_tokens(authorization: str, auth_token: str, expected: list[str]) -> None:
    assert presented_tokens(authorization, auth_token) == expected


def test_wrong_token_decrypts_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_organization()
    assert post(client, [cloud_event()]).status_code == 200

    with monkeypatch.context() as patched:
        patched.setattr("organizations.fields.cipher", None)  # whoever decrypts fails
        statuses = {post(client, [cloud_event()], token=f"wrong-{n}").status_code for n in range(3)}

    assert statuses == {401}
    assert stored() == 1


@pytest.mark.parametrize("how", ["saved", "updated", "organization"])
def test_change_by_anybody_is_seen_by_the_next_wrong_token(how: str) -> None:
    organization = make_organization()
    book = WebhookTokens()
    assert book.scope_of("another-token") is None

    if how == "saved":
        set_webhook_token(organization=organization, token="another-token")
    elif how == "updated":
        WebhookConfig.objects.update(auth_token="another-token")
    else:
        make_other_organization(token="another-token")

    assert book.scope_of("another-token") is not None
