"""What table orders and reserves hold of people."""

from django.db.models import Q

from core.privacy.registry import Kind, Personal, Rows, declare, of_staff
from core.privacy.treatments import FREE_TEXT, LEAVES

_GUESTS = {
    "customer": Personal(Kind.PROFILE),
    "phone": Personal(Kind.PHONE),
    "items": Personal(Kind.TEXT, FREE_TEXT),
    "loyalty": Personal(Kind.CARD),
    "external_data": Personal(Kind.BODY),
    "error_info": Personal(Kind.BODY, LEAVES),
}
_HARMLESS = {
    "a number or id of the order": "external_number number",
    "a word of the restaurant's dictionaries": "raw_status source_key order_type_name",
    "tables by id": "table_ids",
    "types and sums": "payments tips discounts",
    "which message set a field": "field_precedence",
}

declare(
    "hall.TableOrder",
    _GUESTS | {"tab_name": Personal(Kind.NAME), "waiter_name": of_staff(Kind.NAME)},
    harmless=_HARMLESS | {"how the bill is split": "split_between_registers"},
    rows=Rows(
        phone="phone",
        iiko_id="iiko_id",
        mentions=("customer", "tab_name", "items"),
        is_open=Q(is_open=True),
        mark="personal_data_removed_at",
    ),
)
declare(
    "hall.Reserve",
    _GUESTS | {"comment": Personal(Kind.TEXT), "occasion": Personal(Kind.TEXT)},
    harmless=_HARMLESS | {"a word of iiko's list": "cancel_reason"},
    rows=Rows(
        phone="phone",
        iiko_id="iiko_id",
        mentions=("customer", "comment", "occasion", "items"),
        is_open=Q(is_open=True),
        mark="personal_data_removed_at",
    ),
)
