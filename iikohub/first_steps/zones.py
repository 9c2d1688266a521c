"""Step: somebody has looked at the time zone of each restaurant."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from audit.entries import record
from core.display import ago_text, offset_text
from iikohub.first_steps.step import Button, Finding, Row
from iikohub.models import ZoneConfirmation
from organizations.models.organization import Organization

FIELD = "zone"
_BETWEEN = "|"


class ZonesStep:
    key = "zones"
    title = gettext_lazy("Time zones")

    def look(self, now: datetime) -> Finding:
        restaurants = Organization.objects.filter(is_active=True).select_related("zone_confirmation")
        open_ones = [one for one in restaurants if not _is_confirmed(one)]
        if open_ones:
            return _open(open_ones, now)
        last = max(
            (one.zone_confirmation for one in restaurants), key=lambda one: one.confirmed_at, default=None
        )
        if last is None:
            return no_restaurants()
        words = _("Looked at by %(who)s, %(ago)s.")
        return Finding(
            is_done=True,
            sentence=words % {"who": last.confirmed_by, "ago": ago_text(last.confirmed_at, now)},
        )


def _is_confirmed(restaurant: Organization) -> bool:
    confirmation: ZoneConfirmation | None = getattr(restaurant, "zone_confirmation", None)
    return confirmation is not None and confirmation.timezone == restaurant.timezone


def _open(restaurants: list[Organization], now: datetime) -> Finding:
    words = ngettext(
        "Nobody has looked at the time zone of %(count)d restaurant.",
        "Nobody has looked at the time zones of %(count)d restaurants.",
        len(restaurants),
    )
    return Finding(
        is_done=False,
        sentence=words % {"count": len(restaurants)},
        advice=_(
            "iiko writes times without a zone: a wrong one shifts all times of a restaurant by hours. "
            "Compare each clock with the one on the restaurant's wall; the name leads to where it is changed."
        ),
        button=Button(
            reverse("first_steps:confirm-zones"),
            _("These clocks are right"),
            tuple((FIELD, f"{one.iiko_id}{_BETWEEN}{one.timezone}") for one in restaurants),
        ),
        rows=[_row(one, now) for one in restaurants],
    )


def _row(restaurant: Organization, now: datetime) -> Row:
    zone = restaurant.zone()
    words = f"{now.astimezone(zone):%H:%M} {offset_text(now, zone)}, {restaurant.timezone}"
    return Row(
        restaurant.name, reverse("admin:organizations_organization_change", args=[restaurant.pk]), words
    )


def no_restaurants() -> Finding:
    """Say that a step waits for restaurants."""
    return Finding(
        is_done=False,
        sentence=_("There are no restaurants yet: they come with the API login."),
    )


def confirm_zones(shown: Iterable[str], *, by: User | AnonymousUser, now: datetime) -> int:
    """Keep that a person found right what the page showed (the values of the button); return of how many.

    A zone that was changed meanwhile is not confirmed: the person has not seen it.
    """
    seen = dict(one.partition(_BETWEEN)[::2] for one in shown)
    restaurants = Organization.objects.filter(iiko_id__in=seen, is_active=True)
    rows = [
        ZoneConfirmation(
            organization=one, timezone=one.timezone, confirmed_by=by.get_username(), confirmed_at=now
        )
        for one in restaurants
        if seen[one.iiko_id] == one.timezone
    ]
    ZoneConfirmation.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["organization"],
        update_fields=["timezone", "confirmed_by", "confirmed_at"],
    )
    for row in rows:
        record("zones_confirmed", row.organization, after={"timezone": row.timezone})
    return len(rows)
