"""Restaurants, their dictionaries and their stop lists."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from iiko_client.endpoints import registry
from iiko_client.endpoints.base import AnswerReader, Body, OperationGroup
from iiko_client.endpoints.registry import Operation
from iiko_client.json_reader import BadValue, Reader
from iiko_client.models import dictionaries as models
from iiko_client.records import members, need, read

T = TypeVar("T")


class Dictionaries(OperationGroup):
    """Reads what changes rarely in a restaurant, and its stop lists.

    Answers about one restaurant do not name it, so each is asked about alone.
    """

    def organizations(self) -> tuple[models.OrganizationInfo, ...]:
        """Return all restaurants of the login."""
        body = Body(registry.ORGANIZATIONS).put("returnAdditionalInfo", True).put("includeDisabled", False)
        return self._ask(body, lambda answer: answer.records(models.OrganizationInfo, "organizations"))

    def terminal_groups(self, *, organization_ids: Iterable[str]) -> tuple[models.TerminalGroupInfo, ...]:
        """Return the terminal groups, sleeping ones marked."""
        body = Body(registry.TERMINAL_GROUPS).idents("organizationIds", organization_ids)
        # True would bring those that are not granted to the login, too (docs/iiko.md#hidden-rows).
        return self._ask(body.put("includeDisabled", False), _terminal_groups)

    def terminal_groups_alive(
        self, *, organization_ids: Iterable[str], terminal_group_ids: Iterable[str]
    ) -> tuple[models.TerminalGroupAlive, ...]:
        """Ask whether the POS of each terminal group answers now."""
        body = Body(registry.TERMINAL_GROUPS_ALIVE).idents("organizationIds", organization_ids)
        body.idents("terminalGroupIds", terminal_group_ids)
        return self._ask(body, lambda answer: answer.records(models.TerminalGroupAlive, "isAliveStatus"))

    def couriers(self, *, organization_ids: Iterable[str]) -> tuple[models.CourierInfo, ...]:
        return self._of_many(registry.COURIERS, organization_ids, models.CourierInfo, "employees")

    def cancel_causes(self, *, organization_id: str) -> tuple[models.CancelCause, ...]:
        return self._of_one(registry.CANCEL_CAUSES, organization_id, models.CancelCause, "cancelCauses")

    def removal_types(self, *, organization_id: str) -> tuple[models.RemovalType, ...]:
        return self._of_one(registry.REMOVAL_TYPES, organization_id, models.RemovalType, "removalTypes")

    def discounts(self, *, organization_ids: Iterable[str]) -> tuple[models.DiscountType, ...]:
        """Return discounts and surcharges."""
        return self._of_many(registry.DISCOUNTS, organization_ids, models.DiscountType, "discounts")

    def payment_types(self, *, organization_id: str) -> tuple[models.PaymentType, ...]:
        return self._of_one(registry.PAYMENT_TYPES, organization_id, models.PaymentType, "paymentTypes")

    def order_types(self, *, organization_ids: Iterable[str]) -> tuple[models.OrderTypeInfo, ...]:
        return self._of_many(registry.ORDER_TYPES, organization_ids, models.OrderTypeInfo, "orderTypes")

    def stop_lists(
        self, *, organization_ids: Iterable[str], terminal_group_ids: Iterable[str] | None = None
    ) -> tuple[models.StopLists, ...]:
        """Return what is out of stock or running out, with the sizes; None asks for all terminal groups."""
        body = Body(registry.STOP_LISTS).idents("organizationIds", organization_ids)
        body.idents("terminalGroupsIds", terminal_group_ids).put("returnSize", True)
        return self._ask(body, lambda answer: answer.list_of(_stop_lists, "terminalGroupStopLists"))

    def menu(self, *, organization_id: str, start_revision: int = 0) -> models.Menu:
        """Return the nomenclature, empty if it is still at ``start_revision``; 0 asks for all of it."""
        body = Body(registry.NOMENCLATURE).ident("organizationId", organization_id)
        return self._ask(body.put("startRevision", start_revision), _menu)

    def _of_one(
        self, operation: Operation, organization_id: str, kind: Callable[..., T], key: str
    ) -> tuple[T, ...]:
        body = Body(operation).idents("organizationIds", [organization_id])
        return self._ask(body, lambda answer: answer.records(kind, key))

    def _of_many(
        self, operation: Operation, organization_ids: Iterable[str], kind: Callable[..., T], key: str
    ) -> tuple[T, ...]:
        body = Body(operation).idents("organizationIds", organization_ids)
        return self._ask(
            body,
            lambda answer: answer.grouped(lambda item, owner: read(kind, item, organization_id=owner), key),
        )


def _terminal_groups(answer: AnswerReader) -> tuple[models.TerminalGroupInfo, ...]:
    def group(item: Reader, owner: str, *, is_in_sleep: bool = False) -> models.TerminalGroupInfo:
        own = item.read("organizationId", Reader.ident)
        return read(models.TerminalGroupInfo, item, organization_id=own or owner, is_in_sleep=is_in_sleep)

    awake = answer.grouped(group, "terminalGroups")
    if answer.reader.wire.get("terminalGroupsInSleep") is None:
        return awake
    return awake + answer.grouped(
        lambda item, owner: group(item, owner, is_in_sleep=True), "terminalGroupsInSleep"
    )


def _menu(answer: AnswerReader) -> models.Menu:
    return models.Menu(
        revision=answer.need("revision", Reader.integer),
        products=answer.records(models.ProductInfo, "products"),
        sizes=answer.records(models.ProductSize, "sizes"),
    )


def _stop_lists(wire: Reader) -> models.StopLists:
    lists, is_read = _all_of(wire, _stop_list)
    is_whole = is_read and all(each.terminal_group_id for each in lists)
    return models.StopLists(need(wire, "organizationId", Reader.ident), lists, is_whole)


def _stop_list(wire: Reader) -> models.StopList:
    entries, is_whole = _all_of(wire, lambda item: read(models.StopListEntry, item))
    return models.StopList(wire.read("terminalGroupId", Reader.ident), entries, is_whole)


def _all_of(wire: Reader, read_one: Callable[[Reader], T]) -> tuple[tuple[T, ...], bool]:
    """Return the readable ``items``, and whether that is all of them; a missing list is not an empty one.

    Raises:
        BadValue: there is no list.
    """
    if not isinstance(listed := wire.wire.get("items"), list):
        raise BadValue("items is missing or no list")
    found = members(read_one, wire.children("items"))
    return found, len(found) == len(listed)
