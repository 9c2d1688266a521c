"""What a sender writes without meaning it: words in another spelling, empty ids, moments that cannot be."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hall.models import HallRow, Reserve, TableOrder
from orders.models.order import Order
from organizations.models.organization import Organization
from organizations.models.shifts import Shift
from organizations.models.stop_lists import StopListGroup, StopListReading
from tests.builders import (
    COURIER_ID,
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    REVISION,
    TERMINAL_GROUP_ID,
    authorized,
    cloud_event,
    cloud_order,
    courier,
    customer,
    drain,
    inbox,
    make_key,
    make_organization,
    make_other_organization,
    make_terminal_group,
    post,
    product,
    reserve_event,
    shift_event,
    soi_message,
    stop_list_event,
    table_order_event,
)
from tests.pages import ORDERS, text
from webhooks.models.inbox import WebhookEvent
from webhooks.replay import replay_event

pytestmark = pytest.mark.django_db

NO_IDS = [
    "00000000-0000-0000-0000-000000000000",
    "{00000000-0000-0000-0000-000000000000}",
    "00000000000000000000000000000000",
    " 00000000-0000-0000-0000-000000000000 ",
    "urn:uuid:00000000-0000-0000-0000-000000000000",
]


@pytest.fixture(autouse=True)
def restaurant(db: None) -> None:
    make_organization()


def deliver(*bodies: Any) -> None:
    for body in bodies:
        assert post(Client(), body).status_code == 200
        drain()


def the_order() -> Order:
    return Order.objects.get()


def results() -> list[tuple[str, str]]:
    return [(one.status, one.reason) for one in inbox()]


def last_notes() -> list[str]:
    notes: list[str] = inbox()[-1].notes
    return notes


# --- flags ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["true", "True", " TRUE ", "1", 1])
def test_deletion_written_as_text_or_number_is_one(flag: Any) -> None:
    deliver(
        cloud_event(status="OnWay", isDeleted=flag),
        table_order_event(info={"isDeleted": flag}),
        reserve_event(info={"isDeleted": flag}),
    )

    rows: list[Any] = [Order.objects.get(), TableOrder.objects.get(), Reserve.objects.get()]
    assert [(row.is_deleted, row.is_open) for row in rows] == [(True, False)] * 3
    assert last_notes() == [f"isDeleted: expected true or false, got {flag!r}; taken for true"]


def test_payment_taken_outside_by_a_flag_of_text_is_paid() -> None:
    payment = {"paymentType": {"name": "Сайт"}, "sum": 1651.0, "isProcessedExternally": "true"}
    deliver(cloud_event(payments=[payment | {"isPrepay": 0}]))

    [kept] = the_order().payments
    assert (kept["is_processed_externally"], kept["is_prepay"]) == (True, False)


@pytest.mark.parametrize("flag", ["yes", "да", 2, -1, 1.0, [True], {}, ""])
def test_flag_that_cannot_be_read_is_unknown_and_noted(flag: Any) -> None:
    deliver(cloud_event(status="OnWay", isDeleted=flag))

    assert (the_order().is_deleted, the_order().is_open) == (None, True)
    assert last_notes() == [f"order.isDeleted: expected true or false, got {str(flag)!r}"]


# --- words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["Error", "ERROR", "error", " error "])
@pytest.mark.parametrize("is_soi", [False, True])
def test_order_refused_in_any_spelling_is_not_open(word: str, is_soi: bool, admin_client: Client) -> None:
    message = {"creationStatus": word, "iikoOrderDetails": None}
    deliver(
        soi_message(kind="CREATE", order_id=None, message=message)
        if is_soi
        else cloud_event(creation_status=word, order=None)
    )

    assert (the_order().creation_status, the_order().is_open) == ("Error", False)
    assert the_order().raw_status is None
    assert last_notes() == []
    assert str(the_order()) in text(admin_client.get(f"{ORDERS}?state=refused"))


@pytest.mark.parametrize(
    ("word", "read"), [("success", "Success"), ("IN_PROGRESS", "InProgress"), ("in progress", "InProgress")]
)
def test_creation_is_read_in_any_spelling(word: str, read: str) -> None:
    deliver(cloud_event(creation_status=word))

    assert the_order().creation_status == read


def test_unknown_word_is_kept_shown_and_noted_and_ends_nothing() -> None:
    deliver(cloud_event(creation_status="Errored", order=None))

    assert (the_order().creation_status, the_order().is_open) == ("Errored", True)
    assert last_notes() == ["creationStatus: unknown word 'Errored'"]


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("DELIVERY", "DELIVERY"),
        ("delivery", "DELIVERY"),
        (" pickup", "PICKUP"),
        ("PICK_UP", "PICKUP"),
        ("hall", "HALL"),
        ("DELIVERY_BY_CLIENT", "PICKUP"),
    ],
)
def test_type_of_a_soi_order_is_read_in_any_spelling(word: str, read: str) -> None:
    deliver(soi_message(orderType=word))

    assert the_order().order_type == read


def test_unknown_type_of_order_is_kept_and_noted() -> None:
    deliver(soi_message(orderType="DroneDrop"))

    assert the_order().order_type == "DroneDrop"
    assert last_notes() == ["iikoOrderDetails.orderType: unknown word 'DroneDrop'"]


def test_words_of_lines_are_read_in_any_spelling() -> None:
    line = product(type="PRODUCT", status="cooking_started")
    strange = product(status="Juggled", positionId=COURIER_ID)
    payment = {"paymentType": {"id": COURIER_ID, "name": "Карта", "kind": "CARD"}, "sum": 10.0}
    deliver(cloud_event(items=[line, strange], payments=[payment]))

    assert [(one["kind"], one["status"]) for one in the_order().items] == [
        ("Product", "CookingStarted"),
        ("Product", "Juggled"),
    ]
    assert the_order().payments[0]["kind"] == "Card"
    assert last_notes() == ["order.items[1].status: unknown word 'Juggled'"]


@pytest.mark.parametrize("name", ["deliveryorderupdate", "DELIVERY_ORDER_UPDATE", " DeliveryOrderUpdate "])
def test_type_of_an_event_is_read_in_any_spelling(name: str) -> None:
    deliver(cloud_event(event_type=name))

    assert (inbox()[0].event_type, the_order().status) == ("DeliveryOrderUpdate", "CookingStarted")


def test_type_of_a_soi_message_is_read_in_any_spelling() -> None:
    deliver(soi_message(kind=" create "))

    assert (inbox()[0].event_type, inbox()[0].status) == ("CREATE", "processed")


def test_words_of_the_hall_are_read_in_any_spelling() -> None:
    deliver(
        reserve_event(status="closed", cancelReason="CLIENT_REFUSED"),
        table_order_event(status="BILL", splitOrderBetweenCashRegisters="required"),
    )

    assert (Reserve.objects.get().status, Reserve.objects.get().cancel_reason) == ("Closed", "ClientRefused")
    table = TableOrder.objects.get()
    assert (table.status, table.split_between_registers) == ("Bill", "Required")


# --- the empty GUID ------------------------------------------------------------------------------------


@pytest.mark.parametrize("no_id", NO_IDS)
def test_empty_guid_is_no_id_in_any_field_of_an_order(no_id: str) -> None:
    moved: dict[str, Any] = dict.fromkeys(
        [
            *("parentDeliveryId", "movedFromDeliveryId", "movedFromTerminalGroupId", "movedToDeliveryId"),
            *("movedFromOrganizationId", "movedToTerminalGroupId", "movedToOrganizationId"),
        ],
        no_id,
    )
    deliver(
        cloud_event(
            info={"posId": no_id},
            correlation_id=no_id,
            **moved,
            courierInfo=courier(id=no_id, name=""),
            customer=customer(id=no_id),
            terminalGroupId=no_id,
            orderType={"id": no_id, "name": "Доставка", "orderServiceType": "DeliveryByCourier"},
            cancelInfo={"whenCancelled": None, "cause": {"id": no_id, "name": ""}, "comment": None},
            items=[product(product={"id": no_id, "name": "Суп"}, positionId=no_id)],
            payments=[{"paymentType": {"id": no_id, "name": "Карта", "kind": "Card"}, "sum": 1.0}],
            discounts=[{"discountType": {"id": no_id, "name": "Своим"}, "sum": 1.0}],
        )
    )

    order = the_order()
    flat = ("pos_id", "moved", "courier_id", "courier_name", "terminal_group_id", "order_type_id")
    assert [getattr(order, name) for name in flat] == [None] * len(flat)
    assert (order.cancel_cause_id, (order.customer or {})["id"], order.items[0]["product_id"]) == (
        None,
        None,
        None,
    )
    assert (order.payments[0]["type_id"], order.discounts[0]["type_id"]) == (None, None)
    assert (inbox()[0].correlation_id, last_notes()) == ("", [])
    response = Client().get(f"/api/v1/orders/{order.pk}", headers=authorized(make_key()))
    assert (response.json()["related_orders"], response.json()["courier_id"]) == ([], None)


def test_empty_guid_takes_the_courier_off() -> None:
    deliver(
        cloud_event(courierInfo=courier()),
        cloud_event(courierInfo=courier(id=NO_IDS[0], name=""), timestamp=REVISION + 1),
    )

    assert (the_order().courier_id, the_order().courier_name) == (None, None)


def test_order_whose_own_id_is_empty_names_no_order() -> None:
    deliver(cloud_event(order_id=NO_IDS[0]))

    assert (results(), Order.objects.count()) == ([("ignored", "no_order_id")], 0)
    assert inbox()[0].entity_key == ""


def test_soi_message_with_an_empty_id_goes_by_the_shops_number() -> None:
    deliver(soi_message(order_id=NO_IDS[0], external_id="W-1"), soi_message(external_id="W-1"))

    assert (the_order().iiko_order_id, the_order().external_order_id) == (ORDER_ID, "W-1")


def test_empty_organization_of_the_envelope_is_that_of_the_content() -> None:
    deliver(cloud_event(envelope={"organizationId": NO_IDS[0]}))

    assert (inbox()[0].organization_id, results()) == (ORGANIZATION_ID, [("processed", "")])


def test_empty_guid_is_no_id_in_the_hall_and_of_shifts() -> None:
    deliver(
        table_order_event(tableIds=[NO_IDS[0]], waiter={"id": NO_IDS[2], "name": "Вера", "phone": None}),
        shift_event(employee_id=NO_IDS[0]),
        shift_event(terminal_group_id=NO_IDS[0]),
        shift_event(role_id=NO_IDS[0]),
    )

    table = TableOrder.objects.get()
    assert (table.table_ids, table.waiter_id, table.waiter_name) == ([], None, "Вера")
    assert results()[1:] == [("ignored", "unreadable"), ("ignored", "unreadable"), ("processed", "")]
    assert Shift.objects.get().opening_role_id == ""


@pytest.mark.parametrize("no_id", [NO_IDS[0], NO_IDS[1], NO_IDS[2]])
@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("assign-courier", lambda no_id: {"courier_id": no_id}),
        ("cancel", lambda no_id: {"cancel_cause_id": no_id}),
        ("cancel", lambda no_id: {"removal_type_id": no_id}),
        ("apply-discount", lambda no_id: {"discount_id": no_id, "discount_sum": 1}),
        ("update-payment", lambda no_id: {"payments": [{"paymentTypeId": no_id, "sum": 1}]}),
    ],
)
def test_actions_refuse_the_empty_guid(no_id: str, action: str, body: Any) -> None:
    deliver(cloud_event())

    response = Client().post(
        f"/api/v1/orders/{the_order().pk}/{action}",
        body(no_id),
        content_type="application/json",
        headers=authorized(make_key()),
    )

    assert response.status_code in (400, 422), response.content
    assert "Пустой GUID — не идентификатор." in response.content.decode()
    assert the_order().commands.count() == 0


@pytest.mark.parametrize(
    "asked",
    [
        f"orders?organization_id={NO_IDS[0]}",
        f"orders?courier_id={NO_IDS[2]}",
        f"orders?iiko_order_id={NO_IDS[1]}",
        f"webhooks/events?organization_id={NO_IDS[0]}",
        f"webhooks/events?correlation_id={NO_IDS[0]}",
        f"loyalty/customers?organization_id={NO_IDS[0]}&phone=%2B79030000011",
        f"loyalty/operations?wallet_id={NO_IDS[0]}",
        f"couriers?organization_id={NO_IDS[0]}",
        f"table-orders?organization_id={NO_IDS[0]}",
        f"shifts?organization_id={NO_IDS[0]}",
        f"stop-list?organization_id={NO_IDS[0]}",
    ],
)
def test_filters_refuse_the_empty_guid(asked: str) -> None:
    response = Client().get(f"/api/v1/{asked}", headers=authorized(make_key()))

    assert response.status_code == 400, response.content
    assert "Пустой GUID — не идентификатор." in response.content.decode()


# --- moments that cannot be ------------------------------------------------------------------------------

SCALES = [1_000, 1_000_000]


@pytest.mark.parametrize(
    "revision",
    [
        *(REVISION * scale for scale in SCALES),
        float(REVISION * 1000),
        str(REVISION * 1000),
        f" {REVISION * 1000} ",
        2**63 - 1,
    ],
)
def test_revision_from_the_future_does_not_hold_an_order(revision: Any) -> None:
    deliver(cloud_event(status="WaitCooking", timestamp=revision, event_time="2026-03-14 13:54:52.000"))

    assert (the_order().status, the_order().revision) == ("WaitCooking", None)
    assert [note for note in last_notes() if note.startswith("timestamp: ") and "by eventTime" in note]

    deliver(
        cloud_event(status="OnWay", timestamp=REVISION),
        cloud_event(status="Closed", timestamp=REVISION + 1_000),
    )

    assert (the_order().status, the_order().revision) == ("Closed", REVISION + 1_000)
    assert results() == [("processed", "")] * 3


@pytest.mark.parametrize("event", [cloud_event, table_order_event, reserve_event])
def test_revision_in_seconds_is_not_older_than_everything(event: Any) -> None:
    """It lies in 1970, so whatever came before would stand for ever."""
    seconds = REVISION // 1000 + 60
    deliver(
        event(status="New", timestamp=REVISION),
        event(status="Closed", timestamp=seconds, event_time="2026-03-14 13:56:00.000"),
    )

    models: dict[Any, Any] = {cloud_event: Order, table_order_event: TableOrder, reserve_event: Reserve}
    model = models[event]
    assert (model.objects.get().raw_status, model.objects.get().revision) == ("Closed", REVISION)
    assert last_notes() == [f"timestamp: {seconds} lies before 2010; placed by eventTime"]


def test_payload_and_column_keep_what_was_sent() -> None:
    deliver(cloud_event(timestamp=REVISION * 1000), cloud_event(timestamp=REVISION * 1000))

    (event,) = inbox()
    assert (event.revision, event.duplicates) == (REVISION * 1000, 1)
    assert event.payload["eventInfo"]["timestamp"] == REVISION * 1000


@pytest.mark.parametrize("revision", [0, -REVISION, -1, "0", 2**63, 2**70, 1.5, "soon", True, [], {}])
def test_revision_that_is_no_moment_places_nothing(revision: Any) -> None:
    deliver(
        cloud_event(status="OnWay", timestamp=REVISION - 2_000),
        cloud_event(status="Waiting", timestamp=revision, event_time="2026-03-14 13:54:52.000"),
        cloud_event(status="Closed", timestamp=REVISION),
    )

    assert (the_order().status, results()) == ("Closed", [("processed", "")] * 3)
    assert [note for note in inbox()[1].notes if note.startswith("timestamp: ")]


def test_missing_revision_is_nothing_to_note() -> None:
    event = cloud_event()
    del event["eventInfo"]["timestamp"]
    deliver(event, cloud_event(info={"timestamp": None}, status="OnWay"))

    assert [one.notes for one in inbox()] == [[], []]


def test_without_any_moment_that_can_be_it_never_outranks_what_iiko_dates() -> None:
    deliver(
        cloud_event(status="WaitCooking"),
        cloud_event(status="OnWay", timestamp=REVISION * 1000, event_time="2099-01-01 00:00:00"),
        cloud_event(status="Closed", timestamp=REVISION + 1_000),
    )

    assert (the_order().status, the_order().revision) == ("Closed", REVISION + 1_000)
    assert results() == [("processed", ""), ("stale", "older"), ("processed", "")]
    assert [note.partition(":")[0] for note in inbox()[1].notes] == ["eventTime", "timestamp"]


def test_every_order_of_arrival_ends_alike() -> None:
    events = [
        cloud_event(status="WaitCooking", timestamp=REVISION * 1000, event_time="2026-03-14 13:54:52.000"),
        cloud_event(status="OnWay", timestamp=REVISION + 1_000),
        cloud_event(status="Closed", timestamp=REVISION + 2_000),
    ]
    ended = set()
    for order in itertools.permutations(events):
        WebhookEvent.objects.all().delete()
        Order.objects.all().delete()
        deliver(*order)
        ended.add((the_order().status, the_order().revision))

    assert ended == {("Closed", REVISION + 2_000)}


def test_clock_of_iiko_may_be_a_little_ahead() -> None:
    ahead = int((timezone.now() + timedelta(hours=20)).timestamp() * 1000)
    deliver(cloud_event(timestamp=ahead))

    assert (the_order().revision, last_notes()) == (ahead, [])


def test_replay_judges_by_the_day_its_original_came() -> None:
    ahead = int((timezone.now() + timedelta(days=3)).timestamp() * 1000)
    early = "2026-03-14 13:54:52.000"
    deliver(
        cloud_event(status="WaitCooking", timestamp=ahead, event_time=early), cloud_event(status="Closed")
    )
    WebhookEvent.objects.update(received_at=datetime(2026, 3, 14, 14, tzinfo=UTC))

    replay_event(event_id=inbox()[0].pk)
    drain()

    assert (the_order().status, the_order().revision) == ("Closed", REVISION)


@pytest.mark.parametrize(
    ("event", "model"), [(cloud_event, Order), (table_order_event, TableOrder), (reserve_event, Reserve)]
)
def test_row_that_holds_such_a_revision_heals_with_the_next_event(event: Any, model: Any) -> None:
    deliver(event(comment="прежний"))
    held = REVISION * 1000
    model.objects.update(revision=held, field_precedence={"*": f"3:{held:020d}:41:0a0b0c0d"})

    deliver(event(status="Closed", timestamp=REVISION + 1_000))

    row = model.objects.get()
    assert (row.status, row.revision) == ("Closed", REVISION + 1_000)
    assert inbox()[-1].status == "processed"


def test_soi_does_not_overtake_the_cloud_on_a_row_that_heals() -> None:
    deliver(cloud_event(status="OnWay"))
    held = REVISION * 1000
    Order.objects.update(revision=held, field_precedence={"*": f"3:{held:020d}:41:0a0b0c0d"})

    deliver(soi_message(orderStatus="COOKING_STARTED"))

    assert the_order().status == "OnWay"


@pytest.mark.parametrize(("event", "model"), [(table_order_event, TableOrder), (reserve_event, Reserve)])
def test_revision_from_the_future_does_not_hold_the_hall(event: Any, model: type[HallRow]) -> None:
    deliver(
        event(timestamp=REVISION * 1000, event_time="2026-03-14 13:54:52.000"),
        event(status="Closed", timestamp=REVISION),
    )

    row: Any = model._default_manager.get()
    assert (row.status, row.revision) == ("Closed", REVISION)
    assert inbox()[0].notes


# --- stop lists: a bell ----------------------------------------------------------------------------------

OTHER_GROUP_ID = "1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9"


def due_lists() -> set[str]:
    return set(StopListGroup.objects.due().values_list("terminal_group_id", flat=True))


def bell(info: Any) -> dict[str, Any]:
    return stop_list_event(envelope={"eventInfo": info})


@pytest.mark.parametrize(
    "info",
    [
        {"terminalGroupsStopListsUpdates": []},
        {"terminalGroupsStopListsUpdates": [{"terminalGroupId": TERMINAL_GROUP_ID, "items": []}]},
        {"terminalGroupsStopListsUpdates": {"id": TERMINAL_GROUP_ID, "isFull": True}},
        {"terminalGroupsStopListsUpdates": [{"id": NO_IDS[0], "isFull": False}]},
        {"terminalGroupsStopListsUpdates": [TERMINAL_GROUP_ID]},
        {"terminalGroupsStopListsUpdates": None},
        {"terminalGroupsStopListsUpdates": [{"id": TERMINAL_GROUP_ID, "isFull": False}, {"id": None}]},
        {"terminalGroupsStopListsUpdates": [{"id": TERMINAL_GROUP_ID, "isFull": False}, None]},
        {"id": TERMINAL_GROUP_ID},
        {},
        None,
        [],
        "changed",
    ],
)
def test_message_that_does_not_say_which_list_is_about_all(info: Any) -> None:
    organization = make_organization_with_groups()
    make_terminal_group(organization, iiko_id="gone", is_deleted=True)

    deliver(bell(info))

    assert due_lists() == {TERMINAL_GROUP_ID, OTHER_GROUP_ID}
    assert results() == [("processed", "")]
    assert last_notes()[-1].startswith("It does not name every list that changed")


def make_organization_with_groups() -> Organization:
    organization = Organization.objects.get(iiko_id=ORGANIZATION_ID)
    make_terminal_group(organization)
    make_terminal_group(organization, iiko_id=OTHER_GROUP_ID, name="Сирень, вокзал")
    return organization


def test_message_that_names_its_list_is_about_that_one() -> None:
    make_organization_with_groups()

    deliver(stop_list_event(TERMINAL_GROUP_ID))

    assert (due_lists(), last_notes()) == ({TERMINAL_GROUP_ID}, [])


def test_list_that_is_not_known_here_is_marked_and_nothing_else() -> None:
    make_organization_with_groups()

    deliver(stop_list_event("9f8e7d6c-5b4a-4938-8271-605f4e3d2c1b"))

    assert due_lists() == {"9f8e7d6c-5b4a-4938-8271-605f4e3d2c1b"}


def test_restaurant_without_known_groups_has_all_its_lists_wanted() -> None:
    deliver(bell(None))

    assert StopListReading.objects.get().wanted_at is not None
    assert results() == [("processed", "")]


# --- whose it is ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("envelope", [{"organizationId": None}, {"organizationId": ""}])
@pytest.mark.parametrize("event", [cloud_event, table_order_event, reserve_event])
def test_event_is_applied_by_the_organization_of_its_content(event: Any, envelope: dict[str, Any]) -> None:
    make_other_organization()

    deliver(event(envelope=envelope))

    assert (inbox()[0].organization_id, results()) == (ORGANIZATION_ID, [("processed", "")])


def test_content_of_another_tenant_is_refused_as_its_envelope_would_be() -> None:
    make_other_organization()
    stranger = cloud_event(
        organization_id=OTHER_ORGANIZATION_ID, envelope={"organizationId": None}, order=cloud_order()
    )

    deliver(stranger)

    assert (results(), Order.objects.count()) == ([("ignored", "foreign_token")], 0)


def test_soi_message_may_name_its_organization_outside() -> None:
    deliver(soi_message(message={"transactionDetails": None, "organizationId": ORGANIZATION_ID}))

    assert (inbox()[0].organization_id, the_order().status) == (ORGANIZATION_ID, "CookingStarted")


# --- the courier of SOI -----------------------------------------------------------------------------------

FLAT: dict[str, Any] = {"courierId": COURIER_ID.upper(), "courierName": "Орлова Вера"}
NESTED: dict[str, Any] = {"courier": {"id": COURIER_ID, "name": "Орлова Вера"}}


@pytest.mark.parametrize(
    ("details", "message"), [(FLAT, {}), (NESTED, {}), ({}, FLAT), ({}, NESTED), (FLAT, {"courier": None})]
)
def test_courier_of_soi_is_read_flat_and_nested(details: dict[str, Any], message: dict[str, Any]) -> None:
    deliver(soi_message(message=message, **details))

    assert (the_order().courier_id, the_order().courier_name) == (COURIER_ID, "Орлова Вера")


@pytest.mark.parametrize("said", [{"courierId": None, "courierName": None}, {"courier": None}])
def test_null_takes_the_courier_off_and_absence_does_not(said: dict[str, Any]) -> None:
    deliver(soi_message(**FLAT), soi_message(orderStatus="ON_WAY"))
    assert the_order().courier_id == COURIER_ID

    deliver(soi_message(orderStatus="WAITING", **said))

    assert (the_order().courier_id, the_order().courier_name) == (None, None)


@pytest.mark.parametrize(
    ("courier_said", "person"),
    [
        ("Ким Яна", (None, "Ким Яна")),
        (COURIER_ID, (COURIER_ID, None)),
        (["Ким Яна"], (None, None)),
        (" ", (None, None)),
    ],
)
def test_courier_of_soi_that_is_no_object_leaves_no_former_one(
    courier_said: Any, person: tuple[str | None, str | None]
) -> None:
    deliver(soi_message(courierId=ORDER_ID, courierName="Прежняя Вера"), soi_message(courier=courier_said))

    assert (the_order().courier_id, the_order().courier_name) == person
