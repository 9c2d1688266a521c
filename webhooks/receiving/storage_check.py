"""Whether a webhook could be stored now: found out by storing one, and taking it away again."""

import base64
import json
import os
import secrets

import psycopg
import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction
from psycopg import errors

from core.database.refusals import connection_refusal
from iiko_client.models.events import Envelope
from webhooks.models.inbox import EventFormat
from webhooks.receiving.database_watch import ANSWER_WITHIN_S, database_watch
from webhooks.receiving.insert import NewEvent, insert

logger = structlog.stdlib.get_logger(__name__)

_SIZE = 6000
"""Bytes that cannot be compressed: as much as a usual order, so that room is needed outside the row too."""

_NO_ANSWER = "the database does not answer"
_REASONS: tuple[tuple[type[psycopg.Error], str], ...] = (
    (errors.DiskFull, "the database has no room left: its disk is full"),
    (errors.ReadOnlySqlTransaction, "the database takes no writes: it is a standby or set to read only"),
    (errors.InsufficientPrivilege, "the database's user may not write into the inbox (webhook_events)"),
    (errors.UndefinedTable, "the inbox (webhook_events) is missing: manage.py migrate"),
    (errors.UndefinedColumn, "the inbox (webhook_events) is another version's: manage.py migrate"),
    (errors.LockNotAvailable, "the inbox (webhook_events) is locked"),
    (errors.QueryCanceled, _NO_ANSWER),
    (errors.OperatorIntervention, _NO_ANSWER),
)


def why_nothing_can_be_stored() -> str:
    """Return what keeps webhooks from being stored, or nothing; takes no longer than storing one may.

    The row is written, deleted and committed, so nobody ever sees it. It has an id of no event and takes
    none, so that two may check at once.
    """
    try:
        database_watch.check()
        with database_watch.within(ANSWER_WITHIN_S):
            _store_and_delete()
    except (DatabaseError, InterfaceError) as error:
        logger.exception("inbox.not_writable")
        return why(error)
    return ""


def _store_and_delete() -> None:
    row_id = -secrets.randbelow(2**62) - 1
    content = json.dumps(base64.b64encode(os.urandom(_SIZE)).decode())
    envelope = Envelope(EventFormat.UNKNOWN, "", "", "", "", "", None, None, "")
    event = NewEvent(envelope, payload=content, dedup_key=f"storage-check:{row_id}")
    with transaction.atomic(), connection.cursor() as cursor:
        insert([event], ids=[row_id])
        cursor.execute("DELETE FROM webhook_events WHERE id = %s", [row_id])


def why(error: Exception) -> str:
    """Say in a few words what an error of the database means for receiving."""
    cause = error.__cause__
    for kind, reason in _REASONS:
        if isinstance(cause, kind):
            return reason
    if refused := connection_refusal(error):
        return refused.reason
    state = getattr(cause, "sqlstate", None)
    # Class 08 and no state at all: the connection, not the statement.
    return f"the database refuses to store (SQLSTATE {state})" if state and state[:2] != "08" else _NO_ANSWER
