"""Subscriptions and deliveries in words."""

from collections.abc import Iterator
from datetime import datetime, tzinfo

from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timezone import get_default_timezone
from django.utils.translation import gettext, ngettext

from core.display import EMPTY, badge, span_text
from outbound.events.catalogue import SUBSCRIBABLE, title_of
from outbound.models.deliveries import Delivery, DeliveryState
from outbound.models.subscriptions import DisabledReason, Subscription
from outbound.sending.errors import explain
from outbound.states import MOST_COUNTED, Health, health_of

Notice = tuple[str, str, str]
"""Severity, title, text."""

_HEALTH = {
    Health.WORKS: "on",
    Health.UNTRIED: "problem",
    Health.NOT_ANSWERING: "failed",
    Health.PAUSED: "pending",
    Health.KEY_OFF: "off",
    Health.DISABLED: "off",
}
_STATES = {
    DeliveryState.PENDING: "pending",
    DeliveryState.DELIVERED: "processed",
    DeliveryState.FAILED: "failed",
}
_WHY_OFF = {
    DisabledReason.GONE: "refused",
    DisabledReason.FAILING: "failed",
    DisabledReason.BY_PERSON: "off",
}


def health_badge(subscription: Subscription, now: datetime) -> SafeString:
    health = health_of(subscription, now)
    kind = _HEALTH[health]
    if health == Health.DISABLED and subscription.disabled_reason:
        kind = _WHY_OFF.get(DisabledReason(subscription.disabled_reason), kind)
    return badge(kind, str(health.label))


def health_note(subscription: Subscription, now: datetime) -> str:
    """Say beside the badge since when, or why."""
    if not subscription.is_active:
        return str(subscription.get_disabled_reason_display()) if subscription.disabled_reason else ""
    if subscription.opened_at is not None:
        since = subscription.failing_since or subscription.opened_at
        return gettext("for %(span)s") % {"span": span_text(now - since)}
    return _why(subscription)


def _why(subscription: Subscription) -> str:
    return explain(subscription.last_error) if subscription.last_error else ""


def notices(subscription: Subscription, now: datetime) -> Iterator[Notice]:
    health = health_of(subscription, now)
    why = _why(subscription)
    if health == Health.DISABLED:
        reason = subscription.get_disabled_reason_display() if subscription.disabled_reason else ""
        title = gettext("Nothing is sent: it is switched off")
        yield "bad", title, capfirst(str(reason)) + ("." if reason else "")
    elif health == Health.KEY_OFF:
        title = gettext("Nothing is sent: its API key is off or has expired")
        yield "bad", title, gettext("What waits is sent once the key opens again.")
    elif health == Health.NOT_ANSWERING:
        since = subscription.failing_since or subscription.opened_at or now
        title = gettext("Has not answered for %(span)s") % {"span": span_text(now - since)}
        yield "bad", title, f"{why} " + gettext("The hub tries by itself, and sends all when it answers.")
    elif health == Health.PAUSED:
        yield "warn", gettext("The receiver asked to wait"), why
    elif health == Health.UNTRIED:
        text = gettext("Send a test, and see that it comes.")
        yield "warn", gettext("Nobody knows yet whether messages arrive"), text
    elif why:
        yield "warn", gettext("The last attempt failed"), why
    if subscription.includes_personal_data and not subscription.owner_sees_guests:
        yield "warn", gettext("Guests are masked"), _why_masked(subscription)
    until = subscription.previous_secret_until
    if subscription.previous_secret and until is not None and now < until:
        text = gettext("Put the new secret in place at the receiver before.")
        title = gettext("The former secret signs too, for %(span)s more")
        yield "info", title % {"span": _span(until, now)}, text


def _why_masked(subscription: Subscription) -> str:
    if subscription.api_key is not None:
        return gettext("Its API key may not see guests.")
    return gettext(
        "Whoever made it may not see guests any more. Save it as somebody who may: then they are named "
        "again, and you answer for it."
    )


def _span(until: datetime, now: datetime) -> str:
    hours = max(1, round((until - now).total_seconds() / 3600))
    return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}


def waiting_text(count: int) -> str:
    return f"{count}+" if count >= MOST_COUNTED else str(count)


def which_text(subscription: Subscription) -> str:
    """Say which events it receives."""
    count = len(subscription.event_types)
    if not count:
        return gettext("all events")
    if count <= 2:
        return ", ".join(title_of(name) for name in subscription.event_types)
    words = ngettext("%(count)d event of %(all)d", "%(count)d events of %(all)d", count)
    return words % {"count": count, "all": len(SUBSCRIBABLE)}


def whose_text(subscription: Subscription) -> str:
    """Say of which restaurants it receives events."""
    names = [one.name for one in subscription.organizations.all()]
    return "; ".join(names) if names else gettext("all restaurants, and the hub itself")


def maker_text(subscription: Subscription) -> str:
    if subscription.api_key is not None:
        return gettext("API key “%(name)s”") % {"name": subscription.api_key.name}
    return subscription.created_by.get_username() if subscription.created_by else EMPTY


def state_badge(delivery: Delivery) -> SafeString:
    state = DeliveryState(delivery.state)
    return badge(_STATES[state], capfirst(str(state.label)))


def answer_text(status: int | None, error: str) -> str:
    """Say what came of an attempt: the status, or why there was none."""
    if status is not None:
        return str(status)
    return explain(error) if error else EMPTY


def zone_of(delivery: Delivery) -> tzinfo:
    """Return the clock of the restaurant that it is about; of the hub's own things that of the hub."""
    place = delivery.event.organization
    return get_default_timezone() if place is None else place.zone()
