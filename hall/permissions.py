"""Who may see what of the hall."""

from __future__ import annotations

from typing import Any

SEES_PEOPLE = "hall.view_personal_data"


def sees_people(user: Any) -> bool:
    """Whether a person may see who the guests are."""
    return bool(user.has_perm(SEES_PEOPLE))
