"""The vendor's dictionaries: restaurants, tills, couriers, and the lists kept in the back office."""

from __future__ import annotations

from datetime import UTC

from sandbox.catalogue.stop_lists import Stop
from sandbox.catalogue.world import (
    DiscountType,
    Employee,
    NamedRow,
    Organization,
    PaymentType,
    TerminalGroup,
)
from sandbox.http.call import Call, Operations
from sandbox.http.errors import answer
from sandbox.orders.serializer import Json, named, vendor_date


def _organizations(call: Call) -> Json:
    """Give the login's restaurants; one that it does not see is left out in silence."""
    ids = call.body.ids_or_none("organizationIds")
    call.body.flag("includeDisabled")
    render = _extended if call.body.flag("returnAdditionalInfo") else _simple
    seen = [each for each in call.simulator.world.organizations if call.login.sees(each)]
    return answer(organizations=[render(each) for each in seen if ids is None or each.id in ids])


def list_organizations(call: Call) -> Json:
    """Answer the older GET, which asks for nothing in particular."""
    seen = [each for each in call.simulator.world.organizations if call.login.sees(each)]
    return answer(organizations=[_simple(each) for each in seen])


def _simple(organization: Organization) -> Json:
    return {
        "responseType": "Simple",
        "id": str(organization.id),
        "name": organization.name,
        "code": None,
        "externalData": None,
    }


def _extended(organization: Organization) -> Json:
    return {
        **_simple(organization),
        "responseType": "Extended",
        "country": "Россия",
        "restaurantAddress": organization.terminal_groups[0].address,
        "latitude": organization.latitude,
        "longitude": organization.longitude,
        "useUaeAddressingSystem": False,
        "version": organization.pos_version,
        "currencyIsoName": "RUB",
        "currencyMinimumDenomination": 0.01,
        "countryPhoneCode": "7",
        "marketingSourceRequiredInDelivery": False,
        "defaultDeliveryCityId": str(organization.city.id),
        "deliveryCityIds": [str(organization.city.id)],
        "deliveryServiceType": "CourierAndSelfService",
        "deliveryOrderPaymentSettings": organization.paid_when.value,
        "defaultCallCenterPaymentTypeId": str(organization.dictionaries.cash.id),
        "orderItemCommentEnabled": True,
        "inn": None,
        "addressFormatType": "Legacy",
        "isConfirmationEnabled": True,
        "confirmAllowedIntervalInMinutes": 60,
        "isCloud": True,
        "isAnonymousGuestsAllowed": True,
        "addressLookup": ["DaData"],
    }


# --- tills ---


def _terminal_groups(call: Call) -> Json:
    chosen = call.organizations()
    call.body.flag_or_none("includeDisabled")
    groups = [_of(each, [_group(each, group) for group in each.terminal_groups]) for each in chosen]
    return answer(terminalGroups=groups, terminalGroupsInSleep=[])


def _group(organization: Organization, group: TerminalGroup) -> Json:
    return {
        "id": str(group.id),
        "organizationId": str(organization.id),
        "name": group.name,
        "address": group.address,
        # The document says "date-span" and shows no value (OpenAPI, TerminalGroup): an IANA name is a guess.
        "timeZone": group.time_zone,
        "externalData": None,
        "posVersion": organization.pos_version,
    }


def _is_alive(call: Call) -> Json:
    wanted = call.body.ids("terminalGroupIds")
    statuses = [
        {
            "isAlive": call.simulator.engine.is_online(organization, group),
            "terminalGroupId": str(group.id),
            "organizationId": str(organization.id),
        }
        for organization in call.organizations()
        for group in organization.terminal_groups
        if group.id in wanted
    ]
    return answer(isAliveStatus=statuses)


def _awake(call: Call) -> Json:
    """Wake groups that sleep; none does here, so all that are known and connected are awake."""
    wanted = call.body.ids("terminalGroupIds")
    awake = {
        group.id
        for organization in call.organizations()
        for group in organization.terminal_groups
        if call.simulator.engine.is_online(organization, group)
    }
    return {
        "successfullyProcessed": [str(each) for each in wanted if each in awake],
        "failedProcessed": [str(each) for each in wanted if each not in awake],
    }


# --- people ---


def _couriers(call: Call) -> Json:
    chosen = call.organizations()
    return answer(employees=[_of(each, [_employee(one) for one in each.couriers]) for each in chosen])


def _couriers_by_role(call: Call) -> Json:
    roles = call.body.words("rolesToCheck")
    checked = [{"checkedRoleCode": role, "employeeHasRole": role == "CR"} for role in roles]
    chosen = call.organizations()
    people = [
        _of(each, [{**_employee(one), "checkRolesResult": checked} for one in each.couriers])
        for each in chosen
    ]
    return answer(employeesWithCheckRoles=people)


def _employee(person: Employee) -> Json:
    last, _, first = person.name.partition(" ")
    return {
        "id": str(person.id),
        "firstName": first,
        "middleName": None,
        "lastName": last,
        "displayName": person.name,
        "code": person.phone[-3:],
        "isDeleted": False,
    }


# --- lists of the back office ---


def _cancel_causes(call: Call) -> Json:
    rows = [row for each in call.organizations() for row in each.dictionaries.cancel_causes]
    return answer(cancelCauses=[{**named(row), "isDeleted": False} for row in rows])


def _removal_types(call: Call) -> Json:
    types: list[Json] = []
    for organization in call.organizations():
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
        "isDeleted": False,
    }


def _discounts(call: Call) -> Json:
    chosen = call.organizations()
    return answer(
        discounts=[_of(each, [_discount(row) for row in each.dictionaries.all_discounts]) for each in chosen]
    )


def _discount(row: DiscountType) -> Json:
    return {
        **named(row),
        "percent": float(row.percent or 0),
        "isCategorisedDiscount": False,
        "productCategoryDiscounts": [],
        "comment": None,
        "canBeAppliedSelectively": False,
        "minOrderSum": None if row.least is None else float(row.least),
        "mode": row.mode,
        "sum": float(row.sum or 0),
        "canApplyByCardNumber": False,
        "isManual": row.is_manual,
        "isCard": False,
        "isAutomatic": not row.is_manual,
        "isDeleted": False,
    }


def _payment_types(call: Call) -> Json:
    rows = [
        _payment_type(each, row) for each in call.organizations() for row in each.dictionaries.payment_types
    ]
    return answer(paymentTypes=rows)


def _payment_type(organization: Organization, row: PaymentType) -> Json:
    return {
        **named(row),
        "code": row.code,
        "comment": None,
        "combinable": True,
        "externalRevision": 1,
        "applicableMarketingCampaigns": [],
        "isDeleted": False,
        "printCheque": row.listed_as != "IikoCard",
        "paymentProcessingType": row.processing,
        "paymentTypeKind": row.listed_as,
        "terminalGroups": [_group(organization, group) for group in organization.terminal_groups],
    }


def _order_types(call: Call) -> Json:
    chosen = call.organizations()
    return answer(orderTypes=[_of(each, _order_types_of(each)) for each in chosen])


def _order_types_of(organization: Organization) -> list[Json]:
    dictionaries = organization.dictionaries
    kinds = (
        (dictionaries.in_the_hall, "Common"),
        (dictionaries.delivery_by_courier, "DeliveryByCourier"),
        # Spelt so in this dictionary only; orders say DeliveryByClient.
        (dictionaries.pickup, "DeliveryPickUp"),
    )
    return [
        {
            **named(row),
            "orderServiceType": kind,
            "isDeleted": False,
            "externalRevision": 1,
            "isDefault": True,
        }
        for row, kind in kinds
    ]


def _stop_lists(call: Call) -> Json:
    wanted, with_size = call.body.ids_or_none("terminalGroupsIds"), call.body.flag("returnSize")
    stops = call.simulator.engine.side_events.stops

    def rows(organization: Organization) -> list[Json]:
        groups = (each for each in organization.terminal_groups if wanted is None or each.id in wanted)
        return [
            {
                "terminalGroupId": str(group.id),
                "items": [_stop(stop, with_size=with_size) for stop in stops.of(group)],
            }
            for group in groups
        ]

    return answer(terminalGroupStopLists=[_of(each, rows(each)) for each in call.organizations()])


def _stop(stop: Stop, *, with_size: bool) -> Json:
    sizes = stop.product.sizes
    return {
        "productId": str(stop.product.id),
        "balance": float(stop.balance),
        "sizeId": str(sizes[0].id) if with_size and sizes else None,
        "sku": None,
        "dateAdd": vendor_date(stop.since, UTC),
    }


def _of(organization: Organization, items: list[Json]) -> Json:
    return {"organizationId": str(organization.id), "items": items}


OPERATIONS: Operations = {
    "organizations": _organizations,
    "terminal_groups": _terminal_groups,
    "terminal_groups/is_alive": _is_alive,
    "terminal_groups/awake": _awake,
    "employees/couriers": _couriers,
    "employees/couriers/by_role": _couriers_by_role,
    "cancel_causes": _cancel_causes,
    "removal_types": _removal_types,
    "discounts": _discounts,
    "payment_types": _payment_types,
    "deliveries/order_types": _order_types,
    "stop_lists": _stop_lists,
}
