"""Model fields: text encrypted at rest, timestamps of the database's clock."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from core.database import db_clock


@lru_cache(maxsize=8)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def cipher() -> MultiFernet:
    return _cipher(tuple(settings.CREDENTIALS_KEYS))


class UnreadableSecret(ImproperlyConfigured):
    """A stored secret was encrypted with a key that this hub has not, or no longer has."""


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]  # not subscriptable at run time
    """A text column whose value is encrypted with the first of ``CREDENTIALS_KEYS``.

    Never filter by it: the same text is stored differently each time. The empty string is stored as
    such. A value that none of the keys decrypts raises ``UnreadableSecret``; the ciphertext is never
    returned in place of the text.
    """

    is_secret = True
    """Never kept by the audit log."""

    def get_prep_value(self, value: str | None) -> str | None:
        text: str | None = super().get_prep_value(value)
        return cipher().encrypt(text.encode()).decode() if text else text

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        if not value:
            return value
        try:
            return cipher().decrypt(value.encode()).decode()
        except InvalidToken as error:
            raise UnreadableSecret(
                f"{self.model._meta.db_table}.{self.column} was encrypted with a key that is not in "
                "CREDENTIALS_KEYS. Put the former key back at the end of the list; if it is lost for good: "
                "manage.py rotate_keys --forget-lost."
            ) from error


class StampField(models.DateTimeField):  # type: ignore[type-arg]  # not subscriptable at run time
    """A ``DateTimeField`` whose ``auto_now`` and ``auto_now_add`` take the database's clock.

    Django takes that of the machine. To migrations it is a plain ``DateTimeField``.
    """

    def pre_save(self, model_instance: models.Model, add: bool) -> datetime | None:
        if not (self.auto_now or (self.auto_now_add and add)):
            kept: datetime | None = super().pre_save(model_instance, add)
            return kept
        moment = db_clock.now()
        setattr(model_instance, self.attname, moment)
        return moment

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _path, arguments, options = super().deconstruct()
        return name, "django.db.models.DateTimeField", arguments, options
