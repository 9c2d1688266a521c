"""Add restaurants and API keys."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from core.values.ids import searchable_id
from iiko_client import vendor_time
from organizations.errors import BadOrganization, BadTimeZone, OrganizationExists, UnknownOrganization
from organizations.models.api_keys import ApiKey, KeyRight
from organizations.models.organization import Organization

KEY_PREFIX = "iih_"


def add_organization(*, iiko_id: str, name: str, timezone: str, currency: str = "RUB") -> Organization:
    """Add a restaurant by hand.

    Raises:
        BadTimeZone: ``timezone`` names none.
        BadOrganization: another value is missing or does not fit.
        OrganizationExists: there is one with this id already; nothing was changed.
    """
    try:
        vendor_time.zone(timezone)
    except vendor_time.NotAZone as error:
        raise BadTimeZone(
            f"{error}. Write a name such as Europe/Moscow, or a shift such as +05:00."
        ) from error
    if not searchable_id(iiko_id):
        raise BadOrganization(
            "The organization's id is empty. iikoWeb shows it, and so does POST /api/1/organizations."
        )
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise BadOrganization(f"The currency is three letters of ISO 4217, such as RUB, not {currency!r}.")
    organization = Organization(
        iiko_id=searchable_id(iiko_id), name=name, timezone=timezone.strip(), currency=currency
    )
    try:
        organization.clean_fields()
    except ValidationError as error:
        raise BadOrganization(
            "; ".join(f"{field}: {' '.join(texts)}" for field, texts in error.message_dict.items())
        ) from error
    try:
        with transaction.atomic():
            organization.save()
            return organization
    except IntegrityError as error:
        raise OrganizationExists(
            f"Organization {searchable_id(iiko_id)} is already here. Change it in the admin (Organizations)."
        ) from error


@transaction.atomic
def create_api_key(
    *,
    name: str,
    organization_ids: Sequence[str] = (),
    rights: Collection[KeyRight] = tuple(KeyRight),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Create a key for an integrator; without organizations it sees all.

    Return the row and the key itself, which cannot be shown again.

    Raises:
        UnknownOrganization: one of the ids is not here.
    """
    wanted = {searchable_id(one) for one in organization_ids}
    organizations = list(Organization.objects.filter(iiko_id__in=wanted))
    if missing := wanted - {organization.iiko_id for organization in organizations}:
        raise UnknownOrganization(
            f"No organization {', '.join(sorted(missing))} here. Add it first: manage.py add_organization."
        )
    prefix = KEY_PREFIX + secrets.token_hex(4)
    key = f"{prefix}_{secrets.token_urlsafe(32)}"
    row = ApiKey.objects.create(
        name=name,
        prefix=prefix,
        digest=ApiKey.digest_of(key),
        sees_all=not organizations,
        expires_at=expires_at,
        **{right.value: right in rights for right in KeyRight},
    )
    row.organizations.set(organizations)
    return row, key
