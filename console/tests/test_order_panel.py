"""The panel of an order: what may be requested from it, what it answers, and where its links lead."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.database import db_clock
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import MergedOrder, Order, TimelineEntry
from organizations.models.organization import Organization
from tests.acting import (
    CARD_ID,
    CASH_ID,
    CAUSE_ID,
    DISCOUNT_ID,
    REMOVAL_ID,
    make_cause,
    make_courier,
    make_discount,
    make_payment_type,
    make_removal_type,
)
from tests.builders import COURIER_ID, ORDER_ID, make_organization, make_other_organization
from tests.pages import sign_in, sign_in_superuser, text
from tests.simulated_iiko import SimulatedIiko, linked, make_login

pytestmark = pytest.mark.django_db

ALL = (
    "loyalty.view_personal_data",
    "orders.view_order",
    "orders.change_order_status",
    "orders.assign_order_courier",
    "orders.change_order_payment",
    "orders.cancel_order",
    "orders.apply_order_discount",
)
HTMX = {"HX-Request": "true"}
ITEM = {
    "kind": "Product",
    "name": "Пицца",
    "amount": "1",
    "price_minor": 165_100,
    "cost_minor": 165_100,
    "result_minor": 165_100,
    "status": "Added",
}


@pytest.fixture
def now() -> datetime:
    return db_clock.now()


@pytest.fixture(autouse=True)
def cafe(db: None, iiko: SimulatedIiko) -> Organization:
    """Make a restaurant with its dictionaries; iiko answers nothing, so that a call would fail."""
    cafe = linked(make_organization())
    make_courier()
    make_cause()
    make_removal_type()
    make_payment_type()
    make_payment_type(CARD_ID, "Картой", kind="Card")
    make_discount()
    return cafe


@pytest.fixture
def operator(client: Client) -> Client:
    sign_in(client, *ALL)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def put(cafe: Organization, now: datetime, **changes: Any) -> Order:
    """Make an order that waits for the kitchen: nothing of it is made yet."""
    row: dict[str, Any] = {
        "organization": cafe,
        "iiko_order_id": ORDER_ID,
        "readable_number": "142",
        "status": "WaitCooking",
        "raw_status": "WaitCooking",
        "creation_status": "Success",
        "order_type": "DELIVERY",
        "amount_minor": 165_100,
        "items": [ITEM],
        "customer": {"name": "Мария"},
        "phone": "+79030000011",
        "promised_time": now + timedelta(minutes=30),
        "when_created": now - timedelta(minutes=20),
        "updated_at": now - timedelta(minutes=1),
        "field_precedence": {},
    }
    return Order.objects.create(**(row | changes))


def in_the_kitchen(cafe: Organization, now: datetime, **changes: Any) -> Order:
    cooking = {"status": "CookingStarted", "raw_status": "CookingStarted"}
    return put(cafe, now, when_printed=now - timedelta(minutes=5), **(cooking | changes))


def panel(client: Client, order: Order, **query: Any) -> Any:
    return client.get(f"/console/orders/{order.pk}", query, headers=HTMX)


def act_url(order: Order, slug: str) -> str:
    return f"/console/orders/{order.pk}/actions/{slug}"


def act(client: Client, order: Order, slug: str, **fields: str) -> Any:
    """Send the form of an action as the page's script does."""
    return client.post(act_url(order, slug), {"key": str(uuid4()), **fields}, headers=HTMX)


def assert_nothing_happened(iiko: SimulatedIiko) -> None:
    assert not OrderCommand.objects.exists()
    assert not TimelineEntry.objects.exists()
    assert iiko.operations() == []


WORKING: dict[str, tuple[CommandKind, dict[str, str], dict[str, Any]]] = {
    "status": (CommandKind.UPDATE_STATUS, {"status": "OnWay"}, {"status": "OnWay"}),
    "courier": (CommandKind.ASSIGN_COURIER, {"courier": COURIER_ID}, {"courier_id": COURIER_ID}),
    "payment": (CommandKind.UPDATE_PAYMENT, {"type_0": CASH_ID, "sum_0": "1651"}, {}),
    "cancel": (CommandKind.CANCEL, {"cause": CAUSE_ID}, {"cause_id": CAUSE_ID, "removal_type_id": None}),
    "discount": (
        CommandKind.APPLY_DISCOUNT,
        {"type": DISCOUNT_ID, "sum": "165,10", "percent": "", "agreed": "on", "seen_total": "148590"},
        {"sum_minor": 16_510},
    ),
}

REFUSED: dict[str, tuple[dict[str, Any], dict[str, str], int, str]] = {
    "status": (
        {"status": "Unconfirmed", "raw_status": "Unconfirmed"},
        {"status": "OnWay"},
        409,
        "The order is not confirmed yet.",
    ),
    "courier": ({"order_type": "PICKUP"}, {"courier": COURIER_ID}, 409, "The guest picks"),
    "payment": ({}, {"type_0": CASH_ID, "sum_0": "1000"}, 409, "1,651.00 ₽"),
    "cancel": ({}, {"reason": "  "}, 422, "the order is not cancelled without."),
    "discount": (
        {"status": "CookingStarted", "raw_status": "CookingStarted"},
        {"type": DISCOUNT_ID, "sum": "10", "percent": "", "agreed": "on"},
        409,
        "kitchen",
    ),
}


# --- requesting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", WORKING)
def test_action_is_requested_once_and_its_outcome_is_followed(
    operator: Client, cafe: Organization, now: datetime, slug: str
) -> None:
    kind, fields, params = WORKING[slug]
    order = put(cafe, now)
    key = str(uuid4())

    answers = [
        operator.post(act_url(order, slug), {"key": key, **fields}, headers=HTMX) for _press in range(2)
    ]

    command = OrderCommand.objects.get()
    assert (command.kind, command.state, command.requested_by) == (kind, CommandState.PENDING, "operator")
    assert {name: command.params[name] for name in params} == params
    for answer in answers:
        assert answer.status_code == 200
        assert "Waiting to be sent" in text(answer)
        assert f'data-url="/console/orders/{order.pk}?command={command.pk}' in answer.content.decode()
        assert "data-follow" in answer.content.decode()
    assert "it is not sent twice" in text(answers[1])


@pytest.mark.parametrize("slug", REFUSED)
def test_refusal_is_said_in_place_and_nothing_is_written_or_sent(
    operator: Client, cafe: Organization, now: datetime, iiko: SimulatedIiko, slug: str
) -> None:
    changes, fields, status, words = REFUSED[slug]

    answer = act(operator, put(cafe, now, **changes), slug, **fields)

    assert answer.status_code == status
    assert words in text(answer)
    assert_nothing_happened(iiko)


@pytest.mark.parametrize("slug", WORKING)
def test_action_needs_its_permission(
    client: Client, cafe: Organization, now: datetime, iiko: SimulatedIiko, slug: str
) -> None:
    others = [name for name in ALL if name != f"orders.{_PERMISSIONS[slug]}"]
    sign_in(client, *others)
    order = put(cafe, now)

    assert act(client, order, slug, **WORKING[slug][1]).status_code == 403
    assert client.get(act_url(order, slug)).status_code == 403
    assert act_url(order, slug) not in panel(client, order).content.decode()
    assert_nothing_happened(iiko)


_PERMISSIONS = {
    "status": "change_order_status",
    "courier": "assign_order_courier",
    "payment": "change_order_payment",
    "cancel": "cancel_order",
    "discount": "apply_order_discount",
}


@pytest.mark.parametrize("slug", WORKING)
def test_order_of_a_restaurant_that_is_not_shown_is_404(
    operator: Client, now: datetime, iiko: SimulatedIiko, slug: str
) -> None:
    other = linked(make_other_organization(is_active=False), make_login(name="other"))
    order = put(other, now)

    assert panel(operator, order).status_code == 404
    assert operator.get(act_url(order, slug)).status_code == 404
    assert act(operator, order, slug, **WORKING[slug][1]).status_code == 404
    assert_nothing_happened(iiko)


def test_panel_says_where_and_until_when(operator: Client, cafe: Organization, now: datetime) -> None:
    order = put(cafe, now, promised_time=datetime(now.year, 7, 1, 13, 20, tzinfo=UTC))
    alone = text(panel(operator, order))
    make_other_organization(timezone="Europe/Kaliningrad")

    among_others = text(panel(operator, order))

    assert "Delivery · promised 1 Jul 18:20 Guest" in alone
    assert "Delivery · promised 1 Jul 18:20 UTC+5 · Кафе «Сирень» Guest" in among_others


def test_discount_is_not_taken_off_twice(operator: Client, cafe: Organization, now: datetime) -> None:
    discounts = [{"name": "Именинник", "type_id": DISCOUNT_ID, "sum_minor": 10_000}]
    order = put(
        cafe, now, items=[ITEM | {"result_minor": 155_100}], discounts=discounts, amount_minor=155_100
    )

    page = text(panel(operator, order))

    lines = "1 × Пицца 1,551.00 ₽ discount, taken off above Именинник 100.00 ₽ Total 1,551.00 ₽"
    assert lines in page


def test_lines_add_up_to_the_total(client: Client, cafe: Organization, now: datetime) -> None:
    sign_in(client, *ALL)
    weighed = {"name": "Шашлык, кг", "amount": "0.824", "result_minor": 122_776}
    brought = {"kind": "Service", "name": "Доставка", "cost_minor": 14_900, "result_minor": None}
    order = put(cafe, now, items=[ITEM | weighed, ITEM | brought], amount_minor=137_676)

    page = text(panel(client, order))

    assert "0,824 × Шашлык, кг 1 227,76 ₽ 1 × Доставка 149,00 ₽ Итого 1 376,76 ₽" in page


def test_action_that_does_not_exist_is_404(operator: Client, cafe: Organization, now: datetime) -> None:
    assert operator.get(act_url(put(cafe, now), "teleport")).status_code == 404


def test_form_sent_without_the_script_leads_back_to_the_panel(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    order = put(cafe, now)

    page = operator.get(act_url(order, "cancel"))
    answer = operator.post(act_url(order, "cancel"), {"key": str(uuid4()), "cause": CAUSE_ID})

    assert "<html" in page.content.decode()
    assert 'name="cause"' in page.content.decode()
    command = OrderCommand.objects.get()
    assert answer["Location"] == f"/console/orders/{order.pk}?command={command.pk}"
    assert "Requested: Cancel the order – Отказ гостя." in text(operator.get(answer["Location"]))


def test_action_that_is_not_open_says_why_instead_of_a_button(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    order = in_the_kitchen(cafe, now)

    page = panel(operator, order)

    found = re.search(r'disabled aria-describedby="([^"]+)">Give a discount', page.content.decode())
    assert found
    assert f'id="{found[1]}"' in page.content.decode()
    assert "Give a discount:" in text(page)
    assert f'href="{act_url(order, "cancel")}"' in page.content.decode()


# --- what the forms show -----------------------------------------------------------------------------


def test_cancellation_before_the_kitchen_writes_nothing_off_and_says_so(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    page = operator.get(act_url(put(cafe, now), "cancel"), headers=HTMX)

    assert "Nothing is made yet, so nothing is written off." in text(page)
    assert 'name="removal_type"' not in page.content.decode()


def test_cancellation_of_made_food_asks_for_the_removal_type_and_tells_its_cost(
    operator: Client, cafe: Organization, now: datetime, iiko: SimulatedIiko
) -> None:
    make_removal_type("3c4d5e6f-0000-4000-8000-0000000000ff", "Ошибка", can_write_off_to_cafe=False)
    order = in_the_kitchen(cafe, now)

    page = operator.get(act_url(order, "cancel"), headers=HTMX)
    silent = act(operator, order, "cancel", cause=CAUSE_ID)

    assert "Списание – written off to: the restaurant" in text(page)
    assert "Ошибка – nothing is written off" in text(page)
    assert f'value="{REMOVAL_ID}" selected' not in page.content.decode()
    assert silent.status_code == 422
    assert "Choose: the food is being made already." in text(silent)
    assert_nothing_happened(iiko)
    answer = act(operator, order, "cancel", cause=CAUSE_ID, removal_type=REMOVAL_ID)
    assert "Requested: Cancel the order – Отказ гостя; removal: Списание." in text(answer)


def test_cancellation_of_made_food_on_an_old_pos_does_not_call_it_unmade(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    Organization.objects.update(pos_version="7.6.0")

    page = text(operator.get(act_url(in_the_kitchen(cafe, now), "cancel"), headers=HTMX))

    assert "the POS decides about the food" in page
    assert "Nothing is made yet" not in page


def test_present_values_stand_above_what_is_to_be_chosen(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    make_courier(iiko_id="7d8e9fa0-b1c2-4d3e-8f40-516273849511", name="Жуков Лев")
    order = put(cafe, now, courier_id=COURIER_ID, courier_name="Орлова Вера")

    courier = text(operator.get(act_url(order, "courier"), headers=HTMX))
    status = text(operator.get(act_url(order, "status"), headers=HTMX))

    assert "Courier now: Орлова Вера" in courier
    assert "Жуков Лев – free" in courier
    assert "Орлова Вера – free" not in courier
    assert "Status now: Waiting for the kitchen" in status


def test_present_payments_can_be_edited_and_tell_what_is_paid(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    payments = [
        {
            "type_id": CASH_ID,
            "name": "Наличные",
            "kind": "Cash",
            "sum_minor": 100_000,
            "is_preliminary": True,
        }
    ]
    order = put(cafe, now, payments=payments, processed_payments_minor=0, field_precedence=_TOLD)

    page = operator.get(act_url(order, "payment"), headers=HTMX)

    assert "Наличные (cash, to be paid) : 1,000.00 ₽" in text(page)
    assert "To collect 1,651.00 ₽, nothing is paid yet." in text(page)
    values = re.findall(r'name="sum_\d" value="([^"]+)"', page.content.decode())
    assert values == ["1,000.00\N{NO-BREAK SPACE}₽", "651.00\N{NO-BREAK SPACE}₽"]


_TOLD = {"payments": "c00000000000001"}


# --- the total of a discount -------------------------------------------------------------------------


def test_new_total_is_shown_while_the_discount_is_filled_in(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    url = f"{act_url(put(cafe, now), 'discount')}/total"

    good = operator.get(url, {"type": DISCOUNT_ID, "sum": "165,10", "percent": ""})
    wrong = operator.get(url, {"type": DISCOUNT_ID, "sum": "1,650", "percent": ""})
    much = operator.get(url, {"type": DISCOUNT_ID, "sum": "9000", "percent": ""})

    assert text(good) == "The order will cost 1,485.90 ₽ instead of 1,651.00 ₽."
    assert 'name="seen_total" value="148590"' in good.content.decode()
    assert text(wrong) == "Write an amount such as 1520,50."
    assert "1651.00" in text(much)
    assert "seen_total" not in much.content.decode()
    assert not OrderCommand.objects.exists()


def test_discount_is_not_sent_before_its_total_was_shown(
    operator: Client, cafe: Organization, now: datetime, iiko: SimulatedIiko
) -> None:
    order = put(cafe, now)
    fields = WORKING["discount"][1] | {"seen_total": ""}

    blind = act(operator, order, "discount", **fields)

    assert blind.status_code == 422
    assert "Look at what the order will cost, and confirm it." in text(blind)
    assert 'name="seen_total" value="148590"' in blind.content.decode()
    assert_nothing_happened(iiko)
    # It costs something else by now.
    Order.objects.update(amount_minor=150_000)
    assert act(operator, order, "discount", **WORKING["discount"][1]).status_code == 422
    assert_nothing_happened(iiko)


# --- commands ----------------------------------------------------------------------------------------


def ended(order: Order, now: datetime, **changes: Any) -> OrderCommand:
    """Make a cancellation that iiko refused."""
    row: dict[str, Any] = {
        "order": order,
        "kind": CommandKind.CANCEL,
        "state": CommandState.REJECTED,
        "params": {"reason": "Дубль"},
        "error_code": "OrderNotFound",
        "requested_by": "operator",
        "created_at": now - timedelta(seconds=75),
        "finished_at": now - timedelta(seconds=30),
    }
    return OrderCommand.objects.create(**(row | changes))


def on_command(client: Client, order: Order, command: OrderCommand, what: str) -> Any:
    return client.post(f"/console/orders/{order.pk}/commands/{command.pk}/{what}", headers=HTMX)


def test_history_is_a_line_for_each_command(operator: Client, cafe: Organization, now: datetime) -> None:
    order = put(cafe, now)
    ended(order, now, correlation_id="abc-1")

    page = panel(operator, order).content.decode()

    [line] = re.findall(r'<ul class="history">(.*?)</ul>', page, re.DOTALL)
    words = text(type("Part", (), {"content": line.encode()}))
    assert "Cancel the order: Дубль Refused operator, took 45 s The POS does not know this order." in words
    assert "abc-1" not in line
    assert "abc-1" in page[page.index('class="technical"') :]


def test_refused_command_is_retried_once(operator: Client, cafe: Organization, now: datetime) -> None:
    order = put(cafe, now)
    command = ended(order, now)

    answers = [on_command(operator, order, command, "retry") for _press in range(2)]

    again = OrderCommand.objects.exclude(pk=command.pk).get()
    assert (again.state, again.params["reason"]) == (CommandState.PENDING, "Дубль")
    assert f"Retried as command #{again.pk}." in text(answers[0])
    assert f"It was retried already, as command #{again.pk}." in text(answers[1])
    command.refresh_from_db()
    assert command.acknowledged_by == "operator"


def test_command_under_way_can_be_abandoned(operator: Client, cafe: Organization, now: datetime) -> None:
    order = put(cafe, now)
    command = ended(order, now, state=CommandState.SENT, error_code="", finished_at=None)

    answer = on_command(operator, order, command, "abandon")

    command.refresh_from_db()
    assert (command.state, command.error_code) == (CommandState.EXPIRED, "given_up")
    assert "The command is abandoned." in text(answer)


def test_refused_command_is_acknowledged(operator: Client, cafe: Organization, now: datetime) -> None:
    order = put(cafe, now)
    command = ended(order, now)

    answer = on_command(operator, order, command, "acknowledge")

    assert answer.status_code == 200
    assert "Acknowledged by operator" in text(answer)
    command.refresh_from_db()
    assert command.acknowledged_by == "operator"


@pytest.mark.parametrize(
    ("what", "changes", "words"),
    [
        ("retry", {"state": CommandState.CONFIRMED, "error_code": ""}, "Only refused or abandoned"),
        ("abandon", {}, "over"),
        ("acknowledge", {"state": CommandState.CONFIRMED, "error_code": ""}, "was not refused or abandoned"),
    ],
)
def test_what_a_command_does_not_allow_is_refused_in_place(
    operator: Client, cafe: Organization, now: datetime, what: str, changes: dict[str, Any], words: str
) -> None:
    order = put(cafe, now)
    command = ended(order, now, **changes)
    before = OrderCommand.objects.values().get()

    answer = on_command(operator, order, command, what)

    assert answer.status_code == 409
    assert words in text(answer)
    assert OrderCommand.objects.values().get() == before


@pytest.mark.parametrize("what", ["retry", "abandon", "acknowledge"])
def test_command_needs_permission_and_a_restaurant_that_is_shown(
    client: Client, cafe: Organization, now: datetime, what: str
) -> None:
    sign_in(client, "loyalty.view_personal_data", "orders.view_order", "orders.change_order_status")
    order = put(cafe, now)
    command = ended(order, now)
    elsewhere = put(make_other_organization(is_active=False), now)
    theirs = ended(elsewhere, now, kind=CommandKind.UPDATE_STATUS)

    assert on_command(client, order, command, what).status_code == 403
    assert on_command(client, order, theirs, what).status_code == 404
    assert on_command(client, elsewhere, theirs, what).status_code == 404
    assert on_command(client, order, command, "repeat").status_code == 404
    assert OrderCommand.objects.filter(state=CommandState.REJECTED, acknowledged_at=None).count() == 2


def test_refused_order_is_acknowledged(operator: Client, cafe: Organization, now: datetime) -> None:
    order = put(cafe, now, status=None, raw_status=None, creation_status="Error")
    url = f"/console/orders/{order.pk}/acknowledge"

    assert f'action="{url}"' in panel(operator, order).content.decode()
    answer = operator.post(url, headers=HTMX)

    order.refresh_from_db()
    assert order.refusal_acknowledged_by == "operator"
    assert "Acknowledged by operator" in text(answer)
    assert f'action="{url}"' not in answer.content.decode()


def test_taken_order_has_nothing_to_acknowledge(operator: Client, cafe: Organization, now: datetime) -> None:
    order = put(cafe, now)

    answer = operator.post(f"/console/orders/{order.pk}/acknowledge", headers=HTMX)

    assert answer.status_code == 409
    assert not TimelineEntry.objects.exists()


def test_panel_asks_as_much_of_the_database_for_many_commands_as_for_few(
    client: Client, cafe: Organization, now: datetime
) -> None:
    sign_in_superuser(client)
    order = put(cafe, now)
    ended(order, now)
    panel(client, order)

    with CaptureQueriesContext(connection) as few:
        panel(client, order)
    for _number in range(8):
        ended(order, now)
    with CaptureQueriesContext(connection) as many:
        panel(client, order)

    assert len(many) == len(few) <= 30


# --- people ------------------------------------------------------------------------------------------


def test_other_orders_of_the_guest_need_permission_and_a_restaurant_that_is_shown(
    client: Client, cafe: Organization, now: datetime
) -> None:
    user = sign_in(client, "orders.view_order")
    order = put(cafe, now)
    mine = put(cafe, now, iiko_order_id=str(uuid4()), readable_number="77", phone="8 903 000-00-11")
    theirs = put(make_other_organization(is_active=False), now, readable_number="78")

    assert f"/console/orders/{mine.pk}" not in panel(client, order).content.decode()
    user.user_permissions.add(
        Permission.objects.get(codename="view_personal_data", content_type__app_label="loyalty")
    )
    client.force_login(User.objects.get(pk=user.pk))
    page = panel(client, order).content.decode()

    assert f'href="/console/orders/{mine.pk}"' in page
    assert f"/console/orders/{theirs.pk}" not in page


def test_courier_is_dialled_and_an_outside_one_is_tracked(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    own = put(cafe, now, courier_name="Орлова Вера", courier_phone="8 912 000-00-01")
    outside = put(
        cafe,
        now,
        iiko_order_id=str(uuid4()),
        external_courier_service_name="Доставим",
        tracking_link="https://track.example/1",
    )
    script = put(
        cafe,
        now,
        iiko_order_id=str(uuid4()),
        external_courier_service_name="Доставим",
        tracking_link="javascript:alert(1)",
    )

    assert 'href="tel:+79120000001"' in panel(operator, own).content.decode()
    assert 'href="https://track.example/1"' in panel(operator, outside).content.decode()
    assert 'href="javascript' not in panel(operator, script).content.decode()


def test_replaced_order_and_its_successor_lead_to_each_other(
    operator: Client, cafe: Organization, now: datetime
) -> None:
    new = put(cafe, now, readable_number="491", iiko_order_id=str(uuid4()))
    old = put(cafe, now, status="Cancelled", raw_status="Cancelled")
    ended(
        old,
        now,
        kind=CommandKind.APPLY_DISCOUNT,
        state=CommandState.CONFIRMED,
        error_code="",
        new_order_id=new.iiko_order_id,
        params={"discount_id": DISCOUNT_ID},
    )

    before, after = panel(operator, old), panel(operator, new)

    assert "Replaced by №491" in text(before)
    assert f'href="/console/orders/{new.pk}" data-panel="{new.pk}"' in before.content.decode()
    assert "Made in place of №142" in text(after)
    assert f'href="/console/orders/{old.pk}" data-panel="{old.pk}"' in after.content.decode()


def test_order_that_is_merged_meanwhile_is_answered_as_the_one_that_stays(
    operator: Client, cafe: Organization, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = put(cafe, now, status=None, raw_status=None, creation_status="Error", error_info={"message": "x"})
    other = put(cafe, now, iiko_order_id="stays", readable_number="143")

    def acknowledge_and_merge(**_given: object) -> None:
        MergedOrder.objects.create(pk=order.pk, order=other)
        order.delete()

    monkeypatch.setattr("console.pages.order_actions.acknowledge_refusal", acknowledge_and_merge)
    answer = operator.post(f"/console/orders/{order.pk}/acknowledge", headers=HTMX)

    assert answer.status_code == 200
    assert "№143" in text(answer)
