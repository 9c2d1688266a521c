"""What every page of the console shows: restaurants, the clock, the search, the sound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast
from zlib import crc32

from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import get_language, gettext as _

from attention.access import rules_for
from attention.models.watch_run import WatchState, watch_state
from console.attention.needing import Needing, count_needing, sees_attention
from console.board.restaurants import preferences_of, restaurants_of
from console.models import Sound
from console.pages.shared_answers import shared, tick_number
from core.database import db_clock
from core.display import offset_text
from core.privacy.rights import sees_guests
from orders.admin.forms import FORMS
from orders.models.command import CommandKind
from orders.permissions import may_request
from organizations.access import is_restricted
from organizations.models.organization import Organization

NEEDING_HEADER = "X-Attention"
"""A ``Needing``; for who may see the attention list."""

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

_signed_in = login_required(login_url="admin:login")


def needs(permission: str) -> Callable[[View], View]:
    """Send who is not signed in to the sign-in page, and refuse who has not the permission."""
    has_it = permission_required(permission, raise_exception=True)
    return lambda view: _signed_in(has_it(view))


sees_orders = needs("orders.view_order")


@dataclass(frozen=True, slots=True)
class Frame:
    """Who looks at which restaurants, and when."""

    user: User
    kinds: frozenset[str]
    """The commands that the person may ask for."""
    shows_people: bool
    """Whether the person may see guests."""
    rules: tuple[str, ...]
    """The rules whose findings the person may see; none for one who may not see the attention list."""
    every: Sequence[Organization]
    chosen: Sequence[Organization]
    now: datetime

    @property
    def key(self) -> tuple[object, ...]:
        """All that two persons' pages may differ by, but for the person."""
        return _ids(self.every), _ids(self.chosen), self.kinds, self.shows_people, get_language()

    @property
    def scope(self) -> str:
        """A checksum of what may be seen and done: a page with another one shows what it must not."""
        seen = _ids(self.every), _ids(self.chosen), sorted(self.kinds), self.shows_people
        return str(crc32(repr(seen).encode()))

    @property
    def many_zones(self) -> bool:
        return len({one.timezone for one in self.chosen}) > 1

    @property
    def is_all(self) -> bool:
        return len(self.chosen) == len(self.every)


def frame_of(request: HttpRequest) -> Frame:
    """Read whose page it is; the caller has checked that somebody is signed in."""
    return frame_for(cast("User", request.user))  # nobody else gets here


def frame_for(user: User) -> Frame:
    """Read what a person looks at; ``watchers`` names the tables that decide it."""
    every, chosen = restaurants_of(user)
    kinds = frozenset(kind for kind in CommandKind.values if may_request(user, kind))
    return Frame(user, kinds, sees_guests(user), rules_for(user), every, chosen, db_clock.now())


def _ids(restaurants: Sequence[Organization]) -> tuple[int, ...]:
    return tuple(one.pk for one in restaurants)


def watch_of(frame: Frame) -> WatchState:
    """Return whether the attention list can be believed; read once for all who ask at the same time."""
    return shared(("watch", tick_number()), lambda: watch_state(frame.now))


def fresh_needing(frame: Frame) -> Needing:
    """Count what needs attention after a change of one's own."""
    return count_needing(frame.user, frame.chosen, frame.now, is_old=watch_of(frame).is_standing_still)


def needing_of(frame: Frame) -> Needing | None:
    """Count what needs attention; None for who may not see it. Persons who see the same share the query."""
    if not sees_attention(frame.user):
        return None
    key = ("needing", frame.key, frame.rules, is_restricted(frame.user), tick_number())
    return shared(key, lambda: fresh_needing(frame))


def with_needing(response: HttpResponse, needing: Needing | None) -> HttpResponse:
    """Tell the page's script what needs attention, whatever else is answered."""
    if needing is not None:
        response[NEEDING_HEADER] = str(needing)
    return response


def frame_context(frame: Frame) -> dict[str, object]:
    """Return what ``console/frame.html`` needs."""
    # In several zones each restaurant has its clock beside its name.
    first = frame.chosen[0] if frame.chosen and not frame.many_zones else None
    return {
        "frame": frame,
        "needing": needing_of(frame),
        "preferences": preferences_of(frame.user),
        "chosen_ids": {one.pk for one in frame.chosen} if not frame.is_all else set(),
        "sounds": Sound.choices,
        "clock_zone": first.timezone if first else "",
        "clock_title": f"{first.name}, {offset_text(frame.now, first.zone())}" if first else "",
        "restaurants_title": _title(frame),
        "no_restaurant": _why_empty(frame),
        "acts": " ".join(form.slug for form in FORMS.values() if form.action.kind in frame.kinds),
    }


def _why_empty(frame: Frame) -> str:
    if frame.every:
        return ""
    if is_restricted(frame.user):
        return _("No restaurant is open to you. Ask an administrator.")
    return _("No restaurant is set up yet.")


def _title(frame: Frame) -> str:
    if not frame.every:
        return _("No restaurants")
    if frame.is_all and len(frame.every) > 1:
        return _("All restaurants")
    names = [one.name for one in frame.chosen]
    return (
        names[0]
        if len(names) == 1
        else _("%(name)s and %(count)d more") % {"name": names[0], "count": len(names) - 1}
    )
