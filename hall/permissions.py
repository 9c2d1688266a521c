"""Who may see what of the hall."""

from django.contrib.auth.models import AnonymousUser, User

SEES_PEOPLE = "hall.view_personal_data"


def sees_people(user: User | AnonymousUser) -> bool:
    """Tell whether a person may see who the guests are."""
    return user.has_perm(SEES_PEOPLE)
