"""Which restaurants a person looks at, and whether their picture can be trusted at this moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from console.models import Preferences
from core.access import visible_to
from core.display import clock_text, span_text
from organizations.models.organization import Organization, TerminalGroup
from webhooks.models.reconciliation import LinkHealth, LinkState
from webhooks.monitoring.inbox_state import waiting_since

INBOX_LAGS_AFTER = timedelta(seconds=30)

_BROKEN = (LinkState.DEAD_WEBHOOK, LinkState.BLIND, LinkState.NO_LOGIN, LinkState.NOT_REGISTERED)


@dataclass(frozen=True, slots=True)
class RestaurantState:
    """How far a restaurant's cards can be believed; ``light`` is good, unsure or bad."""

    organization: Organization
    light: str
    link: str
    warnings: tuple[str, ...]


def restaurants_of(user: User) -> tuple[Sequence[Organization], Sequence[Organization]]:
    """Return all restaurants that a person may see, and those of them that are chosen (none: all)."""
    choices = Preferences.restaurants.through.objects.filter(preferences_id=user.pk)
    is_chosen = Exists(choices.filter(organization_id=OuterRef("pk")))
    active = Organization.objects.filter(is_active=True).annotate(is_chosen=is_chosen)
    every = list(visible_to(user, active))
    return every, [one for one in every if one.is_chosen] or every


def preferences_of(user: User) -> Preferences:
    """Return what a person chose; not stored where that is nothing."""
    return Preferences.objects.filter(user=user).first() or Preferences(user=user)


def restaurant_states(restaurants: Sequence[Organization], now: datetime) -> list[RestaurantState]:
    """Say of each restaurant why its picture may be old: three queries, however many there are."""
    ids = [one.iiko_id for one in restaurants]
    health = {one.organization_id: one for one in LinkHealth.objects.filter(organization_id__in=ids)}
    silent: dict[str, datetime] = {}
    for group in TerminalGroup.objects.silent(now).filter(organization_id__in=ids):
        since = group.not_answering_since
        if since is not None:
            silent[group.organization_id] = min(since, silent.get(group.organization_id, since))
    oldest = waiting_since()
    lag = now - oldest if oldest is not None else timedelta()
    return [
        _state(one, health.get(one.iiko_id), silent.get(one.iiko_id), lag=lag, now=now) for one in restaurants
    ]


def _state(
    organization: Organization,
    health: LinkHealth | None,
    silent_since: datetime | None,
    *,
    lag: timedelta,
    now: datetime,
) -> RestaurantState:
    warnings = []
    if lag > INBOX_LAGS_AFTER:
        span = span_text(lag)
        warnings.append(
            _("What iiko sends is applied late: the oldest event waits for %(span)s.") % {"span": span}
        )
    if silent_since is not None:
        since = clock_text(silent_since, organization.zone(), now=now)
        warnings.append(
            _("The POS does not answer since %(time)s: what is requested waits there.") % {"time": since}
        )
    # A watch that sleeps says nothing.
    known = health if health is not None and health.is_fresh(now) else None
    link = str(LinkState(known.state).label) if known is not None else _("not known")
    if known is not None and known.state in _BROKEN:
        since = clock_text(known.since, organization.zone(), now=now)
        warnings.append(
            _("The link to iiko is broken since %(time)s (%(state)s): the cards may be old.")
            % {"time": since, "state": link}
        )
    light = "bad" if warnings else "good" if known is not None else "unsure"
    return RestaurantState(organization, light, link, tuple(warnings))
