"""Cards are written once and kept: whatever changes one, by whatever way, is seen at the next look.

Each test looks, changes something without a word to anybody, looks again, and compares with what a process
shows that never kept anything.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from console.board import card_html
from console.board.kept_orders import kept_orders
from console.dispatch import order_html
from console.models import SeenOrder
from core.database import db_clock
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order
from orders.models.stage_times import StageTimes
from organizations.models.organization import Organization
from tests.builders import make_organization, make_other_organization
from tests.pages import sign_in

pytestmark = pytest.mark.django_db

BOARD, DISPATCH = "/console/", "/console/dispatch"


@pytest.fixture
def cafe() -> Organization:
    return make_organization()


@pytest.fixture
def now() -> datetime:
    return db_clock.now()


@pytest.fixture
def clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Stop the clock; it goes on by what it is told."""

    def set_to(moment: datetime) -> None:
        monkeypatch.setattr(db_clock, "now", lambda: moment)

    set_to(now)
    return lambda by: set_to(now + by)


@pytest.fixture
def operator(client: Client) -> Client:
    sign_in(client, "loyalty.view_personal_data", "orders.view_order", "orders.assign_order_courier")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def order(cafe: Organization, now: datetime) -> Order:
    """Make a cooked delivery without a courier: it stands on both pages."""
    return Order.objects.create(
        organization=cafe,
        readable_number="142",
        iiko_order_id="3c5e7a91-b2d4-4f60-8172-000000000142",
        status="CookingCompleted",
        raw_status="CookingCompleted",
        creation_status="Success",
        order_type="DELIVERY",
        amount_minor=165_100,
        payments=[],
        processed_payments_minor=0,
        phone="+79030000011",
        customer={"name": "Мария"},
        promised_time=now + timedelta(minutes=30, seconds=30),
        when_created=now - timedelta(minutes=20),
        when_printed=now - timedelta(minutes=15),
        when_cooking_completed=now - timedelta(minutes=2, seconds=5),
        updated_at=now - timedelta(minutes=1),
        field_precedence={},
    )


def card(client: Client, path: str) -> str:
    """Return the card of the order, or an empty text where there is none."""
    page = client.get(path).content.decode()
    found = [one for one in re.findall(r"<article class=\"card.*?</article>", page) if ">№142<" in one]
    return found[0] if found else ""


def card_of_a_new_process(client: Client, path: str) -> str:
    kept_orders.forget()
    card_html._card_writer.cache_clear()
    order_html._order_writer.cache_clear()
    return card(client, path)


def check(client: Client, change: Callable[[], object], *paths: str) -> None:
    before = [card(client, path) for path in paths]
    assert [card(client, path) for path in paths] == before

    change()

    seen = [card(client, path) for path in paths]
    assert all(one != old for one, old in zip(seen, before, strict=True))
    assert seen == [card_of_a_new_process(client, path) for path in paths]


ON_BOTH: list[dict[str, object]] = [
    {"readable_number": "142", "status": "Waiting", "raw_status": "Waiting", "amount_minor": 99_00},
    {"status": "OnWay", "raw_status": "OnWay", "courier_id": "c", "courier_name": "Орлова Вера"},
    {"delivery_zone": "Центр"},
    {"address": {"street": "Ленина"}},
    {"processed_payments_minor": 100},
    {"promised_time": None},
    {"when_cooking_completed": None},
    {"external_courier_service_id": "yandex"},
    {"is_deleted": True},
    {"status": "Closed", "raw_status": "Closed"},
]


@pytest.mark.parametrize("fields", ON_BOTH, ids=lambda fields: " ".join(fields))
def test_change_of_the_order(operator: Client, order: Order, fields: dict[str, object]) -> None:
    check(operator, lambda: Order.objects.filter(pk=order.pk).update(**fields), BOARD, DISPATCH)


ON_BOARD: list[dict[str, object]] = [
    {"problem": ""},
    {"comment": "Позвонить"},
    {"customer": {"name": "Анна"}},
    {"status": None, "raw_status": "Teleported"},
    {"status": None, "raw_status": None, "creation_status": "Error", "error_info": {"message": "Нет связи"}},
    {"order_type": "PICKUP"},
    {"order_type": None, "order_type_name": "Доставка на дрон"},
]


@pytest.mark.parametrize("fields", ON_BOARD, ids=lambda fields: " ".join(fields))
def test_change_of_what_the_board_alone_tells(
    operator: Client, order: Order, fields: dict[str, object]
) -> None:
    check(operator, lambda: Order.objects.filter(pk=order.pk).update(**fields), BOARD)


def test_two_changes_of_one_transaction(operator: Client, order: Order) -> None:
    rows = Order.objects.filter(pk=order.pk)

    check(operator, lambda: rows.update(delivery_zone="Центр"), BOARD, DISPATCH)
    check(operator, lambda: rows.update(delivery_zone="Заречье"), BOARD, DISPATCH)


def test_order_that_somebody_has_seen(operator: Client, order: Order, now: datetime) -> None:
    Order.objects.update(status="Unconfirmed", raw_status="Unconfirmed")

    check(operator, lambda: SeenOrder.objects.create(order=order, seen_by="x", seen_at=now), BOARD)


def test_order_that_is_made_twice_and_its_number(operator: Client, order: Order, now: datetime) -> None:
    def make_again() -> None:
        Order.objects.create(
            organization_id=order.organization_id,
            readable_number="143",
            status="WaitCooking",
            creation_status="Success",
            amount_minor=165_100,
            phone="+79030000011",
            when_created=now - timedelta(minutes=18),
            updated_at=now,
            field_precedence={},
        )

    check(operator, make_again, BOARD)
    assert "№143" in card(operator, BOARD)
    check(operator, lambda: Order.objects.filter(readable_number="143").update(readable_number="144"), BOARD)


@pytest.mark.parametrize("path", [BOARD, DISPATCH])
def test_commands_of_the_order(operator: Client, order: Order, now: datetime, path: str) -> None:
    rows = OrderCommand.objects.filter(order=order)

    def ask() -> None:
        OrderCommand.objects.create(
            order=order,
            kind=CommandKind.ASSIGN_COURIER,
            params={"courier_id": "c", "courier_name": "Орлова Вера"},
            requested_by="operator",
            created_at=now - timedelta(minutes=3, seconds=5),
        )

    check(operator, ask, path)
    end = {"state": CommandState.REJECTED, "error": "Нет смены", "finished_at": now}
    check(operator, lambda: rows.update(**end), path)
    check(operator, lambda: rows.update(error="Нет курьера"), path)
    check(operator, lambda: rows.update(acknowledged_at=now), path)


def test_usual_times_of_the_restaurant(operator: Client, order: Order, now: datetime) -> None:
    def measure() -> None:
        StageTimes.objects.create(
            organization_id=order.organization_id,
            accept_s=60,
            cook_s=60,
            wait_s=600,
            carry_s=3600,
            orders=100,
            measured_at=now,
        )

    check(operator, measure, BOARD, DISPATCH)
    check(operator, lambda: StageTimes.objects.update(carry_s=700), BOARD, DISPATCH)


def test_restaurant_itself(operator: Client, order: Order, cafe: Organization) -> None:
    rows = Organization.objects.filter(pk=cafe.pk)

    check(operator, lambda: rows.update(timezone="Asia/Vladivostok"), BOARD, DISPATCH)
    check(operator, lambda: rows.update(currency="KZT"), BOARD, DISPATCH)
    check(operator, make_other_organization, BOARD)
    check(operator, lambda: rows.update(name="Кафе у реки"), BOARD)


def test_who_looks(operator: Client, order: Order) -> None:
    user = User.objects.get(username="operator")
    assert "card-next" in card(operator, BOARD)
    assert "tick" in card(operator, DISPATCH)

    right = Permission.objects.get(codename="assign_order_courier")
    check(operator, lambda: user.user_permissions.remove(right), BOARD, DISPATCH)
    assert "card-next" not in card(operator, BOARD)

    check(operator, lambda: operator.defaults.update(HTTP_ACCEPT_LANGUAGE="ru"), BOARD, DISPATCH)


@pytest.mark.parametrize("minutes", [1, 4, 21, 31, 120])
@pytest.mark.usefixtures("order")
def test_time_that_passes(operator: Client, clock: Callable[[timedelta], None], minutes: int) -> None:
    check(operator, lambda: clock(timedelta(minutes=minutes)), BOARD, DISPATCH)


def test_new_order_rings_no_more_after_a_while(
    operator: Client, order: Order, clock: Callable[[timedelta], None]
) -> None:
    Order.objects.update(status="Unconfirmed", raw_status="Unconfirmed")
    assert " data-new" in card(operator, BOARD)

    check(operator, lambda: clock(timedelta(minutes=31)), BOARD)
    assert " data-new" not in card(operator, BOARD)


def test_confirmed_outcome_goes_after_a_minute(
    operator: Client, order: Order, now: datetime, clock: Callable[[timedelta], None]
) -> None:
    OrderCommand.objects.create(
        order=order,
        kind=CommandKind.ASSIGN_COURIER,
        params={"courier_id": "c", "courier_name": "Орлова Вера"},
        requested_by="operator",
        state=CommandState.CONFIRMED,
        created_at=now,
        finished_at=now,
    )
    assert "outcome is-done" in card(operator, DISPATCH)

    check(operator, lambda: clock(timedelta(seconds=61)), DISPATCH)
    assert "outcome" not in card(operator, DISPATCH)
