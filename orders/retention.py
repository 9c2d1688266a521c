"""How long orders keep their guests, and what belongs to them."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q

from core.idempotency import KEYS_KEPT
from core.privacy.retention import delete_after, remove_guests_after, stays
from orders.commands.idempotency import COMMANDS
from orders.models.command import IdempotencyKey
from orders.models.order import Order, OrderQuerySet

_WITH_ORDER = "goes with its order, which loses its guest"

stays("order_timeline order_commands", _WITH_ORDER)
stays("order_terms", "made of the order by the database, and again when the order loses its guest")
stays("orders_merged", "numbers of orders alone")
stays("console_stage_times", "one row for each restaurant: lengths of time")


def _forget_keys(_days: int, now: datetime) -> Iterator[int]:
    yield COMMANDS.forget_old(now=now)


def _over(before: datetime) -> OrderQuerySet:
    """Select orders without news since; one that hangs open counts, unless it is promised for later."""
    rows = Order.objects.filter(personal_data_removed_at__isnull=True, updated_at__lt=before)
    return rows.exclude(Q(is_open=True, promised_time__isnull=False) & Q(promised_time__gte=before))


remove_guests_after(
    "orders.Order",
    "orders without news for so long, with their timelines, commands, messages and calls",
    age="PERSONAL_DATA_DAYS",
    due=_over,
    moment="updated_at",
)
delete_after(
    "idempotency_keys",
    "keys that no longer count",
    age=KEYS_KEPT,
    due=lambda before: IdempotencyKey.objects.filter(created_at__lte=before),
    moment="created_at",
    forget=_forget_keys,
)
