"""Items in words: the same on the console, in the admin and in the API."""

from __future__ import annotations

from datetime import datetime, tzinfo

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.timezone import get_default_timezone

from attention.models.items import Act, AttentionEntry, AttentionItem
from attention.rules.base import NextStep
from attention.rules.registry import rule_of
from core.access import AnyUser


def zone_of(item: AttentionItem) -> tzinfo:
    """Return the clock of the item's restaurant; of the hub's own items that of the hub."""
    return item.organization.zone() if item.organization is not None else get_default_timezone()


def sentence_of(item: AttentionItem, now: datetime) -> str:
    return rule_of(item.rule).sentence(item, now=now, zone=zone_of(item))


def next_step_of(item: AttentionItem, user: AnyUser) -> NextStep | None:
    """Return where the person goes on; None where the page would be refused."""
    step = rule_of(item.rule).next_step(item)
    return step if step is not None and (not step.permission or user.has_perm(step.permission)) else None


def with_holder(items: QuerySet[AttentionItem]) -> QuerySet[AttentionItem]:
    """Add ``holder``: the name of who took an item last, be it a person or an API key."""
    taken = AttentionEntry.objects.filter(item=OuterRef("pk"), act=Act.TAKEN).order_by("-id")
    return items.annotate(holder=Subquery(taken.values("actor")[:1]))
