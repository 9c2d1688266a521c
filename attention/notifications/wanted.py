"""What a channel tells of, as it is set now: asked before a notification is planned and before it is sent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from django.db.models import QuerySet

from attention.models.channels import Channel
from attention.models.items import AttentionItem
from attention.notifications.errors import ENDED, NOT_CHOSEN, RESOLVED, SNOOZED, TAKEN


@dataclass(frozen=True, slots=True)
class Wanted:
    """``restaurants`` are ids of iiko, read once; empty: all of them, and the hub itself."""

    channel: Channel
    restaurants: frozenset[str]

    @classmethod
    def by(cls, channel: Channel) -> Self:
        return cls(channel, frozenset(channel.restaurants.values_list("iiko_id", flat=True)))

    def items(self, now: datetime) -> QuerySet[AttentionItem]:
        """Return the open items that the channel tells of and nobody has taken."""
        items = AttentionItem.objects.open(now).filter(
            taken_at__isnull=True,
            severity__gte=self.channel.least_severity,
            opened_at__gte=self.channel.active_since,
        )
        items = items.exclude(subject=self._itself)
        if self.channel.rules:
            items = items.filter(rule__in=self.channel.rules)
        if self.restaurants:
            items = items.filter(organization_id__in=self.restaurants)
        return items.select_related("organization").order_by("id")

    def not_needed(self, item: AttentionItem, now: datetime) -> str:
        """Return why nobody has to be told of an item any more, as a code; empty: they have to."""
        if item.ended_at is not None:
            return ENDED
        if item.resolved_at is not None:
            return RESOLVED
        if item.taken_at is not None:
            return TAKEN
        if item.snoozed_until is not None and item.snoozed_until > now:
            return SNOOZED
        return "" if self._is_of_channel(item) else NOT_CHOSEN

    @property
    def _itself(self) -> str:
        """The subject of items about the channel, which it does not tell of."""
        return f"channel:{self.channel.pk}"

    def _is_of_channel(self, item: AttentionItem) -> bool:
        return (
            item.severity >= self.channel.least_severity
            and item.opened_at >= self.channel.active_since
            and item.subject != self._itself
            and (not self.channel.rules or item.rule in self.channel.rules)
            and (not self.restaurants or str(item.organization_id) in self.restaurants)
        )
