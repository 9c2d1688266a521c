"""From a delivered body to the order: identity, staleness, absence, clocks, unknown values."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from orders.models.order import Order, TimelineEntry
from tests.builders import (
    COURIER_ID,
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    REVISION,
    TERMINAL_GROUP_ID,
    TOKEN,
    arrive_apart,
    cloud_event,
    courier,
    drain,
    inbox,
    make_organization,
    make_other_organization,
    make_terminal_group,
    post,
    soi_message,
)
from webhooks.models.inbox import WebhookEvent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def restaurant(db: None) -> None:
    make_organization()


def the_order() -> Order:
    return Order.objects.get()


def results() -> list[tuple[str, str]]:
    return [(event.status, event.reason) for event in inbox()]


def timeline(*whats: str) -> list[tuple[str, Any, Any]]:
    told = TimelineEntry.objects.filter(what__in=whats).order_by("id")
    return [(entry.what, entry.from_value, entry.to_value) for entry in told]


# --- staleness -----------------------------------------------------------------------------------------


def test_late_snapshot_does_not_reopen_closed_order() -> None:
    arrive_apart(
        cloud_event(status="Closed", timestamp=REVISION + 5_000),
        cloud_event(status="OnWay", timestamp=REVISION),
    )

    assert (the_order().status, the_order().revision) == ("Closed", REVISION + 5_000)
    assert results() == [("processed", ""), ("stale", "older")]
    assert timeline("status") == [("status", None, "Closed")]


def test_status_may_go_back_when_iiko_says_so_later() -> None:
    arrive_apart(cloud_event(status="OnWay"), cloud_event(status="Waiting", timestamp=REVISION + 1))

    assert the_order().status == "Waiting"
    assert timeline("status") == [("status", None, "OnWay"), ("status", "OnWay", "Waiting")]


def test_equal_revisions_with_other_content_end_alike_in_either_order() -> None:
    first = cloud_event(status="OnWay", event_time="2026-03-14 13:54:53.100")
    second = cloud_event(status="Delivered", event_time="2026-03-14 13:54:53.200")

    arrive_apart(first, second)
    assert the_order().status == "Delivered"
    WebhookEvent.objects.all().delete()
    Order.objects.all().delete()

    arrive_apart(second, first)
    assert the_order().status == "Delivered"


def test_older_snapshot_fills_what_the_newer_did_not_say() -> None:
    arrive_apart(
        cloud_event(
            order=None, creation_status="Error", timestamp=REVISION + 10, error_info={"code": "Common"}
        ),
        cloud_event(status="WaitCooking", timestamp=REVISION),
    )

    found = the_order()
    assert (found.creation_status, found.error_info) == ("Error", {"code": "Common"})
    assert (found.status, found.amount_minor, found.revision) == ("WaitCooking", 165100, REVISION + 10)
    assert results() == [("processed", ""), ("processed", "")]


def test_event_without_revision_counts_by_its_time() -> None:
    without = cloud_event(status="Delivered", event_time="2026-03-14 13:55:00.000")
    del without["eventInfo"]["timestamp"]

    arrive_apart(cloud_event(status="OnWay"), without)

    assert (the_order().status, the_order().revision) == ("Delivered", REVISION)


# --- absent is not null --------------------------------------------------------------------------------


def test_absent_field_keeps_the_old_value() -> None:
    partial = cloud_event(timestamp=REVISION + 1, status="OnWay")
    for name in ("comment", "courierInfo", "sum", "items"):
        del partial["eventInfo"]["order"][name]

    arrive_apart(cloud_event(comment="Без лука", courierInfo=courier()), partial)

    found = the_order()
    assert (found.status, found.comment, found.courier_name) == ("OnWay", "Без лука", "Орлова Вера")
    assert (found.amount_minor, len(found.items)) == (165100, 1)


def test_null_clears_the_old_value() -> None:
    arrive_apart(
        cloud_event(comment="Без лука", courierInfo=courier()),
        cloud_event(timestamp=REVISION + 1, comment=None, courierInfo=None),
    )

    assert (the_order().comment, the_order().courier_id, the_order().courier_name) == (None, None, None)
    assert ("courier_name", "Орлова Вера", None) in timeline("courier_name")


def test_null_external_number_does_not_forget_the_known_one() -> None:
    arrive_apart(
        cloud_event(external_number="WEB-1"), cloud_event(external_number=None, timestamp=REVISION + 1)
    )

    assert the_order().external_order_id == "WEB-1"


# --- values that cannot be read ------------------------------------------------------------------------


def test_bad_date_loses_only_itself() -> None:
    arrive_apart(
        cloud_event(),
        cloud_event(timestamp=REVISION + 1, status="OnWay", completeBefore="next friday", sum=10.5),
    )

    found = the_order()
    assert (found.status, found.amount_minor) == ("OnWay", 1050)
    assert found.promised_time is None
    assert timeline("promised_time") == [("promised_time", "2026-03-14T14:40:00Z", None)]
    assert inbox()[1].notes == ["order.completeBefore: 'next friday' is not a date and time"]


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("2026-03-14T19:40:00", 14, 40),
        ("2026-03-14 19:40", 14, 40),
        ("2026-03-14 19:40:00.1234567", 14, 40),
        ("2026-03-14T19:40:00+03:00", 16, 40),
        ("2026-03-14T19:40:00Z", 19, 40),
    ],
)
def test_dates_of_other_forms(text: str, hour: int, minute: int) -> None:
    arrive_apart(cloud_event(completeBefore=text))

    promised = the_order().promised_time
    assert promised is not None
    assert (promised.hour, promised.minute) == (hour, minute)


def test_fraction_of_a_kopeck_is_rounded_and_noted() -> None:
    arrive_apart(cloud_event(sum=10.0), cloud_event(sum=10.005, timestamp=REVISION + 1, status="OnWay"))

    assert (the_order().amount_minor, the_order().status) == (1001, "OnWay")
    assert inbox()[1].notes == ["order.sum: 10.005 is finer than 1/100, rounded to 10.01"]
    assert str(inbox()[1].payload["eventInfo"]["order"]["sum"]) == "10.005"


@pytest.mark.parametrize("sum_", ["much", "NaN", True, {"sum": 5}, 10**17])
def test_amount_that_cannot_be_read_is_unknown_not_the_former_one(sum_: Any) -> None:
    arrive_apart(cloud_event(sum=1000.0), cloud_event(sum=sum_, timestamp=REVISION + 1))

    assert the_order().amount_minor is None
    assert timeline("amount_minor") == [("amount_minor", 100000, None)]
    assert len(inbox()[1].notes) == 1


def test_late_message_does_not_fill_what_a_newer_one_said_unreadably() -> None:
    arrive_apart(cloud_event(sum="much", timestamp=REVISION + 1), cloud_event(sum=1000.0))

    assert the_order().amount_minor is None


@pytest.mark.parametrize(
    ("wire", "name", "empty"),
    [
        ("completeBefore", "promised_time", None),
        ("number", "readable_number", None),
        ("isAsap", "is_asap", None),
        ("items", "items", []),
        ("payments", "payments", []),
        ("courierInfo", "courier_id", None),
        ("customer", "customer", None),
        ("deliveryPoint", "address", None),
        ("orderType", "order_type", None),
        ("guestsInfo", "guests_count", None),
    ],
)
def test_any_field_that_cannot_be_read_is_unknown(wire: str, name: str, empty: Any) -> None:
    payment = {"sum": 5.0, "paymentType": {"id": COURIER_ID, "name": "Наличные"}}
    arrive_apart(cloud_event(isAsap=True, courierInfo=courier(), payments=[payment]))
    assert getattr(the_order(), name) not in (None, [])

    bad: dict[str, Any] = {wire: "soon" if wire == "isAsap" else False}
    arrive_apart(cloud_event(timestamp=REVISION + 1, **bad))

    assert getattr(the_order(), name) == empty
    assert [note.partition(":")[0] for note in inbox()[1].notes] == [f"order.{wire}"]


@pytest.mark.parametrize(
    ("written", "minor"),
    [("1520.50", 152050), ("19.99", 1999), ("0.1", 10), ("1e3", 100000), ("9999999999.99", 999999999999)],
)
def test_amounts_are_exact(written: str, minor: int) -> None:
    import json

    body = json.dumps([cloud_event(sum="@")]).replace('"@"', written)

    arrive_apart(body)

    assert the_order().amount_minor == minor


def test_unknown_status_is_kept_raw_and_never_terminal() -> None:
    arrive_apart(cloud_event(status="OnWay"), cloud_event(status="Teleported", timestamp=REVISION + 1))

    found = the_order()
    assert (found.status, found.raw_status, found.is_open, found.has_unknown_status) == (
        None,
        "Teleported",
        True,
        True,
    )
    assert timeline("status")[-1] == ("status", "OnWay", "Teleported")
    assert inbox()[1].notes == ["order.status: unknown status 'Teleported'"]


@pytest.mark.parametrize(
    ("raw", "status"),
    [("ON_WAY", "OnWay"), ("onway", "OnWay"), ("WAIT_COOKING", "WaitCooking"), ("Cancelled", "Cancelled")],
)
def test_spellings_of_a_status(raw: str, status: str) -> None:
    arrive_apart(soi_message(orderStatus=raw))

    assert (the_order().status, the_order().raw_status) == (status, raw)


@pytest.mark.parametrize(
    ("service", "kind"),
    [
        ("DeliveryByCourier", "DELIVERY"),
        ("DeliveryByClient", "PICKUP"),
        ("Common", "HALL"),
        ("ByDrone", "ByDrone"),
    ],
)
def test_order_types(service: str, kind: str) -> None:
    arrive_apart(cloud_event(orderType={"id": None, "name": "x", "orderServiceType": service}))

    assert the_order().order_type == kind


def test_problem_without_words_is_a_problem_all_the_same() -> None:
    arrive_apart(cloud_event(problem={"hasProblem": True, "description": None}))
    assert the_order().problem == ""

    arrive_apart(cloud_event(problem={"hasProblem": False, "description": "was"}, timestamp=REVISION + 1))
    assert the_order().problem is None


# --- clocks --------------------------------------------------------------------------------------------


def test_local_times_run_on_the_terminal_groups_clock() -> None:
    from organizations.models.organization import Organization

    make_terminal_group(Organization.objects.get(), timezone="+03:00")

    arrive_apart(cloud_event())

    assert the_order().promised_time == datetime(2026, 3, 14, 16, 40, tzinfo=UTC)
    assert the_order().restaurant_name == "Сирень, центр"


def test_organizations_clock_where_the_group_is_unknown() -> None:
    arrive_apart(cloud_event(terminalGroupId="11111111-2222-4333-8444-555555555555"))

    assert the_order().promised_time == datetime(2026, 3, 14, 14, 40, tzinfo=UTC)
    assert the_order().restaurant_name == "Кафе «Сирень»"


# --- whose order ---------------------------------------------------------------------------------------


def test_unknown_organization_changes_no_order() -> None:
    stranger = "99999999-8888-4777-8666-555555555555"
    settings_token = cloud_event(organization_id=stranger)

    from django.test import override_settings

    with override_settings(WEBHOOK_SECRET_KEY="installation-secret"):
        assert post(Client(), settings_token, "installation-secret").status_code == 200
    drain()

    assert not Order.objects.exists()
    assert results() == [("ignored", "unknown_organization")]
    assert stranger in inbox()[0].processing_error


def test_inactive_organization_changes_no_order() -> None:
    make_other_organization(is_active=False, token=TOKEN)
    from django.test import override_settings

    with override_settings(WEBHOOK_SECRET_KEY="installation-secret"):
        post(Client(), cloud_event(organization_id=OTHER_ORGANIZATION_ID), "installation-secret")
    drain()

    assert not Order.objects.exists()
    assert results() == [("ignored", "inactive_organization")]


def test_envelope_and_content_of_different_organizations_change_no_order() -> None:
    make_other_organization(token=TOKEN)

    arrive_apart(cloud_event(info={"organizationId": OTHER_ORGANIZATION_ID}))

    assert not Order.objects.exists()
    assert results() == [("ignored", "organization_mismatch")]
    assert ORGANIZATION_ID in inbox()[0].processing_error
    assert OTHER_ORGANIZATION_ID in inbox()[0].processing_error


def test_token_of_another_organization_changes_no_order() -> None:
    make_other_organization()

    arrive_apart(cloud_event(organization_id=OTHER_ORGANIZATION_ID))

    assert not Order.objects.exists()
    assert results() == [("ignored", "foreign_token")]


@pytest.mark.parametrize("info", [None, [], "text", 5])
def test_event_without_content_changes_no_order(info: Any) -> None:
    arrive_apart(cloud_event(envelope={"eventInfo": info}))

    assert not Order.objects.exists()
    assert [event.status for event in inbox()] == ["ignored"]


@pytest.mark.parametrize("order_id", [None, "", 7.5, {}, "x" * 500])
def test_event_that_names_no_order_changes_none(order_id: Any) -> None:
    arrive_apart(cloud_event(info={"id": order_id}))

    assert not Order.objects.exists()
    assert results() == [("ignored", "no_order_id")]


def test_same_id_in_two_organizations_is_two_orders() -> None:
    make_other_organization(token=TOKEN)

    arrive_apart(
        cloud_event(status="OnWay"), cloud_event(status="Closed", organization_id=OTHER_ORGANIZATION_ID)
    )

    assert {(str(found.organization_id), found.status) for found in Order.objects.all()} == {
        (ORGANIZATION_ID, "OnWay"),
        (OTHER_ORGANIZATION_ID, "Closed"),
    }


def test_ids_are_compared_without_regard_to_case() -> None:
    arrive_apart(cloud_event(order_id=ORDER_ID.upper()), cloud_event(timestamp=REVISION + 1, status="OnWay"))

    assert (the_order().iiko_order_id, the_order().status) == (ORDER_ID, "OnWay")


# --- SOI and Cloud are one order -----------------------------------------------------------------------


def test_soi_never_overrides_what_the_cloud_said() -> None:
    arrive_apart(cloud_event(status="Closed", sum=100.0), soi_message(orderStatus="ON_WAY", orderAmount=1.0))

    found = the_order()
    assert (found.status, found.amount_minor, found.creation_status) == ("Closed", 10000, "Success")
    assert found.restaurant_name == "Кафе «Сирень»"
    assert found.external_order_id == "WEB-117"
    assert found.soi_external_id == "20260314-117"


def test_late_soi_create_does_not_move_an_order_back() -> None:
    arrive_apart(
        soi_message(orderStatus="ON_WAY", orderAmount=20.0),
        soi_message(kind="CREATE", orderStatus="WAIT_COOKING", orderAmount=10.0),
    )

    assert (the_order().status, the_order().amount_minor) == ("OnWay", 2000)
    assert results() == [("processed", ""), ("stale", "older")]


def test_late_soi_create_brings_the_id_of_iiko_though_nothing_else() -> None:
    arrive_apart(soi_message(order_id=None, external_id="S-1"))
    arrive_apart(soi_message(kind="CREATE", external_id="S-1"))
    arrive_apart(cloud_event(external_number="W-1"))

    assert (the_order().iiko_order_id, the_order().soi_external_id) == (ORDER_ID, "S-1")
    assert the_order().external_order_id == "W-1"


def test_partial_soi_update_keeps_what_it_does_not_name() -> None:
    partial = {
        "type": "UPDATE",
        "orderExternalId": "20260314-117",
        "iikoOrderDetails": {"iikoOrderId": ORDER_ID, "orderStatus": "DELIVERED"},
    }

    arrive_apart(soi_message(kind="CREATE"), partial)

    found = the_order()
    assert (found.status, found.amount_minor, found.creation_status) == ("Delivered", 165100, "OK")
    assert found.organization_id == ORGANIZATION_ID


def test_soi_update_of_an_unknown_order_makes_it() -> None:
    arrive_apart(soi_message(order_id=None, orderStatus="ON_WAY"))

    assert (the_order().iiko_order_id, the_order().external_order_id) == (None, "20260314-117")


def test_order_known_by_external_id_gets_iikos_id() -> None:
    arrive_apart(soi_message(kind="CREATE", order_id=None, external_id="WEB-117"))
    known = the_order().pk

    arrive_apart(cloud_event(external_number="WEB-117", status="OnWay"))

    found = the_order()
    assert (found.pk, found.iiko_order_id, found.status) == (known, ORDER_ID, "OnWay")


def test_soi_without_iikos_id_finds_the_order_after_the_cloud_renamed_it() -> None:
    arrive_apart(
        soi_message(kind="CREATE", external_id="515"),
        cloud_event(external_number="WEB-117", comment="x"),
        soi_message(external_id="515", order_id=None, problem="no answer"),
    )

    found = the_order()
    assert (found.external_order_id, found.soi_external_id, found.problem) == ("WEB-117", "515", None)


def test_two_rows_that_are_one_order_are_merged() -> None:
    arrive_apart(
        soi_message(kind="CREATE", external_id="515", order_id=None, restaurantName="Кафе «Сирень», центр"),
        cloud_event(external_number=None, status="OnWay"),
    )
    assert Order.objects.count() == 2
    older = Order.objects.earliest("id").pk

    arrive_apart(soi_message(external_id="515", orderStatus="DELIVERED"))

    found = the_order()
    assert (found.pk, found.iiko_order_id, found.external_order_id) == (older, ORDER_ID, "515")
    assert (found.status, found.amount_minor, found.revision) == ("OnWay", 165100, REVISION)
    assert set(WebhookEvent.objects.values_list("order_id", flat=True)) == {older}
    assert "merged" in set(TimelineEntry.objects.values_list("what", flat=True))


def test_reused_external_id_of_a_new_order_is_a_new_order() -> None:
    arrive_apart(
        cloud_event(external_number="515", status="Closed"),
        cloud_event(
            external_number="515",
            order_id="abcdef00-1111-4222-8333-444455556666",
            status="WaitCooking",
            timestamp=REVISION + 86_400_000,
        ),
    )

    assert sorted(Order.objects.values_list("status", flat=True), key=str) == ["Closed", "WaitCooking"]


def test_soi_creation_error_is_not_a_cancellation() -> None:
    arrive_apart(
        soi_message(
            kind="CREATE",
            message={"creationStatus": "Error", "errorInfo": "no such product", "iikoOrderDetails": None},
        )
    )

    found = the_order()
    assert (found.creation_status, found.status, found.error_info, found.is_open) == (
        "Error",
        None,
        "no such product",
        False,
    )


# --- older names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["OrderChanged", "DeliveryOrderChanged"])
def test_older_event_names_with_an_order_inside(name: str) -> None:
    arrive_apart(cloud_event(event_type=name, status="OnWay"))

    assert the_order().status == "OnWay"


@pytest.mark.parametrize("name", ["OrderChanged", "DeliveryOrderChanged"])
def test_older_event_names_with_something_else_inside_are_kept(name: str) -> None:
    arrive_apart({"eventType": name, "organizationId": ORGANIZATION_ID, "eventInfo": {"id": "x", "foo": 1}})

    assert not Order.objects.exists()
    assert results() == [("ignored", "not_an_order")]


@pytest.mark.parametrize(
    ("event_type", "reason"),
    [
        ("NomenclatureUpdate", "kept_only"),
        ("SomethingNew", "unknown_type"),
        ("CREATE", "unknown_type"),
    ],
)
def test_other_types_are_kept_with_the_reason(event_type: str, reason: str) -> None:
    arrive_apart(cloud_event(event_type=event_type))

    assert not Order.objects.exists()
    assert results() == [("ignored", reason)]


# --- the timeline -----------------------------------------------------------------------------------------


def test_timeline_names_what_from_to_when_and_the_event() -> None:
    arrive_apart(cloud_event(status="Waiting"), cloud_event(status="OnWay", timestamp=REVISION + 60_000))

    first, second = inbox()
    entry = TimelineEntry.objects.get(from_value="Waiting")
    assert (entry.what, entry.to_value, entry.source_event_id, entry.actor) == (
        "status",
        "OnWay",
        second.pk,
        "iiko",
    )
    assert entry.happened_at == datetime(2026, 3, 14, 13, 55, 52, 930_000, tzinfo=UTC)
    assert entry.order.events.count() == 2
    assert first.order_id == second.order_id == entry.order_id


def test_repeated_news_tells_no_timeline_and_moves_no_clock() -> None:
    arrive_apart(cloud_event(status="OnWay"))
    before = the_order().updated_at
    told = TimelineEntry.objects.count()

    arrive_apart(cloud_event(status="OnWay", timestamp=REVISION + 1))

    assert (the_order().updated_at, the_order().revision) == (before, REVISION + 1)
    assert TimelineEntry.objects.count() == told


def test_items_and_comment_changes_are_told() -> None:
    arrive_apart(cloud_event(comment="a"), cloud_event(comment="b", items=[], timestamp=REVISION + 1))

    told = {what: (before, after) for what, before, after in timeline("comment", "items")}
    assert told["comment"] == ("a", "b")
    assert told["items"][1] == []


def test_terminal_group_id_is_mirrored() -> None:
    arrive_apart(cloud_event())

    assert the_order().terminal_group_id == TERMINAL_GROUP_ID
