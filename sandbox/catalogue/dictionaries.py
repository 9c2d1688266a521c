"""The vendor's dictionaries: restaurants, terminal groups, couriers, and the lists of the back office."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from sandbox.catalogue.stop_lists import Stop
from sandbox.catalogue.world import DiscountType, Employee, NamedRow, Organization, PaymentType, TerminalGroup
from sandbox.http.call import Call, OfRestaurants, operation
from sandbox.http.errors import answer
from sandbox.http.request import Request
from sandbox.http.vendor_json import Json, named, nulls, pick

_KEPT = {"isDeleted": False}


class OrganizationsRequest(Request):
    organization_ids: list[UUID] | None = None
    include_disabled: bool = False
    return_additional_info: bool = False


@operation("organizations")
def _organizations(call: Call, request: OrganizationsRequest) -> Json:
    """Give the login's restaurants; one that it does not see is left out in silence."""
    ids, render = request.organization_ids, _extended if request.return_additional_info else _simple
    seen = [each for each in call.simulator.world.organizations if call.login.sees(each)]
    return answer(organizations=[render(each) for each in seen if ids is None or each.id in ids])


def _simple(organization: Organization) -> Json:
    return {"responseType": "Simple", **named(organization), **nulls("code externalData")}


def _extended(organization: Organization) -> Json:
    return {
        **_simple(organization),
        **pick(organization, "latitude longitude"),
        "responseType": "Extended",
        "country": "Россия",
        "restaurantAddress": organization.terminal_groups[0].address,
        "useUaeAddressingSystem": False,
        "version": organization.pos_version,
        "currencyIsoName": "RUB",
        "currencyMinimumDenomination": 0.01,
        "countryPhoneCode": "7",
        "marketingSourceRequiredInDelivery": False,
        "defaultDeliveryCityId": organization.city.id,
        "deliveryCityIds": [organization.city.id],
        "deliveryServiceType": "CourierAndSelfService",
        "deliveryOrderPaymentSettings": organization.paid_when,
        "defaultCallCenterPaymentTypeId": organization.dictionaries.cash.id,
        "orderItemCommentEnabled": True,
        "inn": None,
        "addressFormatType": "Legacy",
        "isConfirmationEnabled": True,
        "confirmAllowedIntervalInMinutes": 60,
        "isCloud": True,
        "isAnonymousGuestsAllowed": True,
        "addressLookup": ["DaData"],
    }


def _by_organization(
    call: Call, request: OfRestaurants, rows: Callable[[Organization], Iterable[Json]]
) -> list[Json]:
    return [{"organizationId": each.id, "items": rows(each)} for each in call.organizations(request)]


# --- terminal groups ---


class GroupsRequest(OfRestaurants):
    include_disabled: bool | None = None


class StatusesRequest(OfRestaurants):
    terminal_group_ids: list[UUID]


@operation("terminal_groups")
def _terminal_groups(call: Call, request: GroupsRequest) -> Json:
    def rows(organization: Organization) -> list[Json]:
        return [_group(organization, group) for group in organization.terminal_groups]

    return answer(terminalGroups=_by_organization(call, request, rows), terminalGroupsInSleep=[])


def _group(organization: Organization, group: TerminalGroup) -> Json:
    # The document says "date-span" of timeZone and shows no value (OpenAPI, TerminalGroup): an IANA name
    # is a guess.
    return {
        **pick(group, "id name address time_zone"),
        "organizationId": organization.id,
        "externalData": None,
        "posVersion": organization.pos_version,
    }


@operation("terminal_groups/is_alive")
def _is_alive(call: Call, request: StatusesRequest) -> Json:
    statuses = [
        {"isAlive": is_online, "terminalGroupId": group.id, "organizationId": organization.id}
        for organization, group, is_online in _online(call, request)
        if group.id in request.terminal_group_ids
    ]
    return answer(isAliveStatus=statuses)


@operation("terminal_groups/awake")
def _awake(call: Call, request: StatusesRequest) -> Json:
    """Wake groups that sleep; none does here, so all that are known and connected are awake."""
    awake = {group.id for _, group, is_online in _online(call, request) if is_online}
    return {
        "successfullyProcessed": [each for each in request.terminal_group_ids if each in awake],
        "failedProcessed": [each for each in request.terminal_group_ids if each not in awake],
    }


def _online(call: Call, request: OfRestaurants) -> list[tuple[Organization, TerminalGroup, bool]]:
    is_online = call.simulator.engine.is_online
    return [
        (each, group, is_online(each, group))
        for each in call.organizations(request)
        for group in each.terminal_groups
    ]


# --- people ---


class RolesRequest(OfRestaurants):
    roles_to_check: list[str]


@operation("employees/couriers")
def _couriers(call: Call, request: OfRestaurants) -> Json:
    return answer(employees=_by_organization(call, request, lambda each: map(_employee, each.couriers)))


@operation("employees/couriers/by_role")
def _couriers_by_role(call: Call, request: RolesRequest) -> Json:
    checked = [{"checkedRoleCode": role, "employeeHasRole": role == "CR"} for role in request.roles_to_check]

    def rows(organization: Organization) -> list[Json]:
        return [{**_employee(one), "checkRolesResult": checked} for one in organization.couriers]

    return answer(employeesWithCheckRoles=_by_organization(call, request, rows))


def _employee(person: Employee) -> Json:
    last, _, first = person.name.partition(" ")
    return {
        "id": person.id,
        "firstName": first,
        "middleName": None,
        "lastName": last,
        "displayName": person.name,
        "code": person.phone[-3:],
        **_KEPT,
    }


# --- lists of the back office ---


@operation("cancel_causes")
def _cancel_causes(call: Call, request: OfRestaurants) -> Json:
    rows = [row for each in call.organizations(request) for row in each.dictionaries.cancel_causes]
    return answer(cancelCauses=[{**named(row), **_KEPT} for row in rows])


@operation("removal_types")
def _removal_types(call: Call, request: OfRestaurants) -> Json:
    types: list[Json] = []
    for organization in call.organizations(request):
        dictionaries = organization.dictionaries
        types.append(_removal_type(dictionaries.removal_without_writeoff, writes_off=False))
        types.append(_removal_type(dictionaries.removal_with_writeoff, writes_off=True))
    return answer(removalTypes=types)


def _removal_type(row: NamedRow, *, writes_off: bool) -> Json:
    return {
        **named(row),
        "comment": None,
        "canWriteoffToCafe": writes_off,
        "canWriteoffToWaiter": False,
        "canWriteoffToUser": False,
        "reasonRequired": False,
        "manual": True,
        **_KEPT,
    }


@operation("discounts")
def _discounts(call: Call, request: OfRestaurants) -> Json:
    rows = _by_organization(call, request, lambda each: map(_discount, each.dictionaries.all_discounts))
    return answer(discounts=rows)


def _discount(row: DiscountType) -> Json:
    return {
        **pick(row, "id name mode is_manual"),
        "percent": float(row.percent or 0),
        "isCategorisedDiscount": False,
        "productCategoryDiscounts": [],
        "comment": None,
        "canBeAppliedSelectively": False,
        "minOrderSum": row.least,
        "sum": float(row.sum or 0),
        "canApplyByCardNumber": False,
        "isCard": False,
        "isAutomatic": not row.is_manual,
        **_KEPT,
    }


@operation("payment_types")
def _payment_types(call: Call, request: OfRestaurants) -> Json:
    chosen = call.organizations(request)
    rows = [_payment_type(each, row) for each in chosen for row in each.dictionaries.payment_types]
    return answer(paymentTypes=rows)


def _payment_type(organization: Organization, row: PaymentType) -> Json:
    return {
        **pick(row, "id name code"),
        "comment": None,
        "combinable": True,
        "externalRevision": 1,
        "applicableMarketingCampaigns": [],
        "printCheque": row.dictionary_kind != "IikoCard",
        "paymentProcessingType": row.processing,
        "paymentTypeKind": row.dictionary_kind,
        "terminalGroups": [_group(organization, group) for group in organization.terminal_groups],
        **_KEPT,
    }


@operation("deliveries/order_types")
def _order_types(call: Call, request: OfRestaurants) -> Json:
    return answer(orderTypes=_by_organization(call, request, _order_types_of))


def _order_types_of(organization: Organization) -> list[Json]:
    dictionaries = organization.dictionaries
    kinds = (
        (dictionaries.in_the_hall, "Common"),
        (dictionaries.delivery_by_courier, "DeliveryByCourier"),
        # Spelt so in this dictionary only; orders say DeliveryByClient.
        (dictionaries.pickup, "DeliveryPickUp"),
    )
    shared = {"externalRevision": 1, "isDefault": True, **_KEPT}
    return [{**named(row), "orderServiceType": kind, **shared} for row, kind in kinds]


class StopListsRequest(OfRestaurants):
    terminal_groups_ids: list[UUID] | None = None
    return_size: bool = False


@operation("stop_lists")
def _stop_lists(call: Call, request: StopListsRequest) -> Json:
    ids, stops = request.terminal_groups_ids, call.simulator.engine.side_events.stops

    def rows(organization: Organization) -> list[Json]:
        return [
            {
                "terminalGroupId": group.id,
                "items": [_stop(stop, with_size=request.return_size) for stop in stops.of(group)],
            }
            for group in organization.terminal_groups
            if ids is None or group.id in ids
        ]

    return answer(terminalGroupStopLists=_by_organization(call, request, rows))


def _stop(stop: Stop, *, with_size: bool) -> Json:
    sizes = stop.product.sizes
    return {
        "productId": stop.product.id,
        "balance": stop.balance,
        "sizeId": sizes[0].id if with_size and sizes else None,
        "sku": None,
        "dateAdd": stop.since,
    }
