"""Around the actions: repeats, waiting, who may ask, how often, and where the answer is found."""

import re
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import ConnectorException

from orders.api import prefer_wait
from orders.commands.idempotency import COMMANDS
from orders.models.command import IdempotencyKey, OrderCommand
from orders.models.order import Order
from organizations.api import throttling
from organizations.provisioning import create_api_key
from tests.acting import QUEUED, STATUS, Acting, make_removal_type, refused, told
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    authorized,
    make_key,
    make_other_organization,
)
from tests.simulated_iiko import SimulatedIiko

pytestmark = pytest.mark.django_db

ON_WAY = {"status": "OnWay"}
COMMAND_FIELDS = {
    "id",
    "order_id",
    "kind",
    "state",
    "params",
    "correlation_id",
    "trace_id",
    "error",
    "confirmed_by",
    "requested_by",
    "created_at",
    "sent_at",
    "finished_at",
}


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    one = Acting(iiko)
    one.has(status="Waiting")
    return one


@pytest.fixture
def _no_jobs_left() -> Iterator[None]:
    """Their tables are procrastinate's: Django does not empty them after a test."""
    yield
    ProcrastinateJob.objects.all().delete()


def named(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


# --- once --------------------------------------------------------------------------------------------


def test_repeat_is_answered_with_the_first_command(acting: Acting) -> None:
    first = acting.ask("update-status", ON_WAY, headers=named("k-1"))
    again = acting.ask("update-status", ' {"status" : "OnWay"} ', headers=named("k-1"))

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert OrderCommand.objects.count() == 1


def test_repeat_after_the_end_tells_the_end(acting: Acting) -> None:
    acting.ask("update-status", ON_WAY, headers=named("k-1"))
    acting.has(status="OnWay")
    command = OrderCommand.objects.get()
    acting.step(command)

    again = acting.ask("update-status", ON_WAY, headers=named("k-1"))

    assert (again.status_code, again.json()["state"]) == (200, "confirmed")


@pytest.mark.parametrize(
    ("action", "body"), [("update-status", {"status": "Delivered"}), ("cancel", {"cancel_reason": "x"})]
)
def test_key_of_another_request_is_a_mistake(acting: Acting, action: str, body: dict[str, Any]) -> None:
    acting.ask("update-status", ON_WAY, headers=named("k-1"))

    other = acting.ask(action, body, headers=named("k-1"))

    assert told(other) == (422, "idempotency_key_reused")
    assert OrderCommand.objects.count() == 1


def test_keys_of_other_callers_are_other_keys(acting: Acting) -> None:
    acting.ask("update-status", ON_WAY, headers=named("k-1"))
    acting.key = make_key(name="other")

    response = acting.ask("update-status", ON_WAY, headers=named("k-1"))

    assert told(response) == (409, "already_asked")


def test_key_is_free_again_after_a_refusal(acting: Acting) -> None:
    assert refused(acting.ask("update-status", {"status": "Delivered"}, headers=named("k-1")))[0] == 409
    acting.has(status="OnWay")

    response = acting.ask("update-status", {"status": "Delivered"}, headers=named("k-1"))

    assert response.status_code == 202


def test_key_counts_for_a_day(acting: Acting) -> None:
    acting.ask("update-status", ON_WAY, headers=named("k-1"))
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))

    response = acting.ask("update-status", ON_WAY, headers=named("k-1"))

    assert told(response) == (409, "already_asked")
    assert COMMANDS.forget_old(now=timezone.now()) == 1


def post_raw(
    acting: Acting, body: bytes, content_type: str = "application/json", action: str = "update-status"
) -> Any:
    path = f"/api/v1/orders/{Order.objects.get().pk}/{action}"
    client = Client(raise_request_exception=False)
    return client.generic("POST", path, body, content_type, headers=authorized(acting.key))


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("update-status", rb'{"status": "\ud800"}'),
        ("update-status", rb'{"\udfff": 1, "status": "OnWay"}'),
        ("update-status", b'{"status": 1e99999999999999999999}'),
        ("update-status", b'{"status": "\xff"}'),
        ("update-payment", rb'{"payments": [{"paymentTypeKind": "\uD83D", "sum": 1}]}'),
    ],
)
def test_body_that_cannot_be_read_or_told_back_is_refused(acting: Acting, action: str, body: bytes) -> None:
    assert refused(post_raw(acting, body, action=action)) == (400, "parse_error")


def test_text_with_a_character_of_two_surrogates_is_taken(acting: Acting) -> None:
    make_removal_type()

    answer = post_raw(acting, rb'{"cancel_reason": "\ud83d\ude00"}', action="cancel")

    assert answer.status_code == 202
    assert OrderCommand.objects.get().params["reason"] == "\N{GRINNING FACE}"


@pytest.mark.parametrize("charset", ["rot13", "zlib", "bz2", "utf-16", "latin-1"])
def test_body_in_another_coding_is_refused_unread(acting: Acting, charset: str) -> None:
    bomb = zlib.compress(b'{"status": "OnWay"}')

    answer = post_raw(acting, bomb, f"application/json; charset={charset}")

    assert refused(answer) == (415, "unsupported_media_type")


def test_body_larger_than_the_limit_is_refused_unread(acting: Acting, settings: LazySettings) -> None:
    body = b'{"status": "OnWay"}'
    settings.API_MAX_BODY_BYTES = len(body)

    answer = post_raw(acting, body + b" ")

    assert refused(answer) == (413, "body_too_large")
    assert "19" in answer.json()["errors"][0]["detail"]
    assert not OrderCommand.objects.exists()
    assert post_raw(acting, body).status_code == 202


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "no-such"])
def test_body_in_utf_8_is_taken_however_it_is_called(acting: Acting, charset: str) -> None:
    answer = post_raw(acting, b'{"status": "OnWay"}', f"application/json; charset={charset}")

    assert answer.status_code == 202


@pytest.mark.parametrize("moment", ["2199-12-31T00:00:00Z", "1970-01-01T00:00:00Z", "+1h1m"])
def test_time_at_which_no_guest_had_it_is_refused(acting: Acting, moment: str) -> None:
    acting.has(status="OnWay")
    if moment == "+1h1m":
        moment = (timezone.now() + timedelta(minutes=61)).isoformat()

    answer = acting.ask("update-status", {"status": "Delivered", "delivered_at": moment})

    assert refused(answer) == (422, "delivered_at_implausible")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (None, 503),
        ("57P01", 503),
        ("08006", 503),
        ("53100", 503),
        ("53300", 503),
        ("55P03", 503),
        ("57014", 503),
        ("40P01", 500),
    ],
)
@pytest.mark.parametrize("raised", [OperationalError, ConnectorException], ids=["Django", "procrastinate"])
def test_database_that_went_away_is_told_apart_from_mistakes(
    acting: Acting,
    monkeypatch: pytest.MonkeyPatch,
    raised: type[Exception],
    state: str | None,
    status: int,
) -> None:
    def lose(*_: Any, **__: Any) -> None:
        cause = psycopg.OperationalError("gone")
        cause.sqlstate = state
        raise raised("gone") from cause

    acting.ask("update-status", ON_WAY, headers=named("k-1"))
    monkeypatch.setattr(OrderCommand, "refresh_from_db", lose)
    path = f"/api/v1/orders/{Order.objects.get().pk}/update-status"
    answer = Client(raise_request_exception=False).post(
        path,
        ON_WAY,
        content_type="application/json",
        headers={**authorized(acting.key), **named("k-1"), "Prefer": "wait=1"},
    )

    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == ("5" if status == 503 else None)
    if status == 503:
        assert told(answer) == (503, "database_unavailable")


@pytest.mark.parametrize("key", ["x" * 201, "a\tb"])
def test_key_that_cannot_be_one_is_refused(acting: Acting, key: str) -> None:
    response = acting.ask("update-status", ON_WAY, headers=named(key))

    assert response.status_code == 400
    assert OrderCommand.objects.count() == 0


def at_once(count: int, ask: Callable[[int], Any]) -> list[Any]:
    """Ask from so many threads, which start together."""
    answers: list[Any] = []
    together = threading.Barrier(count)

    def work(number: int) -> None:
        try:
            together.wait()
            answers.append(ask(number))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.usefixtures("_no_jobs_left")
@pytest.mark.django_db(transaction=True)
def test_fifty_requests_with_one_key_make_one_command(acting: Acting) -> None:
    answers = at_once(50, lambda _: acting.ask("update-status", ON_WAY, headers=named("k-1")))

    command = OrderCommand.objects.get()
    assert {(one.status_code, one.json()["id"]) for one in answers} == {(202, command.pk)}
    assert len(answers) == 50
    assert ProcrastinateJob.objects.filter(task_name="orders.advance_command").count() == 1


@pytest.mark.usefixtures("_no_jobs_left")
@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_make_one_command(acting: Acting) -> None:
    answers = at_once(2, lambda _: acting.ask("update-status", ON_WAY))

    assert sorted(one.status_code for one in answers) == [202, 409]
    assert OrderCommand.objects.count() == 1


# --- waiting -----------------------------------------------------------------------------------------


def test_caller_who_waits_is_told_the_end(acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            OrderCommand.objects.update(state="confirmed", confirmed_by="status", finished_at=timezone.now())

    monkeypatch.setattr("orders.api.prefer_wait.time.sleep", sleep)

    response = acting.ask("update-status", ON_WAY, headers={"Prefer": "respond-async, wait=30"})

    assert (response.status_code, response.json()["state"]) == (200, "confirmed")
    assert response["Preference-Applied"] == "wait=20"
    assert len(slept) == 3


def test_waiting_ends_in_time(acting: Acting) -> None:
    response = acting.ask("update-status", ON_WAY, headers={"Prefer": "wait=0"})

    assert (response.status_code, response.json()["state"]) == (202, "pending")


def test_too_many_waiters_are_answered_at_once(acting: Acting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefer_wait, "WAITERS", threading.BoundedSemaphore(1))
    prefer_wait.WAITERS.acquire()

    response = acting.ask("update-status", ON_WAY, headers={"Prefer": "wait=20"})

    assert response.status_code == 202
    assert "Preference-Applied" not in response


# --- who may -----------------------------------------------------------------------------------------


def test_key_of_another_restaurant_sees_no_order(acting: Acting) -> None:
    make_other_organization()
    acting.key = make_key(OTHER_ORGANIZATION_ID)

    response = acting.ask("update-status", ON_WAY)

    assert refused(response) == (404, "not_found")


def test_command_of_another_restaurant_is_not_found(acting: Acting) -> None:
    command = acting.asked("update-status", ON_WAY)
    make_other_organization()

    foreign = Client().get(
        f"/api/v1/commands/{command.pk}", headers=authorized(make_key(OTHER_ORGANIZATION_ID))
    )
    own = Client().get(f"/api/v1/commands/{command.pk}", headers=authorized(make_key(ORGANIZATION_ID)))

    assert foreign.status_code == 404
    assert (own.status_code, own.json()["id"]) == (200, command.pk)
    assert set(own.json()) == COMMAND_FIELDS


@pytest.mark.parametrize(
    "action", ["update-status", "assign-courier", "update-payment", "cancel", "apply-discount"]
)
def test_key_that_may_only_read(acting: Acting, action: str) -> None:
    acting.key = create_api_key(name="reader", rights=())[1]

    assert refused(acting.ask(action, {})) == (403, "permission_denied")
    assert acting.get("orders")["results"] != []


@pytest.mark.parametrize(
    ("action", "body", "permission"),
    [
        ("update-status", ON_WAY, "change_order_status"),
        ("assign-courier", {"courier_id": "x"}, "assign_order_courier"),
        ("update-payment", {"payments": []}, "change_order_payment"),
        ("cancel", {}, "cancel_order"),
        ("apply-discount", {}, "apply_order_discount"),
    ],
)
def test_person_needs_the_permission_of_the_action(
    acting: Acting, action: str, body: dict[str, Any], permission: str
) -> None:
    person = User.objects.create_user("Оля", password="x", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename="view_order"))
    client = Client()
    client.force_login(person)

    assert refused(acting.ask(action, body, client=client)) == (403, "permission_denied")

    person.user_permissions.add(Permission.objects.get(codename=permission))
    assert acting.ask(action, body, client=client).status_code in (202, 400, 409, 422)


def test_status_cancelled_needs_the_permission_to_cancel(acting: Acting) -> None:
    make_removal_type()
    person = User.objects.create_user("Оля", password="x", is_staff=True)
    allowed = ("view_order", "change_order_status")
    person.user_permissions.set(Permission.objects.filter(codename__in=allowed))
    client = Client()
    client.force_login(person)

    assert refused(acting.ask("update-status", {"status": "Cancelled"}, client=client))[0] == 403

    person.user_permissions.add(Permission.objects.get(codename="cancel_order"))
    response = acting.ask("update-status", {"status": "Cancelled"}, client=client)
    assert (response.status_code, response.json()["requested_by"]) == (202, "Оля")
    assert OrderCommand.objects.get().user == person


def test_persons_request_from_another_site_is_refused(acting: Acting) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("chief"))

    assert refused(acting.ask("update-status", ON_WAY, client=client))[0] == 403


def test_nobody_acts_without_a_key(acting: Acting) -> None:
    assert acting.ask("update-status", ON_WAY, client=Client()).status_code == 401
    assert OrderCommand.objects.count() == 0


def test_reading_an_action_is_not_allowed(acting: Acting) -> None:
    pk = Order.objects.get().pk

    response = Client().get(f"/api/v1/orders/{pk}/cancel", headers=authorized(acting.key))

    assert response.status_code == 405


@pytest.mark.parametrize(
    ("action", "body", "choice"),
    [
        ("update-status", {"status": "Flying"}, "CookingStarted"),
        ("update-payment", {"payments": [{"paymentTypeKind": "Gold", "sum": 1}]}, "Cash"),
    ],
)
@pytest.mark.parametrize(("language", "words"), [("en", "is none of these"), ("ru", "нет среди допустимых")])
def test_refused_choice_names_what_there_is(
    acting: Acting, action: str, body: Any, choice: str, language: str, words: str
) -> None:
    answer = acting.ask(action, body, headers={"Accept-Language": language})

    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert words in error["detail"]
    assert choice in error["detail"]


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("update-status", []),
        ("update-status", {"status": "OnWay", "delivered_at": "yesterday"}),
        ("assign-courier", {"courier_id": []}),
        ("assign-courier", {}),
        ("update-payment", {"payments": {}}),
        ("update-payment", {"payments": []}),
        ("update-payment", {"payments": [7]}),
        ("update-payment", {"payments": [{"sum": 1}]}),
        ("update-payment", {"payments": [{"sum": "1,5"}]}),
        ("cancel", {"cancel_reason": "x" * 256}),
        ("cancel", "{"),
        ("apply-discount", {"reissue": "perhaps", "discount_percent": "ten"}),
    ],
)
def test_mistakes_are_told_in_the_language_of_the_reader(acting: Acting, action: str, body: Any) -> None:
    russian = acting.ask(action, body, headers={"Accept-Language": "ru", **named("x" * 300)})

    assert russian.status_code == 400
    for error in russian.json()["errors"]:
        # Names of the contract and of Python's types, and what the parser says, stay as they are.
        words = re.sub(r"payment\w+|JSON(: .*)?|true|false|: (list|dict|int)\b|так: .*", "", error["detail"])
        assert not re.search("[a-z]{3}", words, re.IGNORECASE), error["detail"]


@pytest.mark.parametrize("body", [{"status": "Flying"}, {}, {"status": 7}, {"status": ["OnWay"]}, []])
def test_status_that_is_none(acting: Acting, body: Any) -> None:
    response = acting.ask("update-status", body)

    assert response.status_code == 400
    assert OrderCommand.objects.count() == 0


# --- how often ---------------------------------------------------------------------------------------


def test_key_may_act_so_often_in_a_minute(acting: Acting, settings: LazySettings) -> None:
    settings.API_ACTIONS_PER_MINUTE = 2
    with connection.cursor() as cursor:
        # Not across the turn of a minute.
        cursor.execute(
            "SELECT pg_sleep(CASE WHEN extract(second FROM clock_timestamp()) > 57 THEN 3.5 ELSE 0 END)"
        )

    answers = [acting.ask("update-status", ON_WAY) for _ in range(3)]
    reading = acting.get("orders")
    acting.key = make_key(name="other")
    other = acting.ask("update-status", ON_WAY)

    assert [one.status_code for one in answers] == [202, 409, 429]
    assert told(answers[-1]) == (429, "throttled")
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert (len(reading["results"]), other.status_code) == (1, 409)


def test_count_begins_again_with_the_minute(acting: Acting, settings: LazySettings) -> None:
    settings.API_ACTIONS_PER_MINUTE = 1
    acting.ask("update-status", ON_WAY)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE api_uses SET minute = minute - 1, count = 99")

    assert acting.ask("update-status", ON_WAY).status_code == 409


@pytest.mark.parametrize(("second", "wait_s"), [(60.2, 60), (119.4, 1), (119.9, 1)])
def test_who_is_too_fast_waits_until_the_minute_ends(second: float, wait_s: int) -> None:
    statement = throttling._COUNT.replace("clock_timestamp()", f"to_timestamp({second})")
    with connection.cursor() as cursor:
        cursor.execute(statement, ["key:1"])

        assert cursor.fetchone() == (1, wait_s)


def test_bound_can_be_lifted(acting: Acting, settings: LazySettings) -> None:
    settings.API_ACTIONS_PER_MINUTE = 0

    assert {acting.ask("update-status", ON_WAY).status_code for _ in range(5)} == {202, 409}


# --- where the answer is found -----------------------------------------------------------------------


def test_commands_of_an_order_are_listed_newest_first(acting: Acting) -> None:
    make_removal_type()
    first = acting.asked("update-status", ON_WAY)
    second = acting.asked("cancel", {"cancel_reason": "Долго"})

    page = acting.get(f"orders/{first.order_id}/commands")

    assert (page["count"], [row["id"] for row in page["results"]]) == (2, [second.pk, first.pk])
    assert page["results"][1] == acting.get(f"commands/{first.pk}")


def test_timeline_tells_the_steps(acting: Acting) -> None:
    acting.iiko.answers(STATUS, QUEUED)
    command = acting.asked("update-status", ON_WAY)
    acting.clock.move(1)  # the timeline is in order of time, and the request was made by the true clock
    acting.step(command)

    entries = acting.get(f"orders/{command.order_id}/timeline")["results"]

    told_of = [entry for entry in entries if entry["what"] == "command"]
    assert [entry["to_value"]["state"] for entry in told_of] == ["pending", "sent"]
    assert told_of[0]["to_value"]["params"] == {"status": "OnWay", "delivered_at": None}
    assert [entry["actor"] for entry in told_of] == ["API: shop", "hub"]
