"""Subscriptions and deliveries over the API: made, tried, followed, sent again, each key its own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from standardwebhooks import Webhook

from core.database import db_clock
from orders.models.order import Order
from organizations.models.access import RestaurantAccess
from organizations.models.api_keys import ApiKey
from organizations.models.organization import Organization
from organizations.provisioning import create_api_key
from outbound import states
from outbound.api import examples
from outbound.feed.fan_out import fan_out
from outbound.models.deliveries import Delivery
from outbound.models.events import EventType
from outbound.models.subscriptions import Subscription
from outbound.subscribing import MOST_PER_KEY
from outbound.tests.deliveries import make_delivery
from outbound.tests.endpoints import Endpoint, listening, send_all, subscribe
from tests.builders import (
    ORGANIZATION_ID,
    OTHER_ORGANIZATION_ID,
    authorized,
    make_organization,
    make_other_organization,
)

pytestmark = pytest.mark.django_db

URL = "https://example.com/hooks?key=qzxsecret"
WEBHOOKS = ("may_set_webhooks",)
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


@pytest.fixture
def places() -> tuple[Organization, Organization]:
    return make_organization(), make_other_organization()


@pytest.fixture
def endpoint(settings: LazySettings) -> Iterator[Endpoint]:
    settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES = True
    with listening() as one:
        yield one


class Caller:
    """A key that calls; answers are ``(status, body)``."""

    def __init__(self, *organizations: str, rights: Any = None) -> None:
        more = {} if rights is None else {"rights": rights}
        self.row, self.key = create_api_key(name="shop", organization_ids=organizations, **more)

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        more = {} if body is None else {"data": body, "content_type": "application/json"}
        answer = getattr(Client(), method)(
            f"/api/v1/{path}", headers=authorized(self.key) | {"Accept-Language": "en"}, **more
        )
        return answer.status_code, answer.json() if answer.content else None

    def subscribes(self, **changes: Any) -> Any:
        status, body = self("post", "subscriptions", {"name": "Site", "url": URL} | changes)
        assert status == 201, body
        return body


def refusal(answer: tuple[int, Any]) -> tuple[int, str, str | None]:
    status, body = answer
    [error] = body["errors"]
    return status, error["code"], error["attr"]


def make_order(number: int = 1, organization_id: str = ORGANIZATION_ID, **changes: Any) -> Order:
    usual = {"organization_id": organization_id, "iiko_order_id": f"o-{number}", "status": "Unconfirmed"}
    return Order.objects.create(**(usual | {"updated_at": db_clock.now()} | changes))


# --- made and changed -----------------------------------------------------------------------------------


def test_subscription_is_made_with_a_secret_that_is_shown_once(places: Any) -> None:
    caller = Caller()

    made = caller.subscribes(event_types=["order.created"], organization_ids=[ORGANIZATION_ID.upper()])

    assert made.pop("secret").startswith("whsec_")
    assert list(made) == list(examples.SUBSCRIPTION)
    assert (made["host"], made["state"], made["waiting"]) == ("https://example.com", "untried", 0)
    assert (made["event_types"], made["organization_ids"]) == (["order.created"], [ORGANIZATION_ID])
    status, shown = caller("get", f"subscriptions/{made['id']}")
    assert (status, shown) == (200, made)
    assert "qzxsecret" not in str(shown)
    row = Subscription.objects.get()
    assert (row.url, row.api_key, row.created_by) == (URL, caller.row, None)


def test_repeat_of_a_request_makes_no_second_subscription(places: Any) -> None:
    caller = Caller()
    made = caller.subscribes(event_types=["order.created", "order.updated"])
    body = {"name": "Again", "url": URL, "event_types": ["order.updated", "order.created"]}

    status, answer = caller("post", "subscriptions", body)

    assert refusal((status, answer)) == (409, "already_subscribed", None)
    assert str(made["id"]) in answer["errors"][0]["detail"]
    assert Subscription.objects.count() == 1
    caller.subscribes(event_types=["order.created"])  # another one
    Caller().subscribes(event_types=["order.created", "order.updated"])  # another key


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"url": "http://example.com/hook"}, (400, "bad_address", "url")),
        ({"url": "https://10.0.0.1/hook"}, (400, "bad_address", "url")),
        ({"url": "https://127.1/hook"}, (400, "bad_address", "url")),
        ({"url": "https://[::1]/hook"}, (400, "bad_address", "url")),
        ({"url": "https://localhost/hook"}, (400, "bad_address", "url")),
        ({"url": "https://user:secret@example.com/"}, (400, "bad_address", "url")),
        ({"url": "ftp://example.com"}, (400, "bad_address", "url")),
        ({"url": "example.com"}, (400, "bad_address", "url")),
        ({"url": ""}, (400, "blank", "url")),
        ({"name": ""}, (400, "blank", "name")),
        ({"event_types": ["order.eaten"]}, (400, "unknown_event_type", "event_types")),
        ({"event_types": ["subscription.test"]}, (400, "unknown_event_type", "event_types")),
        ({"event_types": "order.created"}, (400, "not_a_list", "event_types")),
        ({"organization_ids": ["no-such"]}, (400, "unknown_organization", "organization_ids")),
        ({"is_active": False}, (422, "unknown_field", None)),
        ({"secret": "whsec_x"}, (422, "unknown_field", None)),
    ],
)
def test_what_cannot_be_subscribed_to_is_refused(
    places: Any, changes: dict[str, Any], refused: tuple[int, str, str]
) -> None:
    answer = Caller()("post", "subscriptions", {"name": "Site", "url": URL} | changes)

    assert refusal(answer) == refused
    assert not Subscription.objects.exists()


def test_refusal_of_an_event_names_those_there_are(places: Any) -> None:
    _status, answer = Caller()("post", "subscriptions", {"name": "S", "url": URL, "event_types": ["x.y"]})

    told = answer["errors"][0]["detail"]
    assert told.startswith("No such event: x.y. There are: order.created,")
    assert all(name in told for name in EventType.values if name != EventType.TEST)


def test_key_has_no_more_subscriptions_than_the_most(places: Any) -> None:
    caller = Caller()
    for number in range(MOST_PER_KEY):
        subscribe(url=f"https://example.com/{number}", api_key=caller.row)

    assert refusal(caller("post", "subscriptions", {"name": "S", "url": URL})) == (
        409,
        "too_many_subscriptions",
        None,
    )
    Caller().subscribes()


def test_change_writes_what_is_given_alone(places: Any) -> None:
    caller = Caller()
    ident = caller.subscribes(event_types=["order.created"])["id"]
    now = db_clock.now()
    Subscription.objects.update(opened_at=now, failing_since=now, last_error="timeout", last_success_at=now)

    status, body = caller("patch", f"subscriptions/{ident}", {"name": "Renamed", "event_types": []})
    assert (status, body["name"], body["event_types"], body["state"]) == (200, "Renamed", [], "not_answering")

    status, body = caller("patch", f"subscriptions/{ident}", {"url": "https://example.org/x"})
    assert (status, body["host"], body["state"]) == (200, "https://example.org", "works")
    assert body["not_answering_since"] is None
    row = Subscription.objects.get()
    assert (row.url, row.last_error) == ("https://example.org/x", "")

    status, body = caller("patch", f"subscriptions/{ident}", {"is_active": False})
    assert (status, body["state"], body["disabled_reason"]) == (200, "disabled", "person")
    status, body = caller("post", f"subscriptions/{ident}/enable", {})
    assert (status, body["state"], body["disabled_reason"]) == (200, "works", "")
    assert caller("post", f"subscriptions/{ident}/enable", {})[0] == 200

    assert refusal(caller("patch", f"subscriptions/{ident}", {"url": "http://10.0.0.1"}))[0] == 400
    assert refusal(caller("patch", f"subscriptions/{ident}", {"nothing": 1})) == (422, "unknown_field", None)
    assert Subscription.objects.get().url == "https://example.org/x"


def test_deleted_subscription_is_gone_with_its_log(endpoint: Endpoint, places: Any) -> None:
    caller = Caller()
    ident = caller.subscribes(url=endpoint.url)["id"]
    make_order()
    send_all()
    assert Delivery.objects.count() == 1

    assert caller("delete", f"subscriptions/{ident}") == (204, None)

    assert (Subscription.objects.count(), Delivery.objects.count()) == (0, 0)
    assert caller("delete", f"subscriptions/{ident}")[0] == 404


# --- sent and followed ----------------------------------------------------------------------------------


def test_event_comes_signed_and_is_followed(endpoint: Endpoint, places: Any) -> None:
    caller = Caller()
    made = caller.subscribes(url=endpoint.url, event_types=["order.created"])
    endpoint.text = b"taken"
    order = make_order(phone="+79990001122", customer={"id": "g", "name": "Мария"})

    send_all()

    [got] = endpoint.got
    event = Webhook(made["secret"]).verify(got.raw, got.headers)
    assert (event["type"], event["data"]["id"]) == ("order.created", order.pk)
    assert (event["data"]["phone"], event["data"]["customer"]) == ("***", {"id": "g", "name": "***"})
    _status, page = caller("get", f"deliveries?subscription={made['id']}")
    [row] = page["results"]
    assert list(row) == list(examples.DELIVERY)
    assert (row["message_id"], row["state"], row["attempts"], row["last_status"]) == (
        got.message_id,
        "delivered",
        1,
        200,
    )
    assert (row["event_type"], row["entity"]) == ("order.created", f"order/{order.pk}")
    status, detail = caller("get", f"deliveries/{row['id']}")
    assert (status, list(detail)) == (200, list(examples.DELIVERY_DETAIL))
    assert detail["body"] == event
    [attempt] = detail["attempt_log"]
    assert list(attempt) == list(examples.DELIVERY_DETAIL["attempt_log"][0])
    assert (attempt["status"], attempt["answer"]) == (200, "taken")


def test_deliveries_are_filtered(endpoint: Endpoint, places: Any) -> None:
    caller = Caller()
    first = caller.subscribes(url=endpoint.url, event_types=["order.created"])["id"]
    second = caller.subscribes(url=endpoint.url, event_types=["order.updated"])["id"]
    order = make_order()
    make_order(2, OTHER_ORGANIZATION_ID)
    send_all()
    endpoint.usual = 500
    Order.objects.filter(pk=order.pk).update(comment="x")
    send_all()

    def found(query: str) -> list[tuple[int, str]]:
        status, page = caller("get", f"deliveries?{query}")
        assert status == 200, page
        return [(row["subscription_id"], row["event_type"]) for row in page["results"]]

    created, updated = (first, "order.created"), (second, "order.updated")
    assert found("") == [updated, created, created]
    assert found(f"subscription={first}") == [created, created]
    assert found("state=pending") == [updated]
    assert found("state=delivered&state=pending") == [updated, created, created]
    assert found("event_type=order.updated") == [updated]
    assert found(f"organization_id={OTHER_ORGANIZATION_ID}") == [created]
    later = (db_clock.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (found(f"since={later}"), found(f"until={later}")) == ([], found(""))


@pytest.mark.parametrize(
    "query", ["subscription=x", "subscription=0", "state=lost", "event_type=x", "since=noon", "no=1"]
)
def test_filter_that_is_none_is_refused(places: Any, query: str) -> None:
    assert refusal(Caller()("get", f"deliveries?{query}"))[::2] == (400, query.partition("=")[0])


def test_test_tells_what_came_of_it(endpoint: Endpoint, places: Any) -> None:
    caller = Caller()
    ident = caller.subscribes(url=endpoint.url, event_types=["stop_list.item_added"])["id"]

    status, good = caller("post", f"subscriptions/{ident}/test", {})
    endpoint.answers = [503]
    _status, bad = caller("post", f"subscriptions/{ident}/test", {})

    assert (status, good["state"], good["last_status"]) == (200, "delivered", 200)
    assert good["event_type"] == "subscription.test"
    assert (bad["state"], bad["last_status"], bad["last_error"]) == ("failed", 503, "http_503")
    assert endpoint.types == ["subscription.test", "subscription.test"]
    assert refusal(caller("post", f"subscriptions/{ident}/test", {"x": 1})) == (422, "unknown_field", None)


def test_new_secret_signs_beside_the_former_one(endpoint: Endpoint, places: Any) -> None:
    caller = Caller()
    made = caller.subscribes(url=endpoint.url)

    status, rotated = caller("post", f"subscriptions/{made['id']}/rotate-secret", {})

    assert status == 200
    assert rotated["secret"] != made["secret"]
    assert rotated["previous_secret_until"] is not None
    caller("post", f"subscriptions/{made['id']}/test", {})
    [got] = endpoint.got
    for secret in (made["secret"], rotated["secret"]):
        assert Webhook(secret).verify(got.raw, got.headers)["type"] == "subscription.test"
    assert "secret" not in caller("get", f"subscriptions/{made['id']}")[1]


def test_what_arrived_is_sent_again_on_request(endpoint: Endpoint, places: Any) -> None:
    caller = Caller()
    ident = caller.subscribes(url=endpoint.url, event_types=["order.created"])["id"]
    make_order()
    make_order(2)
    send_all()
    rows = caller("get", "deliveries")[1]["results"]
    second, first = (row["message_id"] for row in rows)

    status, again = caller("post", f"deliveries/{rows[0]['id']}/redeliver", {})
    send_all()

    assert (status, again["state"]) == (202, "pending")
    assert [one.message_id for one in endpoint.got][2:] == [second]

    since = (db_clock.now() - timedelta(hours=1)).isoformat()
    status, body = caller("post", f"subscriptions/{ident}/redeliver", {"since": since})
    send_all()

    assert (status, body) == (202, {"count": 2, "goes_on": False})
    assert sorted(one.message_id for one in endpoint.got[3:]) == sorted([first, second])
    status, body = caller("post", f"subscriptions/{ident}/redeliver", {"since": since, "only_failed": True})
    assert (status, body) == (202, {"count": 0, "goes_on": False})


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ({}, (400, "required", "since")),
        ({"since": "noon"}, (400, "invalid", "since")),
        ({"since": "2020-01-01T00:00:00Z"}, (422, "too_old", None)),
        ({"since": "2026-01-01T00:00:00Z", "all": True}, (422, "unknown_field", None)),
    ],
)
def test_moment_that_is_none_sends_nothing_again(places: Any, body: Any, refused: Any) -> None:
    caller = Caller()
    ident = caller.subscribes()["id"]

    assert refusal(caller("post", f"subscriptions/{ident}/redeliver", body)) == refused


def test_subscription_that_is_off_sends_nothing_again(endpoint: Endpoint, places: Any) -> None:
    caller = Caller()
    ident = caller.subscribes(url=endpoint.url)["id"]
    make_order()
    send_all()
    caller("patch", f"subscriptions/{ident}", {"is_active": False})

    since = {"since": db_clock.now().isoformat()}
    assert refusal(caller("post", f"subscriptions/{ident}/redeliver", since)) == (
        409,
        "subscription_off",
        None,
    )
    delivery = Delivery.objects.get()
    assert refusal(caller("post", f"deliveries/{delivery.pk}/redeliver", {})) == (
        409,
        "subscription_off",
        None,
    )


def test_types_of_events_are_listed_in_the_language_asked_for(places: Any) -> None:
    status, types = Caller()("get", "subscriptions/event-types")

    assert status == 200
    assert [one["name"] for one in types] == EventType.values
    assert types[0]["title"] == "New order"
    assert types[0]["example"]["type"] == "order.created"


# --- who ------------------------------------------------------------------------------------------------


def test_key_sees_its_own_subscriptions_alone(endpoint: Endpoint, places: Any) -> None:
    mine, theirs = Caller(), Caller()
    ident = theirs.subscribes(url=endpoint.url)["id"]
    subscribe(endpoint)  # a person's
    make_order()
    send_all()
    delivery = Delivery.objects.get(subscription_id=ident)

    assert mine("get", "subscriptions")[1]["results"] == []
    assert mine("get", "deliveries")[1]["results"] == []
    for method, path, body in (
        ("get", f"subscriptions/{ident}", None),
        ("patch", f"subscriptions/{ident}", {"name": "x"}),
        ("delete", f"subscriptions/{ident}", None),
        ("post", f"subscriptions/{ident}/test", {}),
        ("post", f"subscriptions/{ident}/rotate-secret", {}),
        ("post", f"subscriptions/{ident}/enable", {}),
        ("post", f"subscriptions/{ident}/redeliver", {"since": "2026-01-01T00:00:00Z"}),
        ("get", f"deliveries/{delivery.pk}", None),
        ("post", f"deliveries/{delivery.pk}/redeliver", {}),
    ):
        assert mine(method, path, body)[0] == 404, (method, path)
    assert [row["id"] for row in theirs("get", "subscriptions")[1]["results"]] == [ident]
    assert Subscription.objects.get(pk=ident).name == "Site"


def test_key_of_one_restaurant_is_told_of_that_alone(endpoint: Endpoint, places: Any) -> None:
    caller = Caller(ORGANIZATION_ID)

    made = caller.subscribes(url=endpoint.url, event_types=["order.created"])
    other = caller(
        "post", "subscriptions", {"name": "S", "url": URL, "organization_ids": [OTHER_ORGANIZATION_ID]}
    )
    make_order(1)
    make_order(2, OTHER_ORGANIZATION_ID)
    send_all()

    assert made["organization_ids"] == [ORGANIZATION_ID]
    assert refusal(other) == (400, "unknown_organization", "organization_ids")
    assert [one.body["data"]["organization_id"] for one in endpoint.got] == [ORGANIZATION_ID]


@pytest.mark.parametrize("rights", [(), ("may_act",), ("may_use_loyalty",)])
def test_key_needs_the_right_to_set_webhooks(places: Any, rights: tuple[str, ...]) -> None:
    caller = Caller(rights=rights)
    row = subscribe(api_key=caller.row)

    assert caller("post", "subscriptions", {"name": "S", "url": URL})[0] == 403
    for method, path in (("patch", ""), ("delete", ""), ("post", "/test"), ("post", "/rotate-secret")):
        assert caller(method, f"subscriptions/{row.pk}{path}", {})[0] == 403
    assert caller("get", f"subscriptions/{row.pk}")[0] == 200
    assert Subscription.objects.count() == 1


def test_guests_are_told_of_to_keys_that_may_act_alone(endpoint: Endpoint, places: Any) -> None:
    reader, actor = Caller(rights=WEBHOOKS), Caller(rights=(*WEBHOOKS, "may_act"))
    asked = {"name": "S", "url": endpoint.url, "includes_personal_data": True}

    assert reader("post", "subscriptions", asked)[0] == 403
    ident = reader.subscribes(url=endpoint.url)["id"]
    assert reader("patch", f"subscriptions/{ident}", {"includes_personal_data": True})[0] == 403
    made = actor.subscribes(**asked)
    Subscription.objects.filter(pk=ident).delete()
    make_order(phone="+79990001122")
    send_all()

    [got] = endpoint.got
    assert (made["includes_personal_data"], got.body["data"]["phone"]) == (True, "+79990001122")
    delivery = Delivery.objects.get()
    assert actor("get", f"deliveries/{delivery.pk}")[1]["body"]["data"]["phone"] == "+79990001122"
    actor.row.may_act = False
    actor.row.save()
    assert actor("get", f"deliveries/{delivery.pk}")[1]["body"]["data"]["phone"] == "***"
    # Nor may its stream be led elsewhere by one who may not see it.
    assert actor("patch", f"subscriptions/{made['id']}", {"url": "https://example.org"})[0] == 403
    assert actor("patch", f"subscriptions/{made['id']}", {"includes_personal_data": False})[0] == 200


def person(*permissions: str, group: str = "", places: Any = ()) -> Client:
    user = User.objects.create_user(f"person{User.objects.count()}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    if group:
        user.groups.add(Group.objects.get(name=group))
    if places:
        RestaurantAccess.objects.create(user=user, is_restricted=True).restaurants.set(places)
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def test_administrator_subscribes_and_others_do_not(places: Any) -> None:
    body = {"name": "S", "url": URL}

    def asked(client: Client) -> int:
        return int(
            client.post("/api/v1/subscriptions", data=body, content_type="application/json").status_code
        )

    assert [asked(person(group=group)) for group in ("Dispatcher", "Operator", "Administrator")] == [
        403,
        403,
        201,
    ]
    assert asked(person("add_subscription")) == 403  # of orders they may see nothing themselves
    row = Subscription.objects.get()
    assert (row.api_key, row.created_by is not None) == (None, True)


def test_administrator_of_one_restaurant_sees_what_tells_of_it_alone(places: Any) -> None:
    one, other = places
    own, both, everything = subscribe(None, one), subscribe(None, one, other), subscribe()
    client = person(group="Administrator", places=[one])

    seen = [row["id"] for row in client.get("/api/v1/subscriptions").json()["results"]]
    made = client.post(
        "/api/v1/subscriptions", data={"name": "S", "url": URL}, content_type="application/json"
    ).json()

    assert seen == [own.pk]
    assert made["organization_ids"] == [one.iiko_id]
    for row in (both, everything):
        assert client.get(f"/api/v1/subscriptions/{row.pk}").status_code == 404


def test_who_sees_no_restaurant_subscribes_to_none(places: Any) -> None:
    client, body = person(group="Administrator"), {"name": "S", "url": URL}
    RestaurantAccess.objects.create(user=User.objects.get(), is_restricted=True)
    key = Caller(ORGANIZATION_ID)
    key.row.organizations.clear()

    answer = client.post("/api/v1/subscriptions", data=body, content_type="application/json")

    assert refusal((answer.status_code, answer.json())) == (403, "permission_denied", None)
    assert key("post", "subscriptions", body)[0] == 403
    assert not Subscription.objects.exists()


# --- who may see less than before ------------------------------------------------------------------------


def test_deliveries_of_a_restaurant_that_is_seen_no_more_are_hidden_and_stay(
    endpoint: Endpoint, places: Any
) -> None:
    one, other = places
    row = subscribe(endpoint, *places, event_types=["order.created"])
    make_order(1)
    make_order(2, OTHER_ORGANIZATION_ID)
    send_all()
    theirs = Delivery.objects.get(organization=other)
    row.organizations.set([one])
    client = person(group="Administrator", places=[one])

    shown = client.get("/api/v1/deliveries").json()["results"]
    since = {"since": (db_clock.now() - timedelta(hours=1)).isoformat()}
    client.post(f"/api/v1/subscriptions/{row.pk}/redeliver", data=since, content_type="application/json")

    assert [found["organization_id"] for found in shown] == [one.iiko_id]
    assert client.get(f"/api/v1/deliveries/{theirs.pk}").status_code == 404
    again = client.post(f"/api/v1/deliveries/{theirs.pk}/redeliver", {}, content_type="application/json")
    assert again.status_code == 404
    theirs.refresh_from_db()
    assert (theirs.state, theirs.redelivered_at) == ("delivered", None)


def test_key_that_lost_a_restaurant_sees_and_is_sent_nothing_of_it(endpoint: Endpoint, places: Any) -> None:
    caller = Caller(ORGANIZATION_ID, OTHER_ORGANIZATION_ID)
    caller.subscribes(url=endpoint.url, event_types=["order.created"])
    make_order(1)
    make_order(2, OTHER_ORGANIZATION_ID)
    fan_out()
    caller.row.organizations.set([places[0]])

    send_all()

    assert [one.body["data"]["organization_id"] for one in endpoint.got] == [ORGANIZATION_ID]
    dropped = Delivery.objects.get(organization=places[1])
    assert (dropped.state, dropped.last_error, dropped.attempts) == ("failed", "not_told", 0)
    seen = caller("get", "deliveries")[1]["results"]
    assert [row["organization_id"] for row in seen] == [ORGANIZATION_ID]
    assert caller("get", f"deliveries/{dropped.pk}")[0] == 404


@pytest.mark.parametrize("lost", [{"is_active": False}, {"expires_at": NOON}])
def test_key_that_opens_nothing_is_sent_nothing(endpoint: Endpoint, places: Any, lost: Any) -> None:
    caller = Caller()
    ident = caller.subscribes(url=endpoint.url, event_types=["order.created"])["id"]
    make_order()
    fan_out()
    ApiKey.objects.filter(pk=caller.row.pk).update(**lost)

    send_all()

    assert (endpoint.got, Delivery.objects.get().state) == ([], "pending")
    client, url = person(group="Administrator"), f"/api/v1/subscriptions/{ident}"
    assert client.get(url).json()["state"] == "key_off"
    since = {"since": db_clock.now().isoformat()}
    answer = client.post(f"{url}/redeliver", data=since, content_type="application/json")
    assert refusal((answer.status_code, answer.json())) == (409, "subscription_off", None)
    ApiKey.objects.update(is_active=True, expires_at=None)
    send_all()
    assert endpoint.types == ["order.created"]


def test_key_that_may_see_guests_no_more_is_told_of_none(endpoint: Endpoint, places: Any) -> None:
    caller = Caller()
    caller.subscribes(url=endpoint.url, includes_personal_data=True, event_types=["order.created"])
    make_order(1, phone="+79990001122")
    fan_out()  # the body with the guest is written down
    ApiKey.objects.update(may_act=False)
    make_order(2, phone="+79990001122")

    send_all()

    assert [one.body["data"]["phone"] for one in endpoint.got] == ["***", "***"]


def test_answer_that_may_repeat_a_guest_is_shown_like_the_guest(endpoint: Endpoint, places: Any) -> None:
    caller = Caller()
    caller.subscribes(url=endpoint.url, includes_personal_data=True, event_types=["order.created"])
    endpoint.text = b"no such phone: +79990001122"
    make_order(phone="+79990001122")
    send_all()
    path = f"deliveries/{Delivery.objects.get().pk}"

    def answer() -> str:
        return str(caller("get", path)[1]["attempt_log"][0]["answer"])

    assert answer() == "no such phone: +79990001122"
    ApiKey.objects.update(may_act=False)
    assert answer() == "***"
    Subscription.objects.update(includes_personal_data=False)
    assert answer() == "***"


def test_person_is_shown_bodies_of_what_they_may_see_themselves(endpoint: Endpoint, places: Any) -> None:
    subscribe(endpoint, event_types=["order.created"])
    endpoint.text = b"order 1 taken"
    order = make_order()
    send_all()
    path = f"/api/v1/deliveries/{Delivery.objects.get().pk}"

    whole = person("view_delivery", "view_order").get(path).json()
    bare = person("view_delivery", "view_loyaltyoperation").get(path).json()

    assert (whole["body"]["data"]["id"], whole["attempt_log"][0]["answer"]) == (order.pk, "order 1 taken")
    assert (bare["body"], bare["attempt_log"][0]["answer"]) == (None, "***")


def test_backlog_is_counted_up_to_a_most(places: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "MOST_COUNTED", 3)
    caller = Caller()
    short, long = (subscribe(api_key=caller.row, name=name) for name in ("a", "b"))
    for row, count in ((short, 2), (long, 5)):
        for _number in range(count):
            make_delivery(row)
    make_delivery(short, state="failed")

    assert [row["waiting"] for row in caller("get", "subscriptions")[1]["results"]] == [2, 3]


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ("event_type=order.created", ["event_type", "id"]),
        (f"organization_id={ORGANIZATION_ID}", ["organization_id", "id"]),
        ("since=2026-01-01T00:00:00Z", ["created_at"]),
    ],
)
def test_filters_of_deliveries_are_served_by_an_index(places: Any, query: str, columns: list[str]) -> None:
    caller = Caller()
    with CaptureQueriesContext(connection) as captured:
        assert caller("get", f"deliveries?{query}")[0] == 200

    condition = captured.captured_queries[-1]["sql"].partition(" WHERE ")[2].partition(" ORDER BY ")[0]
    assert f'"outbound_deliveries"."{columns[0]}"' in condition
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "outbound_deliveries").values()
    assert columns in [one["columns"] for one in found if one["index"]]


def test_nobody_is_let_in_without_a_key(places: Any) -> None:
    row = subscribe()

    for method, path in (
        ("get", "subscriptions"),
        ("post", "subscriptions"),
        ("get", f"subscriptions/{row.pk}"),
        ("delete", f"subscriptions/{row.pk}"),
        ("post", f"subscriptions/{row.pk}/test"),
        ("get", "subscriptions/event-types"),
        ("get", "deliveries"),
        ("get", "deliveries/1"),
        ("post", "deliveries/1/redeliver"),
    ):
        assert getattr(Client(), method)(f"/api/v1/{path}").status_code == 401, path


def test_lists_cost_the_same_queries_whatever_their_length(endpoint: Endpoint, places: Any) -> None:
    caller = Caller()
    for number in range(3):
        caller.subscribes(url=f"{endpoint.url}&n={number}")
    for number in range(4):
        make_order(number)
    send_all()
    caller("get", "subscriptions")

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert caller("get", path)[1]["results"]
        return len(captured)

    assert queries("subscriptions") == 3  # the key, the rows, their restaurants
    assert queries("deliveries") == 2
