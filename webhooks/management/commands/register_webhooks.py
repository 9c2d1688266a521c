"""Point iiko's webhooks here."""

from django.core.management.base import CommandError, CommandParser

from audit.commands import AuditedCommand
from core.database import db_clock
from core.errors import HubError
from organizations.models.organization import Organization
from webhooks.reconciliation.sync import NO_LOGIN_ANYWHERE
from webhooks.registration import (
    Outcome,
    Registration,
    check_address,
    organizations_to_register,
    register_webhook,
)

WORDS = {
    Outcome.UNCHANGED: "registered already",
    Outcome.UPDATED: "registered",
    Outcome.WOULD_UPDATE: "would be registered",
    Outcome.FOREIGN: "belongs to another integration",
    Outcome.BUSY: "not now",
    Outcome.FAILED: "failed",
    Outcome.SWITCHED_OFF: "skipped",
}


class Command(AuditedCommand):
    help = (
        "Tell iiko where to send the webhooks of each active restaurant that has an API login. Settings are "
        "read first and changed only where they differ."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", metavar="ID", help="only this one, by its id in iiko")
        parser.add_argument("--dry-run", action="store_true", help="only show what would change")
        parser.add_argument(
            "--force", action="store_true", help="take over where iiko sends to another address now"
        )

    def handle(self, *_: object, organization: str | None, dry_run: bool, force: bool, **__: object) -> None:
        try:
            check_address()
            wanted = organizations_to_register(organization)
        except HubError as error:
            raise CommandError(str(error)) from error
        if not wanted:
            raise CommandError(NO_LOGIN_ANYWHERE)
        ended = [self._register(one, dry_run=dry_run, force=force) for one in wanted]
        if failures := ended.count(False):
            raise CommandError(f"{failures} of {len(wanted)} restaurants are not registered, see above.")

    def _register(self, organization: Organization, *, dry_run: bool, force: bool) -> bool:
        try:
            done = register_webhook(organization, now=db_clock.now, dry_run=dry_run, force=force)
        except HubError as error:
            done = Registration(organization, Outcome.FAILED, str(error))
        detail = f": {done.detail}" if done.detail else ""
        self.stdout.write(f"{organization.name}: {WORDS[done.outcome]}{detail}")
        for change in done.changes:
            self.stdout.write(f"  {change}")
        return done.outcome.is_success
