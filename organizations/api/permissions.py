"""Access to the API: a key sees its organizations, a person what their permissions allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from core.access import visible_to
from core.privacy.rights import GUESTS
from organizations.access import of_restaurants
from organizations.models.api_keys import ApiKey, KeyRight

if TYPE_CHECKING:
    # DRF loads this module while it is loading its views.
    from rest_framework.views import APIView

M = TypeVar("M", bound=Model)


class HasApiAccess(BasePermission):
    """A usable key, or a signed-in member of staff with the permission the view names.

    A key without the right for it is refused here for every method that changes something, so that a new
    route cannot forget it. Where the view names no permission, ``check_may_act`` tells the rights apart.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed: str | None = getattr(view, "staff_permission", None)
        key, user = request.auth, request.user
        if not isinstance(key, ApiKey):
            return user.is_active and user.is_staff and (needed is None or user.has_perm(needed))
        if request.method not in SAFE_METHODS:
            if not key.rights:
                raise _lacks(_("it may only read"))
            if needed is not None:
                _check_right(key, needed)
        return True


def check_may_act(request: Request, permission: str) -> None:
    """Refuse a key without the right for it, and a person without the permission.

    Raises:
        PermissionDenied: 403.
    """
    if isinstance(request.auth, ApiKey):
        _check_right(request.auth, permission)
    elif not request.user.has_perm(permission):
        raise PermissionDenied()


def _check_right(key: ApiKey, permission: str) -> None:
    right = KeyRight.for_permission(permission)
    if right not in key.rights:
        raise _lacks(str(right.label))


def _lacks(right: str) -> PermissionDenied:
    words = _("This API key lacks a right (%(right)s). Give it in the admin (API keys), or make another.")
    return PermissionDenied(words % {"right": right})


def shows_people(request: Request, *rights: str) -> bool:
    """Whether the caller is shown guests: a key that acts on orders is, a person by permission.

    ``rights`` are those of persons; without one it is that of deliveries and loyalty.
    """
    key = request.auth
    return key.may_act if isinstance(key, ApiKey) else request.user.has_perms(rights or (GUESTS,))


def in_scope(request: Request, rows: QuerySet[M]) -> QuerySet[M]:
    """Keep the rows of restaurants that the caller may see, be it a key or a person."""
    key = request.auth
    if not isinstance(key, ApiKey):
        return visible_to(request.user, rows)
    return rows if key.sees_all else of_restaurants(rows, key.organizations.values_list("iiko_id", flat=True))
