"""Every sample body beside the checkout ends in the right order, to the last value."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from hall.models import Reserve, TableOrder
from orders.models import Order
from organizations.models import Organization
from organizations.services.registry import add_organization
from organizations.shift_models import Shift
from organizations.stop_models import StopListGroup, StopListItem
from webhooks.models import WebhookEvent
from webhooks.services.configs import set_webhook_token
from webhooks.services.worker import run_batch

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "iiko" / "samples"
FILES = sorted(SAMPLES.glob("*.json"))

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not FILES, reason="the sample bodies (../shared/iiko/samples) are not here"),
]

HOME = "f61da194-94df-50de-a434-8bc28d4d9573"
OTHER = "54022abc-ff57-5148-9ddd-4b35de8c067b"
CENTRE = "b6c70f6b-d9bc-5b7e-b1cf-436cff96f59f"
PAVEL = "d5e25331-09a3-5a24-b6df-f82170df638d"
ROLE = "9fcf95c5-07c9-5f6b-9e54-7ac8f3e3486b"
ANNA = "8fe8ebb8-3242-5098-8e1a-47b153f05078"
TOKEN = "token-of-both-restaurants"

TABLE_ORDER_FIELDS = (
    *("organization_id", "iiko_id", "pos_id", "external_number", "creation_status", "error_info"),
    *("status", "raw_status", "is_open", "number", "table_ids", "waiter_id", "waiter_name", "guests_count"),
    *("customer", "phone", "tab_name", "split_between_registers", "amount_minor"),
    *("processed_payments_minor", "order_type_id", "order_type_name", "terminal_group_id", "when_created"),
    *("when_bill_printed", "when_closed", "payments", "tips", "discounts", "revision"),
)
RESERVE_FIELDS = (
    *("organization_id", "iiko_id", "external_number", "creation_status", "error_info", "is_deleted"),
    *("status", "raw_status", "cancel_reason", "is_open", "guests_count", "duration_minutes"),
    *("should_remind", "table_ids", "estimated_start_time", "guests_coming_time", "phone", "comment"),
    *("occasion", "number", "amount_minor", "items", "revision"),
)


@pytest.fixture(autouse=True)
def restaurants(db: None) -> None:
    for iiko_id, name in ((HOME, "Берёзка"), (OTHER, "Сосна")):
        organization = add_organization(iiko_id=iiko_id, name=name, timezone="Asia/Yekaterinburg")
        set_webhook_token(organization=organization, token=TOKEN)


def send(*numbers: int) -> None:
    """POST the samples of these numbers and apply them."""
    client = Client()
    for number in numbers:
        (file,) = SAMPLES.glob(f"{number:02d}_*.json")
        answer = client.post(
            "/api/v1/webhooks/iiko",
            file.read_bytes(),
            content_type="application/json",
            headers={"authorization": TOKEN},
        )
        assert (answer.status_code, answer.json()) == (200, {"status": "OK"})
    while run_batch():
        pass


def order(iiko_order_id: str = ANNA) -> Order:
    return Order.objects.get(iiko_order_id=iiko_order_id)


def at(day: int, hour: int, minute: int, second: int = 0, micro: int = 0) -> datetime:
    """An instant of March 2026 in UTC; the restaurants are five hours ahead."""
    return datetime(2026, 3, day, hour, minute, second, micro, tzinfo=UTC)


def values(row: Model, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def test_01_order_still_on_its_way_to_the_till() -> None:
    send(1)

    found = order()
    assert (found.organization_id, found.external_order_id) == (HOME, "WEB-20260314-0117")
    assert (found.creation_status, found.status, found.raw_status) == ("InProgress", None, None)
    assert (found.amount_minor, found.items, found.error_info) == (None, [], None)
    assert (found.is_open, found.revision) == (True, 1773495728930)


def test_02_new_order_with_every_field() -> None:
    send(2)

    found = order()
    assert values(
        found,
        "pos_id",
        "external_order_id",
        "readable_number",
        "status",
        "raw_status",
        "creation_status",
        "order_type",
        "amount_minor",
        "processed_payments_minor",
        "terminal_group_id",
        "phone",
        "comment",
        "problem",
        "delivery_zone",
        "is_asap",
        "guests_count",
        "courier_id",
        "courier_name",
        "revision",
        "restaurant_name",
    ) == {
        "pos_id": "0272c29b-c426-52e9-a08c-a75ddd2e220d",
        "external_order_id": "WEB-20260314-0117",
        "readable_number": "142",
        "status": "WaitCooking",
        "raw_status": "WaitCooking",
        "creation_status": "Success",
        "order_type": "DELIVERY",
        "amount_minor": 165100,
        "processed_payments_minor": 0,
        "terminal_group_id": "b6c70f6b-d9bc-5b7e-b1cf-436cff96f59f",
        "phone": "+79040000117",
        "comment": "Позвонить за 10 минут. Домофон не работает",
        "problem": None,
        "delivery_zone": "Центр",
        "is_asap": False,
        "guests_count": 1,
        "courier_id": None,
        "courier_name": None,
        "revision": 1773495732930,
        "restaurant_name": "Берёзка",
    }
    assert values(
        found, "promised_time", "when_created", "when_confirmed", "cooking_start_time", "when_received_by_api"
    ) == {
        "promised_time": at(14, 14, 40),
        "when_created": at(14, 13, 42, 11, 480_000),
        "when_confirmed": at(14, 13, 42, 40, 511_000),
        "cooking_start_time": at(14, 13, 55),
        "when_received_by_api": at(14, 13, 42, 8, 51_000),
    }


def test_02_customer_address_items_and_payments() -> None:
    send(2)

    found = order()
    assert found.customer == {
        "id": "b58b11df-c290-5d7e-856d-e02d45ecdda3",
        "type": "regular",
        "name": "Анна",
        "surname": "Климова",
        "comment": None,
        "gender": "NotSpecified",
        "birthdate": None,
        "is_in_blacklist": False,
        "blacklist_reason": None,
    }
    assert found.address is not None
    assert {name: value for name, value in found.address.items() if value is not None} == {
        "city": "Тюмень",
        "street": "Республики",
        "house": "61",
        "flat": "18",
        "latitude": "57.153",
        "longitude": "65.5343",
    }
    pizza, drink = found.items
    assert (pizza["name"], pizza["size"], pizza["amount"]) == ("Пицца «Сибирская»", "30 см", "2")
    assert (pizza["price_minor"], pizza["cost_minor"], pizza["result_minor"]) == (69000, 138000, 147100)
    assert pizza["modifiers"] == [
        {
            "product_id": "29469d13-109a-5384-84ed-6862d851df8c",
            "name": "Халапеньо",
            "amount": "1",
            "price_minor": 4550,
            "result_minor": 4550,
            "is_deleted": False,
        }
    ]
    assert (drink["comment"], drink["result_minor"], drink["is_deleted"]) == ("без льда", 18000, False)
    assert found.payments == [
        {
            "type_id": "2d23aba3-15d7-5279-8a55-8bf96203bebd",
            "name": "Наличные",
            "kind": "Cash",
            "sum_minor": 165100,
            "is_preliminary": True,
            "is_external": True,
            "is_processed_externally": False,
            "is_fiscalized_externally": False,
            "is_prepay": False,
        }
    ]
    assert (found.tips, found.discounts) == ([], [])


def test_03_items_are_being_cooked() -> None:
    send(2, 3)

    found = order()
    assert (found.status, found.revision) == ("CookingStarted", 1773496492930)
    assert [item["status"] for item in found.items] == ["CookingStarted", "PrintedNotCooking"]
    assert found.items[0]["when_printed"] == "2026-03-14T13:54:40.002000Z"


def test_04_courier_is_assigned() -> None:
    send(4)

    assert values(order(), "status", "courier_id", "courier_name", "courier_phone") == {
        "status": "Waiting",
        "courier_id": "d5e25331-09a3-5a24-b6df-f82170df638d",
        "courier_name": "Егоров Павел",
        "courier_phone": "+79040000202",
    }


def test_05_courier_is_changed_on_the_way() -> None:
    send(4, 5)

    found = order()
    assert (found.status, found.courier_name) == ("OnWay", "Насырова Гульнара")
    assert (found.when_sent, found.estimated_time) == (at(14, 14, 22, 12), at(14, 14, 38))
    told = {entry.what: (entry.from_value, entry.to_value) for entry in found.timeline.all()}
    assert told["courier_name"] == ("Егоров Павел", "Насырова Гульнара")


def test_06_07_delivered_then_closed_in_time() -> None:
    send(6)
    assert (order().status, order().when_delivered) == ("Delivered", at(14, 14, 37, 44))

    send(7)
    found = order()
    assert values(found, "status", "when_closed", "when_bill_printed", "processed_payments_minor") == {
        "status": "Closed",
        "when_closed": at(14, 14, 43, 50, 117_000),
        "when_bill_printed": at(14, 14, 21, 30),
        "processed_payments_minor": 165100,
    }
    assert found.payments[0]["is_preliminary"] is False
    assert (found.is_open, found.late_at(timezone.now())) == (False, False)


def test_08_cancelled_with_cause_and_deleted_item() -> None:
    send(8)

    found = order("51e45fcb-340c-5e57-ba09-9834043e580b")
    assert values(
        found, "status", "cancel_cause", "cancel_comment", "when_cancelled", "amount_minor", "is_open"
    ) == {
        "status": "Cancelled",
        "cancel_cause": "Отказ гостя",
        "cancel_comment": "Передумал, перезвонил в 13:19",
        "when_cancelled": at(15, 8, 20, 29, 551_000),
        "amount_minor": 0,
        "is_open": False,
    }
    assert (found.items[0]["is_deleted"], found.items[0]["deletion_reason"]) == (True, "Гость отказался")


def test_09_pickup_of_a_one_time_customer() -> None:
    send(9)

    found = order("08849a9f-7143-56e8-9539-a019174f2fbf")
    assert (found.order_type, found.address, found.status) == ("PICKUP", None, "Unconfirmed")
    assert (found.amount_minor, found.is_asap, found.external_order_id) == (9990, True, None)
    assert found.customer is not None
    assert (found.customer["type"], found.customer["name"]) == ("one-time", "Айгүл Қ. 😀")


def test_10_moved_to_another_restaurant() -> None:
    send(10)

    old = order("ae579577-9935-55eb-92ad-ff1f98bc3e57")
    new = order("9ed6d595-2370-5492-bac3-b5a36d371d3a")
    assert (old.organization_id, old.status, old.cancel_cause) == (
        HOME,
        "Cancelled",
        "Перенос в другой ресторан",
    )
    assert (new.organization_id, new.status, new.readable_number) == (OTHER, "WaitCooking", "21")
    assert old.moved == {
        "to_order_id": new.iiko_order_id,
        "to_terminal_group_id": "3876dbc9-c0a5-5ed2-b187-f948208fbffc",
        "to_organization_id": OTHER,
    }
    assert new.moved is not None
    assert new.moved["from_order_id"] == old.iiko_order_id


def test_11_13_creation_error_then_late_success() -> None:
    send(11)
    late = "ed70dd29-88ad-5f9a-a991-551a058452b1"
    found = order(late)
    assert (found.creation_status, found.status, found.is_open) == ("Error", None, False)
    assert found.error_info is not None
    assert found.error_info["message"].startswith("Creation timeout expired")

    send(13)
    found = order(late)
    assert (found.creation_status, found.status, found.is_open) == ("Success", "WaitCooking", True)
    assert (found.error_info, found.amount_minor) == (None, 81235)
    told = [(entry.what, entry.to_value) for entry in found.timeline.all()]
    assert ("creation_status", "Error") in told
    assert ("creation_status", "Success") in told


def test_12_creation_error_with_its_product() -> None:
    send(12)

    found = order("6b208707-9a50-5a6c-922c-b602159e7749")
    assert found.error_info is not None
    assert (found.creation_status, found.error_info["code"]) == ("Error", "ProductNotFound")
    assert found.error_info["additionalData"] == {"productId": "f58da945-a23d-516f-bc31-a79450d0c12f"}


def test_14_discounts_combo_halves_service_and_loyalty() -> None:
    send(14)

    found = order("5d04e0a2-2b8a-5684-a814-7c6bd1abdfea")
    burger, halves, service = found.items
    assert (burger["combo_name"], burger["result_minor"]) == ("Комбо «Обед»", 40500)
    assert (halves["name"], halves["kind"], halves["price_minor"], halves["result_minor"]) == (
        "½ Половинка «Маргарита» / ½ Половинка «Пепперони»",
        "Compound",
        90100,
        81090,
    )
    assert halves["template_name"] == "Пицца 2 половинки"
    assert [half["name"] for half in halves["components"]] == [
        "Половинка «Маргарита»",
        "Половинка «Пепперони»",
    ]
    assert (service["name"], service["kind"], service["cost_minor"]) == ("Доставка", "Service", 0)
    assert found.discounts == [
        {"type_id": "1e00576f-c471-5061-b8af-0c12d865f3b4", "name": "Скидка 10%", "sum_minor": 13510}
    ]
    assert [(payment["name"], payment["sum_minor"]) for payment in found.payments] == [
        ("Бонусы", 21590),
        ("Онлайн", 100000),
    ]
    assert [(tip["name"], tip["sum_minor"]) for tip in found.tips] == [("Онлайн чаевые", 5000)]
    assert found.loyalty is not None
    assert found.loyalty["coupon"] == "SPRING26"
    assert found.external_data == [{"key": "promo", "value": "landing-7"}]
    assert (found.amount_minor, found.problem, found.operator_name) == (
        121590,
        "Гость не отвечает на звонок",
        "Ким Ольга",
    )


def test_15_array_of_several_types_is_three_events() -> None:
    send(15)

    ended = list(WebhookEvent.objects.order_by("id").values_list("event_type", "status", "reason"))
    assert ended == [
        ("DeliveryOrderUpdate", "processed", ""),
        ("StopListUpdate", "processed", ""),
        ("PersonalShift", "processed", ""),
    ]
    assert order().status == "Waiting"
    assert stop_lists() == [(HOME, CENTRE, 1, False)]
    assert shifts() == [(HOME, CENTRE, PAVEL, "", at(14, 14, 13, 54), None, True)]


def test_16_17_table_order_from_the_first_guest_to_the_payment() -> None:
    send(16)
    found = TableOrder.objects.get()
    assert values(found, *TABLE_ORDER_FIELDS) == {
        "organization_id": HOME,
        "iiko_id": "ddb76ad7-ffb6-5f27-8f94-936ef36dac73",
        "pos_id": "4ca68b29-c731-55ac-ae8a-2edfbb980a8e",
        "external_number": None,
        "creation_status": "Success",
        "error_info": None,
        "status": "New",
        "raw_status": "New",
        "is_open": True,
        "number": "57",
        "table_ids": ["ed44a85a-645b-5984-a3b3-cb6e7388a9d2"],
        "waiter_id": "07324646-223a-5936-bdb6-f83780753a79",
        "waiter_name": "Соколова Вера",
        "guests_count": 2,
        "customer": None,
        "phone": None,
        "tab_name": None,
        "split_between_registers": "Disabled",
        "amount_minor": 76000,
        "processed_payments_minor": 0,
        "order_type_id": "0672c5bd-7348-56f1-8398-088830cef24e",
        "order_type_name": "Зал",
        "terminal_group_id": "b6c70f6b-d9bc-5b7e-b1cf-436cff96f59f",
        "when_created": at(14, 15, 1, 3, 117_000),
        "when_bill_printed": None,
        "when_closed": None,
        "payments": [],
        "tips": [],
        "discounts": [],
        "revision": 1773500465930,
    }
    (item,) = found.items
    assert (item["name"], item["status"], item["amount"], item["result_minor"], item["is_deleted"]) == (
        "Стейк",
        "Added",
        "1",
        76000,
        False,
    )

    send(17)
    found = TableOrder.objects.get()
    assert values(found, "status", "is_open", "processed_payments_minor", "revision") == {
        "status": "Closed",
        "is_open": False,
        "processed_payments_minor": 76000,
        "revision": 1773504611930,
    }
    assert values(found, "when_created", "when_bill_printed", "when_closed") == {
        "when_created": at(14, 15, 1, 3, 117_000),
        "when_bill_printed": at(14, 16, 5),
        "when_closed": at(14, 16, 10, 10, 770_000),
    }
    assert found.items[0]["status"] == "Served"
    assert [(one["name"], one["kind"], one["sum_minor"]) for one in found.payments] == [
        ("Карта", "Card", 76000)
    ]
    assert not Order.objects.exists()


def test_18_table_order_that_the_till_did_not_take() -> None:
    send(18)

    found = TableOrder.objects.get()
    assert values(
        found,
        "iiko_id",
        "external_number",
        "creation_status",
        "status",
        "is_open",
        "amount_minor",
        "revision",
    ) == {
        "iiko_id": "c9a8608c-ae14-5fcb-ab01-fc125ac2ec42",
        "external_number": "QR-7-003",
        "creation_status": "Error",
        "status": None,
        "is_open": False,
        "amount_minor": None,
        "revision": 1773500580000,
    }
    assert found.error_info is not None
    assert (found.error_info["code"], found.error_info["message"]) == (
        "TerminalGroupDisabled",
        "Terminal group is disabled.",
    )
    assert (found.items, found.table_ids, found.payments) == ([], [], [])


def test_19_20_reserve_that_the_guests_refused() -> None:
    send(19)
    found = Reserve.objects.get()
    assert values(found, *RESERVE_FIELDS) == {
        "organization_id": HOME,
        "iiko_id": "dd0de1ff-e70d-5dc2-aafc-60dba1a54c5b",
        "external_number": None,
        "creation_status": "Success",
        "error_info": None,
        "is_deleted": False,
        "status": "New",
        "raw_status": "New",
        "cancel_reason": None,
        "is_open": True,
        "guests_count": 6,
        "duration_minutes": 150,
        "should_remind": True,
        "table_ids": [
            "542d873b-8d08-5e97-9ab4-3f00d5a2fb8c",
            "4a188027-1241-5b5f-a4dc-388717de8a74",
        ],
        "estimated_start_time": at(20, 14, 0),
        "guests_coming_time": None,
        "phone": "+79040000120",
        "comment": "День рождения, нужен детский стул",
        "occasion": "Банкет",
        "number": None,
        "amount_minor": None,
        "items": [],
        "revision": 1773489600500,
    }
    assert found.customer is not None
    assert (found.customer["id"], found.customer["name"], found.customer["is_in_blacklist"]) == (
        "55d7a55a-04c4-530a-ba38-7d7facf254af",
        "Олег",
        False,
    )

    send(20)
    assert values(Reserve.objects.get(), "status", "cancel_reason", "is_open", "revision") == {
        "status": "Closed",
        "cancel_reason": "ClientRefused",
        "is_open": False,
        "revision": 1773912600000,
    }


def test_21_reserve_that_the_till_did_not_take() -> None:
    send(21)

    found = Reserve.objects.get()
    assert values(found, "iiko_id", "creation_status", "status", "is_open", "is_deleted", "guests_count") == {
        "iiko_id": "1437d899-abd8-5935-8533-dbcb50161b45",
        "creation_status": "Error",
        "status": None,
        "is_open": False,
        "is_deleted": False,
        "guests_count": None,
    }
    assert found.error_info is not None
    assert (found.error_info["code"], found.error_info["message"]) == (
        "DuplicatedReserveId",
        "Reserve already exists.",
    )


@pytest.mark.parametrize("number", range(16, 22))
def test_16_to_21_are_applied_without_a_note(number: int) -> None:
    send(number)

    assert list(WebhookEvent.objects.values_list("status", "reason", "notes")) == [("processed", "", [])]


def stop_lists() -> list[tuple[Any, ...]]:
    due = StopListGroup.objects.due().order_by("id")
    return list(due.values_list("organization_id", "terminal_group_id", "changes", "is_full"))


def shifts() -> list[tuple[Any, ...]]:
    return [
        (
            shift.organization_id,
            shift.terminal_group_id,
            shift.employee_id,
            shift.role_id,
            shift.opened_at,
            shift.closed_at,
            shift.is_open,
        )
        for shift in Shift.objects.order_by("id")
    ]


def test_22_stop_lists_of_two_till_groups_are_due() -> None:
    send(22)

    assert list(WebhookEvent.objects.values_list("status", "reason")) == [("processed", "")]
    assert stop_lists() == [
        (HOME, "5cdc9283-a0f0-559f-874a-1a21b21bd9ab", 1, False),
        (HOME, CENTRE, 1, True),
    ]
    assert not StopListItem.objects.exists()


def test_23_shift_whose_opening_nobody_told_is_closed() -> None:
    send(23)

    assert shifts() == [(HOME, CENTRE, PAVEL, ROLE, None, at(14, 19, 0, 11, 900000), False)]


@pytest.mark.parametrize("numbers", [(15, 23), (23, 15), (23, 15, 23, 15)])
def test_15_and_23_make_one_shift_in_any_order(numbers: tuple[int, ...]) -> None:
    send(*numbers)

    assert shifts() == [(HOME, CENTRE, PAVEL, ROLE, at(14, 14, 13, 54), at(14, 19, 0, 11, 900000), False)]


def test_24_event_without_a_schema_is_only_kept() -> None:
    send(24)

    event = WebhookEvent.objects.get()
    assert (event.event_type, event.status, event.reason) == ("NomenclatureUpdate", "ignored", "kept_only")


def test_25_26_soi_order_from_create_to_on_way() -> None:
    send(25)
    found = order()
    assert values(
        found,
        "external_order_id",
        "readable_number",
        "status",
        "raw_status",
        "creation_status",
        "order_type",
        "amount_minor",
        "restaurant_name",
        "promised_time",
        "when_created",
        "revision",
    ) == {
        "external_order_id": "20260314-117",
        "readable_number": "117",
        "status": "CookingStarted",
        "raw_status": "COOKING_STARTED",
        "creation_status": "OK",
        "order_type": "DELIVERY",
        "amount_minor": 165100,
        "restaurant_name": "Кафе «Берёзка», Тюмень",
        "promised_time": at(14, 14, 40),
        "when_created": at(14, 13, 42, 11),
        "revision": None,
    }

    send(26)
    assert (order().status, order().raw_status) == ("OnWay", "ON_WAY")


def test_27_soi_creation_error_without_details() -> None:
    send(27)

    found = Order.objects.get()
    assert values(found, "iiko_order_id", "external_order_id", "creation_status", "status", "error_info") == {
        "iiko_order_id": None,
        "external_order_id": "20260314-118",
        "creation_status": "Error",
        "status": None,
        "error_info": {"code": "ProductNotFound", "message": "Product not found"},
    }


# --- whatever way they arrive ------------------------------------------------------------------------


def mirror() -> list[dict[str, Any]]:
    """The rows without what depends on when this hub first saw them."""
    orders = sorted(
        rows_of(Order), key=lambda row: (row["iiko_order_id"] or "", row["external_order_id"] or "")
    )
    hall = [sorted(rows_of(model), key=lambda row: row["iiko_id"]) for model in (TableOrder, Reserve)]
    return [*orders, *hall[0], *hall[1]]


def rows_of(model: type[Model]) -> list[dict[str, Any]]:
    ours = {"id", "created_at", "updated_at", "field_ranks"}
    names = [field.attname for field in model._meta.concrete_fields if field.attname not in ours]
    return [values(found, *names) for found in model._default_manager.all()]


def start_over() -> None:
    for model in (WebhookEvent, Order, TableOrder, Reserve):
        model._default_manager.all().delete()


NUMBERS = range(1, 28)


def test_whole_set_twice_ends_in_the_same_orders() -> None:
    send(*NUMBERS)
    once = mirror()
    assert len(once) == 13

    send(*NUMBERS)

    assert mirror() == once
    assert sum(WebhookEvent.objects.values_list("duplicates", flat=True)) >= len(FILES)


def test_whole_set_in_reverse_ends_in_the_same_orders() -> None:
    send(*NUMBERS)
    forward = mirror()
    assert len(forward) == 13
    start_over()

    send(*reversed(NUMBERS))

    assert mirror() == forward


@pytest.mark.parametrize("seed", range(6))
def test_whole_set_shuffled_and_repeated_ends_in_the_same_orders(seed: int) -> None:
    send(*NUMBERS)
    forward = mirror()
    assert len(forward) == 13
    start_over()
    generator = random.Random(seed)
    numbers = [*NUMBERS, *generator.sample(NUMBERS, 9)]
    generator.shuffle(numbers)

    for number in numbers:
        send(number) if generator.random() < 0.3 else send_only(number)
    send()

    assert mirror() == forward


def send_only(number: int) -> None:
    """POST without applying, so that batches of different sizes form."""
    (file,) = SAMPLES.glob(f"{number:02d}_*.json")
    Client().post(
        "/api/v1/webhooks/iiko",
        file.read_bytes(),
        content_type="application/json",
        headers={"authorization": TOKEN},
    )


def test_restaurants_of_the_samples_are_the_only_ones() -> None:
    send(*NUMBERS)

    assert {str(found.organization_id) for found in Order.objects.all()} == {HOME, OTHER}
    assert Organization.objects.count() == 2
