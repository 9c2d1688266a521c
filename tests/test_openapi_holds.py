"""The API keeps what its description promises, whatever it is asked, by every kind of key.

schemathesis makes requests from the description, good and bad ones. No answer may be a 5xx that is not
described, none may have a status or a body that the description does not know. ``make test`` asks a fixed
choice of questions; ``make fuzz`` looks for new ones (``FUZZ_EXAMPLES`` of each kind).
"""

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
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
from hypothesis import HealthCheck, given, settings, strategies as st
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

from hall.models import Reserve, TableOrder
from loyalty.models import Customer, LoyaltyOperation, OperationKind, OperationState, Wallet, WalletKind
from loyalty.tests.played_loyalty import INFO, guest
from orders.api import prefer_wait
from orders.models.command import CommandKind, CommandState, OrderCommand
from orders.models.order import Order
from organizations.models.connection import ApiCall
from organizations.models.dictionaries import Courier
from organizations.provisioning import create_api_key
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
from webhooks.models.inbox import WebhookConfig, WebhookEvent

pytestmark = pytest.mark.long

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Of each kind for each operation; 0: the few of ``make test``, the same in every run."""

PARTS = 2
"""In how many tests the operations are asked, so that several workers share them."""

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
    rows = {
        "orders": Order,
        "commands": OrderCommand,
        "operations": LoyaltyOperation,
        "table-orders": TableOrder,
        "reserves": Reserve,
        "logs": ApiCall,
        "events": WebhookEvent,
        "configs": WebhookConfig,
    }
    ids = {
        part: [str(pk) for pk in model._default_manager.values_list("pk", flat=True)]
        for part, model in rows.items()
    }
    return ids | {
        "holds": [hold.transaction_id],
        "organization_id": [ORGANIZATION_ID],
        "wallet_id": ["wallet-1"],
    }


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


Operation = APIOperation[Any, Any, Any, Any]


@cache
def _description() -> Any:  # untyped, as its generator is
    schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]
    schema.app = _application
    return schema


@cache
def _asked_operations() -> list[Operation]:
    return [result.ok() for result in _description().get_all_operations() if isinstance(result, Ok)]


class Findings(dict[str, str]):
    """What went wrong, once for each operation and kind of failure, with the first request that shows it."""

    def __init__(self) -> None:
        super().__init__()
        self._checked: set[tuple[str, int, str, bytes]] = set()

    def check(self, case: Case[Any], response: Response, who: str = "") -> None:
        """Look at an answer, unless the operation has given the same before."""
        answer = (case.operation.label, response.status_code, repr(response.headers), response.content)
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
    return {} if key is None else authorized(create_api_key(name="fuzz", **key)[1])


def _name_known(case: Case[Any], known: dict[str, list[Any]], data: st.DataObject) -> None:
    """Let most requests be about something that is there."""
    part = next((part for part in known if f"/{part}/" in case.operation.path), None)
    for name in case.path_parameters or {}:
        if part and data.draw(st.integers(0, 4)):
            case.path_parameters[name] = data.draw(st.sampled_from(known[part]))
    for given_in in (case.query, case.body):
        if isinstance(given_in, dict) and "organization_id" in given_in and data.draw(st.booleans()):
            given_in["organization_id"] = ORGANIZATION_ID


@pytest.mark.parametrize("part", range(PARTS))
def test_answers_are_as_described(known: dict[str, list[Any]], part: int) -> None:
    """Every kind of key asks the same: to think of a request costs more than to answer it."""
    keys, findings = {who: _headers(key) for who, key in KEYS.items()}, Findings()
    for operation in _asked_operations()[part::PARTS]:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _ask(operation, mode, keys, known, findings)

    assert not findings, "\n".join(findings)


def _ask(
    operation: Operation,
    mode: GenerationMode,
    keys: dict[str, dict[str, str]],
    known: dict[str, list[Any]],
    findings: Findings,
) -> None:
    @settings(
        max_examples=EXAMPLES or 4,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode), data=st.data())
    def ask(case: Case[Any], data: st.DataObject) -> None:
        _name_known(case, known, data)
        for who, headers in keys.items():
            with transaction.atomic():  # each request meets the same hub
                findings.check(case, case.call(headers=headers), who)
                transaction.set_rollback(True)

    ask()


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
    part = next((part for part in known if f"/{part}/" in operation.path), "")
    path = re.sub(r"\{\w+\}", known[part][0] if part else "", operation.path)
    yield from ((path, more) for more in (*_odd_queries(operation), *_odd_bodies(operation)))
    if path != operation.path:
        for pk in ("0", "9" * 30, "%00", "%FF"):
            yield re.sub(r"\{\w+\}", pk, operation.path), {}


def test_odd_requests_are_answered_as_described(known: dict[str, list[Any]]) -> None:
    """NUL, numbers without end, deep JSON, unusual encodings: in every parameter, body and field."""
    headers, findings, client = _headers({}), Findings(), WerkzeugClient(_application)
    for operation in _asked_operations():
        for path, request in _odd_requests(operation, known):
            with transaction.atomic():
                answer = client.open(path, method=operation.method.upper(), headers=headers, **request)
                findings.check(operation.Case(), Response.from_any(answer))
                transaction.set_rollback(True)

    assert not findings, "\n".join(findings)
