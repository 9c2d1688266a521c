"""What iiko's dictionaries hold: restaurants, terminal groups, couriers, causes, discounts and so on.

Ids are iiko's, in canonical form; names and codes may be empty, unknown values are kept as they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from iiko_client.units import MinorUnits


@dataclass(frozen=True, slots=True)
class OrganizationInfo:
    """A restaurant of the login; below ``code`` only what ``returnAdditionalInfo`` brings."""

    id: str
    name: str
    code: str | None = None
    currency: str | None = None
    version: str | None = None
    country: str | None = None
    address: str | None = None
    country_phone_code: str | None = None
    delivery_service_type: str | None = None
    delivery_order_payment_settings: str | None = None
    """``WhenOrderClosed`` or ``WhenOrderOnTheWay``: decides which status changes the POS accepts."""
    is_confirmation_enabled: bool | None = None
    is_anonymous_guests_allowed: bool | None = None
    is_cloud: bool | None = None


@dataclass(frozen=True, slots=True)
class TerminalGroupInfo:
    """A terminal group; ``time_zone`` is the clock of its orders, in whatever form iiko wrote it."""

    id: str
    organization_id: str
    name: str
    time_zone: str | None
    address: str | None
    pos_version: str | None
    is_in_sleep: bool


@dataclass(frozen=True, slots=True)
class TerminalGroupAlive:
    terminal_group_id: str
    organization_id: str | None
    is_alive: bool


@dataclass(frozen=True, slots=True)
class CourierInfo:
    id: str
    organization_id: str
    display_name: str | None
    first_name: str | None
    middle_name: str | None
    last_name: str | None
    code: str | None
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class CancelCause:
    id: str
    name: str
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class RemovalType:
    id: str
    name: str
    comment: str | None
    is_reason_required: bool
    can_write_off_to_cafe: bool
    can_write_off_to_waiter: bool
    can_write_off_to_user: bool
    is_manual: bool
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class DiscountType:
    """``mode``: Percent, FlexibleSum (only this one takes a sum of ours) or FixedSum."""

    id: str
    organization_id: str
    name: str
    mode: str | None
    percent: Decimal | None
    sum_minor: MinorUnits | None
    min_order_sum_minor: MinorUnits | None
    comment: str | None
    is_categorised: bool
    can_be_applied_selectively: bool
    can_apply_by_card_number: bool
    is_manual: bool
    is_card: bool
    is_automatic: bool
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class PaymentType:
    """``kind``: Unknown, Cash, Card, Credit, Writeoff, Voucher, External, IikoCard.

    In a request the last is called LoyaltyCard. A payment processed outside needs ``processing`` External
    or Both; null is common, and refused then (docs/iiko.md#payments-processed-outside).
    """

    id: str
    name: str
    code: str | None
    kind: str | None
    processing: str | None
    comment: str | None
    is_combinable: bool
    prints_cheque: bool
    is_deleted: bool
    terminal_group_ids: tuple[str, ...]
    marketing_campaign_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderTypeInfo:
    """``service_type``: Common (hall), DeliveryByCourier, or DeliveryPickUp (DeliveryByClient in orders)."""

    id: str
    organization_id: str
    name: str
    service_type: str | None
    is_default: bool
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class StopListEntry:
    product_id: str
    size_id: str | None
    sku: str | None
    balance: Decimal | None
    added_at: datetime | None


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

    id: str
    name: str
    code: str | None
    kind: str | None
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class ProductSize:
    id: str
    name: str
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Menu:
    """The nomenclature. Products and sizes are empty where ``revision`` is the one that was asked with."""

    revision: int
    products: tuple[ProductInfo, ...]
    sizes: tuple[ProductSize, ...]
