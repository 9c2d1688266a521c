"""For the machine that watches the hub: is it up, can it work, how is it doing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from iikohub.link_metrics import link_metrics
from orders.command_models import CommandState, OrderCommand
from webhooks.services.state import InboxState, inbox_state, registration_state

logger = structlog.stdlib.get_logger(__name__)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers and its tables are those of this version; 503 with the reason otherwise."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (DatabaseError, InterfaceError):
        logger.exception("health.database_unreachable")
        return JsonResponse({"status": "unavailable", "reason": "the database does not answer"}, status=503)
    if missing:
        return JsonResponse(
            {"status": "unavailable", "reason": f"{len(missing)} migrations to apply: manage.py migrate"},
            status=503,
        )
    return JsonResponse({"status": "ok"})


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: the counters of all web processes and the state of the inbox."""
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library declares no types here
    body = generate_latest(registry) + generate_latest(_database_gauges())
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def _database_gauges() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_DatabaseGauges())
    return registry


class _DatabaseGauges(Collector):
    """What the database tells at the moment of the scrape.

    Not ``Gauge`` objects: those keep their values in the files the processes share, and every process
    that was ever asked would go on telling its own old sample beside the true one.
    """

    def collect(self) -> Iterator[Metric]:
        # Without its database the hub still tells how many webhooks it had to turn away.
        try:
            now = timezone.now()
            yield from [
                *_inbox_gauges(inbox_state()),
                *_registration_gauges(),
                *_command_gauges(),
                *link_metrics(now=now),
            ]
            is_up = 1
        except (DatabaseError, InterfaceError):
            logger.exception("health.database_unreachable")
            is_up = 0
        yield GaugeMetricFamily("iikohub_database_up", "Whether the database answered", is_up)


def _inbox_gauges(state: InboxState) -> list[Metric]:
    return [
        GaugeMetricFamily("iikohub_inbox_waiting", "Events waiting to be applied", state.waiting),
        GaugeMetricFamily("iikohub_inbox_failed", "Events that failed and will be retried", state.failed),
        GaugeMetricFamily(
            "iikohub_inbox_dead", "Events that failed for good and were not replayed since", state.dead
        ),
        GaugeMetricFamily(
            "iikohub_inbox_unknown_types", "Events of unknown types, last 24 hours", state.unknown_types
        ),
        GaugeMetricFamily("iikohub_inbox_oldest_seconds", "Age of the oldest waiting event", state.oldest_s),
    ]


def _command_gauges() -> list[Metric]:
    waiting = OrderCommand.objects.filter(state=CommandState.ATTENTION).count()
    return [GaugeMetricFamily("iikohub_commands_attention", "Commands that a person has to look at", waiting)]


def _registration_gauges() -> list[Metric]:
    drifted, failed = registration_state()
    return [
        GaugeMetricFamily("iikohub_webhooks_drifted", "Webhooks that were changed in iiko", drifted),
        GaugeMetricFamily("iikohub_webhooks_failed", "Webhooks that could not be registered", failed),
    ]
