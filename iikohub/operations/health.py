"""For the machine that watches the hub: is it up, can it work, how is it doing."""

import os
import threading
import time

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from core.database import db_clock
from iikohub.first_steps.proof import PARAMETER, proof_of
from iikohub.operations.gauges import DatabaseGauges
from webhooks.receiving.database_watch import ANSWER_WITHIN_S, database_watch
from webhooks.receiving.storage_check import why, why_nothing_can_be_stored

logger = structlog.stdlib.get_logger(__name__)

_LOOK_EVERY_S = 1.0


@csrf_exempt
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that this process runs; nothing else is asked. To a nonce it proves which hub it is."""
    proof = proof_of(request.GET.get(PARAMETER, ""))
    return JsonResponse({"status": "ok"} | ({"proof": proof} if proof else {}))


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
    """Why the hub cannot work now, looked into once a second at most, however often it is called."""

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
                # One budget for both questions, which each have one of their own.
                with database_watch.within(ANSWER_WITHIN_S):
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
    of_database = CollectorRegistry()
    of_database.register(DatabaseGauges(readiness.reason))
    body = generate_latest(registry) + generate_latest(of_database)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)
