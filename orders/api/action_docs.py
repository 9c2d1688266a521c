"""How the actions are described: what they answer, and every refusal by example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import translation
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.serializers import Serializer

from core.api.schema import RefusalsSerializer
from orders.api.command_serializers import CommandSerializer
from orders.commands.refusals import MEANINGS

_HEADERS = [
    OpenApiParameter(
        "Idempotency-Key",
        str,
        "header",
        description="Any text of up to 200 characters. Within 24 hours a repeat is answered with the first "
        "command; another request under the same key with 422.",
    ),
    OpenApiParameter(
        "Prefer",
        str,
        "header",
        description="`wait=10`: answer 200 once the command is over; after so many seconds (20 at most), or "
        "when too many wait already, 202.",
    ),
]

_DESCRIPTION = (
    "Stores what you ask for as a command and sends it to iiko. The order changes here once iiko confirms; "
    "follow the command at `GET commands/{id}`, or wait for it with `Prefer: wait=N`. `allowed_actions` of "
    "an order says beforehand what can be asked of it. Fields that are not listed here are refused."
)

REFUSALS_409 = {
    "not_in_iiko": "iiko has not told the id of this order yet. Try again once its webhook has come.",
    "not_an_iiko_id": "This order or its restaurant has an id that is none of iiko's Cloud. "
    "Do it on the POS.",
    "not_taken_by_till": "The POS did not take this order, so it cannot be changed there.",
    "not_taken_yet": "The POS has not taken this order yet. Try again in a minute.",
    "order_closed": "The order is closed; iiko changes closed orders only on the POS.",
    "order_cancelled": "The order is cancelled. Take another one if the guest wants it.",
    "order_deleted": "The order is deleted in iiko. See whether another order took its place on the POS.",
    "unknown_to_iiko": "iiko no longer lists this order, so it cannot be changed. Look for it on the POS.",
    "not_a_delivery": "This is an order of the hall; it is changed on the POS.",
    "pickup_order": "The guest picks this order up, no courier has it. Close it when it is handed over.",
    "external_courier_service": "An outside courier service carries this order: Fast Legs. "
    "Call that off on the POS first.",
    "not_confirmed": "The order is not confirmed yet. Confirm it first (status WaitCooking).",
    "confirmation_off": "This restaurant does not confirm orders: switch it on in iikoWeb first.",
    "paid_on_the_way": "This restaurant takes the payment when the order leaves, and iiko then knows no "
    "status Waiting. Set OnWay when the courier leaves.",
    "not_on_the_way": "iiko takes this only from the status OnWay. Set OnWay first.",
    "not_paid": "The payments do not cover the order. Change the payment first, then close it.",
    "payment_processed": "A payment of this order is processed already; iiko then changes none. "
    "Do it on the POS.",
    "till_too_old": "The POS has version 7.0.0, iiko needs 7.5.4 for this. Update the POS or do it there.",
    "being_cooked": "The kitchen has the order; its confirmation cannot be taken back.",
    "already_confirmed": "Only an unconfirmed order can be confirmed; this one is.",
    "set_by_kitchen": "This status is set by the kitchen; iiko lets nobody else set it.",
    "discount_not_supported_by_iiko": "iiko has no operation that changes the discount of an order it has. "
    "The hub can reissue the order with the discount: a new one is made and this one cancelled, so number "
    "and id change. Ask with reissue: true, or have it given on the POS.",
    "status_unknown": "The order has no status that the hub knows, so it may be in the kitchen. "
    "Give the discount on the POS.",
    "kitchen_has_it": "The kitchen has the order, so it cannot be reissued. Give the discount on the POS.",
    "has_combo": "A combo cannot be reissued: iiko does not tell all of it. Give the discount on the POS.",
    "has_compound_item": "A dish of several parts cannot be reissued: iiko does not tell all of it. "
    "Give the discount on the POS.",
    "no_items": "The hub knows of no items in this order. Give the discount on the POS.",
    "has_tips": "Tips cannot be carried over to a new order. Change that on the POS first, or give the "
    "discount there.",
    "has_loyalty": "A coupon or a loyalty programme works on this order and cannot be carried over. "
    "Give the discount on the POS.",
    "has_external_data": "Data of another program hangs on this order and cannot be carried over whole. "
    "Give the discount on the POS.",
    "has_external_courier": "A courier service is called for this order already. Give the discount on the "
    "POS.",
    "payment_not_rebuildable": "The order has a payment that cannot be entered again from outside. "
    "Change that on the POS first, or give the discount there.",
    "payments_to_share": "The order has several payments, and only a person knows which of them the discount "
    "lowers. Put down one payment (update-payment), then give the discount.",
    "discount_total_unknown": "What the order will cost with this discount is known to the POS alone, so "
    "its payments cannot be set. Give the discount on the POS.",
    "discount_not_rebuildable": "The order has a discount that cannot be given again from outside. "
    "Give the discount on the POS.",
    "discount_unsettled": "A discount of this order ended in a way that needs attention, see it first. "
    "See its commands.",
    "already_so": "The order has this status already.",
    "change_under_way": "The order is so now, but another change is on its way. "
    "Wait until iiko has answered.",
    "already_asked": "This was asked already and iiko has not answered yet. Wait for its answer.",
    "restaurant_off": "This restaurant is switched off in the hub. Switch it on in the admin.",
    "no_api_login": "The restaurant has no API login. Choose one in the admin, or set IIKO_API_KEY.",
    "bad_api_login": "The API login is not complete.",
}
REFUSALS_422 = {
    "unknown_field": "No such field: payments[0].isProcessedExternaly. Nothing was done. There are: "
    "paymentTypeKind, paymentTypeId, sum, isProcessedExternally, isFiscalizedExternally.",
    "delivered_at_unfit": "delivered_at goes with Delivered and Closed only.",
    "delivered_at_implausible": "The guest cannot have had it then: the time lies in the future, or before "
    "the year 2000.",
    "unknown_courier": "The restaurant has no courier with this id. "
    "Read the dictionaries again if the courier is new.",
    "courier_deleted": "This courier is deleted in iiko.",
    "sum_too_small": "The payments come to 1,500.00 ₽, the order costs 1,520.50 ₽.",
    "unknown_payment_type": "This restaurant has no payment type with this id.",
    "payment_type_of_other_kind": "Visa is of the kind Card.",
    "payment_type_not_settable": "iiko does not let this payment type be set from outside.",
    "payment_without_type": "Each payment needs paymentTypeId or paymentTypeKind.",
    "no_such_payment_type": "This restaurant has no payment type of the kind External. It has: "
    "Visa = 09322f46-578a-d210-add7-eec222a08871.",
    "payment_type_not_external": "iiko takes Visa only itself, so it cannot have been paid outside iiko.",
    "loyalty_card_needs_guest": "iiko takes a payment from a loyalty card only with the guest's own proof "
    "(credential, searchScope), which the hub neither takes nor keeps. Put it down on the POS.",
    "payment_type_ambiguous": "Several payment types are of the kind Card. Give paymentTypeId, or have the "
    "usual one chosen in the admin (Organizations, Beryozka, Usual payment types): "
    "Visa = 09322f46-578a-d210-add7-eec222a08871; Mir = 1a2b3c4d-0000-4000-8000-000000000001.",
    "reason_too_long": "The reason has more than 255 characters.",
    "reason_needed": "The removal type needs a reason. Give one.",
    "unknown_cancel_cause": "The restaurant has no such entry (cancel cause).",
    "unknown_removal_type": "The restaurant has no such entry (removal type).",
    "removal_type_needed": "Food of this order is made already: say how it is removed. Give removal_type_id: "
    "Without write-off (nothing is written off) = 3c4d5e6f-0000-4000-8000-000000000004.",
    "discount_missing": "Give discount_id, discount_sum or discount_percent.",
    "discount_ambiguous": "Give discount_sum or discount_percent, not both.",
    "unknown_discount": "This restaurant has no discount with this id. Read the dictionaries again if it is "
    "new.",
    "discount_not_manual": "Happy hours is not given by hand: iiko gives it by itself or by a card.",
    "no_discount_takes_a_sum": "This restaurant has no discount of a free sum. Give discount_id of one of "
    "its discounts.",
    "discount_type_ambiguous": "Several discounts take a sum, give discount_id: Manager = "
    "51111111-2222-4333-8444-555555555555; Apology = 51111111-2222-4333-8444-555555555556.",
    "discount_sum_needed": "Manager takes a sum: give discount_sum or discount_percent.",
    "discount_takes_no_sum": "Birthday has a size of its own; "
    "give neither discount_sum nor discount_percent.",
    "order_below_minimum": "Birthday is given from 1000.00; the dishes of this order cost 880.00.",
    "discount_too_large": "The discount is 900.00, the dishes cost 880.00.",
    "discount_too_small": "The discount comes to nothing.",
    "discount_percent_not_exact": "15 % of 519.90 is 77.985, no whole number of 1/100. Give discount_sum: "
    "77.98 or 77.99.",
    "amount_unknown": "iiko has not told what this order costs. Try again later.",
    "idempotency_key_reused": "This Idempotency-Key was used for another request.",
}

_COMMAND = {
    "id": 41,
    "order_id": 1207,
    "kind": "update_status",
    "state": "pending",
    "params": {"status": "OnWay", "delivered_at": None},
    "correlation_id": "",
    "error": None,
    "confirmed_by": "",
    "requested_by": "API: shop",
    "created_at": "2026-11-24T09:30:00Z",
    "sent_at": None,
    "finished_at": None,
}
_SENT = {
    "correlation_id": "e4f5a6b7-c8d9-4e0f-a1b2-c3d4e5f6a7b8",
    "sent_at": "2026-11-24T09:30:00Z",
    "finished_at": "2026-11-24T09:30:04Z",
}
_CONFIRMED = _COMMAND | _SENT | {"state": "confirmed", "confirmed_by": "status"}
_REJECTED = (
    _COMMAND
    | _SENT
    | {
        "state": "rejected",
        "error": {
            "code": "OrderStatusChangedInIikoFront",
            "message": "Can not update order, order status was changed at the restaurant checkout",
            "cause": "The order was changed on the POS meanwhile, or cannot take this status from where "
            "it is.",
            "next_step": "Wait for the order to be refreshed, then choose the next status.",
        },
    }
)


def _refusals(texts: dict[str, str]) -> list[OpenApiExample]:
    return [
        OpenApiExample(
            code,
            {"type": "client_error", "errors": [{"code": code, "detail": text, "attr": None}]},
            response_only=True,
        )
        for code, text in texts.items()
    ]


def _answer(name: str, command: dict[str, Any]) -> OpenApiExample:
    return OpenApiExample(name, command, response_only=True)


ANSWERS = {
    200: OpenApiResponse(
        CommandSerializer,
        "It is over: confirmed, rejected or expired.",
        examples=[_answer("confirmed", _CONFIRMED), _answer("rejected by iiko", _REJECTED)],
    ),
    202: OpenApiResponse(
        CommandSerializer,
        "Stored and on its way. Follow it at GET commands/{id}.",
        examples=[_answer("on its way", _COMMAND)],
    ),
    409: OpenApiResponse(
        RefusalsSerializer,
        "It cannot work as the order stands; nothing was stored or sent.",
        examples=_refusals(REFUSALS_409),
    ),
    422: OpenApiResponse(
        RefusalsSerializer,
        "It does not fit the restaurant's dictionaries or its order; nothing was stored or sent.",
        examples=_refusals(REFUSALS_422),
    ),
    429: OpenApiResponse(RefusalsSerializer, "Too many actions within a minute; see `Retry-After`."),
}
REQUESTS: dict[str, dict[str, Any]] = {
    "UpdateStatusSerializer": {
        "on its way": {"status": "OnWay"},
        "handed over": {"status": "Delivered", "delivered_at": "2026-11-24T09:55:00Z"},
    },
    "AssignCourierSerializer": {
        "a courier": {"courier_id": "7d8e9fa0-b1c2-4d3e-8f40-516273849500"},
        "nobody": {"courier_id": None},
    },
    "UpdatePaymentSerializer": {
        "by kind": {"payments": [{"paymentTypeKind": "Cash", "sum": 1520.50}]},
        "paid in your shop": {
            "payments": [{"paymentTypeKind": "Card", "sum": 1520.50, "isProcessedExternally": True}]
        },
        "by type, in two parts": {
            "payments": [
                {"paymentTypeId": "09322f46-578a-d210-add7-eec222a08871", "sum": "1000.00"},
                {"paymentTypeKind": "Cash", "sum": "520.50"},
            ]
        },
    },
    "CancelSerializer": {
        "a reason": {"cancel_reason": "The guest changed their mind"},
        "with what becomes of the food": {
            "cancel_reason": "The guest changed their mind",
            "removal_type_id": "3c4d5e6f-0000-4000-8000-000000000003",
        },
    },
    "ApplyDiscountSerializer": {
        "ten per cent, in a new order": {"discount_percent": 10, "reissue": True},
        "a sum of a type": {
            "discount_id": "51111111-2222-4333-8444-555555555555",
            "discount_sum": "150.00",
            "reissue": True,
        },
        "a type with a size of its own": {
            "discount_id": "51111111-2222-4333-8444-555555555556",
            "reissue": True,
        },
    },
}


_DISCOUNT = _COMMAND | {
    "kind": "apply_discount",
    "phase": "read",
    "new_iiko_order_id": "",
    "params": {
        "discount_id": "51111111-2222-4333-8444-555555555555",
        "name": "Manager",
        "mode": "FlexibleSum",
        "sum_minor": 16510,
        "percent": "10",
        "base_minor": 165100,
        "reissue": True,
    },
}
_REISSUED = {"phase": "cancel_old", "new_iiko_order_id": "9c5e7a91-b2d4-4f60-8172-93a4b5c6d7e9"}


def _ended(state: str, code: str, message: str, **more: Any) -> dict[str, Any]:
    known = MEANINGS[code]
    with translation.override("en"):
        cause, next_step = str(known.cause), str(known.next_step)
    error = {"code": code, "message": message or cause, "cause": cause, "next_step": next_step}
    return _DISCOUNT | _SENT | _REISSUED | {"state": state, "error": error} | more


def _discount_answers() -> dict[int, OpenApiResponse]:
    ended = {
        "given": _DISCOUNT | _SENT | _REISSUED | {"state": "confirmed", "confirmed_by": "status"},
        "the new order was not taken": _ended(
            "rejected", "reissue_refused", "ProductNotFound: Product is not found", phase="create"
        ),
        "the kitchen was faster": _ended("rejected", "undone_cooking", "", phase="cancel_new"),
        "no new order in time": _ended("expired", "reissue_unproved", "", phase="create"),
        "needs attention": _ended("attention", "two_orders", "", phase="cancel_new"),
    }
    told = "It is over: confirmed, rejected, expired, or needs attention (`attention`)."
    return ANSWERS | {
        200: OpenApiResponse(
            CommandSerializer, told, examples=[_answer(name, one) for name, one in ended.items()]
        ),
        202: OpenApiResponse(
            CommandSerializer,
            "Stored and on its way. Follow it at GET commands/{id}.",
            examples=[_answer("on its way", _DISCOUNT)],
        ),
    }


DISCOUNT_ANSWERS = _discount_answers()


def describes(
    summary: str, body: type[Serializer[Any]], answers: dict[int, OpenApiResponse] = ANSWERS
) -> Callable[[Any], Any]:
    """Describe an action with its headers, answers and examples."""
    examples = [
        OpenApiExample(name, value, request_only=True) for name, value in REQUESTS[body.__name__].items()
    ]
    return extend_schema(
        summary=summary,
        description=_DESCRIPTION,
        request=body,
        responses=answers,
        parameters=_HEADERS,
        examples=examples,
        filters=False,
    )
