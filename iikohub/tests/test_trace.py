"""One trace from a webhook or a request to all that follows from it, and the page that shows it."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from audit.models import AuditEntry
from core import trace
from iikohub.operations.request_ids import Environ, RequestIds, StartResponse
from orders.models.command import OrderCommand
from orders.models.order import Order
from organizations.connection.call_log import call_log
from organizations.models.connection import ApiCall
from outbound.models.events import OutboundEvent
from outbound.tests.endpoints import Endpoint, listening, send_all, subscribe
from tests.acting import QUEUED, STATUS, SUCCESS, Acting
from tests.builders import REVISION, authorized, cloud_event, drain, make_key, make_organization, post
from tests.simulated_iiko import SimulatedIiko
from webhooks.models.inbox import EventSource, WebhookEvent

pytestmark = pytest.mark.django_db

FOREIGN = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{FOREIGN}-00f067aa0ba902b7-01"
ON_WAY = {"status": "OnWay"}


def at_the_door(call: Callable[[], Any]) -> tuple[Any, str]:
    """Make a call as one request to the web server; return its answer and the ``X-Trace-ID``."""
    given: list[Any] = []
    answered: list[tuple[str, str]] = []

    def application(_environ: Environ, start: StartResponse) -> list[bytes]:
        given.append(call())
        start("200 OK", [])
        return []

    RequestIds(application)({}, lambda _status, headers: answered.extend(headers))
    return given[0], dict(answered)["X-Trace-ID"]


@pytest.fixture
def endpoint(settings: LazySettings) -> Iterator[Endpoint]:
    settings.OUTBOUND_ALLOW_PRIVATE_ADDRESSES = True
    with listening() as one:
        yield one


@pytest.fixture
def acting(iiko: SimulatedIiko) -> Acting:
    one = Acting(iiko)
    one.has(status="Waiting")
    return one


# --- what belongs to a trace -------------------------------------------------------------------------


def test_webhook_begins_a_trace_that_its_outbound_webhooks_carry_on(endpoint: Endpoint) -> None:
    make_organization()
    subscribe(endpoint)

    _answer, own = at_the_door(lambda: post(Client(), [cloud_event(), cloud_event(order_id=str(uuid4()))]))
    drain()
    send_all()

    assert {event.trace_id for event in WebhookEvent.objects.all()} == {UUID(own)}
    assert {order.trace_id for order in Order.objects.all()} == {UUID(own)}
    assert [(one.path, one.headers["traceparent"][:36]) for one in endpoint.got] == [
        (endpoint.got[0].path, f"00-{own}-"),
        (endpoint.got[0].path, f"00-{own}-"),
    ]
    spans = {one.headers["traceparent"] for one in endpoint.got}
    assert len(spans) == 2  # an id of its own for each attempt


def test_sender_of_webhooks_names_no_trace() -> None:
    make_organization()

    _answer, own = at_the_door(lambda: post(Client(), [cloud_event()], HTTP_TRACEPARENT=TRACEPARENT))

    assert own != FOREIGN
    assert WebhookEvent.objects.get().trace_id == UUID(own)


def test_order_has_the_trace_of_what_changed_it_last() -> None:
    make_organization()
    subscribe()
    at_the_door(lambda: post(Client(), [cloud_event(timestamp=REVISION + 1000)]))
    event = cloud_event(timestamp=REVISION + 2000, status="OnWay")
    _answer, newer = at_the_door(lambda: post(Client(), [event]))
    _answer, old = at_the_door(lambda: post(Client(), [cloud_event(timestamp=REVISION)]))

    drain()

    assert old != newer
    assert Order.objects.get().trace_id == UUID(newer)
    assert [one.trace_id for one in OutboundEvent.objects.all()] == [UUID(newer)]


def test_command_takes_its_calls_along_however_late(acting: Acting) -> None:
    acting.iiko.answers(STATUS, QUEUED)
    acting.iiko.answers("commands/status", SUCCESS)
    acting.shows(status="OnWay")
    subscribe()
    headers = {"traceparent": TRACEPARENT}

    response, own = at_the_door(lambda: acting.ask("update-status", ON_WAY, headers=headers))
    command = OrderCommand.objects.get()
    _other, _ = at_the_door(lambda: acting.step(command))
    acting.step_when_due(command)
    call_log.flush()

    assert (own, response.json()["trace_id"]) == (FOREIGN, FOREIGN)
    calls = ApiCall.objects.exclude(operation="access_token").order_by("pk")
    assert [(call.operation, call.trace_id) for call in calls] == [
        (STATUS, UUID(FOREIGN)),
        ("commands/status", UUID(FOREIGN)),
        ("deliveries/by_id", UUID(FOREIGN)),
    ]
    # What iiko was asked for because of it, too; a webhook keeps its own.
    read = WebhookEvent.objects.get(source=EventSource.COMMAND)
    assert read.trace_id == UUID(FOREIGN)
    events = OutboundEvent.objects.filter(entity_type="command")
    assert {one.trace_id for one in events} == {UUID(FOREIGN)}
    assert AuditEntry.objects.get(subject=f"orders.ordercommand:{command.pk}").trace_id == UUID(FOREIGN)


def test_event_that_confirms_a_command_keeps_its_own_trace(acting: Acting) -> None:
    acting.iiko.answers(STATUS, QUEUED)
    _response, own = at_the_door(lambda: acting.ask("update-status", ON_WAY))
    command = OrderCommand.objects.get()
    acting.step(command)

    _order, of_webhook = at_the_door(lambda: acting.has(status="OnWay"))
    command.refresh_from_db()

    assert command.confirmed_event_id is not None
    event = WebhookEvent.objects.get(pk=command.confirmed_event_id)
    assert (command.state, command.trace_id, event.trace_id) == ("confirmed", UUID(own), UUID(of_webhook))


@pytest.mark.parametrize("who", ["nobody", "a wrong key", "a person"])
def test_header_of_a_stranger_counts_for_nothing(who: str) -> None:
    client, key = Client(), make_key()
    if who == "a person":
        client.force_login(User.objects.create_superuser("chief"))
    headers = {"traceparent": TRACEPARENT} | (authorized(f"{key}x") if who == "a wrong key" else {})

    response, own = at_the_door(lambda: client.get("/api/v1/orders", headers=headers))

    assert response.status_code == (200 if who == "a person" else 401)
    assert own != FOREIGN


def test_header_of_a_key_that_is_not_valid_breaks_nothing() -> None:
    headers = authorized(make_key()) | {"traceparent": "00-zz-" + "x" * 5000}

    response, own = at_the_door(lambda: Client().get("/api/v1/orders", headers=headers))

    assert response.status_code == 200
    assert trace.made_at(UUID(own)) is not None


# --- finding it --------------------------------------------------------------------------------------


def test_api_finds_what_belongs_to_a_trace(acting: Acting, endpoint: Endpoint) -> None:
    subscribe(endpoint)
    _order, own = at_the_door(lambda: acting.has(status="OnWay"))
    acting.has(order_id=str(uuid4()))
    send_all()

    def found(path: str, trace_id: str) -> list[str | None]:
        return [row["trace_id"] for row in acting.get(f"{path}?trace_id={trace_id}")["results"]]

    assert found("webhooks/events", own) == found("webhooks/events", str(UUID(own))) == [own]
    assert found("webhooks/events", FOREIGN) == found("logs", FOREIGN) == []
    assert found("loyalty/operations", FOREIGN) == found("deliveries", FOREIGN) == []
    chief = Client()
    chief.force_login(User.objects.create_superuser("chief"))
    rows = chief.get(f"/api/v1/deliveries?trace_id={own}").json()["results"]
    assert [row["trace_id"] for row in rows] == [own]


def test_trace_that_is_none_is_refused() -> None:
    answer = Client().get("/api/v1/webhooks/events?trace_id=17", headers=authorized(make_key()))

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "trace_id"


def test_page_shows_all_of_a_trace_in_the_order_of_time(acting: Acting, endpoint: Endpoint) -> None:
    acting.iiko.answers(STATUS, QUEUED)
    subscribe(endpoint)
    chief = Client()
    chief.force_login(User.objects.create_superuser("chief"))
    headers = {"traceparent": TRACEPARENT, "Accept-Language": "en"}
    at_the_door(lambda: acting.ask("update-status", ON_WAY, headers=headers))
    command = OrderCommand.objects.get()
    acting.step(command)
    call_log.flush()
    send_all()

    page = chief.get(reverse("trace", args=[FOREIGN]), headers={"Accept-Language": "en"})

    entries = [line["entry"] for line in page.context["lines"]]
    assert [one.at for one in entries] == sorted(one.at for one in entries)
    assert {str(one.kind) for one in entries} == {
        "Command",
        "Call to iiko",
        "Outbound webhook",
        "Audit log",
    }
    for one in entries:
        assert chief.get(one.url).status_code == 200, one.url
        assert reverse("trace", args=[FOREIGN]) in chief.get(one.url).content.decode(), one.url


def test_page_of_an_event_leads_to_its_trace(acting: Acting) -> None:
    _order, own = at_the_door(lambda: acting.has(status="OnWay"))
    event = WebhookEvent.objects.get(trace_id=UUID(own))
    chief = Client()
    chief.force_login(User.objects.create_superuser("chief"))
    url = reverse("trace", args=[own])

    assert url in chief.get(reverse("admin:webhooks_webhookevent_change", args=[event.pk])).content.decode()
    page = chief.get(url)
    assert [line["entry"].url for line in page.context["lines"]] == [
        reverse("admin:webhooks_webhookevent_change", args=[event.pk])
    ]


def test_page_shows_each_what_they_may_see_elsewhere(acting: Acting) -> None:
    at_the_door(lambda: acting.ask("update-status", ON_WAY, headers={"traceparent": TRACEPARENT}))
    clerk = User.objects.create_user("clerk", is_staff=True)
    client = Client()
    client.force_login(clerk)
    url = reverse("trace", args=[FOREIGN])

    assert client.get(url).status_code == 403
    clerk.groups.add(Group.objects.get(name="Operator"))
    kinds = {line["entry"].kind for line in client.get(url).context["lines"]}
    assert kinds == {line["entry"].kind for line in client.get(url).context["lines"]} != set()
    assert AuditEntry.objects.filter(trace_id=UUID(FOREIGN)).exists()
    assert not any("auditentry" in line["entry"].url for line in client.get(url).context["lines"])
    for nothing in (uuid4().hex, "17", "x" * 32):
        assert client.get(reverse("trace", args=[nothing])).status_code == 404
    assert client.post(url).status_code == 405
