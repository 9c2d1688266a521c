"""The payments of a request, and how the POS checks them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from sandbox.catalogue.world import Organization
from sandbox.http.request import NOT_NULL, Amount, Choice, Request, Variants
from sandbox.orders.order import Payment
from sandbox.orders.rules import Refused

_SCOPES = ("Reserved", "Phone", "CardNumber", "CardTrack", "PaymentToken", "FindFaceId")


class CardData(Request):
    number: str | None = None
    custom_data: str | None = None
    card_type: str | None = None


class ExternalData(Request):
    custom_data: str


class LoyaltyCardData(Request):
    type: Annotated[str, Choice(("Card", "External", "LoyaltyCard"))]
    credential: str
    search_scope: Annotated[str, Choice(_SCOPES)]


_DATA = Variants({"Card": CardData, "External": ExternalData, "LoyaltyCard": LoyaltyCardData})


class RequestedPayment(Request):
    """A payment as the client wrote it; the POS may not know its type."""

    payment_type_kind: str
    payment_type_id: UUID
    sum: Amount
    is_processed_externally: bool = False
    is_fiscalized_externally: bool = False
    is_prepay: bool = False
    number: str | None = None
    tips_type_id: Annotated[UUID, NOT_NULL] | None = None
    payment_additional_data: Annotated[CardData | ExternalData | LoyaltyCardData, _DATA] | None = None


class LoyaltyPayment(RequestedPayment):
    payment_additional_data: LoyaltyCardData | None = None


_TIPS_KINDS: dict[str, type] = dict.fromkeys(("Cash", "Card", "External"), RequestedPayment)
_KINDS = {
    "Cash": RequestedPayment,
    "Card": RequestedPayment,
    "LoyaltyCard": LoyaltyPayment,
    "External": RequestedPayment,
}
AnyPayment = Annotated[RequestedPayment, Variants(_KINDS, tag="paymentTypeKind")]
Tips = Annotated[RequestedPayment, Variants(_TIPS_KINDS, tag="paymentTypeKind")]


def check_payments(
    requested: list[RequestedPayment] | None, organization: Organization
) -> tuple[Payment, ...]:
    """Turn them into payments of the order.

    Raises:
        Refused: the POS does not know the type, or refuses the payment.
    """
    return tuple(_check(each, organization) for each in requested or ())


def _check(requested: RequestedPayment, organization: Organization) -> Payment:
    known = {each.id: each for each in organization.dictionaries.payment_types}
    kind, is_external = known.get(requested.payment_type_id), requested.is_processed_externally
    if kind is None or kind.request_kind != requested.payment_type_kind:
        what = f"{requested.payment_type_id} of kind {requested.payment_type_kind}"
        raise Refused(f"Payment type {what} is not found", "PaymentTypeNotFound")
    if not requested.sum:
        raise Refused("Payment sum should be positive", "PaymentSumShouldBePositive")
    if is_external and kind.processing not in {"External", "Both"}:
        raise Refused("PaymentType should be CanBeExternalProcessed", "PaymentTypeCanNotBeUsedAsExternal")
    tips_types = organization.dictionaries.tips_types
    tips_type = next((each for each in tips_types if each.id == requested.tips_type_id), None)
    if tips_type is None and requested.tips_type_id:
        raise Refused(f"Tips type {requested.tips_type_id} is not found", "TipsTypeNotApplicable")
    return Payment(
        kind,
        requested.sum,
        is_settled=is_external,
        is_processed_externally=is_external,
        is_fiscalized_externally=requested.is_fiscalized_externally,
        is_prepay=requested.is_prepay,
        tips_type=tips_type,
    )
