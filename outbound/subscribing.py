"""Subscriptions made and changed: the same rules for the API and for the admin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _, gettext_lazy

from core.database.advisory_locks import AdvisoryLock, acquire
from core.errors import HubError
from core.privacy.rights import sees_guests
from outbound.access import SEEN_BY
from outbound.acts import check_url, prepare, switch_off, switch_on
from outbound.events.catalogue import CATALOGUE, SUBSCRIBABLE
from outbound.models.subscriptions import Subscription
from outbound.sending import circuit

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from organizations.models.api_keys import ApiKey
    from organizations.models.organization import Organization

MOST_PER_KEY = 20
LONGEST_URL = 2000
PEOPLE_UNSEEN = gettext_lazy(
    "You may not see names and phones of guests in full, so a subscription of yours may not, either."
)


class TooManySubscriptions(HubError):
    code = "too_many_subscriptions"


class AlreadySubscribed(HubError):
    """The same key has the same subscription: a repeat whose first answer was lost, perhaps."""

    code = "already_subscribed"


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes or changes a subscription: a key, or a person."""

    key: ApiKey | None = None
    user: User | None = None

    def unseen(self, event_types: Sequence[str]) -> list[str]:
        """Return those of the types (none: all) of which they may see nothing themselves."""
        if self.key is not None or self.user is None:
            return []
        chosen = set(event_types) & CATALOGUE.keys() or {one.name.value for one in SUBSCRIBABLE}
        user = self.user
        return [name for name in sorted(chosen) if not user.has_perm(SEEN_BY[CATALOGUE[name].about])]

    @property
    def sees_people(self) -> bool:
        """Whether they are shown guests in full, so that a subscription of theirs may name them."""
        if self.key is not None:
            return self.key.may_act
        return self.user is not None and sees_guests(self.user)


def subscribe(subscription: Subscription, organizations: Sequence[Organization], *, by: Maker) -> None:
    """Save a new subscription with a secret; no organizations: all that its maker may see.

    Raises:
        BadAddress, TooManySubscriptions: nothing was stored.
        AlreadySubscribed: the key has the same already.
    """
    prepare(subscription)
    subscription.event_types = sorted(set(subscription.event_types))
    subscription.api_key, subscription.created_by = by.key, by.user
    with transaction.atomic():
        if by.key is not None:
            acquire(AdvisoryLock.IDEMPOTENCY_KEY, f"subscription/{by.key.pk}")
            _check_news(subscription, organizations, Subscription.objects.filter(api_key=by.key))
        subscription.save()
        subscription.organizations.set(organizations)


def _check_news(
    wanted: Subscription, organizations: Sequence[Organization], owned: Iterable[Subscription]
) -> None:
    rows = list(owned)
    for row in rows:
        is_same = (row.url, row.event_types) == (wanted.url, wanted.event_types)
        if is_same and set(row.organizations.all()) == set(organizations):
            words = _(
                "This key has the same subscription already: %(number)d. Change that one, or have a new "
                "secret made."
            )
            raise AlreadySubscribed(words % {"number": row.pk})
    if len(rows) >= MOST_PER_KEY:
        words = _("A key has at most %(most)d subscriptions. Delete one that is needed no more.")
        raise TooManySubscriptions(words % {"most": MOST_PER_KEY})


@transaction.atomic
def change(
    subscription: Subscription,
    changes: Mapping[str, object],
    organizations: Sequence[Organization] | None = None,
    *,
    by: Maker | None = None,
) -> None:
    """Write the fields in ``changes`` alone: the sender may be writing its own meanwhile.

    Another address begins without the failures of the former. Where it names guests and its owner may see
    them no more, ``by`` becomes its owner, if they may.

    Raises:
        BadAddress: nothing was stored.
    """
    row = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
    was_active, is_active = row.is_active, changes.get("is_active")
    written = {name: value for name, value in changes.items() if name != "is_active"}
    for name, value in written.items():
        setattr(row, name, value)
    fields = {*written, "changed_at"}
    if "url" in written:
        row.url, row.shown_host = check_url(row.url)
        circuit.close(row)
        fields |= {"shown_host", *circuit.STATE}
    if by is not None and _is_to_be_handed_over(row, by):
        row.created_by = by.user
        fields.add("created_by")
    row.save(update_fields=fields)
    if organizations is not None:
        row.organizations.set(organizations)
    if is_active is not None and is_active is not was_active:
        (switch_on if is_active else switch_off)(row)
    subscription.refresh_from_db()


def _is_to_be_handed_over(subscription: Subscription, by: Maker) -> bool:
    is_masked = subscription.includes_personal_data and not subscription.owner_sees_guests
    return is_masked and subscription.api_key is None and by.user is not None and by.sees_people
