"""For the machine that watches the hub: is it up, can it work, how is it doing."""

from __future__ import annotations

import os

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from webhooks.services.state import inbox_state, registration_state

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
    # Without its database the hub still tells how many webhooks it had to turn away.
    try:
        registry = _inbox_gauges()
        is_up = 1
    except (DatabaseError, InterfaceError):
        logger.exception("health.database_unreachable")
        registry, is_up = CollectorRegistry(), 0
    Gauge("iikohub_database_up", "Whether the database answered", registry=registry).set(is_up)
    return registry


def _inbox_gauges() -> CollectorRegistry:
    registry = CollectorRegistry()
    state = inbox_state()
    Gauge("iikohub_inbox_waiting", "Events waiting to be applied", registry=registry).set(state.waiting)
    Gauge("iikohub_inbox_failed", "Events that failed and will be retried", registry=registry).set(
        state.failed
    )
    Gauge("iikohub_inbox_dead", "Events that failed for good", registry=registry).set(state.dead)
    Gauge("iikohub_inbox_oldest_seconds", "Age of the oldest waiting event", registry=registry).set(
        state.oldest_s
    )
    drifted, failed = registration_state()
    Gauge("iikohub_webhooks_drifted", "Webhooks that were changed in iiko", registry=registry).set(drifted)
    Gauge("iikohub_webhooks_failed", "Webhooks that could not be registered", registry=registry).set(failed)
    return registry
