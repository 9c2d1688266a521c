"""What is told, to whom and when: planned, sent, tried again, held back."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from time import sleep
from typing import Any

import pytest
from apprise.plugins.custom_json import NotifyJSON
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connection

from attention.models.channels import Channel, Kind, Notification, SendState
from attention.models.items import AttentionItem, Severity
from attention.notifications import plan, send
from attention.notifications.retention import forget_old_notifications
from attention.tests.receivers import NOON, PATH, Receiver, look, make_channel, make_item, receiving, told
from core.database import db_clock
from orders.models.order import Order
from organizations.models.organization import Organization
from tests.builders import make_organization, make_other_organization

pytestmark = pytest.mark.django_db

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SENT = ("new", "sent", "")


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[Receiver]:
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = True
    settings.WEBHOOK_BASE_URL = "https://hub.example.com"
    with receiving() as one:
        yield one


@pytest.fixture
def place() -> Organization:
    return make_organization()


# --- what arrives --------------------------------------------------------------------------------------


def test_item_arrives_once_with_its_number_and_a_link(receiver: Receiver, place: Organization) -> None:
    channel = make_channel(receiver)
    item = make_item(place)

    look(NOON)
    look(NOON + 5 * SECOND)

    [(path, headers, body)] = receiver.got
    number = Notification.objects.get().pk
    assert path == PATH
    assert headers["X-Notification-Id"] == str(number)
    assert body == {
        "version": "1.0",
        "title": "Warning · Кафе «Сирень»",
        "message": "The restaurant reports a problem with order 55.",
        "attachments": [],
        "type": "warning",
        "notification_id": number,
        "kind": "new",
        "items": [item.pk],
        "rules": ["problem"],
        "restaurants": [place.iiko_id],
    }
    assert told(channel) == [SENT]


def test_words_are_in_the_language_of_the_channel(receiver: Receiver, place: Organization) -> None:
    make_channel(receiver, language="ru")
    make_channel(receiver, language="en")
    make_item(place, severity=Severity.CRITICAL)

    look(NOON)

    titles = {body["title"] for body in receiver.bodies}
    assert titles == {"Критично · Кафе «Сирень»", "Critical · Кафе «Сирень»"}
    assert {body["type"] for body in receiver.bodies} == {"failure"}


def test_guest_is_named_only_where_the_channel_allows_it(receiver: Receiver, place: Organization) -> None:
    make_channel(receiver, allows_personal_data=True)
    make_channel(receiver)
    order = Order.objects.create(
        organization=place,
        iiko_order_id="1",
        phone="+79161234567",
        customer={"name": "Вера"},
        created_at=NOON,
        updated_at=NOON,
    )
    make_item(place, order=order)

    look(NOON)

    named, nameless = receiver.texts
    link = f"Open the order: https://hub.example.com/console/orders/{order.pk}"
    told = "Warning · Кафе «Сирень»\nThe restaurant reports a problem with order 55."
    assert named == f"{told}\nGuest: Вера +79161234567\n{link}"
    assert nameless == f"{told}\n{link}"


# --- which ---------------------------------------------------------------------------------------------


def test_only_chosen_rules_restaurants_and_severities_are_told(
    receiver: Receiver, place: Organization
) -> None:
    other = make_other_organization()
    make_channel(receiver, place, rules=["problem"], least_severity=Severity.WARNING)
    wanted = make_item(place)
    make_item(place, rule="worker_away", severity=Severity.CRITICAL)
    make_item(other)
    make_item(None)
    make_item(place, severity=Severity.INFO)

    look(NOON)

    assert [body["items"] for body in receiver.bodies] == [[wanted.pk]]


def test_channel_without_choices_tells_of_the_hub_too(receiver: Receiver, place: Organization) -> None:
    make_channel(receiver)
    make_item(None)

    look(NOON)

    assert [body["title"] for body in receiver.bodies] == ["Warning · iikohub"]


def test_what_was_found_before_the_channel_is_not_told(receiver: Receiver, place: Organization) -> None:
    make_channel(receiver, active_since=NOON)
    make_item(place, at=NOON - SECOND)
    later = make_item(place, at=NOON + SECOND)

    look(NOON + MINUTE)

    assert [body["items"] for body in receiver.bodies] == [[later.pk]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ended_at": NOON}, "ended"),
        ({"taken_at": NOON}, "taken"),
        ({"resolved_at": NOON}, "resolved"),
        ({"snoozed_until": NOON + HOUR}, "snoozed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_nobody_has_to_look_at_any_more_is_not_sent(
    receiver: Receiver, place: Organization, change: dict[str, Any], reason: str
) -> None:
    channel = make_channel(receiver)
    item = make_item(place)
    plan.plan_all(now=NOON)

    AttentionItem.objects.filter(pk=item.pk).update(**change)
    send.send_due(channel.pk, clock=lambda: NOON + SECOND)

    assert receiver.got == []
    assert told(channel) == [("new", "dropped", reason)]


@pytest.mark.parametrize(
    "change",
    [{"rules": ["late"]}, {"least_severity": Severity.CRITICAL}, {}],
    ids=["rules", "severity", "place"],
)
def test_what_a_narrowed_channel_tells_of_no_more_is_not_sent(
    receiver: Receiver, place: Organization, change: dict[str, Any]
) -> None:
    other = make_other_organization()
    channel = make_channel(receiver, place, other)
    make_item(other)
    plan.plan_all(now=NOON)

    if change:
        Channel.objects.filter(pk=channel.pk).update(**change)
    else:
        channel.restaurants.remove(other)
    send.send_due(channel.pk, clock=lambda: NOON + SECOND)

    assert receiver.got == []
    assert told(channel) == [("new", "dropped", "not_chosen")]


def test_digest_and_quiet_hours_keep_nothing_of_a_restaurant_that_was_unticked(
    receiver: Receiver, place: Organization
) -> None:
    other = make_other_organization()
    held = make_channel(receiver, place, other, quiet_from=time(0), quiet_until=time(23, 59))
    limited = make_channel(receiver, place, other, most_per_hour=1)
    make_item(other)
    mine = make_item(place)
    plan.plan_all(now=NOON)

    for channel in (held, limited):
        channel.restaurants.remove(other)
    look(NOON + SECOND)

    assert [body["items"] for body in receiver.bodies] == [[mine.pk]]
    assert told(held) == [("new", "dropped", "not_chosen"), ("new", "held", "")]
    assert told(limited, Kind.NEW) == [("new", "dropped", "not_chosen"), SENT]


def test_item_given_back_before_it_was_told_is_told(receiver: Receiver, place: Organization) -> None:
    channel = make_channel(receiver)
    item = make_item(place)
    plan.plan_all(now=NOON)
    AttentionItem.objects.filter(pk=item.pk).update(taken_at=NOON)
    look(NOON + SECOND)

    AttentionItem.objects.filter(pk=item.pk).update(taken_at=None)
    look(NOON + MINUTE)

    assert told(channel) == [("new", "dropped", "taken"), SENT]


def test_rule_that_flaps_is_told_once_in_a_quarter_of_an_hour(
    receiver: Receiver, place: Organization
) -> None:
    make_channel(receiver)
    for minute in range(0, 16, 2):
        at = NOON + minute * MINUTE
        item = make_item(place, at=at, subject="pos")
        look(at)
        if minute < 14:
            AttentionItem.objects.filter(pk=item.pk).update(ended_at=at + MINUTE)
    assert len(receiver.got) == 1

    look(NOON + 15 * MINUTE)

    assert receiver.bodies[1]["items"] == [item.pk]


def test_inactive_channel_sends_nothing(receiver: Receiver, place: Organization) -> None:
    channel = make_channel(receiver)
    make_item(place)
    plan.plan_all(now=NOON)

    Channel.objects.update(is_active=False)
    look(NOON)

    assert receiver.got == []
    assert told(channel) == [("new", "dropped", "switched_off")]


# --- quiet hours ---------------------------------------------------------------------------------------

NIGHT = {"quiet_from": time(23), "quiet_until": time(8)}
# Kafe «Сирень» is in Yekaterinburg, UTC+5.
MIDNIGHT = datetime(2026, 3, 13, 19, 0, tzinfo=UTC)


def test_quiet_hours_over_midnight_end_with_a_digest(receiver: Receiver, place: Organization) -> None:
    channel = make_channel(receiver, **NIGHT)
    for minutes in (-61, -60, 0, 479):
        make_item(place, at=MIDNIGHT + minutes * MINUTE)
    over = make_item(place, at=MIDNIGHT)

    look(MIDNIGHT - 61 * MINUTE)
    assert len(receiver.got) == 5  # it is not quiet yet: the rows stand for what is found by then

    Notification.objects.all().delete()
    receiver.got.clear()
    look(MIDNIGHT)
    AttentionItem.objects.filter(pk=over.pk).update(ended_at=MIDNIGHT + HOUR)
    look(MIDNIGHT + 479 * MINUTE)
    assert receiver.got == []
    look(MIDNIGHT + 480 * MINUTE)

    [body] = receiver.bodies
    assert (body["kind"], body["title"]) == ("digest", "4 need attention")
    assert body["message"].count("• Warning · Кафе «Сирень»: ") == 4
    assert told(channel, Kind.DIGEST) == [("digest", "sent", "")]
    assert sorted(told(channel, Kind.NEW)) == [("new", "dropped", "ended"), *[SENT] * 4]


def test_one_that_waited_alone_comes_as_itself(receiver: Receiver, place: Organization) -> None:
    channel = make_channel(receiver, **NIGHT)
    make_item(place, at=MIDNIGHT)
    look(MIDNIGHT)

    look(MIDNIGHT + 8 * HOUR)

    assert told(channel) == [SENT]


@pytest.mark.parametrize(("breaks", "count"), [(True, 1), (False, 0)])
def test_critical_one_breaks_quiet_hours_where_wished(
    receiver: Receiver, place: Organization, breaks: bool, count: int
) -> None:
    make_channel(receiver, critical_breaks_quiet=breaks, **NIGHT)
    make_item(place, at=MIDNIGHT, severity=Severity.CRITICAL)

    look(MIDNIGHT)

    assert len(receiver.got) == count


@pytest.mark.parametrize(
    ("at", "is_quiet"),
    [
        # Berlin, 29 March 2026: at 01:00 UTC the clock goes from 02:00 to 03:00.
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), False),
        # 25 October 2026: at 01:00 UTC it goes from 03:00 back to 02:00.
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), True),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), True),
        (datetime(2026, 10, 25, 2, 0, tzinfo=UTC), False),
    ],
)
def test_quiet_hours_go_by_the_clock_on_the_wall(receiver: Receiver, at: datetime, is_quiet: bool) -> None:
    make_channel(receiver, quiet_from=time(1), quiet_until=time(3))
    make_item(make_organization(timezone="Europe/Berlin"), at=at)

    look(at)

    assert len(receiver.got) == (0 if is_quiet else 1)


def test_quiet_hours_are_each_restaurants_own(receiver: Receiver, place: Organization) -> None:
    moscow = make_other_organization(timezone="Europe/Moscow")
    make_channel(receiver, **NIGHT)
    at = datetime(2026, 3, 13, 19, 30, tzinfo=UTC)  # 00:30 there, 22:30 in Moscow
    make_item(place, at=at)
    awake = make_item(moscow, at=at)

    look(at)

    assert [body["items"] for body in receiver.bodies] == [[awake.pk]]


# --- how many ------------------------------------------------------------------------------------------


def test_no_more_than_the_limit_come_in_an_hour_the_rest_in_a_digest(
    receiver: Receiver, place: Organization
) -> None:
    make_channel(receiver, most_per_hour=3)
    first = [make_item(place).pk for _ in range(6)]

    look(NOON)
    assert [body["items"] for body in receiver.bodies] == [[first[0]], [first[1]], first[2:]]

    later = [make_item(place, at=NOON + MINUTE).pk for _ in range(2)]
    look(NOON + MINUTE)
    look(NOON + 59 * MINUTE)
    assert len(receiver.got) == 3
    look(NOON + 60 * MINUTE)

    assert [body["items"] for body in receiver.bodies[3:]] == [later]


def test_digest_names_twenty_and_counts_the_others(receiver: Receiver, place: Organization) -> None:
    make_channel(receiver, most_per_hour=1)
    for _ in range(25):
        make_item(place)

    look(NOON)

    [body] = receiver.bodies
    lines = body["message"].splitlines()
    assert body["title"] == "25 need attention"
    assert (len(lines), lines[-1]) == (21, "and 5 more")


# --- again ---------------------------------------------------------------------------------------------


def test_repeats_come_until_somebody_takes_it(receiver: Receiver, place: Organization) -> None:
    make_channel(receiver, repeat_minutes=10)
    item = make_item(place)

    for minute in range(25):
        look(NOON + minute * MINUTE)
    AttentionItem.objects.filter(pk=item.pk).update(taken_at=NOON, taken_by=User.objects.create())
    look(NOON + 40 * MINUTE)

    assert [body["kind"] for body in receiver.bodies] == ["new", "repeat", "repeat"]
    assert receiver.bodies[1]["title"] == "Again: Warning · Кафе «Сирень»"


def test_item_that_was_snoozed_is_told_again(receiver: Receiver, place: Organization) -> None:
    make_channel(receiver)
    item = make_item(place)
    look(NOON)

    AttentionItem.objects.filter(pk=item.pk).update(snoozed_until=NOON + HOUR)
    look(NOON + HOUR - SECOND)
    look(NOON + HOUR)
    look(NOON + 2 * HOUR)

    assert [body["kind"] for body in receiver.bodies] == ["new", "repeat"]


# --- failures ------------------------------------------------------------------------------------------


def test_failure_is_tried_again_with_growing_pauses_and_shown_meanwhile(
    receiver: Receiver, place: Organization
) -> None:
    channel = make_channel(receiver)
    receiver.answers = [503, 500, 503]
    make_item(place)

    tries: list[object] = []
    for second in range(120):
        before = len(receiver.got)
        look(NOON + second * SECOND)
        if len(receiver.got) > before:
            tries.append(second)
            channel.refresh_from_db()
            tries.append(channel.last_error)

    assert tries == [0, "http_503", 5, "http_500", 20, "http_503", 80, ""]
    assert told(channel) == [SENT]
    assert len({body["notification_id"] for body in receiver.bodies}) == 1
    assert channel.failing_since is None
    assert channel.last_sent_at == NOON + 80 * SECOND


def test_message_is_given_up_after_an_hour(receiver: Receiver, place: Organization) -> None:
    channel = make_channel(receiver)
    receiver.answers = [401] * 100
    make_item(place)

    for minute in range(200):
        look(NOON + minute * MINUTE)

    assert told(channel) == [("new", "failed", "http_401")]
    assert 6 <= len(receiver.got) <= 9
    channel.refresh_from_db()
    assert (channel.last_error, channel.failing_since) == ("http_401", NOON)


def test_what_was_given_up_is_told_once_the_receiver_is_back(receiver: Receiver, place: Organization) -> None:
    channel = make_channel(receiver)
    receiver.answers = [503] * 8
    item = make_item(place)
    for minute in range(0, 90, 5):
        look(NOON + minute * MINUTE)
    assert told(channel) == [("new", "failed", "http_503")]
    receiver.got.clear()
    receiver.answers.clear()

    plan.plan_test(channel, now=NOON + 2 * HOUR)
    look(NOON + 2 * HOUR)
    look(NOON + 2 * HOUR + SECOND)
    look(NOON + 3 * HOUR)

    assert [(body["kind"], body.get("items")) for body in receiver.bodies] == [
        ("test", None),
        ("new", [item.pk]),
    ]


def test_message_that_is_given_up_twice_for_one_reason_is_told_no_more(
    receiver: Receiver, place: Organization
) -> None:
    channel = make_channel(receiver)
    item = make_item(place)
    for number in range(2):
        Notification.objects.create(
            channel=channel,
            item=item,
            number=number,
            kind=Kind.NEW,
            state=SendState.FAILED,
            error="no_answer",
            planned_at=NOON,
            finished_at=NOON + number * HOUR,
        )

    look(NOON + 2 * HOUR)

    assert receiver.got == []


def test_message_that_breaks_a_plug_in_does_not_hold_up_the_others(
    receiver: Receiver, place: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = make_channel(receiver)
    broken, sound = make_item(place), make_item(place)

    def notify(service: NotifyJSON, **_message: object) -> bool:
        if service.payload_extras["items"] == [broken.pk]:
            raise ValueError
        return True

    monkeypatch.setattr(NotifyJSON, "notify", notify)
    for minute in range(0, 180, 5):
        look(NOON + minute * MINUTE)

    assert told(channel) == [("new", "failed", "plugin_failed"), SENT]
    assert Notification.objects.get(item=sound).sent_at == NOON


def test_others_wait_in_order_while_the_receiver_is_away(receiver: Receiver, place: Organization) -> None:
    make_channel(receiver)
    receiver.answers = [503]
    items = [make_item(place).pk for _ in range(3)]

    look(NOON)
    look(NOON + 4 * SECOND)
    look(NOON + 5 * SECOND)

    assert [body["items"] for body in receiver.bodies] == [[items[0]], *([one] for one in items)]


def test_message_that_is_refused_does_not_hold_up_the_others(receiver: Receiver, place: Organization) -> None:
    make_channel(receiver)
    receiver.answers = [400]
    items = [make_item(place).pk for _ in range(2)]

    look(NOON)

    assert [body["items"] for body in receiver.bodies] == [[items[0]], [items[1]]]


def test_slow_channel_is_left_for_another_turn(receiver: Receiver, place: Organization) -> None:
    channel = make_channel(receiver)
    make_item(place)
    make_item(place)
    plan.plan_all(now=NOON)
    moments = iter(NOON + second * SECOND for second in (0, 0, 9, 9))

    is_left = send.send_due(channel.pk, clock=lambda: next(moments))

    assert (is_left, len(receiver.got)) == (True, 1)


# --- whoever dies --------------------------------------------------------------------------------------


def test_two_workers_send_one_message_once(receiver: Receiver, place: Organization) -> None:
    channel = make_channel(receiver)
    make_item(place)
    plan.plan_all(now=NOON)
    claim = send.claim_next(channel.pk, now=NOON)
    assert claim is not None

    assert send.claim_next(channel.pk, now=NOON + send.LEASE - SECOND) is None
    assert plan.plan_all(now=NOON + send.LEASE - SECOND) == []


def test_message_of_a_dead_worker_is_sent_again_and_says_so(receiver: Receiver, place: Organization) -> None:
    channel = make_channel(receiver)
    make_item(place)
    plan.plan_all(now=NOON)
    died = send.claim_next(channel.pk, now=NOON)
    assert died is not None

    look(NOON + send.LEASE)

    [body] = receiver.bodies
    assert body["notification_id"] == died.message.number
    assert body["message"].endswith("(This message may have come once before.)")
    assert told(channel) == [SENT]
    send.record(died, "", now=NOON + HOUR)  # it was only asleep
    assert told(channel) == [SENT]
    assert Notification.objects.get().sent_at == NOON + send.LEASE


def test_late_success_counts_and_late_failure_does_not(receiver: Receiver, place: Organization) -> None:
    channel = make_channel(receiver)
    make_item(place)
    plan.plan_all(now=NOON)
    asleep = send.claim_next(channel.pk, now=NOON)
    present = send.claim_next(channel.pk, now=NOON + send.LEASE)
    assert asleep is not None
    assert present is not None

    send.record(asleep, "no_answer", now=NOON + send.LEASE + SECOND)
    assert told(channel) == [("new", "sending", "")]
    send.record(asleep, "", now=NOON + send.LEASE + SECOND)

    assert told(channel) == [SENT]
    send.record(present, "no_answer", now=NOON + send.LEASE + 2 * SECOND)
    assert told(channel) == [SENT]


@pytest.mark.django_db(transaction=True)
def test_lease_is_renewed_while_a_receiver_is_slow(
    receiver: Receiver, place: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "RENEW_S", 0.05)
    monkeypatch.setattr(send, "LEASE", timedelta(seconds=0.5))
    channel = make_channel(receiver)
    make_item(place)
    clock = db_clock.exactly_now
    plan.plan_all(now=clock())
    leases: list[datetime | None] = []

    def look_meanwhile() -> None:
        for _ in range(4):
            sleep(0.25)
            leases.append(Channel.objects.get().leased_until)
            assert send.claim_next(channel.pk, now=clock()) is None
        connection.close()

    receiver.before = look_meanwhile
    send.send_due(channel.pk, clock=clock)

    assert len(set(leases)) == 4
    assert told(channel) == [SENT]
    assert len(receiver.got) == 1


@pytest.mark.django_db(transaction=True)
def test_lease_of_a_sending_that_hangs_is_left_to_others(
    receiver: Receiver, place: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "RENEW_S", 0.05)
    monkeypatch.setattr(send, "RENEWED_FOR_S", 0.2)
    monkeypatch.setattr(send, "LEASE", timedelta(seconds=0.3))
    channel = make_channel(receiver)
    make_item(place)
    clock = db_clock.exactly_now
    plan.plan_all(now=clock())
    others: list[send.Claim | None] = []

    def hang() -> None:
        sleep(1.5)
        others.append(send.claim_next(channel.pk, now=clock()))
        connection.close()

    receiver.before = hang
    send.send_due(channel.pk, clock=clock)

    [other] = others
    assert other is not None
    assert told(channel) == [SENT]


# --- tests and retention -------------------------------------------------------------------------------


def test_test_is_tried_once_and_its_success_is_noted(receiver: Receiver) -> None:
    channel = make_channel(receiver, is_active=False)
    receiver.answers = [404]
    plan.plan_test(channel, now=NOON)
    look(NOON)
    channel.refresh_from_db()
    assert (channel.tried_at, channel.last_error) == (None, "http_404")

    plan.plan_test(channel, now=NOON + MINUTE)
    plan.plan_test(channel, now=NOON + MINUTE)
    look(NOON + MINUTE)

    channel.refresh_from_db()
    assert (channel.tried_at, channel.last_error) == (NOON + MINUTE, "")
    assert told(channel) == [("test", "failed", "http_404"), ("test", "sent", "")]
    assert receiver.bodies[1]["message"] == "Notifications of the channel “channel 1” arrive here."


def test_old_ones_are_forgotten_unless_their_item_is_open(receiver: Receiver, place: Organization) -> None:
    make_channel(receiver)
    is_open, over = make_item(place), make_item(place)
    look(NOON)
    AttentionItem.objects.filter(pk=over.pk).update(ended_at=NOON)

    assert forget_old_notifications(days=30, now=NOON + timedelta(days=30)) == 0
    assert forget_old_notifications(days=30, now=NOON + timedelta(days=30, seconds=1)) == 1

    assert list(Notification.objects.values_list("item_id", "state")) == [(is_open.pk, SendState.SENT)]
