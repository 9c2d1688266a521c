"""``manage.py backup`` and ``restore`` with the embedded server's own programs."""

import os
import stat
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.conf import LazySettings
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from audit.models import AuditEntry
from iikohub.embedded_postgres.programs import BINARIES
from iikohub.operations import backups
from orders.models.order import Order
from organizations.models.organization import Organization
from tests.builders import cloud_event, drain, make_organization, post
from tests.hub_process import Hub
from webhooks.models.inbox import WebhookEvent

pytestmark = pytest.mark.django_db(transaction=True)

COMMENT = "как есть: ё, «», 😀\t\\.\n-- ; DROP"


@pytest.fixture(autouse=True)
def _hub_with_orders() -> None:
    make_organization()
    post(Client(), [cloud_event(order_id=f"o{at}", comment=COMMENT) for at in range(20)])
    drain()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    run("backup", tmp_path / "hub.dump")
    return tmp_path / "hub.dump"


def run(command: str, *arguments: str | Path) -> str:
    out = StringIO()
    call_command(command, *map(str, arguments), stdout=out)
    return out.getvalue()


def refused(command: str, *arguments: str | Path) -> str:
    """Return the sentence of a refusal, of which the database shows nothing."""
    before = facts()
    with pytest.raises(CommandError) as refusal:
        run(command, *arguments)
    assert facts() == before
    return str(refusal.value)


def facts() -> list[str]:
    """Every row of every table, but for what the commands write of themselves."""
    models = sorted(apps.get_models(), key=lambda model: model._meta.label)
    rows = [
        row
        for model in models
        if model._meta.managed and model is not AuditEntry
        for row in serializers.serialize("jsonl", model._default_manager.order_by("pk")).splitlines()
    ]
    assert sum('"orders.order"' in row for row in rows) == 20
    return rows


def test_what_was_backed_up_comes_back_and_ids_go_on(tmp_path: Path) -> None:
    before = facts()
    last = (Order.objects.latest("id").pk, WebhookEvent.objects.latest("id").pk)
    said = run("backup", tmp_path / "hub.dump")
    Order.objects.update(comment="changed")
    Organization.objects.update(name="changed")
    assert facts() != before

    output = run("restore", tmp_path / "hub.dump", "--force")

    assert facts() == before
    assert Order.objects.earliest("id").comment == COMMENT
    assert "  orders\n" in said
    assert "Not in it: CREDENTIALS_KEYS and SECRET_KEY" in said
    assert output.endswith(f"The database is that of {tmp_path / 'hub.dump'}.\n")
    call_command("migrate", "--check", verbosity=0)
    post(Client(), [cloud_event(order_id="one more")])
    drain()
    assert (Order.objects.latest("id").pk, WebhookEvent.objects.latest("id").pk) > last
    assert Order.objects.count() == 21


def test_file_is_the_owners_alone_and_never_overwritten_without_force(file: Path, tmp_path: Path) -> None:
    file.write_text("precious")

    assert "exists already" in refused("backup", file)
    assert file.read_text() == "precious"
    assert "There is no folder" in refused("backup", tmp_path / "nowhere" / "hub.dump")

    file.chmod(0o644)
    run("backup", file, "--force")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes().startswith(b"PGDMP")


def test_backup_that_fails_leaves_what_there_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = file.read_bytes()
    monkeypatch.setattr(backups, "_target", lambda: "host=127.0.0.1 port=1 dbname=none user=nobody")

    assert refused("backup", file, "--force").startswith("pg_dump failed: ")

    assert file.read_bytes() == kept
    assert [one.name for one in file.parent.iterdir()] == ["hub.dump"]


def test_database_with_contents_is_not_replaced_without_force(file: Path) -> None:
    said = refused("restore", file)

    assert "The database is not empty" in said
    assert "1 organizations, 20 orders, 20 webhook_events" in said
    assert said.endswith("say so with --force. Nothing was changed.")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.98, 0.99999])
def test_backup_that_breaks_off_changes_nothing(file: Path, share: float) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])

    assert "it is damaged or breaks off. Nothing was changed." in refused("restore", file, "--force")


def test_error_in_the_middle_changes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "EMPTY", (*backups.EMPTY, "CREATE TABLE orders (id int)"))

    assert 'relation "orders" already exists' in refused("restore", file, "--force")


def test_what_is_no_backup_of_a_hub_changes_nothing(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("SELECT 1;")

    assert "is not what manage.py backup wrote" in refused("restore", text, "--force")
    assert "There is no file" in refused("restore", tmp_path / "none", "--force")


def test_backup_of_a_later_hub_is_refused(file: Path) -> None:
    MigrationRecorder(connection).record_applied("orders", "9999_from_the_future")
    run("backup", file, "--force")
    MigrationRecorder(connection).record_unapplied("orders", "9999_from_the_future")

    assert "a later version of the hub (it has orders.9999_from_the_future)" in refused(
        "restore", file, "--force"
    )


def test_backup_of_an_earlier_hub_says_what_comes_next(file: Path, tmp_path: Path) -> None:
    newest = max(name for app, name in MigrationRecorder(connection).applied_migrations() if app == "auth")
    MigrationRecorder(connection).record_unapplied("auth", newest)
    run("backup", tmp_path / "earlier.dump")

    assert "Next: manage.py migrate." in run("restore", tmp_path / "earlier.dump", "--force")

    run("restore", file, "--force")


def test_database_in_use_is_not_restored(file: Path) -> None:
    with psycopg.connect(backups._target()):
        said = refused("restore", file, "--force")

    assert said.endswith("Stop the web server and all workers first. Nothing was changed.")
    run("restore", file, "--force")


def test_keys_that_do_not_open_the_tokens_are_named(file: Path, settings: LazySettings) -> None:
    settings.CREDENTIALS_KEYS = [Fernet.generate_key().decode()]

    assert "CREDENTIALS_KEYS do not open the tokens in webhook_configs" in run("restore", file, "--force")


def test_programs_on_path_serve_a_server_of_ones_own_where_they_are_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "pg_dump (PostgreSQL) $VERSION"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setitem(connection.settings_dict, "ENGINE", "django.db.backends.postgresql")

    monkeypatch.setenv("VERSION", "99.1")
    assert backups._program("pg_dump") == str(program)
    monkeypatch.setenv("VERSION", "9.6.24")
    assert backups._program("pg_dump") == str(BINARIES / "pg_dump")

    monkeypatch.setattr(backups, "BINARIES", tmp_path)
    with pytest.raises(
        backups.BackupError, match=r"pg_dump has to be \d+ or newer .* is 9.*postgresql-client-"
    ):
        backups._program("pg_dump")


@pytest.mark.process
def test_it_comes_up_on_another_machine(file: Path, tmp_path: Path) -> None:
    other = Hub(tmp_path / "elsewhere")
    other.folder.mkdir()

    other.manage("restore", str(file))

    count = (
        "from orders.models.order import Order; print(Order.objects.filter(status='CookingStarted').count())"
    )
    assert other.manage("shell", "-v0", "-c", count) == "20\n"
