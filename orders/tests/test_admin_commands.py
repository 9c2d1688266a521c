"""Asking iiko from the admin: what is stored, what is refused and why, and who may."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps as django_apps
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import DjangoAssertNumQueries

from orders.actions.courier import AssignCourier, CourierParams
from orders.admin.forms import FORMS
from orders.commands import dispatch, submission
from orders.commands.submission import Requester
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order, TimelineEntry
from organizations.models.connection import ApiCall
from organizations.models.dictionaries import Courier, DictionaryEntry, DictionaryKind
from organizations.models.organization import Organization
from tests.builders import (
    COURIER_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    REVISION,
    TERMINAL_GROUP_ID,
    cloud_event,
    courier,
    drain,
    make_organization,
    make_other_organization,
    post,
    product,
    shift_event,
)
from tests.pages import CALLS, COMMANDS, ORDERS, markup, rows, sign_in, sign_in_superuser, text
from tests.simulated_iiko import CORRELATION, SimulatedIiko, linked, make_login

pytestmark = pytest.mark.django_db

SECOND_COURIER = "00000000-0000-4000-8000-0000000000c2"
CASH = "00000000-0000-4000-8000-0000000000d1"
CARD = "00000000-0000-4000-8000-0000000000d2"
CAUSE = "00000000-0000-4000-8000-0000000000e1"
DISCOUNT = "00000000-0000-4000-8000-0000000000a1"
REMOVAL = "00000000-0000-4000-8000-0000000000f1"


@pytest.fixture
def organization() -> Organization:
    organization = linked(make_organization())
    Courier.objects.create(organization=organization, iiko_id=COURIER_ID, name="Орлова Вера")
    Courier.objects.create(organization=organization, iiko_id=SECOND_COURIER, name="Ветров Илья")
    Courier.objects.create(organization=organization, iiko_id="gone", name="Ушедший", is_deleted=True)
    entry(organization, DictionaryKind.PAYMENT_TYPE, CASH, "Наличные", kind="Cash")
    entry(organization, DictionaryKind.PAYMENT_TYPE, CARD, "Картой", kind="Card")
    entry(organization, DictionaryKind.CANCEL_CAUSE, CAUSE, "Гость передумал")
    entry(organization, DictionaryKind.REMOVAL_TYPE, REMOVAL, "Без списания")
    entry(organization, DictionaryKind.DISCOUNT, DISCOUNT, "Управляющий", mode="FlexibleSum", is_manual=True)
    return organization


@pytest.fixture
def chief(client: Client) -> Client:
    """Sign in and read English, in which the texts stand in the code."""
    sign_in_superuser(client)
    client.cookies["django_language"] = "en"
    return client


def entry(
    organization: Organization, dictionary: DictionaryKind, iiko_id: str, name: str, **data: Any
) -> DictionaryEntry:
    return DictionaryEntry.objects.create(
        organization=organization, kind=dictionary, iiko_id=iiko_id, name=name, data=data
    )


def arrive(**changes: Any) -> Order:
    """Bring an order in by the webhook; it waits for its courier unless said otherwise."""
    token = changes.pop("token", None)
    event = cloud_event(**({"status": "Waiting"} | changes))
    post(Client(), [event], *([token] if token else []))
    drain()
    return Order.objects.order_by("-id")[0]


def before_the_kitchen(**changes: Any) -> Order:
    return arrive(
        **({"status": "WaitCooking", "whenPrinted": None, "items": [product(whenPrinted=None)]} | changes)
    )


def uuid_of(number: int) -> str:
    return f"00000000-0000-4000-9000-{number:012d}"


def several(count: int) -> list[Order]:
    for number in range(count):
        arrive(order_id=uuid_of(number), number=number + 1, external_number="")
    return list(Order.objects.order_by("id"))


def ask_url(order: Order, act: str) -> str:
    return f"{ORDERS}{order.pk}/ask/{act}/"


def page_url(order: Order) -> str:
    return f"{ORDERS}{order.pk}/change/"


def ask(client: Client, order: Order, act: str, **fields: Any) -> Any:
    """Send a form as the browser does and follow to where it leads."""
    data = {"key": str(uuid.uuid4())} | fields
    return client.post(ask_url(order, act), data, follow=True)


def choose(client: Client, action: str, orders: list[Order]) -> Any:
    """Tick orders in the list and run an action."""
    return client.post(
        ORDERS,
        {"action": action, "_selected_action": [order.pk for order in orders], "index": "0"},
        follow=True,
    )


def ask_many(client: Client, act: str, orders: list[Order], **fields: Any) -> Any:
    data = {"key": str(uuid.uuid4()), "order": [order.pk for order in orders]} | fields
    return client.post(f"{ORDERS}ask/{act}/", data, follow=True)


def stored(order: Order, by: str = "somebody", **changes: Any) -> OrderCommand:
    """Store a command, brought to another state."""
    command = submission.request(
        AssignCourier(),
        CourierParams(COURIER_ID),
        order_id=order.pk,
        by=Requester(by, by),
        now=timezone.now(),
    )
    if changes:
        OrderCommand.objects.filter(pk=command.pk).update(**changes)
        command.refresh_from_db()
    return command


def refused_command(order: Order, **changes: Any) -> OrderCommand:
    ended: dict[str, Any] = {
        "state": CommandState.REJECTED,
        "error_code": "CourierIdDoesNotExist",
        "error": "CourierIdDoesNotExist: no such courier",
        "finished_at": timezone.now(),
    }
    return stored(order, **(ended | changes))


def assert_nothing_happened() -> None:
    assert OrderCommand.objects.count() == 0
    assert TimelineEntry.objects.filter(what="command").count() == 0
    assert ProcrastinateJob.objects.filter(task_name="orders.advance_command").count() == 0


# --- one order ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("organization")
class TestAsking:
    def test_courier_is_asked_for_and_the_order_waits_for_iiko(self, chief: Client) -> None:
        order = arrive()

        page = text(ask(chief, order, "courier", courier=COURIER_ID))

        command = OrderCommand.objects.get()
        assert (command.kind, command.state) == (CommandKind.ASSIGN_COURIER, CommandState.PENDING)
        assert command.params == {"courier_id": COURIER_ID, "courier_name": "Орлова Вера"}
        assert (command.requested_by, command.user) == ("chief", User.objects.get())
        assert ProcrastinateJob.objects.filter(task_name="orders.advance_command").count() == 1
        assert "Assign a courier – Орлова Вера" in page
        order.refresh_from_db()
        assert order.courier_name is None

    def test_status_is_asked_for(self, chief: Client) -> None:
        order = arrive()

        ask(chief, order, "status", status="OnWay")

        assert OrderCommand.objects.get().params == {"status": "OnWay", "delivered_at": None}

    def test_moment_of_delivery_is_on_the_restaurants_clock(self, chief: Client) -> None:
        order = arrive(status="OnWay")

        ask(chief, order, "status", status="Delivered", delivered_at="2026-03-14T19:31")

        params = OrderCommand.objects.get().params
        assert datetime.fromisoformat(params["delivered_at"]) == datetime(2026, 3, 14, 14, 31, tzinfo=UTC)

    @pytest.mark.parametrize(
        "amount",
        [
            "1651",
            "1651,00",
            "1651.00",
            " 1 651,00 ",
            "1\N{NO-BREAK SPACE}651",
            "1 651,00\N{NO-BREAK SPACE}₽",
            "1651 ₽",
            "1,651.00",
            "1.651,00",
        ],
    )
    def test_payment_is_read_as_people_write_it(self, chief: Client, amount: str) -> None:
        order = arrive()

        ask(chief, order, "payment", type_0=CASH, sum_0=amount)

        assert OrderCommand.objects.get().params == {
            "payments": [
                {
                    "payment_type_id": CASH,
                    "name": "Наличные",
                    "kind": "Cash",
                    "sum_minor": 165_100,
                    "is_processed_externally": False,
                    "is_fiscalized_externally": False,
                }
            ]
        }

    def test_payment_of_two_types(self, chief: Client) -> None:
        order = arrive()

        ask(chief, order, "payment", type_0=CASH, sum_0="651,50", type_2=CARD, sum_2="999.50")

        sums = {one["name"]: one["sum_minor"] for one in OrderCommand.objects.get().params["payments"]}
        assert sums == {"Наличные": 65_150, "Картой": 99_950}

    def test_cancellation_with_its_cause_and_removal_type(self, chief: Client) -> None:
        order = arrive()

        ask(chief, order, "cancel", reason="Уехал", cause=CAUSE, removal_type=REMOVAL)

        command = OrderCommand.objects.get()
        assert command.kind == CommandKind.CANCEL
        assert command.params == {
            "comment": "Уехал",
            "reason": "Уехал",
            "cause_id": CAUSE,
            "cause": "Гость передумал",
            "removal_type_id": REMOVAL,
            "removal_type": "Без списания",
        }

    def test_form_sent_twice_asks_once(self, chief: Client) -> None:
        order = arrive()
        key = str(uuid.uuid4())

        ask(chief, order, "courier", courier=COURIER_ID, key=key)
        OrderCommand.objects.update(state=CommandState.CONFIRMED, finished_at=timezone.now())
        again = ask(chief, order, "courier", courier=COURIER_ID, key=key)

        command = OrderCommand.objects.get()
        assert again.redirect_chain == [(f"{page_url(order)}?command={command.pk}&how=repeat", 302)]

    def test_form_changed_after_going_back_is_another_command(self, chief: Client) -> None:
        order = arrive()
        key = str(uuid.uuid4())

        ask(chief, order, "courier", courier=COURIER_ID, key=key)
        ask(chief, order, "courier", courier=SECOND_COURIER, key=key)

        assert [one.params["courier_id"] for one in OrderCommand.objects.order_by("id")] == [
            COURIER_ID,
            SECOND_COURIER,
        ]

    @pytest.mark.parametrize("act", ["status", "courier", "payment", "cancel"])
    def test_looking_at_a_form_asks_nothing(self, chief: Client, act: str) -> None:
        order = arrive()

        response = chief.get(ask_url(order, act), {"status": "OnWay", "courier": COURIER_ID})

        assert response.status_code == 200
        assert 'name="csrfmiddlewaretoken"' in markup(response)
        assert_nothing_happened()

    def test_form_without_its_token_is_not_taken(self) -> None:
        strict = Client(enforce_csrf_checks=True)
        sign_in_superuser(strict)
        order = arrive()

        assert ask(strict, order, "courier", courier=COURIER_ID).status_code == 403
        assert_nothing_happened()

    def test_until_iiko_confirms_and_then(self, chief: Client, iiko: SimulatedIiko) -> None:
        order = arrive()
        iiko.answers("deliveries/update_order_courier", {"correlationId": CORRELATION})
        iiko.answers("commands/status", {"state": "Success"})
        iiko.answers("deliveries/by_id", {"orders": []})

        ask(chief, order, "courier", courier=COURIER_ID)
        command = OrderCommand.objects.get()
        page = text(chief.get(page_url(order)))
        assert "Requested, not confirmed yet Waiting to be sent Assign a courier: Орлова Вера" in page

        now = timezone.now()
        dispatch.advance(command.pk, clock=lambda: now)
        assert "Waiting for iiko" in text(chief.get(page_url(order)))
        dispatch.advance(command.pk, clock=lambda: now + timedelta(minutes=1))

        page = text(chief.get(page_url(order)))
        assert "not confirmed yet" not in page
        assert "Commands Done Assign a courier: Орлова Вера" in page


@pytest.mark.usefixtures("organization")
class TestForms:
    def test_free_couriers_come_first_and_those_off_shift_last(
        self, chief: Client, organization: Organization
    ) -> None:
        Courier.objects.create(organization=organization, iiko_id="free", name="Яковлев Ян")
        Courier.objects.create(organization=organization, iiko_id="busy", name="Занятой Пётр")
        arrive(order_id=uuid_of(1), courierInfo=courier(id="busy", name="Занятой Пётр"))
        arrive(order_id=uuid_of(2), courierInfo=courier(id=SECOND_COURIER, name="Ветров Илья"))
        order = arrive(order_id=uuid_of(13))
        for number, ident in enumerate(("free", "busy", COURIER_ID)):
            post(chief, [shift_event(employee_id=ident, event_time=f"2026-03-14 06:00:0{number}.000")])
        post(chief, [shift_event(is_opened=False, event_time="2026-03-14 07:00:00.000")])
        drain()

        page = markup(chief.get(ask_url(order, "courier")))

        labels = re.findall(r"<label class=\"hub-radio\".*?<span>(.*?)</span>", page, flags=re.DOTALL)
        assert labels == [
            "Яковлев Ян – on shift, free",
            "Занятой Пётр – on shift, 1 order on hand",
            "Орлова Вера – not on shift",
            "Ветров Илья – not on shift, 1 order on hand",
        ]

    def test_couriers_come_by_what_they_carry_where_no_shifts_are_told(
        self, chief: Client, organization: Organization
    ) -> None:
        Courier.objects.create(organization=organization, iiko_id="busy", name="Занятой Пётр")
        for number in range(2):
            arrive(order_id=uuid_of(number), courierInfo=courier(id="busy", name="Занятой Пётр"))
        arrive(order_id=uuid_of(11), courierInfo=courier(id=SECOND_COURIER, name="Ветров Илья"))
        arrive(order_id=uuid_of(12), status="Closed", courierInfo=courier())
        order = arrive(order_id=uuid_of(13))

        page = markup(chief.get(ask_url(order, "courier")))

        labels = re.findall(r"<label class=\"hub-radio\".*?<span>(.*?)</span>", page, flags=re.DOTALL)
        assert labels == [
            "Орлова Вера – free",
            "Ветров Илья – 1 order on hand",
            "Занятой Пётр – 2 orders on hand",
        ]

    def test_couriers_of_one_name_are_told_apart(self, chief: Client, organization: Organization) -> None:
        Courier.objects.create(organization=organization, iiko_id="twin", name="Орлова Вера", code="77")
        order = arrive()

        page = text(chief.get(ask_url(order, "courier")))

        assert "Орлова Вера (77)" in page
        assert f"Орлова Вера ({COURIER_ID[:8]})" in page

    def test_who_has_the_order_is_not_offered(self, chief: Client) -> None:
        order = arrive(courierInfo=courier())

        page = markup(chief.get(ask_url(order, "courier")))

        assert SECOND_COURIER in page
        assert COURIER_ID not in page

    def test_statuses_that_cannot_be_set_tell_why(self, chief: Client) -> None:
        order = arrive(status="Waiting")

        page = markup(chief.get(ask_url(order, "status")))

        offered = re.findall(r'name="status" value="(\w+)"', page)
        assert offered == ["OnWay"]
        assert re.search('<input[^>]*value="OnWay"[^>]* checked', page)
        assert "This status is set by the kitchen" in page
        assert "iiko takes this only from the status On the way." in page

    @pytest.mark.parametrize("status", ["WaitCooking", "CookingStarted"])
    def test_no_status_is_chosen_beforehand_where_the_kitchen_comes_next(
        self, chief: Client, status: str
    ) -> None:
        page = markup(chief.get(ask_url(before_the_kitchen(status=status), "status")))

        assert 'name="status" value="Waiting"' in page
        assert not re.search('<input[^>]*name="status"[^>]* checked', page)

    def test_payment_form_starts_with_the_orders_amount(self, chief: Client) -> None:
        order = arrive()

        page = markup(chief.get(ask_url(order, "payment")))

        assert re.search(r'name="sum_0" value="1,651.00\N{NO-BREAK SPACE}₽"', page)
        assert page.count('name="sum_') == 4

    def test_payment_form_starts_with_what_pays_for_the_order(self, chief: Client) -> None:
        payments = [
            {"paymentType": {"id": CASH, "name": "Наличные", "kind": "Cash"}, "sum": 651.0},
            {"paymentType": {"id": CARD, "name": "Картой", "kind": "Card"}, "sum": 1000.0},
        ]
        order = arrive(payments=payments)

        page = markup(chief.get(ask_url(order, "payment")))

        assert re.findall(r'<option value="([^"]+)" selected', page) == [CASH, CARD]
        assert re.findall(r'name="sum_\d" value="([^"]+)"', page) == [
            "651.00\N{NO-BREAK SPACE}₽",
            "1,000.00\N{NO-BREAK SPACE}₽",
        ]

    def test_payment_types_of_other_pos_and_kinds_nobody_may_set_are_left_out(
        self, chief: Client, organization: Organization
    ) -> None:
        payment = DictionaryKind.PAYMENT_TYPE
        entry(organization, payment, "here", "Здесь", kind="Card", terminal_group_ids=[TERMINAL_GROUP_ID])
        entry(organization, payment, "there", "Там", kind="Card", terminal_group_ids=["other"])
        entry(organization, payment, "credit", "В долг", kind="Credit")
        entry(organization, payment, "wallet", "Бонусами", kind="IikoCard")
        order = arrive()

        page = markup(chief.get(ask_url(order, "payment")))

        assert set(re.findall(r'<option value="([^"]+)"', page)) == {CASH, CARD, "here"}

    def test_any_payment_type_fits_where_nobody_told_the_pos_group(
        self, chief: Client, organization: Organization
    ) -> None:
        payment = DictionaryKind.PAYMENT_TYPE
        entry(organization, payment, "here", "Здесь", kind="Card", terminal_group_ids=[TERMINAL_GROUP_ID])
        order = arrive()
        Order.objects.update(terminal_group_id=None)  # as SOI leaves it

        page = markup(chief.get(ask_url(order, "payment")))

        assert set(re.findall(r'<option value="([^"]+)"', page)) == {CASH, CARD, "here"}

    @pytest.mark.parametrize(("act", "words"), [("courier", "courier"), ("payment", "payment type")])
    def test_empty_dictionary_says_what_to_do(self, chief: Client, act: str, words: str) -> None:
        Courier.objects.all().delete()
        DictionaryEntry.objects.all().delete()
        order = arrive()

        page = text(chief.get(ask_url(order, act)))

        assert words in page
        assert "manage.py sync_dictionaries" in page


@pytest.mark.usefixtures("organization")
class TestRefusals:
    @pytest.mark.parametrize(
        ("act", "fields"),
        [
            ("courier", {}),
            ("courier", {"courier": "nobody"}),
            ("courier", {"courier": "gone"}),
            ("courier", {"courier": "a\0b"}),
            ("status", {}),
            ("status", {"status": "Nonsense"}),
            ("status", {"status": "Cancelled"}),
            ("status", {"status": "CookingStarted"}),
            ("status", {"status": "Closed"}),
            ("status", {"status": "OnWay", "delivered_at": "soon"}),
            ("status", {"status": "OnWay", "delivered_at": "2026-03-14T19:00"}),
            ("payment", {}),
            ("payment", {"type_0": CASH, "sum_0": "10,5,0"}),
            ("payment", {"type_0": CASH, "sum_0": "NaN"}),
            ("payment", {"type_0": CASH, "sum_0": "-1651"}),
            ("payment", {"type_0": CASH, "sum_0": "0"}),
            ("payment", {"type_0": CASH, "sum_0": "1651,001"}),
            ("payment", {"type_0": CASH, "sum_0": "1,651"}),
            ("payment", {"type_0": CASH, "sum_0": "1651 $"}),
            ("payment", {"type_0": CASH, "sum_0": "9" * 25}),
            ("payment", {"type_0": CASH, "sum_0": "1650,99"}),
            ("payment", {"type_0": "", "sum_0": "1651"}),
            ("payment", {"type_0": "nothing", "sum_0": "1651"}),
            ("cancel", {"reason": "x" * 256}),
            ("cancel", {"cause": "nothing"}),
            ("courier", {"courier": COURIER_ID, "key": "no-key"}),
            ("courier", {"courier": COURIER_ID, "key": ""}),
        ],
    )
    def test_what_does_not_fit_stores_nothing(self, chief: Client, act: str, fields: dict[str, str]) -> None:
        order = arrive()

        response = ask(chief, order, act, **fields)

        assert response.status_code == 200
        assert response.redirect_chain == []
        assert re.search('class="(hub-error|hub-note hub-note--bad)"', markup(response)) or "key" in fields
        assert_nothing_happened()

    @pytest.mark.parametrize(
        ("changes", "act", "fields", "reason"),
        [
            ({"status": "Closed"}, "courier", {"courier": COURIER_ID}, "The order is closed"),
            ({"status": "Cancelled"}, "cancel", {"reason": "x"}, "The order is cancelled."),
            (
                {"processedPaymentsSum": 100.0},
                "payment",
                {"type_0": CASH, "sum_0": "1651"},
                "A payment of this order is processed already",
            ),
            ({"status": "Unconfirmed"}, "status", {"status": "OnWay"}, "The order is not confirmed yet."),
        ],
    )
    def test_what_cannot_work_is_refused_in_words(
        self, chief: Client, changes: dict[str, Any], act: str, fields: dict[str, str], reason: str
    ) -> None:
        order = arrive(**changes)

        response = ask(chief, order, act, **fields)

        assert reason in text(response)
        assert_nothing_happened()

    def test_buttons_that_cannot_work_are_off_and_say_why(self, chief: Client) -> None:
        order = arrive(status="Closed")

        response = chief.get(page_url(order))

        page = markup(response)
        assert page.count('<button type="button" class="hub-button" disabled') == 5
        assert "/ask/" not in page
        assert (
            "Change the status Assign a courier Change the payment Give a discount Cancel the order "
            "The order is closed; iiko changes closed orders only on the POS."
        ) in text(response)

    def test_only_what_cannot_work_is_off(self, chief: Client) -> None:
        pickup = {"id": "p", "name": "Самовывоз", "orderServiceType": "DeliveryByClient"}
        order = arrive(orderType=pickup, processedPaymentsSum=1651.0)

        response = chief.get(page_url(order))

        page = text(response)
        assert "Assign a courier: The guest picks this order up, no courier has it." in page
        assert "Change the payment: A payment of this order is processed already" in page
        assert f'href="{ask_url(order, "cancel")}"' in markup(response)
        assert f'href="{ask_url(order, "courier")}"' not in markup(response)

    def test_refused_form_keeps_what_may_still_be_set(self, chief: Client) -> None:
        order = arrive(status="OnWay")

        response = ask(chief, order, "status", status="Closed")

        offered = re.findall(r'name="status" value="(\w+)"', markup(response))
        assert "Delivered" in offered
        assert "Closed" not in offered
        assert 'class="hub-note hub-note--bad"' in markup(response)
        assert_nothing_happened()

    def test_restaurant_without_a_login(self, chief: Client, organization: Organization) -> None:
        order = arrive()
        Organization.objects.filter(pk=organization.pk).update(api_login=None)

        page = text(ask(chief, order, "courier", courier=COURIER_ID))

        assert "This restaurant has no working API login, so nothing can be sent to iiko." in page
        assert_nothing_happened()

    def test_the_same_command_under_way_is_not_asked_again(self, chief: Client) -> None:
        order = arrive()
        stored(order)

        page = text(ask(chief, order, "courier", courier=COURIER_ID))

        assert "This was asked already and iiko has not answered yet." in page
        assert OrderCommand.objects.count() == 1

    @pytest.mark.parametrize("address", ["1/ask/nonsense/", "999999/ask/courier/", "ask/nonsense/"])
    def test_addresses_that_lead_nowhere(self, chief: Client, address: str) -> None:
        assert chief.get(f"{ORDERS}{address}").status_code == 404
        assert chief.post(f"{ORDERS}{address}").status_code == 404


# --- many orders -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("organization")
class TestMany:
    def test_courier_for_the_ticked_orders(self, chief: Client) -> None:
        orders = several(3)
        form = choose(chief, "assign_courier", orders[:2])
        assert_nothing_happened()
        assert len(re.findall('type="hidden" name="order"', markup(form))) == 2

        result = ask_many(chief, "courier", orders[:2], courier=COURIER_ID)

        asked = OrderCommand.objects.order_by("order_id")
        assert [one.order_id for one in asked] == [order.pk for order in orders[:2]]
        assert {one.params["courier_id"] for one in asked} == {COURIER_ID}
        assert text(result).count("Waiting to be sent") == 2
        for order in orders[:2]:
            assert f'href="{page_url(order)}"' in markup(result)

    def test_each_row_says_whether_it_was_asked(self, chief: Client) -> None:
        good, closed, pending = several(3)
        stored(pending)
        Order.objects.filter(pk=closed.pk).update(status="Closed")

        page = text(ask_many(chief, "courier", [good, closed, pending], courier=COURIER_ID))

        assert OrderCommand.objects.count() == 2
        assert "№1 Waiting to be sent Орлова Вера" in page
        assert "№2 Not requested The order is closed" in page
        assert "№3 Not requested This was asked already" in page
        assert "1 is waiting for iiko 2 are not done" in page

    def test_result_follows_what_becomes_of_it(self, chief: Client) -> None:
        first, second = several(2)
        result = ask_many(chief, "courier", [first, second], courier=COURIER_ID)
        address = result.redirect_chain[-1][0]
        OrderCommand.objects.filter(order=first).update(
            state=CommandState.CONFIRMED, finished_at=timezone.now()
        )
        OrderCommand.objects.filter(order=second).update(
            state=CommandState.REJECTED, error_code="OrderNotFound", finished_at=timezone.now()
        )

        page = text(chief.get(address))

        assert "№1 Done" in page
        assert "№2 Refused Орлова Вера Cause: The POS does not know this order." in page

    def test_status_and_cancellation_of_many(self, chief: Client) -> None:
        orders = several(2)
        choose(chief, "change_status", orders)
        ask_many(chief, "status", orders, status="OnWay")
        choose(chief, "cancel_orders", orders)
        ask_many(chief, "cancel", orders, reason="Пожар", cause=CAUSE, removal_type=REMOVAL)

        assert [one.kind for one in OrderCommand.objects.order_by("id")] == [
            CommandKind.UPDATE_STATUS,
            CommandKind.UPDATE_STATUS,
            CommandKind.CANCEL,
            CommandKind.CANCEL,
        ]

    def test_orders_that_a_status_does_not_fit_are_marked_beforehand(self, chief: Client) -> None:
        waiting, on_way, closed = several(3)
        Order.objects.filter(pk=on_way.pk).update(status="OnWay")
        Order.objects.filter(pk=closed.pk).update(status="Closed")

        page = text(choose(chief, "change_status", [waiting, on_way, closed]))

        assert "On the way – fits 1 order of 3" in page
        assert "Delivered – fits 1 order of 3" in page
        assert page.count("The order is closed; iiko changes closed orders only on the POS.") == 1
        assert_nothing_happened()

    def test_status_that_fits_all_is_named_alone_and_one_that_fits_none_is_not_offered(
        self, chief: Client
    ) -> None:
        page = text(choose(chief, "change_status", several(2)))

        assert "New status On the way Change the status Back" in page

    def test_moment_is_asked_for_in_one_restaurant_alone(self, chief: Client) -> None:
        mine = arrive(status="OnWay")
        linked(make_other_organization(), make_login(name="other"))
        other = arrive(
            order_id=uuid_of(14), organization_id=OTHER_ORGANIZATION_ID, token=OTHER_TOKEN, status="OnWay"
        )

        assert "delivered_at" in markup(choose(chief, "change_status", [mine]))
        assert "delivered_at" not in markup(choose(chief, "change_status", [mine, other]))
        ask_many(chief, "status", [mine, other], status="Delivered", delivered_at="2026-03-14T19:00")

        assert [one.params["delivered_at"] for one in OrderCommand.objects.all()] == [None, None]

    def test_sent_twice_asks_once(self, chief: Client) -> None:
        orders = several(2)
        key = str(uuid.uuid4())

        first = ask_many(chief, "courier", orders, courier=COURIER_ID, key=key)
        second = ask_many(chief, "courier", orders, courier=COURIER_ID, key=key)

        assert OrderCommand.objects.count() == 2
        assert text(first) == text(second)

    def test_couriers_are_for_orders_of_one_restaurant(self, chief: Client) -> None:
        mine = arrive()
        linked(make_other_organization(), make_login(name="other"))
        other = arrive(order_id=uuid_of(14), organization_id=OTHER_ORGANIZATION_ID, token=OTHER_TOKEN)

        shown = text(choose(chief, "assign_courier", [mine, other]))
        sent = text(ask_many(chief, "courier", [mine, other], courier=COURIER_ID))

        for page in (shown, sent):
            assert "The orders belong to several restaurants" in page
        assert_nothing_happened()

    def test_cancelling_in_several_restaurants_takes_a_reason(self, chief: Client) -> None:
        mine = before_the_kitchen()
        linked(make_other_organization(), make_login(name="other"))
        other = arrive(
            order_id=uuid_of(14),
            organization_id=OTHER_ORGANIZATION_ID,
            token=OTHER_TOKEN,
            whenPrinted=None,
            items=[],
        )

        ask_many(chief, "cancel", [mine, other], reason="Гость передумал")

        causes = {one.order_id: one.params["cause_id"] for one in OrderCommand.objects.all()}
        assert causes == {mine.pk: CAUSE, other.pk: None}

    def test_nothing_chosen_to_set_is_told_on_the_form(self, chief: Client) -> None:
        orders = several(2)

        response = ask_many(chief, "status", orders)

        assert 'class="hub-error"' in markup(response)
        assert len(re.findall('type="hidden" name="order"', markup(response))) == 2
        assert_nothing_happened()

    def test_too_many_are_not_taken(self, chief: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("orders.admin.action_views.AT_ONCE", 2)
        orders = several(3)

        page = text(choose(chief, "cancel_orders", orders))

        assert "More than 2 orders are chosen." in page
        assert_nothing_happened()

    @pytest.mark.parametrize("ids", [[], ["x"], ["-1"], ["9" * 30], ["0"]])
    def test_form_without_orders_leads_back(self, chief: Client, ids: list[str]) -> None:
        response = chief.post(
            f"{ORDERS}ask/courier/", {"order": ids, "courier": COURIER_ID, "key": str(uuid.uuid4())}
        )

        assert (response.status_code, response["Location"]) == (302, ORDERS)
        assert_nothing_happened()

    def test_payments_are_not_changed_in_bulk(self, chief: Client) -> None:
        orders = several(2)

        ask_many(chief, "payment", orders, type_0=CASH, sum_0="1651")

        assert_nothing_happened()

    def test_result_of_somebody_else_is_not_shown(self, chief: Client) -> None:
        address = ask_many(chief, "courier", several(1), courier=COURIER_ID).redirect_chain[-1][0]
        stranger = Client()
        stranger.force_login(User.objects.create_superuser("stranger"))

        assert stranger.get(address).status_code == 302


# --- what was asked ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("organization")
class TestCommands:
    def test_refused_command_tells_cause_and_next_step(self, chief: Client) -> None:
        order = arrive()
        refused_command(order)

        page = text(chief.get(page_url(order)))

        assert (
            "Refused Assign a courier: Орлова Вера Cause: iiko does not know this courier. "
            "What to do: Read the dictionaries again and choose another courier. "
            "In iiko's words: CourierIdDoesNotExist: no such courier"
        ) in page

    def test_retry_asks_for_the_same_as_a_new_command_once(self, chief: Client) -> None:
        order = arrive()
        old = refused_command(order)
        url = f"{COMMANDS}{old.pk}/retry/"

        assert chief.get(url).status_code == 200
        assert OrderCommand.objects.count() == 1
        chief.post(url)
        chief.post(url)

        new = OrderCommand.objects.exclude(pk=old.pk).get()
        assert (new.kind, new.params, new.state) == (old.kind, old.params, CommandState.PENDING)
        assert (new.requested_by, old.requested_by) == ("chief", "somebody")

    @pytest.mark.parametrize(
        ("act", "fields"),
        [
            ("status", {"status": "OnWay"}),
            ("payment", {"type_0": CARD, "sum_0": "1651"}),
            ("cancel", {"reason": "Уехал", "cause": CAUSE}),
            ("discount", {"type": DISCOUNT, "percent": "10", "agreed": "on"}),
        ],
    )
    def test_every_kind_can_be_retried(self, chief: Client, act: str, fields: dict[str, str]) -> None:
        order = before_the_kitchen()
        ask(chief, order, act, **fields)
        old = OrderCommand.objects.get()
        OrderCommand.objects.update(state=CommandState.EXPIRED, finished_at=timezone.now())

        chief.post(f"{COMMANDS}{old.pk}/retry/")

        new = OrderCommand.objects.exclude(pk=old.pk).get()
        assert (new.kind, new.params) == (old.kind, old.params)

    def test_retry_is_refused_where_it_cannot_work_any_more(self, chief: Client) -> None:
        order = arrive()
        old = refused_command(order)
        Order.objects.update(status="Closed")

        response = chief.post(f"{COMMANDS}{old.pk}/retry/", follow=True)

        assert "The order is closed" in text(response)
        assert OrderCommand.objects.count() == 1

    @pytest.mark.parametrize("state", [CommandState.PENDING, CommandState.SENT, CommandState.CONFIRMED])
    def test_what_is_under_way_or_done_is_not_retried(self, chief: Client, state: CommandState) -> None:
        old = stored(arrive(), state=state)

        chief.post(f"{COMMANDS}{old.pk}/retry/")

        assert OrderCommand.objects.count() == 1

    def test_giving_up_ends_a_command(self, chief: Client) -> None:
        command = stored(arrive())
        url = f"{COMMANDS}{command.pk}/abandon/"

        chief.get(url)
        assert not OrderCommand.objects.get().is_final
        chief.post(url)
        chief.post(url)

        command.refresh_from_db()
        assert (command.state, command.error_code) == (CommandState.EXPIRED, "given_up_unsent")
        assert TimelineEntry.objects.filter(what="command").count() == 2

    def test_timeline_tells_who_asked_and_how_it_ended(
        self, chief: Client, organization: Organization
    ) -> None:
        order = arrive()
        ask(chief, order, "courier", courier=COURIER_ID)
        OrderCommand.objects.update(state=CommandState.SENT)
        arrive(courierInfo=courier(), timestamp=REVISION + 1)

        page = text(chief.get(page_url(order)))

        assert "chief Assign a courier: Орлова Вера Waiting to be sent" in page
        event_id = OrderCommand.objects.get().confirmed_event_id
        assert f"iiko event {event_id} Assign a courier: Орлова Вера Done" in page
        assert OrderCommand.objects.get().confirmed_by == "event"

    def test_command_of_another_hub_is_shown_as_it_is(self, chief: Client) -> None:
        order = arrive()
        stored(order, params={"who": "knows"})
        TimelineEntry.objects.create(
            order=order, what="command", to_value={"kind": "fly", "params": [1]}, recorded_at=timezone.now()
        )

        assert "{'who': 'knows'}" in text(chief.get(page_url(order)))

    def test_words_of_others_are_escaped(self, chief: Client) -> None:
        evil = "<script>alert(1)</script>"
        Courier.objects.filter(iiko_id=COURIER_ID).update(name=evil)
        order = arrive()
        command = refused_command(order, error=evil, error_code=evil[:20])

        for page in (
            page_url(order),
            ask_url(order, "courier"),
            COMMANDS,
            f"{COMMANDS}{command.pk}/change/",
            f"{COMMANDS}{command.pk}/retry/",
        ):
            assert evil not in chief.get(page).content.decode()

    @pytest.mark.parametrize("count", [1, 8])
    def test_query_count_of_the_page_does_not_grow(
        self, chief: Client, django_assert_num_queries: DjangoAssertNumQueries, count: int
    ) -> None:
        order = arrive()
        for _number in range(count):
            refused_command(order)
        stored(order)

        # session, user, order, relatives, timeline, events twice, terminal group, commands open and ended
        # and in whose place it was made
        with django_assert_num_queries(11):
            chief.get(page_url(order))


@pytest.mark.usefixtures("organization")
class TestCommandList:
    @pytest.mark.parametrize("zone", ["Asia/Yekaterinburg", "Europe/Moscow"])
    def test_clocks_are_named_where_there_are_several(self, chief: Client, zone: str) -> None:
        linked(make_other_organization(timezone=zone), make_login(name="other"))
        refused_command(arrive())

        (row,) = rows(chief.get(COMMANDS))

        assert ("UTC+5" in row) is (zone == "Europe/Moscow")

    def test_row_tells_what_was_asked_by_whom_and_how_it_ended(self, chief: Client) -> None:
        refused_command(arrive())

        (row,) = rows(chief.get(COMMANDS))

        assert "Assign a courier Орлова Вера №142 Кафе «Сирень» Refused" in row
        assert "iiko does not know this courier." in row
        assert row.endswith("somebody")

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("state=open", 1),
            ("state=rejected", 1),
            ("state=confirmed", 0),
            ("state=nonsense", 0),
            ("kind=assign_courier", 2),
            ("kind=cancel", 0),
            ("by=somebody", 1),
            ("by=nobody", 0),
            ("organization=nobody", 0),
            ("asked_from=01.01.2020", 2),
            ("asked_to=01.01.2020", 0),
            ("q=142", 2),
            ("q=WEB-117", 2),
            ("q=abc-1", 1),
            ("q=ABC", 0),
        ],
    )
    def test_filters_and_search(self, chief: Client, query: str, count: int) -> None:
        order = arrive()
        refused_command(order, correlation_id="abc-1")
        stored(order, by="another")

        assert len(rows(chief.get(f"{COMMANDS}?{query}"))) == count

    @pytest.mark.parametrize("commands_made", [2, 20])
    def test_query_count_does_not_grow_with_rows(
        self, chief: Client, django_assert_num_queries: DjangoAssertNumQueries, commands_made: int
    ) -> None:
        order = arrive()
        for _number in range(commands_made):
            refused_command(order)

        # session, user, savepoint, timeout, zone, restaurants and people to choose from, clocks, count, rows,
        # release
        with django_assert_num_queries(11):
            response = chief.get(COMMANDS)
        assert len(rows(response)) == commands_made

    def test_page_of_a_command(self, chief: Client) -> None:
        order = arrive()
        then = {"status": "OnWay", "courier_name": "Жуков Лев"}
        command = refused_command(order, correlation_id="abc-1", order_snapshot=then)

        response = chief.get(f"{COMMANDS}{command.pk}/change/")

        page = text(response)
        assert f"Assign a courier #{command.pk} Refused" in page
        assert "Correlation id abc-1" in page
        assert "Status On the way Courier Жуков Лев" in page
        assert f'href="{page_url(order)}"' in markup(response)
        assert f'href="{COMMANDS}{command.pk}/retry/"' in markup(response)

    def test_calls_of_a_command_are_shown_to_those_who_see_calls(self, client: Client) -> None:
        command = refused_command(arrive(), correlation_id="abc-1")
        # From before calls named their command.
        call = ApiCall.objects.create(
            operation="deliveries/cancel",
            correlation_id="abc-1",
            duration_ms=5,
            started_at=command.created_at,
        )
        user = sign_in(client, "orders.view_ordercommand")
        page = f"{COMMANDS}{command.pk}/change/"

        assert CALLS not in markup(client.get(page))
        user.user_permissions.add(Permission.objects.get(codename="view_apicall"))
        assert f'href="{CALLS}{call.pk}/change/"' in markup(client.get(page))

    def test_nobody_changes_a_command_here(self, chief: Client) -> None:
        command = stored(arrive())

        assert chief.get(f"{COMMANDS}add/").status_code == 403
        assert chief.post(f"{COMMANDS}{command.pk}/change/", {"state": "confirmed"}).status_code == 403
        assert chief.post(f"{COMMANDS}{command.pk}/delete/", {"post": "yes"}).status_code == 403


# --- discounts ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("organization")
class TestDiscounts:
    def test_consequences_stand_above_the_box_that_agrees_to_them(self, chief: Client) -> None:
        page = markup(chief.get(ask_url(before_the_kitchen(courierInfo=courier()), "discount")))

        for words in (
            "another number and another id",
            "comes to the kitchen as a new order",
            "sees it cancelled: tell the guest",
            "Promised payments are entered again",
            "Courier Орлова Вера must be assigned again",
            "The dishes cost",
        ):
            assert words in page, words
        assert_nothing_happened()

    def test_discount_is_asked_for_as_people_write_it(self, chief: Client) -> None:
        order = before_the_kitchen()

        page = ask(chief, order, "discount", type=DISCOUNT, percent="10,0 %", agreed="on")

        command = OrderCommand.objects.get()
        assert (command.kind, command.phase, command.requested_by) == ("apply_discount", "read", "chief")
        assert (command.params["percent"], command.params["sum_minor"]) == ("10", 16510)
        assert "reading the order" in markup(page)

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"sum": "50"}, "Agree to what it means"),
            ({"percent": "много", "agreed": "on"}, "Write a percentage"),
            ({"percent": "101", "agreed": "on"}, "Write a percentage"),
            ({"sum": "1,234", "agreed": "on"}, "Write an amount"),
            ({"agreed": "on"}, "takes a sum"),
            ({"sum": "1", "percent": "1", "agreed": "on"}, "not both"),
            ({"sum": "1651,01", "agreed": "on"}, "the dishes cost 1651.00"),
        ],
    )
    def test_what_does_not_fit_stores_nothing(
        self, chief: Client, fields: dict[str, str], words: str
    ) -> None:
        page = ask(chief, before_the_kitchen(), "discount", type=DISCOUNT, **fields)

        assert words in markup(page)
        assert_nothing_happened()

    def test_order_in_the_kitchen_has_its_button_off(self, chief: Client) -> None:
        order = arrive(status="CookingStarted")

        page = markup(chief.get(page_url(order)))

        assert f'href="{ask_url(order, "discount")}"' not in page
        assert "The kitchen has the order" in page
        assert "The kitchen has the order" in markup(chief.get(ask_url(order, "discount")))

    def test_what_needs_attention_stands_on_both_orders(self, chief: Client) -> None:
        old = before_the_kitchen()
        ask(chief, old, "discount", type=DISCOUNT, sum="50", agreed="on")
        new = before_the_kitchen(order_id=uuid_of(7), number=777)
        command = OrderCommand.objects.get()
        OrderCommand.objects.update(
            state=CommandState.NEEDS_ATTENTION,
            error_code="two_orders",
            phase="cancel_new",
            new_order_id=uuid_of(7),
            finished_at=timezone.now(),
        )

        for order in (old, new):
            page = markup(chief.get(page_url(order)))
            assert "The old and the new order may both be alive" in page
            assert "leave the guest exactly one of them" in page
            assert page_url(old) in page
            assert page_url(new) in page
        rows = markup(chief.get(f"{COMMANDS}?state=attention"))
        assert "Needs attention" in rows
        refused = ask(chief, old, "discount", type=DISCOUNT, sum="51", agreed="on")
        assert "needs attention first" in markup(refused)

        chief.post(f"{COMMANDS}{command.pk}/retry/")
        assert OrderCommand.objects.count() == 1
        assert "exactly one of them" in markup(chief.get(f"{COMMANDS}{command.pk}/abandon/"))
        chief.post(f"{COMMANDS}{command.pk}/abandon/")

        command.refresh_from_db()
        assert (command.state, command.error_code) == ("expired", "seen_to")
        assert "may both be alive" not in markup(chief.get(page_url(new)))

    def test_discounts_are_not_given_in_bulk(self, chief: Client) -> None:
        orders = [before_the_kitchen()]

        ask_many(chief, "discount", orders, type=DISCOUNT, sum="50", agreed="on")

        assert_nothing_happened()


# --- who may -----------------------------------------------------------------------------------------

ACTS = {
    "status": ("orders.change_order_status", {"status": "OnWay"}),
    "courier": ("orders.assign_order_courier", {"courier": COURIER_ID}),
    "payment": ("orders.change_order_payment", {"type_0": CASH, "sum_0": "1651"}),
    "cancel": ("orders.cancel_order", {"reason": "Дубль"}),
    "discount": ("orders.apply_order_discount", {"type": DISCOUNT, "sum": "50", "agreed": "on"}),
}


@pytest.mark.usefixtures("organization")
class TestPermissions:
    @pytest.mark.parametrize("act", ACTS)
    def test_permission_of_an_action_opens_it_and_no_other(self, client: Client, act: str) -> None:
        order = before_the_kitchen()
        permission, _fields = ACTS[act]
        sign_in(client, "orders.view_order", permission)

        page = markup(client.get(page_url(order)))
        for other, (_permission, fields) in ACTS.items():
            is_own = other == act
            assert (f'href="{ask_url(order, other)}"' in page) is is_own
            assert client.get(ask_url(order, other)).status_code == (200 if is_own else 403)
            assert ask(client, order, other, **fields).status_code == (200 if is_own else 403)

        assert OrderCommand.objects.count() == 1

    @pytest.mark.parametrize("act", ACTS)
    def test_permission_without_sight_of_orders_opens_nothing(self, client: Client, act: str) -> None:
        order = arrive()
        permission, fields = ACTS[act]
        sign_in(client, permission)

        assert client.get(ask_url(order, act)).status_code == 403
        assert ask(client, order, act, **fields).status_code == 403
        assert ask_many(client, act, [order], **fields).status_code == 403
        assert_nothing_happened()

    @pytest.mark.parametrize(
        ("act", "action"),
        [("status", "change_status"), ("courier", "assign_courier"), ("cancel", "cancel_orders")],
    )
    def test_bulk_actions_are_of_those_who_may(self, client: Client, act: str, action: str) -> None:
        order = arrive()
        permission, fields = ACTS[act]
        user = sign_in(client, "orders.view_order", *(one for one, _ in ACTS.values() if one != permission))

        assert f'<option value="{action}">' not in markup(client.get(ORDERS))
        choose(client, action, [order])
        assert ask_many(client, act, [order], **fields).status_code == 403
        assert_nothing_happened()

        user.user_permissions.all().delete()
        assert client.get(ORDERS).status_code == 403

    def test_who_may_only_look_sees_no_buttons_and_no_boxes(self, client: Client) -> None:
        order = arrive()
        stored(order)
        sign_in(client, "orders.view_order")

        page = markup(client.get(page_url(order)))
        assert "/ask/" not in page
        assert "give-up" not in page
        assert "_selected_action" not in markup(client.get(ORDERS))
        assert client.get(COMMANDS).status_code == 403

    def test_retry_and_giving_up_need_the_permission_of_the_kind(self, client: Client) -> None:
        order = arrive()
        old, under_way = refused_command(order), stored(order)
        sign_in(client, "orders.view_order", "orders.view_ordercommand", "orders.cancel_order")

        assert client.post(f"{COMMANDS}{old.pk}/retry/").status_code == 403
        assert client.post(f"{COMMANDS}{under_way.pk}/abandon/").status_code == 403
        assert "/retry/" not in markup(client.get(page_url(order)))

        assert OrderCommand.objects.count() == 2
        under_way.refresh_from_db()
        assert under_way.state == CommandState.PENDING

    def test_list_of_commands_is_of_those_who_may_view_it(self, client: Client) -> None:
        command = stored(arrive())
        sign_in(client, "orders.view_ordercommand")

        assert len(rows(client.get(COMMANDS))) == 1
        page = client.get(f"{COMMANDS}{command.pk}/change/")
        assert page.status_code == 200
        assert ORDERS not in markup(page)


class TestGroups:
    def permissions_of(self, name: str) -> set[str]:
        group = Group.objects.get(name=name)
        return {f"{one.content_type.app_label}.{one.codename}" for one in group.permissions.all()}

    def test_dispatcher_moves_orders_and_couriers(self) -> None:
        assert self.permissions_of("Dispatcher") == {
            "attention.act_on_attention",
            "attention.view_attentionitem",
            "orders.view_order",
            "orders.view_ordercommand",
            "orders.change_order_status",
            "orders.assign_order_courier",
            "organizations.view_courier",
            "organizations.view_dictionaryentry",
            "organizations.view_organization",
            "organizations.view_terminalgroup",
            "organizations.view_shift",
            "organizations.view_stoplistitem",
            "organizations.refresh_stoplistitem",
            "hall.view_tableorder",
            "hall.view_reserve",
            "hall.view_personal_data",
            "webhooks.view_webhookevent",
            "loyalty.view_customer",
            "loyalty.view_loyaltyoperation",
            "loyalty.view_personal_data",
        }

    def test_operator_does_all_that_can_be_asked_of_an_order(self) -> None:
        assert self.permissions_of("Operator") == self.permissions_of("Dispatcher") | {
            "analytics.view_analytics",
            "orders.change_order_payment",
            "orders.cancel_order",
            "orders.apply_order_discount",
            "orders.export_order",
            "loyalty.view_personal_data",
            "loyalty.view_balancedifference",
            "loyalty.topup_wallet",
            "loyalty.withdraw_wallet",
            "loyalty.hold_wallet",
        }

    def test_administrator_sets_the_hub_up_as_well(self) -> None:
        administrator = self.permissions_of("Administrator")

        assert administrator > self.permissions_of("Operator")
        assert administrator >= {
            "webhooks.replay_webhookevent",
            "organizations.change_apilogin",
            "organizations.view_apicall",
            "auth.change_user",
        }

    def test_member_of_a_group_can_work(self, client: Client, organization: Organization) -> None:
        order = arrive()
        user = sign_in(client)
        user.groups.add(Group.objects.get(name="Dispatcher"))

        ask(client, order, "courier", courier=COURIER_ID)
        assert ask(client, order, "cancel", reason="x").status_code == 403

        assert OrderCommand.objects.get().requested_by == "operator"


class TestGroupsMigration:
    migration: Any = import_module("orders.migrations.0003_create_groups")
    editor = SimpleNamespace(connection=connection)

    def test_permissions_made_before_their_time_are_named_as_django_names_them(self) -> None:
        for permission in Permission.objects.filter(group__isnull=False).distinct():
            model = permission.content_type.model_class()
            assert model is not None
            named = dict(model._meta.permissions) | {
                f"{verb}_{model._meta.model_name}": f"Can {verb} {model._meta.verbose_name_raw}"
                for verb in ("add", "change", "delete", "view")
            }
            assert permission.name == named[permission.codename]

    def test_group_that_was_there_keeps_what_it_has(self) -> None:
        Group.objects.all().delete()
        own = Permission.objects.get(codename="delete_session")
        Group.objects.create(name="Operator").permissions.add(own)

        for _time in range(2):
            self.migration.create_groups(django_apps, self.editor)

        assert Group.objects.count() == 3
        assert own in Group.objects.get(name="Operator").permissions.all()
        assert Group.objects.get(name="Operator").permissions.filter(codename="cancel_order").exists()

    def test_it_can_be_taken_back(self) -> None:
        Group.objects.create(name="Ours")

        self.migration.delete_groups(django_apps, self.editor)

        # The other one is made by a later migration of another app.
        assert list(Group.objects.order_by("name").values_list("name", flat=True)) == ["Analyst", "Ours"]


def test_every_kind_has_its_action() -> None:
    """A new kind of command is not forgotten here."""
    assert {form.action.kind for form in FORMS.values()} == set(CommandKind)
    assert set(ACTS) == set(FORMS)


@pytest.mark.usefixtures("organization")
class TestCouriers:
    @pytest.fixture
    def shifts(self, chief: Client, organization: Organization) -> None:
        """At the restaurant Vera is on shift, Ilya was."""
        assert organization.pk
        post(chief, [shift_event(employee_id=COURIER_ID, event_time="2026-03-14 06:00:00.000")])
        for is_opened, hour in ((True, 6), (False, 7)):
            moment = f"2026-03-14 0{hour}:00:01.000"
            post(chief, [shift_event(employee_id=SECOND_COURIER, is_opened=is_opened, event_time=moment)])
        drain()

    @pytest.mark.usefixtures("shifts")
    def test_courier_off_shift_is_asked_about_first(self, chief: Client) -> None:
        order = arrive()

        response = ask(chief, order, "courier", courier=SECOND_COURIER)

        assert "Ветров Илья is not on shift, as far as iiko has reported. Assign all the same?" in text(
            response
        )
        assert_nothing_happened()
        ask(chief, order, "courier", courier=SECOND_COURIER, agreed=SECOND_COURIER)
        assert OrderCommand.objects.get().params["courier_id"] == SECOND_COURIER

    @pytest.mark.usefixtures("shifts")
    def test_agreeing_to_one_courier_says_nothing_of_another(self, chief: Client) -> None:
        order = arrive()

        ask(chief, order, "courier", courier=SECOND_COURIER, agreed=COURIER_ID)

        assert_nothing_happened()
        ask(chief, order, "courier", courier=COURIER_ID)
        assert OrderCommand.objects.get().params["courier_id"] == COURIER_ID

    @pytest.mark.usefixtures("shifts")
    def test_courier_off_shift_is_asked_about_for_many(self, chief: Client) -> None:
        orders = several(2)

        page = markup(ask_many(chief, "courier", orders, courier=SECOND_COURIER))

        assert f'name="agreed" id="id_agreed" value="{SECOND_COURIER}"' in page
        assert len(re.findall('type="hidden" name="order"', page)) == 2
        assert_nothing_happened()
        ask_many(chief, "courier", orders, courier=SECOND_COURIER, agreed=SECOND_COURIER)
        assert OrderCommand.objects.count() == 2

    def test_nobody_is_asked_about_where_iiko_tells_of_no_shifts(self, chief: Client) -> None:
        ask(chief, arrive(), "courier", courier=SECOND_COURIER)

        assert OrderCommand.objects.get().params["courier_id"] == SECOND_COURIER

    def test_courier_is_taken_off(self, chief: Client) -> None:
        order = arrive(courierInfo=courier())

        page = text(chief.get(ask_url(order, "courier")))
        answer = text(ask(chief, order, "courier", courier="nobody"))

        assert "nobody: take the courier off" in page
        assert "has not been seen on a POS yet" in page
        assert "Requested: Assign a courier – nobody: the courier is taken off." in answer
        assert OrderCommand.objects.get().params == {"courier_id": None, "courier_name": None}

    def test_courier_is_taken_off_many(self, chief: Client) -> None:
        driven = arrive(order_id=uuid_of(1), courierInfo=courier())
        free = arrive(order_id=uuid_of(2), courierInfo=None)

        page = text(ask_many(chief, "courier", [driven, free], courier="nobody"))

        assert OrderCommand.objects.get().order == driven
        assert "The order has no courier." in page

    @pytest.mark.parametrize(("version", "had"), [("8.6.5", courier()), ("8.6.6", None)])
    def test_nobody_is_not_offered_where_it_cannot_be(
        self, chief: Client, organization: Organization, version: str, had: Any
    ) -> None:
        Organization.objects.filter(pk=organization.pk).update(pos_version=version)
        order = arrive(courierInfo=had)

        assert "nobody" not in text(chief.get(ask_url(order, "courier")))
        ask(chief, order, "courier", courier="nobody")
        assert_nothing_happened()


@pytest.mark.usefixtures("organization")
class TestCancelling:
    @pytest.mark.parametrize("fields", [{}, {"reason": "  "}, {"cause": ""}])
    def test_empty_form_does_not_cancel(self, chief: Client, fields: dict[str, str]) -> None:
        order = before_the_kitchen()

        response = ask(chief, order, "cancel", **fields)

        assert "Write why, or choose a cause: the order is not cancelled without." in text(response)
        assert_nothing_happened()

    @pytest.mark.parametrize("fields", [{"reason": "Дубль"}, {"cause": CAUSE}])
    def test_cause_or_words_are_enough_before_the_kitchen(
        self, chief: Client, fields: dict[str, str]
    ) -> None:
        order = before_the_kitchen()

        page = chief.get(ask_url(order, "cancel"))
        ask(chief, order, "cancel", **fields)

        assert "Nothing is made yet, so nothing is written off." in text(page)
        assert 'name="removal_type"' not in markup(page)
        assert OrderCommand.objects.get().params["removal_type_id"] is None

    def test_what_becomes_of_food_is_asked_and_said(self, chief: Client, organization: Organization) -> None:
        removal = DictionaryKind.REMOVAL_TYPE
        entry(organization, removal, "loss", "Порча", can_write_off_to_cafe=True)
        entry(organization, removal, "fault", "Вина официанта", can_write_off_to_waiter=True)
        order = arrive()

        page = chief.get(ask_url(order, "cancel"))
        answer = ask(chief, order, "cancel", reason="Дубль")

        assert re.findall(r'<option value="([^"]*)"( selected)?[^>]*>([^<]*)</option>', markup(page))[2:] == [
            ("", " selected", "—"),
            (REMOVAL, "", "Без списания – nothing is written off"),
            ("fault", "", "Вина официанта – written off to: the waiter"),
            ("loss", "", "Порча – written off to: the restaurant"),
        ]
        assert "Choose: the food is being made already." in text(answer)
        assert_nothing_happened()

    def test_kitchen_that_began_meanwhile_is_noticed(self, chief: Client) -> None:
        order = before_the_kitchen()
        chief.get(ask_url(order, "cancel"))
        arrive(status="CookingStarted", timestamp=REVISION + 1000)

        answer = ask(chief, order, "cancel", reason="Дубль")

        assert "Choose: the food is being made already." in text(answer)
        assert_nothing_happened()

    def test_many_are_asked_about_once_and_only_made_food_is_removed(self, chief: Client) -> None:
        made = arrive(order_id=uuid_of(1))
        waiting = before_the_kitchen(order_id=uuid_of(2))

        page = text(choose(chief, "cancel_orders", [made, waiting]))
        ask_many(chief, "cancel", [made, waiting], reason="Пожар")
        assert_nothing_happened()
        ask_many(chief, "cancel", [made, waiting], reason="Пожар", removal_type=REMOVAL)

        assert "The kitchen has 1 of these orders" in page
        removals = {one.order_id: one.params["removal_type_id"] for one in OrderCommand.objects.all()}
        assert removals == {made.pk: REMOVAL, waiting.pk: None}

    def test_made_food_of_several_restaurants_is_left_to_its_page(self, chief: Client) -> None:
        mine = arrive()
        linked(make_other_organization(), make_login(name="other"))
        other = arrive(
            order_id=uuid_of(14),
            organization_id=OTHER_ORGANIZATION_ID,
            token=OTHER_TOKEN,
            whenPrinted=None,
            items=[],
        )

        page = text(ask_many(chief, "cancel", [mine, other], reason="Пожар"))

        assert OrderCommand.objects.get().order == other
        assert "Cancel it on its own page, where it is chosen what becomes of the food." in page

    def test_form_that_fits_no_order_says_so_and_warns_of_nothing(self, chief: Client) -> None:
        mine = arrive()
        linked(make_other_organization(), make_login(name="other"))
        other = arrive(order_id=uuid_of(14), organization_id=OTHER_ORGANIZATION_ID, token=OTHER_TOKEN)

        page = text(choose(chief, "cancel_orders", [mine, other]))

        assert "This cannot be requested now. None of the orders can be cancelled here" in page
        assert "A cancelled order cannot be brought back." not in page

    def test_restaurant_without_removal_types_says_what_to_do(self, chief: Client) -> None:
        DictionaryEntry.objects.filter(kind=DictionaryKind.REMOVAL_TYPE).delete()
        order = arrive()

        page = text(chief.get(ask_url(order, "cancel")))

        assert "the hub knows no removal type of the restaurant" in page
        assert "manage.py sync_dictionaries" in page


@pytest.mark.usefixtures("organization")
class TestPaying:
    def test_payment_taken_outside_is_asked_and_told(self, chief: Client) -> None:
        order = arrive()

        fields = {"type_0": CARD, "sum_0": "1651", "outside_0": "on", "fiscal_0": "on"}
        answer = text(ask(chief, order, "payment", **fields))

        [payment] = OrderCommand.objects.get().params["payments"]
        assert (payment["is_processed_externally"], payment["is_fiscalized_externally"]) == (True, True)
        told = "Картой 1,651.00 ₽ (taken outside iiko, receipt printed outside iiko)"
        assert f"Requested: Change the payment – {told}." in answer

    def test_present_payments_are_shown_as_people_read_them(self, chief: Client) -> None:
        order = arrive(
            payments=[
                {
                    "paymentType": {"id": CASH, "name": "Наличные", "kind": "Cash"},
                    "sum": 1520.5,
                    "isPreliminary": True,
                }
            ]
        )
        chief.cookies["django_language"] = "ru"

        page = chief.get(ask_url(order, "payment"))

        assert "1 520,50 ₽" in text(page)
        assert "1 651,00 ₽" in text(page)
        # What they leave to pay stands in a row of its own.
        assert re.findall(r'name="sum_\d" value="([^"]+)"', markup(page)) == [
            "1\N{NO-BREAK SPACE}520,50\N{NO-BREAK SPACE}₽",
            "130,50\N{NO-BREAK SPACE}₽",
        ]
        assert "Получить 1 651,00 ₽, ещё ничего не оплачено." in text(page)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [({"payments": []}, "It has no payments now."), ({}, "It has no payments now.")],
    )
    def test_order_without_payments_says_so(self, chief: Client, changes: dict[str, Any], words: str) -> None:
        order = arrive(**changes)

        assert words in text(chief.get(ask_url(order, "payment")))

    def test_asked_again_it_is_still_outside(self, chief: Client) -> None:
        order = arrive()
        ask(chief, order, "payment", type_0=CARD, sum_0="1651", outside_0="on")
        command = OrderCommand.objects.get()
        OrderCommand.objects.update(state=CommandState.REJECTED, finished_at=timezone.now())

        chief.post(f"{COMMANDS}{command.pk}/retry/", follow=True)

        again = OrderCommand.objects.exclude(pk=command.pk).get()
        assert again.params == command.params
