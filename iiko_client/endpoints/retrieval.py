"""Reading delivery orders, for reconciliation; they are returned as received, and the inbox stores them."""

from collections.abc import Iterable
from datetime import datetime, tzinfo

from iiko_client.endpoints import registry
from iiko_client.endpoints.base import AnswerReader, Body, OperationGroup
from iiko_client.json_reader import JsonObject, Reader
from iiko_client.models.commands import OrdersById, OrdersPage

MOST_IDS = 200  # docs/iiko.md#by-id


class Retrieval(OperationGroup):
    """Orders of the last seven days; of one source where the login has its key (docs/iiko.md#source-keys)."""

    def orders_by_id(self, *, organization_id: str, order_ids: Iterable[str]) -> OrdersById:
        """Return up to 200 orders by the cloud's ids."""
        body = Body(registry.ORDERS_BY_ID).ident("organizationId", organization_id)
        body.idents("orderIds", order_ids, most=MOST_IDS)
        return self._ask(body, lambda answer: OrdersById(answer.list_of(_as_received, "orders")))

    def orders_by_revision(self, *, organization_ids: Iterable[str], after_revision: int) -> OrdersPage:
        """Return what changed after a revision.

        Raises:
            IikoRevisionTooOld: it is more than 3 hours back.
        """
        body = Body(registry.ORDERS_BY_REVISION).idents("organizationIds", organization_ids)
        return self._ask(body.whole("startRevision", after_revision, least=0, most=2**63 - 1), _page)

    def orders_by_date(
        self, *, organization_ids: Iterable[str], since: datetime, until: datetime | None, zone: tzinfo
    ) -> OrdersPage:
        """Return orders promised (``completeBefore``) within a window; ``zone`` is the terminals' clock.

        Raises:
            IikoTooMuchData: ask for a shorter window; there are no pages.
        """
        body = Body(registry.ORDERS_BY_DATE).idents("organizationIds", organization_ids)
        if until is not None and until < since:
            body.refuse("the window ends before it begins")
        body.local("deliveryDateFrom", since, zone).local("deliveryDateTo", until, zone)
        return self._ask(body, _page)


def _page(reading: AnswerReader) -> OrdersPage:
    orders: dict[str, tuple[JsonObject, ...]] = {}
    for organization_id, found in reading.list_of(_group, "ordersByOrganizations"):
        orders[organization_id] = orders.get(organization_id, ()) + found
    return OrdersPage(reading.need("maxRevision", Reader.integer), orders)


def _group(group: Reader) -> tuple[str, tuple[JsonObject, ...]]:
    # A group may lack its organization; each order names it too, so none is dropped.
    orders = tuple(map(_as_received, group.read("orders", Reader.children) or []))
    named = (str(order["organizationId"]) for order in orders if order.get("organizationId"))
    return group.read("organizationId", Reader.ident) or next(named, ""), orders


def _as_received(order: Reader) -> JsonObject:
    return order.wire
