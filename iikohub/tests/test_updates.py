"""An update that needs a stop says so before it changes anything."""

from collections.abc import Iterator

import psycopg
import pytest
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations import Migration
from django.db.models.signals import pre_migrate

pytestmark = pytest.mark.django_db


class Narrowing(Migration):
    needs_stop = "The inbox moves into another table."


NARROWING, WIDENING = Narrowing("0099_move_inbox", "webhooks"), Migration("0098_add_column", "webhooks")


@pytest.fixture
def other() -> Iterator[None]:
    """Be a process of the version before."""
    parameters = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{name: parameters[name] for name in names if parameters.get(name)}):
        yield


def migrate(*migrations: Migration, backwards: bool = False) -> None:
    plan = [(migration, backwards) for migration in migrations]
    pre_migrate.send(sender=None, using="default", plan=plan, verbosity=0)


def test_update_that_needs_a_stop_is_refused_beside_running_processes(other: None) -> None:
    with pytest.raises(CommandError) as refused:
        migrate(WIDENING, NARROWING)

    assert str(refused.value) == (
        "This update needs a stop: webhooks.0099_move_inbox: The inbox moves into another table. The "
        "database is in use (1 other connections). Stop the web server and all workers first, then run this "
        "again. Nothing was changed."
    )


def test_update_that_needs_a_stop_goes_on_once_all_has_stopped() -> None:
    migrate(WIDENING, NARROWING)


def test_update_that_widens_goes_on_beside_running_processes(other: None) -> None:
    migrate(WIDENING)
    migrate(NARROWING, backwards=True)
