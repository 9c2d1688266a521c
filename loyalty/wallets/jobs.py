"""Queue the jobs of wallets, within the present transaction.

``loyalty.tasks`` runs them and calls these subjects, so jobs are queued by the name of their task.
"""

from datetime import datetime

from procrastinate.contrib.django import app

from core.database import db_clock


def call_worker(operation_id: int, at: datetime) -> None:
    """Have the next step of an operation taken ``at`` a moment of the database's clock."""
    _queue("advance_operation", at if at > db_clock.now() else None, operation_id=operation_id)


def read_balances(customer_id: int) -> None:
    """Have the balances of a guest read again: iiko moved money in a wallet."""
    _queue("read_guest", customer_id=customer_id)


def release_holds(order_id: int) -> None:
    """Have the holds of an order released that was cancelled or refused."""
    _queue("release_of_order", order_id=order_id)


def _queue(task: str, at: datetime | None = None, **arguments: int) -> None:
    app.configure_task(f"loyalty.{task}", allow_unknown=False, schedule_at=at).defer(**arguments)
