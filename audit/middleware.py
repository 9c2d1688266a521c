"""Every request that may change something leaves an entry: of what it changed, or that it changed nothing."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from django.apps import apps
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db import Error
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from audit.acts import NOT_RECORDED, OF_THE_CHANGE, WRITE_NO_ROW, Address, address_of
from audit.entries import belonging_of, record
from audit.models import AuditEntry, Door, Outcome
from audit.trail import RequestTrail, Trail, following
from audit.values import subject_of
from iiko_client.json_reader import sanitize

logger = structlog.stdlib.get_logger(__name__)

READS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_DOORS = (("/console/", Door.CONSOLE), ("/api/", Door.API))


class AuditMiddleware:
    """Stands behind those that know the user. A request that reads has a trail too: exports are recorded."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        door = next((door for prefix, door in _DOORS if path.startswith(prefix)), Door.ADMIN)
        trail = RequestTrail(door, path, changes_count=request.method not in READS, request=request)
        request.audit_trail = trail  # type: ignore[attr-defined]  # read by process_view
        with following(trail):
            response = self.get_response(request)
            if trail.changes_count:
                _conclude(trail, response)
        return response

    def process_view(self, request: HttpRequest, *_view: object) -> None:
        """Note what the page is for before it writes anything."""
        trail: RequestTrail = request.audit_trail  # type: ignore[attr-defined]  # written above
        if trail.changes_count:
            address = address_of(request.resolver_match)
            trail.act = "" if address.act in OF_THE_CHANGE else address.act
            trail.about = _about(address, request)


def _about(address: Address, request: HttpRequest) -> str:
    key = _key(address, request)
    return f"{address.model}:{key}" if key else ""


def _key(address: Address, request: HttpRequest) -> str:
    kwargs: dict[str, Any] = request.resolver_match.kwargs if request.resolver_match else {}
    return unquote(str(kwargs.get(address.key, ""))) if address.model else ""


def _conclude(trail: RequestTrail, response: HttpResponseBase) -> None:
    """Leave an entry of a request that left none, and of one that was refused.

    Strangers leave none: anybody could fill the log. Their wrong passwords are django-axes', and their wrong
    keys are in the log of the process.
    """
    match = trail.request.resolver_match
    is_elsewhere = trail.is_counted or (match is not None and match.view_name in NOT_RECORDED)
    if is_elsewhere or not trail.is_known:
        return
    address = address_of(match)
    outcome, code = _outcome(trail, address.act, response)
    try:
        is_left = AuditEntry.objects.filter(request_id=trail.request_id).exists()
        if not is_left or outcome in (Outcome.REFUSED, Outcome.FAILED):
            _record_request(trail, address, outcome, code)
    except Error:
        # What was changed has its entry, written with it; this request is answered all the same.
        logger.exception("audit.entry_lost", path=trail.path, status=response.status_code)


def _record_request(trail: RequestTrail, address: Address, outcome: Outcome, code: str) -> None:
    target = _target(address, trail.request)
    if target is not None:
        trail.about = subject_of(target)
        trail.restaurant = belonging_of(target).restaurant
    record(address.act, target, outcome=outcome, code=code)


def _target(address: Address, request: HttpRequest) -> Model | None:
    if not (key := _key(address, request)) or key != sanitize(key):
        return None
    try:
        rows: QuerySet[Model] = apps.get_model(address.model)._default_manager.all()
        return rows.filter(pk=key).first()
    except (LookupError, ValueError, ValidationError):  # no such model, or no id of one
        return None


def _outcome(trail: Trail, act: str, response: HttpResponseBase) -> tuple[Outcome, str]:
    status = response.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outcome.FAILED, str(status)
    code = trail.code or _code_of(response)
    if code or status >= HTTPStatus.BAD_REQUEST:
        return Outcome.REFUSED, code or str(status)
    # A page of the admin that is shown again asks for something, or for it to be said otherwise.
    is_answered = trail.door != Door.ADMIN or status != HTTPStatus.OK
    is_done = is_answered and act in WRITE_NO_ROW
    return (Outcome.DONE if is_done else Outcome.UNCHANGED), ""


def _code_of(response: HttpResponseBase) -> str:
    """Return the code of the API's first refusal."""
    data = getattr(response, "data", None)
    errors = (
        data.get("errors")
        if isinstance(data, dict) and response.status_code >= HTTPStatus.BAD_REQUEST
        else None
    )
    return str(errors[0].get("code", "")) if errors else ""
