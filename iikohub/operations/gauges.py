"""The metrics that are read from the database at every scrape."""

from collections.abc import Callable, Iterator
from datetime import datetime

import structlog
from django.db import DatabaseError, InterfaceError
from django.db.models import Count
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from attention.models.items import AttentionItem, Severity
from attention.models.watch_run import watch_state
from attention.rules.registry import RULES
from core.database import db_clock
from iikohub.operations.lately import happened_lately
from orders.models.command import CommandState, OrderCommand
from organizations.models.clock_skews import ClockSkew
from organizations.models.organization import TerminalGroup
from outbound.counts import outbound_state
from webhooks.models.reconciliation import LinkHealth, LinkState, OrderSync
from webhooks.monitoring.inbox_state import inbox_state, registration_state

logger = structlog.stdlib.get_logger(__name__)


class DatabaseGauges(Collector):
    """What the database holds at the moment of the scrape.

    Not ``Gauge`` objects: those keep their values in the files the processes share, and every process
    that was ever asked would go on giving its own old sample beside the true one.
    """

    def __init__(self, why_not_ready: Callable[[], str]) -> None:
        self._why_not_ready = why_not_ready

    def collect(self) -> Iterator[Metric]:
        # Without its database the hub still says how many webhooks it had to turn away.
        try:
            now = db_clock.now()
            yield from [
                *_counts(),
                *happened_lately(now),
                *_health(now),
                _silent_pos(now),
                *_sync(now),
                *_attention(now),
                *_outbound(now),
                _clock_gauge(),
            ]
            is_up = 1
        except (DatabaseError, InterfaceError):
            logger.exception("health.database_unreachable")
            is_up = 0
        yield GaugeMetricFamily("iikohub_database_up", "Whether the database answered", is_up)
        is_ready = 0 if not is_up or self._why_not_ready() else 1
        yield GaugeMetricFamily("iikohub_ready", "Whether webhooks can be stored, as /readyz says", is_ready)


def _counts() -> list[Metric]:
    state, (drifted, failed) = inbox_state(), registration_state()
    waiting = OrderCommand.objects.filter(state=CommandState.NEEDS_ATTENTION).count()
    counted = (
        ("iikohub_inbox_waiting", "Events waiting to be applied", state.waiting),
        ("iikohub_inbox_failed", "Events that failed and will be retried", state.failed),
        ("iikohub_inbox_dead", "Events that failed for good and were not replayed since", state.dead),
        ("iikohub_inbox_unknown_types", "Events of unknown types, last 24 hours", state.unknown_types),
        ("iikohub_inbox_oldest_seconds", "Age of the oldest waiting event", state.oldest_s),
        ("iikohub_webhooks_drifted", "Webhooks that were changed in iiko", drifted),
        ("iikohub_webhooks_failed", "Webhooks that could not be registered", failed),
        ("iikohub_commands_attention", "Commands that need attention", waiting),
    )
    return [GaugeMetricFamily(name, text, value) for name, text, value in counted]


def _clock_gauge() -> Metric:
    skew = GaugeMetricFamily(
        "iikohub_clock_skew_seconds",
        "By how much a machine's clock is ahead of the database's: always of the machine that is asked, of "
        "others where it is wrong",
        labels=["host", "role"],
    )
    known = {(row.host, row.role): row.skew_s for row in ClockSkew.objects.current()}
    for labels, seconds in (known | {(db_clock.host(), "web"): db_clock.skew_s()}).items():
        skew.add_metric(list(labels), seconds)
    return skew


def _silent_pos(now: datetime) -> Metric:
    silent = GaugeMetricFamily(
        "iikohub_pos_not_answering_seconds",
        "For how long the POS of a terminal group does not answer; absent: it does, or nobody asked",
        labels=["organization", "terminal_group"],
    )
    for group in TerminalGroup.objects.silent(now).filter(organization__is_active=True):
        since = group.not_answering_since or now
        silent.add_metric([group.organization_id, group.iiko_id], (now - since).total_seconds())
    return silent


def _attention(now: datetime) -> list[Metric]:
    items = GaugeMetricFamily(
        "iikohub_attention_open",
        "Items of the attention list that somebody has to look at",
        labels=["rule", "severity"],
    )
    counts = AttentionItem.objects.open(now).order_by().values_list("rule").annotate(Count("pk"))
    by_rule = dict(counts)
    for rule in RULES:
        items.add_metric([rule.name, Severity(rule.severity).name.lower()], by_rule.get(rule.name, 0))
    age = GaugeMetricFamily("iikohub_attention_age_seconds", "Since the rules of attention were looked at")
    if (last_at := watch_state(now).last_at) is not None:
        age.add_metric([], (now - last_at).total_seconds())
    return [items, age]


def _outbound(now: datetime) -> list[Metric]:
    state = outbound_state(now)
    counted = (
        (
            "iikohub_outbound_unordered",
            "Events for integrators without a place in the order",
            state.unordered,
        ),
        ("iikohub_outbound_waiting", "Messages to integrators that wait to be sent", state.waiting),
        ("iikohub_outbound_oldest_seconds", "Age of the oldest message that waits", state.oldest_s),
        ("iikohub_outbound_circuits_open", "Endpoints that are only probed", state.circuits_open),
        ("iikohub_outbound_disabled", "Subscriptions that the hub switched off", state.disabled),
    )
    attempts = GaugeMetricFamily(
        "iikohub_outbound_attempts", "Attempts of the last 10 minutes by their result", labels=["result"]
    )
    for result, count in state.attempts.items():
        attempts.add_metric([result], count)
    return [*(GaugeMetricFamily(name, text, value) for name, text, value in counted), attempts]


def _health(now: datetime) -> list[Metric]:
    state = GaugeMetricFamily(
        "iikohub_link_state",
        "1 for the state: " + ", ".join(LinkState.values),
        labels=["organization", "state"],
    )
    since = GaugeMetricFamily(
        "iikohub_link_state_seconds", "For how long it has been in that state", labels=["organization"]
    )
    silent = GaugeMetricFamily(
        "iikohub_last_webhook_seconds", "Since the last webhook of an organization", labels=["organization"]
    )
    for row in LinkHealth.objects.filter(organization__is_active=True):
        state.add_metric([row.organization_id, row.state], 1)
        since.add_metric([row.organization_id], (now - row.since).total_seconds())
        if row.last_webhook_at is not None:
            # Of the last watch, a minute ago at most: a scrape must not search the inbox.
            silent.add_metric([row.organization_id], (now - row.last_webhook_at).total_seconds())
    return [state, since, silent]


def _sync(now: datetime) -> list[Metric]:
    missed = CounterMetricFamily(
        "iikohub_webhooks_missed",
        "Changes of status that reconciliation found and no webhook brought",
        labels=["organization"],
    )
    age = GaugeMetricFamily(
        "iikohub_orders_synced_seconds",
        "Since an organization's orders were last read",
        labels=["organization"],
    )
    for row in OrderSync.objects.filter(organization__is_active=True):
        missed.add_metric([row.organization_id], row.missed_total)
        if row.synced_at is not None:
            age.add_metric([row.organization_id], (now - row.synced_at).total_seconds())
    return [missed, age]
