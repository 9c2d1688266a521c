"""How the link to iiko does, for the machine that watches the hub: read from rows at every scrape."""

from __future__ import annotations

from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from organizations.models.organization import TerminalGroup
from webhooks.models.reconciliation import LinkHealth, LinkState, OrderSync


def link_metrics(*, now: datetime) -> list[Metric]:
    """Measure every active organization's webhooks, and what reconciliation found.

    Raises:
        DatabaseError, InterfaceError: the database does not answer.
    """
    return [*_health(now), _silent_pos(now), *_sync(now)]


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
