"""What the inbox holds of people: every message as iiko sent it."""

from django.db.models import Q

from core.privacy.registry import Found, Kind, Personal, Rows, declare
from core.privacy.treatments import BODY, EMPTIED, Treatment
from core.values.ids import searchable_id
from webhooks.masking import masked_words
from webhooks.models.inbox import DUE_STATUSES, EventStatus


def _without_quotes(value: object) -> object:
    if isinstance(value, list):
        return [_without_quotes(one) for one in value]
    return masked_words(value) if isinstance(value, str) else value


QUOTES = Treatment("what it quotes replaced", _without_quotes)


def _events(found: Found) -> Q:
    named = [searchable_id(ident) for ident in found.iiko_ids]
    return Q(order__in=found.of("orders.Order")) | Q(entity_key__in=named) & ~Q(entity_key="")


declare(
    "webhooks.WebhookEvent",
    {
        "payload": Personal(Kind.BODY, BODY),
        "raw_body": Personal(Kind.BODY, EMPTIED),
        "processing_error": Personal(Kind.TEXT, QUOTES),
        "notes": Personal(Kind.TEXT, QUOTES),
    },
    harmless={
        "the envelope: type, ids and digests": "event_type entity_key order_external_id digest dedup_key"
    },
    rows=Rows(
        goes_with=_events,
        mentions=("payload", "raw_body", "processing_error", "notes"),
        # A replay of one that is masked whole would take the guest out of somebody else's order.
        about_others=Q(status__in=(EventStatus.PROCESSED, EventStatus.STALE)),
        is_open=Q(status__in=DUE_STATUSES),
        is_left=Q(status__in=DUE_STATUSES),
    ),
)
declare(
    "webhooks.WebhookConfig",
    harmless={
        "an address of the hub": "webhook_url seen_url",
        "a secret of the connection, encrypted": "auth_token previous_auth_token",
        "an error of the connection": "registration_error registration_code drift",
    },
)
declare("webhooks.SyncLease", harmless={"a process of the hub": "holder"})
declare(
    "webhooks.OrderSync",
    harmless={"a login and an address of iiko": "origin", "an error of the connection": "error"},
)
