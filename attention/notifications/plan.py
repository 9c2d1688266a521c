"""Which notifications are due: a look at the whole table, so that whoever dies, nothing is lost.

Every look writes down what is open and was not told yet, once for each cause, and hands over what waited:
for the end of quiet hours, or for room within the hour. A look that is repeated finds nothing to do.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from attention.models.channels import LIMITED_OVER, Channel, Kind, Notification, SendState
from attention.models.items import AttentionItem, Severity
from attention.notifications.errors import SWITCHED_OFF, is_of_this_message
from attention.notifications.text import zone_of
from attention.notifications.wanted import Wanted

FLAPS_WITHIN = timedelta(minutes=15)
"""What ended and began again so soon after it was told waits: a rule to and fro is one message."""

_Failure = tuple[int | None, int, str]
"""Item, number and error of a message that was given up."""


def plan_all(*, now: datetime) -> list[int]:
    """Plan for each channel; return the channels that a sender has something to do for."""
    for channel_id in Channel.objects.order_by("pk").values_list("pk", flat=True):
        plan_channel(channel_id, now=now)
    is_free = Q(channel__leased_until__isnull=True) | Q(channel__leased_until__lte=now)
    due = Notification.objects.due(now).filter(is_free)
    return list(due.order_by("channel_id").values_list("channel_id", flat=True).distinct())


@transaction.atomic
def plan_channel(channel_id: int, *, now: datetime) -> None:
    channel = Channel.objects.select_for_update().filter(pk=channel_id).first()
    if channel is None:
        return
    if not channel.is_active:
        for one in channel.notifications.unfinished().exclude(kind=Kind.TEST):
            one.end(SendState.DROPPED, now=now, error=SWITCHED_OFF)
        return
    planning = _Planning(channel, Wanted.by(channel), now)
    planning.drop_what_is_over()
    planning.queue(planning.waiting(), are_held=True)
    planning.queue(planning.new_ones(), are_held=False)


@dataclass(frozen=True, slots=True)
class _Planning:
    """One look at one channel, whose row is locked."""

    channel: Channel
    wanted: Wanted
    now: datetime

    def drop_what_is_over(self) -> None:
        for one in self._held():
            if one.item is not None and (reason := self.wanted.not_needed(one.item, self.now)):
                one.end(SendState.DROPPED, now=self.now, error=reason)

    def waiting(self) -> list[Notification]:
        """Return what waited for the end of quiet hours or for room, and may go now."""
        return [one for one in self._held() if one.item is not None and not self._is_quiet(one.item)]

    def new_ones(self) -> list[Notification]:
        """Write down what was not told yet; return what may go now."""
        items = list(self.wanted.items(self.now))
        told = self.channel.notifications.filter(item__in=items).order_by("item_id", "-number")
        last = {one.item_id: one for one in told.distinct("item_id")}
        failures = set(told.filter(state=SendState.FAILED).values_list("item_id", "number", "error"))
        flapping = self._told_lately()
        made = []
        for item in items:
            is_new = item.pk not in last
            if is_new and (item.rule, item.subject) in flapping:
                continue
            one = self._first(item) if is_new else self._next(item, last[item.pk], failures)
            if one is not None:
                made.append(one)
        Notification.objects.bulk_create(made)
        return [one for one in made if one.item is not None and not self._is_quiet(one.item)]

    def queue(self, ones: Sequence[Notification], *, are_held: bool) -> None:
        """Let go what the hour has room for: one by one; what does not fit, and what waited, together."""
        room = self._room()
        if not ones or room <= 0:
            return
        alone = 0 if are_held else len(ones) if len(ones) <= room else room - 1
        self._let_go(ones[:alone])
        rest = ones[alone:]
        if len(rest) == 1:
            self._let_go(rest)
        elif rest:
            digest = Notification(channel=self.channel, kind=Kind.DIGEST, planned_at=self.now)
            self._let_go([digest])
            Notification.objects.filter(pk__in=[one.pk for one in rest]).update(digest=digest)

    def _held(self) -> QuerySet[Notification]:
        held = self.channel.notifications.filter(state=SendState.HELD, digest__isnull=True)
        return held.select_related("item__organization").order_by("id")

    def _told_lately(self) -> set[tuple[str, str]]:
        lately = self.channel.notifications.filter(planned_at__gt=self.now - FLAPS_WITHIN, item__isnull=False)
        return set(lately.exclude(state=SendState.DROPPED).values_list("item__rule", "item__subject"))

    def _first(self, item: AttentionItem) -> Notification:
        return self._made(item, 0, Kind.NEW)

    def _next(self, item: AttentionItem, last: Notification, failures: Set[_Failure]) -> Notification | None:
        """Tell of an item again: given back before it was told, slept long enough, or not taken.

        Or given up while the receiver was away, which takes messages again; twice for one reason it is
        the message that does not go through.
        """
        if last.finished_at is None:
            return None
        is_back = self.channel.failing_since is None and not is_of_this_message(last.error)
        is_first_time = (item.pk, last.number - 1, last.error) not in failures
        if last.state == SendState.DROPPED or (last.state == SendState.FAILED and is_back and is_first_time):
            return self._made(item, last.number + 1, Kind.NEW)
        is_awake_again = item.snoozed_until is not None and last.planned_at < item.snoozed_until
        pause = timedelta(minutes=self.channel.repeat_minutes)
        is_due = bool(pause) and last.finished_at <= self.now - pause and not self._is_quiet(item)
        return self._made(item, last.number + 1, Kind.REPEAT) if is_awake_again or is_due else None

    def _made(self, item: AttentionItem, number: int, kind: Kind) -> Notification:
        return Notification(
            channel=self.channel,
            item=item,
            number=number,
            kind=kind,
            state=SendState.HELD,
            planned_at=self.now,
        )

    def _is_quiet(self, item: AttentionItem) -> bool:
        if self.channel.quiet_from is None:
            return False
        if self.channel.critical_breaks_quiet and item.severity >= Severity.CRITICAL:
            return False
        return self.channel.is_quiet_at(self.now.astimezone(zone_of(item, self.channel)).time())

    def _room(self) -> int:
        sent = self.channel.notifications.messages_since(self.now - LIMITED_OVER).count()
        return self.channel.most_per_hour - sent

    def _let_go(self, ones: Iterable[Notification]) -> None:
        for one in ones:
            one.state, one.queued_at, one.next_attempt_at = SendState.PENDING, self.now, self.now
            one.save()


@transaction.atomic
def plan_test(channel: Channel, *, now: datetime) -> Notification:
    """Write down a test of a channel, whether it is active or not; one that waits already stands for it."""
    Channel.objects.select_for_update().get(pk=channel.pk)
    waiting = channel.notifications.unfinished().filter(kind=Kind.TEST).first()
    return waiting or Notification.objects.create(
        channel=channel,
        kind=Kind.TEST,
        state=SendState.PENDING,
        planned_at=now,
        queued_at=now,
        next_attempt_at=now,
    )
