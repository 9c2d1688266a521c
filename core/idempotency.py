"""Idempotency keys: a repeated request is answered with what the first one made."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, cast

from django.db import models, transaction
from django.utils.translation import gettext as _

from core.database.advisory_locks import AdvisoryLock, acquire
from core.errors import HubError

KEYS_KEPT = timedelta(hours=24)
LONGEST_KEY = 200

R = TypeVar("R", bound=models.Model)


@dataclass(frozen=True, slots=True)
class IdempotencyKeys(Generic[R]):
    """The keys of one kind of request. ``made`` is the column of ``keys`` that leads to what was made."""

    keys: type[models.Model]
    made: str

    def once(
        self, prepare: Callable[[], Callable[[], R]], *, owner: str, key: str, fingerprint: str, now: datetime
    ) -> tuple[R, bool]:
        """Make a request unless its key was used in the last 24 hours.

        Return what was made and whether it is new. Requests with one key run one after the other.
        ``prepare`` may ask iiko and locks nothing; what it returns writes, within the transaction that keeps
        the key.

        Raises:
            IdempotencyKeyReused: the key belongs to another request.
            What preparing or writing raises; the key then stays free.
        """
        if (known := self._known(owner, key, fingerprint, now)) is not None:
            return known, False
        write = prepare()
        with transaction.atomic():
            acquire(AdvisoryLock.IDEMPOTENCY_KEY, f"{self.made}/{owner}/{key}")
            if (known := self._known(owner, key, fingerprint, now)) is not None:
                return known, False
            made = write()
            facts = {self.made: made, "fingerprint": fingerprint, "created_at": now}
            self._rows.update_or_create(owner=owner, key=key, defaults=facts)
        return made, True

    def forget_old(self, *, now: datetime) -> int:
        """Delete keys that no longer count; return how many."""
        deleted, _per_model = self._rows.filter(created_at__lte=now - KEYS_KEPT).delete()
        return deleted

    @property
    def _rows(self) -> models.Manager[Any]:
        return self.keys._default_manager

    def _known(self, owner: str, key: str, fingerprint: str, now: datetime) -> R | None:
        fresh = self._rows.filter(owner=owner, key=key, created_at__gt=now - KEYS_KEPT)
        known = fresh.select_related(self.made).first()
        if known is not None and known.fingerprint != fingerprint:
            raise IdempotencyKeyReused(
                _("This Idempotency-Key was used for another request. Use a new one for each request.")
            )
        return None if known is None else cast("R", getattr(known, self.made))


class IdempotencyKeyReused(HubError):
    code = "idempotency_key_reused"
    http_status = 422
