"""Items in words: the same on the console, in the admin and in the API."""

from __future__ import annotations

from datetime import datetime, tzinfo

import structlog
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.timezone import get_default_timezone

from attention.models.items import Act, AttentionEntry, AttentionItem
from attention.rules.base import NextStep, Rule
from attention.rules.registry import rule_of
from core.access import AnyUser

logger = structlog.stdlib.get_logger(__name__)


def zone_of(item: AttentionItem) -> tzinfo:
    """Return the clock of the item's restaurant; of the hub's own items that of the hub."""
    return item.organization.zone() if item.organization is not None else get_default_timezone()


def title_of(item: AttentionItem) -> str:
    """Return the title of its rule; of a rule that this version does not know the name."""
    rule = _known_rule(item)
    return item.rule if rule is None else str(rule.title)


def sentence_of(item: AttentionItem, now: datetime) -> str:
    """Say what is wrong, or the title of the rule: another version may have kept other facts."""
    if (rule := _known_rule(item)) is None:
        return item.rule
    try:
        return rule.sentence(item, now=now, zone=zone_of(item))
    except Exception:  # one odd item must not take the whole list away
        logger.exception("attention.no_sentence", rule=item.rule, item_id=item.pk)
        return str(rule.title)


def next_step_of(item: AttentionItem, user: AnyUser) -> NextStep | None:
    """Return where the person goes on; None where the page would be refused, or it cannot be told."""
    rule = _known_rule(item)
    try:
        step = None if rule is None else rule.next_step(item)
    except Exception:  # as above
        logger.exception("attention.no_next_step", rule=item.rule, item_id=item.pk)
        return None
    return step if step is not None and (not step.permission or user.has_perm(step.permission)) else None


def _known_rule(item: AttentionItem) -> Rule | None:
    try:
        return rule_of(item.rule)
    except KeyError:
        return None


def with_holder(items: QuerySet[AttentionItem]) -> QuerySet[AttentionItem]:
    """Add ``holder``: the name of who took an item last, be it a person or an API key."""
    taken = AttentionEntry.objects.filter(item=OuterRef("pk"), act=Act.TAKEN).order_by("-id")
    return items.annotate(holder=Subquery(taken.values("actor")[:1]))
