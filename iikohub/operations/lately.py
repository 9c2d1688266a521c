"""The metrics of what happened in the last minutes: read from rows, since the worker has no page of its own.

Each has a window, which its name or text tells, and reads a bounded number of rows by an index.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily, Metric

from core.outbox import OPEN_STATES
from loyalty.models import LoyaltyOperation
from orders.models.command import CommandState, OrderCommand
from organizations.connection.status import login_status
from organizations.models.connection import ApiCall, ApiLogin

MINUTES = timedelta(minutes=5)
HOUR = timedelta(hours=1)
MOST_ROWS = 10_000

_LATENCIES = """
SELECT extract(epoch FROM processed_at - received_at) FROM (
    SELECT processed_at, received_at FROM webhook_events
    WHERE received_at >= %s AND source = 'webhook'
    ORDER BY received_at DESC, id DESC LIMIT %s
) AS newest
WHERE processed_at IS NOT NULL
"""


def happened_lately(now: datetime) -> list[Metric]:
    return [_apply_latency(now), *_commands(now), _wallets(), *_calls(now), _circuits(now)]


def _apply_latency(now: datetime) -> Metric:
    with connection.cursor() as cursor:
        cursor.execute(_LATENCIES, [now - MINUTES, MOST_ROWS])
        seconds = [float(row[0]) for row in cursor.fetchall()]
    latency = GaugeMetricFamily(
        "iikohub_apply_latency_seconds",
        "From the arrival of an event to its end, of events of the last 5 minutes; absent: none ended",
        labels=["quantile"],
    )
    _add_quantiles(latency, [], seconds)
    return latency


def _commands(now: datetime) -> list[Metric]:
    states = GaugeMetricFamily(
        "iikohub_commands", "Commands on orders that have not ended, or need attention", labels=["state"]
    )
    _add_counts(states, OrderCommand, (*OPEN_STATES, CommandState.NEEDS_ATTENTION))
    ended = GaugeMetricFamily(
        "iikohub_commands_ended_last_hour", "Commands that ended in the last hour", labels=["kind", "state"]
    )
    confirmed = GaugeMetricFamily(
        "iikohub_command_confirmation_seconds",
        "From the request of a command to iiko's word, of those confirmed in the last hour; absent: none was",
        labels=["quantile"],
    )
    rows = OrderCommand.objects.changed_since(now - HOUR).filter(finished_at__gte=now - HOUR).order_by()
    for kind, state, count in rows.values_list("kind", "state").annotate(Count("pk")):
        ended.add_metric([kind, state], count)
    times = rows.filter(state=CommandState.CONFIRMED).values_list("created_at", "finished_at")[:MOST_ROWS]
    _add_quantiles(confirmed, [], [(end - start).total_seconds() for start, end in times if end])
    return [states, ended, confirmed]


def _wallets() -> Metric:
    states = GaugeMetricFamily(
        "iikohub_wallet_operations",
        "Operations on wallets that have not ended",
        labels=["state"],
    )
    _add_counts(states, LoyaltyOperation, OPEN_STATES)
    return states


def _add_counts(
    metric: GaugeMetricFamily, model: type[OrderCommand | LoyaltyOperation], states: Iterable[str]
) -> None:
    """Count rows by state; a state without rows is 0."""
    wanted = [str(state) for state in states]
    rows = model._default_manager.filter(state__in=wanted).order_by()
    counts = dict(rows.values_list("state").annotate(Count("pk")))
    for state in wanted:
        metric.add_metric([state], counts.get(state, 0))


def _calls(now: datetime) -> list[Metric]:
    calls = GaugeMetricFamily(
        "iikohub_iiko_calls_last_5m",
        "Calls to iiko that began in the last 5 minutes, the newest 10 000; status: HTTP's, or the error",
        labels=["operation", "status"],
    )
    took = GaugeMetricFamily(
        "iikohub_iiko_call_seconds",
        "How long calls to iiko of the last 5 minutes took",
        labels=["operation", "quantile"],
    )
    newest = ApiCall.objects.filter(started_at__gte=now - MINUTES).order_by("-started_at", "-id")[:MOST_ROWS]
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    counts: Counter[tuple[str, str]] = Counter()
    for operation, status, error, ms in newest.values_list(
        "operation", "http_status", "error", "duration_ms"
    ):
        seconds[operation].append(ms / 1000)
        counts[operation, str(status or error)] += 1
    for labels, count in counts.items():
        calls.add_metric(list(labels), count)
    for operation, values in seconds.items():
        _add_quantiles(took, [operation], values)
    return [calls, took]


def _circuits(now: datetime) -> Metric:
    """Tell which circuits are open; those of one login are stored under its key."""
    circuits = GaugeMetricFamily(
        "iikohub_circuits_open",
        "Circuits that hold back calls to iiko; without an operation: all calls of the login",
        labels=["login", "operation"],
    )
    for login in ApiLogin.objects.active():
        held = [
            one for one in login_status(login, now=now).circuits if one.open_until and not one.is_half_open
        ]
        counts = {"": 0} | Counter(one.operation for one in held)
        for operation, count in counts.items():
            circuits.add_metric([login.name, operation], count)
    return circuits


def _add_quantiles(metric: GaugeMetricFamily, labels: list[str], seconds: list[float]) -> None:
    """Add the values below which half, 95 % and all of them lie (nearest rank); nothing where none are."""
    ordered = sorted(seconds)
    for quantile in ("0.5", "0.95", "1") if ordered else ():
        rank = math.ceil(float(quantile) * len(ordered))
        metric.add_metric([*labels, quantile], ordered[rank - 1])
