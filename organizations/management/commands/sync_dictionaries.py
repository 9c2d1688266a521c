"""Restaurants and their dictionaries from iiko."""

from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import pluralize

from audit.commands import AuditedCommand
from core.database import db_clock
from organizations.connection.clients import ensure_environment_login
from organizations.dictionaries.sync import SyncResult, sync_login
from organizations.models.connection import ApiLogin


class Command(AuditedCommand):
    help = (
        "Read the restaurants of every active API login with terminal groups, couriers and dictionaries. "
        "Repeating it changes only what changed in iiko; what was set here by hand is kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--login", metavar="NAME", help="only this API login")

    def handle(self, *_: object, login: str | None, **__: object) -> None:
        total = SyncResult()
        for one in self._logins(login):
            self.stdout.write(f"Login {one.name!r}")
            total.add(sync_login(one, now=db_clock.now(), report=lambda line: self.stdout.write(f"  {line}")))
        self.stdout.write(
            f"{total.organizations} restaurant{pluralize(total.organizations)}: "
            f"{total.created} new, {total.changed} changed, {total.gone} gone."
        )
        if total.failures:
            raise CommandError(
                "Not everything could be read. Run it again when this is fixed:\n  "
                + "\n  ".join(total.failures)
            )

    def _logins(self, name: str | None) -> list[ApiLogin]:
        ensure_environment_login()
        logins = list(ApiLogin.objects.active().filter(**({"name": name} if name else {})))
        if not logins:
            which = f"No active API login is named {name!r}." if name else "There is no active API login."
            raise CommandError(f"{which} Add one in the admin, or set IIKO_API_KEY.")
        return logins
