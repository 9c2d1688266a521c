"""Every table has a rule or a reason; the rules take what is over its age and nothing else."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.utils import timezone

from core.privacy import retention
from hall.models import Reserve, TableOrder
from iikohub import tasks
from loyalty.models import Customer, LoyaltyOperation, OperationKind, Wallet
from orders.models.order import Order, OrderTerms
from organizations.models.connection import ApiCall
from organizations.models.dictionaries import Courier
from organizations.models.organization import Organization
from tests.builders import (
    ORGANIZATION_ID,
    REVISION,
    arrive,
    cloud_event,
    inbox,
    make_organization,
    reserve_event,
    table_order_event,
)
from webhooks.models.inbox import EventStatus, WebhookEvent

pytestmark = pytest.mark.django_db

OLD, NEW = timedelta(days=366), timedelta(days=364)
PHONE = "+79030000011"


def prune(*tables: str, **options: Any) -> str:
    out = StringIO()
    call_command("prune", table=list(tables), stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def last_news(order_id: str, ago: timedelta, **changes: Any) -> Order:
    arrive(cloud_event(order_id=order_id, external_number=order_id, **({"status": "Closed"} | changes)))
    Order.objects.filter(iiko_order_id=order_id).update(updated_at=timezone.now() - ago)
    return Order.objects.get(iiko_order_id=order_id)


# --- the schema ----------------------------------------------------------------------------------------


def test_every_table_of_the_database_has_a_rule_or_a_reason() -> None:
    told = {rule.table for rule in retention.rules()} | retention.reasons().keys()

    assert retention.tables_of_database() - told == set(), "say in retention.py how long its rows are kept"
    assert told - retention.tables_of_database() == set(), "there is no such table"


def test_no_table_has_both() -> None:
    assert {rule.table for rule in retention.rules()} & retention.reasons().keys() == set()


def test_a_table_made_past_the_models_is_found() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE by_hand (id int)")

    assert "by_hand" in retention.tables_of_database()


# --- guests --------------------------------------------------------------------------------------------


def test_orders_without_news_for_a_year_lose_their_guests_and_stay() -> None:
    make_organization()
    old, new = last_news("old", OLD), last_news("new", NEW)
    before = Order.objects.get(pk=old.pk).updated_at

    told = prune("orders")

    assert told.startswith("orders: 1 (guests removed, rows stay: ")
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.phone, old.customer, old.amount_minor, old.status) == (None, None, 165100, "Closed")
    assert old.updated_at == before
    assert (new.phone, new.personal_data_removed_at) == (PHONE, None)
    assert [event.payload["eventInfo"]["order"]["phone"] for event in inbox()] == ["***", PHONE]
    assert "t79030000011" not in OrderTerms.objects.get(order=old).terms
    assert "t79030000011" in OrderTerms.objects.get(order=new).terms


def test_calls_about_an_old_order_lose_the_guest() -> None:
    make_organization()
    last_news("old", OLD)
    now = timezone.now()
    body = {"order": {"phone": PHONE, "sum": 10.5}}
    ApiCall.objects.create(
        operation="x", url="u", order_id="old", request=body, duration_ms=1, started_at=now
    )

    prune("orders")

    assert ApiCall.objects.get().request == {"order": {"phone": "***", "sum": 10.5}}


def test_what_is_promised_for_later_keeps_its_guest_however_long_nothing_is_heard() -> None:
    make_organization()
    hangs = last_news("hangs", OLD, status="OnWay")
    to_come = last_news("to-come", OLD, status="Unconfirmed")
    Order.objects.filter(pk=to_come.pk).update(promised_time=timezone.now() + timedelta(days=5))
    Order.objects.filter(pk=hangs.pk).update(promised_time=timezone.now() - OLD)

    prune("orders")

    assert list(Order.objects.filter(phone=PHONE)) == [to_come]


def test_hall_loses_its_guests_likewise() -> None:
    make_organization()
    arrive(
        table_order_event(phone=PHONE, tabName="Лунина", status="Closed"),
        reserve_event(status="Closed", timestamp=REVISION),
        reserve_event(order_id="kept", status="New"),
    )
    old = timezone.now() - OLD
    TableOrder.objects.update(updated_at=old)
    Reserve.objects.update(updated_at=old, estimated_start_time=old)
    Reserve.objects.filter(iiko_id="kept").update(estimated_start_time=timezone.now() + timedelta(days=9))

    prune("table_orders", "reserves")

    table = TableOrder.objects.get()
    assert (table.phone, table.tab_name, table.waiter_name) == (None, None, "Соколова Вера")
    assert {one.iiko_id: one.phone for one in Reserve.objects.all()} == {
        "5e709cb3-d4f6-4182-a394-b5c6d7e8f90a": None,
        "kept": PHONE,
    }


def make_customer(organization: Organization, name: str, ago: timedelta) -> Wallet:
    read = timezone.now() - ago
    guest = Customer.objects.create(organization=organization, iiko_id=name, name=name, read_at=read)
    return Wallet.objects.create(customer=guest, iiko_id=name, read_at=read)


def test_customers_without_news_lose_their_names_and_keep_their_ledger() -> None:
    organization = make_organization()
    quiet, moved = make_customer(organization, "quiet", OLD), make_customer(organization, "moved", OLD)
    make_customer(organization, "read", NEW)
    for wallet, ago in ((quiet, OLD), (moved, NEW)):
        LoyaltyOperation.objects.create(
            organization=organization,
            wallet=wallet,
            kind=OperationKind.TOPUP,
            state="confirmed",
            amount_minor=700,
            comment="для Марии",
            marker=wallet.iiko_id,
            created_at=timezone.now() - ago,
        )

    told = prune("loyalty_customers")

    assert told.startswith("loyalty_customers: 1 ")
    assert set(Customer.objects.values_list("iiko_id", "name")) == {
        ("quiet", ""),
        ("moved", "moved"),
        ("read", "read"),
    }
    assert set(LoyaltyOperation.objects.values_list("marker", "amount_minor", "comment")) == {
        ("quiet", 700, "***"),
        ("moved", 700, "для Марии"),
    }


def test_dead_message_outlives_its_age_without_its_guest() -> None:
    make_organization()
    arrive(cloud_event(organization_id="unknown", envelope={"organizationId": ORGANIZATION_ID}))
    WebhookEvent.objects.update(status=EventStatus.DEAD, received_at=timezone.now() - OLD)

    told = prune("webhook_events")

    assert [line.split(" (")[0] for line in told.splitlines()] == ["webhook_events: 0", "webhook_events: 1"]
    assert inbox()[0].payload["eventInfo"]["order"]["phone"] == "***"
    assert prune("webhook_events").count("webhook_events: 0 (") == 2


def test_zero_days_keep_guests_for_ever(settings: LazySettings) -> None:
    settings.PERSONAL_DATA_DAYS = 0
    make_organization()
    last_news("old", timedelta(days=4000))

    assert prune("orders") == "orders: kept for ever (PERSONAL_DATA_DAYS=0)\n"
    assert Order.objects.get().phone == PHONE


def test_more_orders_than_a_batch_are_taken_and_a_second_run_finds_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "_ANONYMISED_AT_ONCE", 2)
    make_organization()
    for number in range(5):
        last_news(f"old-{number}", OLD)

    err = StringIO()
    call_command("prune", table=["orders"], stdout=StringIO(), stderr=err)

    assert err.getvalue().splitlines() == [f"orders: {done} so far" for done in (2, 4, 5)]
    assert prune("orders").startswith("orders: 0 (")


# --- the rest ------------------------------------------------------------------------------------------


def test_sessions_admin_log_and_couriers_who_left_are_deleted() -> None:
    now = timezone.now()
    user = User.objects.create_user("anna")
    for key, days in (("over", -1), ("lasts", 1)):
        Session.objects.create(session_key=key, session_data="x", expire_date=now + timedelta(days=days))
    for name, ago in (("old", OLD), ("new", NEW)):
        entry = LogEntry.objects.create(user=user, object_repr=name, action_flag=CHANGE)
        LogEntry.objects.filter(pk=entry.pk).update(action_time=now - ago)
    organization = make_organization()
    for name, is_deleted in (("left", True), ("works", False)):
        Courier.objects.create(organization=organization, iiko_id=name, name=name, is_deleted=is_deleted)
    Courier.objects.update(updated_at=now - OLD)

    tasks.prune()

    assert list(Session.objects.values_list("session_key", flat=True)) == ["lasts"]
    assert list(LogEntry.objects.values_list("object_repr", flat=True)) == ["new"]
    assert list(Courier.objects.values_list("name", flat=True)) == ["works"]


def test_notes_of_scheduled_runs_go_with_their_jobs() -> None:
    now = timezone.now()
    with connection.cursor() as cursor:
        for days in (13, 15):
            cursor.execute(
                "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp) "
                "VALUES ('gone', '', %s)",
                [int((now - timedelta(days=days)).timestamp())],
            )

    assert "procrastinate_periodic_defers: 1 rows due" in prune(dry_run=True)
    prune()

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_periodic_defers")
        assert cursor.fetchone() == (1,)


def test_dry_run_tells_figures_and_does_nothing() -> None:
    make_organization()
    order = last_news("old", OLD)

    told = prune(dry_run=True)

    oldest = f"{timezone.now() - OLD:%Y-%m-%d}"
    assert f"orders: 1 rows due, the oldest of {oldest} (365 days, PERSONAL_DATA_DAYS; guests" in told
    assert told.endswith("Nothing was done: this was a dry run.\n")
    order.refresh_from_db()
    assert order.phone == PHONE


def test_unknown_table_and_one_without_a_rule_are_refused() -> None:
    with pytest.raises(CommandError, match=r"There is no rule for 'order'\. Tables with one: .*, orders, "):
        prune("order")
    with pytest.raises(CommandError, match="No rule takes rows of order_timeline: goes with its order"):
        prune("order_timeline")


def test_rule_that_fails_keeps_no_other_from_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_days: int, _now: object) -> Any:
        raise DatabaseError("canceling statement due to statement timeout")

    first, *others = retention.rules()
    failing = retention.Rule(first.table, "x", first.age, first.due, first.moment, broken)
    monkeypatch.setattr("iikohub.operations.pruning.rules", lambda: [failing, *others])
    Session.objects.create(
        session_key="over", session_data="x", expire_date=timezone.now() - timedelta(days=1)
    )

    with pytest.raises(DatabaseError):
        tasks.prune()

    assert not Session.objects.exists()
