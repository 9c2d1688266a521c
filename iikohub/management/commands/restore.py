"""``manage.py restore FILE``."""

from pathlib import Path

from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from audit.commands import AuditedCommand
from iikohub.operations.backups import BackupError, restore, unreadable_secrets


class Command(AuditedCommand):
    help = (
        "Put a backup (manage.py backup) in place of the database, wholly or not at all. Stop the web server "
        "and the workers first."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--force", "--yes", action="store_true", help="replace a database that is not empty"
        )

    def handle(self, *, file: Path, force: bool, **_: object) -> None:
        try:
            restore(file, replaces=force, say=self._say)
        except (BackupError, OperationalError) as error:
            raise CommandError(f"{error} Nothing was changed.") from error
        self._say(f"The database is that of {file}.")
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self._say("It is of an earlier version. Next: manage.py migrate.")
            return
        if tables := unreadable_secrets():
            self._say(
                f"CREDENTIALS_KEYS do not open the tokens in {', '.join(tables)}. Put the keys of the hub "
                "that wrote the backup into .env (or into .data/credentials_key) before you start the hub."
            )

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
