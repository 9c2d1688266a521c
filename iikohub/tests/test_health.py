"""What the machine that watches the hub reads, and the headers of pages."""

import os
import time
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Group, User
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.database import db_clock
from core.tests.test_db_clock import machine_off_by
from iikohub.operations import health
from iikohub.operations.health import readiness
from organizations.models.clock_skews import ClockSkew
from tests.builders import RECEIVE_URL, cloud_event, drain, inbox, make_organization, post
from tests.hub_process import Hub, running_hub
from webhooks.models.inbox import WebhookEvent
from webhooks.receiving.database_watch import ANSWER_WITHIN_S, database_watch


def unreachable(error: Exception) -> Any:
    def fail(*_: Any) -> Any:
        raise error

    return connection.execute_wrapper(fail)


# --- is it up, can it work ---------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["/healthz", "/healthz/"])
def test_healthz_needs_nothing_of_the_database(client: Client, url: str) -> None:
    response = client.get(url)  # no database in this test: a query would fail it

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/readyz", "/readyz/"])
def test_readyz_is_ok_when_database_and_tables_are(client: Client, url: str) -> None:
    response = client.get(url)

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError("no"), InterfaceError("closed")])
def test_readyz_is_503_while_the_database_does_not_answer(client: Client, error: Exception) -> None:
    with unreachable(error):
        response = client.get("/readyz")

    assert (response.status_code, response.json()) == (
        503,
        {"status": "unavailable", "reason": "the database does not answer"},
    )


@pytest.mark.django_db
def test_readyz_is_503_while_tables_are_older_than_the_program(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'webhooks'")

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["status"] == "unavailable"
    assert response.json()["reason"].endswith("migrations to apply: manage.py migrate")


def readiness_of(client: Client) -> tuple[int, str]:
    readiness.forget()
    response = client.get("/readyz")
    return response.status_code, response.json().get("reason", "")


CLERK = f"clerk_{os.getpid()}"
"""Roles belong to the whole server, which test runs beside each other share."""

FULL = (503, "the database has no room left: its disk is full")


@pytest.mark.parametrize(
    ("statement", "undo", "reason"),
    [
        (
            "SET default_transaction_read_only = on",
            "SET default_transaction_read_only = off",
            "the database takes no writes: it is a standby or set to read only",
        ),
        (
            f"REVOKE INSERT ON webhook_events FROM {CLERK}",
            f"GRANT INSERT ON webhook_events TO {CLERK}",
            "the database's user may not write into the inbox (webhook_events)",
        ),
        (
            "ALTER TABLE webhook_events RENAME TO moved",
            "ALTER TABLE moved RENAME TO webhook_events",
            "the inbox (webhook_events) is missing: manage.py migrate",
        ),
        (
            "ALTER TABLE webhook_events ADD CONSTRAINT shut CHECK (attempts > 0) NOT VALID",
            "ALTER TABLE webhook_events DROP CONSTRAINT shut",
            "the database refuses to store (SQLSTATE 23514)",
        ),
    ],
    ids=["read only", "not allowed", "missing", "refused"],
)
@pytest.mark.django_db(transaction=True)
def test_readyz_is_503_while_nothing_can_be_stored(
    client: Client, clerk: None, statement: str, undo: str, reason: str
) -> None:
    make_organization()
    assert readiness_of(client) == (200, "")

    run_as_owner(statement)
    try:
        assert readiness_of(client) == (503, reason)
        assert post(client, [cloud_event()]).status_code == 503
    finally:
        run_as_owner(undo)

    assert readiness_of(client) == (200, "")
    assert post(client, [cloud_event()]).status_code == 200


@pytest.fixture
def clerk(transactional_db: None) -> Iterator[None]:
    """Work as an account of the database that owns nothing."""
    run_as_owner(f"CREATE ROLE {CLERK}")
    run_as_owner(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {CLERK}")
    run_as_owner(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {CLERK}")
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {CLERK}")
    yield
    run_as_owner(f"DROP OWNED BY {CLERK}")
    run_as_owner(f"DROP ROLE {CLERK}")


def run_as_owner(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (account,) = cursor.fetchone()
        cursor.execute("RESET ROLE")
        cursor.execute("SET default_transaction_read_only = off")
        cursor.execute(statement)
        if account == CLERK and not statement.startswith("DROP"):
            cursor.execute(f"SET ROLE {CLERK}")


@pytest.mark.django_db
def test_readyz_is_503_while_the_disk_is_full(client: Client) -> None:
    with unreachable(full_disk()):
        answer = readiness_of(client)

    assert answer == FULL
    assert readiness_of(client) == (200, "")


def full_disk() -> OperationalError:
    error = OperationalError("could not extend file")
    error.__cause__ = psycopg.errors.DiskFull("could not extend file")
    return error


@pytest.mark.django_db
def test_both_questions_of_readyz_share_four_seconds(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[float] = []

    def ask() -> str:
        with database_watch.within(ANSWER_WITHIN_S):
            left.append(database_watch.left_s())
            time.sleep(0.05)
        return ""

    monkeypatch.setattr(health, "_missing_migrations", ask)
    monkeypatch.setattr(health, "why_nothing_can_be_stored", ask)

    assert client.get("/readyz").status_code == 200
    assert left[0] <= 4
    assert left[1] <= left[0] - 0.05


@pytest.mark.django_db
def test_asking_whether_it_can_work_leaves_no_event_and_takes_no_number(client: Client) -> None:
    make_organization()
    post(client, [cloud_event(order_id="first")])

    assert [readiness_of(client) for _ in range(3)] == [(200, "")] * 3

    post(client, [cloud_event(order_id="second")])
    first, second = (event.pk for event in inbox())
    assert second == first + 1


@pytest.mark.django_db
def test_readyz_writes_once_a_second_at_most(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.get("/readyz")

    with django_assert_num_queries(0):
        assert {client.get("/readyz").status_code for _ in range(20)} == {200}


@pytest.mark.django_db(transaction=True)
def test_metrics_say_whether_webhooks_can_be_stored(client: Client) -> None:
    assert metrics(client)["iikohub_ready"] == 1

    readiness.forget()
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        try:
            samples = metrics(client)
        finally:
            cursor.execute("SET default_transaction_read_only = off")
    assert (samples["iikohub_database_up"], samples["iikohub_ready"]) == (1, 0)


@pytest.mark.parametrize("url", ["/healthz", "/readyz", "/metrics", "/healthz/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_sent_to_them(url: str, method: str) -> None:
    # As a program does it: without the cookie that forms bring along.
    response = Client(enforce_csrf_checks=True).generic(method, url, b"x")

    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")


@pytest.mark.django_db
def test_readyz_is_ok_and_warns_where_the_clock_is_wrong(client: Client) -> None:
    with machine_off_by(-1200):
        response = client.get("/readyz")

    answer = response.json()
    assert (response.status_code, answer["status"], round(answer["clock_skew_s"])) == (200, "ok", -1200)
    assert answer["warning"].startswith("This machine's clock is wrong. Have this machine's clock set by NTP")


@pytest.mark.django_db
def test_clocks_are_measured(client: Client) -> None:
    seen_at = timezone.now()
    ClockSkew.objects.create(host="web-2", role="worker", skew_s=3600.5, seen_at=seen_at)
    ClockSkew.objects.create(host=db_clock.host(), role="web", skew_s=77, seen_at=seen_at)  # not any more

    samples = {name: value for name, value in metrics(client).items() if "clock_skew" in name}

    own = f'iikohub_clock_skew_seconds{{host="{db_clock.host()}",role="web"}}'
    assert samples == {
        'iikohub_clock_skew_seconds{host="web-2",role="worker"}': 3600.5,
        own: pytest.approx(0, abs=1),
    }


# --- how is it doing ---------------------------------------------------------------------------------


def metrics(client: Client) -> dict[str, float]:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=")
    lines = [line for line in response.content.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.mark.django_db
def test_metrics_show_the_state_of_the_inbox(client: Client) -> None:
    make_organization()
    post(client, [cloud_event(order_id=f"o{at}", order=None) for at in range(6)])
    pks = [event.pk for event in inbox()]
    WebhookEvent.objects.filter(pk=pks[0]).update(status="failed")
    WebhookEvent.objects.filter(pk__in=pks[1:3]).update(status="dead")
    WebhookEvent.objects.filter(pk=pks[5]).update(received_at=timezone.now() - timedelta(seconds=90))

    samples = metrics(client)

    assert (
        samples["iikohub_inbox_waiting"],
        samples["iikohub_inbox_failed"],
        samples["iikohub_inbox_dead"],
    ) == (
        3,
        1,
        2,
    )
    assert 90 <= samples["iikohub_inbox_oldest_seconds"] < 120


@pytest.mark.django_db
def test_metrics_of_an_empty_inbox_are_zero(client: Client) -> None:
    samples = metrics(client)

    names = ["waiting", "failed", "dead", "oldest_seconds", "unknown_types"]
    assert [samples[f"iikohub_inbox_{name}"] for name in names] == [0, 0, 0, 0, 0]


@pytest.mark.django_db
def test_metrics_count_unknown_types(client: Client) -> None:
    make_organization()
    post(client, [cloud_event(event_type="DroneLanded"), cloud_event(event_type="NomenclatureUpdate")])
    drain()

    assert metrics(client)["iikohub_inbox_unknown_types"] == 1


@pytest.mark.django_db
def test_metrics_count_what_comes_in_and_how_it_ends(client: Client) -> None:
    make_organization()
    before = metrics(client)

    post(client, [cloud_event(), cloud_event(), cloud_event(order_id="other")])
    post(client, b"garbage")
    post(client, [cloud_event()], "wrong")
    drain()

    after = metrics(client)
    counters = [name for name in after if name.startswith("iikohub") and "_total{" in name]
    grown = {name: after[name] - before.get(name, 0) for name in counters}
    assert {name: value for name, value in grown.items() if value} == {
        'iikohub_webhook_receipts_total{outcome="stored"}': 1,
        'iikohub_webhook_receipts_total{outcome="ignored"}': 1,
        'iikohub_webhook_receipts_total{outcome="unauthorized"}': 1,
        'iikohub_inbox_events_total{kind="new"}': 3,
        'iikohub_inbox_events_total{kind="duplicate"}': 1,
    }


@pytest.mark.django_db
def test_metrics_without_database_show_what_the_process_knows(client: Client) -> None:
    assert metrics(client)["iikohub_database_up"] == 1

    with unreachable(OperationalError("no")):
        assert post(client, [cloud_event()]).status_code == 503
        samples = metrics(client)

    assert samples["iikohub_database_up"] == 0
    assert samples['iikohub_webhook_receipts_total{outcome="unavailable"}'] >= 1
    assert "iikohub_inbox_waiting" not in samples


@pytest.mark.process
def test_every_sample_is_given_once_whichever_process_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "3")

    with running_hub(tmp_path) as hub:
        hub.start_web()
        assert hub.post([cloud_event()])
        read = [samples_of(hub) for _ in range(30)]

        assert hub.post([cloud_event(order_id="another")])
        read += [samples_of(hub) for _ in range(30)]

    for names in (list(sample) for sample in read):
        assert sorted(name for name, _ in names) == sorted({name for name, _ in names})
    samples = [dict(sample) for sample in read]
    assert {one["iikohub_inbox_waiting"] for one in samples[:30]} == {1}
    assert {one["iikohub_inbox_waiting"] for one in samples[30:]} == {2}
    assert {one["iikohub_database_up"] for one in samples} == {1}
    assert {one['iikohub_inbox_events_total{kind="new"}'] for one in samples[30:]} == {2}
    assert not [name for name in samples[-1] if "pid=" in name]


def samples_of(hub: Hub) -> list[tuple[str, float]]:
    # A connection of its own each time, so that every process gets its turn.
    with urllib.request.urlopen(f"http://127.0.0.1:{hub.port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return [(name, float(value)) for name, value in pairs]


# --- headers -----------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/admin/login/", "/api/docs/", "/api/v1/orders", "/nowhere", "/healthz"])
def test_pages_forbid_foreign_content_and_frames(client: Client, url: str) -> None:
    response = client.get(url)

    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["object-src"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "http" not in response["Content-Security-Policy"]
    assert policy["style-src"] == "'self'"
    assert policy["script-src"] == ("'self' 'unsafe-eval'" if url.startswith("/admin/") else "'self'")
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert "camera=(), " in response["Permissions-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("group", "url"), [("Dispatcher", "/console/"), ("Operator", "/console/"), ("Administrator", "/admin/")]
)
def test_home_leads_each_person_to_where_they_work(client: Client, group: str, url: str) -> None:
    assert client.get("/")["Location"] == "/admin/login/?next=/"
    user = User.objects.create_user("somebody", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client.force_login(user)

    response = client.get("/")

    assert (response.status_code, response["Location"]) == (302, url)


@pytest.mark.django_db
def test_unknown_host_is_refused_everywhere_but_at_the_doors_of_machines(client: Client) -> None:
    make_organization()

    assert client.get("/healthz", HTTP_HOST="evil.example.org").status_code == 200
    assert client.get("/api/v1/orders", HTTP_HOST="evil.example.org").status_code == 400
    assert client.get("/admin/login/", HTTP_HOST="evil.example.org").status_code == 400
    assert post(client, [], url=RECEIVE_URL, HTTP_HOST="evil.example.org").status_code == 200
