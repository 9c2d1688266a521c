"""Events of the hall become rows: what is kept, what counts, and what is refused with its reason."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hall.models import Reserve, TableOrder
from orders.models.order import Order
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    RESERVE_ID,
    REVISION,
    TABLE_ID,
    TABLE_ORDER_ID,
    arrive,
    banquet_order,
    customer,
    drain,
    inbox,
    make_organization,
    make_other_organization,
    make_terminal_group,
    post,
    product,
    reserve_event,
    table_order_event,
)
from webhooks.models.inbox import EventStatus, Reason, WebhookEvent
from webhooks.processing.worker import run_batch

pytestmark = pytest.mark.django_db


def outcomes() -> list[tuple[str, str]]:
    return [(event.status, event.reason) for event in inbox()]


def table() -> TableOrder:
    return TableOrder.objects.get()


def reserve() -> Reserve:
    return Reserve.objects.get()


def test_update_without_content_leaves_what_is_known() -> None:
    make_organization()

    arrive(
        table_order_event(status="Bill", number=57),
        table_order_event(timestamp=REVISION + 1, order=None),
        reserve_event(guestsCount=4),
        reserve_event(timestamp=REVISION + 1, reserve=None),
    )

    assert (table().status, table().number, table().amount_minor) == ("Bill", "57", 35100)
    assert (table().items[0]["name"], table().table_ids) == ("Суп дня", [TABLE_ID])
    assert (reserve().guests_count, reserve().status, reserve().phone) == (4, "New", "+79030000011")
    assert (table().revision, reserve().revision) == (REVISION + 1, REVISION + 1)


def test_null_clears_a_field_and_an_absent_one_stays() -> None:
    make_organization()
    arrive(reserve_event(comment="У окна", occasion=None, eventType="Банкет"))
    later = reserve_event(timestamp=REVISION + 1, comment=None)
    del later["eventInfo"]["reserve"]["eventType"]

    arrive(later)

    assert (reserve().comment, reserve().occasion) == (None, "Банкет")


def test_number_that_iiko_once_named_stays() -> None:
    make_organization()

    arrive(table_order_event(external_number="QR-7"), table_order_event(timestamp=REVISION + 1))

    assert table().external_number == "QR-7"


def test_older_news_changes_nothing() -> None:
    make_organization()

    arrive(table_order_event(timestamp=REVISION + 5, status="Closed"), table_order_event(status="New"))

    assert (table().status, table().is_open, table().revision) == ("Closed", False, REVISION + 5)
    assert outcomes() == [("processed", ""), ("stale", "older")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_equal_revisions_the_further_status_counts(order: tuple[int, int]) -> None:
    make_organization()
    events = [table_order_event(status="New", sum=10.0), table_order_event(status="Bill", sum=20.0)]

    arrive(*(events[at] for at in order))

    assert (table().status, table().amount_minor) == ("Bill", 2000)


def test_repeat_is_counted_and_changes_nothing() -> None:
    make_organization()
    arrive(reserve_event())
    before = reserve().updated_at

    arrive(reserve_event(), reserve_event())

    assert (Reserve.objects.count(), reserve().updated_at) == (1, before)
    assert [event.duplicates for event in inbox()] == [2]


def test_error_may_become_a_success_later() -> None:
    make_organization()
    error = {"code": "TerminalGroupDisabled", "message": "off", "description": None}
    arrive(
        table_order_event(
            event_type="TableOrderError", creation_status="Error", error_info=error, order=None
        ),
        reserve_event(event_type="ReserveError", creation_status="Error", error_info=error, reserve=None),
    )
    assert (table().creation_status, table().is_open, table().status) == ("Error", False, None)
    assert (reserve().creation_status, reserve().is_open, reserve().error_info) == ("Error", False, error)

    arrive(table_order_event(timestamp=REVISION + 1), reserve_event(timestamp=REVISION + 1))

    assert (table().creation_status, table().is_open, table().error_info) == ("Success", True, None)
    assert (reserve().creation_status, reserve().is_open, reserve().error_info) == ("Success", True, None)


def test_failed_change_of_a_table_order_does_not_close_it() -> None:
    make_organization()

    arrive(
        table_order_event(status="New"),
        table_order_event(
            event_type="TableOrderError", timestamp=REVISION + 1, creation_status="Error", order=None
        ),
    )

    assert (table().status, table().creation_status, table().is_open) == ("New", "Error", True)


def test_unknown_status_is_kept_raw_and_never_taken_for_closed() -> None:
    make_organization()

    arrive(table_order_event(status="ClosedForNow"), reserve_event(status="Postponed"))

    for row, raw in ((table(), "ClosedForNow"), (reserve(), "Postponed")):
        assert (row.status, row.raw_status, row.is_open, row.has_unknown_status) == (None, raw, True, True)
    assert [event.notes for event in inbox()] == [
        ["order.status: unknown status 'ClosedForNow'"],
        ["reserve.status: unknown status 'Postponed'"],
    ]


@pytest.mark.parametrize(
    ("changes", "is_open"),
    [
        ({"status": "New"}, True),
        ({"status": "Started"}, True),
        ({"status": "Closed"}, False),
        ({"status": "New", "cancelReason": "ClientNotAppeared"}, False),
        ({"status": "New", "cancelReason": "SomethingNew"}, False),
        ({"status": "New", "info": {"isDeleted": True}}, False),
    ],
)
def test_which_reserves_are_open(changes: dict[str, Any], is_open: bool) -> None:
    make_organization()

    arrive(reserve_event(**changes))

    assert reserve().is_open is is_open
    assert reserve().cancel_reason == changes.get("cancelReason")


@pytest.mark.parametrize(
    ("status", "is_open"), [("New", True), ("Bill", True), ("Closed", False), ("Deleted", False)]
)
def test_which_table_orders_are_open(status: str, is_open: bool) -> None:
    make_organization()

    arrive(table_order_event(status=status))

    assert (table().status, table().is_open) == (status, is_open)


def test_deleted_reserve_is_kept_with_its_mark() -> None:
    make_organization()

    arrive(reserve_event(), reserve_event(timestamp=REVISION + 1, reserve=None, info={"isDeleted": True}))

    assert (reserve().is_deleted, reserve().status, reserve().guests_count) == (True, "New", 6)


def test_times_are_read_on_the_clock_of_the_pos() -> None:
    make_terminal_group(make_organization(timezone="Asia/Yekaterinburg"), timezone="Asia/Omsk")

    arrive(
        table_order_event(whenCreated="2026-03-14 18:00:00.000", whenClosed="2026-03-14 19:00:00.000"),
        reserve_event(estimatedStartTime="2026-03-20 19:00:00.000"),
        reserve_event(
            order_id="5e709cb3-d4f6-4182-a394-000000000000",
            estimatedStartTime="2026-03-20 19:00:00.000",
            order=banquet_order(),
        ),
    )

    assert table().when_created == datetime(2026, 3, 14, 12, tzinfo=UTC)
    assert table().when_closed == datetime(2026, 3, 14, 13, tzinfo=UTC)
    plain, banquet = Reserve.objects.order_by("-iiko_id")
    # Only a banquet names a terminal group; a plain reserve is read on the restaurant's clock.
    assert plain.estimated_start_time == datetime(2026, 3, 20, 14, tzinfo=UTC)
    assert banquet.estimated_start_time == datetime(2026, 3, 20, 13, tzinfo=UTC)


def test_banquet_has_a_bill_until_it_is_no_banquet() -> None:
    make_organization()
    payment = {"paymentType": {"id": None, "name": "Наличные", "kind": "Cash"}, "sum": 100.5}
    arrive(
        reserve_event(
            status="Started", order=banquet_order(number=9, sum=702.0, items=[product()], payments=[payment])
        )
    )
    found = reserve()
    assert (found.number, found.amount_minor, found.order_type_name) == ("9", 70200, "Зал")
    assert ([one["name"] for one in found.items], found.payments[0]["sum_minor"]) == (["Суп дня"], 10050)
    assert found.guests_count == 6

    arrive(reserve_event(timestamp=REVISION + 1, status="Started", order=None))

    found = reserve()
    assert (found.number, found.amount_minor, found.order_type_name) == (None, None, None)
    assert (found.items, found.payments, found.terminal_group_id) == ([], [], None)


def test_lines_are_read_as_those_of_deliveries() -> None:
    make_organization()
    deletion = {"deletionMethod": {"id": "x", "comment": None, "removalType": {"id": "y", "name": "Бой"}}}
    combo = {"id": "c-1", "name": "Обед", "amount": 1, "price": 0, "sourceId": "s"}

    arrive(
        table_order_event(
            items=[
                product(amount=0.35, comboInformation={"comboId": "c-1", "comboItemId": "i"}),
                product(deleted=deletion, status="Served"),
            ],
            combos=[combo],
            tips=[{"paymentType": {"name": "Чаевые", "kind": "Card"}, "sum": 50}],
            discounts=[{"discountType": {"id": "d", "name": "Скидка"}, "sum": 35.1}],
            customer=customer(surname=None),
            tabName="Стойка",
            splitOrderBetweenCashRegisters="Required",
        )
    )

    found = table()
    assert [(one["amount"], one["combo_name"], one["is_deleted"]) for one in found.items] == [
        ("0.35", "Обед", False),
        ("1", None, True),
    ]
    assert found.items[1]["deletion_reason"] == "Бой"
    assert [(one["name"], one["sum_minor"]) for one in found.tips] == [("Чаевые", 5000)]
    assert [(one["name"], one["sum_minor"]) for one in found.discounts] == [("Скидка", 3510)]
    assert found.customer is not None
    assert (found.customer["name"], found.tab_name, found.split_between_registers) == (
        "Мария",
        "Стойка",
        "Required",
    )


def test_bad_fields_are_noted_and_unknown_from_then_on() -> None:
    make_organization()
    arrive(reserve_event(guestsCount=4, tableIds=[TABLE_ID]))

    arrive(
        reserve_event(
            timestamp=REVISION + 1,
            guestsCount="many",
            tableIds="one",
            estimatedStartTime="soon",
            customer="Мария",
            order=7,
            status="Started",
        )
    )

    found = reserve()
    assert (found.guests_count, found.table_ids, found.status) == (None, [], "Started")
    assert found.estimated_start_time is None
    assert found.customer is not None
    assert found.customer["name"] == "Мария"
    assert inbox()[1].notes == [
        "reserve.tableIds: expected a list, got str",
        "reserve.guestsCount: expected a whole number, got 'many'",
        "reserve.estimatedStartTime: 'soon' is not a date and time",
        "reserve.customer: expected an object, got text; taken for its name",
        "reserve.order: expected an object, got int",
    ]


def test_table_that_has_no_id_is_noted() -> None:
    make_organization()

    arrive(table_order_event(tableIds=[TABLE_ID.upper(), {"id": 1}, None]))

    assert table().table_ids == [TABLE_ID]
    assert inbox()[0].notes == ["order.tableIds.1: expected text, got dict"]


def test_reserve_table_order_and_delivery_of_one_id_are_apart() -> None:
    make_organization()

    arrive(table_order_event(order_id=RESERVE_ID), reserve_event(order_id=RESERVE_ID))

    assert (table().iiko_id, reserve().iiko_id, Order.objects.count()) == (RESERVE_ID, RESERVE_ID, 0)


def test_one_id_in_two_restaurants_is_two_rows() -> None:
    make_organization()
    make_other_organization()

    post(Client(), reserve_event(guestsCount=2))
    post(Client(), reserve_event(guestsCount=3, organization_id=OTHER_ORGANIZATION_ID), OTHER_TOKEN)
    drain()

    rows = [
        (str(one.organization_id), one.iiko_id, one.guests_count) for one in Reserve.objects.order_by("id")
    ]
    assert rows == [(ORGANIZATION_ID, RESERVE_ID, 2), (OTHER_ORGANIZATION_ID, RESERVE_ID, 3)]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (table_order_event() | {"eventInfo": None}, Reason.NO_CONTENT),
        (table_order_event() | {"eventInfo": [1]}, Reason.NO_CONTENT),
        (reserve_event(order_id=""), Reason.NO_ORDER_ID),
        (reserve_event(info={"organizationId": OTHER_ORGANIZATION_ID}), Reason.ORGANIZATION_MISMATCH),
    ],
)
def test_event_that_says_too_little_is_kept_with_its_reason(event: dict[str, Any], reason: Reason) -> None:
    make_organization()

    arrive(event)

    assert outcomes() == [(EventStatus.IGNORED, reason)]
    assert (TableOrder.objects.count(), Reserve.objects.count()) == (0, 0)


def test_switched_off_restaurant_gets_no_rows() -> None:
    organization = make_organization()
    post(Client(), [table_order_event(), reserve_event()])
    type(organization).objects.update(is_active=False)

    drain()

    assert not TableOrder.objects.exists()
    assert not Reserve.objects.exists()
    assert {status for status, _ in outcomes()} == {"ignored"}


def test_events_from_before_the_upgrade_are_applied_by_a_replay() -> None:
    make_organization()
    post(Client(), [table_order_event(), reserve_event()])
    WebhookEvent.objects.update(status=EventStatus.IGNORED, reason=Reason.NOT_HANDLED_YET)
    assert drain() == 0

    call_command("replay_webhooks", "--status", "ignored", "--type", "TableOrderUpdate")
    drain()

    assert (table().iiko_id, Reserve.objects.count()) == (TABLE_ORDER_ID, 0)
    call_command("replay_webhooks", "--status", "ignored", "--type", "ReserveUpdate")
    drain()
    assert reserve().iiko_id == RESERVE_ID


def test_batch_reads_and_writes_its_rows_at_once() -> None:
    make_organization()
    for number in range(60):
        post(Client(), reserve_event(order_id=f"r-{number}"))

    with CaptureQueriesContext(connection) as captured:
        batches = 0
        while run_batch():
            batches += 1

    assert Reserve.objects.count() == 60
    statements = [query["sql"] for query in captured if '"reserves"' in query["sql"]]
    # Which are there, the missing ones, the lock, the write.
    assert len(statements) == 4 * batches < 20


@pytest.mark.parametrize("flag", [{"info": {"isDeleted": True}}, {"isDeleted": True}])
def test_deleted_table_order_is_not_open(flag: dict[str, Any]) -> None:
    make_organization()
    arrive(table_order_event())
    assert table().is_open

    arrive(table_order_event(timestamp=REVISION + 1, **flag))
    arrive(table_order_event(timestamp=REVISION + 2))

    assert (table().is_deleted, table().is_open) == (True, False)

    arrive(table_order_event(timestamp=REVISION + 3, info={"isDeleted": False}))

    assert (table().is_deleted, table().is_open) == (False, True)


def test_reserve_stays_deleted_until_iiko_says_otherwise() -> None:
    make_organization()
    arrive(reserve_event(info={"isDeleted": True}))

    arrive(reserve_event(timestamp=REVISION + 1, info={"isDeleted": None}))

    assert (reserve().is_deleted, reserve().is_open) == (True, False)


def test_reserve_with_an_id_of_the_pos_is_applied() -> None:
    make_organization()

    arrive(reserve_event(info={"posId": TABLE_ID}))

    assert inbox()[0].status == "processed"
