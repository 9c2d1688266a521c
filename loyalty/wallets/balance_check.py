"""Compare three books of each wallet: the ledger, iiko's balances, and iiko's transactions."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from core.errors import HubError
from iiko_client.http.errors import IikoError
from iiko_client.models.loyalty import Transaction
from loyalty import models
from loyalty.models import Customer, DifferenceKind, LoyaltyOperation, OperationKind, OperationState, Wallet
from loyalty.wallets.customers import store
from loyalty.wallets.dispatch import ABSENT_AFTER
from loyalty.wallets.ledger_transitions import finish, lock_operation
from loyalty.wallets.transactions import is_of, is_same, is_sum_of, marker_in, transactions_of
from organizations.connection.clients import iiko_for

logger = structlog.stdlib.get_logger(__name__)

LOOK_BACK = timedelta(days=3)
"""Operations that ended so long ago are compared again each day; later ones were found in order before."""


_NOT_DONE = (OperationState.EXPIRED, OperationState.REJECTED, OperationState.CANCELLED)


@dataclass
class CheckResult:
    wallets: int = 0
    differences: int = 0
    failures: int = 0
    found_late: int = 0


@dataclass(frozen=True, slots=True)
class _Found:
    kind: DifferenceKind
    operation: LoyaltyOperation | None = None
    expected_minor: int | None = None
    found_minor: int | None = None
    detail: str = ""


def check_all(*, clock: Callable[[], datetime], only: QuerySet[Customer] | None = None) -> CheckResult:
    """Check the guests whose wallets the hub moved lately; one that cannot be read is left for tomorrow."""
    result = CheckResult()
    lately = LoyaltyOperation.objects.filter(
        wallet__customer=OuterRef("pk"), created_at__gte=clock() - LOOK_BACK
    )
    customers = Customer.objects.filter(Exists(lately)) if only is None else only
    for customer in customers.select_related("organization").order_by("id").iterator(chunk_size=200):
        try:
            check_customer(customer, clock=clock, result=result)
        except (IikoError, HubError) as error:
            result.failures += 1
            logger.warning("loyalty.check_failed", customer_pk=customer.pk, error_type=type(error).__name__)
    logger.info(
        "loyalty.checked",
        wallets=result.wallets,
        differences=result.differences,
        found_late=result.found_late,
        failures=result.failures,
    )
    return result


def check_customer(customer: Customer, *, clock: Callable[[], datetime], result: CheckResult) -> None:
    """Compare the wallets of one guest and write down what differs.

    Raises:
        IikoError, HubError: iiko could not be read; nothing was concluded.
    """
    began = clock()
    since = began - LOOK_BACK
    client = iiko_for(customer.organization, requested_by="check")
    ids = {"organization_id": customer.organization_id, "customer_id": customer.iiko_id}
    before = {one.id for one in transactions_of(client, **ids, since=since, now=began)}
    guest = client.guest(organization_id=customer.organization_id, id=customer.iiko_id)
    if guest is None:
        return
    found = list(transactions_of(client, **ids, since=since, now=began))
    is_still = before == {one.id for one in found}
    store(customer.organization, guest, read_at=began, names_again=False)
    by_wallet: dict[str | None, list[Transaction]] = defaultdict(list)
    for one in found:
        by_wallet[one.wallet_id].append(one)
    for wallet in customer.wallets.order_by("id"):
        result.wallets += 1
        named = by_wallet[wallet.iiko_id] + by_wallet[None]
        differences = _differences(wallet, named, since=since, now=began, result=result)
        if is_still and wallet.holds_money:
            # What moved while we read would look like a balance that nothing explains.
            differences += _unexplained_balance(wallet, by_wallet[wallet.iiko_id], since)
        _write(wallet, differences, now=began)
        result.differences += len(differences)


def _differences(
    wallet: Wallet, found: list[Transaction], *, since: datetime, now: datetime, result: CheckResult
) -> list[_Found]:
    operations = wallet.operations.filter(created_at__gte=since).select_related("hold", "wallet")
    checked = (_check_operation(operation, found, now, result) for operation in operations)
    return [*chain.from_iterable(checked), *_foreign_markers(found)]


def _check_operation(
    operation: LoyaltyOperation, found: list[Transaction], now: datetime, result: CheckResult
) -> Iterable[_Found]:
    if operation.kind == OperationKind.CANCEL_HOLD:
        return  # its transaction has no marker; the balance shows it
    mine = [one for one in found if is_of(one, operation)]
    if len(mine) > 1:
        yield _Found(
            DifferenceKind.TWICE, operation, operation.amount_minor, operation.amount_minor * len(mine)
        )
    for one in mine:
        if not is_sum_of(one, operation):
            yield _Found(DifferenceKind.OTHER_SUM, operation, operation.amount_minor, _minor(one.sum))
    is_confirmed = operation.state == OperationState.CONFIRMED
    if is_confirmed and not mine and operation.finished_at and now - operation.finished_at > ABSENT_AFTER:
        yield _Found(DifferenceKind.MISSING, operation, operation.amount_minor)
    if mine and is_confirmed and not operation.transaction_id:
        LoyaltyOperation.objects.filter(pk=operation.pk).update(transaction_id=mine[0].id)
    of_this_sum = [one for one in mine if is_sum_of(one, operation)]
    if of_this_sum and operation.state in _NOT_DONE:
        _confirm_late(operation, of_this_sum[0], now)
        result.found_late += 1
        words = _("It counted as not done and is confirmed now.")
        yield _Found(DifferenceKind.UNEXPECTED, operation, None, operation.amount_minor, words)


@transaction.atomic
def _confirm_late(operation: LoyaltyOperation, found: Transaction, now: datetime) -> None:
    locked = lock_operation(operation.pk)
    if locked is not None and locked.state in _NOT_DONE:
        logger.error("loyalty.found_late", operation_pk=operation.pk, transaction_id=found.id)
        finish(
            locked,
            OperationState.CONFIRMED,
            now=now,
            confirmed_by="check",
            transaction_id=locked.transaction_id or found.id,
        )


def _foreign_markers(found: list[Transaction]) -> Iterable[_Found]:
    """Find markers that this ledger does not know: of another hub, or from before a ledger was restored."""
    marked = {marker: one for one in found if (marker := marker_in(one.comment)) is not None}
    known = LoyaltyOperation.objects.filter(marker__in=marked).values_list("marker", flat=True)
    for marker in sorted(marked.keys() - set(known)):
        one = marked[marker]
        yield _Found(DifferenceKind.UNEXPECTED, None, None, _minor(one.sum), _("Transaction %s.") % one.id)


def _unexplained_balance(wallet: Wallet, found: list[Transaction], since: datetime) -> list[_Found]:
    """Check that iiko's balance is the one its last transaction left, or that of the last check."""
    balanced = [one for one in found if one.balance_after is not None]
    if wallet.balance is None:
        return []
    if not balanced:
        return _check_stillness(wallet, since)
    last = max(balanced, key=lambda one: one.revision)
    if last.balance_after is None or is_same(last.balance_after, wallet.balance):
        return []
    words = _("Transaction %s.") % last.id
    return [_Found(DifferenceKind.BALANCE, None, _minor(last.balance_after), wallet.balance_minor, words)]


def _check_stillness(wallet: Wallet, since: datetime) -> list[_Found]:
    """Check that a wallet without transactions holds what it held."""
    is_known = wallet.checked_at is not None and wallet.checked_at >= since
    if not is_known or wallet.checked_balance in (None, wallet.balance):
        return []
    expected = _minor(wallet.checked_balance)
    words = _("No transaction.")
    return [_Found(DifferenceKind.BALANCE, None, expected, wallet.balance_minor, words)]


def _minor(amount: Decimal | None) -> int | None:
    return None if amount is None else models.minor_floor(amount)


@transaction.atomic
def _write(wallet: Wallet, differences: list[_Found], *, now: datetime) -> None:
    wallet.checked_at, wallet.checked_balance = now, wallet.balance
    wallet.save(update_fields=["checked_at", "checked_balance"])
    for one in differences:
        models.BalanceDifference.objects.update_or_create(
            wallet=wallet,
            operation=one.operation,
            kind=one.kind,
            expected_minor=one.expected_minor,
            found_minor=one.found_minor,
            detail=one.detail,
            defaults={"seen_at": now},
            create_defaults={
                "seen_at": now,
                "found_at": now,
                "organization_id": wallet.organization_id,
            },
        )
        logger.error(
            "loyalty.difference",
            wallet_pk=wallet.pk,
            operation_pk=one.operation.pk if one.operation else None,
            kind=one.kind.value,
        )
