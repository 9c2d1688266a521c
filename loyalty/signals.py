"""Signals of wallet operations."""

from __future__ import annotations

from django.dispatch import Signal

operation_due = Signal()
"""An operation has a step to take ``at`` a moment: ``operation_id``, ``at``. Sent inside the transaction."""

balance_moved = Signal()
"""iiko moved money in a guest's wallet: ``customer_id``, ours. Sent inside the transaction."""

holds_orphaned = Signal()
"""Money is held for an order that was cancelled or refused: ``order_id``. Sent inside the transaction."""
