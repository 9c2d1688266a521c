"""``manage.py rotate_keys``: everything goes under the newest key, nothing is lost, twice does no harm."""

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from iikohub.models.sign_in import SecondFactor
from organizations.fields import EncryptedTextField
from organizations.models.connection import ApiLogin, IikoToken
from outbound.models.subscriptions import Subscription
from tests.builders import TOKEN, make_organization
from tests.other_restaurant import other_restaurant
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


def test_what_is_lost_for_good_is_told_on_the_page_and_can_be_entered_again(
    client: Client, settings: Settings
) -> None:
    client.raise_request_exception = False
    client.force_login(User.objects.create_superuser("boss"), backend="iikohub.sign_in.gate.PeopleBackend")
    settings.CREDENTIALS_KEYS = [Fernet.generate_key().decode()]
    pages = [
        "/admin/",
        "/admin/first-steps/",
        "/admin/organizations/apilogin/",
        "/admin/webhooks/webhookconfig/",
    ]

    before = [client.get(page, headers={"Accept-Language": "en"}) for page in pages]
    done = rotate("--forget-lost")
    after = [client.get(page).status_code for page in pages]

    assert [page.status_code for page in before] == [500] * 4
    assert all("manage.py rotate_keys --forget-lost" in page.content.decode() for page in before)
    assert done[-2].startswith("Of what no key opened: enter API logins")
    assert after == [200] * 4
    assert ApiLogin.objects.get().api_login == ""
    assert len(WebhookConfig.objects.get().auth_token) == 32
    assert rotate()[-1] == "Done. Everything opens with the first key: the others may go."


def ciphertexts() -> dict[str, list[str]]:
    """Return what looks encrypted in the database, by ``table.column``, whatever model it is of."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type IN ('text', 'character varying')"
        )
        found = {}
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT "{column}" FROM "{table}" WHERE "{column}" LIKE \'gAAAAA%%\'')
            if values := [value for (value,) in cursor.fetchall()]:
                found[f"{table}.{column}"] = values
    return found


def test_every_encrypted_column_of_the_database_is_rotated(settings: Settings) -> None:
    settings.CREDENTIALS_KEYS = [OLD]
    other_restaurant()
    IikoToken.objects.create(api_login=ApiLogin.objects.earliest("pk"))
    SecondFactor.objects.create(user=User.objects.create_user("vera"))
    Subscription.objects.update(previous_secret_until=timezone.now())
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedTextField):
                row = model._default_manager.first()
                assert row is not None, f"{field} needs a row: tests/other_restaurant.py"
                model._default_manager.filter(pk=row.pk).update(**{field.name: "a secret"})
    before = ciphertexts()
    settings.CREDENTIALS_KEYS = [NEW, OLD]

    told = {line.partition(":")[0] for line in rotate()}

    after = ciphertexts()
    assert set(before) == told - {"Done. Everything opens with the first key"}
    for column, values in after.items():
        for value in values:
            assert Fernet(NEW).decrypt(value.encode()), column
