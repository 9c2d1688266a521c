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

    def handle(self, *_: object, dry_run: bool, **__: object) -> None:
        rotated = unreadable = 0
        for done in rotate_keys(dry_run=dry_run):
            rotated += done.rotated
            unreadable += done.unreadable
            if done.rotated and not dry_run:
                record("keys_rotated", subject_text=done.name, after={"rotated": done.rotated})
            words = "to be encrypted again" if dry_run else "encrypted again"
            lost = f", {done.unreadable} that no key opens" if done.unreadable else ""
            self.stdout.write(
                f"{done.name}: {done.current} with the newest key, {done.rotated} {words}{lost}"
            )
        if unreadable:
            raise CommandError(
                f"{unreadable} values are opened by none of CREDENTIALS_KEYS and stay as they are. Put the "
                "key they were written with back at the end of the list, or enter those tokens again."
            )
        if dry_run:
            self.stdout.write("Nothing was written: this was a dry run.")
        else:
            self.stdout.write("Done. Everything opens with the first key: the others may go.")
