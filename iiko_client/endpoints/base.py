"""What all groups of operations share: writing a body within the vendor's limits, reading the answer."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import partial
from typing import NoReturn, Self, TypeVar
from uuid import UUID

from iiko_client import records, units, vendor_time
from iiko_client.endpoints.registry import Operation
from iiko_client.http.circuit_breaker import Priority
from iiko_client.http.errors import IikoRequestInvalid
from iiko_client.http.responses import Answer
from iiko_client.http.transport import Transport
from iiko_client.json_reader import NO_ID, Reader, is_uuid
from iiko_client.models.commands import Accepted
from iiko_client.units import MinorUnits
from iiko_client.vendor_time import NotATime

logger = logging.getLogger(__name__)

T = TypeVar("T")

LARGEST_SUM = Decimal(10) ** 10  # docs/iiko.md#money


class Body:
    """Writes a request body; a value that the vendor's schema refuses raises IikoRequestInvalid.

    None leaves a field out, which the schema treats as null wherever both are allowed.
    """

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.wire: dict[str, object] = {}

    def refuse(self, problem: str) -> NoReturn:
        raise IikoRequestInvalid(problem, operation=self.operation.name)

    def put(self, key: str, value: object) -> Self:
        if value is not None:
            self.wire[key] = value
        return self

    def ident(self, key: str, value: str | UUID | None) -> Self:
        return self.put(key, None if value is None else self._uuid(key, value))

    def idents(self, key: str, values: Iterable[str | UUID] | None, *, most: int | None = None) -> Self:
        if values is None:
            return self
        found = [self._uuid(key, value) for value in values]
        if not found:
            self.refuse(f"{key} is empty")
        if most is not None and len(found) > most:
            self.refuse(f"{key}: {len(found)} ids, at most {most} go into one request")
        return self.put(key, found)

    def text(self, key: str, value: str | None, *, most: int | None = None) -> Self:
        if value is not None and most is not None and len(value) > most:
            self.refuse(f"{key}: {len(value)} characters, at most {most} are allowed")
        return self.put(key, value)

    def utc(self, key: str, moment: datetime | None) -> Self:
        return self.local(key, moment, UTC)

    def local(self, key: str, moment: datetime | None, zone: tzinfo) -> Self:
        try:
            return self.put(key, None if moment is None else vendor_time.write_local(moment, zone))
        except NotATime as error:
            self.refuse(f"{key}: {error}")

    def whole(self, key: str, value: int | None, *, least: int, most: int) -> Self:
        if value is not None and not least <= value <= most:
            self.refuse(f"{key}: {value} is not between {least} and {most}")
        return self.put(key, value)

    def positive(self, key: str, amount: Decimal) -> Self:
        """Put an amount above zero, as exact as it was given."""
        if not amount.is_finite() or not 0 < amount <= LARGEST_SUM:
            self.refuse(f"{key} must be above zero and within {LARGEST_SUM:f}")
        return self.put(key, amount)

    def sum_of(self, key: str, minor: MinorUnits) -> Decimal:
        """Return an amount in major units."""
        amount = units.to_major(minor)
        if not 0 <= amount <= LARGEST_SUM:
            self.refuse(f"{key}: {amount} is not between 0 and {LARGEST_SUM:f}")
        return amount

    def _uuid(self, key: str, value: str | UUID) -> str:
        try:
            written = str(value if isinstance(value, UUID) else UUID(value))
        except (ValueError, AttributeError, TypeError):
            self.refuse(f"{key}: {str(value)[:40]!r} is not an id of iiko (a UUID)")
        if written == NO_ID:
            self.refuse(f"{key}: the empty GUID is no id")
        return written


class AnswerReader:
    """Reads a 2xx: essential fields are required, the others may be missing or unknown."""

    def __init__(self, operation: Operation, answer: Answer) -> None:
        self._operation = operation
        self._answer = answer
        self.reader = Reader(answer.body)

    def fail(self, problem: str) -> NoReturn:
        raise self._answer.unreadable(self._operation, problem)

    def need(self, key: str, parse: Callable[[Reader, str], T | None]) -> T:
        """Return an essential field of the answer."""
        value = self.reader.read(key, parse)
        if value is None:
            self.fail(f"{key} is missing or unreadable")
        return value

    def correlation_id(self) -> str:
        """Return the correlation id; ``commands/status`` takes nothing but UUIDs."""
        correlation_id = self.need("correlationId", Reader.ident)
        if not is_uuid(correlation_id):
            self.fail("correlationId is not an id of iiko (a UUID)")
        return correlation_id

    def accepted(self) -> Accepted:
        """Return what an operation answers that was taken and is carried out later."""
        return Accepted(self.correlation_id())

    def records(self, kind: Callable[..., T], *keys: str) -> tuple[T, ...]:
        """Return the records of a list; see ``list_of``."""
        return self.list_of(partial(records.read, kind), *keys)

    def list_of(self, read: Callable[[Reader], T], *keys: str) -> tuple[T, ...]:
        """Return the members of the list under the first of ``keys`` that is present.

        A missing or null list is not an empty one: else everything would look deleted.
        """
        key = next((key for key in keys if isinstance(self.reader.wire.get(key), list)), None)
        if key is None:
            self.fail(f"{keys[0]} is missing or no list")
        return records.members(read, self.reader.children(key))

    def grouped(self, read: Callable[[Reader, str], T], key: str) -> tuple[T, ...]:
        """Return the items of a list grouped by organization: ``[{organizationId, items: […]}]``.

        ``read`` gets an item and the id of its organization.
        """

        def of_group(group: Reader) -> tuple[T, ...]:
            owner = records.need(group, "organizationId", Reader.ident)
            items = group.read("items", Reader.children) or []
            return records.members(lambda item: read(item, owner), items)

        return tuple(item for group in self.list_of(of_group, key) for item in group)

    def done(self, result: T) -> T:
        """Log which fields could not be read (their names only) and return the result."""
        if issues := self.reader.issues:
            fields = sorted({issue.split(": ", 1)[0] for issue in issues})[:10]
            logger.warning(
                "iiko.answer_partly_unreadable",
                extra={"iiko_operation": self._operation.name, "count": len(issues), "fields": fields},
            )
        return result


class OperationGroup:
    """Holds the transport, the priority of its calls and how long they may wait.

    ``before_write`` is called right before each request that may change something; an error of it stops the
    request.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        priority: Priority = Priority.BACKGROUND,
        wait_s: float = 0.0,
        before_write: Callable[[], None] | None = None,
    ) -> None:
        self._transport = transport
        self._priority = priority
        self._wait_s = wait_s
        self._before_write = before_write

    def _call(self, body: Body) -> AnswerReader:
        answer = self._transport.call(
            body.operation,
            body.wire,
            priority=self._priority,
            wait_s=self._wait_s,
            before_sending=self._before_write if body.operation.is_write else None,
        )
        return AnswerReader(body.operation, answer)

    def _ask(self, body: Body, read: Callable[[AnswerReader], T]) -> T:
        reading = self._call(body)
        return reading.done(read(reading))
