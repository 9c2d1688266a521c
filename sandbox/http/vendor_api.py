"""The vendor's HTTP API as far as it is played: the door with its tokens, rights and faults."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus

from flask import Blueprint, Response, jsonify, request

from sandbox.catalogue import dictionaries, nomenclature, shifts
from sandbox.http.call import Call, Operation, Operations
from sandbox.http.errors import ApiError, answer, bad_request
from sandbox.http.inject_fault import inject_fault_after, inject_fault_before
from sandbox.http.logins import Login
from sandbox.http.request import Body
from sandbox.loyalty import api as loyalty_api
from sandbox.orders import commands, creation, drafts, retrieval
from sandbox.simulator import Simulator
from sandbox.webhooks import settings_api

OPERATIONS: Operations = {
    **dictionaries.OPERATIONS,
    **nomenclature.OPERATIONS,
    **shifts.OPERATIONS,
    **settings_api.OPERATIONS,
    **commands.OPERATIONS,
    **creation.OPERATIONS,
    **drafts.OPERATIONS,
    **retrieval.OPERATIONS,
    **loyalty_api.OPERATIONS,
}


class VendorApi:
    """The ``/api`` routes of one stage."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def blueprint(self) -> Blueprint:
        api = Blueprint("vendor_api", __name__, url_prefix="/api")
        for path, operation in OPERATIONS.items():
            view = partial(self._answer, path, operation)
            api.add_url_rule(f"/1/{path}", path.replace("/", "_"), view, methods=["POST"])
        # Deprecated by the vendor, but there (OpenAPI, GET organizations, read 2026-11).
        listing = partial(self._answer, "organizations", dictionaries.list_organizations)
        api.add_url_rule("/1/organizations", "organizations_by_get", listing, methods=["GET"])
        for version, issue in (("1", self._issue_by_login), ("v2", self._issue_by_key)):
            view = partial(self._answer, "access_token", issue, is_open=True)
            api.add_url_rule(f"/{version}/access_token", f"access_token_{version}", view, methods=["POST"])
        api.register_error_handler(ApiError, lambda error: (error.body, error.status))
        return api

    def _answer(self, path: str, operation: Operation, *, is_open: bool = False) -> Response:
        injected = self._simulator.faults.for_call(path)
        try:
            if self._simulator.call_meter.is_too_much(path):
                injected = []
                raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.")
            response = self._carry_out(path, operation, injected, is_open=is_open)
        except ApiError as error:
            failing = (name for name in injected if name != "slow")
            self._simulator.call_meter.count(path, next(failing, str(int(error.status))))
            raise
        self._simulator.call_meter.count(path, "200")
        return response

    def _carry_out(self, path: str, operation: Operation, injected: list[str], *, is_open: bool) -> Response:
        inject_fault_before(injected)
        login = Login("") if is_open else self._check_login(path)
        is_bare = request.method == "GET"
        body = Body({}) if is_bare else Body.parse(request.get_data(), may_be_quoted=is_open)
        with self._simulator.lock:
            content = operation(Call(self._simulator, login, body, self._simulator.now()))
        inject_fault_after(injected)
        return Response() if content is None else jsonify(content)

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

    def _issue_by_login(self, call: Call) -> dict[str, object]:
        name = call.body.text("apiLogin")
        if not name:
            raise bad_request("apiLogin: a string is expected.")
        return self._issue(name)

    def _issue_by_key(self, call: Call) -> dict[str, object]:
        """Issue a token for a key; the sandbox takes every application whose secret it is not to refuse."""
        name = call.body.text("apiKey", shortest=1, longest=1000)
        call.body.id("appId")
        if call.body.text("clientSecret").startswith("refused"):
            raise ApiError(HTTPStatus.UNAUTHORIZED, "Application is not authorized.")
        return self._issue(name)

    def _issue(self, name: str) -> dict[str, object]:
        if self._simulator.logins.get(name).is_blocked:
            raise ApiError(HTTPStatus.UNAUTHORIZED, "Login is not authorized.")
        return answer(token=self._simulator.tokens.issue(name))
