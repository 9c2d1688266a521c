"""What apps above the mirror may listen to."""

from django.dispatch import Signal

order_merged = Signal()
"""Two rows turned out to be one order. Sent inside the transaction, before the row ``loser_id`` is
deleted in favour of ``keeper_id``."""

command_due = Signal()
"""A command has a step to take ``at`` a moment: ``command_id``, ``at``. Sent inside the transaction."""

order_read = Signal()
"""iiko was asked for an order: ``organization``, ``info`` (the vendor's ``OrderInfo`` as it came)."""
