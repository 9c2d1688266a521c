"""How long wallets keep their guests. The ledger stays: money that was moved has to be accounted for."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from core.idempotency import KEYS_KEPT
from core.privacy.retention import delete_after, remove_guests_after, stays
from loyalty.models import Customer, LoyaltyKey, LoyaltyOperation
from loyalty.wallets import submission

_LEDGER = "an account of money; its guest is removed with the customer"

stays("loyalty_wallets loyalty_operations loyalty_operation_steps loyalty_differences", _LEDGER)


def _without_news(before: datetime) -> QuerySet[Customer]:
    """Select customers who were neither read nor had money moved since."""
    operations = LoyaltyOperation.objects.filter(wallet__customer=OuterRef("pk"))
    named = ~Q(name="", surname="", phone="", email="", cards=[])
    lately = operations.filter(Q(created_at__gte=before) | Q(pk__in=operations.open().values("pk")))
    return Customer.objects.filter(named, ~Exists(lately), read_at__lt=before)


def _forget_keys(_days: int, now: datetime) -> Iterator[int]:
    yield submission.IDEMPOTENCY_KEYS.forget_old(now=now)


remove_guests_after(
    "loyalty.Customer",
    "customers who were neither read nor had money moved for so long",
    age="PERSONAL_DATA_DAYS",
    due=_without_news,
    moment="read_at",
)
delete_after(
    "loyalty_idempotency_keys",
    "keys that no longer count",
    age=KEYS_KEPT,
    due=lambda before: LoyaltyKey.objects.filter(created_at__lte=before),
    moment="created_at",
    forget=_forget_keys,
)
