"""Who a session is of: nobody, until every step of signing in has been taken.

Whoever gave the password and owes the code, or has to set the second step up first, is a stranger to every
view, page or API: only the pages of the second step look further (``known_by_password``). So no address can
be forgotten here.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.middleware import AuthenticationMiddleware, get_user
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Exists, F, OuterRef
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from iikohub.models.sign_in import TwoStepGroup
from iikohub.sign_in.sessions import PASSED, began_after


class Step(Enum):
    """What a session lacks after the password."""

    CODE = "code"
    SET_UP = "set up"


class PeopleBackend(ModelBackend):
    """Read a person together with what the gate asks of them: each request would be a query dearer else."""

    def get_user(self, user_id: int) -> User | None:
        user = (
            User.objects.filter(pk=user_id)
            .annotate(
                factor_pk=F("second_factor__pk"),
                factor_since=F("second_factor__confirmed_at"),
                signed_out_at=F("sign_out__at"),
                is_in_two_step_group=Exists(TwoStepGroup.objects.filter(group__user=OuterRef("pk"))),
            )
            .first()
        )
        return user if user is not None and self.user_can_authenticate(user) else None


class GateMiddleware(AuthenticationMiddleware):
    """Stand in place of Django's own; lazy as it is."""

    def process_request(self, request: HttpRequest) -> None:
        request.user = cast("User", SimpleLazyObject(lambda: _let_through(request)))


def _let_through(request: HttpRequest) -> User | AnonymousUser:
    user = known_by_password(request)
    if missing_step(request) is None:
        return user
    request.known_by_password = user  # type: ignore[attr-defined]  # read by ``audit.trail``
    return AnonymousUser()


def known_by_password(request: HttpRequest) -> User | AnonymousUser:
    """Return whose password opened the session, whatever else is missing."""
    user: Any = get_user(request)
    signed_out_at = getattr(user, "signed_out_at", None)
    is_over = signed_out_at is not None and not began_after(request.session, signed_out_at)
    known: User | AnonymousUser = AnonymousUser() if is_over else user
    return known


def missing_step(request: HttpRequest) -> Step | None:
    user: Any = known_by_password(request)
    if not user.is_authenticated:
        return None
    if user.factor_since is not None:
        return None if request.session.get(PASSED) == user.factor_pk else Step.CODE
    return Step.SET_UP if has_to_take_two(user) else None


def owes_a_step(user_pk: int) -> bool:
    """Tell whether a right password alone lets a person in no further; asked of the database."""
    user: Any = PeopleBackend().get_user(user_pk)
    return user is not None and (user.factor_since is not None or has_to_take_two(user))


def has_to_take_two(user: Any) -> bool:  # noqa: ANN401  # a ``User`` of ``PeopleBackend``
    """Tell whether a group of the person, or the setting for superusers, asks for the second step."""
    return user.is_in_two_step_group or (user.is_superuser and settings.SECOND_FACTOR_FOR_SUPERUSERS)
