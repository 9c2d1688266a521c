"""The sandbox's own API and the buttons of its page: faults, clock, POS connections, webhooks.

``/sandbox/…`` is no part of the vendor's API. A form is answered by a redirect to the page.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, TypeVar
from uuid import UUID

from flask import Blueprint, jsonify, redirect, request
from werkzeug.wrappers import Response

from sandbox.catalogue.world import Organization, TerminalGroup
from sandbox.engine.clock import Pace
from sandbox.faults import FAULT_NAMES, Faults, parse_faults
from sandbox.http.errors import ApiError, bad_request
from sandbox.http.logins import Login
from sandbox.http.request import Amount, Length, Request, parse, read, wrong
from sandbox.http.vendor_json import Json, pick, to_json
from sandbox.options import MAX_SPEED
from sandbox.orders import drafts
from sandbox.orders.order import CreationStatus, Order
from sandbox.orders.serializer import order_info
from sandbox.simulator import Simulator
from sandbox.webhooks.events import UndocumentedType
from sandbox.webhooks.sender import Answer

ON_DEMAND_EVENTS = (
    *("StopListUpdate", "PersonalShift", "TableOrderUpdate", "ReserveUpdate"),
    *(kind.value for kind in UndocumentedType),
)
_LONGEST_ADVANCE_S = 24 * 3600

Given = TypeVar("Given", bound=Request)


class FaultsRequest(Request):
    faults: str


class ClockRequest(Request):
    speed: Amount | None = None
    advance_s: Amount | None = None


class RestaurantRequest(Request):
    organization_id: UUID | None = None


class EventRequest(RestaurantRequest):
    event_type: str


class OnlineRequest(RestaurantRequest):
    online: bool
    terminal_group_id: UUID | None = None


class DraftsRequest(RestaurantRequest):
    on: bool


class ForgetRequest(Request):
    order_id: UUID


class RevokeRequest(Request):
    login: str | None = None


class LoginRequest(Request):
    name: Annotated[str, Length(200, shortest=1)]
    blocked: bool | None = None
    organizations: list[UUID] | None = None
    rights: list[str] | None = None
    source_key: str | None = None


class Control:
    """The ``/sandbox`` routes of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def blueprint(self) -> Blueprint:
        control = Blueprint("control", __name__, url_prefix="/sandbox")
        views: dict[str, Callable[[], object]] = {
            "state": self._simulator.state,
            "faults": lambda: _faults_state(self._simulator.faults.faults),
            "webhooks": self._webhooks,
            "menu": self._menu,
            "calls": self._simulator.call_meter.state,
            "orders": self._orders,
            "orders/history": self._history,
            "commands": lambda: {"commands": self._simulator.commands.accepted()},
        }
        for path, view in views.items():
            control.add_url_rule(f"/{path}", path, partial(self._show, view), methods=["GET"])
        self._add(control, "faults", FaultsRequest, self._set_faults)
        self._add(control, "clock", ClockRequest, self._set_clock)
        self._add(control, "orders", RestaurantRequest, self._create_order)
        self._add(control, "orders/forget", ForgetRequest, self._forget_order)
        self._add(control, "events", EventRequest, self._trigger_event)
        self._add(control, "till", OnlineRequest, self._set_online)
        self._add(control, "drafts", DraftsRequest, self._set_drafts)
        self._add(control, "tokens/revoke", RevokeRequest, self._revoke)
        self._add(control, "logins", LoginRequest, self._set_login)
        control.register_error_handler(ApiError, lambda error: (error.body, error.status))
        return control

    def _add(self, to: Blueprint, path: str, kind: type[Given], action: Callable[[Given], Json]) -> None:
        def view() -> Response:
            result = to_json(action(read(kind, _given(), spell=str)))
            return redirect("/", code=303) if request.form else jsonify(result)

        to.add_url_rule(f"/{path}", f"post_{path}", view, methods=["POST"])

    def _show(self, view: Callable[[], object]) -> Response:
        with self._simulator.lock:
            return jsonify(to_json(view()))

    # --- faults, clock, orders ---

    def _set_faults(self, given: FaultsRequest) -> Json:
        """Replace all faults: ``{"faults": "drop=0.1,http_408_after=1@deliveries/cancelx1"}``."""
        try:
            faults = parse_faults(given.faults)
        except ValueError as error:
            raise bad_request(f"faults: {error}.") from error
        self._simulator.faults.set(faults)
        return _faults_state(faults)

    def _set_clock(self, given: ClockRequest) -> Json:
        """Go faster (``speed``), or run the next ``advance_s`` seconds at once."""
        if given.speed is not None:
            if not Decimal("0.01") <= given.speed <= MAX_SPEED:
                raise wrong("speed", f"a number from 0.01 to {MAX_SPEED:g} is expected")
            with self._simulator.lock:
                self._simulator.engine.set_pace(Pace(float(given.speed)))
        if given.advance_s is not None:
            if given.advance_s > _LONGEST_ADVANCE_S:
                raise wrong("advance_s", f"at most {_LONGEST_ADVANCE_S} seconds are expected")
            self._simulator.advance(timedelta(seconds=float(given.advance_s)))
        return {"now": self._simulator.now().isoformat(), "speed": self._simulator.engine.pace.speed}

    def _create_order(self, given: RestaurantRequest) -> Json:
        """Create an order now, in the restaurant named or in the first."""
        with self._simulator.lock:
            order = self._simulator.engine.create_order(self._simulator.now(), self._organization(given))
        return order_info(order)

    def _forget_order(self, given: ForgetRequest) -> Json:
        """Remove the order ``order_id`` without an event: no answer lists it any more."""
        with self._simulator.lock:
            if not self._simulator.engine.forget(given.order_id):
                raise wrong("order_id", "there is no such order")
        return {"order_id": given.order_id}

    def _trigger_event(self, given: EventRequest) -> Json:
        """Cause an event of ``event_type``, in the restaurant named or in the first."""
        organization = self._organization(given)
        if organization.uses_soi:
            raise wrong("organization_id", "this restaurant speaks SOI, which has no such events")
        with self._simulator.lock:
            self._simulator.run_due()  # what was due before has happened before
            side_events, now = self._simulator.engine.side_events, self._simulator.now()
            is_known = side_events.trigger(given.event_type, organization, now)
        if not is_known:
            known = ", ".join(ON_DEMAND_EVENTS)
            raise wrong("event_type", f"there are {known}; orders are created by /sandbox/orders")
        return {"event_type": given.event_type, "organization_id": organization.id}

    # --- POS connections, tokens, logins ---

    def _set_online(self, given: OnlineRequest) -> Json:
        """Disconnect the POS of a restaurant or reconnect it: all, or those of ``terminal_group_id``."""
        organization, engine = self._organization(given), self._simulator.engine
        group = _find_group(organization, given.terminal_group_id)
        with self._simulator.lock:
            engine.set_online(organization, self._simulator.now(), is_online=given.online, group=group)
        return {"organization_id": organization.id, "online": given.online}

    def _set_drafts(self, given: DraftsRequest) -> Json:
        organization = self._organization(given)
        with self._simulator.lock:
            drafts.switch(self._simulator, organization, is_on=given.on)
        return {"organization_id": organization.id, "on": given.on}

    def _revoke(self, given: RevokeRequest) -> Json:
        return {"revoked": self._simulator.tokens.revoke(given.login)}

    def _set_login(self, given: LoginRequest) -> Json:
        """Set what a login may do: ``rights`` are prefixes of operations, null is all of them."""
        login = Login(
            name=given.name,
            is_blocked=bool(given.blocked),
            organizations=None if given.organizations is None else frozenset(given.organizations),
            rights=None if given.rights is None else tuple(given.rights),
            source_key=given.source_key,
        )
        self._simulator.logins.put(login)
        return {"name": given.name}

    # --- views ---

    def _webhooks(self) -> Json:
        """Give the last attempts to send webhooks (after number ``since``), newest first."""
        limit = request.args.get("limit", default=100, type=int)
        since = request.args.get("since", default=0, type=int)
        answers = [each for each in self._simulator.sender.answers() if each.number > since]
        return {"webhooks": [_attempt(each) for each in answers[: max(0, limit)]]}

    def _orders(self) -> Json:
        """Give the truth: every order remembered, as the cloud has it at this moment."""
        return {"orders": [order_info(order) for order in self._simulator.engine.orders()]}

    def _history(self) -> Json:
        """Give the states that orders went through after number ``since``, the oldest first."""
        since = request.args.get("since", default=0, type=int)
        found = self._simulator.engine.history()
        return {"states": [_past_state(number, order) for number, order in found if number > since]}

    def _menu(self) -> Json:
        menus = [
            {
                "organization_id": organization.id,
                "products": [
                    {**pick(product, "id name sizes"), "price": str(product.price)}
                    for product in organization.menu.dishes
                ],
            }
            for organization in self._simulator.world.organizations
        ]
        return {"menus": menus}

    def _organization(self, given: RestaurantRequest) -> Organization:
        world = self._simulator.world
        if given.organization_id is None:
            return world.organizations[0]
        organization = world.organization(given.organization_id)
        if organization is None:
            raise wrong("organization_id", "there is no such restaurant")
        return organization


def _find_group(organization: Organization, group_id: UUID | None) -> TerminalGroup | None:
    group = next((each for each in organization.terminal_groups if each.id == group_id), None)
    if group is None and group_id:
        raise wrong("terminal_group_id", "this restaurant has no such group")
    return group


def _given() -> Json:
    """Read the body: JSON, or a form of the page, whose values are read as JSON where they are that."""
    if request.form:
        given = {name: value.strip() for name, value in request.form.items()}
        return {name: _value(value) for name, value in given.items() if value or name == "faults"}
    return parse(request.get_data() or b"{}")


def _value(value: str) -> object:
    try:
        return json.loads(value, parse_float=Decimal)
    except ValueError:
        return value


def _faults_state(faults: Faults) -> Json:
    return {
        "faults": {name: faults.share(name) for name in FAULT_NAMES},
        "aims": [asdict(aim) for aim in faults.aims],
        "in_words": str(faults),
    }


def _past_state(number: int, order: Order) -> Json:
    is_accepted = order.creation is CreationStatus.SUCCESS
    return {
        "number": number,
        "id": order.id,
        "timestamp": order.revision,
        "status": order.status if is_accepted else None,
        "courier_id": order.courier.id if order.courier else None,
        "payments": [[payment.type.kind, str(payment.sum)] for payment in order.payments],
    }


def _attempt(answer: Answer) -> Json:
    try:
        body: object = json.loads(answer.body)
    except ValueError:
        body = None
    return {
        **pick(answer, "number at url status"),
        "what": answer.title,
        "took_ms": answer.took_ms,
        "body": body,
    }
