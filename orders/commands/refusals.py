"""The catalogue of refusals: one entry for each text, with its code, HTTP status and next step.

First what becomes of a command that was taken, by the vendor's codes and the hub's; then why what is asked
is not taken at all, in groups that the actions choose from (``Action.refusals``).

The vendor's codes: ``Errors.ErrorCode`` of its schema, those that a change of an order can meet, and
texts met in the field (docs/iiko.md#error-codes-of-orders). An unknown code is shown as iiko wrote it.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from orders.errors import InvalidParams, NotAllowed
from organizations.models.dictionaries import DictionaryKind

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class Refusal:
    """``cause`` says what is wrong, ``next_step`` what a person does about it, where ``cause`` does not.

    ``http_status`` answers the request; ``example`` fills in the placeholders of a description.
    """

    cause: StrOrPromise
    next_step: StrOrPromise = ""
    http_status: int = 409
    example: Mapping[str, object] = field(default_factory=dict)

    def detail(self, facts: Mapping[str, object]) -> str:
        text = f"{self.cause} {self.next_step}".rstrip()
        return text % facts if facts else text


Catalogue = dict[str, Refusal]

_AT_THE_POS = _("Look at the order on the POS and do it there if it is still wanted.")
_READ_AGAIN = _("Read the dictionaries again and choose another one.")
_SWITCH_ON = _("Have it switched on in iikoWeb, then try again.")

TOO_OLD = "IikoFrontTooOldVersion"
NOT_SHOWN = "not_shown"

OF_IIKO: Catalogue = {
    "OrderStatusChangedInIikoFront": Refusal(
        _("The order was changed on the POS meanwhile, or cannot take this status from where it is."),
        _("Wait for the order to be refreshed, then choose the next status."),
    ),
    "IllegalDeliveryStatus": Refusal(
        _("The POS does not allow this in the order's present status."),
        _("Take the steps in between first: confirm, send, deliver, close."),
    ),
    "WrongDeliveryStatus": Refusal(
        _("The POS does not allow this status for this order."),
        _("Take the steps in between first, or do it on the POS."),
    ),
    "OrderNotFound": Refusal(_("The POS does not know this order."), _AT_THE_POS),
    "OrderItemsNotExists": Refusal(_("The POS does not find the items of this order."), _AT_THE_POS),
    "CourierIdDoesNotExist": Refusal(
        _("iiko does not know this courier."), _("Read the dictionaries again and choose another courier.")
    ),
    "UserNotFound": Refusal(
        _("iiko does not know this employee."), _("Read the dictionaries again and choose another courier.")
    ),
    "CourierDoesNotOwnOrder": Refusal(
        _("The order belongs to another courier."), _("Assign the courier first.")
    ),
    "CanNotAssignCourierToOrder": Refusal(
        _("No courier can be assigned to this order: it is picked up, or has left already."), _AT_THE_POS
    ),
    "PaymentTypeNotFound": Refusal(_("iiko does not know this payment type."), _READ_AGAIN),
    "PaymentTypeCanNotBeUsedAsExternal": Refusal(
        _("This payment type cannot be processed outside of iiko."), _("Choose another payment type.")
    ),
    "PaymentSumShouldBePositive": Refusal(_("A payment must be more than nothing."), _("Correct the sums.")),
    "PaymentSumNotEnough": Refusal(
        _("The payments do not cover the order."), _("Change the payment, then try again.")
    ),
    "PaymentAdditionalDataTooLong": Refusal(
        _("The payment carries more data than iiko takes."), _("Choose another payment type.")
    ),
    "EntityAlreadyInUse": Refusal(
        _("The order is open on a POS, or a payment of it is processed."),
        _("Close it on the POS and try again, or do it there."),
    ),
    "TerminalGroupDisabled": Refusal(
        _("The restaurant's POS terminals are switched off."), _("Switch them on, then try again.")
    ),
    "TerminalGroupUnregistered": Refusal(_("iiko does not know the restaurant's POS terminals."), _SWITCH_ON),
    "TerminalGroupIdNotDetermined": Refusal(_("iiko cannot tell which POS has the order."), _AT_THE_POS),
    "OrganizationUnregistered": Refusal(_("iiko does not know this restaurant."), _SWITCH_ON),
    "OrganizationDisabled": Refusal(_("The restaurant is switched off in iiko."), _SWITCH_ON),
    TOO_OLD: Refusal(_("The POS's version is too old for this."), _("Do it on the POS, or have it updated.")),
    "TooSmallDeliveryDate": Refusal(
        _("The time given is before the order was made."), _("Correct the time, then try again.")
    ),
    "InconsistentUpdates": Refusal(
        _("Two changes met on the POS."), _("Wait for the order to be refreshed and try again.")
    ),
    "MayBeInconsistentUpdates": Refusal(
        _("Two changes may have met on the POS."), _("Look at the order before you try again.")
    ),
    "InternalServerError": Refusal(
        _("Something failed within iiko."), _("Look at the order before you try again.")
    ),
    "UnknownError": Refusal(_("Something failed within iiko."), _("Look at the order before you try again.")),
}
"""The vendor's codes."""

REFUSED = "refused"
"""iiko's refusal, with no code that is known; its words are iiko's own."""

OF_HUB: Catalogue = {
    REFUSED: Refusal(_("iiko refused and named no reason that the hub knows."), _AT_THE_POS),
    "right_missing": Refusal(
        _("The API login may not do this."), _("Switch the right on in the settings of the login in iikoWeb.")
    ),
    "login_refused": Refusal(
        _("iiko does not accept the API login."), _("Check the login in the hub and in iikoWeb.")
    ),
    "token_refused": Refusal(
        _("iiko refuses a fresh token: the login may be blocked."), _("Ask iiko's support.")
    ),
    "licence_expired": Refusal(
        _("The licence of iiko's API has expired."), _("Renew the licence of the login with iiko.")
    ),
    "no_api_login": Refusal(
        _("The restaurant has no API login, or a switched-off one."), _("Choose one in the admin.")
    ),
    "bad_api_login": Refusal(_("The API login is not complete."), _("Complete it in the admin.")),
    "iiko_unreachable": Refusal(_("iiko cannot be reached just now."), _("Wait: the hub tries again.")),
    "iiko_busy": Refusal(_("iiko asked the hub to wait."), _("Wait: the hub tries again.")),
    "answer_lost": Refusal(
        _("iiko's answer was lost, so nobody knows whether it was done."),
        _("Wait: the hub looks at the order to find out."),
    ),
    "forgotten": Refusal(
        _("iiko no longer tells what became of it."), _("Wait: the hub looks at the order to find out.")
    ),
    "not_sent": Refusal(
        _("The hub could not reach iiko in time; nothing was sent."),
        _("Check the connection, then ask again."),
    ),
    "waited_too_long": Refusal(
        _("An earlier command of this order was not over in time; nothing was sent."),
        _("See what became of the earlier command, then ask again."),
    ),
    "order_closed": Refusal(
        _("The order was closed before this could be sent; nothing was sent."), _AT_THE_POS
    ),
    "order_cancelled": Refusal(
        _("The order was cancelled before this could be sent; nothing was sent."),
        _("Take another one if the guest wants it."),
    ),
    "order_deleted": Refusal(
        _("The order was deleted in iiko before this could be sent; nothing was sent."),
        _("See whether another order took its place on the POS."),
    ),
    "unknown_to_iiko": Refusal(
        _("iiko stopped listing the order before this could be sent; nothing was sent."), _AT_THE_POS
    ),
    "order_made_anew": Refusal(
        _("The order was replaced by another before this could be sent; nothing was sent."),
        _("Ask the same of the order that replaced it; this one leads there."),
    ),
    "restaurant_off": Refusal(
        _("The restaurant was switched off in the hub before this could be sent; nothing was sent."),
        _("Switch the restaurant on in the admin, then ask again if it is still wanted."),
    ),
    "breaks_a_limit": Refusal(
        _("It does not fit what iiko takes, so the hub did not send it."), _("Correct it, then ask again.")
    ),
    "redirect": Refusal(
        _("iiko's address sends the hub elsewhere, and the hub does not follow; nothing was done."),
        _("Check the address of the API login in the admin."),
    ),
    "not_done": Refusal(
        _(
            "iiko's answer was lost, and the order shows no trace of the change. A POS that was offline may "
            "still carry it out."
        ),
        _AT_THE_POS,
    ),
    "over_without_it": Refusal(
        _("iiko's answer was lost. The order is over by now and does not show the change."), _AT_THE_POS
    ),
    NOT_SHOWN: Refusal(_("iiko said that it is done, but the order does not show the change."), _AT_THE_POS),
    "no_answer": Refusal(_("The POS never answered; it may have been offline."), _AT_THE_POS),
    "given_up": Refusal(
        _("It was abandoned by a person. It had been sent: iiko may still carry it out."), _AT_THE_POS
    ),
    "given_up_unsent": Refusal(
        _("It was abandoned by a person before it was sent."), _("Ask again if it is still wanted.")
    ),
}
"""The hub's own."""

_CHANGE_FIRST = _("Change that on the POS first, or give the discount there.")
_GIVE_AT_POS = _("Give the discount on the POS.")
_OLD_STAYS = _("The order stays as it was. Give the discount on the POS, or ask again.")
_LOOK_AT_BOTH = _("Look at both orders on the POS now and leave the guest exactly one of them.")

OF_REBUILDING: Catalogue = {
    "status_unknown": Refusal(
        _("The order has no status that the hub knows, so it may be in the kitchen."), _GIVE_AT_POS
    ),
    "kitchen_has_it": Refusal(_("The kitchen has the order, so it cannot be reissued."), _GIVE_AT_POS),
    "payment_processed": Refusal(
        _("A payment of this order is processed already, and a new order would be without it."), _GIVE_AT_POS
    ),
    "has_combo": Refusal(_("A combo cannot be reissued: iiko does not tell all of it."), _GIVE_AT_POS),
    "has_compound_item": Refusal(
        _("A dish of several parts cannot be reissued: iiko does not tell all of it."), _GIVE_AT_POS
    ),
    "no_items": Refusal(_("The hub knows of no items in this order."), _GIVE_AT_POS),
    "has_tips": Refusal(_("Tips cannot be carried over to a new order."), _CHANGE_FIRST),
    "has_loyalty": Refusal(
        _("A coupon or a loyalty programme works on this order and cannot be carried over."), _GIVE_AT_POS
    ),
    "has_external_data": Refusal(
        _("Data of another program hangs on this order and cannot be carried over whole."), _GIVE_AT_POS
    ),
    "has_external_courier": Refusal(_("A courier service is called for this order already."), _GIVE_AT_POS),
    "discount_not_rebuildable": Refusal(
        _("The order has a discount that cannot be given again from outside."), _GIVE_AT_POS
    ),
    "payment_not_rebuildable": Refusal(
        _("The order has a payment that cannot be entered again from outside."), _CHANGE_FIRST
    ),
    "payments_to_share": Refusal(
        _("The order has several payments, and only a person knows which of them the discount lowers."),
        _("Put down one payment (update-payment), then give the discount."),
    ),
    "discount_total_unknown": Refusal(
        _(
            "What the order will cost with this discount is known to the POS alone, so its payments cannot "
            "be set."
        ),
        _GIVE_AT_POS,
    ),
}
"""Why an order cannot be reissued without loss, as far as the mirror tells."""

OF_REBUILDING_LATE: Catalogue = {
    "item_not_rebuildable": Refusal(
        _("An item cannot be reissued: iiko does not tell all of it."), _GIVE_AT_POS
    ),
    "amount_too_large": Refusal(
        _("An item has an amount that iiko does not take in a new order (0 to 999.999)."), _GIVE_AT_POS
    ),
    "guest_not_rebuildable": Refusal(
        _("The guest or the phone of this order cannot be carried over as iiko takes them."), _GIVE_AT_POS
    ),
    "address_not_rebuildable": Refusal(
        _("The address of this order cannot be carried over as iiko takes it."), _GIVE_AT_POS
    ),
    "text_too_long": Refusal(
        _("The order has a text that is longer than iiko takes in a new order."), _CHANGE_FIRST
    ),
    "promise_passed": Refusal(
        _("The time promised to the guest has passed, and iiko makes no order for the past."), _CHANGE_FIRST
    ),
    "order_changed": Refusal(
        _("The order was changed after the discount was asked for."),
        _("Look at the order and ask again if it is still wanted."),
    ),
}
"""The same, seen when it is read from iiko to be reissued."""

OF_DISCOUNT: Catalogue = {
    "order_not_shown": Refusal(
        _("iiko did not show the order when it was asked for it; nothing was sent."), _GIVE_AT_POS
    ),
    "till_offline": Refusal(
        _("The POS does not answer just now, so no new order was sent."), _("Ask again once it does.")
    ),
    "no_draft": Refusal(
        _("There is no draft of this order that could be changed."),
        _("Allow it to be reissued (reissue), or give the discount on the POS."),
    ),
    "draft_locked": Refusal(
        _("Somebody is editing the draft of this order."), _("Wait until they are done, then ask again.")
    ),
    "draft_needs_employee": Refusal(
        _("iiko changes a draft only in the name of an employee, and this order names no operator."),
        _("Give the discount in the draft itself."),
    ),
    "draft_changed": Refusal(
        _("Somebody else changed the draft meanwhile; their version stays."), _("Look at it and ask again.")
    ),
    "draft_refused": Refusal(
        _("The draft was changed, but iiko did not take it. It is put back as it was."),
        _("Look at the draft, then ask again."),
    ),
    "draft_left": Refusal(
        _("The draft has the discount but was not taken, and it could not be put back."),
        _("Look at the draft now."),
    ),
    "draft_unproved": Refusal(
        _("The draft was sent, and the order does not show the discount."), _("Look at the order on the POS.")
    ),
    "reissue_refused": Refusal(_("The new order was not taken."), _OLD_STAYS),
    "reissue_not_done": Refusal(
        _("iiko's answer was lost, and it shows no new order."),
        _("The order stays as it was. Should the new one turn up later, the hub takes it back."),
    ),
    "reissue_unproved": Refusal(
        _("The POS has not taken the new order in time."),
        _("The order stays as it was. Should the new one be taken later, the hub takes it back."),
    ),
    "reissue_cancelled": Refusal(_("Somebody cancelled the new order meanwhile."), _OLD_STAYS),
    "undone_cooking": Refusal(
        _("The kitchen began with the old order meanwhile, so the new one was taken back."), _GIVE_AT_POS
    ),
    "undone_cancelled": Refusal(
        _("Somebody cancelled the old order meanwhile, so the new one was taken back too."),
        _("Take a new order if it is still wanted."),
    ),
    "undone_closed": Refusal(
        _("The old order was closed meanwhile, so the new one was taken back."), _AT_THE_POS
    ),
    "undone_refused": Refusal(
        _("iiko did not cancel the old order, so the new one was taken back."), _OLD_STAYS
    ),
    "undone_unsent": Refusal(
        _("iiko could not be reached to cancel the old order, so the new one was taken back."), _OLD_STAYS
    ),
    "undone_differs": Refusal(
        _("The POS made the new order otherwise than asked, so it was taken back."), _OLD_STAYS
    ),
    "undone_late": Refusal(
        _("The POS took the new order after all, when nobody waited for it; it was taken back."), _OLD_STAYS
    ),
    "cancel_asked": Refusal(
        _("A cancellation of the order was asked for meanwhile, so no discount was given."),
        _("Nothing more is to be done."),
    ),
    "undone_cancel_asked": Refusal(
        _("A cancellation of the order was asked for meanwhile, so the new one was taken back."),
        _("Nothing more is to be done: the cancellation goes on."),
    ),
    "new_not_proved": Refusal(
        _("Nobody knows whether the new order was made: iiko cannot be asked."), _LOOK_AT_BOTH
    ),
    "old_not_proved": Refusal(
        _("The new order is taken, but nobody knows whether the old one was cancelled."), _LOOK_AT_BOTH
    ),
    "two_orders": Refusal(
        _("The old and the new order may both be alive: the new one could not be taken back."), _LOOK_AT_BOTH
    ),
    "both_cancelled": Refusal(
        _("The old and the new order are both cancelled."), _("Take the order again if the guest waits.")
    ),
    "given_up_midway": Refusal(
        _("It was abandoned by a person while the new order was on its way."), _LOOK_AT_BOTH
    ),
    "seen_to": Refusal(_("A person has seen to it."), _("Nothing more is to be done.")),
}
"""What may become of a discount on its way."""

_OF_THE_HUB = OF_HUB | OF_REBUILDING | OF_REBUILDING_LATE | OF_DISCOUNT
MEANINGS = OF_IIKO | _OF_THE_HUB
OF_THE_HUB = _OF_THE_HUB.keys()
"""Codes that iiko has no part in."""

# Sentences of the vendor's that name no code (docs/iiko.md#error-codes-of-orders).
_SENTENCES = {
    "order status was changed at the restaurant checkout": "OrderStatusChangedInIikoFront",
    "canbeexternalprocessed": "PaymentTypeCanNotBeUsedAsExternal",
    "too old": TOO_OLD,
    "is not found at the restaurant checkout": "OrderNotFound",
}
_CODE = re.compile(r"[\w.-]{1,100}", re.ASCII)


def code_of(code: str | None, text: str) -> str:
    """Return the code of a refusal: the one named, else one found in its words, else ``refused``."""
    if code and _CODE.fullmatch(code.strip()):
        return code.strip()
    return known_code(f"{code or ''} {text}") or REFUSED


def known_code(text: str) -> str | None:
    """Find the vendor's code in the words of a refusal."""
    for word in re.findall(r"\w+", text):
        if word in OF_IIKO:
            return str(word)
    lowered = text.lower()
    return next((code for sentence, code in _SENTENCES.items() if sentence in lowered), None)


def meaning(code: str) -> Refusal | None:
    return MEANINGS.get(code)


# --- why what is asked is not taken -------------------------------------------------------------------


def _invalid(cause: StrOrPromise, **example: object) -> Refusal:
    """Make an entry of what cannot be understood or does not fit the restaurant; ``example`` fills it in."""
    return Refusal(cause, "", 422, example)


ANY: Catalogue = {
    "restaurant_off": Refusal(_("This restaurant is switched off in the hub. Switch it on in the admin.")),
    "not_taken_by_till": Refusal(_("The POS did not take this order, so it cannot be changed there.")),
    "not_in_iiko": Refusal(
        _("iiko has not told the id of this order yet. Try again once its webhook has come.")
    ),
    "not_an_iiko_id": Refusal(
        _("This order or its restaurant has an id that is none of iiko's Cloud. Do it on the POS.")
    ),
    "not_taken_yet": Refusal(_("The POS has not taken this order yet. Try again in a minute.")),
    "order_deleted": Refusal(
        _("The order is deleted in iiko. See whether another order took its place on the POS.")
    ),
    "order_closed": Refusal(_("The order is closed; iiko changes closed orders only on the POS.")),
    "order_cancelled": Refusal(_("The order is cancelled. Take another one if the guest wants it.")),
    "order_cancelled.replaced": Refusal(
        _("The order was replaced by %(order)s. Ask the same of that one."), example={"order": "1043"}
    ),
    "order_cancelled.moved": Refusal(
        _("The order was moved on to another one, among its related orders. Ask the same of that one.")
    ),
    "unknown_to_iiko": Refusal(
        _("iiko no longer lists this order, so it cannot be changed. Look for it on the POS.")
    ),
    "not_a_delivery": Refusal(_("This is an order of the hall; it is changed on the POS.")),
    "till_too_old": Refusal(
        _("The POS has version %(has)s, iiko needs %(needed)s for this. Update the POS or do it there."),
        example={"has": "7.0.0", "needed": "7.5.4"},
    ),
    "already_asked": Refusal(_("This was asked already and iiko has not answered yet. Wait for its answer.")),
}
CHANGES: Catalogue = {
    "change_under_way": Refusal(
        _("The order is so now, but another change is on its way. Wait until iiko has answered.")
    ),
}
BY_COURIER: Catalogue = {
    "pickup_order": Refusal(
        _("The guest picks this order up, no courier has it. Close it when it is handed over.")
    ),
}
OF_FOOD: Catalogue = {
    "reason_needed": _invalid(_("The removal type %(type)s needs a reason. Give one."), type="Spoilt"),
    "removal_type_needed": _invalid(
        _("Food of this order is made already: say how it is removed. Give removal_type_id: %(types)s."),
        types="Without write-off (nothing is written off) = 3c4d5e6f-0000-4000-8000-000000000004",
    ),
}
OF_STATUS: Catalogue = {
    "already_so.status": Refusal(_("The order has this status already.")),
    "not_confirmed": Refusal(_("The order is not confirmed yet. Confirm it first (status WaitCooking).")),
    "confirmation_off": Refusal(_("This restaurant does not confirm orders: switch it on in iikoWeb first.")),
    "paid_on_the_way": Refusal(
        _(
            "This restaurant takes the payment when the order leaves, and iiko then knows no status "
            "Waiting. Set OnWay when the courier leaves."
        )
    ),
    "not_on_the_way": Refusal(_("iiko takes this only from the status OnWay. Set OnWay first.")),
    "not_paid": Refusal(_("The payments do not cover the order. Change the payment first, then close it.")),
    "being_cooked": Refusal(_("The kitchen has the order; its confirmation cannot be taken back.")),
    "already_confirmed": Refusal(_("Only an unconfirmed order can be confirmed; this one is.")),
    "set_by_kitchen": Refusal(_("This status is set by the kitchen; iiko lets nobody else set it.")),
    "delivered_at_unfit": _invalid(_("delivered_at goes with Delivered and Closed only.")),
    "delivered_at_implausible": _invalid(
        _("The guest cannot have had it then: the time lies in the future, or before the year 2000.")
    ),
}
OF_COURIER: Catalogue = {
    "already_so.courier": Refusal(_("This courier has the order already.")),
    "already_so.no_courier": Refusal(_("The order has no courier.")),
    "external_courier_service": Refusal(
        _("An outside courier service carries this order: %(service)s. Call that off on the POS first."),
        example={"service": "Fast Legs"},
    ),
    "unknown_courier": _invalid(
        _("%(restaurant)s has no courier with this id. Read the dictionaries again if the courier is new."),
        restaurant="Beryozka",
    ),
    "courier_deleted": _invalid(_("%(courier)s is deleted in iiko."), courier="Vera Orlova"),
}
OF_PAYMENT: Catalogue = {
    "already_so.payments": Refusal(_("The order has these payments already.")),
    "payment_processed.update": Refusal(
        _("A payment of this order is processed already; iiko then changes none. Do it on the POS.")
    ),
    "sum_too_small": _invalid(
        _("The payments come to %(sum)s, the order costs %(amount)s."), sum="1,500.00 ₽", amount="1,520.50 ₽"
    ),
    "unknown_payment_type": _invalid(_("This restaurant has no payment type with this id.")),
    "payment_type_of_other_kind": _invalid(_("%(name)s is of the kind %(kind)s."), name="Visa", kind="Card"),
    "payment_type_not_settable": _invalid(
        _("iiko does not let %(type)s be set from outside."), type="Voucher"
    ),
    "payment_without_type": _invalid(_("Each payment needs paymentTypeId or paymentTypeKind.")),
    "no_such_payment_type": _invalid(
        _("This restaurant has no payment type of the kind %(kind)s. It has: %(types)s."),
        kind="External",
        types="Visa = 09322f46-578a-d210-add7-eec222a08871",
    ),
    "no_such_payment_type.none_known": _invalid(
        _("No payment type of this restaurant is known here. Read the dictionaries.")
    ),
    "payment_type_not_external": _invalid(
        _("iiko takes %(type)s only itself, so it cannot have been paid outside iiko."), type="Visa"
    ),
    # Both fields are required (docs/iiko.md#payments).
    "loyalty_card_needs_guest": _invalid(
        _(
            "iiko takes a payment from a loyalty card only with the guest's own proof (credential, "
            "searchScope), which the hub neither takes nor keeps. Put it down on the POS."
        )
    ),
    "payment_type_ambiguous": _invalid(
        _(
            "Several payment types are of the kind %(kind)s. Give paymentTypeId, or have the usual one "
            "chosen in the admin (Organizations, %(restaurant)s, Usual payment types): %(types)s."
        ),
        kind="Card",
        restaurant="Beryozka",
        types="Visa = 09322f46-578a-d210-add7-eec222a08871; Mir = 1a2b3c4d-0000-4000-8000-000000000001",
    ),
}
OF_CANCELLATION: Catalogue = {
    "reason_too_long": _invalid(_("The reason has more than %(most)d characters."), most=255),
    **{
        f"unknown_{kind.value}": _invalid(
            _("%(restaurant)s has no such entry (%(what)s): %(id)s."),
            restaurant="Beryozka",
            what=kind.label,
            id="3c4d5e6f-0000-4000-8000-000000000004",
        )
        for kind in (DictionaryKind.CANCEL_CAUSE, DictionaryKind.REMOVAL_TYPE)
    },
}
_BY_IIKO_NOT = _("iiko has no operation that changes the discount of an order it has.")
OF_DISCOUNT_ASKED: Catalogue = {
    "discount_not_supported_by_iiko": Refusal(
        _BY_IIKO_NOT,
        _(
            "The hub can reissue the order with the discount: a new one is made and this one cancelled, so "
            "number and id change. Ask with reissue: true, or have it given on the POS."
        ),
    ),
    "discount_not_supported_by_iiko.nor_by_reissue": Refusal(
        _BY_IIKO_NOT, "%(why)s", example={"why": OF_REBUILDING["kitchen_has_it"].cause}
    ),
    "discount_unsettled": Refusal(_("A discount of this order needs attention first. See its commands.")),
    "already_asked.discount": Refusal(
        _("A discount was asked for already and is on its way. Wait for its end.")
    ),
    "already_so.discount": Refusal(_("The order has this discount already.")),
    "discount_missing": _invalid(_("Give discount_id, discount_sum or discount_percent.")),
    "discount_ambiguous": _invalid(_("Give discount_sum or discount_percent, not both.")),
    "unknown_discount": _invalid(
        _("This restaurant has no discount with this id. Read the dictionaries again if it is new.")
    ),
    "discount_not_manual": _invalid(
        _("%(discount)s is not given by hand: iiko gives it by itself or by a card."), discount="Happy hours"
    ),
    "no_discount_takes_a_sum": _invalid(
        _("This restaurant has no discount of a free sum. Give discount_id of one of its discounts.")
    ),
    "discount_type_ambiguous": _invalid(
        _("Several discounts take a sum, give discount_id: %(discounts)s."),
        discounts="Manager = 51111111-2222-4333-8444-555555555555; "
        "Apology = 51111111-2222-4333-8444-555555555556",
    ),
    "discount_sum_needed": _invalid(
        _("%(discount)s takes a sum: give discount_sum or discount_percent."), discount="Manager"
    ),
    "discount_takes_no_sum": _invalid(
        _("%(discount)s has a size of its own; give neither discount_sum nor discount_percent."),
        discount="Birthday",
    ),
    "order_below_minimum": _invalid(
        _("%(name)s is given from %(least)s; the dishes of this order cost %(base)s."),
        name="Birthday",
        least="1000.00",
        base="880.00",
    ),
    "discount_too_large": _invalid(
        _("The discount is %(sum)s, the dishes cost %(base)s."), sum="900.00", base="880.00"
    ),
    "discount_too_small": _invalid(_("The discount comes to nothing.")),
    "discount_percent_not_exact": _invalid(
        _(
            "%(percent)s %% of %(base)s is %(exact)s, no whole number of 1/100. Give a sum (discount_sum): "
            "%(lower)s or %(upper)s."
        ),
        percent="15",
        base="519.90",
        exact="77.985",
        lower="77.98",
        upper="77.99",
    ),
    "amount_unknown": _invalid(_("iiko has not told what this order costs. Try again later.")),
}
TO_PEOPLE: Catalogue = {
    "command_over": Refusal(_("This command is over already.")),
    "not_refused": Refusal(_("The POS did not refuse this order.")),
    "not_failed": Refusal(_("This command was not refused or abandoned.")),
}
"""Of what is asked in the admin alone."""

CATALOGUE = ChainMap(
    ANY,
    CHANGES,
    BY_COURIER,
    OF_FOOD,
    OF_STATUS,
    OF_COURIER,
    OF_PAYMENT,
    OF_CANCELLATION,
    OF_DISCOUNT_ASKED,
    OF_REBUILDING,
    OF_REBUILDING_LATE,
    TO_PEOPLE,
)
"""All that ``refusal`` can raise, by code; with a dot and a name where one code has several texts."""


def refusal(key: str, **facts: object) -> NotAllowed | InvalidParams:
    """Return the error of an entry, in the reader's language, with ``facts`` in place of its placeholders."""
    entry = CATALOGUE[key]
    error = InvalidParams if entry.http_status == 422 else NotAllowed
    return error(code_of_entry(key), entry.detail(facts))


def code_of_entry(key: str) -> str:
    return key.partition(".")[0]
