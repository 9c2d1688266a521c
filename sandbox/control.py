"""The sandbox's own API and the buttons of its page: what goes wrong, the clock, the tills, the mail.

``/sandbox/…`` is no part of the vendor's API. A form is answered by a way back to the page.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, timedelta
from uuid import UUID

from flask import Blueprint, jsonify, redirect, request
from werkzeug.wrappers import Response

from sandbox import drafts
from sandbox.api_errors import ApiError, bad_request
from sandbox.body import Body
from sandbox.clock import Pace
from sandbox.events import NoticeKind
from sandbox.faults import FAULT_NAMES, Faults, parse_faults
from sandbox.logins import Login
from sandbox.options import MAX_SPEED
from sandbox.order import CreationStatus, Order
from sandbox.sender import Answer
from sandbox.stage import Stage
from sandbox.wire import Json, order_info, vendor_date
from sandbox.world import Organization, TerminalGroup

TOLD_NOW = (
    "StopListUpdate",
    "PersonalShift",
    "TableOrderUpdate",
    "ReserveUpdate",
    *(kind.value for kind in NoticeKind),
)
_LONGEST_ADVANCE_S = 24 * 3600


class Control:
    """The ``/sandbox`` routes of one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def blueprint(self) -> Blueprint:
        control = Blueprint("control", __name__, url_prefix="/sandbox")
        control.add_url_rule("/state", "state", self._stage.state, methods=["GET"])
        control.add_url_rule("/faults", "faults", self._tell_faults, methods=["GET"])
        control.add_url_rule("/webhooks", "webhooks", self._sent, methods=["GET"])
        control.add_url_rule("/menu", "menu", self._menu, methods=["GET"])
        control.add_url_rule("/calls", "calls", self._calls, methods=["GET"])
        control.add_url_rule("/orders", "all_orders", self._orders, methods=["GET"])
        control.add_url_rule("/orders/history", "history", self._history, methods=["GET"])
        control.add_url_rule("/commands", "commands", self._commands, methods=["GET"])
        control.add_url_rule("/faults", "set_faults", self._set_faults, methods=["POST"])
        control.add_url_rule("/clock", "clock", self._move_clock, methods=["POST"])
        control.add_url_rule("/orders", "orders", self._bear_order, methods=["POST"])
        control.add_url_rule("/orders/forget", "forget_order", self._forget_order, methods=["POST"])
        control.add_url_rule("/events", "events", self._tell_event, methods=["POST"])
        control.add_url_rule("/till", "till", self._set_till, methods=["POST"])
        control.add_url_rule("/drafts", "drafts", self._set_drafts, methods=["POST"])
        control.add_url_rule("/tokens/revoke", "revoke", self._revoke, methods=["POST"])
        control.add_url_rule("/logins", "logins", self._set_login, methods=["POST"])
        control.register_error_handler(ApiError, lambda error: (error.body, error.status))
        return control

    # --- faults ---

    def _tell_faults(self) -> Response:
        return jsonify(_faults_state(self._stage.faults.faults))

    def _set_faults(self) -> Response:
        """Replace all faults: ``{"faults": "drop=0.1,http_408_after=1@deliveries/cancelx1"}``."""
        try:
            faults = parse_faults(_given().text("faults"))
        except ValueError as error:
            raise bad_request(f"faults: {error}.") from error
        self._stage.faults.set(faults)
        return _done(_faults_state(faults))

    # --- clock and orders ---

    def _move_clock(self) -> Response:
        """Go faster (``speed``), or play the next ``advance_s`` seconds at once."""
        given = _given()
        if given.has("speed"):
            speed = float(given.number("speed"))
            if not 0.01 <= speed <= MAX_SPEED:
                raise given.wrong("speed", f"a number from 0.01 to {MAX_SPEED:g} is expected")
            with self._stage.lock:
                self._stage.kitchen.set_pace(Pace(speed))
        if given.has("advance_s"):
            gap_s = float(given.number("advance_s"))
            if gap_s > _LONGEST_ADVANCE_S:
                raise given.wrong("advance_s", f"at most {_LONGEST_ADVANCE_S} seconds are expected")
            self._stage.advance(timedelta(seconds=gap_s))
        return _done({"now": self._stage.now().isoformat(), "speed": self._stage.kitchen.pace.speed})

    def _bear_order(self) -> Response:
        """Let a guest order now, in the restaurant named or in the first."""
        with self._stage.lock:
            order = self._stage.kitchen.bear_now(self._stage.now(), self._organization())
        return _done(order_info(order))

    def _forget_order(self) -> Response:
        """Let the order ``order_id`` go without a word: no answer lists it, and nothing tells why."""
        given = _given()
        order_id = given.id("order_id")
        with self._stage.lock:
            if not self._stage.kitchen.forget(order_id):
                raise given.wrong("order_id", "there is no such order")
        return _done({"order_id": str(order_id)})

    def _tell_event(self) -> Response:
        """Let something be told by an event of ``event_type``, in the restaurant named or in the first."""
        given, organization = _given(), self._organization()
        event_type = given.text("event_type")
        if organization.speaks_soi:
            raise given.wrong("organization_id", "this restaurant speaks SOI, which has no such events")
        with self._stage.lock:
            self._stage.play()  # what was due before has happened before
            is_told = self._stage.kitchen.asides.tell_now(event_type, organization, self._stage.now())
        if not is_told:
            raise given.wrong(
                "event_type", f"there are {', '.join(TOLD_NOW)}; orders are born by /sandbox/orders"
            )
        return _done({"event_type": event_type, "organization_id": str(organization.id)})

    # --- tills, tokens, logins ---

    def _set_till(self) -> Response:
        """Cut the tills of a restaurant off or bring them back: all, or those of ``terminal_group_id``."""
        organization, is_online = self._organization(), _given().required_flag("online")
        group = self._group_of(organization)
        with self._stage.lock:
            self._stage.kitchen.set_online(organization, self._stage.now(), is_online=is_online, group=group)
        return _done({"organization_id": str(organization.id), "online": is_online})

    def _set_drafts(self) -> Response:
        """Switch the drafts of a restaurant on or off."""
        organization, is_on = self._organization(), _given().required_flag("on")
        with self._stage.lock:
            drafts.switch(self._stage, organization, is_on=is_on)
        return _done({"organization_id": str(organization.id), "on": is_on})

    def _revoke(self) -> Response:
        return _done({"revoked": self._stage.tokens.revoke(_given().text_or_none("login"))})

    def _set_login(self) -> Response:
        """Say what a login may: ``rights`` are beginnings of operations, null is all of them."""
        given = _given()
        organizations, rights = given.ids_or_none("organizations"), given.words_or_none("rights")
        login = Login(
            name=given.text("name", shortest=1, longest=200),
            is_blocked=given.flag_or_none("blocked"),
            organizations=None if organizations is None else frozenset(organizations),
            rights=None if rights is None else tuple(rights),
            source_key=given.text_or_none("source_key"),
        )
        self._stage.logins.put(login)
        return _done({"name": login.name})

    # --- looking ---

    def _sent(self) -> Response:
        """Give the last tries to bring webhooks (after number ``since``), newest first, with their words."""
        limit = request.args.get("limit", default=100, type=int)
        since = request.args.get("since", default=0, type=int)
        answers = [each for each in self._stage.sender.answers() if each.number > since][: max(0, limit)]
        return jsonify({"webhooks": [_sent_state(each) for each in answers]})

    def _calls(self) -> Response:
        """Tell how often each operation was called, in the busiest minute too, and what was answered."""
        return jsonify(self._stage.meter.state())

    def _orders(self) -> Response:
        """Give the truth: every order remembered, as the cloud has it at this moment."""
        with self._stage.lock:
            orders = list(self._stage.kitchen.orders())
        return jsonify({"orders": [order_info(order) for order in orders]})

    def _history(self) -> Response:
        """Give the states that orders went through (after number ``since``), the oldest first."""
        since = request.args.get("since", default=0, type=int)
        with self._stage.lock:
            found = self._stage.kitchen.history()
        states = [_past_state(number, order) for number, order in found if number > since]
        return jsonify({"states": states})

    def _commands(self) -> Response:
        """Give the commands that clients gave and the cloud took, the oldest first, with their ends."""
        with self._stage.lock:
            return jsonify({"commands": self._stage.commands.taken()})

    def _menu(self) -> Response:
        menus = [
            {
                "organization_id": str(organization.id),
                "products": [
                    {
                        "id": str(product.id),
                        "name": product.name,
                        "price": str(product.price),
                        "sizes": [{"id": str(size.id), "name": size.name} for size in product.sizes],
                    }
                    for product in organization.menu.dishes
                ],
            }
            for organization in self._stage.world.organizations
        ]
        return jsonify({"menus": menus})

    def _group_of(self, organization: Organization) -> TerminalGroup | None:
        given = _given()
        if (wanted := given.id_or_none("terminal_group_id")) is None:
            return None
        for group in organization.terminal_groups:
            if group.id == wanted:
                return group
        raise given.wrong("terminal_group_id", "this restaurant has no such group")

    def _organization(self) -> Organization:
        given = _given()
        wanted: UUID | None = given.id_or_none("organization_id")
        organizations = self._stage.world.organizations
        if wanted is None:
            return organizations[0]
        organization = self._stage.world.organization(wanted)
        if organization is None:
            raise given.wrong("organization_id", "there is no such restaurant")
        return organization


def _given() -> Body:
    """Read the body, be it JSON or a form of the page, whose words are taken for what they look like."""
    if request.form:
        words = {name: value.strip() for name, value in request.form.items()}
        return Body({name: _looks_like(value) for name, value in words.items() if value or name == "faults"})
    return Body.parse(request.get_data() or b"{}")


def _looks_like(word: str) -> object:
    try:
        return json.loads(word)
    except ValueError:
        return word


def _done(content: Json) -> Response:
    return redirect("/", code=303) if request.form else jsonify(content)


def _faults_state(faults: Faults) -> Json:
    return {
        "faults": {name: faults.share(name) for name in FAULT_NAMES},
        "aims": [asdict(aim) for aim in faults.aims],
        "in_words": str(faults),
    }


def _past_state(number: int, order: Order) -> Json:
    is_taken = order.creation is CreationStatus.SUCCESS
    return {
        "number": number,
        "id": str(order.id),
        "timestamp": order.revision,
        "status": order.status.value if is_taken else None,
        "courier_id": str(order.courier.id) if order.courier else None,
        "payments": [[payment.type.kind, str(payment.sum)] for payment in order.payments],
    }


def _sent_state(answer: Answer) -> Json:
    try:
        body: object = json.loads(answer.body)
    except ValueError:
        body = None
    return {
        "number": answer.number,
        "at": vendor_date(answer.at, UTC),
        "url": answer.url,
        "what": answer.title,
        "status": answer.status,
        "took_ms": answer.took_ms,
        "body": body,
    }
