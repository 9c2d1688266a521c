"""What happens here that somebody has to take up."""

from django.dispatch import Signal

stop_lists_due = Signal()
"""The stop lists of a restaurant are to be read ``at`` a moment or later: ``organization_id``, ``at``.
Sent inside the transaction that makes it so."""
