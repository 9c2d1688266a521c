"""Refusals in plain words: what a code means and what to do next.

The vendor's codes: ``Errors.ErrorCode`` of its schema, those that a change of an order can meet, and
texts met in the field (reference 1.2 and 1.4, read 2026-11). An unknown code is shown as iiko wrote it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Meaning:
    """``cause`` says what is wrong, ``next_step`` what a person does about it."""

    cause: Any
    next_step: Any


_AT_THE_TILL = _("Look at the order on the till and do it there if it is still wanted.")
_READ_AGAIN = _("Read the dictionaries again and choose another one.")
_SWITCH_ON = _("Have it switched on in iikoWeb, then try again.")

OF_IIKO: dict[str, Meaning] = {
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
    "OrderItemsNotExists": Meaning(_("The till does not find the items of this order."), _AT_THE_TILL),
    "CourierIdDoesNotExist": Meaning(
        _("iiko does not know this courier."),
        _("Read the dictionaries again and choose another courier."),
    ),
    "UserNotFound": Meaning(
        _("iiko does not know this employee."), _("Read the dictionaries again and choose another courier.")
    ),
    "CourierDoesNotOwnOrder": Meaning(
        _("The order belongs to another courier."), _("Assign the courier first.")
    ),
    "CanNotAssignCourierToOrder": Meaning(
        _("No courier can be assigned to this order: it is picked up, or has left already."), _AT_THE_TILL
    ),
    "PaymentTypeNotFound": Meaning(_("iiko does not know this payment type."), _READ_AGAIN),
    "PaymentTypeCanNotBeUsedAsExternal": Meaning(
        _("This payment type cannot be processed outside of iiko."), _("Choose another payment type.")
    ),
    "PaymentSumShouldBePositive": Meaning(_("A payment must be more than nothing."), _("Correct the sums.")),
    "PaymentSumNotEnough": Meaning(
        _("The payments do not cover the order."), _("Change the payment, then try again.")
    ),
    "PaymentAdditionalDataTooLong": Meaning(
        _("The payment carries more data than iiko takes."), _("Choose another payment type.")
    ),
    "EntityAlreadyInUse": Meaning(
        _("The order is open on a till, or a payment of it is processed."),
        _("Close it on the till and try again, or do it there."),
    ),
    "TerminalGroupDisabled": Meaning(
        _("The restaurant's tills are switched off."), _("Switch them on, then try again.")
    ),
    "TerminalGroupUnregistered": Meaning(_("iiko does not know the restaurant's tills."), _SWITCH_ON),
    "TerminalGroupIdNotDetermined": Meaning(_("iiko cannot tell which till has the order."), _AT_THE_TILL),
    "OrganizationUnregistered": Meaning(_("iiko does not know this restaurant."), _SWITCH_ON),
    "OrganizationDisabled": Meaning(_("The restaurant is switched off in iiko."), _SWITCH_ON),
    "IikoFrontTooOldVersion": Meaning(
        _("The till's version is too old for this."), _("Do it on the till, or have it updated.")
    ),
    "TooSmallDeliveryDate": Meaning(
        _("The time given is before the order was made."), _("Correct the time, then try again.")
    ),
    "InconsistentUpdates": Meaning(
        _("Two changes met on the till."), _("Wait for the order to be refreshed and try again.")
    ),
    "MayBeInconsistentUpdates": Meaning(
        _("Two changes may have met on the till."), _("Look at the order before you try again.")
    ),
    "InternalServerError": Meaning(
        _("Something failed within iiko."), _("Look at the order before you try again.")
    ),
    "UnknownError": Meaning(_("Something failed within iiko."), _("Look at the order before you try again.")),
}
"""The vendor's codes."""

OF_HUB: dict[str, Meaning] = {
    "refused": Meaning(_("iiko refused and named no reason that the hub knows."), _AT_THE_TILL),
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
    "no_api_login": Meaning(
        _("The restaurant has no API login, or a switched-off one."), _("Choose one in the admin.")
    ),
    "bad_api_login": Meaning(_("The API login is not complete."), _("Complete it in the admin.")),
    "iiko_unreachable": Meaning(_("iiko cannot be reached just now."), _("Wait: the hub tries again.")),
    "iiko_busy": Meaning(_("iiko asked the hub to wait."), _("Wait: the hub tries again.")),
    "answer_lost": Meaning(
        _("iiko's answer was lost, so nobody knows whether it was done."),
        _("Wait: the hub looks at the order to find out."),
    ),
    "forgotten": Meaning(
        _("iiko no longer tells what became of it."), _("Wait: the hub looks at the order to find out.")
    ),
    "not_sent": Meaning(
        _("The hub could not reach iiko in time; nothing was sent."),
        _("Check the connection, then ask again."),
    ),
    "waited_too_long": Meaning(
        _("An earlier command of this order was not over in time; nothing was sent."),
        _("See what became of the earlier command, then ask again."),
    ),
    "order_closed": Meaning(
        _("The order was closed before this could be sent; nothing was sent."), _AT_THE_TILL
    ),
    "order_cancelled": Meaning(
        _("The order was cancelled before this could be sent; nothing was sent."),
        _("Take a new order instead."),
    ),
    "not_done": Meaning(
        _(
            "iiko's answer was lost, and the order shows no trace of the change. A till that was offline may "
            "still carry it out."
        ),
        _AT_THE_TILL,
    ),
    "no_answer": Meaning(_("The till never answered; it may have been offline."), _AT_THE_TILL),
    "given_up": Meaning(
        _("It was given up by a person. It had been sent: iiko may still carry it out."), _AT_THE_TILL
    ),
    "given_up_unsent": Meaning(
        _("It was given up by a person before it was sent."), _("Ask again if it is still wanted.")
    ),
}
"""The hub's own."""

MEANINGS = OF_IIKO | OF_HUB

# Sentences of the vendor's that name no code (reference 1.4 and 2.1, read 2026-11).
_SENTENCES = {
    "order status was changed at the restaurant checkout": "OrderStatusChangedInIikoFront",
    "canbeexternalprocessed": "PaymentTypeCanNotBeUsedAsExternal",
    "too old": "IikoFrontTooOldVersion",
    "is not found at the restaurant checkout": "OrderNotFound",
}
_CODE = re.compile(r"[\w.-]{1,100}", re.ASCII)


def code_of(code: str | None, text: str) -> str:
    """Return the code of a refusal: the one named, else one found in its words, else ``refused``."""
    if code and _CODE.fullmatch(code.strip()):
        return code.strip()
    return known_code(f"{code or ''} {text}") or "refused"


def known_code(text: str) -> str | None:
    """Find the vendor's code in the words of a refusal."""
    for word in re.findall(r"\w+", text):
        if word in OF_IIKO:
            return str(word)
    lowered = text.lower()
    return next((code for sentence, code in _SENTENCES.items() if sentence in lowered), None)


def meaning(code: str) -> Meaning | None:
    return MEANINGS.get(code)
