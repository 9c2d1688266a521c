"""Reading a page as of one moment: several queries would otherwise see what was committed between them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Give all queries inside one snapshot of the database, read-only.

    Inside a transaction that has begun already nothing changes: its isolation level is fixed.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield
