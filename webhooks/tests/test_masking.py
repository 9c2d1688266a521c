"""An event tells no more of people than the pages of what it is about, in the admin and over the API."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from organizations.models.api_keys import ApiKey
from tests.builders import authorized, cloud_event, drain, make_key, make_organization, post, reserve_event
from tests.pages import sign_in, sign_in_superuser
from webhooks.masking import masked_payload
from webhooks.models.inbox import EventStatus, Reason, WebhookEvent

pytestmark = pytest.mark.django_db

PHONE, NAME, EMAIL = "+79165550123", "Аристарх", "aristarch@mail.example"
PEOPLE = (PHONE, PHONE[1:], NAME, EMAIL)
EVENTS = "/admin/webhooks/webhookevent/"
SEES_EVENTS = "webhooks.view_webhookevent"
OF_ORDERS = ("orders.view_order", "loyalty.view_personal_data")
OF_HALL = ("hall.view_personal_data",)


def guest() -> dict[str, Any]:
    return {"id": None, "name": NAME, "surname": NAME, "email": EMAIL, "phones": [PHONE], "comment": NAME}


def reserve() -> Any:
    return reserve_event(phone=PHONE, customer=guest(), comment=NAME)


def delivery() -> Any:
    event = cloud_event()
    event["eventInfo"]["order"] |= {
        "phone": PHONE,
        "customer": guest(),
        "comment": f"{NAME} {PHONE}",
        "sum": 351.1,
    }
    return event


def courier_as_text() -> Any:
    event = delivery()
    event["eventInfo"]["order"] |= {"customer": NAME, "operator": NAME, "courierInfo": {"courier": NAME}}
    return event


def broken() -> bytes:
    return (
        f'[{{"eventType": "ReserveUpdate", "name": "{NAME}", "phone": "{PHONE}", "email": "{EMAIL}"'.encode()
    )


def unknown() -> Any:
    return delivery() | {"eventType": "SomethingNew"}


KINDS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "reserve": (reserve, OF_HALL),
    "delivery": (delivery, OF_ORDERS),
    "people as text": (courier_as_text, OF_ORDERS),
    "broken": (broken, (*OF_ORDERS, *OF_HALL)),
    "unknown": (unknown, (*OF_ORDERS, *OF_HALL)),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def event(kind: str) -> WebhookEvent:
    """Make an event that ended with an error and a remark which quote what it told."""
    make_organization()
    post(Client(), KINDS[kind][0]())
    drain()
    quoted = f"DataError: {NAME} {PHONE} {EMAIL}"
    told = {"processing_error": quoted, "notes": [f"order.phone: {PHONE} {NAME}"], "status": EventStatus.DEAD}
    WebhookEvent.objects.update(reason=Reason.ERROR, **told)
    return WebhookEvent.objects.get()


def pages(event: WebhookEvent, client: Client) -> dict[str, str]:
    urls = {
        "list": EVENTS,
        "page": f"{EVENTS}{event.pk}/change/",
        "file": f"{EVENTS}{event.pk}/payload/",
        "dead": f"{EVENTS}dead/",
        "api list": "/api/v1/webhooks/events",
        "api": f"/api/v1/webhooks/events/{event.pk}",
    }
    found = {}
    for name, url in urls.items():
        answer = client.get(url)
        assert answer.status_code == 200 or (name == "file" and event.payload is None), name
        found[name] = answer.content.decode("utf-8").encode().decode("utf-8")
    return found


def told(text: str) -> set[str]:
    # A file may write its letters as \u0430.
    plain = text + (text.encode().decode("unicode_escape") if "\\u" in text else "")
    return {one for one in PEOPLE if one in plain}


@pytest.mark.parametrize("others", ["none", "the rest"])
def test_event_tells_nobody_of_people_without_the_right(
    client: Client, kind: str, event: WebhookEvent, others: str
) -> None:
    needed = KINDS[kind][1]
    rights = {SEES_EVENTS, "hall.view_reserve"}
    if others == "the rest":
        rights |= {*OF_ORDERS, *OF_HALL} - {needed[-1]}
    sign_in(client, *rights)

    found = pages(event, client)

    assert {name: told(text) for name, text in found.items()} == {key: set() for key in found}
    if event.payload is not None:
        assert event.event_type in found["page"]
        assert "***" in found["file"]


def test_event_tells_who_has_the_right(client: Client, kind: str, event: WebhookEvent) -> None:
    sign_in(client, SEES_EVENTS, *KINDS[kind][1])

    found = pages(event, client)

    assert NAME in found["page"]
    assert PHONE in found["page"]
    assert PHONE in found["api"] or event.payload is None
    if event.payload is not None:
        assert NAME in found["file"] or NAME in told(found["file"])


@pytest.mark.parametrize("name", ["Dispatcher", "Operator", "Administrator"])
def test_groups_see_what_their_pages_show(client: Client, kind: str, event: WebhookEvent, name: str) -> None:
    user = sign_in(client)
    user.groups.add(Group.objects.get(name=name))

    found = pages(event, client)

    assert {name: bool(told(text)) for name, text in found.items() if name in ("page", "api")} == {
        "page": True,
        "api": True,
    }


@pytest.mark.parametrize("may_act", [True, False])
def test_key_that_may_only_read_is_not_told(client: Client, event: WebhookEvent, may_act: bool) -> None:
    headers = authorized(make_key())
    ApiKey.objects.update(may_act=may_act)

    one = client.get(f"/api/v1/webhooks/events/{event.pk}", headers=headers).json()
    (row,) = client.get("/api/v1/webhooks/events", headers=headers).json()["results"]

    assert one["is_masked"] is row["is_masked"] is not may_act
    assert bool(told(str(one))) is bool(told(str(row))) is may_act
    if not may_act:
        assert (one["processing_error"], one["notes"]) == ("DataError: ***", ["order.phone: ***"])
        assert (row["processing_error"], one["raw_body_base64"]) == ("DataError: ***", None)


def test_error_is_not_searched_by_those_who_may_not_read_it(client: Client) -> None:
    headers = authorized(make_key())
    ApiKey.objects.update(may_act=False)
    url = "/api/v1/webhooks/events"

    assert client.get(url, {"processing_error": "7"}, headers=headers).status_code == 403
    sign_in(client, SEES_EVENTS, *OF_ORDERS)
    assert client.get(url, {"processing_error": "7"}).status_code == 403
    sign_in_superuser(client)
    assert client.get(url, {"processing_error": "7"}).status_code == 200


def test_dry_run_quotes_no_error_to_those_without_the_right(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_organization()
    post(Client(), delivery())
    (event,) = WebhookEvent.objects.all()

    def fails(*_: Any, **__: Any) -> Any:
        raise ValueError(f"bad value: {NAME} {PHONE}")

    monkeypatch.setattr("webhooks.processing.handlers.deliveries.apply_reports", fails)
    sign_in(client, SEES_EVENTS, "webhooks.replay_webhookevent")

    page = client.post(f"{EVENTS}{event.pk}/replay/", {"dry_run": "yes"})
    answer = client.post(
        f"/api/v1/webhooks/events/{event.pk}/replay", {"dry_run": True}, content_type="application/json"
    )

    assert "ValueError: ***" in page.text
    assert [one["error"] for one in answer.json()["failures"]] == ["ValueError: ***"]
    assert {NAME, PHONE} & (told(page.content.decode()) | told(answer.content.decode())) == set()


def test_masked_payload_keeps_numbers_and_things() -> None:
    text = (
        '{"order": {"sum": 351.10, "number": 57, "product": {"name": "Чай"}, "customer": {"name": "Вера"}}}'
    )

    assert masked_payload(text).encode().decode("unicode_escape") == (
        '{"order":{"sum":351.10,"number":57,"product":{"name":"Чай"},"customer":{"name":"***"}}}'
    )
