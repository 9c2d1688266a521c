"""The web application: the vendor's API, the control API and a page."""

from http import HTTPStatus

from flask import Flask, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from sandbox.http.control_api import ON_DEMAND_EVENTS, control_blueprint
from sandbox.http.request import error_body
from sandbox.http.vendor_api import VendorApi
from sandbox.http.vendor_json import Json
from sandbox.simulator import Simulator


def create_app(simulator: Simulator) -> Flask:
    """Make the web application of one simulator."""
    app = Flask("sandbox")
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # of Flask's default provider
    app.register_blueprint(VendorApi(simulator).blueprint())
    app.register_blueprint(control_blueprint(simulator))

    @app.get("/")
    def status_page() -> str:
        return render_template("sandbox/status.html", on_demand_events=ON_DEMAND_EVENTS, **simulator.state())

    @app.post("/notifications")
    def take_notification() -> tuple[str, int]:
        """Stand for somebody who is told: a line in the journal, as a messenger would show it."""
        told = request.get_json(silent=True)
        title = str(told.get("title") or told.get("message") or "") if isinstance(told, dict) else ""
        simulator.journal.line(f"notification: {title[:200]}")
        return "", HTTPStatus.NO_CONTENT

    @app.errorhandler(HTTPException)
    def explain(error: HTTPException) -> Response | HTTPException | tuple[Json, int]:
        """Answer under the vendor's paths as it does, where much is not simulated."""
        if not request.path.startswith("/api/"):
            return error
        is_missing = error.code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
        missing = f"The sandbox does not simulate {request.method} {request.path}."
        return error_body(missing if is_missing else error.description or error.name), error.code or 500

    return app
