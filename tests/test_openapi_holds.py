"""The API keeps what its description promises, whatever it is asked, by every kind of key.

schemathesis makes requests from the description, good and bad ones. No answer may be a 5xx that is not
described, none may have a status or a body that the description does not know. Walks go from answer to
answer by the links that schemathesis finds: a list, one of its rows, an act, its command. ``make test``
asks a fixed choice of questions; ``make fuzz`` looks for new ones: ``FUZZ_EXAMPLES`` of each kind, by
``FUZZ_SEED``. What it asks, and how far it is, ``tests.fuzz_report`` prints.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar, cast
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies as st
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.test import Client as WerkzeugClient

from attention import acts
from attention.models.items import AttentionItem
from loyalty.models import Customer, LoyaltyOperation, OperationKind, OperationState, Wallet, WalletKind
from loyalty.tests.played_loyalty import INFO, guest
from orders.api import prefer_wait
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order
from organizations.models.connection import ApiCall
from organizations.models.dictionaries import Courier
from organizations.provisioning import create_api_key
from outbound.feed.fan_out import next_positions
from outbound.models.deliveries import Delivery, DeliveryAttempt, DeliveryState
from outbound.models.events import EntityType, EventType, OutboundEvent
from outbound.models.subscriptions import Subscription
from outbound.sending.signing import new_secret
from tests.api_lists import API
from tests.attention_items import make_item
from tests.builders import (
    ORGANIZATION_ID,
    authorized,
    cloud_event,
    drain,
    make_organization,
    make_other_organization,
    make_terminal_group,
    post,
    reserve_event,
    shift_event,
    soi_message,
    stop_list_event,
    table_order_event,
)
from tests.simulated_iiko import SimulatedIiko, linked

pytestmark = pytest.mark.long

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Of each kind for each operation; 0: the few of ``make test``, the same in every run."""

SEED = os.environ.get("FUZZ_SEED", "0")
"""Of ``make fuzz``: the same seed asks the same questions of the same description."""

PARTS = 24 if EXAMPLES else 4
"""In how many tests the operations are asked, so that several workers share them."""
WALKERS = 2 if EXAMPLES else 1
"""In how many tests each kind of visitor walks; the walks are shared out."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KEYS: dict[str, dict[str, Any] | None] = {
    "no key": None,
    "a key that reads": {"rights": ()},
    "a key of one restaurant": {"organization_ids": [ORGANIZATION_ID]},
    "a full key": {},
}


_DJANGO = get_wsgi_application()
_AROUND_REQUESTS = (request_started, request_finished)


def _application(environ: Any, start_response: Any) -> Any:
    """Django's handler, which here must not close the connection: it holds the test's transaction."""
    for signal in _AROUND_REQUESTS:
        signal.disconnect(close_old_connections)
    return _DJANGO(environ, start_response)


@pytest.fixture
def _closing_again() -> Iterator[None]:
    yield
    for signal in _AROUND_REQUESTS:
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Write no line for each refusal: that costs more than the refusal."""
    logger = logging.getLogger("django.request")
    before, logger.level = logger.level, logging.ERROR
    yield
    logger.setLevel(before)


@pytest.fixture
def known(
    db: None, _closing_again: None, iiko: SimulatedIiko, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[Any]]:
    """Make a hub with rows of every kind, full and bare; returns what paths and bodies may name."""
    monkeypatch.setattr(prefer_wait, "LONGEST_WAIT_S", 0.0)
    iiko.answers(INFO, guest())
    iiko.answers("webhooks/settings", {"apiLoginName": "hub", "webHooksUri": "https://other.example/"})
    organization = linked(make_organization())
    make_other_organization(token=None)
    make_terminal_group(organization)
    _receive()
    order, now = Order.objects.order_by("pk")[0], timezone.now()
    Courier.objects.create(organization=organization, iiko_id=str(uuid4()), name="Вера")
    for kind in CommandKind:
        for state in CommandState:
            error = {"error_code": "X", "error": ""} if state == CommandState.REJECTED else {}
            OrderCommand.objects.create(
                order=order, kind=kind, state=state, requested_by="x", created_at=now, **error
            )
    customer = Customer.objects.create(organization=organization, iiko_id="guest", read_at=now)
    for kind in [*WalletKind, None, 77]:
        Wallet.objects.create(customer=customer, iiko_id=f"wallet-{kind}", kind=kind, read_at=now)
    hold = _operations(customer)
    for failed, body in (("", {"a": 1}), ("IikoRejected", None)):
        ApiCall.objects.create(
            organization_id=organization.iiko_id,
            operation="x",
            url="x",
            started_at=now,
            duration_ms=1,
            request=body,
            response=body,
            error=failed,
        )
    _attention(order, now)
    _outbound(order, now)
    named = {"organization_id": [ORGANIZATION_ID], "wallet_id": ["wallet-1"], "customer_id": ["guest"]}
    holds = {f"{API}loyalty/holds/{{transaction_id}}/cancel": [hold.transaction_id]}
    return _ids_by_path() | holds | named


def _ids_by_path() -> dict[str, list[Any]]:
    """Find the rows of each view with a number in its address: new routes come by themselves."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    generator._initialise_endpoints()  # type: ignore[no-untyped-call]
    found = {}
    for path, _regex, _method, view in generator._get_paths_and_endpoints():  # type: ignore[no-untyped-call]
        model = getattr(getattr(view, "queryset", None), "model", None)
        if "{" in path and model is not None:
            found[path.rstrip("/")] = [str(pk) for pk in model._default_manager.values_list("pk", flat=True)]
    return found


def _attention(order: Order, now: datetime) -> None:
    """Items that are new, somebody's, resolved, snoozed and over."""
    olga = acts.Actor("olga", None)
    make_item(order.organization, order=order)
    taken, resolved, snoozed, over = (make_item(order.organization, order=order) for _ in range(4))
    acts.take(taken.pk, by=olga, now=now)
    acts.resolve(resolved.pk, by=olga, now=now)
    acts.snooze(snoozed.pk, by=olga, now=now, until=now + timedelta(hours=1))
    AttentionItem.objects.filter(pk=over.pk).update(ended_at=now)


def _outbound(order: Order, now: datetime) -> None:
    """Deliveries in every state, to an address that nothing is sent to."""
    subscription = Subscription.objects.create(
        name="Shop", url="https://127.0.0.1:9/hook", secret=new_secret()
    )
    subscription.organizations.add(order.organization)
    about = {"entity_type": EntityType.ORDER, "entity_id": str(order.pk), "row_id": order.pk}
    for position, state in zip(next_positions(len(DeliveryState)), DeliveryState, strict=True):
        event = OutboundEvent.objects.create(
            organization=order.organization,
            event_type=EventType.ORDER_UPDATED,
            occurred_at=now,
            position=position,
            **about,
        )
        delivery = Delivery.objects.create(
            subscription=subscription,
            event=event,
            event_type=event.event_type,
            organization=order.organization,
            entity=f"order/{order.pk}",
            position=position,
            state=state,
            created_at=now,
        )
        DeliveryAttempt.objects.create(delivery=delivery, began_at=now, duration_ms=1, error="no_answer")


def _receive() -> None:
    client = Client()
    bare = cloud_event(order_id=str(uuid4()), external_number=None, order=None, creation_status="Error")
    dead = cloud_event(order_id=str(uuid4()), event_type="SomethingNew")
    bodies: list[Any] = [
        [cloud_event(), table_order_event(), reserve_event(), shift_event(), stop_list_event()],
        [bare, dead, reserve_event(order_id=str(uuid4()), reserve=None)],
        [cloud_event(order_id=str(uuid4()), status="Strange", items=[], customer=None, phone=None)],
        soi_message(),
        "not JSON",
    ]
    for body in bodies:
        post(client, body)
    drain()


def _operations(customer: Customer) -> LoyaltyOperation:
    """One operation of each kind and state; returns a hold that can be released."""
    wallet, now = customer.wallets.get(kind=WalletKind.BONUS), timezone.now()
    facts = {"organization": customer.organization, "wallet": wallet, "amount_minor": 100, "created_at": now}
    hold = LoyaltyOperation.objects.create(
        kind=OperationKind.HOLD,
        state=OperationState.CONFIRMED,
        marker="hold",
        transaction_id=str(uuid4()),
        **facts,
    )
    for kind in OperationKind:
        for state in OperationState:
            LoyaltyOperation.objects.create(
                kind=kind,
                state=state,
                marker=f"{kind}-{state}",
                hold=hold if kind == OperationKind.CANCEL_HOLD else None,
                error_code="X" if state == OperationState.REJECTED else "",
                **facts,
            )
    return hold


T = TypeVar("T")
Operation = APIOperation[Any, Any, Any, Any]


@cache
def _document() -> dict[str, Any]:
    """Describe the API once for each process: that takes seconds."""
    document: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document


@cache
def _description() -> Any:  # untyped, as its generator is
    return _linked_description()


@cache
def _asked_operations() -> list[Operation]:
    return [result.ok() for result in _description().get_all_operations() if isinstance(result, Ok)]


def _linked_description() -> Any:  # untyped, as its generator is
    """Return one of its own: the links that schemathesis finds are written into it."""
    schema = schemathesis.openapi.from_dict(deepcopy(_document()))
    schema.app = _application
    return schema


def _seeded(what: T, name: str) -> T:
    """Give a search of ``make fuzz`` its own seed, whatever else is searched in the same process."""
    if EXAMPLES:
        seed(f"{SEED} {name}")(what)  # type: ignore[type-var]  # a state machine takes one, too
    return what


def _settings(examples: int, **more: Any) -> settings:
    """Choose by the seed in ``make fuzz``, and always the same in ``make test``."""
    return settings(
        max_examples=examples,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )


_OF_ONE_ANSWER = {"x-request-id"}
"""Headers that differ from answer to answer, else no two answers are alike."""


class Findings(dict[str, str]):
    """What went wrong, once for each operation and kind of failure, with the first request that shows it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self._checked: set[tuple[str, int, str, bytes]] = set()

    def check(self, case: Case[Any], response: Response, who: str = "") -> None:
        """Look at an answer, unless the operation has given the same before.

        Without the id that an address ends with it is the address of another operation.
        """
        self.asked += 1
        if "" in (case.path_parameters or {}).values():
            return
        headers = repr(
            {name: value for name, value in response.headers.items() if name not in _OF_ONE_ANSWER}
        )
        answer = (case.operation.label, response.status_code, headers, response.content)
        if answer in self._checked:
            return
        self._checked.add(answer)
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                told = f"{case.operation.label} {response.status_code}: {failure}"
                self.setdefault(told.splitlines()[0], f"{who}: {failure}\n{group}")


def _headers(key: dict[str, Any] | None) -> dict[str, str]:
    if key is None:
        return {}
    row, text = create_api_key(name="fuzz", **key)
    # A key sees what it made itself.
    Subscription.objects.update(api_key=row)
    return authorized(text)


def _name_known(case: Case[Any], known: dict[str, list[Any]], data: st.DataObject) -> None:
    """Let most requests be about something that is there."""
    for name in case.path_parameters or {}:
        if (ids := known.get(case.operation.path)) and data.draw(st.integers(0, 4)):
            case.path_parameters[name] = data.draw(st.sampled_from(ids))
    for given_in in (case.query, case.body):
        for name in sorted(set(given_in) & set(known)) if isinstance(given_in, dict) else ():
            if data.draw(st.booleans()):
                cast("dict[str, Any]", given_in)[name] = data.draw(st.sampled_from(known[name]))


def test_every_address_has_rows(known: dict[str, list[Any]]) -> None:
    """Else all that is asked of a new one is answered 404; ``known`` makes its rows."""
    paths = {one.path for one in _asked_operations() if "{" in one.path}

    assert [path for path in sorted(paths) if not known.get(path)] == []


Report = Callable[[str, object], None]


def _tell(report: Report, findings: Findings, operations: Iterable[str], kind: str) -> None:
    """Note what was asked for ``tests.fuzz_report``."""
    report("fuzz", {"kind": kind, "requests": findings.asked, "operations": sorted(operations)})
    report("fuzz_failures", list(findings))


@pytest.mark.parametrize("part", range(PARTS))
def test_answers_are_as_described(known: dict[str, list[Any]], part: int, record_property: Report) -> None:
    """Every kind of key asks the same; in ``make fuzz`` the full one, and one of the four by chance."""
    keys, findings = {who: _headers(key) for who, key in KEYS.items()}, Findings()
    operations = _asked_operations()[part::PARTS]
    for operation in operations:
        for mode in _modes(operation):
            _ask(operation, mode, keys, known, findings)

    _tell(record_property, findings, (one.label for one in operations), "examples")
    assert not findings, "\n".join(findings)


def _modes(operation: Operation) -> tuple[GenerationMode, ...]:
    raw = operation.definition.raw
    # What takes nothing cannot be asked wrongly.
    takes_something = raw.get("parameters") or raw.get("requestBody")
    return (GenerationMode.POSITIVE, *((GenerationMode.NEGATIVE,) if takes_something else ()))


def _ask(
    operation: Operation,
    mode: GenerationMode,
    keys: dict[str, dict[str, str]],
    known: dict[str, list[Any]],
    findings: Findings,
) -> None:
    @_settings(EXAMPLES or 4)
    @given(case=operation.as_strategy(mode), data=st.data())
    def ask(case: Case[Any], data: st.DataObject) -> None:
        _name_known(case, known, data)
        for who in keys if not EXAMPLES else ("a full key", data.draw(st.sampled_from(list(keys)))):
            with transaction.atomic():  # each request meets the same hub
                findings.check(case, case.call(headers=keys[who]), who)
                transaction.set_rollback(True)

    _seeded(ask, f"{operation.label} {mode.value}")()


_NUL, _DEEP, _HUGE = "a\0b", "[" * 100_000 + "]" * 100_000, "9" * 5000
ODD_TEXTS: list[str | bytes] = [_NUL, b"\xff\xfe", b"\xed\xa0\x80"]  # no UTF-8, a lone surrogate
ODD_NUMBERS = [_HUGE, "1e400", "NaN", "\u0661"]
ODD_MOMENTS = [
    "2026-03-14T12:00:00+18:52",
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
]
ODD_BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "application/json"),
    "deep": (_DEEP.encode(), "application/json"),
    "huge number": (b'{"amount": %s, "order_id": %s}' % (_HUGE.encode(), _HUGE.encode()), "application/json"),
    "exponent": (b'{"amount": 1e999999999, "discount_percent": 1e400}', "application/json"),
    "not UTF-8": (b'{"comment": "\xff"}', "application/json"),
    "lone surrogate": (b'{"comment": "\\ud83d"}', "application/json"),
    "UTF-16": ('{"comment": "x"}'.encode("utf-16"), "application/json; charset=utf-16"),
    "no such charset": (b"{}", "application/json; charset=nothing"),
    "no text": (b"{}", "application/json; charset=zlib"),
    "another type": (b"<a/>", "application/xml"),
    "no type": (b"{}", ""),
    "broken parts": (b"--x", "multipart/form-data; boundary=x"),
    "parts without boundary": (b"--x", "multipart/form-data"),
    **{
        text: (text.encode(), "application/json")
        for text in ("null", "1", '"x"', "[]", "[null]", "{", "[[]]")
    },
}


ODD_HEADERS: dict[str, list[str]] = {
    "Prefer": ["wait", "wait=-1", "wait=1e9", f"wait={_HUGE}", 'wait="0"', "wait=0, wait=0", "\xff"],
    "Idempotency-Key": ["x" * 10_000, "a b", "\x7f", "\xff"],
    "Accept": ["text/html", "text/csv", "*/*;q=0", "application/json; version=9", ";;", "\xff", "a/b/c"],
    "Accept-Language": ["zz", "ru;q=x", "\xff", "x" * 10_000],
}


def _fields_of(operation: Operation) -> list[str]:
    body: Any = next(iter(operation.definition.raw.get("requestBody", {}).get("content", {}).values()), {})
    name = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return list(_description().raw_schema["components"]["schemas"].get(name, {}).get("properties", {}))


def _odd_queries(operation: Operation) -> Iterator[dict[str, Any]]:
    for one in operation.definition.raw.get("parameters", []):
        if one["in"] != "query":
            continue
        kind = one["schema"].get("format") or one["schema"]["type"]
        odd: list[Any] = {"date-time": ODD_MOMENTS, "integer": ODD_NUMBERS, "number": ODD_NUMBERS}.get(
            kind, []
        )
        yield from ({"query_string": urlencode({one["name"]: value})} for value in ODD_TEXTS + odd)
        yield {"query_string": urlencode([(one["name"], "1"), (one["name"], "2")])}


def _odd_headers(operation: Operation) -> Iterator[dict[str, Any]]:
    declared = {
        one["name"] for one in operation.definition.raw.get("parameters", []) if one["in"] == "header"
    }
    for name in [*sorted(declared & ODD_HEADERS.keys()), "Accept", "Accept-Language"]:
        yield from ({"headers": {name: value}} for value in ODD_HEADERS[name])


def _odd_bodies(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.method == "get":
        return
    yield from ({"data": data, "content_type": kind} for data, kind in ODD_BODIES.values())
    fields = _fields_of(operation)
    for odd in (_NUL, "x" * 100_000, None, [], {}, 10**400, True, [[1]], {"a": {"b": 1}}):
        for names in ([name] for name in [*fields, "nothing"]):
            yield {"data": json.dumps(dict.fromkeys(names, odd)), "content_type": "application/json"}
        yield {"data": json.dumps(dict.fromkeys(fields, odd)), "content_type": "application/json"}


def _odd_requests(operation: Operation, known: dict[str, list[Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    path = re.sub(r"\{\w+\}", known.get(operation.path, [""])[0], operation.path)
    odd = (*_odd_queries(operation), *_odd_bodies(operation), *_odd_headers(operation))
    yield from ((path, more) for more in odd)
    if path != operation.path:
        for pk in ("0", "9" * 30, "%00", "%FF"):
            yield re.sub(r"\{\w+\}", pk, operation.path), {}


VISITORS = ("a full key", "a key of one restaurant")
STEPS = 8


@pytest.mark.parametrize("walker", range(WALKERS))
@pytest.mark.parametrize("who", VISITORS)
def test_what_an_answer_leads_to_is_answered_as_described(
    known: dict[str, list[Any]], who: str, walker: int, record_property: Report
) -> None:
    """Walks that begin with a list: read one, act, follow the command, list again; ids come from answers."""
    headers, findings, followed = _headers(KEYS[who]), Findings(), set[str]()

    machine = _linked_description().as_state_machine()
    elsewhere = {rule: None for rule in machine.root_rules if "_GET_" not in rule}

    class Walk(type("Walks", (machine,), elsewhere)):  # type: ignore[misc]  # a class made at run time
        def setup(self) -> None:
            self.hub = transaction.atomic()  # each walk meets the same hub
            self.hub.__enter__()

        def teardown(self) -> None:
            transaction.set_rollback(True)
            self.hub.__exit__(None, None, None)

        def step(self, asked: Any) -> Any:
            if asked.transition is None and asked.case.method == "GET":
                asked.case.query = {}  # filters by chance leave no row to go on from
            output = super().step(asked)
            if asked.transition is not None and output.response.status_code < 300:
                followed.add(output.case.operation.label)
            return output

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"headers": headers}

        def validate_response(self, response: Response, case: Case[Any], **_: Any) -> None:
            findings.check(case, response, who)

    _seeded(Walk, f"walk {who} {walker}")
    walks = -(-EXAMPLES // WALKERS) or 15
    Walk.run(settings=_settings(walks, stateful_step_count=STEPS, phases=[Phase.generate]))

    _tell(record_property, findings, followed, "walks")
    assert not findings, "\n".join(findings)
    # A few walks get somewhere, and by chance not to each place.
    far = {f"GET {API}orders/{{id}}", f"GET {API}commands/{{id}}"} if walks >= 100 else set()
    assert far <= followed
    assert len(followed) >= (5 if walks >= 15 else 0)


def test_odd_requests_are_answered_as_described(known: dict[str, list[Any]], record_property: Report) -> None:
    """NUL, numbers without end, deep JSON, unusual encodings: in every parameter, body and field."""
    headers, findings, client = _headers({}), Findings(), WerkzeugClient(_application)
    for operation in _asked_operations():
        for path, request in _odd_requests(operation, known):
            with transaction.atomic():
                request["headers"] = headers | request.get("headers", {})
                answer = client.open(path, method=operation.method.upper(), **request)
                case = operation.Case(
                    path_parameters=dict.fromkeys(re.findall(r"{(\w+)}", operation.path), "1")
                )
                findings.check(case, Response.from_any(answer))
                transaction.set_rollback(True)

    _tell(record_property, findings, (one.label for one in _asked_operations()), "odd requests")
    assert not findings, "\n".join(findings)
