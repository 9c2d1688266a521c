"""Items in words: the same on the console, in the admin and in the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

import structlog
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.timezone import get_default_timezone
from django.utils.translation import gettext as _

from attention.models.items import Act, AttentionEntry, AttentionItem
from attention.models.watch_run import WatchState
from attention.rules.base import NextStep, Rule
from attention.rules.registry import RULES, rule_of
from core.access import AnyUser
from core.display import ago_text

logger = structlog.stdlib.get_logger(__name__)


def zone_of(item: AttentionItem) -> tzinfo:
    """Return the clock of the item's restaurant; of the hub's own items that of the hub."""
    return item.organization.zone() if item.organization is not None else get_default_timezone()


def title_of(item: AttentionItem) -> str:
    """Return the title of its rule; of a rule that this version does not know the name."""
    rule = _known_rule(item)
    return item.rule if rule is None else str(rule.title)


def sentence_of(item: AttentionItem, now: datetime, *, zone: tzinfo | None = None) -> str:
    """Say what is wrong, or the title of the rule: another version may have kept other facts.

    ``zone``: on another clock than that of ``zone_of``.
    """
    if (rule := _known_rule(item)) is None:
        return item.rule
    try:
        return rule.sentence(item, now=now, zone=zone or zone_of(item))
    except Exception:  # one odd item must not take the whole list away
        logger.exception("attention.no_sentence", rule=item.rule, item_id=item.pk)
        return str(rule.title)


def next_step_of(item: AttentionItem, user: AnyUser) -> NextStep | None:
    """Return where the person goes on; None where the page would be refused, or it cannot be told."""
    step = step_of(item)
    return step if step is not None and (not step.permission or user.has_perm(step.permission)) else None


def step_of(item: AttentionItem) -> NextStep | None:
    """Return where to go on, whoever may open that page; None where it cannot be told."""
    rule = _known_rule(item)
    try:
        return None if rule is None else rule.next_step(item)
    except Exception:  # as above
        logger.exception("attention.no_next_step", rule=item.rule, item_id=item.pk)
        return None


def _known_rule(item: AttentionItem) -> Rule | None:
    try:
        return rule_of(item.rule)
    except KeyError:
        return None


def warnings_of(watch: WatchState, now: datetime) -> Iterator[str]:
    """Say why the list cannot be believed; nothing where it can."""
    if watch.last_at is None:
        yield _("Nobody has looked yet for what needs attention: check whether the worker runs.")
    elif watch.is_standing_still:
        words = _(
            "Nobody looks for what needs attention: the last time was %(ago)s. The list may be old; check "
            "whether the worker runs."
        )
        yield words % {"ago": ago_text(watch.last_at, now)}
    if watch.failed_rules:
        titles = [str(rule.title) for rule in RULES if rule.name in watch.failed_rules]
        words = _("These could not be looked at, and show what they found earlier: %(rules)s.")
        yield words % {"rules": ", ".join(titles)}


def with_holder(items: QuerySet[AttentionItem]) -> QuerySet[AttentionItem]:
    """Add ``holder``: the name of who took an item last, be it a person or an API key."""
    taken = AttentionEntry.objects.filter(item=OuterRef("pk"), act=Act.TAKEN).order_by("-id")
    return items.annotate(holder=Subquery(taken.values("actor")[:1]))
