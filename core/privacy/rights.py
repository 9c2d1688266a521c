"""Who is shown guests: one right for those of deliveries and of loyalty, one for those of the hall."""

from core.access import AnyUser

GUESTS = "loyalty.view_personal_data"
HALL_GUESTS = "hall.view_personal_data"


def sees_guests(user: AnyUser) -> bool:
    """Whether a person is shown who ordered, where to, and whose wallet it is."""
    return user.has_perm(GUESTS)


def sees_hall_guests(user: AnyUser) -> bool:
    return user.has_perm(HALL_GUESTS)


def sees_all_guests(user: AnyUser) -> bool:
    """Whether a person is shown what may name guests of either kind, such as a call to iiko."""
    return user.has_perms((GUESTS, HALL_GUESTS))
