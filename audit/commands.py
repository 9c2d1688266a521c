"""The base of commands that a person runs and that change something."""

from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from audit.entries import record
from audit.models import AuditEntry, Door, Outcome
from audit.trail import CommandTrail, current, following
from core.trace import begun

logger = structlog.stdlib.get_logger(__name__)

_CODE = "command_error"


class AuditedCommand(BaseCommand):
    """Leaves an entry for each object it changes, or one of the run; also of a run that ends with an error.

    What the command was given is not kept: it may be a token or a phone.
    """

    is_dry: bool = False
    """Set by ``execute`` for a run that only says what would change."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        if current() is not None:  # called by a page or another command: it is their act
            return super().execute(*args, **options)
        self.is_dry = bool(options.get("dry_run"))
        trail = CommandTrail(Door.COMMAND, type(self).__module__.rpartition(".")[2])
        with begun(), following(trail):
            try:
                said = super().execute(*args, **options)
            except CommandError:
                self._conclude(trail, Outcome.REFUSED, _CODE)
                raise
            except Exception as error:
                self._conclude(trail, Outcome.FAILED, type(error).__name__)
                raise
            self._conclude(trail, Outcome.UNCHANGED if self.is_dry else Outcome.DONE, "")
        return said

    def _conclude(self, trail: CommandTrail, outcome: Outcome, code: str) -> None:
        try:
            is_left = AuditEntry.objects.filter(request_id=trail.request_id).exists()
            if not is_left or outcome in (Outcome.REFUSED, Outcome.FAILED):
                record("command_run", subject_text=f"manage.py {trail.path}", outcome=outcome, code=code)
        except Error:
            # The database may be away, or have been restored to a time without this table.
            logger.exception("audit.entry_lost", path=trail.path)
