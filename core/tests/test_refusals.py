"""What is said where the database does not let the hub in: by a real server, and by words of others."""

import psycopg
import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.exceptions import MigrationSchemaMissing
from django.db.migrations.recorder import MigrationRecorder

from core.database.refusals import connection_refusal, in_words, refusal
from webhooks.receiving.storage_check import why

pytestmark = pytest.mark.django_db


def connecting(**changed: object) -> OperationalError:
    """Connect in another way to the server of the tests, and return what it says."""
    beside: BaseDatabaseWrapper = connection.copy()
    params = beside.get_connection_params() | {"connect_timeout": 30} | changed
    with pytest.raises(OperationalError) as refused, beside.wrap_database_errors:
        psycopg.connect(**params)
    return refused.value


@pytest.mark.parametrize(
    ("changed", "reason", "advice"),
    [
        (
            {"dbname": "nobody_made_it"},
            "the server has no database of that name",
            "Make the database of DATABASE_URL",
        ),
        ({"user": "stranger"}, "the database does not know the name of the hub", "Make the role of"),
        ({"port": 1, "host": "127.0.0.1"}, "the database does not answer", "Does PostgreSQL run"),
        ({"host": "nowhere.invalid"}, "the name of the database's machine is not known", "Correct the host"),
    ],
    ids=["database", "role", "server", "host"],
)
def test_refused_connection_is_explained(changed: dict[str, object], reason: str, advice: str) -> None:
    error = connecting(**changed)

    first, second, third = in_words(error).splitlines()

    assert first == f"{reason[0].upper()}{reason[1:]}."
    assert second.startswith(advice)
    assert third.startswith("PostgreSQL says: ")
    assert why(error) == reason


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ('FATAL: password authentication failed for user "hub"', "refuses the name or the password"),
        ('ВАЖНО: пользователь "hub" не прошёл проверку подлинности (по паролю)', "refuses the name or the"),
        ('ВАЖНО: база данных "hub" не существует', "has no database of that name"),
        ('FATAL: no pg_hba.conf entry for host "10.0.0.1", user "hub"', "does not let this machine in"),
        ("FATAL: sorry, too many clients already", "takes no more connections"),
        ("FATAL: the database system is starting up", "the database does not answer"),
        ('FATAL: role "hub" is not permitted to log in', "the database does not answer"),
    ],
)
def test_servers_words_are_known(words: str, reason: str) -> None:
    error = OperationalError(
        f'connection failed: connection to server at "10.0.0.2", port 5432 failed: {words}'
    )
    error.__cause__ = psycopg.OperationalError()

    found = connection_refusal(error)

    assert found is not None
    assert reason in found.reason
    assert words in in_words(error)


def test_role_that_may_make_no_tables_is_told_what_it_lacks() -> None:
    """``migrate`` gives the database's words in an error of its own."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_migrations RENAME TO out_of_the_way")
        cursor.execute("CREATE ROLE guest_of_the_hub")
        cursor.execute("SET LOCAL ROLE guest_of_the_hub")
        with pytest.raises(MigrationSchemaMissing) as refused, transaction.atomic():
            MigrationRecorder(connection).ensure_schema()

    assert "ALTER DATABASE name OWNER TO role" in in_words(refused.value)
    assert "(permission denied for schema public" in in_words(refused.value)


def test_table_that_is_missing_asks_for_migrate() -> None:
    with connection.cursor() as cursor, pytest.raises(ProgrammingError) as missing, transaction.atomic():
        cursor.execute("SELECT 1 FROM not_there_yet")

    found = refusal(missing.value)
    assert found is not None
    assert found.advice.startswith("Make them: manage.py migrate.")


def test_fault_of_the_program_is_no_refusal() -> None:
    with connection.cursor() as cursor, pytest.raises(ProgrammingError) as fault, transaction.atomic():
        cursor.execute("SELEC 1")

    assert in_words(fault.value) == ""


def test_what_the_hub_says_itself_is_left_as_it_is() -> None:
    assert in_words(OperationalError("The embedded PostgreSQL did not start.")) == (
        "The embedded PostgreSQL did not start."
    )
