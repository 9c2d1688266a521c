"""iiko's refusals in plain words: what a code means and what to do next.

Codes: ``Errors.ErrorInfo`` of the vendor's schema and texts met in the field (reference 1.2 and 1.4,
read 2026-11). An unknown code is shown as iiko wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Meaning:
    """``cause`` says what is wrong, ``next_step`` what a person does about it."""

    cause: Any
    next_step: Any


_AT_THE_TILL = _("Look at the order on the till and do it there if it is still wanted.")

MEANINGS: dict[str, Meaning] = {
    "OrderStatusChangedInIikoFront": Meaning(
        _("The order was changed on the till meanwhile, or cannot take this status from where it is."),
        _("Wait for the order to be refreshed, then choose the next status."),
    ),
    "IllegalDeliveryStatus": Meaning(
        _("The till does not allow this in the order's present status."),
        _("Take the steps in between first: confirm, send, deliver, close."),
    ),
    "WrongDeliveryStatus": Meaning(
        _("The till does not allow this status for this order."),
        _("Take the steps in between first, or do it on the till."),
    ),
    "OrderNotFound": Meaning(_("The till does not know this order."), _AT_THE_TILL),
    "CourierIdDoesNotExist": Meaning(
        _("iiko does not know this courier."),
        _("Read the dictionaries again and choose another courier."),
    ),
    "CourierDoesNotOwnOrder": Meaning(
        _("The order belongs to another courier."), _("Assign the courier first.")
    ),
    "CanNotAssignCourierToOrder": Meaning(
        _("No courier can be assigned to this order: it is picked up, or has left already."), _AT_THE_TILL
    ),
    "PaymentTypeNotFound": Meaning(
        _("iiko does not know this payment type."), _("Read the dictionaries again and choose another one.")
    ),
    "PaymentTypeCanNotBeUsedAsExternal": Meaning(
        _("This payment type cannot be processed outside of iiko."), _("Choose another payment type.")
    ),
    "PaymentSumShouldBePositive": Meaning(_("A payment must be more than nothing."), _("Correct the sums.")),
    "PaymentSumNotEnough": Meaning(
        _("The payments do not cover the order."), _("Change the payment, then try again.")
    ),
    "EntityAlreadyInUse": Meaning(
        _("The order is open on a till, or a payment of it is processed."),
        _("Close it on the till and try again, or do it there."),
    ),
    "TerminalGroupDisabled": Meaning(
        _("The restaurant's tills are switched off."), _("Switch them on, then try again.")
    ),
    "IikoFrontTooOldVersion": Meaning(
        _("The till's version is too old for this."), _("Do it on the till, or have it updated.")
    ),
    "InconsistentUpdates": Meaning(
        _("Two changes met on the till."), _("Wait for the order to be refreshed and try again.")
    ),
    "MayBeInconsistentUpdates": Meaning(
        _("Two changes may have met on the till."), _("Look at the order before you try again.")
    ),
    "right_missing": Meaning(
        _("The API login may not do this."), _("Switch the right on in the settings of the login in iikoWeb.")
    ),
    "login_refused": Meaning(
        _("iiko does not accept the API login."), _("Check the login in the hub and in iikoWeb.")
    ),
    "token_refused": Meaning(
        _("iiko refuses a fresh token: the login may be blocked."), _("Ask iiko's support.")
    ),
    "licence_expired": Meaning(
        _("The licence of iiko's API has expired."), _("Renew the licence of the login with iiko.")
    ),
    "not_sent": Meaning(
        _("The hub could not reach iiko in time."), _("Check the connection, then ask again.")
    ),
    "not_done": Meaning(
        _("iiko's answer was lost, and the order shows no trace of the change."), _AT_THE_TILL
    ),
    "no_answer": Meaning(_("The till never answered; it may have been offline."), _AT_THE_TILL),
    "given_up": Meaning(_("It is not followed any more. iiko may still carry it out."), _AT_THE_TILL),
}

# Sentences of the vendor's that name no code (reference 1.4 and 2.1, read 2026-11).
_SENTENCES = {
    "order status was changed at the restaurant checkout": "OrderStatusChangedInIikoFront",
    "canbeexternalprocessed": "PaymentTypeCanNotBeUsedAsExternal",
    "too old": "IikoFrontTooOldVersion",
}


def known_code(text: str) -> str | None:
    """Find the vendor's code in the words of a refusal."""
    for code in MEANINGS:
        if code in text:
            return code
    lowered = text.lower()
    return next((code for sentence, code in _SENTENCES.items() if sentence in lowered), None)


def meaning(code: str) -> Meaning | None:
    return MEANINGS.get(code)
