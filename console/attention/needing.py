"""How much needs attention in the restaurants that a person looks at: what menu, board and title say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q

from attention.access import VIEW, items_for
from attention.counts import open_count
from attention.models.items import AttentionItemQuerySet

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import User

    from organizations.models.organization import Organization


@dataclass(frozen=True, slots=True)
class Needing:
    """How many items are open, and how many of them critical; ``is_old`` where nobody has looked lately."""

    total: int
    critical: int
    is_old: bool

    def __str__(self) -> str:
        return f"{self.total} {self.critical}{' old' if self.is_old else ''}"


def sees_attention(user: User) -> bool:
    return user.has_perm(VIEW)


def items_within(user: User, restaurants: Iterable[Organization]) -> AttentionItemQuerySet:
    """Return what a person may see of these restaurants, and of the hub itself."""
    ids = [one.iiko_id for one in restaurants]
    return items_for(user).filter(Q(organization__in=ids) | Q(organization=None))


def count_needing(user: User, restaurants: Iterable[Organization], now: datetime, *, is_old: bool) -> Needing:
    found = open_count(items_within(user, restaurants), now)
    return Needing(found.total, found.critical, is_old)
