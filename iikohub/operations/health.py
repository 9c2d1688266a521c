"""For the machine that watches the hub: is it up, can it work, how is it doing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from core.database import db_clock
from iikohub.operations.connection_metrics import link_metrics
from orders.models.command import CommandState, OrderCommand
from organizations.models.clock_skews import ClockSkew
from webhooks.monitoring.inbox_state import InboxState, inbox_state, registration_state
from webhooks.receiving.database_watch import ANSWER_WITHIN_S, database_watch
from webhooks.receiving.storage_check import why, why_nothing_can_be_stored

logger = structlog.stdlib.get_logger(__name__)

_LOOK_EVERY_S = 1.0


@csrf_exempt
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that this process runs; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Webhooks can be stored, in tables of this version; 503 with the reason otherwise."""
    if reason := readiness.reason():
        return JsonResponse({"status": "unavailable", "reason": reason}, status=503)
    return JsonResponse({"status": "ok", **_clock_warning()})


def _clock_warning() -> dict[str, object]:
    """Describe a clock that is wrong: no reason to turn requests away, the hub does not go by it."""
    skew_s = db_clock.skew_s()
    if not db_clock.is_skewed(skew_s):
        return {}
    return {
        "clock_skew_s": round(skew_s, 1),
        "warning": f"This machine's clock is wrong. {db_clock.NEXT_STEP}",
    }


class Readiness:
    """Why the hub cannot work now, looked into once a second at most, however often it is asked."""

    def __init__(self) -> None:
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._reason = ""
        self._looked_at = -_LOOK_EVERY_S

    def reason(self) -> str:
        """Return what is wrong, or nothing."""
        with self._lock:
            if time.monotonic() - self._looked_at >= _LOOK_EVERY_S:
                self._reason = _missing_migrations() or why_nothing_can_be_stored()
                self._looked_at = time.monotonic()
            return self._reason


readiness = Readiness()


def _missing_migrations() -> str:
    try:
        database_watch.check()
        with database_watch.within(ANSWER_WITHIN_S):
            executor = MigrationExecutor(connection)
            missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (DatabaseError, InterfaceError) as error:
        logger.exception("health.database_unreachable")
        return why(error)
    return f"{len(missing)} migrations to apply: manage.py migrate" if missing else ""


@csrf_exempt
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
            now = db_clock.now()
            yield from [
                *_inbox_gauges(inbox_state()),
                *_registration_gauges(),
                *_command_gauges(),
                *link_metrics(now=now),
                _clock_gauge(),
            ]
            is_up = 1
        except (DatabaseError, InterfaceError):
            logger.exception("health.database_unreachable")
            is_up = 0
        yield GaugeMetricFamily("iikohub_database_up", "Whether the database answered", is_up)
        is_ready = 0 if not is_up or readiness.reason() else 1
        yield GaugeMetricFamily("iikohub_ready", "Whether webhooks can be stored, as /readyz says", is_ready)


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
    waiting = OrderCommand.objects.filter(state=CommandState.NEEDS_ATTENTION).count()
    return [GaugeMetricFamily("iikohub_commands_attention", "Commands that need attention", waiting)]


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


def _registration_gauges() -> list[Metric]:
    drifted, failed = registration_state()
    return [
        GaugeMetricFamily("iikohub_webhooks_drifted", "Webhooks that were changed in iiko", drifted),
        GaugeMetricFamily("iikohub_webhooks_failed", "Webhooks that could not be registered", failed),
    ]
