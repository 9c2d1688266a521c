"""A dry run of a replay tells what the replay then does, whoever asks, and does nothing itself."""

import threading
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.test import Client
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob

from loyalty.tests.test_holds import held_for_order, jobs
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order, TimelineEntry
from organizations.provisioning import create_api_key
from tests.builders import (
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    OTHER_TOKEN,
    REVISION,
    TOKEN,
    authorized,
    cloud_event,
    courier,
    drain,
    inbox,
    make_key,
    make_organization,
    make_other_organization,
    post,
    product,
    soi_message,
)
from tests.pages import EVENTS, sign_in, sign_in_superuser, text
from tests.simulated_iiko import SimulatedIiko
from webhooks.models.inbox import WebhookEvent
from webhooks.replay import ReplayBusy, dry_run as service
from webhooks.replay.dry_run import dry_run_of

pytestmark = pytest.mark.django_db

RESULTS = "outdated 1 (newer news had arrived before), applied 1"
MANY = "/api/v1/webhooks/events/replay"


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def deliver(*bodies: Any, token: str = TOKEN) -> None:
    for body in bodies:
        post(Client(), body, token)


def dry_run(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("replay_webhooks", "--dry-run", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().replace("\N{NO-BREAK SPACE}", " ").splitlines()


def ask(key: str | None = None, **body: Any) -> Any:
    headers = authorized(key or make_key())
    return Client().post(MANY, body, content_type="application/json", headers=headers)


def state() -> list[Any]:
    """Everything that a replay could touch."""
    return [
        list(Order.objects.order_by("id").values()),
        list(TimelineEntry.objects.order_by("id").values()),
        list(WebhookEvent.objects.order_by("id").values()),
        list(ProcrastinateJob.objects.order_by("id").values()),
    ]


@pytest.fixture
def disagreeing() -> Order:
    """Make an order whose row is not what its two events say."""
    make_organization()
    deliver(
        cloud_event(status="Waiting", courierInfo=courier()),
        cloud_event(status="OnWay", timestamp=REVISION + 1000, items=[product(amount=2.0)]),
    )
    drain()
    Order.objects.update(status="Waiting", raw_status="Waiting", amount_minor=1005, phone="+79990000000")
    return Order.objects.get()


# --- the command -----------------------------------------------------------------------------------------


def test_command_shows_the_change_field_by_field(disagreeing: Order) -> None:
    before = state()

    told = dry_run()

    assert told == [
        "order №142, Кафе «Сирень»",
        "  Status: Waiting for dispatch → On the way",
        "  Status as sent: Waiting → OnWay",
        "  Amount: 10.05 ₽ → 1,651.00 ₽",
        "  Phone: *** → ***",
        f"2 events would be replayed: {RESULTS}. Rows that would change: 1.",
    ]
    assert state() == before


def test_command_shows_people_to_who_asks(disagreeing: Order) -> None:
    assert "  Phone: +79990000000 → +79030000011" in dry_run("--show-people")


def test_command_says_of_each_event_how_it_would_end(disagreeing: Order) -> None:
    older, newer = [event.pk for event in inbox()]

    told = dry_run("--verbosity", "2")

    assert told[5:7] == [
        f"#{older} DeliveryOrderUpdate: outdated, newer news had arrived before",
        f"#{newer} DeliveryOrderUpdate: applied",
    ]


def test_replay_then_does_what_was_told(disagreeing: Order) -> None:
    told = dry_run_of(WebhookEvent.objects.all())

    call_command("replay_webhooks", stdout=StringIO(), stderr=StringIO())
    drain()

    replays = [event for event in inbox() if event.source == "replay"]
    row = Order.objects.get()
    assert [(one.result.status, one.result.reason) for one in told.results] == [
        (event.status, event.reason) for event in replays
    ]
    assert {change.name: change.after for change in told.changes[0].fields} == {
        name: getattr(row, name) for name in ("status", "raw_status", "amount_minor", "phone")
    }
    assert dry_run_of(WebhookEvent.objects.filter(source="webhook")).changes == []


def test_order_that_is_gone_would_be_made_again(disagreeing: Order) -> None:
    Order.objects.all().delete()
    before = state()

    (change,) = dry_run_of(WebhookEvent.objects.all()).changes

    fields = {one.name: (one.before, one.after) for one in change.fields}
    assert (change.what, change.pk, str(change.row)) == ("new", None, "№142")
    assert fields["status"] == (None, "OnWay")
    assert dry_run()[0] == "order №142, Кафе «Сирень»: would be made"
    assert state() == before


def test_rows_that_would_be_joined_are_told() -> None:
    make_organization()
    deliver(cloud_event(external_number="E-1"))
    drain()
    duplicate = Order.objects.create(
        organization_id=ORGANIZATION_ID, external_order_id="E-1", updated_at="2026-03-14T00:00Z"
    )

    told = dry_run()

    assert "order E-1, Кафе «Сирень»: would be joined with another row" in told
    assert Order.objects.filter(pk=duplicate.pk).exists()


def test_each_event_meets_what_those_before_it_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """One order's events stay together however small the parts are."""
    monkeypatch.setattr(service, "AT_ONCE", 1)
    monkeypatch.setattr("webhooks.processing.claims.BATCH_BYTES", 1)
    make_organization()
    deliver(
        soi_message(kind="CREATE", order_id=None, external_id="S-1", orderStatus="WAIT_COOKING"),
        soi_message(order_id=ORDER_ID, external_id="S-1", orderStatus="ON_WAY"),
        cloud_event(external_number=None, status="Delivered"),
        cloud_event(order_id="another", external_number=None, status="Waiting"),
    )
    drain()
    Order.objects.all().delete()

    told = dry_run_of(WebhookEvent.objects.all())

    assert [(str(one.row), one.what) for one in told.changes] == [("№142", "new"), ("№142", "new")]
    assert {one.result.status for one in told.results} == {"processed"}
    ids = [{f.name: f.after for f in one.fields}.get("iiko_order_id") for one in told.changes]
    assert sorted(ids, key=str) == sorted([ORDER_ID, "another"], key=str)


def test_events_that_cannot_be_replayed_are_counted() -> None:
    make_organization()
    make_other_organization()
    deliver(b"garbage", {"eventType": "NomenclatureUpdate", "organizationId": ORGANIZATION_ID})
    deliver(cloud_event(), token=OTHER_TOKEN)

    assert dry_run()[-1] == (
        "1 event would be replayed: not applied 1 (this type of event is only kept). "
        "Cannot be replayed: 2. Rows that would change: 0."
    )


def test_event_that_would_fail_is_told_with_its_error(
    disagreeing: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("no such luck")

    monkeypatch.setattr("webhooks.processing.handlers.deliveries.apply_reports", broken)

    told = dry_run()

    first = inbox()[0].pk
    # The words of an error may name people.
    assert told[0] == f"event {first} would fail: ValueError: ***"
    assert dry_run("--show-people")[0] == f"event {first} would fail: ValueError: no such luck"
    assert told[-1].startswith(
        "2 events would be replayed: failed, will be retried 2 (could not be applied)."
    )
    assert [event.status for event in inbox()] == ["processed", "processed"]
    assert Order.objects.get().status == "Waiting"


def test_large_event_is_left_to_a_worker(disagreeing: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(cloud_event(order_id="large", comment="x" * 1_100_000))

    told = dry_run_of(WebhookEvent.objects.filter(entity_key="large"))

    assert (told.untried, told.results, told.changes) == (1, [], [])
    assert dry_run("--order", "large")[-1] == (
        "1 event would be replayed. Too large to be tried here: 1. Rows that would change: 0."
    )


def test_tasks_that_a_handler_sets_off_vanish_with_the_rest(client: Client, iiko: SimulatedIiko) -> None:
    held_for_order(client, iiko)
    deliver(cloud_event(status="Cancelled", timestamp=REVISION + 9000))
    before, enqueued = state(), jobs("release_of_order")

    (told,) = dry_run_of(WebhookEvent.objects.filter(status="pending")).results

    assert told.result.status == "processed"
    assert (state(), jobs("release_of_order")) == (before, enqueued)
    drain()
    assert jobs("release_of_order") == enqueued + 1


def test_command_that_the_events_show_to_be_done_is_told(disagreeing: Order) -> None:
    command = OrderCommand.objects.create(
        order=disagreeing,
        kind=CommandKind.UPDATE_STATUS,
        state=CommandState.SENT,
        params={"status": "OnWay"},
        requested_by="vera",
        created_at="2026-03-14T10:00Z",
    )

    told = dry_run()

    assert told[5:7] == [f"command {command}, Кафе «Сирень»", "  State: sent, not confirmed yet → done"]
    command.refresh_from_db()
    assert command.state == CommandState.SENT


@pytest.mark.django_db(transaction=True)
def test_dry_run_waits_for_a_worker_and_abandons_in_the_end(
    disagreeing: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds the order's row; the dry run does not hang."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Order.objects.select_for_update().get()
            held.set()
            done.wait(30)
        connections.close_all()

    monkeypatch.setattr(service, "PATIENCE", "50ms")
    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    try:
        with pytest.raises(ReplayBusy):
            dry_run_of(WebhookEvent.objects.all())
        answer = ask(status="processed", dry_run=True)
    finally:
        done.set()
        holder.join()

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "replay_busy")
    assert len(dry_run_of(WebhookEvent.objects.all()).changes) == 1


# --- over the API ----------------------------------------------------------------------------------------


def test_api_tells_what_one_event_would_change(disagreeing: Order) -> None:
    before = state()

    answer = Client().post(
        f"/api/v1/webhooks/events/{inbox()[1].pk}/replay",
        {"dry_run": True},
        content_type="application/json",
        headers=authorized(make_key()),
    )

    assert answer.status_code == 200
    assert answer.json() == {
        "events": 1,
        "impossible": 0,
        "untried": 0,
        "results": [{"status": "processed", "reason": "", "count": 1}],
        "failures": [],
        "changes": [
            {
                "kind": "order",
                "id": disagreeing.pk,
                "name": "№142",
                "organization_id": ORGANIZATION_ID,
                "change": "changed",
                "fields": [
                    {"name": "status", "from": "Waiting", "to": "OnWay"},
                    {"name": "raw_status", "from": "Waiting", "to": "OnWay"},
                    {"name": "amount_minor", "from": 1005, "to": 165100},
                    {"name": "phone", "from": "+79990000000", "to": "+79030000011"},
                ],
            }
        ],
    }
    assert state()[:3] == before[:3]


def test_api_replays_by_filter(disagreeing: Order) -> None:
    deliver(cloud_event(order_id="other", order=None, event_type="DeliveryOrderError"))
    drain()

    told = ask(event_type="DeliveryOrderUpdate", dry_run=True)
    done = ask(event_type="DeliveryOrderUpdate")

    assert (told.status_code, told.json()["events"]) == (200, 2)
    assert (done.status_code, done.json()) == (202, {"queued": 2, "waiting": 0, "impossible": 0})
    assert drain() == 2
    assert Order.objects.get(iiko_order_id=ORDER_ID).status == "OnWay"
    again = ask(event_type="DeliveryOrderUpdate")
    assert again.json() == {"queued": 2, "waiting": 0, "impossible": 0}  # the originals alone


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"reason": "error"}, 1),
        ({"processing_error": "no such LUCK"}, 1),
        ({"status": "dead", "processing_error": "another"}, 0),
        ({"status": "processed", "since": "2020-01-01T00:00:00Z"}, 1),
        ({"until": "2020-01-01T00:00:00Z"}, 0),
        ({"organization_id": ORGANIZATION_ID.upper()}, 2),
    ],
)
def test_api_finds_by_reason_and_error(disagreeing: Order, asked: dict[str, Any], found: int) -> None:
    WebhookEvent.objects.filter(pk=inbox()[0].pk).update(
        status="dead", reason="error", processing_error="ValueError: no such luck"
    )

    assert ask(**asked, dry_run=True).json()["events"] == found


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, None),
        ({"dry_run": True}, None),
        ({"status": "gone"}, "status"),
        ({"since": "yesterday"}, "since"),
    ],
)
def test_api_refuses_what_names_no_events(disagreeing: Order, body: dict[str, Any], attr: str | None) -> None:
    answer = ask(**body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] in (attr, "non_field_errors" if attr is None else attr)
    assert len(inbox()) == 2


def test_api_refuses_a_field_that_it_does_not_know(disagreeing: Order) -> None:
    answer = ask(statuss="dead")

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "unknown_field")
    assert len(inbox()) == 2


def test_api_takes_a_bounded_number(disagreeing: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhooks.replay.REPLAY_AT_ONCE", 1)

    answer = ask(organization_id=ORGANIZATION_ID)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "too_many_events")
    assert len(inbox()) == 2


def test_key_reaches_its_organizations_only(disagreeing: Order) -> None:
    make_other_organization()
    deliver(cloud_event(organization_id=OTHER_ORGANIZATION_ID, order_id="foreign"), token=OTHER_TOKEN)
    drain()
    key = make_key(OTHER_ORGANIZATION_ID)

    told = ask(key, event_type="DeliveryOrderUpdate", dry_run=True).json()

    assert told["events"] == 1
    assert ask(key, event_type="DeliveryOrderUpdate").json()["queued"] == 1


def test_key_that_only_reads_replays_nothing(disagreeing: Order) -> None:
    _, key = create_api_key(name="reader", rights=())

    answers = [ask(key, status="processed"), ask(key, status="processed", dry_run=True)]
    answers.append(Client().post(f"/api/v1/webhooks/events/{inbox()[0].pk}/replay", headers=authorized(key)))

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert len(inbox()) == 2


def test_person_without_orders_learns_no_values(disagreeing: Order) -> None:
    client = Client()
    sign_in(client, "webhooks.view_webhookevent", "webhooks.replay_webhookevent")

    answer = client.post(
        MANY, {"event_type": "DeliveryOrderUpdate", "dry_run": True}, content_type="application/json"
    )

    (row,) = answer.json()["changes"]
    assert row["name"] == "***"
    assert {(one["from"], one["to"]) for one in row["fields"]} == {("***", "***")}


# --- in the admin ----------------------------------------------------------------------------------------


def test_admin_shows_the_change_of_a_selection_before_it_is_made(client: Client, disagreeing: Order) -> None:
    sign_in_superuser(client)
    ids = [event.pk for event in inbox()]
    form = {"action": "replay", "_selected_action": ids, "confirmed": "yes", "dry_run": "yes"}
    before = state()

    page = text(client.post(f"{EVENTS}?type=DeliveryOrderUpdate", form, headers={"accept-language": "en"}))

    assert "Replay 2 events?" in page
    assert "applied 1" in page
    assert "order №142, Кафе «Сирень»" in page
    assert "Status Waiting for dispatch On the way" in page
    assert "Amount 10.05 ₽ 1,651.00 ₽" in page
    assert "Phone +79990000000 +79030000011" in page
    assert state() == before


def test_admin_shows_the_change_of_one_event(client: Client, disagreeing: Order) -> None:
    sign_in_superuser(client)
    pk = inbox()[1].pk

    page = client.post(f"{EVENTS}{pk}/replay/", {"dry_run": "yes"}, headers={"accept-language": "en"})

    assert "Status Waiting for dispatch On the way" in text(page)
    assert len(inbox()) == 2


def test_admin_hides_orders_from_who_may_not_see_them(client: Client, disagreeing: Order) -> None:
    sign_in(client, "webhooks.view_webhookevent", "webhooks.replay_webhookevent")

    page = client.post(
        f"{EVENTS}{inbox()[1].pk}/replay/", {"dry_run": "yes"}, headers={"accept-language": "en"}
    )

    assert "Phone *** ***" in text(page)
    assert "+79030000011" not in page.content.decode()
    assert "№142" not in text(page)


def test_admin_tells_nothing_to_who_may_only_look(client: Client, disagreeing: Order) -> None:
    sign_in(client, "webhooks.view_webhookevent", "orders.view_order")

    assert client.post(f"{EVENTS}{inbox()[1].pk}/replay/", {"dry_run": "yes"}).status_code == 403


def test_workers_go_on_between_the_parts(disagreeing: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is a transaction of its own, so that nothing stays locked for the length of the whole."""
    monkeypatch.setattr(service, "AT_ONCE", 1)
    deliver(*[cloud_event(order_id=f"o{number}", external_number=None) for number in range(3)])
    drain()

    parts = list(service.dry_run_in_parts(WebhookEvent.objects.all()))

    assert [len(part.results) for part in parts] == [5] or [len(part.results) for part in parts] == [
        2,
        1,
        1,
        1,
    ]
