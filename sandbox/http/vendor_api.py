"""The vendor's HTTP API as far as it is simulated: tokens, rights and faults, then the operation."""

import socket
import struct
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from sandbox.catalogue import dictionaries, nomenclature
from sandbox.http.access import Login
from sandbox.http.call import OPERATIONS, Call, Operation
from sandbox.http.request import ApiError, Length, Request, parse, read, wrong
from sandbox.http.vendor_json import answer, to_json
from sandbox.loyalty import api as loyalty_api
from sandbox.orders import commands, creation, drafts, retrieval
from sandbox.simulator import Simulator
from sandbox.webhooks import settings_api

OPERATION_MODULES = [
    *(dictionaries, nomenclature, settings_api, commands, creation, drafts, retrieval, loyalty_api)
]
"""They register their operations when they are imported."""
SLOW_S = 5.0

_TIMED_OUT = (HTTPStatus.REQUEST_TIMEOUT, "Request timed out: the terminal did not answer.")
_BROKEN = (HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error.")
_RESET = (HTTPStatus.INTERNAL_SERVER_ERROR, "The connection was reset on purpose.")
_FAULTS_BEFORE = {
    "http_402": (HTTPStatus.PAYMENT_REQUIRED, "Apilogin's license for using the Cloud API has expired"),
    "http_429": (HTTPStatus.TOO_MANY_REQUESTS, "Too many requests."),
    "http_408_before": _TIMED_OUT,
    "http_500_before": _BROKEN,
    "reset_before": _RESET,
}
"""They keep a call from having any effect."""
_FAULTS_AFTER = {"http_408_after": _TIMED_OUT, "http_500_after": _BROKEN, "reset_after": _RESET}
"""They hide from the client that its call had its effect."""


class LoginRequest(Request):
    api_login: str


class KeyRequest(Request):
    api_key: Annotated[str, Length(1000, shortest=1)]
    app_id: UUID
    client_secret: str


class VendorApi:
    """The ``/api`` routes of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def blueprint(self) -> Blueprint:
        api = Blueprint("vendor_api", __name__, url_prefix="/api")
        by_login, by_key = Operation(LoginRequest, _issue_by_login), Operation(KeyRequest, _issue_by_key)
        routes = [
            *(("POST", f"/1/{path}", path, operation) for path, operation in OPERATIONS.items()),
            # Deprecated by the vendor, but there (OpenAPI, GET organizations, read 2026-11).
            ("GET", "/1/organizations", "organizations", OPERATIONS["organizations"]),
            ("POST", "/1/access_token", "access_token", by_login),
            ("POST", "/v2/access_token", "access_token", by_key),
        ]
        for method, url, path, operation in routes:
            endpoint = f"{method} {url}".replace(".", "_")
            api.add_url_rule(url, endpoint, partial(self._answer, path, operation), methods=[method])
        api.register_error_handler(ApiError, lambda error: (error.body, error.status))
        return api

    def _answer(self, path: str, operation: Operation) -> Response:
        faults = self._simulator.faults.for_call(path)
        for name in faults:
            self._simulator.fault_log.note(name, operation=path)
        try:
            if self._simulator.call_meter.is_too_much(path):
                faults = []
                raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.")
            response = self._carry_out(path, operation, faults)
        except ApiError as error:
            failing = (name for name in faults if name != "slow")
            self._simulator.call_meter.count(path, next(failing, str(int(error.status))))
            raise
        self._simulator.call_meter.count(path, "200")
        return response

    def _carry_out(self, path: str, operation: Operation, faults: list[str]) -> Response:
        if "slow" in faults:
            time.sleep(SLOW_S)
        _inject_fault(faults, _FAULTS_BEFORE)
        is_open = path == "access_token"
        login = Login("") if is_open else self._check_login(path)
        has_body = request.method != "GET"
        content = parse(request.get_data(), may_be_quoted=is_open) if has_body else {}
        with self._simulator.lock:
            call = Call(self._simulator, login, content, self._simulator.now())
            result = operation.run(call, read(operation.request, content))
            correlation_id = result.get("correlationId") if isinstance(result, dict) else None
            if isinstance(correlation_id, UUID):
                self._simulator.commands.record(correlation_id, path, content)
        _inject_fault(faults, _FAULTS_AFTER)
        return Response() if result is None else jsonify(to_json(result))

    def _check_login(self, path: str) -> Login:
        """Find whose token it is.

        Raises:
            ApiError: it is no good, or its login has no right to this operation.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        name = self._simulator.tokens.owner(token.strip()) if scheme.lower() == "bearer" else None
        login = self._simulator.logins.get(name) if name is not None else None
        if login is None or login.is_blocked:
            raise ApiError(HTTPStatus.UNAUTHORIZED, "Token is invalid or has expired.")
        if not login.may(path):
            raise ApiError(HTTPStatus.UNAUTHORIZED, f"Right api/1/{path} is not allowed for this ApiLogin.")
        return login


def _issue_by_login(call: Call, request: LoginRequest) -> object:
    if not request.api_login:
        raise wrong("apiLogin", "a string is expected")
    return _issue(call, request.api_login)


def _issue_by_key(call: Call, request: KeyRequest) -> object:
    """Issue a token for a key, to every application whose secret does not begin with ``refused``."""
    if request.client_secret.startswith("refused"):
        raise ApiError(HTTPStatus.UNAUTHORIZED, "Application is not authorized.")
    return _issue(call, request.api_key)


def _issue(call: Call, name: str) -> object:
    if call.simulator.logins.get(name).is_blocked:
        call.simulator.fault_log.note("login_refused", login=name)
        raise ApiError(HTTPStatus.UNAUTHORIZED, "Login is not authorized.")
    return answer(token=call.simulator.tokens.issue(name))


def _inject_fault(injected: Collection[str], answers: Mapping[str, tuple[HTTPStatus, str]]) -> None:
    for name in injected:
        if name in answers:
            if answers[name] is _RESET:
                _reset_connection()
            raise ApiError(*answers[name])


def _reset_connection() -> None:
    """Reset the connection; what is written to it afterwards goes nowhere."""
    line = request.environ.get("werkzeug.socket")
    if isinstance(line, socket.socket):
        with suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.shutdown(socket.SHUT_RDWR)
