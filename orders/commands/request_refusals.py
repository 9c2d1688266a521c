"""Why the hub refuses what is asked of an order: one entry for each text, grouped by where it can arise.

A key is the code, with a dot and a name where one code has several texts. What became of a command that was
taken stands in ``orders.commands.refusals``.
"""

from __future__ import annotations

from collections import ChainMap
from typing import Any

from django.utils.translation import gettext_lazy as _

from orders.commands.refusals import OF_REBUILDING, OF_REBUILDING_LATE, Refusal
from orders.errors import InvalidParams, NotAllowed
from orders.models.command import CommandKind
from organizations.models.dictionaries import DictionaryKind

Catalogue = dict[str, Refusal]


def _invalid(cause: Any, **example: object) -> Refusal:
    """Make an entry of what cannot be understood or does not fit the restaurant; ``example`` fills it in."""
    return Refusal(cause, "", 422, example)


_ANY: Catalogue = {
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
_CHANGES: Catalogue = {
    "change_under_way": Refusal(
        _("The order is so now, but another change is on its way. Wait until iiko has answered.")
    ),
}
_BY_COURIER: Catalogue = {
    "pickup_order": Refusal(
        _("The guest picks this order up, no courier has it. Close it when it is handed over.")
    ),
}
_OF_FOOD: Catalogue = {
    "reason_needed": _invalid(_("The removal type %(type)s needs a reason. Give one."), type="Spoilt"),
    "removal_type_needed": _invalid(
        _("Food of this order is made already: say how it is removed. Give removal_type_id: %(types)s."),
        types="Without write-off (nothing is written off) = 3c4d5e6f-0000-4000-8000-000000000004",
    ),
}
_STATUS: Catalogue = {
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
_COURIER: Catalogue = {
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
_PAYMENT: Catalogue = {
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
_CANCELLATION: Catalogue = {
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
_DISCOUNT: Catalogue = {
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
            "%(percent)s %% of %(base)s is %(exact)s, no whole number of 1/100. Give discount_sum: "
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
_TO_PEOPLE: Catalogue = {
    "command_over": Refusal(_("This command is over already.")),
    "not_refused": Refusal(_("The POS did not refuse this order.")),
    "not_failed": Refusal(_("This command was not refused or abandoned.")),
}
"""Of what is asked in the admin alone."""

OF_ACTION: dict[CommandKind, Catalogue] = {
    CommandKind.UPDATE_STATUS: {**_ANY, **_CHANGES, **_BY_COURIER, **_STATUS, **_OF_FOOD},
    CommandKind.ASSIGN_COURIER: {**_ANY, **_CHANGES, **_BY_COURIER, **_COURIER},
    CommandKind.UPDATE_PAYMENT: {**_ANY, **_CHANGES, **_PAYMENT},
    CommandKind.CANCEL: {**_ANY, **_CANCELLATION, **_OF_FOOD},
    CommandKind.APPLY_DISCOUNT: {**_ANY, **_DISCOUNT, **OF_REBUILDING},
}
"""All that an action can be refused with when it is asked for."""

CATALOGUE = ChainMap(*OF_ACTION.values(), OF_REBUILDING_LATE, _TO_PEOPLE)


def refusal(key: str, **facts: object) -> NotAllowed | InvalidParams:
    """Return the error of an entry, in the reader's language, with ``facts`` in place of its placeholders."""
    entry = CATALOGUE[key]
    error = InvalidParams if entry.http_status == 422 else NotAllowed
    return error(code_of_entry(key), entry.detail(facts))


def code_of_entry(key: str) -> str:
    return key.partition(".")[0]
