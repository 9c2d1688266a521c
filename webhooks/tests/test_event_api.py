"""``GET webhooks/events`` and one event: shape, filters, pages, who may see what."""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from organizations.models.api_keys import ApiKey
from tests.builders import (
    CORRELATION_ID,
    ORDER_ID,
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    REVISION,
    TOKEN,
    authorized,
    cloud_event,
    drain,
    inbox,
    make_key,
    make_organization,
    make_other_organization,
    post,
    soi_message,
)
from webhooks.models.inbox import WebhookEvent

pytestmark = pytest.mark.django_db

URL = "/api/v1/webhooks/events"


@pytest.fixture
def key() -> str:
    """Two restaurants and a key to both."""
    make_organization()
    make_other_organization(token=TOKEN)
    return make_key()


def get(key: str, url: str = URL, **query: Any) -> Any:
    return Client().get(url, query, headers=authorized(key) | {"Accept-Language": "en"})


def received(*at: datetime) -> list[datetime]:
    for event, moment in zip(inbox(), at, strict=True):
        WebhookEvent.objects.filter(pk=event.pk).update(received_at=moment)
    return list(at)


def deliver(*events: dict[str, Any]) -> list[int]:
    post(Client(), list(events))
    return [event.pk for event in inbox()]


def ids(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


# --- shape -------------------------------------------------------------------------------------------


def test_list_has_the_public_shape(key: str) -> None:
    (pk,) = deliver(cloud_event())
    received(datetime(2026, 3, 14, 13, 54, 54, tzinfo=UTC))

    body = get(key).json()

    assert body == {
        "count": 1,
        "next": None,
        "previous": None,
        "results": [
            {
                "id": pk,
                "event_type": "DeliveryOrderUpdate",
                "format": "cloud",
                "status": "pending",
                "reason": "",
                "processing_error": "",
                "notes": [],
                "organization_id": ORGANIZATION_ID,
                "entity_key": ORDER_ID,
                "order_external_id": "WEB-117",
                "correlation_id": CORRELATION_ID,
                "trace_id": None,
                "event_time": "2026-03-14T13:54:53.100000Z",
                "revision": REVISION,
                "source": "webhook",
                "duplicates": 0,
                "attempts": 0,
                "received_at": "2026-03-14T13:54:54Z",
                "processed_at": None,
                "next_attempt_at": None,
                "order_id": None,
                "replay_of_id": None,
                "is_masked": False,
            }
        ],
    }


def test_list_is_newest_first(key: str) -> None:
    first, second, third = deliver(*(cloud_event(order_id=name, order=None) for name in "abc"))
    start = datetime(2026, 3, 14, tzinfo=UTC)
    received(start, start + timedelta(hours=2), start + timedelta(hours=1))

    assert ids(get(key)) == [second, third, first]


def test_applied_event_names_its_order(key: str) -> None:
    deliver(cloud_event())
    drain()

    (row,) = get(key).json()["results"]

    (event,) = inbox()
    assert (row["status"], row["order_id"], row["attempts"]) == ("processed", event.order_id, 1)
    assert row["order_id"] is not None
    assert row["processed_at"] is not None


def test_failed_event_says_when_it_is_tried_again(key: str) -> None:
    deliver(cloud_event())
    WebhookEvent.objects.update(status="failed", due_at=datetime(2026, 3, 14, 15, tzinfo=UTC))

    assert get(key).json()["results"][0]["next_attempt_at"] == "2026-03-14T15:00:00Z"


def test_one_event_shows_its_payload(key: str) -> None:
    sent = cloud_event()
    (pk,) = deliver(sent)

    body = get(key, f"{URL}/{pk}").json()

    assert body["payload"] == sent
    assert body["raw_body_base64"] is None
    assert {name: body[name] for name in get(key).json()["results"][0]} == get(key).json()["results"][0]


def test_unreadable_event_shows_its_bytes(key: str) -> None:
    post(Client(), b"\xff\x00garbage")
    (event,) = inbox()

    body = get(key, f"{URL}/{event.pk}").json()

    assert body["payload"] is None
    assert base64.b64decode(body["raw_body_base64"]) == b"\xff\x00garbage"
    assert (body["status"], body["reason"]) == ("ignored", "not_json")


@pytest.mark.parametrize("number", ["1e300", "1e400", "1e5000", "9" * 2000, "0.1234567890123456789"])
def test_event_with_a_strange_number_can_be_shown(key: str, number: str) -> None:
    post(Client(), f'{{"eventType": "X", "v": {number}}}')
    (event,) = inbox()

    assert get(key, f"{URL}/{event.pk}").status_code == 200
    assert get(key).status_code == 200


def test_slash_at_the_end_does_not_matter(key: str) -> None:
    (pk,) = deliver(cloud_event())

    answers = [get(key, url).status_code for url in (URL, f"{URL}/", f"{URL}/{pk}", f"{URL}/{pk}/")]

    assert answers == [200] * 4


@pytest.mark.parametrize("pk", ["0", "999999999999999999", "9" * 30, "abc", "-1", "1.5"])
def test_event_that_is_not_there_is_404(key: str, pk: str) -> None:
    assert get(key, f"{URL}/{pk}").status_code == 404


def test_list_does_not_fetch_payloads(key: str, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    deliver(cloud_event())

    with django_assert_num_queries(3) as queries:
        get(key)

    assert not any('"payload"' in query["sql"] for query in queries.captured_queries)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_events_cannot_be_written(key: str, method: str) -> None:
    (pk,) = deliver(cloud_event())

    for url in (URL, f"{URL}/{pk}"):
        response = Client().generic(method, url, b"{}", "application/json", headers=authorized(key))
        assert response.status_code == 405
    assert [event.pk for event in inbox()] == [pk]


# --- filters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"event_type": "DeliveryOrderUpdate"}, ["cloud", "other"]),
        ({"event_type": "UPDATE"}, ["soi"]),
        ({"event_type": "deliveryorderupdate"}, ["cloud", "other"]),
        ({"event_type": "update"}, ["soi"]),
        ({"event_type": "DeliveryOrderUpdated"}, []),
        ({"status": "pending"}, ["soi", "cloud", "other"]),
        ({"status": "ignored"}, ["raw"]),
        ({"status": "dead"}, []),
        ({"organization_id": OTHER_ORGANIZATION_ID}, ["other"]),
        ({"organization_id": ORGANIZATION_ID}, ["soi", "cloud"]),
        ({"order_external_id": "20260314-117"}, ["soi"]),
        ({"order_external_id": "WEB-117"}, ["cloud", "other"]),
        ({"correlation_id": "E4F5A6B7-C8D9-4E0F-A1B2-C3D4E5F6A7B9"}, ["cloud"]),
        ({"correlation_id": "somebody-elses"}, []),
        ({"source": "webhook"}, ["raw", "soi", "cloud", "other"]),
        ({"source": "replay"}, []),
        ({"since": "2026-03-14T12:00:00Z"}, ["raw", "soi"]),
        ({"since": "2026-03-14T17:00:00+05:00"}, ["raw", "soi"]),
        ({"since": "2026-03-14T12:00:00"}, ["raw", "soi"]),
        ({"until": "2026-03-14T12:00:00Z"}, ["cloud", "other"]),
        ({"since": "2026-03-14T11:00:00Z", "until": "2026-03-14T13:00:00Z"}, ["soi", "cloud"]),
        ({"status": "", "since": ""}, ["raw", "soi", "cloud", "other"]),
        ({"event_type": "DeliveryOrderUpdate", "organization_id": ORGANIZATION_ID}, ["cloud"]),
    ],
    ids=str,
)
def test_filters(key: str, query: dict[str, str], expected: list[str]) -> None:
    names = {}
    for hour, (name, body) in enumerate(
        {
            "other": cloud_event(organization_id=OTHER_ORGANIZATION_ID),
            "cloud": cloud_event(correlation_id="e4f5a6b7-c8d9-4e0f-a1b2-c3d4e5f6a7b9"),
            "soi": soi_message(),
            "raw": "garbage",
        }.items()
    ):
        post(Client(), body)
        latest = inbox()[-1]
        names[latest.pk] = name
        moment = datetime(2026, 3, 14, 10 + hour, tzinfo=UTC)
        WebhookEvent.objects.filter(pk=latest.pk).update(received_at=moment)

    assert [names[pk] for pk in ids(get(key, **query))] == expected


def test_correlation_id_is_looked_up_in_an_index(key: str) -> None:
    deliver(cloud_event(correlation_id="c7", order=None))
    with connection.cursor() as cursor:
        # Enough rows, and known to the planner, that every other way costs more.
        cursor.execute(
            "INSERT INTO webhook_events (event_type, format, status, reason, processing_error, notes,"
            " organization_id, entity_key, order_external_id, correlation_id, source, digest, dedup_key,"
            " duplicates, partition, attempts)"
            " SELECT 'x', 'cloud', 'processed', '', '', '[]', 'o', 'e' || n, '', 'c-' || n,"
            " 'webhook', '', 'k' || n, 0, 0, 0 FROM generate_series(1, 3000) n"
        )
        cursor.execute("ANALYZE webhook_events")
    with CaptureQueriesContext(connection) as queries:
        assert len(ids(get(key, correlation_id="c7"))) == 1
    (asked,) = [query["sql"] for query in queries if 'correlation_id" IN' in query["sql"]][-1:]

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {asked}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert re.search(r"Index Scan using webhook_events_\w+_correlation_id_idx", plan)


def refusals(response: Any) -> dict[str, str]:
    assert response.status_code == 400, response.content
    body = response.json()
    assert body["type"] == "validation_error"
    return {error["attr"]: error["detail"] for error in body["errors"]}


def test_unknown_filter_is_refused_by_name(key: str) -> None:
    assert refusals(get(key, statuss="dead")) == {
        "statuss": "No such filter. There are: correlation_id, event_type, order_external_id, "
        "organization_id, processing_error, reason, since, source, status, trace_id, until."
    }


@pytest.mark.parametrize(
    "query",
    [
        {"status": "done"},
        {"status": "PENDING"},
        {"source": "x"},
        {"since": "yesterday"},
        {"until": "2026-13-01T00:00:00Z"},
        {"since": "1773496492"},
        {"event_type": "a\0b"},
    ],
    ids=str,
)
def test_bad_value_is_refused_by_name(key: str, query: dict[str, str]) -> None:
    assert list(refusals(get(key, **query))) == list(query)


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01"])
def test_dates_at_the_ends_of_the_calendar_are_no_error(key: str, since: str) -> None:
    assert get(key, since=since).status_code in {200, 400}


# --- pages -------------------------------------------------------------------------------------------


def test_pages_link_to_each_other(key: str) -> None:
    pks = deliver(*(cloud_event(order_id=f"o{at}", order=None) for at in range(5)))[::-1]
    WebhookEvent.objects.update(received_at=datetime(2026, 3, 14, tzinfo=UTC))

    first = get(key, limit=2, organization_id=ORGANIZATION_ID).json()
    second = get(key, first["next"]).json()
    third = get(key, second["next"]).json()

    assert [[row["id"] for row in page["results"]] for page in (first, second, third)] == [
        pks[:2],
        pks[2:4],
        pks[4:],
    ]
    assert [page["count"] for page in (first, second, third)] == [5, 5, 5]
    assert (first["previous"], third["next"]) == (None, None)
    assert second["previous"] == f"http://testserver{URL}?limit=2&organization_id={ORGANIZATION_ID}"
    assert get(key, third["previous"]).json() == second


# --- who ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}])
@pytest.mark.parametrize(("language", "words"), [("en", "An API key is needed"), ("ru", "Нужен ключ API")])
def test_without_key_is_401_and_says_how(
    key: str, headers: dict[str, str], language: str, words: str
) -> None:
    response = Client().get(URL, headers=headers | {"Accept-Language": language})

    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Api-Key")
    detail = response.json()["errors"][0]["detail"]
    assert words in detail
    assert "Authorization: Api-Key KEY" in detail
    assert response.json() == {
        "type": "client_error",
        "errors": [
            {
                "code": "not_authenticated",
                "detail": detail,
                "attr": None,
            }
        ],
    }


@pytest.mark.parametrize(
    "header",
    [
        "Api-Key wrong",
        "Api-Key ",
        "Api-Key",
        "api-key iih_00000000_x",
        "Api-Key iih_",
        "Api-Key " + "x" * 5000,
        "Api-Key тайна",
        "Api-Key \x00",
        "Bearer x",
        "Basic YTpi",
        TOKEN,
    ],
)
def test_wrong_key_is_401(key: str, header: str) -> None:
    response = Client().get(URL, HTTP_AUTHORIZATION=header)

    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Api-Key")


@pytest.mark.parametrize("spelling", ["Api-Key {}", "api-key {}", "API-KEY   {} "])
def test_keyword_is_taken_in_any_case(key: str, spelling: str) -> None:
    assert Client().get(URL, HTTP_AUTHORIZATION=spelling.format(key)).status_code == 200


def test_key_with_the_right_beginning_and_a_wrong_secret_is_401(key: str) -> None:
    assert get(key[:-1] + ("a" if key[-1] != "a" else "b")).status_code == 401


def test_inactive_key_is_401(key: str) -> None:
    ApiKey.objects.update(is_active=False)

    response = get(key)

    assert response.status_code == 401
    assert response.json()["errors"][0]["code"] == "authentication_failed"


def test_key_sees_its_organizations_only(key: str) -> None:
    own, foreign = deliver(cloud_event(), cloud_event(organization_id=OTHER_ORGANIZATION_ID))
    post(Client(), b"garbage")
    narrow = make_key(ORGANIZATION_ID)

    assert ids(get(narrow)) == [own]
    assert get(narrow).json()["count"] == 1
    assert get(narrow, f"{URL}/{own}").status_code == 200
    assert get(narrow, f"{URL}/{foreign}").status_code == 404
    assert ids(get(narrow, organization_id=OTHER_ORGANIZATION_ID)) == []


def staff(client: Client, *permissions: str, **changes: Any) -> User:
    user = User.objects.create_user("vera", password="x")
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    User.objects.filter(pk=user.pk).update(**({"is_staff": True} | changes))
    client.force_login(user)
    return user


@pytest.mark.parametrize(
    ("permissions", "changes", "status"),
    [
        (["view_webhookevent"], {}, 200),
        ([], {"is_superuser": True}, 200),
        ([], {}, 403),
        (["view_order"], {}, 403),
        (["view_webhookevent"], {"is_staff": False}, 403),
    ],
)
def test_session_sees_what_the_admin_lets_it(
    client: Client, key: str, permissions: list[str], changes: dict[str, Any], status: int
) -> None:
    (pk,) = deliver(cloud_event())
    staff(client, *permissions, **changes)

    assert client.get(URL).status_code == status
    assert client.get(f"{URL}/{pk}").status_code == status


def test_session_of_a_person_switched_off_is_refused(client: Client, key: str) -> None:
    user = staff(client, "view_webhookevent")
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert client.get(URL).status_code == 401
