"""What outbound webhooks hold of guests: bodies with them, and what receivers answer."""

from django.db.models import Q

from core.privacy.registry import Found, Kind, Personal, Rows, declare
from core.privacy.treatments import MASKED
from outbound.models.events import EntityType

_ROOTS = {
    EntityType.ORDER: "orders.Order",
    EntityType.COMMAND: "orders.OrderCommand",
    EntityType.LOYALTY_OPERATION: "loyalty.LoyaltyOperation",
    EntityType.ATTENTION_ITEM: "attention.AttentionItem",
}


def _about(found: Found) -> Q:
    about = Q()
    for entity, label in _ROOTS.items():
        about |= Q(entity_type=entity, row_id__in=found.of(label))
    return about


declare(
    "outbound.OutboundEvent",
    # Rendered again, without the guest, where it is still to be sent.
    {"personal_body": Personal(Kind.BODY)},
    harmless={
        "kinds and ids": "event_type entity_type entity_id",
        "of personal columns it names the change alone": "changes",
        "guests are masked in it": "body",
    },
    rows=Rows(goes_with=_about),
)
declare("outbound.Delivery", harmless={"kinds and ids": "event_type entity state last_error"})
declare(
    "outbound.DeliveryAttempt",
    {"answer": Personal(Kind.TEXT, MASKED)},
    harmless={"a code": "error"},
    rows=Rows(
        goes_with=lambda found: Q(delivery__event__in=found.of("outbound.OutboundEvent")),
        mentions=("answer",),
    ),
)
declare(
    "outbound.Subscription",
    harmless={
        "names a program": "name description shown_host",
        "secrets, encrypted": "url secret previous_secret",
        "kinds": "event_types",
        "codes": "last_error disabled_reason",
    },
)
