"""How much needs attention in the restaurants that a person looks at: what menu, board and title say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db.models import Q

from attention.access import VIEW, items_for
from attention.models.items import AttentionItemQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from organizations.models.organization import Organization


def sees_attention(user: User) -> bool:
    return user.has_perm(VIEW)


def items_within(user: User, restaurants: Iterable[Organization]) -> AttentionItemQuerySet:
    """Return what a person may see of these restaurants, and of the hub itself."""
    ids = [one.iiko_id for one in restaurants]
    return items_for(user).filter(Q(organization__in=ids) | Q(organization=None))
