"""Guests and their balances, read from iiko and kept for a moment."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.errors import HubError
from core.values.ids import searchable_id
from core.values.phones import normal_phone
from iiko_client.client import IikoClient
from iiko_client.http.circuit_breaker import Priority
from iiko_client.http.errors import IikoAuthFailed, IikoError, IikoRejected, IikoRequestInvalid
from iiko_client.json_reader import is_no_id, is_uuid, sanitize
from iiko_client.models.loyalty import Guest
from loyalty.models import Customer, LoyaltyOperation, Wallet
from loyalty.refusals import NotMoved, refusal
from organizations.connection.clients import iiko_for
from organizations.models.organization import Organization

logger = structlog.stdlib.get_logger(__name__)

FRESH_FOR = timedelta(seconds=15)
"""How long a guest is answered from the hub without a new read, unless the hub moved money since."""

R = TypeVar("R")


class Way(StrEnum):
    """How a guest is looked for; a card by its number, else by its track."""

    PHONE = "phone"
    CARD = "card"
    EMAIL = "email"
    ID = "id"


_EXPECTED = {
    Way.PHONE: _("Write the phone with its code, such as +7 904 000-10-04."),
    Way.CARD: _("Write the number of the card, or its track."),
    Way.EMAIL: _("Write the guest's e-mail."),
    Way.ID: _("Write iiko's id of the guest, a UUID."),
}

_PARAMETERS = {
    Way.PHONE: ("phone",),
    Way.CARD: ("card_number", "card_track"),
    Way.EMAIL: ("email",),
    Way.ID: ("id",),
}


def find_customer(
    *, organization: Organization, way: Way, value: str, requested_by: str, now: datetime
) -> Customer:
    """Return a guest with balances no older than ``FRESH_FOR``.

    Raises:
        NotMoved: in place of iiko's errors, or where the value cannot be what it is said to be.
    """
    value = _canonical(way, value)
    if (known := _fresh(organization, way, value, now)) is not None:
        return known
    return _read(organization, way, value, requested_by, now)


def read_customer(
    *,
    organization: Organization,
    customer_id: str,
    requested_by: str,
    now: datetime,
    names_again: bool = True,
) -> Customer:
    """Read a guest by iiko's id now, whatever is known already; raises as ``find_customer`` does.

    ``names_again``: as of ``store``.
    """
    value = _canonical(Way.ID, customer_id)
    return _read(organization, Way.ID, value, requested_by, now, names_again=names_again)


def read_again(customer_id: int, *, now: datetime) -> None:
    """Read a guest whose money was moved, unless somebody did meanwhile; what goes wrong is logged."""
    customer = Customer.objects.select_related("organization").get(pk=customer_id)
    moved = LoyaltyOperation.objects.filter(wallet__customer=customer, finished_at__gte=customer.read_at)
    if not moved.exists():
        return
    try:
        read_customer(
            organization=customer.organization,
            customer_id=customer.iiko_id,
            requested_by="hub",
            now=now,
            names_again=False,
        )
    except HubError as error:
        logger.warning("loyalty.balance_not_read", customer_pk=customer_id, code=error.code)


def _canonical(way: Way, value: str) -> str:
    if way is Way.PHONE and (phone := normal_phone(value)):
        return phone
    if way is Way.ID and is_uuid(value.strip()) and not is_no_id(value):
        return searchable_id(value)
    if way in (Way.EMAIL, Way.CARD) and (text := value.strip()) and text.isprintable():
        return text
    raise NotMoved("bad_search", str(_EXPECTED[way]), 422)


# --- asking iiko -------------------------------------------------------------------------------------


def read_from_iiko(organization: Organization, requested_by: str, ask: Callable[[IikoClient], R]) -> R:
    """Read from iiko on behalf of a person who waits.

    Raises:
        NotMoved: in place of iiko's errors.
    """
    client = iiko_for(organization, priority=Priority.OPERATOR, requested_by=requested_by)
    try:
        return ask(client)
    except IikoRequestInvalid as error:
        raise NotMoved("bad_search", error.description, 422) from error
    except (IikoAuthFailed, IikoRejected) as error:
        if isinstance(error, IikoRejected) and not _is_provisioned(client, organization):
            raise refusal("loyalty_not_provisioned", organization.name) from error
        raise NotMoved("iiko_refused", error.description or str(error)) from error
    except IikoError as error:
        raise refusal("iiko_unreachable") from error


def _is_provisioned(client: IikoClient, organization: Organization) -> bool:
    """Without loyalty even its programmes are refused (docs/iiko.md#restaurants-without-loyalty)."""
    try:
        client.programs(organization_id=organization.iiko_id)
    except IikoRejected:
        return False
    except IikoError:
        return True  # not known; iiko's own words are shown then
    return True


def _read(
    organization: Organization,
    way: Way,
    value: str,
    requested_by: str,
    now: datetime,
    *,
    names_again: bool = True,
) -> Customer:
    guest = read_from_iiko(
        organization, requested_by, lambda client: _guest(client, organization, way, value)
    )
    if guest is None:
        raise refusal("customer_not_found", organization.name)
    return store(organization, guest, read_at=now, names_again=names_again)


def _guest(client: IikoClient, organization: Organization, way: Way, value: str) -> Guest | None:
    for name in _PARAMETERS[way]:
        if (found := client.guest(organization_id=organization.iiko_id, **{name: value})) is not None:
            return found
    return None


# --- the mirror --------------------------------------------------------------------------------------


def _fresh(organization: Organization, way: Way, value: str, now: datetime) -> Customer | None:
    wanted = {
        Way.PHONE: Q(phone=value),
        Way.EMAIL: Q(email__iexact=value),
        Way.ID: Q(iiko_id=value),
        Way.CARD: Q(cards__contains=[{"number": value}]) | Q(cards__contains=[{"track": value}]),
    }[way]
    known = list(Customer.objects.filter(wanted, organization=organization, read_at__gt=now - FRESH_FOR)[:2])
    if len(known) != 1:
        return None
    moved = LoyaltyOperation.objects.filter(
        Q(finished_at__isnull=True) | Q(finished_at__gte=known[0].read_at), wallet__customer=known[0]
    )
    return None if moved.exists() else known[0]


@transaction.atomic
def store(
    organization: Organization, guest: Guest, *, read_at: datetime, names_again: bool = True
) -> Customer:
    """Write down what iiko said; an answer to an earlier request than the last one changes nothing.

    ``names_again``: somebody looks for this guest. Where the hub reads by itself, one who was erased stays
    without a name, and the balances alone are written.
    """
    facts = {
        "name": sanitize(guest.name or ""),
        "surname": sanitize(guest.surname or ""),
        "phone": (normal_phone(guest.phone or "") or sanitize(guest.phone or ""))[:40],
        "email": sanitize(guest.email or "")[:320],
        "cards": [
            {"number": sanitize(card.number or ""), "track": sanitize(card.track or "")}
            for card in guest.cards
        ],
        "is_deleted": guest.is_deleted,
    }
    customer, is_new = Customer.objects.select_for_update(no_key=True).get_or_create(
        organization=organization, iiko_id=guest.id, defaults=facts | {"read_at": read_at}
    )
    if not is_new and customer.read_at <= read_at:
        if customer.is_nameless and not names_again:
            facts = {"is_deleted": guest.is_deleted}
        for name, value in facts.items():
            setattr(customer, name, value)
        customer.read_at = read_at
        customer.save()
    for wallet in guest.wallets:
        row, _is_new = Wallet.objects.get_or_create(
            customer=customer, iiko_id=wallet.id, defaults={"organization_id": customer.organization_id}
        )
        Wallet.objects.filter(Q(read_at__isnull=True) | Q(read_at__lte=read_at), pk=row.pk).update(
            name=sanitize(wallet.name)[:400], kind=wallet.type, balance=wallet.balance, read_at=read_at
        )
    return customer
