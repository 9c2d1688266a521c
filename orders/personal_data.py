"""What the mirror of the orders, their history and the commands hold of people."""

from django.db.models import Q

from core.privacy.registry import (
    ALL,
    Kind,
    Personal,
    Rows,
    Whose,
    declare,
    of_staff,
    of_user,
    personal_fields,
)
from core.privacy.treatments import BODY, EMPTIED, FOLLOWS, FREE_TEXT, HISTORY, LEAVES, MASKED
from orders.models.command import OPEN_STATES, CommandState

_NUMBER = "a number or id of the order"
_TRADE = "a word of the restaurant's dictionaries"
_CODE = "a code"

declare(
    "orders.Order",
    {
        "customer": Personal(Kind.PROFILE),
        "phone": Personal(Kind.PHONE),
        "phone_extension": Personal(Kind.PHONE),
        "address": Personal(Kind.ADDRESS),
        "comment": Personal(Kind.TEXT),
        "problem": Personal(Kind.TEXT, MASKED),
        "cancel_comment": Personal(Kind.TEXT, MASKED),
        "tracking_link": Personal(Kind.ADDRESS),
        "items": Personal(Kind.TEXT, FREE_TEXT),
        "loyalty": Personal(Kind.CARD),
        "external_data": Personal(Kind.BODY),
        "error_info": Personal(Kind.BODY, LEAVES),
        "courier_name": of_staff(Kind.NAME),
        "courier_phone": of_staff(Kind.PHONE, EMPTIED),
        "operator_name": of_staff(Kind.NAME, EMPTIED),
        "refusal_acknowledged_by": of_user(Kind.NAME),
    },
    harmless={
        _NUMBER: "external_order_id soi_external_id readable_number",
        _TRADE: "raw_status order_type_name restaurant_name delivery_zone source_key cancel_cause",
        "a courier service, not a person": "external_courier_service_name",
        "orders and restaurants by id": "moved",
        "types and sums": "payments tips discounts",
        "which message set a field": "field_precedence",
    },
    rows=Rows(
        phone="phone",
        iiko_id="iiko_order_id",
        mentions=("customer", "address", "comment", "problem", "cancel_comment", "items"),
        is_open=Q(is_open=True),
        mark="personal_data_removed_at",
    ),
)
_IN_TIMELINE = ("command", *(personal_fields("orders.Order", Whose.GUEST).keys() - {"items"}))
"""Items are kept there briefly, without comments."""

declare(
    "orders.OrderTerms",
    {"terms": Personal(Kind.TERMS, FOLLOWS)},
)
declare(
    "orders.TimelineEntry",
    {
        "from_value": Personal(Kind.BODY, HISTORY),
        "to_value": Personal(Kind.BODY, HISTORY),
        "actor": of_user(Kind.NAME),
    },
    harmless={"names a field": "what"},
    rows=Rows(
        goes_with=lambda found: Q(order__in=found.of("orders.Order"), what__in=_IN_TIMELINE),
        mentions=("from_value", "to_value"),
        about_others=ALL,
    ),
)
declare(
    "orders.OrderCommand",
    {
        "params": Personal(Kind.TEXT, FREE_TEXT),
        "state_data": Personal(Kind.BODY, FREE_TEXT),
        "error": Personal(Kind.TEXT, BODY),
        "order_snapshot": of_staff(Kind.NAME),
        "requested_by": of_user(Kind.NAME),
        "acknowledged_by": of_user(Kind.NAME),
    },
    harmless={_CODE: "error_code confirmed_by"},
    rows=Rows(
        goes_with=lambda found: Q(order__in=found.of("orders.Order")),
        mentions=("params", "error"),
        about_others=ALL,
        is_open=Q(state__in=(*OPEN_STATES, CommandState.NEEDS_ATTENTION)),
    ),
)
declare(
    "orders.IdempotencyKey",
    harmless={
        "a program's name for a request, and a digest": "key fingerprint",
        "a key or a user by number": "owner",
    },
)
