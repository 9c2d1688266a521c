"""What the attention list holds of people: what they wrote, and who they are."""

from django.db.models import Q

from core.privacy.registry import Kind, Personal, Rows, declare, of_user
from core.privacy.treatments import MASKED

declare(
    "attention.AttentionItem",
    {"facts": of_user(Kind.NAME)},
    harmless={"names a rule, and a row by number": "rule subject"},
    rows=Rows(
        goes_with=lambda found: Q(order__in=found.of("orders.Order")),
    ),
)
declare(
    "attention.AttentionEntry",
    {"note": Personal(Kind.TEXT, MASKED), "actor": of_user(Kind.NAME)},
    rows=Rows(
        goes_with=lambda found: Q(item__in=found.of("attention.AttentionItem")),
        mentions=("note",),
    ),
)
declare("attention.RuleSetting", harmless={"names a rule": "rule"})
declare(
    "attention.Channel",
    {"shown_address": of_user(Kind.EMAIL)},
    harmless={
        "names a channel": "name service",
        "a secret, encrypted": "address",
        "names of rules": "rules",
        "a code": "last_error",
    },
)
declare("attention.Notification", harmless={"a code; a message is written when it is sent": "error"})
declare("attention.WatchRun", harmless={"names of rules": "failed"})
