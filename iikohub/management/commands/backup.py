"""``manage.py backup FILE``."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import OperationalError

from audit.commands import AuditedCommand
from iikohub.operations.backups import BackupError, backup


class Command(AuditedCommand):
    help = (
        "Write the whole database into one file, while the hub goes on working. The keys that open the "
        "stored tokens (CREDENTIALS_KEYS) are not in it: keep them too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="where to; its folder must exist")
        parser.add_argument("--force", action="store_true", help="overwrite the file if there is one")

    def handle(self, *, file: Path, force: bool, verbosity: int, **_: object) -> None:
        try:
            size = backup(file, overwrites=force, say=self._say if verbosity else lambda _line: None)
        except (BackupError, OperationalError) as error:
            raise CommandError(str(error)) from error
        self._say(f"{file}: {size} bytes, readable by its owner alone.")
        self._say(
            "Not in it: CREDENTIALS_KEYS and SECRET_KEY. Keep them apart from the file "
            f"(.env, or {settings.DATA_DIR / 'credentials_key'} and {settings.DATA_DIR / 'secret_key'}); "
            "without CREDENTIALS_KEYS the stored tokens of iiko cannot be read again."
        )

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
