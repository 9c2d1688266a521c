"""Commands on deliveries: accepted at once, carried out by the till a little later.

Each operation reads its body and gives the rule the till will apply.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from random import Random
from uuid import UUID

from sandbox.catalogue.world import Organization, TerminalGroup
from sandbox.http.call import Call, Operation, Operations
from sandbox.http.errors import ApiError, answer
from sandbox.http.request import Body
from sandbox.orders import rules
from sandbox.orders.order import DeliveryStatus, Order
from sandbox.orders.payments import check_payments, read_payments
from sandbox.orders.rules import Refused, Rule
from sandbox.orders.serializer import Json
from sandbox.orders.transitions import TransitionContext
from sandbox.simulator import Simulator

ReadRule = Callable[[Body, Organization], Rule]

_EXECUTION_MINUTES = (0.1, 0.4)
_SET_FROM_OUTSIDE = ("Waiting", "OnWay", "Delivered")
_LONGEST_LINK = 512


@dataclass(frozen=True, slots=True)
class PosConnection:
    """Carries commands of one restaurant out: after a while, and only while the line is up."""

    simulator: Simulator
    organization: Organization
    group: TerminalGroup | None = None

    def command(self, now: datetime, act: Callable[[UUID, datetime], None]) -> UUID:
        """Accept a command; ``act`` is called with its correlation id when its time has come."""
        rng = self.simulator.command_rng
        correlation_id = UUID(int=rng.getrandbits(128), version=4)
        self.simulator.commands.begin(correlation_id, self.organization.id)
        wait = self.simulator.engine.pace.wall(rng.uniform(*_EXECUTION_MINUTES))
        self.simulator.engine.later(now + wait, partial(self._carry_out, correlation_id, act))
        return correlation_id

    def _carry_out(self, correlation_id: UUID, act: Callable[[UUID, datetime], None], at: datetime) -> None:
        engine, commands = self.simulator.engine, self.simulator.commands
        if not engine.is_online(self.organization, self.group):
            engine.when_online(self.organization, partial(self._carry_out, correlation_id, act), self.group)
            return
        try:
            act(correlation_id, at)
        except Refused as refusal:
            commands.fail(correlation_id, refusal.message, refusal.reason, at)
        else:
            commands.succeed(correlation_id, at)


def _on_order(read_rule: ReadRule, since: tuple[int, ...] = ()) -> Operation:
    """Make the operation of a rule; ``since`` is the till's version that knows it."""

    def operation(call: Call) -> Json:
        organization = call.organization()
        call.body.id("orderId")
        rule = read_rule(call.body, organization)
        order = call.order(organization)

        def act(correlation_id: UUID, at: datetime) -> None:
            rules.check_version(organization.pos_version, since)
            _change(call.simulator, organization, order.id, rule, correlation_id, at)

        return {
            "correlationId": str(
                PosConnection(call.simulator, organization, order.terminal_group).command(call.now, act)
            )
        }

    return operation


def _change(
    simulator: Simulator,
    organization: Organization,
    order_id: UUID,
    rule: Rule,
    correlation_id: UUID,
    at: datetime,
) -> None:
    order = simulator.engine.order(organization, order_id)
    if order is None:
        raise Refused("Order is not found at the restaurant checkout", "OrderNotFound")
    rules.check_open(order)
    couriers = simulator.engine.couriers_on_shift(organization)
    changed = rule(order, TransitionContext(at, Random(str(correlation_id)), couriers))
    if changed != order:
        simulator.engine.change(changed, at, correlation_id)
        _name_the_old_one(simulator, changed, at)


def _name_the_old_one(simulator: Simulator, moved: Order, at: datetime) -> None:
    """Let the order that another was moved to say so. That nobody is told of it is a guess."""
    new = simulator.engine.order(moved.organization, moved.moved_to) if moved.moved_to else None
    if new is not None:
        simulator.engine.update_silently(replace(new, moved_from=moved.id), at)


# --- what each of them reads ---


def _status(body: Body, organization: Organization) -> Rule:
    status = DeliveryStatus(body.choice("deliveryStatus", _SET_FROM_OUTSIDE))
    return rules.set_status(status, body.moment_or_none("deliveryDate", organization.zone))


def _close(body: Body, organization: Organization) -> Rule:
    return rules.close_order(body.moment_or_none("deliveryDate", organization.zone))


def _cancel(body: Body, organization: Organization) -> Rule:
    body.id_or_none("userIdForWriteoff")
    body.text_or_none("removalComment", longest=255)
    return rules.cancel_order(
        cause_id=body.id_or_none("cancelCauseId"),
        comment=body.text_or_none("cancelComment"),
        removal_type_id=body.id_or_none("removalTypeId"),
        moved_to=body.id_or_none("movedOrderId"),
    )


def _courier(body: Body, organization: Organization) -> Rule:
    return rules.assign_courier(body.id("employeeId"))


def _driver(body: Body, organization: Organization) -> Rule:
    estimated = body.moment_or_none("estimatedTime", organization.zone)
    return rules.change_driver(body.id_or_none("driverId"), estimated)


def _comment(body: Body, organization: Organization) -> Rule:
    return rules.change_comment(body.text("comment"))


def _complete_before(body: Body, organization: Organization) -> Rule:
    return rules.change_complete_before(body.moment("newCompleteBefore", organization.zone))


def _problem(body: Body, organization: Organization) -> Rule:
    body.must_name("problem")
    return rules.set_problem(
        has_problem=body.required_flag("hasProblem"),
        description=body.text_or_none("problem", longest=1000),
    )


def _new_payments(body: Body, organization: Organization) -> Rule:
    requested = read_payments(body)
    return lambda order, context: rules.change_payments(check_payments(requested, organization))(
        order, context
    )


def _more_payments(body: Body, organization: Organization) -> Rule:
    requested = read_payments(body)
    return lambda order, context: rules.add_payments(check_payments(requested, organization))(order, context)


# --- what the cloud does by itself, at once ---


def _external_data(call: Call) -> Json:
    organization = call.organization()
    parts = call.body.parts("externalData")
    given = {part.text("key"): part.text("value") for part in parts}
    order = call.order(organization)
    merged = {**dict(order.external_data), **given}
    _update_silently(call, replace(order, external_data=tuple(merged.items())))
    return answer()


def _tracking_link(call: Call) -> None:
    organization = call.organization()
    link = call.body.text_or_none("trackingLink", longest=_LONGEST_LINK)
    _update_silently(call, replace(call.order(organization), tracking_link=link))


def _update_silently(call: Call, changed: Order) -> None:
    call.simulator.engine.update_silently(changed, call.now)


def _command_status(call: Call) -> Json:
    organization, correlation_id = call.organization(), call.body.id("correlationId")
    state = call.simulator.commands.state(correlation_id, organization.id, call.now)
    if state is None:
        # Also for one never given: the vendor may well tell these apart.
        raise ApiError(
            HTTPStatus.GONE, "Correlation id is no longer supported, do not request methods with it."
        )
    return state


OPERATIONS: Operations = {
    "deliveries/update_order_delivery_status": _on_order(_status),
    "deliveries/update_order_courier": _on_order(_courier, (7, 1, 5)),
    "deliveries/change_driver_info": _on_order(_driver, (8, 6, 6)),
    "deliveries/change_payments": _on_order(_new_payments, (7, 6, 3)),
    "deliveries/add_payments": _on_order(_more_payments, (8, 4, 6)),
    "deliveries/cancel": _on_order(_cancel, (7, 5, 4)),
    "deliveries/close": _on_order(_close, (7, 4, 6)),
    "deliveries/confirm": _on_order(lambda body, organization: rules.confirm_order, (7, 6, 1)),
    "deliveries/cancel_confirmation": _on_order(
        lambda body, organization: rules.cancel_confirmation, (7, 6, 1)
    ),
    "deliveries/change_comment": _on_order(_comment, (7, 6, 1)),
    "deliveries/change_complete_before": _on_order(_complete_before, (7, 5, 4)),
    "deliveries/update_order_problem": _on_order(_problem),
    "deliveries/change_external_data": _external_data,
    "deliveries/update_tracking_link": _tracking_link,
    "commands/status": _command_status,
}
