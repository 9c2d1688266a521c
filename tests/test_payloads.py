"""Every body in ``payloads/``, one of each kind that iiko sends, ends in the right rows."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from hall.models import Reserve, TableOrder
from orders.models.order import Order
from organizations.models.organization import Organization
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListGroup, StopListItem
from organizations.provisioning import add_organization
from sandbox.tests import vendor_schema
from webhooks.models.inbox import WebhookEvent
from webhooks.processing.worker import run_batch
from webhooks.receiving.configs import set_webhook_token

PAYLOADS = Path(__file__).parent / "payloads"

pytestmark = pytest.mark.django_db

HOME = "5bd4d950-2880-5072-820c-68181f9d95be"
OTHER = "355739f5-a2bc-5fcf-b54e-5f512e9d0778"
RIVER = "8c9484eb-cd86-5c63-aecd-502fb48e9167"
IGNAT = "ea9a31bd-e730-5d02-97f8-ab82d5ab756f"
ROLE = "81ddce04-09a6-5a4c-aa39-2bfa62c12d94"
VERA = "c43700f6-e788-52f4-8ce3-e0f73c50fe24"
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
    for iiko_id, name in ((HOME, "Рябина"), (OTHER, "Ольха")):
        organization = add_organization(iiko_id=iiko_id, name=name, timezone="Asia/Novosibirsk")
        set_webhook_token(organization=organization, token=TOKEN)


def send(*numbers: int) -> None:
    """POST the payloads of these numbers and apply them."""
    for number in numbers:
        send_only(number)
    while run_batch():
        pass


def send_only(number: int) -> None:
    """POST without applying, so that batches of different sizes form."""
    post_file(file_of(number))


def file_of(number: int) -> Path:
    (file,) = PAYLOADS.glob(f"{number:02d}_*.json")
    return file


def post_file(file: Path) -> None:
    answer = Client().post(
        "/api/v1/webhooks/iiko",
        file.read_bytes(),
        content_type="application/json",
        headers={"authorization": TOKEN},
    )
    assert (answer.status_code, answer.json()) == (200, {"status": "OK"})


def order(iiko_order_id: str = VERA) -> Order:
    return Order.objects.get(iiko_order_id=iiko_order_id)


def at(day: int, hour: int, minute: int, second: int = 0, micro: int = 0) -> datetime:
    """Return an instant of April 2026 in UTC; the restaurants are seven hours ahead."""
    return datetime(2026, 4, day, hour, minute, second, micro, tzinfo=UTC)


def values(row: Model, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def test_01_order_still_on_its_way_to_the_pos() -> None:
    send(1)

    found = order()
    assert (found.organization_id, found.external_order_id) == (HOME, "SITE-2026-0409-31")
    assert (found.creation_status, found.status, found.raw_status) == ("InProgress", None, None)
    assert (found.amount_minor, found.items, found.error_info) == (None, [], None)
    assert (found.is_open, found.revision) == (True, 1775711055960)


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
        "pos_id": "3e4604e3-e549-5951-89ad-405bbf3297f7",
        "external_order_id": "SITE-2026-0409-31",
        "readable_number": "451",
        "status": "WaitCooking",
        "raw_status": "WaitCooking",
        "creation_status": "Success",
        "order_type": "DELIVERY",
        "amount_minor": 128940,
        "processed_payments_minor": 0,
        "terminal_group_id": "8c9484eb-cd86-5c63-aecd-502fb48e9167",
        "phone": "+79130000451",
        "comment": "Код домофона 40К, не звонить",
        "problem": None,
        "delivery_zone": "Правый берег",
        "is_asap": False,
        "guests_count": 3,
        "courier_id": None,
        "courier_name": None,
        "revision": 1775711059050,
        "restaurant_name": "Рябина",
    }
    assert values(
        found, "promised_time", "when_created", "when_confirmed", "cooking_start_time", "when_received_by_api"
    ) == {
        "promised_time": at(9, 6, 15),
        "when_created": at(9, 5, 4, 18, 250_000),
        "when_confirmed": at(9, 5, 5, 2, 900_000),
        "cooking_start_time": at(9, 5, 25),
        "when_received_by_api": at(9, 5, 4, 15, 700_000),
    }


def test_02_customer_address_items_and_payments() -> None:
    send(2)

    found = order()
    assert found.customer == {
        "id": "ab81b454-71a6-5da7-ad86-e014a6d6bb96",
        "type": "regular",
        "name": "Вера",
        "surname": "Тихая",
        "comment": None,
        "gender": "NotSpecified",
        "birthdate": None,
        "is_in_blacklist": False,
        "blacklist_reason": None,
    }
    assert found.address is not None
    assert {name: value for name, value in found.address.items() if value is not None} == {
        "city": "Новосибирск",
        "street": "Ленина",
        "house": "12",
        "flat": "40",
        "entrance": "2",
        "floor": "5",
        "doorphone": "40К",
        "latitude": "55.0302",
        "longitude": "82.9204",
    }
    bread, drink = found.items
    assert (bread["name"], bread["size"], bread["amount"]) == ("Хачапури по-аджарски", "большой", "3")
    assert (bread["price_minor"], bread["cost_minor"], bread["result_minor"]) == (31000, 93000, 116940)
    assert bread["modifiers"] == [
        {
            "product_id": "4d558ae9-bba9-5049-8a0a-d384ed424ab0",
            "name": "Сулугуни",
            "amount": "2",
            "price_minor": 3990,
            "result_minor": 23940,
            "is_deleted": False,
        }
    ]
    assert (drink["comment"], drink["result_minor"], drink["is_deleted"]) == ("со льдом", 12000, False)
    assert found.payments == [
        {
            "type_id": "53f8ed22-1cdc-5aa1-8334-23baaca4d0d7",
            "name": "Наличными",
            "kind": "Cash",
            "sum_minor": 128940,
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
    assert (found.status, found.revision) == ("CookingStarted", 1775712370230)
    assert [item["status"] for item in found.items] == ["CookingStarted", "PrintedNotCooking"]
    assert found.items[0]["when_printed"] == "2026-04-09T05:26:10.004000Z"


def test_04_courier_is_assigned() -> None:
    send(4)

    assert values(order(), "status", "courier_id", "courier_name", "courier_phone") == {
        "status": "Waiting",
        "courier_id": "ea9a31bd-e730-5d02-97f8-ab82d5ab756f",
        "courier_name": "Лесной Игнат",
        "courier_phone": "+79130000777",
    }


def test_05_courier_is_changed_on_the_way() -> None:
    send(4, 5)

    found = order()
    assert (found.status, found.courier_name) == ("OnWay", "Ручьёва Зоя")
    assert (found.when_sent, found.estimated_time) == (at(9, 5, 52, 5), at(9, 6, 7))
    told = {entry.what: (entry.from_value, entry.to_value) for entry in found.timeline.all()}
    assert told["courier_name"] == ("Лесной Игнат", "Ручьёва Зоя")


def test_06_07_delivered_then_closed_in_time() -> None:
    send(6)
    assert (order().status, order().when_delivered) == ("Delivered", at(9, 6, 9, 41))

    send(7)
    found = order()
    assert values(found, "status", "when_closed", "when_bill_printed", "processed_payments_minor") == {
        "status": "Closed",
        "when_closed": at(9, 6, 14, 19, 480_000),
        "when_bill_printed": at(9, 5, 51),
        "processed_payments_minor": 128940,
    }
    assert found.payments[0]["is_preliminary"] is False
    assert (found.is_open, found.late_at(timezone.now())) == (False, False)


def test_08_cancelled_with_cause_and_deleted_item() -> None:
    send(8)

    found = order("0ba899c7-057a-5372-a06a-97b47335955a")
    assert values(
        found, "status", "cancel_cause", "cancel_comment", "when_cancelled", "amount_minor", "is_open"
    ) == {
        "status": "Cancelled",
        "cancel_cause": "Гость передумал",
        "cancel_comment": "Ждать час не готов",
        "when_cancelled": at(10, 7, 31, 8, 120_000),
        "amount_minor": 0,
        "is_open": False,
    }
    assert (found.items[0]["is_deleted"], found.items[0]["deletion_reason"]) == (True, "Гость ждать не стал")


def test_09_pickup_of_a_one_time_customer() -> None:
    send(9)

    found = order("d0a73a27-cd70-5635-93aa-a0711d77fea3")
    assert (found.order_type, found.address, found.status) == ("PICKUP", None, "Unconfirmed")
    assert (found.amount_minor, found.is_asap, found.external_order_id) == (6450, True, None)
    assert found.customer is not None
    assert (found.customer["type"], found.customer["name"]) == ("one-time", "Ғалия Ө. 🌿")


def test_10_moved_to_another_restaurant() -> None:
    send(10)

    old = order("5f6e0fa2-3984-505f-8cf7-ed35275bf0c0")
    new = order("7203ffe8-be8c-5d83-b1a0-a91082662ab8")
    assert (old.organization_id, old.status, old.cancel_cause) == (
        HOME,
        "Cancelled",
        "Готовит другой ресторан",
    )
    assert (new.organization_id, new.status, new.readable_number) == (OTHER, "WaitCooking", "17")
    assert old.moved == {
        "to_order_id": new.iiko_order_id,
        "to_terminal_group_id": "6b35e3d4-eaf1-508c-8c6c-4c83f7ce525d",
        "to_organization_id": OTHER,
    }
    assert new.moved is not None
    assert new.moved["from_order_id"] == old.iiko_order_id


def test_11_13_creation_error_then_late_success() -> None:
    send(11)
    late = "0bf0c9b8-3974-5c3d-b238-ffd46bd58210"
    found = order(late)
    assert (found.creation_status, found.status, found.is_open) == ("Error", None, False)
    assert found.error_info is not None
    assert found.error_info["message"].startswith("Creation timeout expired")

    send(13)
    found = order(late)
    assert (found.creation_status, found.status, found.is_open) == ("Success", "WaitCooking", True)
    assert (found.error_info, found.amount_minor) == (None, 94765)
    told = [(entry.what, entry.to_value) for entry in found.timeline.all()]
    assert ("creation_status", "Error") in told
    assert ("creation_status", "Success") in told


def test_12_creation_error_with_its_product() -> None:
    send(12)

    found = order("a453e05d-0d5a-5e79-92aa-2c66e44e402d")
    assert found.error_info is not None
    assert (found.creation_status, found.error_info["code"]) == ("Error", "ProductNotFound")
    assert found.error_info["additionalData"] == {"productId": "614c4501-a4a9-5a63-99fc-78811bb8ea07"}


def test_14_discounts_combo_halves_service_and_loyalty() -> None:
    send(14)

    found = order("4eae1a32-c393-5d06-a565-941847fdb753")
    soup, halves, service = found.items
    assert (soup["combo_name"], soup["result_minor"]) == ("Обед дня", 32300)
    assert (halves["name"], halves["kind"], halves["price_minor"], halves["result_minor"]) == (
        "½ Половина с грибами / ½ Половина с ветчиной",
        "Compound",
        102500,
        87125,
    )
    assert halves["template_name"] == "Пицца из двух половин"
    assert [half["name"] for half in halves["components"]] == [
        "Половина с грибами",
        "Половина с ветчиной",
    ]
    assert (service["name"], service["kind"], service["cost_minor"]) == ("Подъём на этаж", "Service", 0)
    assert found.discounts == [
        {"type_id": "2083f612-5249-5607-b86d-604fa93a0da5", "name": "Соседям 15%", "sum_minor": 21075}
    ]
    assert [(payment["name"], payment["sum_minor"]) for payment in found.payments] == [
        ("Баллы гостя", 19425),
        ("Оплата на сайте", 100000),
    ]
    assert [(tip["name"], tip["sum_minor"]) for tip in found.tips] == [("Чаевые с сайта", 7000)]
    assert found.loyalty is not None
    assert found.loyalty["coupon"] == "SOSED15"
    assert found.external_data == [{"key": "utm", "value": "flyer-3"}]
    assert (found.amount_minor, found.problem, found.operator_name) == (
        119425,
        "Адрес не находится на карте",
        "Юдина Нина",
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
    assert stop_lists() == [(HOME, RIVER, 1, False)]
    assert shifts() == [(HOME, RIVER, IGNAT, "", at(9, 5, 48, 31), None, True)]


def test_16_17_table_order_from_the_first_guest_to_the_payment() -> None:
    send(16)
    found = TableOrder.objects.get()
    assert values(found, *TABLE_ORDER_FIELDS) == {
        "organization_id": HOME,
        "iiko_id": "0e9d3096-78f8-5e91-8691-12b609f24f61",
        "pos_id": "20658114-facc-53bd-aba3-cc8cb55aa526",
        "external_number": None,
        "creation_status": "Success",
        "error_info": None,
        "status": "New",
        "raw_status": "New",
        "is_open": True,
        "number": "63",
        "table_ids": ["2bc7493b-8867-50de-849e-bdf2c11dba19"],
        "waiter_id": "97d32009-2f3a-5867-8e2a-c04cc6dec45f",
        "waiter_name": "Мороз Илья",
        "guests_count": 4,
        "customer": None,
        "phone": None,
        "tab_name": None,
        "split_between_registers": "Disabled",
        "amount_minor": 184000,
        "processed_payments_minor": 0,
        "order_type_id": "779e67d5-848e-59ec-84a1-92529b27d1d9",
        "order_type_name": "В зале",
        "terminal_group_id": "8c9484eb-cd86-5c63-aecd-502fb48e9167",
        "when_created": at(9, 12, 30, 44, 610_000),
        "when_bill_printed": None,
        "when_closed": None,
        "payments": [],
        "tips": [],
        "discounts": [],
        "revision": 1775737847300,
    }
    (item,) = found.items
    assert (item["name"], item["status"], item["amount"], item["result_minor"], item["is_deleted"]) == (
        "Рёбра на двоих",
        "Added",
        "1",
        184000,
        False,
    )

    send(17)
    found = TableOrder.objects.get()
    assert values(found, "status", "is_open", "processed_payments_minor", "revision") == {
        "status": "Closed",
        "is_open": False,
        "processed_payments_minor": 184000,
        "revision": 1775743335080,
    }
    assert values(found, "when_created", "when_bill_printed", "when_closed") == {
        "when_created": at(9, 12, 30, 44, 610_000),
        "when_bill_printed": at(9, 13, 55),
        "when_closed": at(9, 14, 2, 13, 900_000),
    }
    assert found.items[0]["status"] == "Served"
    assert [(one["name"], one["kind"], one["sum_minor"]) for one in found.payments] == [
        ("Картой", "Card", 184000)
    ]
    assert not Order.objects.exists()


def test_18_table_order_that_the_pos_did_not_take() -> None:
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
        "iiko_id": "6fe2c55c-a14a-512a-9132-af3d6c8a569e",
        "external_number": "QR-9-011",
        "creation_status": "Error",
        "status": None,
        "is_open": False,
        "amount_minor": None,
        "revision": 1775737980000,
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
        "iiko_id": "2f772b31-4754-5f70-88c4-1f16d99d6e41",
        "external_number": None,
        "creation_status": "Success",
        "error_info": None,
        "is_deleted": False,
        "status": "New",
        "raw_status": "New",
        "cancel_reason": None,
        "is_open": True,
        "guests_count": 12,
        "duration_minutes": 240,
        "should_remind": False,
        "table_ids": [
            "579fcb50-b6ab-5e44-80a7-2efa562986f5",
            "bb57e3be-eb54-575c-969c-82592e10f20d",
        ],
        "estimated_start_time": at(18, 11, 30),
        "guests_coming_time": None,
        "phone": "+79130000933",
        "comment": "Юбилей, стол у окна",
        "occasion": "Юбилей",
        "number": None,
        "amount_minor": None,
        "items": [],
        "revision": 1775621700250,
    }
    assert found.customer is not None
    assert (found.customer["id"], found.customer["name"], found.customer["is_in_blacklist"]) == (
        "84bc2eb9-7c5d-54db-9805-fcfa746b550a",
        "Глеб",
        False,
    )

    send(20)
    assert values(Reserve.objects.get(), "status", "cancel_reason", "is_open", "revision") == {
        "status": "Closed",
        "cancel_reason": "ClientRefused",
        "is_open": False,
        "revision": 1776311100000,
    }


def test_21_reserve_that_the_pos_did_not_take() -> None:
    send(21)

    found = Reserve.objects.get()
    assert values(found, "iiko_id", "creation_status", "status", "is_open", "is_deleted", "guests_count") == {
        "iiko_id": "4feb490e-f211-587c-b9d9-dcf90843503e",
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


def test_22_stop_lists_of_two_pos_groups_are_due() -> None:
    send(22)

    assert list(WebhookEvent.objects.values_list("status", "reason")) == [("processed", "")]
    assert stop_lists() == [
        (HOME, "09044219-61df-5e86-9f2d-0f16e2b0958e", 1, False),
        (HOME, RIVER, 1, True),
    ]
    assert not StopListItem.objects.exists()


def test_23_shift_whose_opening_nobody_told_is_closed() -> None:
    send(23)

    assert shifts() == [(HOME, RIVER, IGNAT, ROLE, None, at(9, 15, 5, 22, 700_000), False)]


@pytest.mark.parametrize("numbers", [(15, 23), (23, 15), (23, 15, 23, 15)])
def test_15_and_23_make_one_shift_in_any_order(numbers: tuple[int, ...]) -> None:
    send(*numbers)

    assert shifts() == [(HOME, RIVER, IGNAT, ROLE, at(9, 5, 48, 31), at(9, 15, 5, 22, 700_000), False)]


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
        "external_order_id": "0409-31",
        "readable_number": "31",
        "status": "CookingStarted",
        "raw_status": "COOKING_STARTED",
        "creation_status": "OK",
        "order_type": "DELIVERY",
        "amount_minor": 128940,
        "restaurant_name": "Рябина на набережной",
        "promised_time": at(9, 6, 15),
        "when_created": at(9, 5, 4, 18),
        "revision": None,
    }

    send(26)
    assert (order().status, order().raw_status) == ("OnWay", "ON_WAY")


def test_27_soi_creation_error_without_details() -> None:
    send(27)

    found = Order.objects.get()
    assert values(found, "iiko_order_id", "external_order_id", "creation_status", "status", "error_info") == {
        "iiko_order_id": None,
        "external_order_id": "0409-32",
        "creation_status": "Error",
        "status": None,
        "error_info": {"code": "ProductNotFound", "message": "Product not found"},
    }


# --- whatever way they arrive ------------------------------------------------------------------------


def mirror() -> list[dict[str, Any]]:
    """Return the rows without what depends on when this hub first saw them."""
    orders = sorted(
        rows_of(Order), key=lambda row: (row["iiko_order_id"] or "", row["external_order_id"] or "")
    )
    hall = [sorted(rows_of(model), key=lambda row: row["iiko_id"]) for model in (TableOrder, Reserve)]
    return [*orders, *hall[0], *hall[1]]


def rows_of(model: type[Model]) -> list[dict[str, Any]]:
    ours = {"id", "created_at", "updated_at", "field_precedence"}
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
    assert sum(WebhookEvent.objects.values_list("duplicates", flat=True)) >= len(NUMBERS)


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


def test_restaurants_of_the_payloads_are_the_only_ones() -> None:
    send(*NUMBERS)

    assert {str(found.organization_id) for found in Order.objects.all()} == {HOME, OTHER}
    assert Organization.objects.count() == 2


# --- beside the vendor's document ------------------------------------------------------------------------


def members(file: Path) -> list[dict[str, Any]]:
    """List the Cloud events of a body."""
    body = json.loads(file.read_text())
    return body if isinstance(body, list) else []


@pytest.mark.vendor
@pytest.mark.parametrize("number", sorted(set(NUMBERS) - {24, 25, 26, 27}))
def test_payload_fits_the_vendors_schema(number: int) -> None:
    for event in members(file_of(number)):
        assert vendor_schema.errors(f"WebHooks.{event['eventType']}WebHookEventInfo", event) == []


def kinds_of(files: list[Path]) -> set[tuple[str, str | None]]:
    """Types of events with the status of what they tell."""
    found: set[tuple[str, str | None]] = set()
    for event in [event for file in files for event in members(file)]:
        content = event["eventInfo"].get("order") or event["eventInfo"].get("reserve") or {}
        found.add((event["eventType"], content.get("status")))
    return found


@pytest.mark.vendor
def test_payloads_are_of_every_kind_of_the_vendors_samples() -> None:
    samples = sorted((vendor_schema.DOCUMENT.parent / "samples").glob("*.json"))

    assert len(samples) == len(NUMBERS)
    assert kinds_of(samples) <= kinds_of([file_of(number) for number in NUMBERS])


@pytest.mark.vendor
def test_samples_of_the_vendor_end_the_same_in_any_order() -> None:
    samples = sorted((vendor_schema.DOCUMENT.parent / "samples").glob("*.json"))
    for iiko_id in {event["organizationId"] for file in samples for event in members(file)}:
        organization = add_organization(iiko_id=iiko_id, name=iiko_id, timezone="Asia/Yekaterinburg")
        set_webhook_token(organization=organization, token=TOKEN)

    def ended(files: list[Path]) -> list[dict[str, Any]]:
        start_over()
        for file in files:
            post_file(file)
            send()
        assert set(WebhookEvent.objects.values_list("status", "reason")) <= {
            *(("processed", ""), ("stale", "older"), ("ignored", "kept_only"))
        }
        return mirror()

    forward = ended(samples)
    assert len(forward) == 13
    assert ended(samples[::-1]) == forward
