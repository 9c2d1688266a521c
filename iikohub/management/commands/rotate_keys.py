"""``manage.py rotate_keys``."""

from django.core.management.base import CommandError, CommandParser

from audit.commands import AuditedCommand
from audit.entries import record
from iikohub.operations.key_rotation import rotate_keys


class Command(AuditedCommand):
    help = (
        "Encrypt the stored tokens with the first of CREDENTIALS_KEYS. Put a new key first, restart web and "
        "workers, run this, then take the old key away. Can be repeated; the hub goes on working."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would be done")
        parser.add_argument(
            "--forget-lost",
            action="store_true",
            help="replace what none of the keys opens, so that API logins can be entered again",
        )

    def handle(self, *_: object, dry_run: bool, forget_lost: bool, **__: object) -> None:
        left = forgotten = 0
        for done in rotate_keys(dry_run=dry_run, forgets_lost=forget_lost):
            left += done.unreadable - done.forgotten
            forgotten += done.forgotten
            changed = {"rotated": done.rotated} | ({"forgotten": done.forgotten} if forget_lost else {})
            if any(changed.values()) and not dry_run:
                record("keys_rotated", subject_text=done.name, after=changed)
            words = "to be encrypted again" if dry_run else "encrypted again"
            lost = f", {done.unreadable} that no key opens" if done.unreadable else ""
            self.stdout.write(
                f"{done.name}: {done.current} with the newest key, {done.rotated} {words}{lost}"
            )
        if left:
            raise CommandError(
                f"{left} values are opened by none of CREDENTIALS_KEYS and stay as they are. Put the key "
                "they were written with back at the end of the list; if it is lost for good: --forget-lost."
            )
        if forgotten:
            self.stdout.write(
                "Of what no key opened: enter API logins and addresses again, register the webhooks again, "
                "give receivers of outbound webhooks a new secret, and take two-step sign-in off those who "
                "had it."
            )
        if dry_run:
            self.stdout.write("Nothing was written: this was a dry run.")
        else:
            self.stdout.write("Done. Everything opens with the first key: the others may go.")
