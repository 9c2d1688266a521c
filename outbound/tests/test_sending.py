"""How messages are sent: signed, in order, tried again, given up; and how an endpoint fares."""

import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from core.database import db_clock
from iiko_client.http import addresses
from orders.models.order import Order
from outbound import acts, redelivery
from outbound.errors import BadAddress, NotActive, TooManyTests, TooOld
from outbound.feed.fan_out import fan_out
from outbound.models.deliveries import Delivery, DeliveryAttempt, DeliveryState
from outbound.models.events import OutboundEvent
from outbound.models.subscriptions import Subscription
from outbound.sending import connections, exchange, schedule
from outbound.sending.claims import claim_due
from outbound.sending.connections import Kept
from outbound.sending.outcomes import Outcome, record
from outbound.sending.sender import Sender
from outbound.tasks import send_again_later
from outbound.tests.endpoints import Endpoint, Got, listening, send_all, subscribe
from tests.builders import ORGANIZATION_ID, make_organization, make_other_organization

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _private(settings: LazySettings) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES = True
    make_organization()


def make_order(number: int = 1, **changes: Any) -> Order:
    usual = {"organization_id": ORGANIZATION_ID, "iiko_order_id": f"o-{number}", "status": "Unconfirmed"}
    return Order.objects.create(**(usual | {"updated_at": db_clock.now()} | changes))


def move(order: Order, status: str) -> None:
    Order.objects.filter(pk=order.pk).update(status=status)


def pass_time(**length: int) -> None:
    """Let all that waits wait for so much less."""
    by = timedelta(**length)
    for row in Delivery.objects.pending():
        row.next_attempt_at = row.next_attempt_at - by if row.next_attempt_at else None
        row.save()
    for one in Subscription.objects.all():
        for name in ("failing_since", "opened_at", "next_probe_at", "paused_until"):
            if (moment := getattr(one, name)) is not None:
                setattr(one, name, moment - by)
        one.save()


def states() -> list[tuple[str, int, str]]:
    return [(one.state, one.attempts, one.last_error) for one in Delivery.objects.order_by("position", "id")]


# --- what is sent ------------------------------------------------------------------------------------


def test_a_message_is_signed_as_the_specification_says() -> None:
    with listening() as endpoint:
        subscription = subscribe(endpoint)
        order = make_order()
        send_all()

    (got,) = endpoint.got
    event, delivery = OutboundEvent.objects.get(), Delivery.objects.get()
    assert got.path == "/hook?key=qzxsecret"
    assert got.raw == event.body
    assert got.body["type"] == "order.created"
    assert got.body["data"]["id"] == order.pk
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"127.0.0.1:{endpoint.port}"
    assert got.message_id == f"msg_{event.uid.hex}_{subscription.pk}" == delivery.message_id
    assert Webhook(subscription.secret).verify(got.raw, got.headers) == got.body
    assert states() == [("delivered", 1, "")]
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.status, attempt.error, attempt.answer, attempt.is_probe) == (200, "", "", False)
    subscription.refresh_from_db()
    assert subscription.last_success_at is not None


def test_during_a_rotation_both_secrets_sign_and_then_the_new_one_alone() -> None:
    with listening() as endpoint:
        subscription = subscribe(endpoint)
        old = subscription.secret
        new = acts.rotate_secret(subscription)
        make_order()
        send_all()
        pass_time(hours=0)
        Subscription.objects.update(previous_secret_until=db_clock.now())
        make_order(2)
        send_all()

    during, after = endpoint.got
    assert new == subscription.secret != old
    assert len(during.headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        Webhook(secret).verify(during.raw, during.headers)
    assert after.headers["webhook-signature"].count(",") == 1
    Webhook(new).verify(after.raw, after.headers)


def test_a_retry_has_the_same_id_and_bytes_and_another_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(answers=[500]) as endpoint:
        subscribe(endpoint)
        order = make_order()
        send_all()
        move(order, "Closed")  # it stands otherwise by now
        later = db_clock.now() + timedelta(seconds=7)
        monkeypatch.setattr(db_clock.clock, "now", lambda: later)
        send_all()

    first, second, _closed = endpoint.got
    assert (first.raw, first.message_id) == (second.raw, second.message_id)
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) in (7, 8)


# --- in which order ----------------------------------------------------------------------------------


def test_what_does_not_arrive_holds_up_its_own_order_and_no_other() -> None:
    refused = make_order(1)

    with listening() as endpoint:
        subscribe(endpoint)
        move(refused, "WaitCooking")
        endpoint.answers = [500]
        send_all()
        other = make_order(2)
        move(refused, "Closed")
        move(other, "Closed")
        send_all()
        assert [one.body["data"]["id"] for one in endpoint.got] == [refused.pk, other.pk, other.pk]

        pass_time(seconds=7)
        send_all()

    statuses = [(one.body["data"]["id"], one.body["data"]["changes"].get("status")) for one in endpoint.got]
    assert statuses[3:] == [
        (refused.pk, {"from": "Unconfirmed", "to": "WaitCooking"}),
        (refused.pk, {"from": "WaitCooking", "to": "Closed"}),
    ]


def test_after_the_last_attempt_the_next_of_the_order_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "OPENS_AFTER", 100)
    monkeypatch.setattr("outbound.sending.circuit.OPENS_AFTER", 100)
    pauses = []
    with listening(answers=[500] * 10) as endpoint:
        subscribe(endpoint)
        order = make_order()
        move(order, "Closed")
        for _attempt in range(10):
            send_all()
            row = Delivery.objects.earliest("position")
            if row.next_attempt_at is not None:
                assert row.last_attempt_at is not None
                pauses.append((row.next_attempt_at - row.last_attempt_at).total_seconds())
            Delivery.objects.pending().update(next_attempt_at=db_clock.now())

    assert states() == [("failed", 10, "http_500"), ("delivered", 1, "")]
    assert DeliveryAttempt.objects.count() == 11
    for pause, usual in zip(pauses, [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400], strict=True):
        assert usual <= pause <= usual * 1.2 + 1


# --- what is answered --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with listening() as target, listening(usual=status, headers={"Location": target.url}) as endpoint:
        subscribe(endpoint)
        make_order()
        send_all()

    assert target.got == []
    assert states() == [("pending", 1, "redirect")]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_answer_of_the_200s_is_a_success(status: int) -> None:
    with listening(usual=status) as endpoint:
        subscribe(endpoint)
        make_order()
        send_all()

    assert states() == [("delivered", 1, "")]


def test_410_ends_the_subscription_and_what_waits_stays() -> None:
    with listening(answers=[410]) as endpoint:
        subscription = subscribe(endpoint)
        order = make_order()
        move(order, "Closed")
        send_all()

    subscription.refresh_from_db()
    assert (subscription.is_active, subscription.disabled_reason) == (False, "gone")
    assert states() == [("failed", 1, "http_410"), ("pending", 0, "")]
    assert len(endpoint.got) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_receiver_is_left_alone_for_as_long_as_it_says(status: int) -> None:
    with listening(answers=[status], headers={"Retry-After": "120"}) as endpoint:
        subscription = subscribe(endpoint)
        make_order(1)
        send_all()
        make_order(2)
        pass_time(seconds=110)
        send_all()
        assert len(endpoint.got) == 1
        pass_time(seconds=40)
        send_all()

    assert len(endpoint.got) == 3
    subscription.refresh_from_db()
    assert (subscription.failures, subscription.paused_until) == (0, None)


@pytest.mark.parametrize(
    "said", ["-1", "soon", "1e9", "99999999999999999999", "Wed, 21 Oct 2026 07:28:00 GMT"]
)
def test_an_odd_wish_to_be_left_alone_does_no_harm(said: str) -> None:
    with listening(answers=[503], headers={"Retry-After": said}) as endpoint:
        subscription = subscribe(endpoint)
        make_order()
        send_all()

    assert states() == [("pending", 1, "http_503")]
    subscription.refresh_from_db()
    if subscription.paused_until is not None:
        assert subscription.paused_until <= db_clock.now() + timedelta(hours=24)


def test_of_a_long_answer_the_beginning_is_kept() -> None:
    with listening(text=b"\0\xff" + b"x" * 300_000) as endpoint:
        subscribe(endpoint)
        make_order()
        send_all()

    attempt = DeliveryAttempt.objects.get()
    assert states() == [("delivered", 1, "")]
    assert len(attempt.answer) == 1000
    assert attempt.answer.startswith("\ufffd\ufffdxxx")


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_receiver_that_answers_drop_by_drop_is_cut_off(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "WITHIN_S", 1.0)
    stopping = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        begin = b"HTTP/1.1 200 OK\r\nX-Slow: " if part == "head" else b"HTTP/1.1 200 OK\r\n\r\n"
        try:
            handler.wfile.write(begin)
            while not stopping.wait(0.1):
                handler.wfile.write(b"x")
        except OSError:
            pass

    with listening(answer=drip) as endpoint:
        subscribe(endpoint)
        make_order()
        began = time.monotonic()
        send_all()
        took = time.monotonic() - began
        stopping.set()

    assert states() == [("pending", 1, "timeout")]
    assert 0.9 <= took <= 3


def test_what_is_no_http_is_told_from_silence() -> None:
    def garbage(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0-x\r\n")
        handler.close_connection = True

    with listening(answer=garbage) as endpoint:
        subscribe(endpoint)
        subscribe()
        make_order()
        send_all()

    assert {error for _state, _attempts, error in states()} == {"bad_answer", "no_answer"}


def test_a_connection_that_ends_with_its_answer_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.0 204 No Content\r\n\r\n")
        handler.close_connection = True

    monkeypatch.setattr(exchange, "WITHIN_S", 1.0)
    kept = Kept()
    with listening(answer=answer) as endpoint:
        for pause_s in (1.1, 0):
            one = exchange.Exchange(endpoint.url, {}, "{}", kept=kept, may_be_private=True)
            assert one.run().error == ""
            time.sleep(pause_s)

    assert len(endpoint.got) == 2


def test_a_kept_connection_that_was_closed_costs_no_attempt() -> None:
    def close(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        handler.close_connection = True

    with listening(answer=close) as endpoint:
        subscribe(endpoint)
        order = make_order()
        for status in ("WaitCooking", "Closed"):
            move(order, status)
        send_all()

    assert states() == [("delivered", 1, "")] * 3
    assert len(endpoint.got) == 3


# --- where it may be sent ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "169.254.169.254", "10.0.0.1"]
)
def test_private_addresses_are_refused_at_both_ends(host: str, settings: LazySettings) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES = False
    with pytest.raises(BadAddress):
        acts.check_url(f"https://{host}/hook")

    with listening() as endpoint:
        subscribe(url=f"http://{host}:{endpoint.port}/hook")
        make_order()
        send_all()

    assert endpoint.got == []
    assert states() == [("pending", 1, "private")]


def test_a_name_that_leads_to_a_private_address_is_refused(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES = False
    asked = []

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [(2, 1, 6, "", ("93.184.215.14", port)), (2, 1, 6, "", ("127.0.0.1", port))]

    with listening() as endpoint:
        subscribe(url=f"http://shop.example:{endpoint.port}/hook")
        make_order()
        fan_out()
        monkeypatch.setattr("outbound.sending.connections.socket.getaddrinfo", resolve)
        kept = Kept()
        answer = exchange.Exchange(
            f"http://shop.example:{endpoint.port}/", {}, "{}", kept=kept, may_be_private=False
        ).run()

    assert answer.error == "private"
    assert asked == ["shop.example"]
    assert endpoint.got == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop",
        "ftp://shop.example/",
        "https://",
        "https://u:p@shop.example/",
        "https://a.example:x/",
        "https://a..b/",
        "https://shop.example\t/",
        "https://127%2e0.0.1/",
    ],
)
def test_what_is_no_address_is_refused(url: str, settings: LazySettings) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES = False
    with pytest.raises(BadAddress):
        acts.check_url(url)


def test_of_an_address_the_server_is_shown() -> None:
    assert acts.check_url(" https://shop.example:8443/ключ?key=s ") == (
        "https://shop.example:8443/%D0%BA%D0%BB%D1%8E%D1%87?key=s",
        "https://shop.example:8443",
    )


def test_a_name_of_other_letters_is_asked_for_by_its_code() -> None:
    assert acts.check_url("https://Кафе.рф:8443/ключ") == (
        "https://xn--80akn5b.xn--p1ai:8443/%D0%BA%D0%BB%D1%8E%D1%87",
        "https://Кафе.рф:8443",
    )


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with listening() as endpoint:
        subscribe(endpoint)
        make_order()
        send_all()

    assert len(endpoint.got) == 1


# --- how an endpoint fares ---------------------------------------------------------------------------


def test_a_dead_endpoint_is_probed_and_costs_no_attempts_until_it_is_back() -> None:
    with listening(usual=503) as endpoint:
        subscription = subscribe(endpoint)
        orders = [make_order(number) for number in range(1, 9)]
        send_all()
        subscription.refresh_from_db()
        assert subscription.opened_at is not None
        tried = len(endpoint.got)
        send_all()
        assert len(endpoint.got) == tried, "an open circuit lets nothing through"
        attempts = sum(one.attempts for one in Delivery.objects.all())

        for _probe in range(3):
            Subscription.objects.update(next_probe_at=db_clock.now())
            send_all()
        assert len(endpoint.got) == tried + 3
        assert sum(one.attempts for one in Delivery.objects.all()) == attempts
        assert DeliveryAttempt.objects.filter(is_probe=True).count() == 3
        subscription.refresh_from_db()
        assert subscription.probes == 3
        assert subscription.next_probe_at is not None
        assert 115 <= (subscription.next_probe_at - db_clock.now()).total_seconds() <= 145

        endpoint.usual = 200
        pass_time(seconds=150)
        send_all()

    again = Subscription.objects.get()
    assert (again.opened_at, again.failures, again.last_error) == (None, 0, "")
    assert [one.state for one in Delivery.objects.all()] == ["delivered"] * len(orders)


def test_one_message_that_is_refused_does_not_stand_for_all() -> None:
    poison = make_order(1)
    with listening() as endpoint:
        subscription = subscribe(endpoint)

        def answer(handler: BaseHTTPRequestHandler) -> None:
            is_poison = endpoint.got[-1].body["data"]["id"] == poison.pk
            handler.send_response(422 if is_poison else 200)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        endpoint.answer = answer
        move(poison, "Closed")
        for _again in range(5):
            send_all()
            Delivery.objects.pending().update(next_attempt_at=db_clock.now())
        subscription.refresh_from_db()
        assert subscription.opened_at is not None

        make_order(2)
        fan_out()
        Subscription.objects.update(next_probe_at=db_clock.now())
        send_all()

    assert Subscription.objects.get().opened_at is None
    assert Delivery.objects.latest("position").state == DeliveryState.DELIVERED


def test_probes_that_are_refused_use_up_attempts_by_the_schedule_alone() -> None:
    with listening(usual=404) as endpoint:
        subscribe(endpoint)
        make_order()
        fan_out()
        for _attempt in range(5):
            Delivery.objects.update(next_attempt_at=db_clock.now())
            send_all()
        assert Subscription.objects.get().opened_at is not None
        assert states() == [("pending", 5, "http_404")]

        for _probe in range(3):
            Subscription.objects.update(next_probe_at=db_clock.now())
            send_all()
        assert len(endpoint.got) == 8
        assert states() == [("pending", 5, "http_404")]

        pass_time(hours=6)
        send_all()

    assert states() == [("pending", 6, "http_404")]


def test_after_days_of_failing_the_subscription_is_off_and_goes_on_when_it_is_on_again() -> None:
    with listening(usual=500) as endpoint:
        subscription = subscribe(endpoint)
        order = make_order()
        send_all()
        pass_time(days=5)
        send_all()
        subscription.refresh_from_db()
        assert (subscription.is_active, subscription.disabled_reason) == (False, "failing")

        # What happens now is kept: it may be asked for again.
        move(order, "Closed")
        send_all()
        endpoint.usual = 200
        acts.switch_on(subscription)
        Delivery.objects.pending().update(next_attempt_at=db_clock.now())
        send_all()
        assert acts.redeliver(subscription, db_clock.now() - timedelta(days=1)) == (2, False)
        send_all()

    assert states() == [("delivered", 1, ""), ("delivered", 1, "")]


def test_a_dead_endpoint_takes_its_share_of_the_threads_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "WITHIN_S", 3.0)
    monkeypatch.setattr("outbound.sending.sender.THREADS", 4)
    arrived: list[float] = []
    release = threading.Event()

    def hang(_got: Got) -> None:
        release.wait(5)

    with listening(before=hang) as dead, listening() as good:
        subscribe(dead)
        subscribe(good)
        good.before = lambda _got: arrived.append(time.monotonic())
        for number in range(1, 21):
            make_order(number)
        began = time.monotonic()
        send_all()
        release.set()

    assert len(arrived) == 20
    assert max(arrived) - began < 2


# --- again -------------------------------------------------------------------------------------------


def test_one_delivery_is_sent_again_with_the_same_id() -> None:
    with listening() as endpoint:
        subscribe(endpoint)
        make_order()
        send_all()
        delivery = Delivery.objects.get()
        assert acts.redeliver_one(delivery)
        assert not acts.redeliver_one(delivery), "it waits already"
        send_all()

    first, second = endpoint.got
    assert (first.raw, first.message_id) == (second.raw, second.message_id)
    delivery.refresh_from_db()
    assert delivery.redelivered_at is not None
    assert delivery.log.count() == 2


def test_since_a_time_all_is_sent_that_is_wanted_now() -> None:
    with listening() as endpoint, listening() as other:
        subscribe(other)
        old = make_order(1)
        fan_out()
        OutboundEvent.objects.update(occurred_at=db_clock.now() - timedelta(hours=2))
        subscription = subscribe(endpoint, event_types=["order.created"])
        move(old, "Closed")
        make_order(2)
        send_all()
        assert endpoint.types == ["order.created"]

        Subscription.objects.filter(pk=subscription.pk).update(event_types=[])
        subscription.refresh_from_db()
        assert acts.redeliver(subscription, db_clock.now() - timedelta(hours=1)) == (2, False)
        assert acts.redeliver(subscription, db_clock.now() - timedelta(hours=1)) == (0, False)
        send_all()
        assert acts.redeliver(subscription, db_clock.now() - timedelta(hours=3)) == (3, False)
        send_all()

    assert len(endpoint.got) == 1 + 2 + 3


def test_what_is_not_kept_or_off_cannot_be_asked_for() -> None:
    subscription = subscribe()
    with pytest.raises(TooOld):
        acts.redeliver(subscription, db_clock.now() - timedelta(days=31))
    acts.switch_off(subscription)
    assert subscription.disabled_reason == "person"
    with pytest.raises(NotActive):
        acts.redeliver(subscription, db_clock.now())


def test_a_test_is_sent_at_once_and_never_again() -> None:
    with listening(answers=[200, 500], text=b"fine") as endpoint:
        subscription = subscribe(endpoint, is_active=False, event_types=["order.created"])
        taken = acts.send_test(subscription)
        refused = acts.send_test(subscription)
        send_all()

    assert endpoint.types == ["subscription.test"] * 2
    assert (taken.state, taken.last_status) == ("delivered", 200)
    assert taken.log.get().answer == "fine"
    assert (refused.state, refused.last_error, refused.next_attempt_at) == ("failed", "http_500", None)
    subscription.refresh_from_db()
    assert (subscription.failures, subscription.is_active) == (0, False)


def test_a_test_that_arrives_closes_the_circuit() -> None:
    with listening() as endpoint:
        now = db_clock.now()
        subscription = subscribe(endpoint, opened_at=now, failures=7, failing_since=now, next_probe_at=now)
        acts.send_test(subscription)

    subscription.refresh_from_db()
    assert (subscription.opened_at, subscription.failures) == (None, 0)


# --- the rest ----------------------------------------------------------------------------------------


def test_draining_sends_what_is_due(endpoint_of_drain: Endpoint) -> None:
    make_order()

    call_command("worker", "--drain")

    assert endpoint_of_drain.types == ["order.created"]


@pytest.fixture
def endpoint_of_drain() -> Any:
    with listening() as endpoint:
        subscribe(endpoint)
        yield endpoint


def test_old_events_go_with_their_deliveries() -> None:
    with listening() as endpoint:
        subscribe(endpoint)
        make_order(1)
        send_all()
        OutboundEvent.objects.update(occurred_at=db_clock.now() - timedelta(days=31))
        make_order(2)
        send_all()

    call_command("prune", "--table", "outbound_events")

    assert Delivery.objects.count() == DeliveryAttempt.objects.count() == OutboundEvent.objects.count() == 1


def test_a_worker_whose_lease_is_over_changes_nothing_but_the_log() -> None:
    with listening() as endpoint:
        subscribe(endpoint)
        make_order()

        fan_out()
        now = db_clock.now()
        (claim,) = claim_due(lambda _one, _ready: 1, now=now)
        # As if another worker had taken it meanwhile.
        Delivery.objects.update(lease_until=now + timedelta(minutes=5))
        record([Outcome(claim, exchange.Answer(200, ""), now)], now=now)

    assert states() == [("pending", 0, "")]
    assert DeliveryAttempt.objects.count() == 1


# --- at the edges of a turn --------------------------------------------------------------------------


def take_turns(sender: Sender) -> None:
    while sender.turn():
        pass


@pytest.mark.parametrize("is_stopped", [False, True])
def test_answers_that_cannot_be_written_down_are_written_later(
    is_stopped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OperationalError("the database is away")]

    def failing_once(outcomes: list[Outcome], **moment: Any) -> None:
        if failures:
            raise failures.pop()
        record(outcomes, **moment)

    monkeypatch.setattr("outbound.sending.sender.record", failing_once)
    with listening() as endpoint:
        subscribe(endpoint)
        make_order()
        fan_out()
        sender = Sender()
        with pytest.raises(OperationalError):
            take_turns(sender)
        assert states() == [("pending", 0, "")]
        if not is_stopped:
            take_turns(sender)
        sender.finish(within_s=0)

    assert states() == [("delivered", 1, "")]
    assert len(endpoint.got) == 1


def test_one_message_that_cannot_be_made_does_not_hold_up_the_others() -> None:
    with listening() as endpoint:
        odd = subscribe(endpoint, secret="")
        subscribe(endpoint)
        make_order()
        send_all()

    assert len(endpoint.got) == 1
    assert states() == [("pending", 1, "not_sent"), ("delivered", 1, "")]
    assert Delivery.objects.get(subscription=odd).log.get().error == "not_sent"


def test_what_waits_behind_a_message_that_pauses_is_not_looked_for_all_the_time() -> None:
    with listening(answers=[500]) as endpoint:
        subscribe(endpoint)
        order = make_order()
        move(order, "Closed")
        fan_out()
        sender = Sender()
        take_turns(sender)

        with CaptureQueriesContext(connection) as asked:
            for _turn in range(5):
                sender.turn()
        claims = [one for one in asked.captured_queries if "FOR UPDATE" in one["sql"]]
        assert claims == []

        other = make_order(2)
        fan_out()
        take_turns(sender)
        sender.finish(within_s=0)

    assert [one.body["data"]["id"] for one in endpoint.got] == [order.pk, other.pk]


def test_all_attempts_to_connect_end_together(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    def resolve(_host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (f"10.0.0.{number}", port)) for number in range(9)]

    def silent(_address: Any, timeout: float, **_: Any) -> None:
        tried.append(timeout)
        raise TimeoutError

    monkeypatch.setattr("outbound.sending.connections.socket.getaddrinfo", resolve)
    monkeypatch.setattr(addresses, "create_connection", silent)

    with pytest.raises(connections.NotConnected):
        connections.open_checked("shop.example", 80, may_be_private=True, until=time.monotonic() + 3)
    assert len(tried) == 4
    assert max(tried) <= 3
    with pytest.raises(TimeoutError):
        connections.open_checked("shop.example", 80, may_be_private=True, until=time.monotonic() - 1)
    assert len(tried) == 4


def test_secrets_that_no_key_opens_hold_up_nobody_else() -> None:
    with listening() as endpoint:
        odd = subscribe(endpoint)
        subscribe(endpoint)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE outbound_subscriptions SET secret = 'lost' WHERE id = %s", [odd.pk])
        make_order()
        send_all()

    assert len(endpoint.got) == 1
    assert states() == [("pending", 1, "not_sent"), ("delivered", 1, "")]


def test_what_is_cut_while_it_connects_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = connections.open_checked

    with listening() as endpoint:
        late = exchange.Exchange(endpoint.url, {}, "{}", kept=Kept(), may_be_private=True)

        def slow(*address: Any, **options: Any) -> Any:
            late.cut()
            return opened(*address, **options)

        monkeypatch.setattr(connections, "open_checked", slow)
        answer = late.run()

    assert (answer.error, endpoint.got) == ("timeout", [])


def test_two_tests_run_at_a_time() -> None:
    subscription = subscribe()
    for _test in range(2):
        assert acts.TESTS_AT_ONCE.acquire(blocking=False)
    try:
        with pytest.raises(TooManyTests):
            acts.send_test(subscription)
    finally:
        acts.TESTS_AT_ONCE.release(2)

    assert Delivery.objects.count() == 0
    assert acts.send_test(subscription).state == DeliveryState.FAILED


def test_of_many_the_first_are_sent_again_at_once_and_the_others_by_jobs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redelivery, "_BATCH", 2)
    with listening() as endpoint:
        subscription = subscribe(endpoint, event_types=["order.status_changed"])
        order = make_order()
        for status in ("WaitCooking", "OnWay", "Closed"):
            move(order, status)
        send_all()
        Subscription.objects.update(event_types=[])
        subscription.refresh_from_db()
        endpoint.got.clear()

        since = db_clock.now() - timedelta(hours=1)
        assert acts.redeliver(subscription, since) == (2, True)
        jobs = ProcrastinateJob.objects.filter(task_name="outbound.send_again").order_by("id")
        for number in range(2):
            send_all()
            send_again_later(**jobs[number].args)
        send_all()

    assert jobs.count() == 2
    # Of the order its beginning, never told of before, comes first.
    assert endpoint.types == ["order.created"] + ["order.status_changed"] * 3
    statuses = [one.body["data"]["changes"]["status"]["to"] for one in endpoint.got[1:]]
    assert statuses == ["WaitCooking", "OnWay", "Closed"]


def test_sending_again_takes_the_lock_that_outcomes_take_and_takes_it_first() -> None:
    with listening() as endpoint:
        subscription = subscribe(endpoint)
        make_order()
        send_all()
    since = db_clock.now() - timedelta(hours=1)

    for again in (
        lambda: acts.redeliver_one(Delivery.objects.get()),
        lambda: acts.redeliver(subscription, since),
    ):
        Delivery.objects.update(state="failed", redelivered_at=None)
        with CaptureQueriesContext(connection) as asked:
            again()
        texts = [one["sql"] for one in asked.captured_queries]
        locks = [at for at, text in enumerate(texts) if "FOR NO KEY UPDATE" in text and "_subscr" in text]
        writes = [at for at, text in enumerate(texts) if text.startswith('UPDATE "outbound_deliveries"')]
        assert len(writes) == 1
        assert locks[0] < writes[0]


def test_a_batch_that_is_done_twice_sends_once_more_only() -> None:
    with listening() as endpoint:
        subscription = subscribe(endpoint, event_types=["order.status_changed"])
        move(make_order(), "Closed")
        send_all()
        Subscription.objects.update(event_types=[])
        now = db_clock.now()
        wish = redelivery.Redelivery(subscription.pk, now - timedelta(hours=1), now, only_failed=False)

        assert redelivery.send_again(wish) == (2, False)
        send_all()
        assert redelivery.send_again(wish) == (0, False)
        send_all()

    assert endpoint.types == ["order.status_changed", "order.created", "order.status_changed"]


def test_what_a_subscription_is_told_of_no_more_is_not_sent_again() -> None:
    other = make_other_organization()
    with listening() as endpoint:
        subscription = subscribe(endpoint)
        make_order()
        send_all()
        subscription.organizations.add(other)

        assert acts.redeliver(subscription, db_clock.now() - timedelta(hours=1)) == (0, False)


def test_what_nobody_could_be_told_of_is_not_deleted_and_what_goes_unsent_is_logged() -> None:
    subscription = subscribe()
    make_order(1)
    fan_out()
    make_order(2)
    OutboundEvent.objects.update(occurred_at=db_clock.now() - timedelta(days=31))

    with capture_logs() as told:
        call_command("prune", "--table", "outbound_events")

    assert [one.position for one in OutboundEvent.objects.all()] == [None]
    unsent = [one for one in told if one["event"] == "outbound.deleted_unsent"]
    assert [(one["subscription_id"], one["count"]) for one in unsent] == [(subscription.pk, 1)]
