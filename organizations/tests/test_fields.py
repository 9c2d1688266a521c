"""``EncryptedTextField``: what lies in the column, and what happens when keys change."""

import re

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from hypothesis import given, strategies as st
from pytest_django import Settings

from organizations.fields import EncryptedTextField
from tests.builders import TOKEN, make_organization
from webhooks.models.inbox import WebhookConfig


def column(name: str = "auth_token") -> str:
    """Read what PostgreSQL holds."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM webhook_configs")
        text: str = cursor.fetchone()[0]
        return text


def new_key() -> str:
    return Fernet.generate_key().decode()


@pytest.mark.django_db
def test_column_holds_ciphertext_and_the_model_the_text(settings: Settings) -> None:
    make_organization()

    assert re.fullmatch(r"gAAAA[\w=-]+", column(), re.ASCII)
    assert TOKEN not in column()
    assert Fernet(settings.CREDENTIALS_KEYS[0]).decrypt(column()).decode() == TOKEN
    assert WebhookConfig.objects.get().auth_token == TOKEN
    assert WebhookConfig.objects.values_list("auth_token", flat=True).get() == TOKEN


@pytest.mark.django_db
def test_empty_text_stays_empty() -> None:
    make_organization()

    assert column("previous_auth_token") == ""
    assert WebhookConfig.objects.get().previous_auth_token == ""


@pytest.mark.django_db
def test_same_text_is_stored_differently_each_time() -> None:
    make_organization()
    before = column()

    WebhookConfig.objects.get().save()

    assert column() != before
    assert WebhookConfig.objects.get().auth_token == TOKEN


@pytest.mark.django_db
def test_update_encrypts_too() -> None:
    make_organization()

    WebhookConfig.objects.update(auth_token="another-token")

    assert "another-token" not in column()
    assert WebhookConfig.objects.get().auth_token == "another-token"


@pytest.mark.django_db
def test_former_key_at_the_end_of_the_list_still_opens(settings: Settings) -> None:
    make_organization()
    settings.CREDENTIALS_KEYS = [new_key(), *settings.CREDENTIALS_KEYS]

    assert WebhookConfig.objects.get().auth_token == TOKEN


@pytest.mark.django_db
def test_saving_again_moves_to_the_first_key(settings: Settings) -> None:
    make_organization()
    newest = new_key()
    settings.CREDENTIALS_KEYS = [newest, *settings.CREDENTIALS_KEYS]

    WebhookConfig.objects.get().save()

    settings.CREDENTIALS_KEYS = [newest]
    assert WebhookConfig.objects.get().auth_token == TOKEN


@pytest.mark.django_db
def test_unknown_key_is_an_error_in_words_and_never_the_ciphertext(settings: Settings) -> None:
    make_organization()
    settings.CREDENTIALS_KEYS = [new_key()]

    with pytest.raises(
        ImproperlyConfigured,
        match=r"^webhook_configs\.auth_token was encrypted with a key that is not in CREDENTIALS_KEYS\. "
        r"Put the former key back at the end of the list; "
        r"if it is lost for good: manage\.py rotate_keys --forget-lost\.$",
    ):
        WebhookConfig.objects.get()


@pytest.mark.django_db
@pytest.mark.parametrize("damage", ["plain text", "gAAAAA", "тайна"])
def test_text_that_is_not_ciphertext_is_an_error_too(damage: str) -> None:
    make_organization()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhook_configs SET auth_token = %s", [damage])

    with pytest.raises(ImproperlyConfigured):
        WebhookConfig.objects.get()


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_comes_back(text: str) -> None:
    field = EncryptedTextField()

    stored = field.get_prep_value(text)

    assert stored is not None
    assert stored != text
    assert field.from_db_value(stored) == text


def test_nothing_stays_nothing() -> None:
    field = EncryptedTextField(null=True)

    assert field.get_prep_value(None) is None
    assert field.from_db_value(None) is None
