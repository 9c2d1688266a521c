"""Restaurants, their dictionaries and their stop lists."""

from __future__ import annotations

from collections.abc import Iterable

from iiko_client.endpoints import registry
from iiko_client.endpoints.base import AnswerReader, Body, OperationGroup, members, name_of, need
from iiko_client.endpoints.registry import Operation
from iiko_client.json_reader import BadValue, Reader
from iiko_client.models.dictionaries import (
    CancelCause,
    CourierInfo,
    DiscountType,
    Menu,
    OrderTypeInfo,
    OrganizationInfo,
    PaymentType,
    ProductInfo,
    ProductSize,
    RemovalType,
    StopList,
    StopListEntry,
    StopLists,
    TerminalGroupAlive,
    TerminalGroupInfo,
)
from iiko_client.models.order_lines import word
from iiko_client.models.statuses import (
    delivery_service_type,
    discount_mode,
    payment_kind,
    payment_moment,
    payment_processing,
    service_type,
)


class Dictionaries(OperationGroup):
    """Reads what changes rarely in a restaurant, and its stop lists."""

    def organizations(self) -> tuple[OrganizationInfo, ...]:
        """Return all restaurants of the login."""
        body = Body(registry.ORGANIZATIONS).put("returnAdditionalInfo", True)
        reading = self._call(body.put("includeDisabled", False))
        return reading.done(reading.list_of(_organization, "organizations"))

    def terminal_groups(self, *, organization_ids: Iterable[str]) -> tuple[TerminalGroupInfo, ...]:
        """Return the terminal groups, sleeping ones marked."""
        body = Body(registry.TERMINAL_GROUPS).idents("organizationIds", organization_ids)
        # True would bring those that are not granted to the login, too (docs/iiko.md#hidden-rows).
        reading = self._call(body.put("includeDisabled", False))
        awake = reading.grouped(_terminal_group, "terminalGroups")
        asleep: tuple[TerminalGroupInfo, ...] = ()
        if reading.reader.wire.get("terminalGroupsInSleep") is not None:
            asleep = reading.grouped(_sleeping_terminal_group, "terminalGroupsInSleep")
        return reading.done(awake + asleep)

    def terminal_groups_alive(
        self, *, organization_ids: Iterable[str], terminal_group_ids: Iterable[str]
    ) -> tuple[TerminalGroupAlive, ...]:
        """Ask whether the POS of each terminal group answers now."""
        body = Body(registry.TERMINAL_GROUPS_ALIVE).idents("organizationIds", organization_ids)
        reading = self._call(body.idents("terminalGroupIds", terminal_group_ids))
        return reading.done(reading.list_of(_alive, "isAliveStatus"))

    def couriers(self, *, organization_ids: Iterable[str]) -> tuple[CourierInfo, ...]:
        reading = self._of(registry.COURIERS, organization_ids)
        return reading.done(reading.grouped(_courier, "employees"))

    def cancel_causes(self, *, organization_id: str) -> tuple[CancelCause, ...]:
        """Return the cancel causes of one restaurant: the answer does not name it."""
        reading = self._of(registry.CANCEL_CAUSES, [organization_id])
        return reading.done(reading.list_of(_cancel_cause, "cancelCauses"))

    def removal_types(self, *, organization_id: str) -> tuple[RemovalType, ...]:
        """Return the types of one restaurant: the answer does not name it."""
        reading = self._of(registry.REMOVAL_TYPES, [organization_id])
        return reading.done(reading.list_of(_removal_type, "removalTypes"))

    def discounts(self, *, organization_ids: Iterable[str]) -> tuple[DiscountType, ...]:
        """Return discounts and surcharges."""
        reading = self._of(registry.DISCOUNTS, organization_ids)
        return reading.done(reading.grouped(_discount, "discounts"))

    def payment_types(self, *, organization_id: str) -> tuple[PaymentType, ...]:
        """Return the types of one restaurant: the answer does not name it."""
        reading = self._of(registry.PAYMENT_TYPES, [organization_id])
        return reading.done(reading.list_of(_payment_type, "paymentTypes"))

    def order_types(self, *, organization_ids: Iterable[str]) -> tuple[OrderTypeInfo, ...]:
        reading = self._of(registry.ORDER_TYPES, organization_ids)
        return reading.done(reading.grouped(_order_type, "orderTypes"))

    def stop_lists(
        self, *, organization_ids: Iterable[str], terminal_group_ids: Iterable[str] | None = None
    ) -> tuple[StopLists, ...]:
        """Return what is out of stock or running out, with the sizes; None asks for all terminal groups."""
        body = Body(registry.STOP_LISTS).idents("organizationIds", organization_ids)
        body.idents("terminalGroupsIds", terminal_group_ids).put("returnSize", True)
        reading = self._call(body)
        return reading.done(reading.list_of(_stop_lists, "terminalGroupStopLists"))

    def menu(self, *, organization_id: str, start_revision: int = 0) -> Menu:
        """Return the nomenclature, empty if it is still at ``start_revision``; 0 asks for all of it."""
        body = Body(registry.NOMENCLATURE).ident("organizationId", organization_id)
        reading = self._call(body.put("startRevision", start_revision))
        return reading.done(
            Menu(
                revision=reading.need("revision", Reader.integer),
                products=reading.list_of(_product, "products"),
                sizes=reading.list_of(_size, "sizes"),
            )
        )

    def _of(self, operation: Operation, organization_ids: Iterable[str]) -> AnswerReader:
        return self._call(Body(operation).idents("organizationIds", organization_ids))


def _flag(reader: Reader, key: str) -> bool:
    return bool(reader.read(key, Reader.boolean))


def _ids(reader: Reader, key: str) -> tuple[str, ...]:
    return tuple(reader.read(key, Reader.idents) or ())


def _organization(wire: Reader) -> OrganizationInfo:
    return OrganizationInfo(
        id=need(wire, "id", Reader.ident),
        name=name_of(wire),
        code=wire.read("code", Reader.label),
        currency=wire.read("currencyIsoName", Reader.short),
        version=wire.read("version", Reader.short),
        country=wire.read("country", Reader.label),
        address=wire.read("restaurantAddress", Reader.label),
        country_phone_code=wire.read("countryPhoneCode", Reader.short),
        delivery_service_type=wire.read("deliveryServiceType", word(delivery_service_type)),
        delivery_order_payment_settings=wire.read("deliveryOrderPaymentSettings", word(payment_moment)),
        is_confirmation_enabled=wire.read("isConfirmationEnabled", Reader.boolean),
        is_anonymous_guests_allowed=wire.read("isAnonymousGuestsAllowed", Reader.boolean),
        is_cloud=wire.read("isCloud", Reader.boolean),
    )


def _terminal_group(wire: Reader, organization_id: str, *, is_in_sleep: bool = False) -> TerminalGroupInfo:
    own_id = wire.read("organizationId", Reader.ident)
    return TerminalGroupInfo(
        id=need(wire, "id", Reader.ident),
        organization_id=own_id or organization_id,
        name=name_of(wire),
        time_zone=wire.read("timeZone", Reader.short),
        address=wire.read("address", Reader.label),
        pos_version=wire.read("posVersion", Reader.short),
        is_in_sleep=is_in_sleep,
    )


def _sleeping_terminal_group(wire: Reader, organization_id: str) -> TerminalGroupInfo:
    return _terminal_group(wire, organization_id, is_in_sleep=True)


def _alive(wire: Reader) -> TerminalGroupAlive:
    return TerminalGroupAlive(
        terminal_group_id=need(wire, "terminalGroupId", Reader.ident),
        organization_id=wire.read("organizationId", Reader.ident),
        is_alive=need(wire, "isAlive", Reader.boolean),
    )


def _courier(wire: Reader, organization_id: str) -> CourierInfo:
    return CourierInfo(
        id=need(wire, "id", Reader.ident),
        organization_id=organization_id,
        display_name=wire.read("displayName", Reader.label),
        first_name=wire.read("firstName", Reader.label),
        middle_name=wire.read("middleName", Reader.label),
        last_name=wire.read("lastName", Reader.label),
        code=wire.read("code", Reader.label),
        is_deleted=_flag(wire, "isDeleted"),
    )


def _cancel_cause(wire: Reader) -> CancelCause:
    return CancelCause(
        id=need(wire, "id", Reader.ident), name=name_of(wire), is_deleted=_flag(wire, "isDeleted")
    )


def _removal_type(wire: Reader) -> RemovalType:
    return RemovalType(
        id=need(wire, "id", Reader.ident),
        name=name_of(wire),
        comment=wire.read("comment", Reader.label),
        is_reason_required=_flag(wire, "reasonRequired"),
        can_write_off_to_cafe=_flag(wire, "canWriteoffToCafe"),
        can_write_off_to_waiter=_flag(wire, "canWriteoffToWaiter"),
        can_write_off_to_user=_flag(wire, "canWriteoffToUser"),
        is_manual=_flag(wire, "manual"),
        is_deleted=_flag(wire, "isDeleted"),
    )


def _discount(wire: Reader, organization_id: str) -> DiscountType:
    return DiscountType(
        id=need(wire, "id", Reader.ident),
        organization_id=organization_id,
        name=name_of(wire),
        mode=wire.read("mode", word(discount_mode)),
        percent=wire.read("percent", Reader.decimal),
        sum_minor=wire.read("sum", Reader.money),
        min_order_sum_minor=wire.read("minOrderSum", Reader.money),
        comment=wire.read("comment", Reader.label),
        is_categorised=_flag(wire, "isCategorisedDiscount"),
        can_be_applied_selectively=_flag(wire, "canBeAppliedSelectively"),
        can_apply_by_card_number=_flag(wire, "canApplyByCardNumber"),
        is_manual=_flag(wire, "isManual"),
        is_card=_flag(wire, "isCard"),
        is_automatic=_flag(wire, "isAutomatic"),
        is_deleted=_flag(wire, "isDeleted"),
    )


def _payment_type(wire: Reader) -> PaymentType:
    groups = wire.read("terminalGroups", Reader.children) or []
    return PaymentType(
        id=need(wire, "id", Reader.ident),
        name=name_of(wire),
        code=wire.read("code", Reader.label),
        kind=wire.read("paymentTypeKind", word(payment_kind)),
        processing=wire.read("paymentProcessingType", word(payment_processing)),
        comment=wire.read("comment", Reader.label),
        is_combinable=_flag(wire, "combinable"),
        prints_cheque=_flag(wire, "printCheque"),
        is_deleted=_flag(wire, "isDeleted"),
        terminal_group_ids=tuple(found for group in groups if (found := group.read("id", Reader.ident))),
        marketing_campaign_ids=_ids(wire, "applicableMarketingCampaigns"),
    )


def _order_type(wire: Reader, organization_id: str) -> OrderTypeInfo:
    return OrderTypeInfo(
        id=need(wire, "id", Reader.ident),
        organization_id=organization_id,
        name=name_of(wire),
        service_type=wire.read("orderServiceType", word(service_type)),
        is_default=_flag(wire, "isDefault"),
        is_deleted=_flag(wire, "isDeleted"),
    )


def _stop_lists(wire: Reader) -> StopLists:
    listed = _listed(wire, "items")
    lists = members(_stop_list, listed)
    named = [each for each in lists if each.terminal_group_id]
    is_whole = len(named) == len(lists) == _length(wire, "items")
    return StopLists(need(wire, "organizationId", Reader.ident), lists, is_whole)


def _stop_list(wire: Reader) -> StopList:
    entries = members(_stop_list_entry, _listed(wire, "items"))
    is_whole = len(entries) == _length(wire, "items")
    return StopList(wire.read("terminalGroupId", Reader.ident), entries, is_whole)


def _stop_list_entry(item: Reader) -> StopListEntry:
    return StopListEntry(
        product_id=need(item, "productId", Reader.ident),
        size_id=item.read("sizeId", Reader.ident),
        sku=item.read("sku", Reader.label),
        balance=item.read("balance", Reader.decimal),
        added_at=item.read("dateAdd", Reader.utc_time),
    )


def _listed(wire: Reader, key: str) -> list[Reader]:
    """Return the members of a list; a missing list is not an empty one.

    Raises:
        BadValue: there is no list.
    """
    if not isinstance(wire.wire.get(key), list):
        raise BadValue(f"{key} is missing or no list")
    return wire.children(key)


def _length(wire: Reader, key: str) -> int:
    return len(wire.wire[key])


def _product(wire: Reader) -> ProductInfo:
    return ProductInfo(
        id=need(wire, "id", Reader.ident),
        name=name_of(wire),
        code=wire.read("code", Reader.label),
        kind=wire.read("type", Reader.short),
        is_deleted=_flag(wire, "isDeleted"),
    )


def _size(wire: Reader) -> ProductSize:
    return ProductSize(id=need(wire, "id", Reader.ident), name=name_of(wire))
