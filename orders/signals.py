"""What apps above the mirror may listen to."""

from django.dispatch import Signal

order_merged = Signal()
"""Two rows turned out to be one order. Sent inside the transaction, before the row ``loser_id`` is
deleted in favour of ``keeper_id``."""
