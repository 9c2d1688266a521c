"""The vendor's HTTP API as far as it is simulated: tokens, rights and faults, then the operation."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from sandbox.catalogue import dictionaries, nomenclature, shifts
from sandbox.http.call import OPERATIONS, Call, Operation
from sandbox.http.errors import ApiError, answer
from sandbox.http.inject_fault import inject_fault_after, inject_fault_before
from sandbox.http.logins import Login
from sandbox.http.request import Length, Request, parse, read, wrong
from sandbox.http.vendor_json import to_json
from sandbox.loyalty import api as loyalty_api
from sandbox.orders import commands, creation, drafts, retrieval
from sandbox.simulator import Simulator
from sandbox.webhooks import settings_api

OPERATION_MODULES = [
    *(dictionaries, nomenclature, shifts, settings_api, commands, creation, drafts, retrieval, loyalty_api)
]
"""They register their operations when they are imported."""


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
        for path, operation in OPERATIONS.items():
            view = partial(self._answer, path, operation)
            api.add_url_rule(f"/1/{path}", path.replace("/", "_"), view, methods=["POST"])
        # Deprecated by the vendor, but there (OpenAPI, GET organizations, read 2026-11).
        listing = partial(self._answer, "organizations", OPERATIONS["organizations"])
        api.add_url_rule("/1/organizations", "organizations_by_get", listing, methods=["GET"])
        issuing = {
            "1": Operation(LoginRequest, self._issue_by_login),
            "v2": Operation(KeyRequest, self._issue_by_key),
        }
        for version, issue in issuing.items():
            view = partial(self._answer, "access_token", issue, is_open=True)
            api.add_url_rule(f"/{version}/access_token", f"access_token_{version}", view, methods=["POST"])
        api.register_error_handler(ApiError, lambda error: (error.body, error.status))
        return api

    def _answer(self, path: str, operation: Operation, *, is_open: bool = False) -> Response:
        faults = self._simulator.faults.for_call(path)
        try:
            if self._simulator.call_meter.is_too_much(path):
                faults = []
                raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.")
            response = self._carry_out(path, operation, faults, is_open=is_open)
        except ApiError as error:
            failing = (name for name in faults if name != "slow")
            self._simulator.call_meter.count(path, next(failing, str(int(error.status))))
            raise
        self._simulator.call_meter.count(path, "200")
        return response

    def _carry_out(self, path: str, operation: Operation, faults: list[str], *, is_open: bool) -> Response:
        inject_fault_before(faults)
        login = Login("") if is_open else self._check_login(path)
        has_body = request.method != "GET"
        content = parse(request.get_data(), may_be_quoted=is_open) if has_body else {}
        with self._simulator.lock:
            call = Call(self._simulator, login, content, self._simulator.now())
            result = operation.run(call, read(operation.request, content))
            correlation_id = result.get("correlationId") if isinstance(result, dict) else None
            if isinstance(correlation_id, UUID):
                self._simulator.commands.record(correlation_id, path, content)
        inject_fault_after(faults)
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

    def _issue_by_login(self, call: Call, request: LoginRequest) -> object:
        if not request.api_login:
            raise wrong("apiLogin", "a string is expected")
        return self._issue(request.api_login)

    def _issue_by_key(self, call: Call, request: KeyRequest) -> object:
        """Issue a token for a key, to every application whose secret does not begin with ``refused``."""
        if request.client_secret.startswith("refused"):
            raise ApiError(HTTPStatus.UNAUTHORIZED, "Application is not authorized.")
        return self._issue(request.api_key)

    def _issue(self, name: str) -> object:
        if self._simulator.logins.get(name).is_blocked:
            raise ApiError(HTTPStatus.UNAUTHORIZED, "Login is not authorized.")
        return answer(token=self._simulator.tokens.issue(name))
