"""Orders that no webhook brought."""

from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import pluralize

from audit.commands import AuditedCommand
from core.database import db_clock
from core.errors import HubError
from core.values.moments import moment_option
from webhooks.reconciliation.run import SyncOptions, SyncResult
from webhooks.reconciliation.sync import LoginWork, sync_login, work_by_login

PATIENCE_S = 60.0


class Command(AuditedCommand):
    help = (
        "Ask iiko what changed since the last time and put what no webhook brought into the inbox; a worker "
        "applies it. After a long pause orders are read by date first. Repeating it stores nothing twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", metavar="ID", help="only this one, by its id in iiko")
        parser.add_argument(
            "--since",
            help="read all orders promised at or after: 2026-03-14 or 2026-03-14T18:00, UTC "
            "(iiko guarantees the last 7 days)",
        )
        parser.add_argument("--dry-run", action="store_true", help="only count, store nothing")

    def handle(
        self, *_: object, organization: str | None, since: str | None, dry_run: bool, **__: object
    ) -> None:
        options = SyncOptions(
            since=moment_option("--since", since) if since else None,
            dry_run=dry_run,
            is_asked_for=True,
            wait_s=PATIENCE_S,
        )
        try:
            wanted = work_by_login(organization)
        except HubError as error:
            raise CommandError(str(error)) from error
        total = SyncResult()
        for work in wanted:
            total.add(self._sync(work, options))
        read, news = total.read.total(), total.news.total()
        verb = "would be put" if dry_run else "was put" if news == 1 else "were put"
        self.stdout.write(f"{read} order{pluralize(read)} read, {news} {verb} into the inbox.")
        if total.failures:
            raise CommandError(
                "Not everything could be read. Run it again when this is mended:\n  "
                + "\n  ".join(total.failures)
            )

    def _sync(self, work: LoginWork, options: SyncOptions) -> SyncResult:
        self.stdout.write(f"Login {work.login.name!r}")
        try:
            done = sync_login(work, now=db_clock.now, report=self._say, options=options)
        except HubError as error:
            return SyncResult(failures=[str(error)])
        for organization in work.organizations:
            read, news = done.read[organization.iiko_id], done.news[organization.iiko_id]
            self._say(f"{organization.name}: {read} order{pluralize(read)} read, {news} not known yet")
        return done

    def _say(self, line: str) -> None:
        self.stdout.write(f"  {line}")
        self.stdout.flush()
