"""The sandbox's own API and the buttons of its page: faults, clock, POS connections, webhooks.

``/sandbox/…`` is no part of the vendor's API. A form is answered by a redirect to the page.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, TypeVar, get_type_hints
from uuid import UUID

from flask import Blueprint, jsonify, redirect, request
from werkzeug.wrappers import Response

from sandbox.catalogue.world import Organization, find
from sandbox.engine.clock import Pace
from sandbox.faults import FAULT_NAMES, Faults, parse_faults
from sandbox.http.access import Login
from sandbox.http.request import Amount, ApiError, Length, Request, bad_request, parse, read, wrong
from sandbox.http.vendor_json import Json, pick, to_json
from sandbox.options import MAX_SPEED
from sandbox.orders.order import CreationStatus
from sandbox.orders.serializer import order_info
from sandbox.simulator import Simulator
from sandbox.webhooks.events import UndocumentedType

ON_DEMAND_EVENTS = (
    *("StopListUpdate", "PersonalShift", "TableOrderUpdate", "ReserveUpdate"),
    *(kind.value for kind in UndocumentedType),
)
_LONGEST_ADVANCE_S = 24 * 3600

View = Callable[[Simulator], object]
Action = TypeVar("Action", bound=Callable[..., Json])
_VIEWS: dict[str, View] = {
    "state": lambda simulator: simulator.state(),
    "faults": lambda simulator: _faults_state(simulator.faults.faults),
    "calls": lambda simulator: simulator.call_meter.state(),
    "commands": lambda simulator: {"commands": simulator.commands.accepted()},
    # The truth: every order remembered, as the cloud has it at this moment.
    "orders": lambda simulator: {"orders": [order_info(order) for order in simulator.engine.orders()]},
}
_ACTIONS: dict[str, Callable[..., Json]] = {}


def _view(path: str) -> Callable[[View], View]:
    def register(view: View) -> View:
        _VIEWS[path] = view
        return view

    return register


def _action(path: str) -> Callable[[Action], Action]:
    """Register what is done on a POST; the parameter ``given`` declares its body."""

    def register(action: Action) -> Action:
        _ACTIONS[path] = action
        return action

    return register


def control_blueprint(simulator: Simulator) -> Blueprint:
    """Make the ``/sandbox`` routes of one simulator; each runs while it is locked."""

    def show(view: View) -> Response:
        with simulator.lock:
            return jsonify(to_json(view(simulator)))

    def act(kind: type, action: Callable[..., Json]) -> Response:
        given: object = read(kind, _given(), spell=str)
        with simulator.lock:
            result = to_json(action(simulator, given))
        return redirect("/", code=303) if request.form else jsonify(result)

    control = Blueprint("control", __name__, url_prefix="/sandbox")
    for path, view in _VIEWS.items():
        control.add_url_rule(f"/{path}", path, partial(show, view), methods=["GET"])
    for path, action in _ACTIONS.items():
        bound = partial(act, get_type_hints(action)["given"], action)
        control.add_url_rule(f"/{path}", f"post_{path}", bound, methods=["POST"])
    control.register_error_handler(ApiError, lambda error: (error.body, error.status))
    return control


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


class OfRestaurant(Request):
    """Names a restaurant; without one it is the first."""

    organization_id: UUID | None = None

    def organization(self, simulator: Simulator) -> Organization:
        world = simulator.world
        if self.organization_id is None:
            return world.organizations[0]
        organization = world.organization(self.organization_id)
        if organization is None:
            raise wrong("organization_id", "there is no such restaurant")
        return organization


# --- faults, clock, orders ---


class FaultsRequest(Request):
    faults: str


@_action("faults")
def _set_faults(simulator: Simulator, given: FaultsRequest) -> Json:
    """Replace all faults: ``{"faults": "drop=0.1,http_408_after=1@deliveries/cancelx1"}``."""
    try:
        faults = parse_faults(given.faults)
    except ValueError as error:
        raise bad_request(f"faults: {error}.") from error
    simulator.faults.set(faults)
    return _faults_state(faults)


def _faults_state(faults: Faults) -> Json:
    return {
        "faults": {name: faults.share(name) for name in FAULT_NAMES},
        "aims": [asdict(aim) for aim in faults.aims],
        "in_words": str(faults),
    }


class ClockRequest(Request):
    speed: Amount | None = None
    advance_s: Amount | None = None


@_action("clock")
def _set_clock(simulator: Simulator, given: ClockRequest) -> Json:
    """Go faster (``speed``), or run the next ``advance_s`` seconds at once."""
    if given.speed is not None:
        if not Decimal("0.01") <= given.speed <= MAX_SPEED:
            raise wrong("speed", f"a number from 0.01 to {MAX_SPEED:g} is expected")
        simulator.engine.set_pace(Pace(float(given.speed)), now=simulator.now())
    if given.advance_s is not None:
        if given.advance_s > _LONGEST_ADVANCE_S:
            raise wrong("advance_s", f"at most {_LONGEST_ADVANCE_S} seconds are expected")
        simulator.advance(timedelta(seconds=float(given.advance_s)))
    return {"now": simulator.now().isoformat(), "speed": simulator.engine.pace.speed}


@_action("orders")
def _create_order(simulator: Simulator, given: OfRestaurant) -> Json:
    """Create an order now, in the restaurant named or in the first."""
    return order_info(simulator.engine.create_order(simulator.now(), given.organization(simulator)))


class ForgetRequest(Request):
    order_id: UUID


@_action("orders/forget")
def _forget_order(simulator: Simulator, given: ForgetRequest) -> Json:
    """Remove the order ``order_id`` without an event: no answer lists it any more."""
    if not simulator.engine.forget(given.order_id):
        raise wrong("order_id", "there is no such order")
    simulator.fault_log.note("order_forgotten", order_id=given.order_id)
    return {"order_id": given.order_id}


class EventRequest(OfRestaurant):
    event_type: str


@_action("events")
def _trigger_event(simulator: Simulator, given: EventRequest) -> Json:
    """Cause an event of ``event_type``, in the restaurant named or in the first."""
    organization = given.organization(simulator)
    if organization.uses_soi:
        raise wrong("organization_id", "this restaurant speaks SOI, which has no such events")
    simulator.run_due()  # what was due before has happened before
    if not simulator.engine.side_events.trigger(given.event_type, organization, simulator.now()):
        known = ", ".join(ON_DEMAND_EVENTS)
        raise wrong("event_type", f"there are {known}; orders are created by /sandbox/orders")
    return {"event_type": given.event_type, "organization_id": organization.id}


# --- POS connections, drafts, tokens, logins ---


class OnlineRequest(OfRestaurant):
    online: bool
    terminal_group_id: UUID | None = None


@_action("till")
def _set_online(simulator: Simulator, given: OnlineRequest) -> Json:
    """Disconnect the POS of a restaurant or reconnect it: all, or those of ``terminal_group_id``."""
    organization = given.organization(simulator)
    group = find(organization.terminal_groups, given.terminal_group_id)
    if group is None and given.terminal_group_id:
        raise wrong("terminal_group_id", "this restaurant has no such group")
    simulator.engine.set_online(organization, simulator.now(), is_online=given.online, group=group)
    simulator.fault_log.note(
        "pos_online" if given.online else "pos_offline",
        organization_id=organization.id,
        terminal_group_id=group.id if group else None,
    )
    return {"organization_id": organization.id, "online": given.online}


class DraftsRequest(OfRestaurant):
    on: bool


@_action("drafts")
def _set_drafts(simulator: Simulator, given: DraftsRequest) -> Json:
    """Switch the drafts of a restaurant on, or off with all that are there."""
    organization = given.organization(simulator)
    if given.on:
        simulator.drafts.setdefault(organization.id, {})
    else:
        simulator.drafts.pop(organization.id, None)
    return {"organization_id": organization.id, "on": given.on}


class RevokeRequest(Request):
    login: str | None = None


@_action("tokens/revoke")
def _revoke(simulator: Simulator, given: RevokeRequest) -> Json:
    return {"revoked": simulator.tokens.revoke(given.login)}


class LoginRequest(Request):
    name: Annotated[str, Length(200, shortest=1)]
    blocked: bool | None = None
    organizations: list[UUID] | None = None
    rights: list[str] | None = None
    source_key: str | None = None


@_action("logins")
def _set_login(simulator: Simulator, given: LoginRequest) -> Json:
    """Set what a login may do: ``rights`` are prefixes of operations, null is all of them."""
    login = Login(
        name=given.name,
        is_blocked=bool(given.blocked),
        organizations=None if given.organizations is None else frozenset(given.organizations),
        rights=None if given.rights is None else tuple(given.rights),
        source_key=given.source_key,
    )
    simulator.logins.put(login)
    return {"name": given.name}


# --- views ---


@_view("faults/log")
def _fault_log(simulator: Simulator) -> Json:
    """Give what the sandbox did wrong after number ``since``, the oldest first."""
    return {"faults": simulator.fault_log.since(_number("since", 0))}


def _number(name: str, default: int) -> int:
    return request.args.get(name, default=default, type=int)


@_view("webhooks")
def _webhooks(simulator: Simulator) -> Json:
    """Give the last attempts to send webhooks (after number ``since``), newest first."""
    limit, since = _number("limit", 100), _number("since", 0)
    attempts = [
        {
            **pick(each, "number at url status"),
            "what": each.title,
            "took_ms": each.took_ms,
            "body": json.loads(each.body),
        }
        for each in simulator.sender.answers()
        if each.number > since
    ]
    return {"webhooks": attempts[: max(0, limit)]}


@_view("orders/history")
def _history(simulator: Simulator) -> Json:
    """Give the states that orders went through after number ``since``, the oldest first."""
    since = _number("since", 0)
    states = [
        {
            "number": number,
            "id": order.id,
            "timestamp": order.revision,
            "status": order.status if order.creation is CreationStatus.SUCCESS else None,
            "courier_id": order.courier.id if order.courier else None,
            "payments": [[payment.type.kind, str(payment.sum)] for payment in order.payments],
        }
        for number, order in simulator.engine.history()
        if number > since
    ]
    return {"states": states}


@_view("menu")
def _menu(simulator: Simulator) -> Json:
    menus = [
        {
            "organization_id": organization.id,
            "products": [
                {**pick(product, "id name sizes"), "price": str(product.price)}
                for product in organization.menu.dishes
            ],
        }
        for organization in simulator.world.organizations
    ]
    return {"menus": menus}
