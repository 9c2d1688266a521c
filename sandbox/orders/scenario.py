"""How an order's life will go: the steps and the kitchen minutes between them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from random import Random

from sandbox.orders import transitions as steps
from sandbox.orders.order import CreationError, DeliveryStatus, Order, ServiceType
from sandbox.orders.transitions import Step

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

# Nobody at the till presses every button.
_SHARE_SKIPPED: dict[Step, float] = {
    steps.print_dishes: 0.15,
    steps.finish_first_dish: 0.5,
    steps.finish_cooking: 0.1,
    steps.wait: 0.1,
    steps.deliver: 0.12,
}


_REACHED_BY: dict[DeliveryStatus, Step] = {
    DeliveryStatus.WAIT_COOKING: steps.confirm,
    DeliveryStatus.COOKING_STARTED: steps.start_cooking,
    DeliveryStatus.COOKING_COMPLETED: steps.finish_cooking,
    DeliveryStatus.WAITING: steps.wait,
    DeliveryStatus.ON_WAY: steps.send_out,
    DeliveryStatus.DELIVERED: steps.deliver,
}


@dataclass(frozen=True, slots=True)
class Beat:
    """A step, so many kitchen minutes after the one before."""

    after_minutes: float
    step: Step


def plan_life(order: Order, random: Random) -> list[Beat]:
    """Decide what will happen to a newborn order. All but those refused for good end closed or cancelled."""
    opening, is_taken = _plan_opening(order, random)
    if not is_taken:
        return opening
    course = _with_skips(_plan_course(order, random), random)
    return opening + _with_trouble(course, random)


def plan_asked_for(order: Order, refusal: CreationError | None, random: Random) -> list[Beat]:
    """Plan the life of an order that a client made: the till takes it unless there is a ``refusal``."""
    wait = random.uniform(0.3, 1)
    if refusal:
        return [Beat(wait, steps.fail(refusal))]
    return [Beat(wait, steps.accept), *_with_skips(_plan_course(order, random), random)]


def plan_rest(order: Order, random: Random) -> list[Beat]:
    """Plan how the kitchen goes on from where somebody outside has put the order."""
    course = _plan_course(order, random)
    rest = _with_skips(course[_reached(order, course) :], random)
    if order.courier:
        rest = [beat for beat in rest if beat.step is not steps.assign_courier]
    return rest


def _reached(order: Order, course: list[Beat]) -> int:
    """Count the steps of the course that lie behind the order."""
    behind = _REACHED_BY.get(order.status)
    return next((number for number, beat in enumerate(course, start=1) if beat.step is behind), 0)


def _plan_opening(order: Order, random: Random) -> tuple[list[Beat], bool]:
    """Plan how the till takes an order that came over the API, and tell whether it does."""
    if not order.came_over_api:
        return [], True
    luck = random.random()
    if luck < _SHARE_REFUSED:
        return [Beat(random.uniform(0.3, 1), steps.fail(random.choice(_REFUSALS)))], False
    if luck < _SHARE_REFUSED + _SHARE_TIMED_OUT:
        return _plan_timeout(random)
    return [Beat(random.uniform(0.3, 1), steps.accept)], True


def _plan_timeout(random: Random) -> tuple[list[Beat], bool]:
    """Plan a till that is away: it may take the order after everybody was told that it failed."""
    beats = [Beat(random.uniform(1, 2), steps.fail(TIMEOUT))]
    comes_back = random.random() < _SHARE_BACK_AFTER_TIMEOUT
    if comes_back:
        beats.append(Beat(random.uniform(4, 12), steps.accept))
    return beats, comes_back


def _plan_course(order: Order, random: Random) -> list[Beat]:
    cooking = [
        Beat(random.uniform(0.7, 2), steps.confirm),
        Beat(random.uniform(1, 4), steps.print_dishes),
        Beat(random.uniform(0.5, 2), steps.start_cooking),
        Beat(random.uniform(3, 7), steps.finish_first_dish),
        Beat(random.uniform(4, 9), steps.finish_cooking),
        Beat(random.uniform(0.5, 2), steps.wait),
    ]
    if order.service is ServiceType.PICKUP:
        return [*cooking, Beat(random.uniform(3, 15), steps.close)]
    return cooking + _by_service(order, _plan_road(random))


def _by_service(order: Order, road: list[Beat]) -> list[Beat]:
    """Let a courier service of others carry a part of the orders, and take a part of the others back.

    The dice are the order's own: the rest of the story does not change by them. SOI has no word for an
    order that was deleted.
    """
    luck = Random(f"{order.id}/road").random()
    swapped: dict[Step, Step] = {}
    if luck < _SHARE_BY_SERVICE:
        swapped[steps.assign_courier] = steps.call_service
    elif luck > 1 - _SHARE_DELETED_COMING_BACK and not order.organization.speaks_soi:
        swapped[steps.come_back] = steps.take_back
    return [Beat(beat.after_minutes, swapped.get(beat.step, beat.step)) for beat in road]


def _plan_road(random: Random) -> list[Beat]:
    road = [
        Beat(random.uniform(0.5, 2), steps.assign_courier),
        Beat(random.uniform(1, 4), steps.send_out),
        Beat(random.uniform(8, 20), steps.deliver),
        Beat(random.uniform(1, 4), steps.close),
    ]
    if random.random() < _SHARE_WITH_OTHER_COURIER:
        road.insert(1, Beat(random.uniform(1, 3), steps.assign_courier))
    if random.random() < _SHARE_COMING_BACK:
        again = [Beat(random.uniform(2, 5), steps.come_back), Beat(random.uniform(1, 4), steps.send_out)]
        road[-2:-2] = again
    return road


def _with_skips(course: Collection[Beat], random: Random) -> list[Beat]:
    return [beat for beat in course if random.random() >= _SHARE_SKIPPED.get(beat.step, 0)]


def _with_trouble(course: list[Beat], random: Random) -> list[Beat]:
    luck = random.random()
    if luck < _SHARE_CANCELLED:
        # An order is called off early rather than late.
        last = min(random.randrange(len(course) - 1), random.randrange(len(course) - 1))
        return [*course[:last], Beat(random.uniform(0.5, 3), steps.cancel)]
    if luck < _SHARE_CANCELLED + _SHARE_WITH_PROBLEM:
        return _with_problem(course, random)
    return course


def _with_problem(course: list[Beat], random: Random) -> list[Beat]:
    """Put a problem into the course; two of three are solved before the order is closed."""
    start = random.randrange(1, len(course))
    problem = [Beat(random.uniform(0.3, 1), steps.report_problem)]
    if random.random() < 2 / 3:
        problem.append(Beat(random.uniform(1, 4), steps.solve_problem))
    return [*course[:start], *problem, *course[start:]]
