"""The scenario of an order: its steps and the simulated minutes between them."""

from collections.abc import Collection
from dataclasses import dataclass
from random import Random

from sandbox.orders import transitions
from sandbox.orders.order import CreationError, DeliveryStatus, Order, ServiceType
from sandbox.orders.transitions import Transition

TIMEOUT = CreationError(
    "Common",
    "Creation timeout expired, order automatically transited to error creation status",
    is_timeout=True,
)
_REFUSALS = (
    CreationError("ProductNotFound", "Product is not found on the terminal."),
    CreationError("PaymentTypeNotFound", "Payment type is not found on the terminal."),
    CreationError("TerminalGroupDisabled", "Terminal group is disabled."),
)

_SHARE_REFUSED = 0.03
_SHARE_TIMED_OUT = 0.05
_SHARE_BACK_AFTER_TIMEOUT = 0.6
_SHARE_CANCELLED = 0.09
_SHARE_WITH_PROBLEM = 0.1
_SHARE_WITH_OTHER_COURIER = 0.15
_SHARE_COMING_BACK = 0.05
_SHARE_BY_SERVICE = 0.08
_SHARE_DELETED_COMING_BACK = 0.5

# Staff skips some steps at the POS.
_SHARE_SKIPPED: dict[Transition, float] = {
    transitions.print_dishes: 0.15,
    transitions.finish_first_dish: 0.5,
    transitions.finish_cooking: 0.1,
    transitions.wait: 0.1,
    transitions.deliver: 0.12,
}


_REACHED_BY: dict[DeliveryStatus, Transition] = {
    DeliveryStatus.WAIT_COOKING: transitions.confirm,
    DeliveryStatus.COOKING_STARTED: transitions.start_cooking,
    DeliveryStatus.COOKING_COMPLETED: transitions.finish_cooking,
    DeliveryStatus.WAITING: transitions.wait,
    DeliveryStatus.ON_WAY: transitions.send_out,
    DeliveryStatus.DELIVERED: transitions.deliver,
}


@dataclass(frozen=True, slots=True)
class Step:
    """A transition, so many simulated minutes after the step before."""

    after_minutes: float
    transition: Transition


def plan_order(order: Order, random: Random) -> list[Step]:
    """Plan the steps of a new order. All but those refused for good end closed or cancelled."""
    opening, is_taken = _plan_opening(order, random)
    if not is_taken:
        return opening
    course = _with_skips(_plan_course(order, random), random)
    return opening + _with_trouble(course, random)


def plan_requested(order: Order, refusal: CreationError | None, random: Random) -> list[Step]:
    """Plan an order that a client created: the POS accepts it unless there is a ``refusal``."""
    wait = random.uniform(0.3, 1)
    if refusal:
        return [Step(wait, transitions.fail(refusal))]
    return [Step(wait, transitions.accept), *_with_skips(_plan_course(order, random), random)]


def plan_rest(order: Order, random: Random) -> list[Step]:
    """Plan the remaining steps after a client changed the order."""
    course = _plan_course(order, random)
    rest = _with_skips(course[_reached(order, course) :], random)
    if order.courier:
        rest = [step for step in rest if step.transition is not transitions.assign_courier]
    return rest


def _reached(order: Order, course: list[Step]) -> int:
    """Count the steps of the course that are done."""
    behind = _REACHED_BY.get(order.status)
    return next((number for number, step in enumerate(course, start=1) if step.transition is behind), 0)


def _plan_opening(order: Order, random: Random) -> tuple[list[Step], bool]:
    """Plan how the POS accepts an order that came over the API, and say whether it does."""
    if not order.came_over_api:
        return [], True
    luck = random.random()
    if luck < _SHARE_REFUSED:
        return [Step(random.uniform(0.3, 1), transitions.fail(random.choice(_REFUSALS)))], False
    if luck < _SHARE_REFUSED + _SHARE_TIMED_OUT:
        return _plan_timeout(random)
    return [Step(random.uniform(0.3, 1), transitions.accept)], True


def _plan_timeout(random: Random) -> tuple[list[Step], bool]:
    """Plan a POS that is offline: it may accept the order after its creation timed out."""
    steps = [Step(random.uniform(1, 2), transitions.fail(TIMEOUT))]
    comes_back = random.random() < _SHARE_BACK_AFTER_TIMEOUT
    if comes_back:
        steps.append(Step(random.uniform(4, 12), transitions.accept))
    return steps, comes_back


def _plan_course(order: Order, random: Random) -> list[Step]:
    cooking = [
        Step(random.uniform(0.7, 2), transitions.confirm),
        Step(random.uniform(1, 4), transitions.print_dishes),
        Step(random.uniform(0.5, 2), transitions.start_cooking),
        Step(random.uniform(3, 7), transitions.finish_first_dish),
        Step(random.uniform(4, 9), transitions.finish_cooking),
        Step(random.uniform(0.5, 2), transitions.wait),
    ]
    if order.service is ServiceType.PICKUP:
        return [*cooking, Step(random.uniform(3, 15), transitions.close)]
    return cooking + _by_service(order, _plan_road(random))


def _by_service(order: Order, road: list[Step]) -> list[Step]:
    """Let an external courier service carry a part of the orders, and replace a part of the others.

    The order has a random generator of its own, so that other orders do not change. SOI cannot express
    an order that was deleted.
    """
    luck = Random(f"{order.id}/road").random()
    swapped: dict[Transition, Transition] = {}
    if luck < _SHARE_BY_SERVICE:
        swapped[transitions.assign_courier] = transitions.call_service
    elif luck > 1 - _SHARE_DELETED_COMING_BACK and not order.organization.uses_soi:
        swapped[transitions.come_back] = transitions.take_back
    return [Step(step.after_minutes, swapped.get(step.transition, step.transition)) for step in road]


def _plan_road(random: Random) -> list[Step]:
    road = [
        Step(random.uniform(0.5, 2), transitions.assign_courier),
        Step(random.uniform(1, 4), transitions.send_out),
        Step(random.uniform(8, 20), transitions.deliver),
        Step(random.uniform(1, 4), transitions.close),
    ]
    if random.random() < _SHARE_WITH_OTHER_COURIER:
        road.insert(1, Step(random.uniform(1, 3), transitions.assign_courier))
    if random.random() < _SHARE_COMING_BACK:
        again = [
            Step(random.uniform(2, 5), transitions.come_back),
            Step(random.uniform(1, 4), transitions.send_out),
        ]
        road[-2:-2] = again
    return road


def _with_skips(course: Collection[Step], random: Random) -> list[Step]:
    return [step for step in course if random.random() >= _SHARE_SKIPPED.get(step.transition, 0)]


def _with_trouble(course: list[Step], random: Random) -> list[Step]:
    luck = random.random()
    if luck < _SHARE_CANCELLED:
        # An order is cancelled early rather than late.
        last = min(random.randrange(len(course) - 1), random.randrange(len(course) - 1))
        return [*course[:last], Step(random.uniform(0.5, 3), transitions.cancel)]
    if luck < _SHARE_CANCELLED + _SHARE_WITH_PROBLEM:
        return _with_problem(course, random)
    return course


def _with_problem(course: list[Step], random: Random) -> list[Step]:
    """Add a problem; two of three are solved before the order is closed."""
    start = random.randrange(1, len(course))
    problem = [Step(random.uniform(0.3, 1), transitions.report_problem)]
    if random.random() < 2 / 3:
        problem.append(Step(random.uniform(1, 4), transitions.solve_problem))
    return [*course[:start], *problem, *course[start:]]
