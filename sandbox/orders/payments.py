"""Reads the payments of a request and checks them as the till does."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sandbox.catalogue.world import Organization
from sandbox.http.request import Body
from sandbox.orders.order import Payment
from sandbox.orders.rules import Refused

_KINDS = ("Cash", "Card", "LoyaltyCard", "External")
_KINDS_OF_TIPS = ("Cash", "Card", "External")
_SCOPES = ("Reserved", "Phone", "CardNumber", "CardTrack", "PaymentToken", "FindFaceId")


@dataclass(frozen=True, slots=True)
class RequestedPayment:
    """A payment as the client wrote it; the till may not know its type."""

    kind: str
    type_id: UUID
    sum: Decimal
    is_external: bool
    is_fiscalized: bool
    is_prepay: bool
    tips_type_id: UUID | None


def read_payments(body: Body, name: str = "payments") -> list[RequestedPayment]:
    return [_read(part, _KINDS) for part in body.parts(name)]


def read_tips(body: Body) -> list[RequestedPayment]:
    return [_read(part, _KINDS_OF_TIPS) for part in body.parts_or_none("tips")]


def _read(body: Body, kinds: tuple[str, ...]) -> RequestedPayment:
    kind = body.choice("paymentTypeKind", kinds)
    _check_additional_data(kind, body)
    body.text_or_none("number")
    body.must_not_be_null("tipsTypeId")
    return RequestedPayment(
        kind=kind,
        type_id=body.id("paymentTypeId"),
        sum=body.number("sum"),
        is_external=body.flag("isProcessedExternally"),
        is_fiscalized=body.flag("isFiscalizedExternally"),
        is_prepay=body.flag("isPrepay"),
        tips_type_id=body.id_or_none("tipsTypeId"),
    )


def _check_additional_data(kind: str, body: Body) -> None:
    data = body.part_or_none("paymentAdditionalData")
    if data is None:
        return
    named = data.choice("type", ("Card", "External", "LoyaltyCard"))
    if "LoyaltyCard" in {kind, named}:
        data.text("credential")
        data.choice("searchScope", _SCOPES)
    elif named == "External":
        data.text("customData")
    else:
        for name in ("number", "customData", "cardType"):
            data.text_or_none(name)


def check_payments(requested: list[RequestedPayment], organization: Organization) -> tuple[Payment, ...]:
    """Turn them into payments of the order.

    Raises:
        Refused: the till does not know the type, or does not take it like this.
    """
    return tuple(_check(each, organization) for each in requested)


def _check(requested: RequestedPayment, organization: Organization) -> Payment:
    known = {each.id: each for each in organization.dictionaries.payment_types}
    kind = known.get(requested.type_id)
    if kind is None or kind.asked_as != requested.kind:
        raise Refused(
            f"Payment type {requested.type_id} of kind {requested.kind} is not found", "PaymentTypeNotFound"
        )
    if not requested.sum:
        raise Refused("Payment sum should be positive", "PaymentSumShouldBePositive")
    if requested.is_external and kind.processing not in {"External", "Both"}:
        raise Refused("PaymentType should be CanBeExternalProcessed", "PaymentTypeCanNotBeUsedAsExternal")
    tips_types = organization.dictionaries.tips_types
    tips_type = next((each for each in tips_types if each.id == requested.tips_type_id), None)
    if tips_type is None and requested.tips_type_id:
        raise Refused(f"Tips type {requested.tips_type_id} is not found", "TipsTypeNotApplicable")
    return Payment(
        kind,
        requested.sum,
        is_settled=requested.is_external,
        is_processed_externally=requested.is_external,
        is_fiscalized_externally=requested.is_fiscalized,
        is_prepay=requested.is_prepay,
        tips_type=tips_type,
    )
