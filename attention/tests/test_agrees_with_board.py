"""Where the board marks what a rule finds, both say the same of the same order."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from attention.models.items import AttentionItem
from attention.rules.registry import rule_of
from attention.watch import watch
from console.board.cards import NO_COURIER_AFTER, Card
from console.board.columns import Column
from console.board.restaurants import INBOX_LAGS_AFTER, restaurant_states
from console.board.selector import board_cards
from orders.models.order import Order
from orders.models.stage_times import StageTimes
from orders.twice import TWICE_WITHIN
from organizations.models.organization import Organization, TerminalGroup
from tests.builders import make_organization, make_terminal_group
from webhooks.models.inbox import WebhookConfig
from webhooks.models.reconciliation import LinkHealth, LinkState

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 14, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def cafe() -> Organization:
    cafe = make_organization()
    WebhookConfig.objects.update(registration_status="registered")
    StageTimes.objects.create(
        organization=cafe, accept_s=300, cook_s=900, wait_s=300, carry_s=1200, orders=20, measured_at=NOW
    )
    return cafe


def many_orders(cafe: Organization) -> None:
    """Make one order for every way in which these may stand together."""
    promised = (None, -30, -1, 0, 1, 15, 40, 90)
    statuses = (None, "Unconfirmed", "CookingStarted", "CookingCompleted", "OnWay", "Delivered", "Closed")
    cooked = (None, -1, -5, -20)
    couriers: tuple[dict[str, Any], ...] = (
        {},
        {"courier_id": "vera"},
        {"courier_name": "Вера"},
        {"external_courier_service_name": "Быстро"},
    )
    stages = {"when_created": NOW - 30 * MINUTE, "when_printed": NOW - 25 * MINUTE}
    Order.objects.bulk_create(
        Order(
            organization=cafe,
            readable_number=str(number),
            status=status,
            raw_status=status or ("Levitating" if number % 2 else None),
            creation_status="Error" if number % 5 == 0 else "Success",
            order_type="PICKUP" if number % 7 == 0 else "DELIVERY",
            promised_time=None if due is None else NOW + due * MINUTE,
            when_cooking_completed=None if ready is None else NOW + ready * MINUTE,
            when_delivered=NOW - 2 * MINUTE if status in ("Delivered", "Closed") else None,
            when_closed=NOW - MINUTE if status == "Closed" else None,
            problem="" if number % 3 == 0 else None,
            phone=f"+7903{number // 3:07d}",
            amount_minor=10_000,
            updated_at=NOW - MINUTE,
            **(courier | stages | {"when_created": NOW - (25 + 4 * (number % 3)) * MINUTE}),
        )
        for number, (due, status, ready, courier) in enumerate(product(promised, statuses, cooked, couriers))
    )


def found_by(rule: str) -> set[int | None]:
    return set(AttentionItem.objects.current().filter(rule=rule).values_list("order_id", flat=True))


def marked(cards: list[Card], is_so: Any) -> set[int]:
    return {card.order.pk for card in cards if is_so(card)}


def test_rules_of_orders_agree_with_the_cards(cafe: Organization) -> None:
    many_orders(cafe)

    watch(NOW)
    cards = board_cards([cafe], NOW)

    # Handed over late and not closed yet: the card keeps its colour, but there is nothing to be done.
    under_way = [card for card in cards if card.order.is_open and card.column != Column.DELIVERED]
    late = marked(under_way, lambda card: card.is_late(NOW))
    assert found_by("late") == late
    assert len(late) > 50

    amber = marked(under_way, lambda card: card.is_at_risk(NOW))
    no_courier = marked(
        under_way, lambda card: card.needs_courier and card.cooked_at and card.cooked_at <= NOW - 5 * MINUTE
    )
    assert found_by("no_courier") == no_courier
    assert len(no_courier) > 50
    assert found_by("no_courier") <= amber
    assert found_by("will_be_late") <= amber - late
    assert len(found_by("will_be_late")) > 20

    named = {str(card.order): card.order.pk for card in cards}
    twice = {card.order.pk: named[card.duplicate] for card in cards if card.duplicate}
    assert found_by("order_twice") <= twice.keys()
    assert all({pk, twice[pk]} & found_by("order_twice") for pk in twice)
    assert len(twice) > 20

    assert found_by("problem") == marked(
        cards, lambda card: card.order.problem is not None and card.order.is_open
    )
    assert found_by("unknown_status") == marked(
        cards, lambda card: card.order.has_unknown_status and card.order.is_open
    )
    assert found_by("creation_refused") == marked(cards, lambda card: card.order.is_refused)


def test_usual_limits_are_those_of_the_board() -> None:
    def usual(name: str) -> timedelta:
        rule = rule_of(name)
        return (rule.limit or 0) * rule.step

    assert usual("no_courier") == NO_COURIER_AFTER
    assert usual("order_twice") == TWICE_WITHIN
    assert usual("inbox_late") == INBOX_LAGS_AFTER


@pytest.mark.parametrize("state", LinkState)
@pytest.mark.parametrize("is_silent", [False, True])
def test_rules_of_restaurants_agree_with_the_lights(
    cafe: Organization, state: LinkState, *, is_silent: bool
) -> None:
    LinkHealth.objects.create(organization=cafe, state=state, since=NOW - MINUTE, checked_at=NOW)
    make_terminal_group(cafe, alive_told_at=NOW)
    TerminalGroup.objects.update(not_answering_since=NOW - MINUTE if is_silent else None)

    watch(NOW)
    [light] = restaurant_states([cafe], NOW)

    assert (light.light == "bad") == AttentionItem.objects.current().filter(organization=cafe).exists()
    assert len(light.warnings) == AttentionItem.objects.current().count()
