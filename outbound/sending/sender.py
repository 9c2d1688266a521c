"""Sends what is due: this loop asks the database, and threads that know nothing of it ask the receivers.

The threads are shared out evenly, so an endpoint that is slow or dead takes its own share and no more; one
that failed last is asked by one thread.
"""

import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError

from core import spans, trace
from core.database import db_clock
from core.jobs.loops import WorkerLoop
from outbound.feed.bodies import body_of
from outbound.models.subscriptions import Subscription
from outbound.pace import GATHER_S, Pace
from outbound.sending.claims import Claim, Resting, claim_due
from outbound.sending.connections import Kept
from outbound.sending.errors import NOT_SENT
from outbound.sending.exchange import Answer, Exchange
from outbound.sending.outcomes import Outcome, record
from outbound.sending.signing import headers_of

logger = structlog.stdlib.get_logger(__name__)

THREADS = 128
MOST_AT_ONCE = 32
"""Requests to one endpoint."""
_TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class _Flight:
    claim: Claim
    exchange: Exchange
    began_at: datetime


class Sender(WorkerLoop):
    name = "outbound.sending"

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="outbound")
        self._kept = Kept()
        self._flights: dict[Future[Answer], _Flight] = {}
        self._ended: list[Outcome] = []
        self._resting = Resting()
        self._pace = Pace()

    def turn(self) -> bool:
        """Take what is due, give it to threads, and write down what came of earlier ones.

        What ended since the last turn is written first: it makes room, and lets the next of its entity go.
        """
        self._collect()
        claims = claim_due(self._room_for, resting=self._resting, now=db_clock.now())
        for claim in claims:
            self._start(claim)
        if not self._flights and not self._ended:
            self.idle_s = self._pace.idle_s()
            return False
        wait(self._flights, _TICK_S, return_when=FIRST_COMPLETED)
        self._collect()
        self.pause_s = 0.0 if len(claims) >= MOST_AT_ONCE else GATHER_S
        return True

    def finish(self, *, within_s: float) -> None:
        """Let requests that are under way end; what does not is sent again when its lease is over."""
        until = time.monotonic() + within_s
        while self._flights and time.monotonic() < until:
            wait(self._flights, _TICK_S, return_when=FIRST_COMPLETED)
            self._collect()
        for flight in self._flights.values():
            flight.exchange.cut()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._kept.close()
        self._write()

    def _room_for(self, subscription: Subscription, ready: int) -> int:
        busy = Counter(flight.claim.subscription.pk for flight in self._flights.values())
        share = min(MOST_AT_ONCE, max(1, THREADS // max(ready, len(busy))))
        most = 1 if subscription.failures else share
        return min(most - busy[subscription.pk], THREADS - len(self._flights))

    def _start(self, claim: Claim) -> None:
        now = db_clock.now()
        try:
            exchange = exchange_of(claim, kept=self._kept, now=now)
        except (DatabaseError, InterfaceError):
            raise
        except Exception:  # a secret that cannot be read, say: the others are sent all the same
            with trace.following(claim.delivery.event.trace_id):
                logger.exception("outbound.not_sent", delivery_id=claim.delivery.pk)
            self._ended.append(Outcome(claim, Answer(None, NOT_SENT), now))
            return
        self._flights[self._pool.submit(exchange.run)] = _Flight(claim, exchange, now)

    def _collect(self) -> None:
        for future, flight in list(self._flights.items()):
            if future.done():
                self._ended.append(Outcome(flight.claim, future.result(), flight.began_at))
                del self._flights[future]
            elif flight.exchange.is_late:
                flight.exchange.cut()
        self._write()

    def _write(self) -> None:
        """Write down what ended; where the database is not there, in a later turn."""
        if not self._ended:
            return
        try:
            record(self._ended, now=db_clock.now())
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # nothing that another try would mend: their leases end, and they are sent again
            logger.exception("outbound.not_written", count=len(self._ended))
        for outcome in self._ended:
            self._resting.end(outcome.claim.subscription)
        self._ended = []


def exchange_of(claim: Claim, *, kept: Kept, now: datetime) -> Exchange:
    """Make the request of a claim, signed at ``now``."""
    delivery, subscription = claim.delivery, claim.subscription
    subscription.read_secrets()
    body = body_of(delivery.event, with_people=subscription.shows_guests)
    headers = headers_of(delivery.message_id, body, secrets_=subscription.secrets_at(now), now=now)
    if trace_id := delivery.event.trace_id:
        headers["traceparent"] = trace.traceparent(trace_id, claim.span_id, is_sampled=spans.are_sent())
    return Exchange(
        subscription.url,
        headers,
        body,
        kept=kept,
        may_be_private=settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES,
    )
