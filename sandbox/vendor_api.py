"""The vendor's HTTP API as far as it is played: the door with its tokens, rights and faults."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from sandbox import (
    creation,
    dictionaries,
    drafts,
    loyalty_api,
    nomenclature,
    order_commands,
    retrieval,
    shifts,
    webhook_settings,
)
from sandbox.api_errors import ApiError, answer, bad_request
from sandbox.body import Body
from sandbox.call_faults import befall_after, befall_before
from sandbox.calls import Call, Operation, Operations
from sandbox.logins import Login
from sandbox.stage import Stage
from sandbox.wire import Json

OPERATIONS: Operations = {
    **dictionaries.OPERATIONS,
    **nomenclature.OPERATIONS,
    **shifts.OPERATIONS,
    **webhook_settings.OPERATIONS,
    **order_commands.OPERATIONS,
    **creation.OPERATIONS,
    **drafts.OPERATIONS,
    **retrieval.OPERATIONS,
    **loyalty_api.OPERATIONS,
}


class VendorApi:
    """The ``/api`` routes of one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

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
        befalls = self._stage.faults.roll_for_call(path)
        try:
            if self._stage.meter.is_too_much(path):
                befalls = []
                raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests.")
            response = self._carry_out(path, operation, befalls, is_open=is_open)
        except ApiError as error:
            failing = (name for name in befalls if name != "slow")
            self._stage.meter.count(path, next(failing, str(int(error.status))))
            raise
        self._stage.meter.count(path, "200")
        return response

    def _carry_out(self, path: str, operation: Operation, befalls: list[str], *, is_open: bool) -> Response:
        befall_before(befalls)
        login = Login("") if is_open else self._check_login(path)
        is_bare = request.method == "GET"
        body = Body({}) if is_bare else Body.parse(request.get_data(), may_be_quoted=is_open)
        with self._stage.lock:
            content = operation(Call(self._stage, login, body, self._stage.now()))
            self._note(path, body, content)
        befall_after(befalls)
        return Response() if content is None else jsonify(content)

    def _note(self, path: str, body: Body, content: Json | None) -> None:
        if content and isinstance(correlation_id := content.get("correlationId"), str):
            self._stage.commands.note(UUID(correlation_id), path, body.content)

    def _check_login(self, path: str) -> Login:
        """Find whose token it is.

        Raises:
            ApiError: it is no good, or its login has no right to this operation.
        """
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        name = self._stage.tokens.owner(token.strip()) if scheme.lower() == "bearer" else None
        login = self._stage.logins.get(name) if name is not None else None
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
        if self._stage.logins.get(name).is_blocked:
            raise ApiError(HTTPStatus.UNAUTHORIZED, "Login is not authorized.")
        return answer(token=self._stage.tokens.issue(name))
