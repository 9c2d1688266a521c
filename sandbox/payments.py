"""Reads the payments of a request and checks them as the till does."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sandbox.body import Body
from sandbox.order import Payment
from sandbox.rules import Refused
from sandbox.world import Organization

_KINDS = ("Cash", "Card", "LoyaltyCard", "External")
_SCOPES = ("Reserved", "Phone", "CardNumber", "CardTrack", "PaymentToken", "FindFaceId")


@dataclass(frozen=True, slots=True)
class AskedPayment:
    """A payment as the client wrote it; the till may not know its type."""

    kind: str
    type_id: UUID
    sum: Decimal
    is_external: bool
    is_fiscalized: bool = False


def read_payments(body: Body, name: str = "payments") -> list[AskedPayment]:
    return [_read(part) for part in body.parts(name)]


def _read(body: Body) -> AskedPayment:
    kind = body.choice("paymentTypeKind", _KINDS)
    _check_additional_data(kind, body)
    body.flag("isPrepay")
    return AskedPayment(
        kind=kind,
        type_id=body.id("paymentTypeId"),
        sum=body.number("sum"),
        is_external=body.flag("isProcessedExternally"),
        is_fiscalized=body.flag("isFiscalizedExternally"),
    )


def _check_additional_data(kind: str, body: Body) -> None:
    data = body.part_or_none("paymentAdditionalData")
    if data is None:
        return
    data.choice("type", ("Card", "External", "LoyaltyCard"))
    if kind == "LoyaltyCard":
        data.text("credential")
        data.choice("searchScope", _SCOPES)


def check_payments(asked: list[AskedPayment], organization: Organization) -> tuple[Payment, ...]:
    """Turn them into payments of the order.

    Raises:
        Refused: the till does not know the type, or does not take it like this.
    """
    return tuple(_check(each, organization) for each in asked)


def _check(asked: AskedPayment, organization: Organization) -> Payment:
    known = {each.id: each for each in organization.dictionaries.payment_types}
    kind = known.get(asked.type_id)
    if kind is None or kind.asked_as != asked.kind:
        raise Refused(
            f"Payment type {asked.type_id} of kind {asked.kind} is not found", "PaymentTypeNotFound"
        )
    if not asked.sum:
        raise Refused("Payment sum should be positive", "PaymentSumShouldBePositive")
    if asked.is_external and kind.processing not in {"External", "Both"}:
        raise Refused("PaymentType should be CanBeExternalProcessed", "PaymentTypeCanNotBeUsedAsExternal")
    return Payment(
        kind,
        asked.sum,
        is_settled=asked.is_external,
        is_processed_externally=asked.is_external,
        is_fiscalized_externally=asked.is_fiscalized,
    )
