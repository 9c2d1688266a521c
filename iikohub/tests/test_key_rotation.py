"""``manage.py rotate_keys``: everything goes under the newest key, nothing is lost, twice does no harm."""

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from organizations.models.connection import ApiLogin
from tests.builders import TOKEN, make_organization
from webhooks.models.inbox import WebhookConfig

pytestmark = pytest.mark.django_db

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def _stored_under_the_old_key(settings: Settings) -> None:
    settings.CREDENTIALS_KEYS = [OLD]
    make_organization()
    ApiLogin.objects.create(name="main", api_login="secret login")
    settings.CREDENTIALS_KEYS = [NEW, OLD]


def rotate(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("rotate_keys", *arguments, stdout=out)
    return out.getvalue().splitlines()


def stored() -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT api_login FROM {ApiLogin._meta.db_table}")
        return str(cursor.fetchone()[0])


def test_old_key_may_go_afterwards(settings: Settings) -> None:
    before = rotate("--dry-run")
    untouched = stored()
    done = rotate()
    again = rotate()

    assert "iiko_api_logins.api_login: 0 with the newest key, 1 to be encrypted again" in before
    assert Fernet(OLD).decrypt(untouched.encode()) == b"secret login"
    assert "iiko_api_logins.api_login: 0 with the newest key, 1 encrypted again" in done
    assert "iiko_api_logins.api_login: 1 with the newest key, 0 encrypted again" in again
    assert done[-1] == "Done. Everything opens with the first key: the others may go."
    settings.CREDENTIALS_KEYS = [NEW]
    assert ApiLogin.objects.get().api_login == "secret login"
    assert WebhookConfig.objects.get().auth_token == TOKEN


def test_what_no_key_opens_is_told_and_left(settings: Settings) -> None:
    settings.CREDENTIALS_KEYS = [Fernet.generate_key().decode()]
    WebhookConfig.objects.update(auth_token="fresh")
    before = stored()

    with pytest.raises(CommandError, match="1 values are opened by none of CREDENTIALS_KEYS"):
        rotate()

    assert stored() == before
    assert WebhookConfig.objects.get().auth_token == "fresh"
