"""Subscriptions and deliveries in the admin: set, tried, sent again, and nothing secret shown."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, Permission, User
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from standardwebhooks import Webhook

from attention.models.items import AttentionItem
from attention.watch import watch
from audit.models import AuditEntry
from core.database import db_clock
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.models.access import RestaurantAccess
from organizations.models.organization import Organization
from organizations.provisioning import create_api_key
from outbound.attention_rule import EndpointFails
from outbound.feed.fan_out import fan_out
from outbound.models.deliveries import Delivery, DeliveryAttempt
from outbound.models.events import OutboundEvent
from outbound.models.subscriptions import DisabledReason, Subscription
from outbound.tests.deliveries import make_delivery
from outbound.tests.endpoints import Endpoint, listening, send_all, subscribe
from tests.builders import ORGANIZATION_ID, make_organization, make_other_organization

pytestmark = pytest.mark.django_db

LIST, ADD = "/admin/outbound/subscription/", "/admin/outbound/subscription/add/"
DELIVERIES = "/admin/outbound/delivery/"
URL = "https://example.com/hooks?key=qzxsecret"


@pytest.fixture
def place() -> Organization:
    return make_organization()


@pytest.fixture
def endpoint(settings: LazySettings) -> Iterator[Endpoint]:
    settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES = True
    with listening() as one:
        yield one


def signed_in(*permissions: str, group: str = "", places: Any = (), language: str = "en") -> Client:
    user = User.objects.create_user(f"person{User.objects.count()}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    if group:
        user.groups.add(Group.objects.get(name=group))
    if places:
        RestaurantAccess.objects.create(user=user, is_restricted=True).restaurants.set(places)
    client = Client(headers={"accept-language": language})
    client.force_login(user)
    return client


def administrator(*places: Organization) -> Client:
    return signed_in(group="Administrator", places=places)


def form(**changes: Any) -> dict[str, Any]:
    usual = {"name": "Site", "url": URL, "is_active": "on", "description": ""}
    return {name: value for name, value in (usual | changes).items() if value is not None}


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def errors(response: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return found


def make_order(**changes: Any) -> Order:
    usual = {"organization_id": ORGANIZATION_ID, "iiko_order_id": "o-1", "status": "Waiting"}
    return Order.objects.create(**(usual | {"updated_at": db_clock.now()} | changes))


def page_of(subscription: Subscription, act: str = "change") -> str:
    return f"{LIST}{subscription.pk}/{act}/"


# --- set ------------------------------------------------------------------------------------------------


def test_address_that_was_typed_stays_after_an_error_in_another_field(place: Organization) -> None:
    client, row = administrator(), subscribe(url="https://stored.example/?key=qzxstored")

    answers = [client.post(ADD, form(name="")), client.post(page_of(row), form(name=""))]

    for answer in answers:
        page = answer.content.decode()
        assert 'value="https://example.com/hooks?key=qzxsecret"' in page
        assert "qzxstored" not in page


def test_subscription_is_added_and_its_secret_is_shown_once(place: Organization) -> None:
    client = administrator()

    response = client.post(ADD, form(event_types=["order.created"], organizations=[place.pk]))

    assert response.status_code == 302, errors(response)
    row = Subscription.objects.get()
    assert response["Location"] == page_of(row)
    assert (row.url, row.shown_host, row.event_types) == (URL, "https://example.com", ["order.created"])
    assert [one.pk for one in row.organizations.all()] == [place.pk]
    assert (row.api_key, row.created_by is not None) == (None, True)
    [shown] = [text for text in said(response) if "whsec_" in text]
    assert row.secret in shown
    page = client.get(page_of(row)).content.decode()  # with the message, this once
    for url in (LIST, page_of(row), page_of(row, "history")):
        page = client.get(url).content.decode()
        assert "qzxsecret" not in page
        assert row.secret not in page


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"url": ""}, "url", "This field is required."),
        ({"url": "http://example.com"}, "url", "Write a public address that begins with https://."),
        ({"url": "https://192.168.0.7/hook"}, "url", "Write a public address"),
        ({"url": "hook"}, "url", "The address cannot be read."),
        ({"name": ""}, "name", "This field is required."),
        ({"event_types": ["no.such"]}, "event_types", "no.such is not one of the available choices"),
    ],
)
def test_what_cannot_be_is_refused(place: Organization, changes: Any, field: str, words: str) -> None:
    response = administrator().post(ADD, form(**changes))

    assert words in str(errors(response)[field])
    assert not Subscription.objects.exists()


def test_empty_address_keeps_the_stored_one_and_another_begins_anew(place: Organization) -> None:
    client, now = administrator(), db_clock.now()
    row = subscribe(url=URL, opened_at=now, failing_since=now, failures=9, last_error="timeout")

    assert client.post(page_of(row), form(url="", name="Renamed")).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.url, row.failures) == ("Renamed", URL, 9)

    assert client.post(page_of(row), form(url="https://example.org/")).status_code == 302
    row.refresh_from_db()
    assert (row.shown_host, row.opened_at, row.failures) == ("https://example.org", None, 0)


def test_saving_the_form_keeps_what_the_sender_wrote_meanwhile(place: Organization) -> None:
    row = subscribe(url=URL)
    before = row.secret

    assert administrator().post(page_of(row), form(url="", is_active=None)).status_code == 302

    row.refresh_from_db()
    assert (row.is_active, row.disabled_reason, row.secret) == (False, DisabledReason.BY_PERSON, before)
    assert administrator().post(page_of(row), form(url="")).status_code == 302
    row.refresh_from_db()
    assert (row.is_active, row.disabled_reason) == (True, "")


def test_subscription_tells_no_more_than_its_maker_may_see(place: Organization) -> None:
    verbs = [f"{verb}_subscription" for verb in ("add", "change", "view")]
    client = signed_in(*verbs, "view_order")

    answer = client.post(ADD, form(includes_personal_data="on"))

    found = errors(answer)
    assert "You may not see names and phones" in str(found["includes_personal_data"])
    assert "Stop list: a product was added" in str(found["event_types"])
    assert "New order" not in str(found["event_types"])
    assert client.post(ADD, form(event_types=["order.created"])).status_code == 302
    # What stands already may be renamed, and not be led elsewhere.
    theirs = subscribe(url=URL, includes_personal_data=True, event_types=["order.created"])
    kept = form(url="", event_types=["order.created"], includes_personal_data="on")
    assert client.post(page_of(theirs), kept | {"name": "Renamed"}).status_code == 302
    led = client.post(page_of(theirs), kept | {"url": "https://example.org/"})
    assert list(errors(led)) == ["includes_personal_data"]


def test_administrator_of_one_restaurant_sees_and_makes_what_tells_of_it_alone(place: Organization) -> None:
    other = make_other_organization()
    own, both, everything = subscribe(None, place), subscribe(None, place, other), subscribe()
    client = administrator(place)

    assert "organizations" in errors(client.post(ADD, form()))
    assert "organizations" in errors(client.post(ADD, form(organizations=[other.pk])))
    assert client.post(ADD, form(organizations=[place.pk])).status_code == 302
    assert client.get(page_of(own)).status_code == 200
    for row in (both, everything):
        assert client.get(page_of(row)).status_code == 302
        assert client.post(page_of(row, "test")).status_code == 404


# --- acts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["test", "rotate", "enable", "redeliver"])
def test_nothing_is_done_before_it_is_confirmed(place: Organization, endpoint: Endpoint, act: str) -> None:
    row = subscribe(endpoint)
    before = Subscription.objects.values().get()

    page = administrator().get(page_of(row, act))

    assert page.status_code == 200
    assert 'method="post"' in page.content.decode()
    assert (Subscription.objects.values().get(), endpoint.got) == (before, [])


def test_test_says_what_the_receiver_answered(place: Organization, endpoint: Endpoint) -> None:
    client, row = administrator(), subscribe(endpoint, name="Site")

    good = client.post(page_of(row, "test"))
    endpoint.answers = [500]
    bad = client.post(page_of(row, "test"))

    assert said(good) == ["The receiver took the test and answered 200."]
    assert said(bad)[-1] == "The test did not arrive. The server answered 500."
    assert endpoint.types == ["subscription.test"] * 2


def test_new_secret_is_shown_and_both_sign(place: Organization, endpoint: Endpoint) -> None:
    client, row = administrator(), subscribe(endpoint)
    former = row.secret

    response = client.post(page_of(row, "rotate"))

    row.refresh_from_db()
    assert row.secret in said(response)[-1]
    assert "The former secret signs too, for 24 hours more" in client.get(page_of(row)).content.decode()
    client.post(page_of(row, "test"))
    [got] = endpoint.got
    for secret in (former, row.secret):
        Webhook(secret).verify(got.raw, got.headers)


def test_receiver_that_was_given_up_is_enabled_again(place: Organization) -> None:
    client = administrator()
    row = subscribe(is_active=False, disabled_reason=DisabledReason.GONE, disabled_at=db_clock.now())
    assert "Nothing is sent: it is switched off" in client.get(page_of(row)).content.decode()

    response = client.post(page_of(row, "enable"))

    row.refresh_from_db()
    assert (row.is_active, row.disabled_reason) == (True, "")
    assert said(response) == ["It is on again. What waits is sent now."]
    assert 'id="enable-dialog"' not in client.get(page_of(row)).content.decode()


def test_events_since_a_time_are_sent_again(place: Organization, endpoint: Endpoint) -> None:
    client, row = administrator(), subscribe(endpoint, event_types=["order.created"])
    make_order()
    send_all()

    response = client.post(page_of(row, "redeliver"), {"since": "1h"})
    none = client.post(page_of(row, "redeliver"), {"since": "ever"})
    send_all()

    assert said(response) == ["1 message is sent again."]
    assert said(none)[-1] == "Choose since when. Nothing was done."
    assert [one.message_id for one in endpoint.got] == [endpoint.got[0].message_id] * 2
    Subscription.objects.update(is_active=False)
    assert said(client.post(page_of(row, "redeliver"), {"since": "1h"}))[-1] == (
        "The subscription is off. Switch it on first."
    )


def test_dialog_says_how_many_messages_are_sent_again(place: Organization, endpoint: Endpoint) -> None:
    """Those that ended or were never sent; not what waits, nor tests, nor what it does not want."""
    client = administrator()
    row = subscribe(endpoint, place, event_types=["order.created"])
    make_order()
    client.post(page_of(row, "test"))
    send_all()
    Subscription.objects.update(is_active=False)
    missed = make_order(iiko_order_id="o-2")
    Order.objects.filter(pk=missed.pk).update(status="OnWay")
    send_all()
    OutboundEvent.objects.filter(row_id=missed.pk).update(occurred_at=db_clock.now() - timedelta(hours=2))
    Subscription.objects.update(is_active=True)
    make_order(iiko_order_id="o-3")
    fan_out()

    def offered(page: Any) -> list[str]:
        return re.findall(r'<option value="(?:15min|1h|6h|7d)">([^<]*)</option>', page.content.decode())

    expected = [
        "15 minutes ago: 1 message",
        "an hour ago: 1 message",
        "6 hours ago: 2 messages",
        "a week ago: 2 messages",
    ]
    assert offered(client.get(page_of(row))) == expected
    assert offered(client.get(page_of(row, "redeliver"))) == expected
    response = client.post(page_of(row, "redeliver"), {"since": "6h"})
    assert said(response)[-1] == "2 messages are sent again."


def test_deleted_subscription_takes_its_log_along(place: Organization) -> None:
    row = subscribe()
    make_delivery(row, place)

    DeliveryAttempt.objects.create(delivery=make_delivery(row, place), began_at=db_clock.now(), duration_ms=5)

    with CaptureQueriesContext(connection) as asked:
        assert administrator().post(page_of(row, "delete"), {"post": "yes"}).status_code == 302

    left = Subscription.objects.count(), Delivery.objects.count(), DeliveryAttempt.objects.count()
    assert left == (0, 0, 0)
    assert list(AuditEntry.objects.values_list("act", "subject")) == [
        ("deleted", f"outbound.subscription:{row.pk}")
    ]
    read = r'^SELECT .*FROM "outbound_(deliveries|attempts)"(?! U0)'
    assert not [one["sql"] for one in asked if re.match(read, one["sql"])]


# --- how it fares ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "english", "russian"),
    [
        ({}, "nothing was sent yet", "ещё не проверено"),
        ({"last_success_at": "now"}, ">works<", ">работает<"),
        ({"opened_at": "now", "failing_since": "now"}, "does not answer", "не отвечает"),
        ({"paused_until": "later"}, "asked to wait", "просил подождать"),
        ({"is_active": False, "disabled_reason": "gone"}, "it wants no more", "больше не хочет"),
        (
            {"is_active": False, "disabled_reason": "failing"},
            "nothing arrived for days",
            "ничего не доходило",
        ),
    ],
)
def test_list_says_how_each_fares(place: Organization, changes: Any, english: str, russian: str) -> None:
    now = db_clock.now()
    moments = {"now": now, "later": now.replace(year=now.year + 1)}
    subscribe(**{name: moments.get(value, value) for name, value in changes.items()})

    assert english in administrator().get(LIST).content.decode()
    assert russian in signed_in(group="Administrator", language="ru").get(LIST).content.decode()


def test_silent_receiver_is_on_the_attention_list_until_it_answers(place: Organization) -> None:
    long_ago = db_clock.now().replace(year=2026, month=1)
    row = subscribe(name="Site", opened_at=long_ago, failing_since=long_ago)
    off = subscribe(name="Till", is_active=False, disabled_reason="gone", disabled_at=long_ago)
    subscribe(is_active=False, disabled_reason="person", disabled_at=long_ago)

    watch(rules=[EndpointFails()])

    found = {
        item.subject: EndpointFails().sentence(item, now=db_clock.now(), zone=place.zone())
        for item in items()
    }
    assert set(found) == {f"subscription:{row.pk}", f"subscription:{off.pk}"}
    assert "«Site»" in found[f"subscription:{row.pk}"] or "“Site”" in found[f"subscription:{row.pk}"]
    step = EndpointFails().next_step(items()[0])
    assert administrator().get(step.url).status_code == 200

    Subscription.objects.update(is_active=True, opened_at=None, failing_since=None, disabled_reason="")
    watch(rules=[EndpointFails()])
    assert items() == []


def items() -> list[AttentionItem]:
    return list(AttentionItem.objects.filter(rule="endpoint_fails", ended_at=None).order_by("subject"))


# --- deliveries -----------------------------------------------------------------------------------------


def test_delivery_shows_its_body_and_attempts_and_is_sent_again(
    place: Organization, endpoint: Endpoint
) -> None:
    client, row = administrator(), subscribe(endpoint, name="Site", event_types=["order.created"])
    endpoint.answers, endpoint.text = [502], b"<b>upstream</b>"
    order = make_order(phone="+79990001122")
    send_all()
    delivery = Delivery.objects.get()
    url = f"{DELIVERIES}{delivery.pk}/change/"

    page = client.get(url).content.decode()
    assert f"&quot;id&quot;: {order.pk}" in page
    assert "&lt;b&gt;upstream&lt;/b&gt;" in page
    assert delivery.message_id in page
    assert "The server answered 502." in page
    assert "79990001122" not in page
    assert client.get(f"{DELIVERIES}{delivery.pk}/redeliver/").status_code == 200

    assert said(client.post(f"{DELIVERIES}{delivery.pk}/redeliver/"))[0].startswith("It waits anyway.")
    Delivery.objects.update(state="failed")
    response = client.post(f"{DELIVERIES}{delivery.pk}/redeliver/")
    send_all()

    assert said(response)[-1].startswith("It is sent again.")
    assert [one.message_id for one in endpoint.got] == [delivery.message_id] * 2
    assert row.deliveries.get().state == "delivered"


def test_list_names_orders_by_their_number_and_restaurant(place: Organization, endpoint: Endpoint) -> None:
    subscribe(endpoint)
    order = make_order(readable_number="1027")
    OrderCommand.objects.create(order=order, kind="cancel", requested_by="x", created_at=db_clock.now())
    bare = make_order(iiko_order_id="o-2", external_order_id="SITE-5")
    gone = make_order(iiko_order_id="o-3")
    gone_pk = gone.pk
    fan_out()
    gone.delete()
    send_all()

    page = administrator().get(DELIVERIES).content.decode()
    unnamed = signed_in("view_delivery").get(DELIVERIES).content.decode()

    for words in ("Order №1027", "Command, order №1027", "Order SITE-5", f"Order {gone_pk}", place.name):
        assert words in page
    for words in ("1027", "SITE-5"):
        assert words not in unnamed
    for words in (f"Order {order.pk}", f"Order {bare.pk}"):
        assert words in unnamed
    [delivery] = Delivery.objects.filter(event__row_id=order.pk, event__entity_type="order")
    assert "Order №1027" in administrator().get(f"{DELIVERIES}{delivery.pk}/change/").content.decode()


def test_guests_are_masked_once_their_maker_may_not_see_them_and_named_by_who_takes_over(
    place: Organization, endpoint: Endpoint
) -> None:
    maker = administrator()
    maker.post(ADD, form(url=endpoint.url, event_types=["order.created"], includes_personal_data="on"))
    row = Subscription.objects.get()
    owner = User.objects.get()
    make_order(phone="+79990001122")
    fan_out()  # with the guest, and then the right is lost

    owner.groups.clear()
    send_all()
    make_order(iiko_order_id="o-2", phone="+79990001122")
    send_all()
    chief = administrator()
    page = chief.get(page_of(row)).content.decode()
    chief.post(page_of(row), form(url="", event_types=["order.created"], includes_personal_data="on"))
    make_order(iiko_order_id="o-3", phone="+79990001122")
    send_all()

    assert [one.body["data"]["phone"] for one in endpoint.got] == ["***", "***", "+79990001122"]
    assert "Guests are masked" in page
    assert "Guests are masked" not in chief.get(page_of(row)).content.decode()
    User.objects.exclude(pk=owner.pk).delete()
    make_order(iiko_order_id="o-4", phone="+79990001122")
    send_all()
    assert endpoint.got[-1].body["data"]["phone"] == "***"


def test_guests_of_a_delivery_are_shown_to_those_who_may_see_them(
    place: Organization, endpoint: Endpoint
) -> None:
    subscribe(endpoint, includes_personal_data=True, event_types=["order.created"])
    make_order(phone="+79990001122")
    send_all()
    url = f"{DELIVERIES}{Delivery.objects.get().pk}/change/"

    seen = administrator().get(url).content.decode()
    hidden = signed_in("view_delivery", "view_order").get(url).content.decode()

    assert "79990001122" in seen
    assert "79990001122" not in hidden
    assert "Personal data is hidden" in hidden
    bare = signed_in("view_delivery", "view_subscription").get(url).content.decode()
    assert "You may not see what it tells of." in bare
    assert "hub-code" not in bare


def test_page_says_that_the_key_opens_nothing(place: Organization) -> None:
    key, _secret = create_api_key(name="shop")
    row = subscribe(api_key=key)
    key.is_active = False
    key.save()

    assert "its API key is off or has expired" in administrator().get(page_of(row)).content.decode()
    assert "its API key is off" in administrator().get(LIST).content.decode()


def test_list_finds_by_state_subscription_event_and_restaurant(place: Organization) -> None:
    other = make_other_organization()
    site, till = subscribe(name="Site"), subscribe(name="Till")
    make_delivery(site, place, state="failed", last_error="timeout")
    make_delivery(till, other, event_type="order.updated", state="delivered", finished_at=db_clock.now())
    client = administrator()

    def found(query: str) -> list[str]:
        rows = client.get(f"{DELIVERIES}?{query}").context["cl"].result_list
        return sorted(one.subscription.name for one in rows)

    assert found("") == ["Site", "Till"]
    assert found("state=failed") == ["Site"]
    assert found(f"subscription={till.pk}") == ["Till"]
    assert found("event_type=order.updated") == ["Till"]
    assert found(f"organization={place.iiko_id}") == ["Site"]
    assert "The server did not answer within 15 seconds." in client.get(DELIVERIES).content.decode()


def test_list_costs_the_same_queries_whatever_its_length(
    place: Organization, django_assert_max_num_queries: Any
) -> None:
    client, row = administrator(), subscribe()
    for _number in range(20):
        delivery = make_delivery(row, place)
        DeliveryAttempt.objects.create(delivery=delivery, began_at=db_clock.now(), duration_ms=5)

    with django_assert_max_num_queries(16):
        assert client.get(DELIVERIES).status_code == 200
