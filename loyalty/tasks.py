"""What a worker does for wallets later; each task calls one use case."""

from datetime import timedelta

from django.db.models import Exists, OuterRef
from procrastinate.contrib.django import app

from core.database import db_clock
from core.jobs.scheduling import scheduled
from loyalty.models import LoyaltyOperation
from loyalty.wallets import balance_check, customers, dispatch, holds, jobs, submission


@app.task(name="loyalty.advance_operation", queue="commands")
def advance_operation(operation_id: int) -> None:
    """Take a step of an operation; the next is announced with what this one found."""
    dispatch.advance(operation_id, clock=db_clock.exactly_now)


@app.task(name="loyalty.release_of_order", queue="commands")
def release_of_order(order_id: int) -> None:
    """Release what is held for an order that was cancelled or refused."""
    holds.release_of_orders([order_id], now=db_clock.now())


@app.task(name="loyalty.read_guest", queue="commands")
def read_guest(customer_id: int) -> None:
    """Read the balances again after money was moved; where that fails, the page says how old they are."""
    customers.read_again(customer_id, now=db_clock.now())


@scheduled("* * * * *", at_start=True)
def sweep_operations() -> None:
    """Call operations whose worker died, release what was left behind, forget old idempotency keys."""
    now = db_clock.now()
    stuck = LoyaltyOperation.objects.overdue(now - timedelta(seconds=15))
    # Those in a queue are called by whoever is before them.
    earlier = LoyaltyOperation.objects.open().filter(wallet=OuterRef("wallet"), pk__lt=OuterRef("pk"))
    for operation_id in stuck.filter(~Exists(earlier)).order_by("id").values_list("pk", flat=True)[:500]:
        jobs.call_worker(operation_id, now)
    holds.release_orphaned(now=now)
    submission.IDEMPOTENCY_KEYS.forget_old(now=now)


@scheduled("17 1 * * *")
def check_balances() -> None:
    """Compare ledger, balances and iiko's transactions, once a day."""
    balance_check.check_all(clock=db_clock.now)
