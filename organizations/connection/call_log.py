"""The log of calls to iiko: the caller queues a record, and a thread writes it a moment later.

A full queue drops the record and counts it; without a database records are lost, never a call.
"""

import atexit
import logging
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction

from core import spans, trace
from core.database import db_clock
from core.redaction import mask
from iiko_client import json_reader
from iiko_client.http.call_record import CallRecord
from iiko_client.http.exchange import ADDRESS_REFUSED
from iiko_client.json_reader import sanitize
from iiko_client.json_writer import dumps
from organizations.models.connection import ApiCall, ApiLogin

logger = logging.getLogger(__name__)

LONGEST_QUEUE = 1000
BATCH = 100
LONGEST_BODY = 32_000
"""Characters of JSON; of a longer body the beginning is kept, as text."""

NOT_KEPT = "could not be kept"

_IDLE_S = 30.0
_LARGEST_INT = 2**31 - 1
_TOKEN = "access_token"  # noqa: S105  # the name of an operation


@dataclass(frozen=True, slots=True)
class Asker:
    """Who causes a call, and by which command on an order, if by one."""

    name: str = ""
    command_id: int | None = None


_NOBODY = Asker()
_asked_by: ContextVar[Asker] = ContextVar("asked_by", default=_NOBODY)


@contextmanager
def asked_by(name: str, *, command_id: int | None = None) -> Iterator[None]:
    """Set who causes the calls made inside; an empty name, or no command, keeps the outer one."""
    outer = _asked_by.get()
    token = _asked_by.set(Asker(name or outer.name, command_id or outer.command_id))
    try:
        yield
    finally:
        _asked_by.reset(token)


@dataclass(frozen=True, slots=True)
class _Note:
    login_id: int
    asker: Asker
    trace_id: UUID | None
    record: CallRecord = field(repr=False)


class CallLog:
    """A bounded queue and the thread that writes it; safe to use from any thread and after a fork."""

    def __init__(self, size: int = LONGEST_QUEUE) -> None:
        self._size = size
        self._restart()

    def _restart(self) -> None:
        self._queue: queue.Queue[_Note] = queue.Queue(self._size)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._writing = threading.Lock()
        self._is_filled = threading.Event()
        self._stopping = False
        self.dropped = 0

    def note(self, login_id: int, record: CallRecord) -> None:
        """Queue a record and return at once; for ``Transport(on_call=…)``."""
        _tell_span(record)
        try:
            self._queue.put_nowait(_Note(login_id, _asked_by.get(), trace.current_uuid(), record))
        except queue.Full:
            self.dropped += 1
            if self.dropped == 1 or self.dropped % LONGEST_QUEUE == 0:
                logger.warning("call_log.dropped", extra={"count": self.dropped})
            return
        if settings.IIKO_CALL_LOG_THREAD:
            self._ensure_thread()

    def flush(self) -> int:
        """Write what is queued, in the calling thread; return how many rows were written."""
        written = 0
        with self._writing:
            while notes := self._take():
                written += _write(notes)
        return written

    def stop(self, timeout_s: float = 3.0) -> None:
        """Let the thread write what is queued and end."""
        self._stopping = True
        self._is_filled.set()
        thread = self._thread
        if thread is not None and thread.is_alive():
            thread.join(timeout_s)
        self._thread = None
        self._stopping = False

    def forget(self) -> None:
        """Drop what is queued: after a fork the parent writes it."""
        self._restart()

    def _take(self) -> list[_Note]:
        notes: list[_Note] = []
        while len(notes) < BATCH:
            try:
                notes.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return notes

    def _ensure_thread(self) -> None:
        self._is_filled.set()
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="iiko-call-log", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stopping:
            if not self._is_filled.wait(_IDLE_S):
                connection.close()  # no calls for a while: release the connection
                continue
            self._is_filled.clear()
            time.sleep(0.05)  # calls come in bursts
            self._write_queued()
        self._write_queued()
        connection.close()

    def _write_queued(self) -> None:
        try:
            self.flush()
        except Exception:  # the thread's outermost loop: a lost batch is logged, the next one is written
            logger.exception("call_log.failed")
            connection.close()


def _tell_span(record: CallRecord) -> None:
    facts: spans.Attributes = {
        "http.response.status_code": record.http_status or 0,
        "iikohub.attempt": record.attempt,
    }
    spans.record(
        f"iiko {record.operation}",
        trace.current_uuid(),
        began_at=record.started_at,
        duration_ms=record.duration_ms,
        kind=spans.CLIENT,
        error=record.error or "",
        attributes=facts,
    )


def _write(notes: Sequence[_Note]) -> int:
    """Insert a batch; where it is refused, one by one, and what is refused then without its bodies."""
    calls = [_call(note) for note in notes]
    try:
        with transaction.atomic():
            ApiCall.objects.bulk_create(calls)
    except (DatabaseError, ValueError) as error:
        if isinstance(error, InterfaceError) or not connection.is_usable():
            raise
        calls = [call for call in calls if _is_written(call) or _is_written(call, with_bodies=False)]
        if lost := len(notes) - len(calls):
            logger.warning("call_log.refused", extra={"count": lost, "error": type(error).__name__})
    _update_logins(notes)
    return len(calls)


def _is_written(call: ApiCall, *, with_bodies: bool = True) -> bool:
    if not with_bodies:
        call.request = call.response = None
        call.response_text = NOT_KEPT
    try:
        with transaction.atomic():
            call.save(force_insert=True)
    except (DatabaseError, ValueError):
        return False
    return True


def _call(note: _Note) -> ApiCall:
    record = note.record
    request, _ = _kept(record.request)
    response, text = _kept(record.response)
    return ApiCall(
        api_login_id=note.login_id,
        operation=record.operation[:100],
        url=record.url[:500],
        organization_id=(record.organization_id or "")[:200],
        order_id=_order_of(record),
        request=request,
        response=response,
        response_text=text,
        http_status=record.http_status,
        duration_ms=min(max(record.duration_ms, 0), _LARGEST_INT),
        correlation_id=(record.correlation_id or "")[:200],
        error=(record.error or "")[:100],
        error_code=sanitize(record.error_code or "")[:100],
        requested_by=sanitize(note.asker.name)[:200],
        command_id=note.asker.command_id,
        trace_id=note.trace_id,
        attempt=record.attempt,
        started_at=record.started_at,
    )


def _kept(body: object) -> tuple[object, str]:
    """Return a body as it is stored, as JSON or as text, masked and cut."""
    if body is None:
        return None, ""
    try:
        safe = mask(body, keep_personal=settings.IIKO_LOG_PERSONAL_DATA)
        if isinstance(safe, str):
            return None, safe[:LONGEST_BODY]
        text = dumps(safe)
    except (TypeError, ValueError, RecursionError):
        return None, NOT_KEPT
    if len(text) > LONGEST_BODY:
        return {"cut": len(text)}, text[:LONGEST_BODY]
    return json_reader.plain(safe), ""


def _order_of(record: CallRecord) -> str:
    one = record.request.get("orderId")
    many = record.request.get("orderIds")
    if one is None and isinstance(many, list) and len(many) == 1:
        one = many[0]
    return str(one)[:200] if isinstance(one, str) else ""


def _update_logins(notes: Sequence[_Note]) -> None:
    """Store on each login when it was last used and what is wrong with it."""
    for login_id in {note.login_id for note in notes}:
        records = [note.record for note in notes if note.login_id == login_id]
        changes: dict[str, object] = {"last_used_at": max(record.started_at for record in records)}
        for record in records:
            if record.error_code == ADDRESS_REFUSED:
                changes["last_error"] = (
                    f"{record.operation}: the address leads to a server that is not public "
                    "(IIKO_ALLOW_PRIVATE_ADDRESSES)"
                )
            elif record.error == "IikoAuthFailed":
                changes["last_error"] = (
                    f"{record.operation}: HTTP {record.http_status}, {record.error_code or 'refused'}"
                )
            elif record.operation == _TOKEN and record.error is None:
                changes["last_error"] = ""
        ApiLogin.objects.filter(pk=login_id).update(**changes)


def forget_old_calls(*, days: int = 30, now: datetime | None = None, batch: int = 5000) -> int:
    """Delete calls that began more than ``days`` ago, a batch in each transaction; return how many."""
    before = (now or db_clock.now()) - timedelta(days=days)
    deleted = 0
    while True:
        oldest = ApiCall.objects.filter(started_at__lt=before).order_by("started_at").values("pk")[:batch]
        count, _ = ApiCall.objects.filter(pk__in=oldest).delete()
        deleted += count
        if count < batch:
            return deleted


call_log = CallLog()
atexit.register(call_log.stop)
os.register_at_fork(after_in_child=call_log.forget)
