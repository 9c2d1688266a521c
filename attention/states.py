"""What became of an item, as lists ask for it."""

from datetime import datetime

from django.db.models import Q, TextChoices
from django.utils.translation import pgettext_lazy


class State(TextChoices):
    """Each item is in one of them at a moment."""

    OPEN = "open", pgettext_lazy("attention", "Open")
    SNOOZED = "snoozed", pgettext_lazy("attention", "Snoozed")
    RESOLVED = "resolved", pgettext_lazy("attention", "Resolved")
    ENDED = "ended", pgettext_lazy("attention", "Ended")


def in_state(state: str, now: datetime) -> Q:
    """Match the items that are in ``state`` (a value of ``State``) at a moment."""
    unresolved = Q(ended_at=None, resolved_at=None)
    match State(state):
        case State.OPEN:
            return unresolved & (Q(snoozed_until=None) | Q(snoozed_until__lte=now))
        case State.SNOOZED:
            return unresolved & Q(snoozed_until__gt=now)
        case State.RESOLVED:
            return Q(ended_at=None, resolved_at__isnull=False)
        case State.ENDED:
            return Q(ended_at__isnull=False)
