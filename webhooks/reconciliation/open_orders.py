"""Ask iiko by id whether it still lists the open orders of which nothing was heard for a while.

An order that goes without a word, say because it was purged on the POS, is in no page of changes. So every
quarter of an hour iiko is asked for what is open here and silent, and a little later once more for what it
left out (``orders.mirror.unlisted``). The vendor does not recommend ``by_id`` for following orders
(docs/iiko.md#by-id), hence no oftener.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from iiko_client.client import IikoClient
from iiko_client.endpoints.retrieval import MOST_IDS
from iiko_client.json_reader import JsonObject, is_uuid
from orders.mirror import unlisted
from orders.models.order import Order
from organizations.models.organization import Organization
from webhooks.models.reconciliation import OrderSync

EVERY = timedelta(minutes=15)
SILENT_FOR = timedelta(minutes=15)
MOST_ASKED = 1000
WITNESSES = 20
"""Other orders that are asked for too: an answer that lists none of them proves nothing."""
_LISTED_FOR = timedelta(days=7)  # by_id guarantees so much (docs/iiko.md#by-id)
_LOGIN_SEES_FOR = timedelta(days=1)

Keep = Callable[[str, Sequence[JsonObject]], None]


def ids_to_ask(organization_id: str, sync: OrderSync, now: datetime) -> list[str]:
    """Return the open orders that iiko is to be asked for now."""
    wanted = Q(not_listed_since__lte=now - unlisted.AGAIN_AFTER)
    if sync.open_asked_at is None or now - sync.open_asked_at >= EVERY:
        wanted |= Q(updated_at__lte=now - SILENT_FOR)
    orders = Order.objects.open().filter(wanted, organization_id=organization_id)
    ids = orders.order_by("-id").values_list("iiko_order_id", flat=True)[:MOST_ASKED]
    return [ident for ident in ids if ident and is_uuid(ident)]


def ask_for_open(
    organization: Organization,
    ids: Sequence[str],
    *,
    client: IikoClient,
    before_call: Callable[[], None],
    keep: Keep,
    now: Callable[[], datetime],
) -> None:
    """Ask for these orders, store what is found and note or end what is left out.

    Raises:
        IikoError: iiko gave no answer; nothing was noted.
    """
    witnesses = _witnesses(organization.iiko_id, ids, now())
    size = MOST_IDS - len(witnesses)
    for at in range(0, len(ids), size):
        asked = [*ids[at : at + size], *witnesses]
        before_call()
        found = client.orders_by_id(organization_id=organization.iiko_id, order_ids=asked).orders
        keep(organization.iiko_id, found)
        _judge(organization, asked, found, now())


def _witnesses(organization_id: str, ids: Iterable[str], now: datetime) -> list[str]:
    """Return the newest other orders that the Cloud has told of."""
    known = Order.objects.filter(
        organization_id=organization_id,
        created_at__gte=now - _LISTED_FOR,
        revision__isnull=False,
        unknown_to_iiko_at__isnull=True,
    )
    newest = known.exclude(iiko_order_id__in=ids).order_by("-id")
    found = newest.values_list("iiko_order_id", flat=True)[:WITNESSES]
    return [ident for ident in found if ident and is_uuid(ident)]


def _judge(
    organization: Organization, asked: Sequence[str], found: Sequence[JsonObject], now: datetime
) -> None:
    listed = {str(order.get("id", "")).lower() for order in found}
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
    sources = dict(
        Order.objects.filter(organization=organization, iiko_order_id__in=asked).values_list(
            "iiko_order_id", "source_key"
        )
    )
    if listed:
        shown = {sources.get(ident) for ident in listed}
        return [ident for ident in absent if len(shown) > 1 or sources.get(ident) in shown]
    # Nothing is listed. Where all that iiko ever told of is among the absent, the dictionaries bear witness.
    read = organization.dictionaries_synced_at
    is_seen = read is not None and now - read < _LOGIN_SEES_FOR
    return list(absent) if is_seen and len(asked) == 1 else []
