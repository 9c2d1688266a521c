"""``manage.py erase_person``."""

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from audit.commands import AuditedCommand
from core.database import db_clock
from core.privacy.registry import Found, declaration_of
from core.privacy.removal import remove_guests
from core.privacy.search import open_rows
from core.redaction import masked_phone
from iikohub.operations.personal_data import found_by, note_act

_AFTERWARDS = (
    "Erase the guest in iiko, too: what iiko sends of new orders names the guest again. Backups made before "
    "still hold what was erased: repeat this after restoring one (docs/privacy.md)."
)


class Command(AuditedCommand):
    help = (
        "Remove a guest from all that is held: orders, hall, messages as they came, calls, history, wallets, "
        "search. Orders and the ledger of wallets stay, without the guest. It cannot be undone; it can be "
        "repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phone", help="in any writing: '+7 912 555-44-17'")
        parser.add_argument("--dry-run", action="store_true", help="only count; nothing is done")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--include-open", action="store_true", help="also from orders that are not finished yet"
        )

    def handle(
        self, *_: object, phone: str, dry_run: bool, yes: bool, include_open: bool, **__: object
    ) -> None:
        found = found_by(phone)
        counts = {label: len(ids) for label, ids in found.keys.items() if ids}
        if not (counts or found.mentioned):
            self.stdout.write(f"Nothing is held of {masked_phone(found.phone)}.")
            return
        for label, count in counts.items():
            self.stdout.write(f"{_table(label)}: {count} rows of the guest, or about an order of theirs")
        for label, ids in found.mentioned.items():
            self.stdout.write(f"{_table(label)}: {len(ids)} rows about others that mention the phone")
        if not include_open:
            _refuse_open(found)
        if dry_run:
            self.stdout.write("Nothing was done: this was a dry run.")
            return
        self._erase(found, is_sure=yes)

    def _erase(self, found: Found, *, is_sure: bool) -> None:
        if not is_sure and input("This cannot be undone. Type 'erase' to go on: ").strip() != "erase":
            raise CommandError("Nothing was erased.")
        with transaction.atomic():
            counts = remove_guests(found, now=db_clock.now(), is_told=True)
            note_act("person_erased", found, counts)
        for table, count in counts.items():
            self.stdout.write(f"{table}: removed from {count} rows")
        self.stdout.write(f"Done. {_AFTERWARDS}")


def _table(label: str) -> str:
    declared = declaration_of(label)
    return declared.model._meta.db_table if declared else label


def _refuse_open(found: Found) -> None:
    """Refuse while the kitchen, the courier or a worker needs the guest."""
    if waiting := open_rows(found):
        named = ", ".join(f"{one.model._meta.db_table} {count}" for one, count in waiting.items())
        raise CommandError(
            f"Not everything of this guest is over ({named}): the kitchen and the courier need to know "
            "whom the order is for, and a worker what it sends. Repeat it when it is over, or with "
            "--include-open. Nothing was erased."
        )
