"""How long a process lets the database work: time limits for web processes and workers.

The limits are the server's: they end a statement or a transaction while the server works and its client
may not. What bounds a server that does not answer stands in the settings (TCP) and, for web processes,
in ``webhooks.receiving.database_watch``.
"""

from dataclasses import dataclass

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits in seconds; what takes longer ends with an error."""

    statement_s: int
    lock_s: int
    idle_in_transaction_s: int


WEB = Limits(statement_s=20, lock_s=10, idle_in_transaction_s=30)
WORKER = Limits(statement_s=50, lock_s=30, idle_in_transaction_s=30)
"""A transaction of a worker that is stopped ends within a minute, also where no other worker runs."""

_SET = """
SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),
       set_config('idle_in_transaction_session_timeout', %s, false)
"""


def limit_connections(limits: Limits) -> None:
    """Set these limits on the connections of this process, the open one and all later ones."""
    values = [f"{seconds}s" for seconds in (limits.statement_s, limits.lock_s, limits.idle_in_transaction_s)]

    def apply(connection: BaseDatabaseWrapper, **_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_SET, values)

    connection_created.connect(apply, weak=False, dispatch_uid="core.database.limits")
    if connection.connection is not None:
        apply(connection)
