"""What apps above the mirror may listen to."""

from functools import partial

from django.db import transaction
from django.dispatch import Signal

order_merged = Signal()
"""Two rows turned out to be one order. Sent inside the transaction, before the row
``duplicate_id`` is deleted in favour of ``survivor_id``."""

order_reissued = Signal()
"""The order ``new_id`` stands in the place of ``old_id``, which is cancelled for it (docs/adr/0007). Sent
once, inside a transaction in which the old one is locked."""

command_due = Signal()
"""A command has a step to take ``at`` a moment of the database's clock (None: now): ``command_id``, ``at``.
Sent inside the transaction that makes it so."""

order_read = Signal()
"""Orders were read from iiko because of a command: ``organization``, ``infos`` (``OrderInfo`` as it came).
Sent outside of a transaction."""

mirror_changed = Signal()
"""Orders or commands are otherwise than before, and that is committed. It does not say which: for who looks
at all of them."""


def announce_change() -> None:
    """Send ``mirror_changed`` when the present transaction is committed; what a receiver raises is logged."""
    transaction.on_commit(partial(mirror_changed.send, None), robust=True)
