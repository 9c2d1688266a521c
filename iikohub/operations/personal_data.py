"""What the commands on a person's data share: finding the person, and the record that it was done."""

from collections.abc import Mapping

import structlog
from django.core.management.base import CommandError

from audit.entries import record
from core.privacy.registry import Found
from core.privacy.search import NoPhone, find_person
from core.redaction import masked_phone

logger = structlog.stdlib.get_logger(__name__)


def found_by(phone: str) -> Found:
    """Find a person's rows, or end the command with a sentence."""
    try:
        return find_person(phone)
    except NoPhone as error:
        raise CommandError(str(error)) from error


def note_act(act: str, found: Found, counts: Mapping[str, int]) -> None:
    """Record in the log and in the audit log that a person's data were handed out or removed.

    Neither names the person: the phone is masked.
    """
    phone = masked_phone(found.phone)
    logger.info(f"privacy.{act}", phone=phone, rows=dict(counts))
    record(act, subject_text=phone, after=dict(counts))
