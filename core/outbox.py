"""The outbox: a row is written before its request, sent once, and followed to its outcome.

A row is ``pending`` until a worker sends it, ``sent`` from the moment at which the call may have been made,
and ``unknown`` after a lost answer. One that is sent or unknown is not sent again: iiko is polled, or what it
has is read (docs/adr/0005). So a step is claimed and written down in one transaction, taken without any, and
recorded in another. ``next_attempt_at`` is when a row is due, and the lease of the worker that holds it: each
claim ends at another moment, by which the claim is known again.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Generic, Self, TypeVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core import spans, trace
from core.errors import HubError
from core.privacy.rows import PeopleQuerySet, PeopleRow
from iiko_client.http.errors import IikoAuthFailed, IikoBusy, IikoError, IikoNotSent, IikoRejected

Clock = Callable[[], datetime]

PENDING, SENT, UNKNOWN = "pending", "sent", "unknown"
CONFIRMED, EXPIRED = "confirmed", "expired"
OPEN_STATES = (PENDING, SENT, UNKNOWN)

ModelT = TypeVar("ModelT", bound="OutboxRow")


class OutboxQuerySet(PeopleQuerySet[ModelT]):
    def open(self) -> Self:
        return self.filter(state__in=OPEN_STATES)

    def overdue(self, late: datetime) -> Self:
        """Keep those whose step was due before ``late`` and not taken: a worker died, or a job was lost."""
        is_due = Q(next_attempt_at__lt=late) | Q(next_attempt_at__isnull=True, created_at__lt=late)
        return self.open().filter(is_due)


class OutboxRow(PeopleRow):
    """A request to iiko and what became of it; a subclass adds what is requested, and its own states."""

    state = models.CharField(_("state"), max_length=12, default=PENDING)
    error_code = models.CharField(_("error code"), max_length=100, blank=True)
    error = models.TextField(_("error"), blank=True)
    confirmed_by = models.CharField(_("confirmed by"), max_length=20, blank=True)
    requested_by = models.CharField(_("requested by"), max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("user"),
        db_index=False,
    )
    poll_count = models.PositiveIntegerField(_("polls"), default=0)
    next_attempt_at = models.DateTimeField(_("next step"), null=True)
    created_at = models.DateTimeField(_("requested"))
    sent_at = models.DateTimeField(_("sent"), null=True)
    finished_at = models.DateTimeField(_("ended"), null=True)
    trace_id = models.UUIDField(_("trace"), null=True, editable=False)
    """Of the request that asked for it; what is done for it belongs to the same trace."""

    class Meta:
        abstract = True

    @property
    def is_final(self) -> bool:
        return self.state not in OPEN_STATES

    @property
    def asked_at(self) -> datetime:
        """Return when it was sent, or requested where it was not."""
        return self.sent_at or self.created_at

    def end(self, state: str, *, now: datetime, code: str, error: str, confirmed_by: str) -> str:
        """Set what the end of a row is told by, without saving it; return the state before."""
        before, self.state = self.state, state
        self.error_code, self.error, self.confirmed_by = code[:100], error, confirmed_by
        self.finished_at, self.next_attempt_at = now, None
        return before


RowT = TypeVar("RowT", bound=OutboxRow)


class Step(Enum):
    SEND = "send"
    POLL = "poll"
    RECOVER = "recover"


@dataclass(slots=True)
class Claim(Generic[RowT]):
    """A row in hand, as it was when it was taken or, once begun, sent. Its lease names the claim."""

    row: RowT
    step: Step
    is_begun: bool = False
    """Whether the call may have been made."""


class LeaseLost(Exception):
    """The lease is over, and another worker may have the row: what follows must not be done."""


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What a step found: an end, or the state to go on in and how long to wait.

    ``iiko_id`` is how iiko names what it was sent: a correlation id, or a transaction. ``is_unsent``: surely
    nothing was sent, though it is written down. ``phase``: the step led to another phase, where it goes on at
    once; ``facts`` are kept for later steps.
    """

    state: str
    wait: timedelta | None = None
    code: str = ""
    error: str = ""
    confirmed_by: str = ""
    iiko_id: str = ""
    is_unsent: bool = False
    phase: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


def pause_after(pauses: Sequence[timedelta], tries: int) -> timedelta:
    """Return the pause after so many tries; the last one comes over and over."""
    return pauses[min(tries, len(pauses) - 1)]


class Outbox(ABC, Generic[RowT]):
    """Takes the steps of the rows of one table. Subclasses say how to ``send``, ``poll`` and ``recover``."""

    name: str
    """What a row is called in the spans of a trace."""

    lease: timedelta
    """A little longer than a step takes; then the worker that holds a row counts as dead."""

    pauses: Sequence[timedelta]
    """Between tries to send."""

    held_up_code = ""
    """The error code of a row whose worker slept over its lease before it sent."""

    def advance(self, row_id: int, *, clock: Clock) -> datetime | None:
        """Take the next step of a row; return when the one after it is due, None when there is none.

        Safe to call at any time and from several workers: a call that is too early, or the second of two,
        does nothing. The next step is announced together with what this one found. ``clock`` must be the
        same for all workers and for whoever calls them.
        """
        claim = self.claim(row_id, clock())
        if claim is None:
            return None
        with trace.following(claim.row.trace_id), spans.span(f"{self.name}.{claim.step.value}") as facts:
            outcome = self.take(claim, clock)
            facts |= {"iikohub.id": row_id, "iikohub.state": outcome.state, "iikohub.code": outcome.code}
            return self.record(claim, outcome, clock())

    # --- what a subclass says ----------------------------------------------------------------------------

    @abstractmethod
    def lock(self, row_id: int) -> RowT | None:
        """Lock a row, and before it whatever orders the rows of one queue; read it as it is then."""

    @abstractmethod
    def may_send(self, row: RowT, now: datetime) -> bool:
        """Whether a pending row is to be sent now; one that must not be sent any more is ended here."""

    @abstractmethod
    def send(self, claim: Claim[RowT], clock: Clock) -> StepOutcome:
        """Make the one call of a row. What it raises is judged by ``refused``, ``not_sent`` and ``lost``."""

    def poll(self, row: RowT, clock: Clock) -> StepOutcome:
        """Ask for the status of what iiko took: only where ``is_taken``."""
        raise NotImplementedError

    @abstractmethod
    def recover(self, row: RowT, clock: Clock) -> StepOutcome:
        """Read from iiko whether it was done: the answer was lost."""

    @abstractmethod
    def refused(self, claim: Claim[RowT], error: IikoAuthFailed | IikoRejected | HubError) -> StepOutcome: ...

    @abstractmethod
    def lost(self, row: RowT, error: IikoError) -> StepOutcome:
        """Judge a call that may have been made and brought no answer."""

    @abstractmethod
    def later(self, row: RowT, began: datetime, error: IikoError | HubError) -> StepOutcome:
        """Go on although nothing was learned: a poll, or a reading, failed."""

    @abstractmethod
    def finish(self, row: RowT, outcome: StepOutcome, now: datetime) -> None:
        """End a row, and call a worker for the next of its queue."""

    @abstractmethod
    def wake(self, row: RowT) -> None:
        """Have a worker called when the row is due; within the present transaction."""

    # --- where subclasses may differ ---------------------------------------------------------------------

    def is_over(self, row: RowT, now: datetime) -> bool:
        return row.is_final

    def may_follow(self, row: RowT, now: datetime) -> bool:
        """Whether a row is followed on; one that is abandoned is ended here."""
        return True

    def is_taken(self, row: RowT) -> bool:
        """Whether iiko answered that it took a row that is *sent*."""
        return False

    def claimed(self, claim: Claim[RowT], now: datetime) -> None:
        """Change a row that is claimed, before it is saved."""

    def keep(self, row: RowT, outcome: StepOutcome) -> None:
        """Store what a step found beside the state, before the row is saved or ended."""

    def note(self, row: RowT, before: tuple[str, str], outcome: StepOutcome, now: datetime) -> None:
        """Tell people of a step after which the row goes on. ``before``: state and error code until then."""

    def not_sent(self, row: RowT, error: IikoError) -> StepOutcome:
        """Send again, a little later: surely nothing was sent."""
        if isinstance(error, IikoBusy):
            return StepOutcome(PENDING, self.busy_pause(error), "iiko_busy", str(error))
        return StepOutcome(PENDING, pause_after(self.pauses, row.poll_count), "iiko_unreachable", str(error))

    def busy_pause(self, error: IikoBusy) -> timedelta:
        return timedelta(seconds=max(error.retry_after_s, 1))

    # --- the machine -------------------------------------------------------------------------------------

    @transaction.atomic
    def claim(self, row_id: int, now: datetime) -> Claim[RowT] | None:
        row = self.lock(row_id)
        if row is None or self.is_over(row, now) or (row.next_attempt_at and row.next_attempt_at > now):
            return None
        if row.state == PENDING:
            if not self.may_send(row, now):
                return None
            claim = Claim(row, Step.SEND)
        else:
            if not self.may_follow(row, now):
                return None
            if row.state == SENT and not self.is_taken(row):
                # The worker that sent it did not come back.
                self._go_on(row, StepOutcome(UNKNOWN, code="answer_lost"), now)
            row.poll_count += 1
            claim = Claim(row, Step.POLL if row.state == SENT else Step.RECOVER)
        row.next_attempt_at = now + self.lease
        self.claimed(claim, now)
        row.save(update_fields=["state", "sent_at", "poll_count", "next_attempt_at"])
        return claim

    def take(self, claim: Claim[RowT], clock: Clock) -> StepOutcome:
        row, began = claim.row, clock()
        try:
            if claim.step is Step.SEND:
                if row.next_attempt_at and began >= row.next_attempt_at:
                    # This process slept over its claim. Others may take the row for sent; it was not.
                    raise LeaseLost
                return self.send(claim, clock)
            return (self.poll if claim.step is Step.POLL else self.recover)(row, clock)
        except LeaseLost:
            return StepOutcome(PENDING, self.pauses[0], self.held_up_code, is_unsent=claim.is_begun)
        except (IikoError, HubError) as error:
            return self._failed(claim, error) if claim.step is Step.SEND else self.later(row, began, error)

    def _failed(self, claim: Claim[RowT], error: IikoError | HubError) -> StepOutcome:
        """Judge a call that should change something and brought no answer: surely not done, or unknown."""
        if isinstance(error, IikoAuthFailed | IikoRejected | HubError):
            return self.refused(claim, error)
        if isinstance(error, IikoNotSent | IikoBusy) or not claim.is_begun:
            return replace(self.not_sent(claim.row, error), is_unsent=claim.is_begun)
        return self.lost(claim.row, error)

    @transaction.atomic
    def record(self, claim: Claim[RowT], outcome: StepOutcome, now: datetime) -> datetime | None:
        row = self.lock(claim.row.pk)
        if row is None or not self.counts(claim, outcome, row):
            return None
        self.settle(row, outcome, now)
        return row.next_attempt_at

    def counts(self, claim: Claim[RowT], outcome: StepOutcome, row: RowT) -> bool:
        """Whether what a step found is still the word on the row as it is now.

        What came of a call counts, however late, while nothing was sent since: others only looked meanwhile,
        and in the worst case took it for not done. What a look found counts while nothing was sent since; of
        two looks the later says how to go on.
        """
        if claim.step is Step.SEND and not claim.is_begun:
            return self.holds(claim, row)
        if row.sent_at != claim.row.sent_at:
            return False
        if claim.step is Step.SEND:
            return not row.is_final or (row.state == EXPIRED and outcome.state == CONFIRMED)
        is_latest = row.next_attempt_at == claim.row.next_attempt_at
        return row.state in (SENT, UNKNOWN) and (is_latest or outcome.wait is None)

    def holds(self, claim: Claim[RowT], row: RowT) -> bool:
        """Whether a sender still has a row in hand; ``row`` is as it is now, and locked."""
        if claim.is_begun:
            return row.state == SENT and row.sent_at == claim.row.sent_at
        return row.state == PENDING and row.next_attempt_at == claim.row.next_attempt_at

    def settle(self, row: RowT, outcome: StepOutcome, now: datetime) -> None:
        """End a row, or let it go on and announce its next step."""
        self.keep(row, outcome)
        if outcome.wait is None:
            self.finish(row, outcome, now)
        else:
            self._go_on(row, outcome, now)
            self.wake(row)

    def _go_on(self, row: RowT, outcome: StepOutcome, now: datetime) -> None:
        before = (row.state, row.error_code)
        row.state, row.error_code, row.error = outcome.state, outcome.code[:100], outcome.error
        row.next_attempt_at = now + (outcome.wait or timedelta())
        if outcome.state == PENDING:
            row.poll_count += 1
        elif outcome.iiko_id:
            row.poll_count = 0  # what was counted so far are tries to send
        row.save()
        self.note(row, before, outcome, now)
