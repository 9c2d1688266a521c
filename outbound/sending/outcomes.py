"""What came of messages, written down: many at once, for they end many at once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q

from core import spans
from core.database.sql_bulk import insert_rows, update_rows
from outbound.models.deliveries import Delivery, DeliveryAttempt, DeliveryState
from outbound.models.events import EventType
from outbound.models.subscriptions import Subscription
from outbound.sending import circuit
from outbound.sending.claims import Claim
from outbound.sending.errors import GONE
from outbound.sending.exchange import Answer
from outbound.sending.schedule import pause_after

logger = structlog.stdlib.get_logger(__name__)

_WRITTEN = (
    *("state", "attempts", "next_attempt_at", "lease_until", "last_status", "last_error"),
    *("last_attempt_at", "finished_at"),
)
_ATTEMPT = (
    *("delivery", "organization", "began_at", "duration_ms", "status", "error", "answer", "is_probe"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    claim: Claim
    answer: Answer
    began_at: datetime


@transaction.atomic
def record(outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Store attempts, the state of their deliveries and how the endpoints fare.

    Of a delivery whose lease is another's by now the attempt alone is stored: whoever holds it decides.
    """
    by_subscription: defaultdict[int, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_subscription[outcome.claim.subscription.pk].append(outcome)
    # The locks in the order in which every worker takes them.
    rows = Subscription.objects.without_secrets().select_for_update(no_key=True)
    subscriptions = rows.in_bulk(sorted(by_subscription))
    ids = [outcome.claim.delivery.pk for outcome in outcomes]
    held = Delivery.objects.select_for_update(no_key=True).order_by("pk").in_bulk(ids)
    changed: list[Delivery] = []
    for pk, those in by_subscription.items():
        if (subscription := subscriptions.get(pk)) is not None:
            changed += _settle(subscription, those, held, now)
    for outcome in outcomes:
        _tell_span(outcome)
    update_rows(Delivery, _WRITTEN, [_columns(one) for one in changed])
    insert_rows(
        DeliveryAttempt, _ATTEMPT, [_attempt(one) for one in outcomes if one.claim.delivery.pk in held]
    )


def _tell_span(outcome: Outcome) -> None:
    delivery, answer = outcome.claim.delivery, outcome.answer
    spans.record(
        f"delivery {delivery.event_type}",
        delivery.event.trace_id,
        began_at=outcome.began_at,
        duration_ms=answer.duration_ms,
        kind=spans.PRODUCER,
        error=answer.error,
        span_id=outcome.claim.span_id,
        attributes={"iikohub.id": delivery.pk, "http.response.status_code": answer.status or 0},
    )


def _settle(
    subscription: Subscription, outcomes: Iterable[Outcome], held: dict[int, Delivery], now: datetime
) -> list[Delivery]:
    was_open, is_news = subscription.opened_at is not None, False
    changed: list[Delivery] = []
    for outcome in outcomes:
        is_test = outcome.claim.delivery.event.event_type == EventType.TEST
        if not outcome.answer.error:
            is_news |= circuit.note_success(subscription, now)
        elif not is_test:
            circuit.note_failure(subscription, outcome.answer, is_probe=outcome.claim.is_probe, now=now)
            is_news = True
        row = held.get(outcome.claim.delivery.pk)
        if row is not None and _is_ours(row, outcome.claim):
            _end_attempt(row, outcome, is_test=is_test, now=now)
            changed.append(row)
    if is_news:
        subscription.save(update_fields=circuit.STATE)
        _tell(subscription, was_open=was_open)
    if was_open and subscription.opened_at is None:
        _bring_forward(subscription, now)
    return changed


def _is_ours(row: Delivery, claim: Claim) -> bool:
    return row.state == DeliveryState.PENDING and row.lease_until == claim.lease_until


def _end_attempt(row: Delivery, outcome: Outcome, *, is_test: bool, now: datetime) -> None:
    answer = outcome.answer
    row.lease_until = None
    row.last_status, row.last_error, row.last_attempt_at = answer.status, answer.error, outcome.began_at
    if not answer.error:
        row.attempts += 1
        _finish(row, DeliveryState.DELIVERED, now)
        return
    was_due = row.next_attempt_at is not None and row.next_attempt_at <= outcome.began_at
    if answer.retry_after_s is not None and not is_test:
        row.next_attempt_at = now + circuit.wait_asked_for(answer.retry_after_s)
    if outcome.claim.is_probe and not (_is_refusal(answer) and was_due):
        return  # the endpoint is down, or was asked before the message's time: that uses up no attempt
    row.attempts += 1
    pause = None if is_test or answer.error == GONE else pause_after(row.attempts)
    if pause is None:
        _finish(row, DeliveryState.FAILED, now)
    else:
        row.next_attempt_at = now + max(pause, _asked(answer))


def _asked(answer: Answer) -> timedelta:
    return timedelta() if answer.retry_after_s is None else circuit.wait_asked_for(answer.retry_after_s)


def _is_refusal(answer: Answer) -> bool:
    """Whether the receiver is there and does not want this message: then its attempts run out."""
    return answer.status is not None and 400 <= answer.status < 500


def _finish(row: Delivery, state: DeliveryState, now: datetime) -> None:
    row.state, row.finished_at, row.next_attempt_at = state, now, None


def _bring_forward(subscription: Subscription, now: datetime) -> None:
    """Send soon what failed because the endpoint was down: others of its entity wait behind it."""
    is_down = Q(last_status__isnull=True) | Q(last_status__gte=500)
    waiting = Delivery.objects.pending().filter(is_down, subscription=subscription, next_attempt_at__gt=now)
    waiting.update(next_attempt_at=now)


def _tell(subscription: Subscription, *, was_open: bool) -> None:
    if not subscription.is_active:
        logger.error(
            "outbound.disabled", subscription_id=subscription.pk, reason=str(subscription.disabled_reason)
        )
    elif was_open is (subscription.opened_at is None):
        event = "outbound.circuit_closed" if was_open else "outbound.circuit_opened"
        logger.warning(event, subscription_id=subscription.pk, error=subscription.last_error)


def _columns(row: Delivery) -> dict[str, object]:
    return {"id": row.pk} | {name: getattr(row, name) for name in _WRITTEN}


def _attempt(outcome: Outcome) -> dict[str, object]:
    return {
        "delivery_id": outcome.claim.delivery.pk,
        "organization_id": outcome.claim.delivery.organization_id,
        "began_at": outcome.began_at,
        "duration_ms": outcome.answer.duration_ms,
        "status": outcome.answer.status,
        "error": outcome.answer.error,
        "answer": outcome.answer.text,
        "is_probe": outcome.claim.is_probe,
    }
