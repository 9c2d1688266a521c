"""Ask iiko by id whether it still lists the open orders of which nothing was heard for a while.

An order that goes without a word, say because it was purged on the POS, is in no page of changes. So every
quarter of an hour iiko is asked for what is open here and silent, and a little later once more for what it
left out (``orders.mirror.unlisted``). The vendor does not recommend ``by_id`` for following orders
(docs/iiko.md#by-id), hence no oftener.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from iiko_client.endpoints.retrieval import MOST_IDS
from iiko_client.json_reader import is_uuid
from orders.mirror import unlisted
from orders.models.order import Order
from organizations.models.organization import Organization
from webhooks.models.reconciliation import OrderSync
from webhooks.reconciliation.run import Run

EVERY = timedelta(minutes=15)
SILENT_FOR = timedelta(minutes=15)
MOST_ASKED = 1000
WITNESSES = 20
"""Other orders that are asked for too: an answer that lists none of them proves nothing."""
_LISTED_FOR = timedelta(days=7)  # by_id guarantees so much (docs/iiko.md#by-id)
_LOGIN_SEES_FOR = timedelta(days=1)


def ids_to_ask(organization_id: str, sync: OrderSync, now: datetime) -> list[str]:
    """Return the open orders that iiko is to be asked for now."""
    wanted = Q(not_listed_since__lte=now - unlisted.AGAIN_AFTER)
    if sync.open_asked_at is None or now - sync.open_asked_at >= EVERY:
        wanted |= Q(updated_at__lte=now - SILENT_FOR)
    return _newest_ids(Order.objects.open().filter(wanted, organization_id=organization_id), MOST_ASKED)


def _newest_ids(orders: QuerySet[Order], most: int) -> list[str]:
    ids = orders.order_by("-id").values_list("iiko_order_id", flat=True)[:most]
    return [ident for ident in ids if ident and is_uuid(ident)]


def ask_for_open(run: Run, organization: Organization, ids: Sequence[str]) -> None:
    """Ask for these orders, store what is found and note or end what is left out.

    Raises:
        IikoError: iiko gave no answer; nothing was noted.
    """
    # The newest other orders that the Cloud has told of.
    told = Order.objects.filter(
        organization=organization,
        created_at__gte=run.now() - _LISTED_FOR,
        revision__isnull=False,
        unknown_to_iiko_at__isnull=True,
    )
    witnesses = _newest_ids(told.exclude(iiko_order_id__in=ids), WITNESSES)
    size = MOST_IDS - len(witnesses)
    for at in range(0, len(ids), size):
        asked = [*ids[at : at + size], *witnesses]
        listed = run.keep_by_id(organization.iiko_id, asked)
        _judge(organization, asked, listed, run.now())


def _judge(organization: Organization, asked: Sequence[str], listed: set[str], now: datetime) -> None:
    absent = [ident for ident in asked if ident not in listed]
    if not absent:
        return
    proved = _proved(organization, asked, listed & set(asked), absent, now) if "" not in listed else []
    unlisted.end_absent(organization.iiko_id, proved, now=now)
    unlisted.note_absent(organization.iiko_id, proved, now=now)
    unlisted.forget_absent(organization.iiko_id, set(absent) - set(proved))


def _proved(
    organization: Organization, asked: Sequence[str], listed: set[str], absent: Sequence[str], now: datetime
) -> list[str]:
    """Return those of the absent orders that this login would be shown if iiko had them.

    A login with a source key is shown orders of that source alone (docs/iiko.md#source-keys):
    orders of one source say nothing about those of another.
    """
    rows = Order.objects.filter(organization=organization, iiko_order_id__in=asked)
    sources = dict(rows.values_list("iiko_order_id", "source_key"))
    if listed:
        shown = {sources.get(ident) for ident in listed}
        return [ident for ident in absent if len(shown) > 1 or sources.get(ident) in shown]
    # Nothing is listed. Where all that iiko ever told of is among the absent, the dictionaries bear witness.
    read = organization.dictionaries_synced_at
    is_seen = read is not None and now - read < _LOGIN_SEES_FOR
    return list(absent) if is_seen and len(asked) == 1 else []
