"""The vendor's dictionaries: restaurants, POS, couriers and their shifts, lists of the back office."""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from sandbox.catalogue.world import DiscountType, Employee, Organization, PaymentType, TerminalGroup, find
from sandbox.engine.side_events import Stop
from sandbox.http.call import Call, OfRestaurant, OfRestaurants, find_group, operation
from sandbox.http.request import Request
from sandbox.http.vendor_json import Json, answer, falses, named, nulls, pick
from sandbox.orders.pos import Refused

Rows = Callable[[Organization], Iterable[Json]]


def _by_organization(call: Call, request: OfRestaurants, rows: Rows) -> list[Json]:
    return [{"organizationId": each.id, "items": rows(each)} for each in call.organizations(request)]


def _dictionary(path: str, key: str, rows: Rows, *, is_flat: bool = False) -> None:
    """Register a list that depends on nothing but the restaurants: grouped by them, or all in one."""

    @operation(path)
    def give_rows(call: Call, request: OfRestaurants) -> Json:
        if is_flat:
            return answer(**{key: [row for each in call.organizations(request) for row in rows(each)]})
        return answer(**{key: _by_organization(call, request, rows)})


# --- restaurants ---


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
        "version": organization.pos_version,
        "currencyIsoName": "RUB",
        "currencyMinimumDenomination": 0.01,
        "countryPhoneCode": "7",
        "defaultDeliveryCityId": organization.city.id,
        "deliveryCityIds": [organization.city.id],
        "deliveryServiceType": "CourierAndSelfService",
        "deliveryOrderPaymentSettings": organization.paid_when,
        "defaultCallCenterPaymentTypeId": organization.dictionaries.cash.id,
        "inn": None,
        "addressFormatType": "Legacy",
        "confirmAllowedIntervalInMinutes": 60,
        "addressLookup": ["DaData"],
        **falses("useUaeAddressingSystem marketingSourceRequiredInDelivery"),
        **dict.fromkeys(
            ("orderItemCommentEnabled", "isConfirmationEnabled", "isCloud", "isAnonymousGuestsAllowed"), True
        ),
    }


# --- terminal groups ---


class GroupsRequest(OfRestaurants):
    include_disabled: bool | None = None


class StatusesRequest(OfRestaurants):
    terminal_group_ids: list[UUID]


@operation("terminal_groups")
def _terminal_groups(call: Call, request: GroupsRequest) -> Json:
    return answer(terminalGroups=_by_organization(call, request, _groups), terminalGroupsInSleep=[])


def _groups(organization: Organization) -> list[Json]:
    # The document says "date-span" of timeZone and shows no value (OpenAPI, TerminalGroup): an IANA name
    # is a guess.
    shared = {
        "organizationId": organization.id,
        "externalData": None,
        "posVersion": organization.pos_version,
    }
    return [{**pick(group, "id name address time_zone"), **shared} for group in organization.terminal_groups]


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
        "isDeleted": False,
    }


_dictionary("employees/couriers", "employees", lambda each: map(_employee, each.couriers))


class ShiftRequest(OfRestaurant):
    terminal_group_id: UUID
    employee_id: UUID
    role_id: UUID | None = None


def _find_courier(call: Call, request: ShiftRequest) -> tuple[Organization, TerminalGroup, Employee | None]:
    organization = call.organization(request)
    group = find_group(organization, request.terminal_group_id)
    return organization, group, find(organization.couriers, request.employee_id)


@operation("employees/shift/is_open")
def _is_open(call: Call, request: ShiftRequest) -> Json:
    organization, _, courier = _find_courier(call, request)
    if courier is None:
        return answer(isSessionOpened=None, error="Employee is not found")
    on_shift = call.simulator.engine.couriers_on_shift(organization)
    return answer(isSessionOpened=courier in on_shift, error=None)


def _clock(path: str, *, is_open: bool) -> None:
    @operation(path)
    def clock(call: Call, request: ShiftRequest) -> Json:
        organization, group, courier = _find_courier(call, request)
        side_events = call.simulator.engine.side_events

        def act(correlation_id: UUID, at: datetime) -> None:
            if courier is None:
                raise Refused("Employee is not found", "UserNotFound")
            if (courier in side_events.couriers_on_shift(organization)) is is_open:
                raise Refused(f"Personal session is {'already open' if is_open else 'not open'}")
            side_events.set_shift(
                organization, group, courier, at, is_open=is_open, operation_id=correlation_id
            )

        return {"correlationId": call.simulator.commands.submit(organization, call.now, act), "error": None}


_clock("employees/shift/clockin", is_open=True)
_clock("employees/shift/clockout", is_open=False)


# --- lists of the back office ---


def _cancel_causes(organization: Organization) -> list[Json]:
    return [{**named(row), "isDeleted": False} for row in organization.dictionaries.cancel_causes]


def _removal_types(organization: Organization) -> list[Json]:
    dictionaries = organization.dictionaries
    types = ((dictionaries.removal_without_writeoff, False), (dictionaries.removal_with_writeoff, True))
    shared = {
        "comment": None,
        "manual": True,
        **falses("canWriteoffToWaiter canWriteoffToUser reasonRequired isDeleted"),
    }
    return [{**named(row), "canWriteoffToCafe": writes_off, **shared} for row, writes_off in types]


def _discount(row: DiscountType) -> Json:
    return {
        **pick(row, "id name mode is_manual"),
        "percent": float(row.percent or 0),
        "productCategoryDiscounts": [],
        "comment": None,
        "minOrderSum": row.least,
        "sum": float(row.sum or 0),
        "isAutomatic": not row.is_manual,
        **falses("isCategorisedDiscount canBeAppliedSelectively canApplyByCardNumber isCard isDeleted"),
    }


def _payment_types(organization: Organization) -> list[Json]:
    shared = {
        "comment": None,
        "combinable": True,
        "externalRevision": 1,
        "applicableMarketingCampaigns": [],
        "terminalGroups": _groups(organization),
        "isDeleted": False,
    }
    return [{**_payment_type(row), **shared} for row in organization.dictionaries.payment_types]


def _payment_type(row: PaymentType) -> Json:
    return {
        **pick(row, "id name code"),
        "printCheque": row.dictionary_kind != "IikoCard",
        "paymentProcessingType": row.processing,
        "paymentTypeKind": row.dictionary_kind,
    }


def _order_types(organization: Organization) -> list[Json]:
    dictionaries = organization.dictionaries
    kinds = (
        (dictionaries.in_the_hall, "Common"),
        (dictionaries.delivery_by_courier, "DeliveryByCourier"),
        # Spelt so in this dictionary only; orders say DeliveryByClient.
        (dictionaries.pickup, "DeliveryPickUp"),
    )
    shared = {"externalRevision": 1, "isDefault": True, "isDeleted": False}
    return [{**named(row), "orderServiceType": kind, **shared} for row, kind in kinds]


_dictionary("cancel_causes", "cancelCauses", _cancel_causes, is_flat=True)
_dictionary("removal_types", "removalTypes", _removal_types, is_flat=True)
_dictionary("discounts", "discounts", lambda each: map(_discount, each.dictionaries.all_discounts))
_dictionary("payment_types", "paymentTypes", _payment_types, is_flat=True)
_dictionary("deliveries/order_types", "orderTypes", _order_types)


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
