"""A guest is found by phone in any writing, handed out, and removed from everything but what has to stay."""

import json
import stat
import threading
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from attention.models.items import Act, AttentionEntry, AttentionItem, Severity
from core.database.sql_bulk import update_rows
from hall.models import Reserve
from loyalty.models import Customer, LoyaltyOperation, OperationKind, OperationState, Wallet
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order, OrderTerms, TimelineEntry
from organizations.models.connection import ApiCall
from organizations.models.organization import Organization
from outbound.feed.fan_out import fan_out
from outbound.models.events import OutboundEvent
from outbound.tests.endpoints import subscribe
from tests.at_once import at_once
from tests.builders import (
    RESERVE_ID,
    REVISION,
    arrive,
    cloud_event,
    customer,
    deliver,
    drain,
    inbox,
    make_organization,
    post,
    reserve_event,
)
from tests.simulated_iiko import SimulatedIiko, linked
from webhooks.models.inbox import EventStatus
from webhooks.tests.test_reconcile import BY_REVISION, at, page

pytestmark = pytest.mark.django_db

PHONE = "+79125554417"
GUEST = customer(name="Аглая", surname="Ковалевская", comment="домофон не работает")
TRACES = ("9125554417", "912-555-44-17", "912) 555", "Ковалевск", "ковалевск", "Потаённ", "потаенн", "Аглае")
PLACE = {
    "coordinates": None,
    "address": {"street": {"name": "Потаённая"}, "house": "5"},
    "comment": "Спросить Ковалевскую",
}


def order_of_guest(**changes: Any) -> dict[str, Any]:
    own = {"phone": "8 (912) 555-44-17", "customer": GUEST, "deliveryPoint": PLACE, "status": "Closed"}
    return cloud_event(**(own | {"comment": "Позвонить Аглае Ковалевской"} | changes))


def everything_kept() -> str:
    """Every value of the whole database as text, bytes as what they spell; but for what commands were run."""
    texts = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
            "AND relname <> 'audit_entries'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT string_agg(one::text, chr(10)) FROM "{table}" one')
            texts.append(cursor.fetchone()[0] or "")
        cursor.execute("SELECT raw_body FROM webhook_events WHERE raw_body IS NOT NULL")
        texts += [bytes(body).decode(errors="replace") for (body,) in cursor.fetchall()]
    return "\n".join(texts)


def traces() -> list[str]:
    kept = everything_kept()
    return [trace for trace in TRACES if trace in kept]


def run(name: str, *arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def bring_guest(organization: Organization) -> Order:
    """Leave the guest everywhere: an order with a change, a reserve, messages, calls, a wallet, words."""
    now = timezone.now()
    arrive(order_of_guest(timestamp=REVISION - 5, status="CookingStarted", comment="Ковалевская, код 7"))
    arrive(order_of_guest())
    arrive(reserve_event(phone="+7-912-555-44-17", customer=GUEST, status="Closed"))
    post(Client(), b'{"customer": {"name": "\xd0\x90", "phone": "+7 (912) 555-44-17"')  # is cut off
    order = Order.objects.get()
    OrderCommand.objects.create(
        order=order,
        kind=CommandKind.CANCEL,
        state=CommandState.REJECTED,
        params={"cause_id": "c", "comment": "Ковалевская передумала"},
        error="Customer with phone 89125554417 not found",
        created_at=now,
        requested_by="anna",
    )
    for order_id, request in (
        (order.iiko_order_id, {"order": {"customer": {"name": "Ковалевская"}}}),
        ("", {"phone": "79125554417", "name": "Ковалевская", "type": "phone"}),
    ):
        ApiCall.objects.create(
            operation="x", url="u", order_id=order_id or "", request=request, duration_ms=1, started_at=now
        )
    item = AttentionItem.objects.create(
        rule="problem",
        subject="o",
        severity=Severity.INFO,
        order=order,
        since=now,
        opened_at=now,
        updated_at=now,
    )
    AttentionEntry.objects.create(item=item, act=Act.TAKEN, at=now, note="звонила Ковалевская")
    AttentionEntry.objects.create(item=item, act=Act.SNOOZED, at=now, note="8-912-555-44-17 не отвечает")
    guest = Customer.objects.create(
        organization=organization,
        iiko_id="guest",
        name="Аглая",
        surname="Ковалевская",
        phone=PHONE,
        email="aglaya@example.com",
        cards=[{"number": "7700123"}],
        read_at=now,
    )
    LoyaltyOperation.objects.create(
        organization=organization,
        wallet=Wallet.objects.create(customer=guest, iiko_id="wallet", read_at=now),
        kind=OperationKind.TOPUP,
        state=OperationState.CONFIRMED,
        amount_minor=5000,
        comment="извинение Ковалевской",
        marker="m",
        created_at=now,
    )
    return order


def test_nothing_of_the_guest_is_left_but_orders_and_money() -> None:
    order = bring_guest(make_organization())
    assert set(TRACES) - set(traces()) == set()
    names = [item["name"] for item in order.items]

    told = run("erase_person", "8 912 555 44 17", yes=True)

    assert traces() == []
    assert "Erase the guest in iiko, too" in told
    order.refresh_from_db()
    assert (order.status, order.amount_minor, order.readable_number) == ("Closed", 165100, "142")
    assert (order.customer, order.phone, order.address, order.comment) == (None, None, None, None)
    assert order.personal_data_removed_at is not None
    assert [item["name"] for item in order.items] == names
    operation = LoyaltyOperation.objects.get()
    assert (operation.amount_minor, operation.comment) == (5000, "***")
    assert (operation.wallet.customer.name, operation.wallet.customer.cards) == ("", [])
    assert Reserve.objects.get().phone is None
    assert TimelineEntry.objects.filter(order=order, what="status").exists()
    assert {event.payload["eventInfo"]["order"]["phone"] for event in inbox()[:2]} == {"***"}
    assert inbox()[1].payload["eventInfo"]["order"]["sum"] == 1651.0
    assert "142" in OrderTerms.objects.get().terms


def test_neither_replay_nor_late_news_nor_a_reading_brings_the_guest_again(iiko: SimulatedIiko) -> None:
    organization = linked(make_organization())
    bring_guest(organization)
    run("erase_person", PHONE, yes=True)

    run("replay_webhooks")
    drain()
    arrive(order_of_guest(timestamp=REVISION + 5, sum=1700.0))
    arrive(reserve_event(phone=PHONE, customer=GUEST, status="Closed", timestamp=REVISION + 5))
    at(organization)
    iiko.answers(BY_REVISION, page(order_of_guest(timestamp=REVISION + 9, sum=1800.0)["eventInfo"]))
    run("sync_orders")
    drain()

    order = Order.objects.get()
    assert order.amount_minor == 180000
    assert (order.customer, order.phone) == (None, None)
    assert traces() == []


def test_a_new_order_names_its_guest_again() -> None:
    make_organization()
    arrive(order_of_guest())
    run("erase_person", PHONE, yes=True)

    arrive(order_of_guest(order_id="another", external_number="WEB-118"))

    assert Order.objects.get(iiko_order_id="another").phone == "8 (912) 555-44-17"


def test_open_order_is_refused_unless_asked_for() -> None:
    make_organization()
    arrive(order_of_guest(status="OnWay"))

    with pytest.raises(CommandError, match=r"orders 1\).*--include-open"):
        run("erase_person", PHONE, yes=True)
    assert Order.objects.get().phone == "8 (912) 555-44-17"

    run("erase_person", PHONE, yes=True, include_open=True)
    assert traces() == []


def test_message_that_waits_is_left_to_the_worker_who_removes_the_guest() -> None:
    make_organization()
    arrive(order_of_guest())
    deliver(order_of_guest(timestamp=REVISION + 5))

    with pytest.raises(CommandError, match=r"webhook_events 1\)"):
        run("erase_person", PHONE, yes=True)
    run("erase_person", PHONE, yes=True, include_open=True)
    drain()

    assert {event.status for event in inbox()} == {EventStatus.PROCESSED}
    assert traces() == []


def test_dry_run_counts_and_writes_nothing() -> None:
    bring_guest(make_organization())
    before = everything_kept()

    told = run("erase_person", PHONE, dry_run=True)

    assert everything_kept() == before
    assert "orders: 1 rows" in told
    assert "iiko_api_calls: 2 rows" in told
    assert "webhook_events: 4 rows" in told
    assert told.endswith("Nothing was done: this was a dry run.\n")


def test_second_time_finds_nothing() -> None:
    make_organization()
    arrive(order_of_guest())
    run("erase_person", PHONE, yes=True)

    assert run("erase_person", PHONE, yes=True) == "Nothing is held of +7•••17.\n"


def test_other_guests_stay() -> None:
    make_organization()
    arrive(order_of_guest(), cloud_event(order_id="other", external_number="WEB-1", phone="+79125554418"))

    run("erase_person", PHONE, yes=True)

    other = Order.objects.get(iiko_order_id="other")
    assert (other.phone, (other.customer or {})["name"]) == ("+79125554418", "Мария")
    assert inbox()[1].payload["eventInfo"]["order"]["phone"] == "+79125554418"


def order_that_mentions_the_guest() -> Order:
    """Have another guest, whose order is on its way, name the guest's phone in words."""
    words = "Позвонить жене: 8 (912) 555-44-17, потом мне"
    other = {"order_id": "other", "external_number": "WEB-1", "phone": "+79130000000", "status": "OnWay"}
    arrive(order_of_guest(**other, customer=customer(name="Борис"), deliveryPoint=None, comment=words))
    order = Order.objects.get(iiko_order_id="other")
    OrderCommand.objects.create(
        order=order,
        kind=CommandKind.CANCEL,
        state=CommandState.REJECTED,
        params={"cause_id": "c", "comment": "жена (+79125554417) против"},
        created_at=timezone.now(),
    )
    return order


def test_of_orders_of_others_that_mention_the_phone_nothing_else_is_removed() -> None:
    make_organization()
    arrive(order_of_guest())
    order = order_that_mentions_the_guest()
    Order.objects.update(updated_at=timezone.now() - timedelta(days=3))

    output = run("erase_person", PHONE, yes=True)
    assert "orders: 1 rows about others that mention the phone" in output
    assert traces() == []
    run("replay_webhooks")
    drain()

    order.refresh_from_db()
    assert (order.phone, (order.customer or {})["name"]) == ("+79130000000", "Борис")
    assert order.comment == "Позвонить жене: ***, потом мне"
    assert order.personal_data_removed_at is None
    assert order.updated_at > timezone.now() - timedelta(minutes=5)
    assert OrderCommand.objects.get().params["comment"] == "жена (***) против"


def test_export_hands_out_of_others_the_words_alone_that_mention_the_phone() -> None:
    make_organization()
    order = order_that_mentions_the_guest()

    exported = json.loads(run("export_person", PHONE))

    assert exported["tables"] == {}
    assert exported["mentions"]["orders"] == [{"id": order.pk, "texts": [order.comment]}]
    assert set(exported["mentions"]) == {"orders", "order_commands", "webhook_events"}
    assert "Борис" not in json.dumps(exported, ensure_ascii=False)


def test_change_feed_tells_of_the_order_that_lost_its_guest() -> None:
    make_organization()
    arrive(order_of_guest())
    Order.objects.update(updated_at=timezone.now() - timedelta(days=3))

    run("erase_person", PHONE, yes=True)

    assert Order.objects.get().updated_at > timezone.now() - timedelta(minutes=5)


def test_nobody_is_erased_without_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    make_organization()
    arrive(order_of_guest())
    monkeypatch.setattr("builtins.input", lambda _: "")

    with pytest.raises(CommandError, match="Nothing was erased"):
        run("erase_person", PHONE)

    assert Order.objects.get().phone is not None


@pytest.mark.parametrize("command", ["erase_person", "export_person"])
def test_what_is_no_phone_is_refused(command: str) -> None:
    with pytest.raises(CommandError, match="'12' is no phone"):
        run(command, "12")


def test_export_hands_out_all_that_is_held_for_its_reader_alone(tmp_path: Path) -> None:
    bring_guest(make_organization())
    file = tmp_path / "guest.json"

    run("export_person", "+7 (912) 555-44-17", output=str(file))

    told = json.loads(file.read_text(encoding="utf-8"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert told["phone"] == PHONE
    assert {table: len(rows) for table, rows in told["tables"].items()} == {
        "iiko_api_calls": 2,
        "orders": 1,
        "order_timeline": len(told["tables"]["order_timeline"]),
        "order_commands": 1,
        "loyalty_customers": 1,
        "loyalty_wallets": 1,
        "loyalty_operations": 1,
        "reserves": 1,
        "webhook_events": 4,
        "attention_items": 1,
        "attention_history": 2,
    }
    (order,) = told["tables"]["orders"]
    assert order["customer"]["surname"] == "Ковалевская"
    assert "courier_name" not in order
    assert "912) 555-44-17" in told["tables"]["webhook_events"][3]["raw_body"]


def test_export_overwrites_no_file(tmp_path: Path) -> None:
    make_organization()
    arrive(order_of_guest())
    file = tmp_path / "guest.json"
    file.write_text("mine")

    with pytest.raises(CommandError, match="is there already"):
        run("export_person", PHONE, output=str(file))

    assert file.read_text() == "mine"


def test_what_was_done_is_logged_without_the_person(caplog: pytest.LogCaptureFixture) -> None:
    make_organization()
    arrive(order_of_guest())

    with caplog.at_level("INFO"):
        run("export_person", PHONE)
        run("erase_person", PHONE, yes=True)

    told = [record.msg for record in caplog.records if "privacy." in str(record.msg)]
    assert [line["event"] for line in told if isinstance(line, dict)] == [
        "privacy.person_exported",
        "privacy.person_erased",
    ]
    assert "9125554417" not in caplog.text
    assert RESERVE_ID not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_news_that_come_while_the_guest_is_erased_leave_no_guest_behind() -> None:
    make_organization()
    arrive(order_of_guest())

    def bring_news() -> None:
        for number in range(1, 16):
            arrive(order_of_guest(timestamp=REVISION + number, sum=1000.0 + number))

    def erase() -> None:
        run("erase_person", PHONE, yes=True, include_open=True)

    at_once(lambda number: (bring_news, erase)[number](), 2)
    drain()

    assert Order.objects.get().amount_minor == 101500
    assert traces() == []


@pytest.mark.django_db(transaction=True)
def test_body_that_is_made_while_the_guest_is_erased_keeps_no_guest(monkeypatch: pytest.MonkeyPatch) -> None:
    make_organization()
    subscribe(includes_personal_data=True)
    arrive(order_of_guest())
    is_made, is_erased = threading.Event(), threading.Event()

    def write_late(*given: Any) -> None:
        is_made.set()
        is_erased.wait(1.5)
        update_rows(*given)

    def erase() -> None:
        is_made.wait(10)
        run("erase_person", PHONE, yes=True)
        is_erased.set()

    monkeypatch.setattr("outbound.feed.fan_out.update_rows", write_late)
    at_once(lambda number: (fan_out, erase)[number](), 2)

    assert is_erased.is_set()
    assert OutboundEvent.objects.filter(position__isnull=False).count() == 1
    assert traces() == []
