"""``manage.py export_person``."""

import json
import os
from datetime import datetime

from django.core.management.base import CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from audit.commands import AuditedCommand
from core.database import db_clock
from core.privacy.export import export_mentions, export_person
from core.privacy.registry import Found
from core.redaction import masked_phone
from iikohub.operations.personal_data import found_by, note_act


class Command(AuditedCommand):
    help = (
        "Write all that is held of a guest as JSON: orders, hall, messages, calls, history, wallets. What is "
        "written names the guest in full."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phone", help="in any writing: '+7 912 555-44-17'")
        parser.add_argument("--output", metavar="FILE", help="a new file for you alone, not the terminal")

    def handle(self, *_: object, phone: str, output: str | None, **__: object) -> None:
        found = found_by(phone)
        if not (any(found.keys.values()) or found.mentioned):
            self.stderr.write(f"Nothing is held of {masked_phone(found.phone)}.")
        text = _document(found, now=db_clock.now())
        if output:
            _write(output, text)
        note_act("person_exported", found, {label: len(ids) for label, ids in found.keys.items() if ids})
        if output:
            self.stderr.write(f"Written to {output}.")
        else:
            self.stdout.write(text)


def _document(found: Found, *, now: datetime) -> str:
    document = {
        "phone": found.phone,
        "exported_at": now,
        "tables": dict(export_person(found)),
        "mentions": dict(export_mentions(found)),
    }
    return json.dumps(document, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def _write(path: str, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise CommandError(f"{path} is there already. Name a new file.") from error
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
