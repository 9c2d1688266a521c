"""Access to the API: a key sees its organizations, a person what their permissions allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from core.access import visible_to
from organizations.access import of_restaurants
from organizations.models.api_keys import ApiKey

if TYPE_CHECKING:
    # DRF loads this module while it is loading its views.
    from rest_framework.views import APIView

M = TypeVar("M", bound=Model)


class HasApiAccess(BasePermission):
    """A usable key, or a signed-in member of staff with the permission the view names.

    A read-only key is refused here for every method that changes something, so that a new route cannot
    forget it.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, ApiKey):
            if request.method not in SAFE_METHODS:
                _check_key_may_act(request.auth)
            return True
        needed: str | None = getattr(view, "staff_permission", None)
        user = request.user
        return user.is_active and user.is_staff and (needed is None or user.has_perm(needed))


def check_may_act(request: Request, permission: str) -> None:
    """Refuse a read-only key, and a person without the permission.

    Raises:
        PermissionDenied: 403.
    """
    if isinstance(request.auth, ApiKey):
        _check_key_may_act(request.auth)
        return
    if not request.user.has_perm(permission):
        raise PermissionDenied()


def _check_key_may_act(key: ApiKey) -> None:
    if not key.may_act:
        raise PermissionDenied(
            "This API key may only read. Let it act in the admin (API keys), or make another."
        )


def in_scope(request: Request, rows: QuerySet[M]) -> QuerySet[M]:
    """Keep the rows of restaurants that the caller may see, be it a key or a person."""
    key = request.auth
    if not isinstance(key, ApiKey):
        return visible_to(request.user, rows)
    return rows if key.sees_all else of_restaurants(rows, key.organizations.values_list("iiko_id", flat=True))
