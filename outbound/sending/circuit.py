"""How an endpoint fares: failures in a row open its circuit, a probe closes it, days of failing end it.

Changes rows in memory; who calls it holds their lock and saves them.
"""

from datetime import datetime, timedelta

from outbound.models.subscriptions import DisabledReason, Subscription
from outbound.sending.errors import GONE
from outbound.sending.exchange import Answer
from outbound.sending.schedule import DISABLED_AFTER, LONGEST_WAIT, OPENS_AFTER, probe_pause

STATE = (
    *("failures", "failing_since", "opened_at", "probes", "next_probe_at", "paused_until", "last_success_at"),
    *("last_error", "is_active", "disabled_reason", "disabled_at"),
)
_NOTED_EVERY = timedelta(seconds=5)
"""Of an endpoint that takes everything, ``last_success_at`` alone changes: not with every message."""


def note_success(subscription: Subscription, now: datetime) -> bool:
    """Close the circuit; whether anything is to be saved."""
    last = subscription.last_success_at
    is_news = bool(subscription.failures or subscription.opened_at or subscription.last_error)
    if not is_news and last is not None and now - last < _NOTED_EVERY:
        return False
    close(subscription)
    subscription.last_success_at = now
    return True


def close(subscription: Subscription) -> None:
    subscription.failures = subscription.probes = 0
    subscription.failing_since = subscription.opened_at = subscription.next_probe_at = None
    subscription.paused_until, subscription.last_error = None, ""


def note_failure(subscription: Subscription, answer: Answer, *, is_probe: bool, now: datetime) -> None:
    """Count a failure; open the circuit, put off the next probe or end the subscription, as it has to be."""
    subscription.last_error = answer.error
    if answer.error == GONE:
        disable(subscription, DisabledReason.GONE, now=now)
        return
    if answer.retry_after_s is not None:
        # It is there, and busy: that is no reason to take it for dead.
        subscription.paused_until = now + wait_asked_for(answer.retry_after_s)
        return
    subscription.failures += 1
    subscription.failing_since = subscription.failing_since or now
    if now - subscription.failing_since >= DISABLED_AFTER:
        disable(subscription, DisabledReason.FAILING, now=now)
    elif subscription.opened_at is not None:
        if is_probe:
            subscription.probes += 1
            subscription.next_probe_at = now + probe_pause(subscription.probes)
    elif subscription.failures >= OPENS_AFTER:
        subscription.opened_at, subscription.probes = now, 0
        subscription.next_probe_at = now + probe_pause(0)


def wait_asked_for(seconds: float) -> timedelta:
    return min(timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds())), LONGEST_WAIT)


def disable(subscription: Subscription, reason: DisabledReason, *, now: datetime) -> None:
    """Have nothing more sent. What waits stays, for the day on which it is switched on again."""
    subscription.is_active = False
    subscription.disabled_reason, subscription.disabled_at = reason, now
