"""Items in words: the same on the console, in the admin and in the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.timezone import get_default_timezone
from django.utils.translation import gettext as _

from attention.models.items import Act, AttentionEntry, AttentionItem
from attention.models.watch_run import WatchState
from attention.rules.base import NextStep
from attention.rules.registry import RULES, rule_of
from core.display import ago_text


def zone_of(item: AttentionItem) -> tzinfo:
    """Return the clock of the item's restaurant; of the hub's own items that of the hub."""
    return item.organization.zone() if item.organization is not None else get_default_timezone()


def sentence_of(item: AttentionItem, now: datetime) -> str:
    return rule_of(item.rule).sentence(item, now=now, zone=zone_of(item))


def next_step_of(item: AttentionItem) -> NextStep | None:
    return rule_of(item.rule).next_step(item)


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
