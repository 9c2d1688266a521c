"""The watch: compares what the rules find with the items there are, begins new ones and ends old ones.

One pass at a time. A pass reads orders and locks none; it writes only items, so that neither it nor whoever
changes orders waits for the other. Whatever ends it in between, nothing of it is written, and the next pass
finds the same.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.models import Q

from attention.models.items import Act, AttentionEntry, AttentionItem
from attention.models.watch_run import WatchRun
from attention.rules.base import Finding, Limits, Rule
from attention.rules.limits import limits_of
from attention.rules.orders import subject_of
from attention.rules.registry import RULES, rule_of
from core import trace
from core.database import db_clock
from core.database.advisory_locks import AdvisoryLock, acquire
from core.database.sql_bulk import update_rows

logger = structlog.stdlib.get_logger(__name__)

_SLOW_S = 1.0
_DELETED_AT_ONCE = 1_000
_FOUND = ("subject", "facts", "severity", "since", "organization", "command", "lost_at", "updated_at")
"""What a pass writes of an item that there is."""

Found = Mapping[str, Finding]
"""What a rule found, by subject."""


@dataclass
class Changes:
    """What a pass is going to write."""

    begun: list[AttentionItem] = field(default_factory=list)
    changed: list[AttentionItem] = field(default_factory=list)
    moved: list[tuple[int, int | None, int | None]] = field(default_factory=list)
    """Items of another order now: their number, the order they were read with, and the new one."""
    lost: list[AttentionItem] = field(default_factory=list)
    ended: list[AttentionItem] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """The rules that could not be looked at."""


class _RuleFailed(Exception):
    """A rule raised; what it raised is logged. The transaction may be of no more use."""


def watch(now: datetime | None = None, rules: Sequence[Rule] = RULES) -> Changes:
    """Look at the rules once; what one of them raises is logged, and its items stay as they are.

    Without ``now`` it is the time at which the passes before are over: one that waited must not undo them.
    """
    failed: list[str] = []
    while True:
        try:
            return _watch(now, rules, failed)
        except _RuleFailed as error:  # once more without it: a savepoint for each would cost every pass
            failed.append(str(error))


@transaction.atomic
def _watch(now: datetime | None, rules: Sequence[Rule], failed: list[str]) -> Changes:
    acquire(AdvisoryLock.ATTENTION, "watch")
    trace.tell_database()
    now = now or db_clock.now()
    changes = Changes(failed=failed)
    limits = limits_of(rules)
    current = _current_items()
    for rule in rules:
        items = current.pop(rule.name, {})
        if rule.name not in failed:
            _compare(rule, _found_by(rule, now, limits[rule.name]), items, changes, now)
    _end_those_of_former_rules(current, changes)
    _write(changes, now)
    WatchRun.objects.update_or_create(pk=1, defaults={"at": now, "failed": failed})
    return changes


def _current_items() -> dict[str, dict[str, AttentionItem]]:
    """Read what is current: by rule, then by subject."""
    items: dict[str, dict[str, AttentionItem]] = {}
    for item in AttentionItem.objects.current().order_by():
        items.setdefault(item.rule, {})[item.subject] = item
    return items


def _found_by(rule: Rule, now: datetime, limits: Limits) -> Found:
    began = time.monotonic()
    try:
        found = {finding.subject: finding for finding in rule.find(now, limits)}
    except Exception as error:
        if connection.connection is None or connection.connection.closed:
            raise
        logger.exception("attention.rule_failed", rule=rule.name)
        raise _RuleFailed(rule.name) from error
    if (took_s := time.monotonic() - began) > _SLOW_S:
        logger.warning("attention.rule_slow", rule=rule.name, duration_s=round(took_s, 2))
    return found


def _compare(
    rule: Rule, found: Found, items: dict[str, AttentionItem], changes: Changes, now: datetime
) -> None:
    moved = _follow_merged(found, items)
    for subject, finding in found.items():
        item = items.get(subject)
        if item is None:
            changes.begun.append(_item_of(rule, finding, now))
            continue
        former = item.order_id
        if _take_over(item, rule, finding, now) or subject in moved:
            changes.changed.append(item)
        if item.order_id != former:
            changes.moved.append((item.pk, former, item.order_id))
    for subject, item in items.items():
        if subject in found:
            continue
        if now - (item.lost_at or now) >= rule.linger:
            changes.ended.append(item)
        elif item.lost_at is None:
            item.lost_at = now
            changes.lost.append(item)


def _follow_merged(found: Found, items: dict[str, AttentionItem]) -> set[str]:
    """Give the item of a row that was merged the subject of the order that stayed, unless that has its own.

    ``attention.receivers`` has moved it to that order; returns the subjects that were given.
    """
    moved = set()
    for former in [one for one in items.values() if one.subject.startswith(subject_of(0)[:-1])]:
        subject = subject_of(former.order_id or 0)
        if subject != former.subject and subject in found and subject not in items:
            items[subject] = items.pop(former.subject)
            former.subject = subject
            moved.add(subject)
    return moved


def _item_of(rule: Rule, finding: Finding, now: datetime) -> AttentionItem:
    item = AttentionItem(
        rule=rule.name, subject=finding.subject, opened_at=now, since=min(finding.since, now)
    )
    _take_over(item, rule, finding, now)
    return item


def _take_over(item: AttentionItem, rule: Rule, finding: Finding, now: datetime) -> bool:
    """Bring an item up to date; returns whether anything is different."""
    before = (item.facts, item.severity, item.organization_id, item.order_id, item.command_id, item.lost_at)
    if item.facts != finding.facts and finding.since < now:
        item.since = finding.since
    item.facts, item.severity = finding.facts, rule.severity
    item.organization_id = finding.organization_id
    item.order_id, item.command_id, item.lost_at = finding.order_id, finding.command_id, None
    after = (item.facts, item.severity, item.organization_id, item.order_id, item.command_id, item.lost_at)
    return before != after


def _end_those_of_former_rules(left: dict[str, dict[str, AttentionItem]], changes: Changes) -> None:
    for name, items in left.items():
        try:
            rule_of(name)
        except KeyError:
            changes.ended += items.values()


def _write(changes: Changes, now: datetime) -> None:
    for item in (*changes.begun, *changes.changed, *changes.ended):
        item.updated_at = now
    for item in changes.ended:
        item.ended_at = now
    AttentionItem.objects.bulk_create(changes.begun)
    update_rows(AttentionItem, _FOUND, [_columns(item) for item in changes.changed])
    for pk, former, order_id in changes.moved:  # unless ``attention.receivers`` has moved it meanwhile
        AttentionItem.objects.filter(Q(order_id=former), pk=pk).update(order_id=order_id)
    _update(changes.lost, lost_at=now)
    _update(changes.ended, ended_at=now, updated_at=now)
    AttentionEntry.objects.bulk_create(
        AttentionEntry(item=item, organization_id=item.organization_id, act=act, at=now)
        for act, items in ((Act.FOUND, changes.begun), (Act.ENDED, changes.ended))
        for item in items
    )
    if changes.begun or changes.ended:
        logger.info("attention.changed", begun=len(changes.begun), ended=len(changes.ended))


def _columns(item: AttentionItem) -> dict[str, object]:
    return {
        "id": item.pk,
        "subject": item.subject,
        "facts": item.facts,
        "severity": item.severity,
        "since": item.since,
        "organization_id": item.organization_id,
        "command_id": item.command_id,
        "lost_at": item.lost_at,
        "updated_at": item.updated_at,
    }


def _update(items: Iterable[AttentionItem], **values: datetime) -> None:
    if ids := [item.pk for item in items]:
        AttentionItem.objects.filter(pk__in=ids).update(**values)


def forget_old_items(*, days: int, now: datetime) -> int:
    """Delete items that ended so many days ago, with their history; returns how many. 0 days: keep all."""
    if not days:
        return 0
    deleted = 0
    old = AttentionItem.objects.filter(ended_at__lt=now - timedelta(days=days)).order_by("ended_at")
    while ids := list(old.values_list("pk", flat=True)[:_DELETED_AT_ONCE]):
        AttentionItem.objects.filter(pk__in=ids).delete()
        deleted += len(ids)
    return deleted
