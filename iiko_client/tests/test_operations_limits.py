"""What the client refuses to send, and how it reads odd or incomplete answers."""

import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from iiko_client.client import IikoClient
from iiko_client.endpoints.commands import failure_text
from iiko_client.http.errors import (
    IikoRejected,
    IikoRequestInvalid,
    IikoRevisionTooOld,
    IikoTooMuchData,
    IikoUnreadable,
)
from iiko_client.models.commands import VendorCommandState
from iiko_client.models.loyalty import Points
from iiko_client.models.payments import Payment, PaymentKind
from iiko_client.models.statuses import DeliveryStatus
from iiko_client.models.webhook_settings import WebhookFilter
from iiko_client.tests.harness import CORRELATION, NOON, ORDER, ORG, QUEUED, Play, Stub, error_body, to_order
from iiko_client.units import MinorUnits

TOO_MUCH = [Payment(PaymentKind.CASH, ORG, MinorUnits(10**12 + 1))]


def by_id(**which: Any) -> Play:
    return lambda client: client.orders_by_id(organization_id=ORG, **which)


def top_up(amount: str) -> Play:
    return lambda client: client.top_up(
        organization_id=ORG, customer_id=ORDER, wallet_id=ORDER, amount=Points(Decimal(amount)), comment=""
    )


REFUSED: dict[str, tuple[Play, str]] = {
    "not a UUID": (
        lambda client: client.confirm(organization_id=ORG, order_id="77"),
        "orderId: '77' is not an id",
    ),
    "201 ids": (by_id(order_ids=[ORDER] * 201), "orderIds: 201 ids, at most 200"),
    "no ids": (by_id(order_ids=[]), "orderIds is empty"),
    "no organization": (lambda client: client.couriers(organization_ids=[]), "organizationIds is empty"),
    "status of cooking": (
        to_order("update_delivery_status", status=DeliveryStatus.COOKING_STARTED, zone=UTC),
        "deliveryStatus: CookingStarted is not one of",
    ),
    "removal comment": (to_order("cancel", removal_comment="я" * 256), "removalComment: 256 characters"),
    "comment": (to_order("cancel", comment="я" * 256), "cancelComment: 256 characters"),
    "sum": (to_order("change_payments", payments=TOO_MUCH), "sum: 10000000000.01 is not between"),
    "nothing to add": (top_up("0"), "sum must be above zero"),
    "less than nothing": (top_up("-1"), "sum must be above zero"),
    "no number": (top_up("NaN"), "sum must be above zero"),
    "order without id": (
        lambda client: client.create_delivery(organization_id=ORG, order={"phone": "+70000000000"}),
        "order.id: '' is not an id",
    ),
    "guest in two ways": (
        lambda client: client.guest(organization_id=ORG, phone="+7", email="a@example.org"),
        "in exactly one way",
    ),
    "guest in no way": (lambda client: client.guest(organization_id=ORG, phone=""), "in exactly one way"),
    "webhook address": (
        lambda client: client.update_webhook_settings(organization_id=ORG, uri="hub", auth_token=None),
        "must be an http",
    ),
    "window": (
        lambda client: client.orders_by_date(
            organization_ids=[ORG], since=NOON, until=datetime(2026, 11, 22, tzinfo=UTC), zone=UTC
        ),
        "ends before it begins",
    ),
    "negative revision": (
        lambda client: client.orders_by_revision(organization_ids=[ORG], after_revision=-1),
        "startRevision: -1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_request_beyond_a_limit_is_not_sent(name: str, iiko: Stub, client: IikoClient) -> None:
    call, problem = REFUSED[name]

    with pytest.raises(IikoRequestInvalid, match=problem) as refused:
        call(client)

    assert isinstance(refused.value, ValueError)
    assert len(iiko.mock.calls) == 0


def test_time_without_a_zone_is_not_sent(iiko: Stub, client: IikoClient) -> None:
    with pytest.raises(ValueError, match="has no zone"):
        client.close(organization_id=ORG, order_id=ORDER, zone=UTC, delivered_at=NOON.replace(tzinfo=None))

    assert len(iiko.mock.calls) == 0


@pytest.mark.parametrize(
    ("name", "call", "answer"),
    [
        ("deliveries/close", to_order("close", zone=UTC), {}),
        ("deliveries/close", to_order("close", zone=UTC), {"correlationId": None}),
        ("employees/couriers", lambda c: c.couriers(organization_ids=[ORG]), QUEUED),
        ("employees/couriers", lambda c: c.couriers(organization_ids=[ORG]), {"employees": None}),
        ("deliveries/by_id", by_id(order_ids=[ORDER]), {"orders": {}}),
        (
            "deliveries/by_revision",
            lambda c: c.orders_by_revision(organization_ids=[ORG], after_revision=1),
            {"ordersByOrganizations": []},
        ),
        (
            "commands/status",
            lambda c: c.command_status(organization_id=ORG, correlation_id=CORRELATION),
            {"state": None},
        ),
        ("webhooks/settings", lambda c: c.webhook_settings(organization_id=ORG), QUEUED),
        ("loyalty/iiko/customer/info", lambda c: c.guest(organization_id=ORG, id=ORDER), {"id": None}),
    ],
)
def test_answer_without_an_essential_is_unreadable(
    name: str, call: Play, answer: Any, iiko: Stub, client: IikoClient
) -> None:
    iiko.answers(name, answer)

    with pytest.raises(IikoUnreadable) as unreadable:
        call(client)

    assert unreadable.value.operation == name
    assert unreadable.value.http_status == 200


def test_member_without_an_id_is_left_out_and_logged_without_its_content(
    iiko: Stub, client: IikoClient, caplog: pytest.LogCaptureFixture
) -> None:
    people = [{"displayName": "Секретов"}, {"id": ORDER, "isDeleted": "Секретов"}, None, "Секретов"]
    iiko.answers("employees/couriers", {"employees": [{"organizationId": ORG, "items": people}]})

    with caplog.at_level(logging.WARNING):
        couriers = client.couriers(organization_ids=[ORG])

    assert [(courier.id, courier.is_deleted) for courier in couriers] == [(ORDER, False)]
    [record] = caplog.records
    assert record.getMessage() == "iiko.answer_partly_unreadable"
    assert "Секретов" not in str(record.__dict__)


@pytest.mark.parametrize(
    ("exception", "words"),
    [
        (None, None),
        ("Payment of order #7 failed. Reason: PaymentSumNotEnough",) * 2,
        ({"message": "Can not update order"}, "Can not update order"),
        ({"Message": "Другое имя"}, "Другое имя"),
        ({"type": "X", "line": 7}, "type: X, line: 7"),
        (["a", 1], "['a', 1]"),
        ("я" * 600, "я" * 499 + "…"),
    ],
)
def test_failure_text_of_every_shape(exception: Any, words: str | None) -> None:
    assert failure_text(exception) == words


@pytest.mark.parametrize(
    ("answer", "state", "message", "is_final"),
    [
        ({"state": "Success"}, VendorCommandState.SUCCESS, None, True),
        ({"state": "InProgress"}, VendorCommandState.IN_PROGRESS, None, False),
        (
            {"state": "Error", "exception": {"message": "no"}, "errorReason": "r"},
            VendorCommandState.ERROR,
            "no",
            True,
        ),
        (
            {"state": "Error", "exception": None, "errorReason": "reason"},
            VendorCommandState.ERROR,
            "reason",
            True,
        ),
        ({"state": "Frozen"}, VendorCommandState.UNKNOWN, None, False),
    ],
)
def test_command_status(
    answer: Any,
    state: VendorCommandState,
    message: str | None,
    is_final: bool,
    iiko: Stub,
    client: IikoClient,
) -> None:
    iiko.answers("commands/status", answer)

    status = client.command_status(organization_id=ORG, correlation_id=CORRELATION)

    assert (status.state, status.message, status.is_final) == (state, message, is_final)
    assert status.raw_state == answer["state"]


def test_forgotten_command_is_a_state_and_not_asked_again(iiko: Stub, client: IikoClient) -> None:
    iiko.answers("commands/status", error_body("no longer supported"), status=410)

    status = client.command_status(organization_id=ORG, correlation_id=CORRELATION)

    assert status.state is VendorCommandState.FORGOTTEN
    assert status.is_final
    assert len(iiko.sent("commands/status")) == 1


def test_other_refusals_of_a_command_status_are_errors(iiko: Stub, client: IikoClient) -> None:
    iiko.answers("commands/status", error_body("bad"), status=400)

    with pytest.raises(IikoRejected, match="bad"):
        client.command_status(organization_id=ORG, correlation_id=CORRELATION)


@pytest.mark.parametrize("code", ["Validation_IncorrectPhone", "Transport_WrongCustomerNumber"])
@pytest.mark.parametrize("shape", ["errorDescription", "message"])
def test_no_such_guest_is_none(code: str, shape: str, iiko: Stub, client: IikoClient) -> None:
    body = error_body("no", code) if shape == "errorDescription" else {"code": code, "message": "no"}
    iiko.answers("loyalty/iiko/customer/info", body, status=400)

    for _ in range(20):  # and it is no misbehaviour, so no circuit opens
        assert client.guest(organization_id=ORG, phone="+70000000000") is None


def test_other_refusals_of_a_guest_are_errors(iiko: Stub, client: IikoClient) -> None:
    iiko.answers("loyalty/iiko/customer/info", error_body("no loyalty here", "X"), status=400)

    with pytest.raises(IikoRejected, match="no loyalty here"):
        client.guest(organization_id=ORG, phone="+70000000000")


def test_revision_too_old(iiko: Stub, client: IikoClient) -> None:
    body = error_body("Passed revision is too old", "TOO_OLD_REVISION")
    iiko.answers("deliveries/by_revision", body, status=400)

    with pytest.raises(IikoRevisionTooOld):
        client.orders_by_revision(organization_ids=[ORG], after_revision=1)


@pytest.mark.parametrize(
    "body", [error_body("Too many", "TOO_MANY_DATA_REQUESTED"), "Unprocessable", error_body("Too many")]
)
def test_too_much_data(body: Any, iiko: Stub, client: IikoClient) -> None:
    iiko.answers("deliveries/by_delivery_date_and_status", body, status=422)

    with pytest.raises(IikoTooMuchData):
        client.orders_by_date(organization_ids=[ORG], since=NOON, until=None, zone=UTC)


def test_wallet_answer_may_be_empty(iiko: Stub, client: IikoClient) -> None:
    iiko.answers("loyalty/iiko/customer/wallet/topup", "")

    top_up("10")(client)

    assert len(iiko.sent("loyalty/iiko/customer/wallet/topup")) == 1


def test_orders_of_a_group_without_organization_are_kept(iiko: Stub, client: IikoClient) -> None:
    groups = [
        {"orders": [{"id": ORDER, "organizationId": ORG}]},
        {"organizationId": ORG, "orders": [{"id": 2}]},
    ]
    iiko.answers("deliveries/by_revision", {"maxRevision": 9, "ordersByOrganizations": groups})

    page = client.orders_by_revision(organization_ids=[ORG], after_revision=1)

    assert len(page) == 2
    assert page.orders == {ORG: ({"id": ORDER, "organizationId": ORG}, {"id": 2})}


def test_orders_keep_their_numbers_exact(iiko: Stub, client: IikoClient) -> None:
    iiko.answers("deliveries/by_id", '{"orders":[{"id":"x","order":{"sum":19.990}}]}')

    [order] = client.orders_by_id(organization_id=ORG, order_ids=[ORDER]).orders

    assert str(order["order"]["sum"]) == "19.990"


def test_filter_equals_settings_whatever_the_order_of_lists() -> None:
    asked = WebhookFilter().wire()
    theirs = asked | {"deliveryOrderFilter": asked["deliveryOrderFilter"] | {"added": 1}}
    theirs["deliveryOrderFilter"]["orderStatuses"] = theirs["deliveryOrderFilter"]["orderStatuses"][::-1]
    theirs["deliveryOrderFilter"]["returnedExternalDataKeys"] = None

    assert WebhookFilter().equals(theirs)
    assert not WebhookFilter().equals(None)
    assert not WebhookFilter().equals(theirs | {"reserveFilter": None})
    assert not WebhookFilter().equals(theirs | {"tableOrderFilter": {"orderStatuses": "New"}})
    assert not WebhookFilter(order_statuses=("Closed",)).equals(theirs)


def test_repr_of_a_guest_has_no_personal_data(iiko: Stub, client: IikoClient) -> None:
    person = {"id": ORDER, "name": "Анна", "phone": "+70001112233", "email": "anna@example.org"}
    iiko.answers("loyalty/iiko/customer/info", person | {"cards": [{"number": "0007", "track": "0008"}]})

    shown = repr(client.guest(organization_id=ORG, id=ORDER))

    assert not {text for text in ("Анна", "+7000", "anna@", "0007", "0008") if text in shown}
