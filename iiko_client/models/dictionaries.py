"""What iiko's dictionaries hold: restaurants, terminal groups, couriers, causes, discounts and so on.

Ids are iiko's, in canonical form; names and codes may be empty, unknown values are kept as they came.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from iiko_client.json_reader import Reader, word
from iiko_client.models import statuses
from iiko_client.records import column, essential, flag, ids, text, wire
from iiko_client.units import MinorUnits


@dataclass(frozen=True, slots=True)
class OrganizationInfo:
    """A restaurant of the login; below ``name`` only what ``returnAdditionalInfo`` brings."""

    id: str = essential("id", Reader.ident)
    name: str = text("name")
    currency: str | None = wire("currencyIsoName", Reader.short)
    version: str | None = wire("version", Reader.short)
    delivery_order_payment_settings: str | None = wire(
        "deliveryOrderPaymentSettings", word(statuses.payment_moment)
    )
    """``WhenOrderClosed`` or ``WhenOrderOnTheWay``: decides which status changes the POS accepts."""
    is_confirmation_enabled: bool | None = wire("isConfirmationEnabled", Reader.boolean)


@dataclass(frozen=True, slots=True)
class TerminalGroupInfo:
    """A terminal group; ``time_zone`` is the clock of its orders, in whatever form iiko wrote it."""

    organization_id: str
    is_in_sleep: bool
    id: str = essential("id", Reader.ident)
    name: str = text("name")
    time_zone: str | None = wire("timeZone", Reader.short)
    pos_version: str | None = wire("posVersion", Reader.short)


@dataclass(frozen=True, slots=True)
class TerminalGroupAlive:
    terminal_group_id: str = essential("terminalGroupId", Reader.ident)
    organization_id: str | None = wire("organizationId", Reader.ident)
    is_alive: bool = essential("isAlive", Reader.boolean)


@dataclass(frozen=True, slots=True)
class CourierInfo:
    organization_id: str
    id: str = essential("id", Reader.ident)
    display_name: str | None = wire("displayName", Reader.label)
    first_name: str | None = wire("firstName", Reader.label)
    middle_name: str | None = wire("middleName", Reader.label)
    last_name: str | None = wire("lastName", Reader.label)
    code: str | None = wire("code", Reader.label)
    is_deleted: bool = flag("isDeleted")


@dataclass(frozen=True, slots=True)
class CancelCause:
    id: str = essential("id", Reader.ident)
    name: str = text("name")
    is_deleted: bool = flag("isDeleted")


@dataclass(frozen=True, slots=True)
class RemovalType:
    id: str = essential("id", Reader.ident)
    name: str = text("name")
    comment: str | None = wire("comment", Reader.label)
    is_reason_required: bool = flag("reasonRequired")
    can_write_off_to_cafe: bool = flag("canWriteoffToCafe")
    can_write_off_to_waiter: bool = flag("canWriteoffToWaiter")
    can_write_off_to_user: bool = flag("canWriteoffToUser")
    is_manual: bool = flag("manual")
    is_deleted: bool = flag("isDeleted")


@dataclass(frozen=True, slots=True)
class DiscountType:
    """``mode``: Percent, FlexibleSum (only this one takes a sum of ours) or FixedSum."""

    organization_id: str
    id: str = essential("id", Reader.ident)
    name: str = text("name")
    mode: str | None = wire("mode", word(statuses.discount_mode))
    percent: Decimal | None = wire("percent", Reader.decimal)
    sum_minor: MinorUnits | None = wire("sum", Reader.money)
    min_order_sum_minor: MinorUnits | None = wire("minOrderSum", Reader.money)
    comment: str | None = wire("comment", Reader.label)
    is_categorised: bool = flag("isCategorisedDiscount")
    can_be_applied_selectively: bool = flag("canBeAppliedSelectively")
    can_apply_by_card_number: bool = flag("canApplyByCardNumber")
    is_manual: bool = flag("isManual")
    is_card: bool = flag("isCard")
    is_automatic: bool = flag("isAutomatic")
    is_deleted: bool = flag("isDeleted")


@dataclass(frozen=True, slots=True)
class PaymentType:
    """``kind``: Unknown, Cash, Card, Credit, Writeoff, Voucher, External, IikoCard.

    In a request the last is called LoyaltyCard. A payment processed outside needs ``processing`` External
    or Both; null is common, and refused then (docs/iiko.md#payments-processed-outside).
    """

    id: str = essential("id", Reader.ident)
    name: str = text("name")
    code: str | None = wire("code", Reader.label)
    kind: str | None = wire("paymentTypeKind", word(statuses.payment_kind))
    processing: str | None = wire("paymentProcessingType", word(statuses.payment_processing))
    comment: str | None = wire("comment", Reader.label)
    is_combinable: bool = flag("combinable")
    prints_cheque: bool = flag("printCheque")
    is_deleted: bool = flag("isDeleted")
    terminal_group_ids: tuple[str, ...] = column("terminalGroups", "id", Reader.ident)
    marketing_campaign_ids: tuple[str, ...] = ids("applicableMarketingCampaigns")


@dataclass(frozen=True, slots=True)
class OrderTypeInfo:
    """``service_type``: Common (hall), DeliveryByCourier, or DeliveryPickUp (DeliveryByClient in orders)."""

    organization_id: str
    id: str = essential("id", Reader.ident)
    name: str = text("name")
    service_type: str | None = wire("orderServiceType", word(statuses.service_type))
    is_default: bool = flag("isDefault")
    is_deleted: bool = flag("isDeleted")


@dataclass(frozen=True, slots=True)
class StopListEntry:
    product_id: str = essential("productId", Reader.ident)
    size_id: str | None = wire("sizeId", Reader.ident)
    sku: str | None = wire("sku", Reader.label)
    balance: Decimal | None = wire("balance", Reader.decimal)
    added_at: datetime | None = wire("dateAdd", Reader.utc_time)


@dataclass(frozen=True, slots=True)
class StopList:
    """The list of a terminal group. ``is_whole``: all of it could be read; what is not in it is not on it."""

    terminal_group_id: str | None
    entries: tuple[StopListEntry, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class StopLists:
    """What iiko answered for a restaurant. A terminal group asked for and not here has an empty list.

    That holds only if ``is_whole``: else some list could not be read, or did not say whose it is.
    """

    organization_id: str
    lists: tuple[StopList, ...]
    is_whole: bool


@dataclass(frozen=True, slots=True)
class ProductInfo:
    """A dish, good, modifier or service of the menu; ``kind`` is the vendor's free text."""

    id: str = essential("id", Reader.ident)
    name: str = text("name")
    code: str | None = wire("code", Reader.label)
    kind: str | None = wire("type", Reader.short)
    is_deleted: bool = flag("isDeleted")


@dataclass(frozen=True, slots=True)
class ProductSize:
    id: str = essential("id", Reader.ident)
    name: str = text("name")
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Menu:
    """The nomenclature. Products and sizes are empty where ``revision`` is the one that was asked with."""

    revision: int
    products: tuple[ProductInfo, ...]
    sizes: tuple[ProductSize, ...]
