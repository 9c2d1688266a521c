"""Encrypting what is stored with the newest of ``CREDENTIALS_KEYS``, so that older ones can be taken away."""

import secrets
from base64 import b32encode
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.db import connection
from psycopg import sql

from organizations.fields import EncryptedTextField, cipher


@dataclass(frozen=True, slots=True)
class Rotation:
    """What became of one encrypted column, as numbers of its values."""

    name: str
    """``table.column``"""
    current: int
    """Under the newest key already."""
    rotated: int
    unreadable: int
    """That none of the keys opens."""
    forgotten: int
    """Of these, those that were replaced."""


def rotate_keys(*, dry_run: bool, forgets_lost: bool = False) -> Iterator[Rotation]:
    """Encrypt every stored secret with the newest key; yield each column as it is done.

    ``forgets_lost`` replaces what none of the keys opens: by nothing where the column may be empty, else by
    something random, that no other side knows.

    Safe to stop at any point and to repeat, and while the hub works: a value that is changed meanwhile is
    left to whoever changed it, who used the newest key.
    """
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedTextField):
                yield _rotate(field, dry_run=dry_run, forgets_lost=forgets_lost)


def _rotate(field: EncryptedTextField, *, dry_run: bool, forgets_lost: bool) -> Rotation:
    meta, column = field.model._meta, field.column
    table, key = meta.db_table, str(meta.pk.column)
    newest = Fernet(settings.CREDENTIALS_KEYS[0])
    current = rotated = unreadable = forgotten = 0
    names = {"table": sql.Identifier(table), "pk": sql.Identifier(key), "column": sql.Identifier(column)}
    read = sql.SQL("SELECT {pk}, {column} FROM {table} WHERE {column} <> '' ORDER BY {pk}").format(**names)
    write = sql.SQL("UPDATE {table} SET {column} = %s WHERE {pk} = %s AND {column} = %s").format(**names)
    with connection.cursor() as cursor:
        cursor.execute(read)
        for pk, stored in cursor.fetchall():
            if _opens(newest, stored):
                current += 1
                continue
            try:
                again = cipher().rotate(stored.encode()).decode()
            except InvalidToken:
                unreadable += 1
                if not forgets_lost:
                    continue
                forgotten += 1
                again = "" if field.blank else newest.encrypt(_nobodys_secret()).decode()
            else:
                rotated += 1
            if not dry_run:
                cursor.execute(write, [again, pk, stored])
    return Rotation(f"{table}.{column}", current, rotated, unreadable, forgotten)


def _nobodys_secret() -> bytes:
    """Make one that reads as base32 and base64: what takes secrets apart finds nothing wrong with it."""
    return b32encode(secrets.token_bytes(20))


def _opens(key: Fernet, stored: str) -> bool:
    try:
        key.decrypt(stored.encode())
    except InvalidToken:
        return False
    return True
