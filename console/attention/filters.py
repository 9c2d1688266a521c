"""What the attention page is narrowed by."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Count, Q, TextChoices
from django.http import QueryDict
from django.utils.http import urlencode
from django.utils.translation import pgettext_lazy

from attention.models.items import AttentionItemQuerySet, Severity
from attention.rules.registry import RULES
from attention.states import State, in_state

ENDED_SHOWN = timedelta(days=1)


class Show(TextChoices):
    """Which items the page shows, by what people did with them."""

    OPEN = State.OPEN.value, State.OPEN.label
    MINE = "mine", pgettext_lazy("attention", "Mine")
    UNOWNED = "unowned", pgettext_lazy("attention", "Nobody's")
    SNOOZED = State.SNOOZED.value, State.SNOOZED.label
    RESOLVED = State.RESOLVED.value, State.RESOLVED.label
    ENDED = State.ENDED.value, pgettext_lazy("attention", "Ended in the last day")


def _narrowed_to(show: Show, user: User, now: datetime) -> Q:
    match show:
        case Show.MINE:
            return Q(ended_at=None, resolved_at=None, taken_by=user)
        case Show.UNOWNED:
            return in_state(State.OPEN, now) & Q(taken_at=None)
        case Show.ENDED:
            return Q(ended_at__gte=now - ENDED_SHOWN)
    return in_state(show, now)


@dataclass(frozen=True, slots=True)
class Filters:
    """What is chosen; empty texts choose everything, and so does what does not exist."""

    show: Show = Show.OPEN
    severity: str = ""
    rule: str = ""
    organization: str = ""

    @classmethod
    def of(cls, query: QueryDict, restaurants: set[str]) -> "Filters":
        """Read an address; ``restaurants`` are iiko's ids of those that may be chosen."""

        def known(name: str, values: set[str]) -> str:
            value = query.get(name, "")
            return value if value in values else ""

        return cls(
            Show(known("show", set(Show.values)) or Show.OPEN),
            known("severity", set(map(str, Severity.values))),
            known("rule", {rule.name for rule in RULES}),
            known("organization", restaurants),
        )

    def query(self, show: Show | None = None) -> str:
        """Write the address again, with another ``show`` if one is named."""
        shown = show or self.show
        chosen = {
            "show": "" if shown == Show.OPEN else shown.value,
            "severity": self.severity,
            "rule": self.rule,
            "organization": self.organization,
        }
        text = urlencode({name: value for name, value in chosen.items() if value})
        return f"?{text}" if text else ""

    @property
    def is_narrowed(self) -> bool:
        return bool(self.severity or self.rule or self.organization)

    def of_every_show(self, items: AttentionItemQuerySet) -> AttentionItemQuerySet:
        """Apply all filters but ``show``."""
        if self.severity:
            items = items.filter(severity=int(self.severity))
        if self.rule:
            items = items.filter(rule=self.rule)
        if self.organization:
            items = items.filter(organization__iiko_id=self.organization)
        return items

    def shown(self, items: AttentionItemQuerySet, user: User, now: datetime) -> AttentionItemQuerySet:
        """Return what is shown: critical first, then the oldest; of ended ones the last first."""
        found = self.of_every_show(items).filter(_narrowed_to(self.show, user, now))
        return found.order_by("-ended_at", "-id") if self.show == Show.ENDED else found

    def counts(self, items: AttentionItemQuerySet, user: User, now: datetime) -> dict[str, int]:
        """Count what each ``show`` would show, by one query."""
        recent = self.of_every_show(items).filter(Q(ended_at=None) | _narrowed_to(Show.ENDED, user, now))
        return recent.aggregate(
            **{show.value: Count("pk", filter=_narrowed_to(show, user, now)) for show in Show}
        )
