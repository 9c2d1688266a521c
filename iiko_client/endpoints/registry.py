"""Every operation we call: path, restriction group, and what may be done after a lost answer.

Paths, groups and which operation is a command: OpenAPI, read 2026-11; a test compares them with it.
"""

from dataclasses import dataclass
from enum import Enum
from functools import partial

from iiko_client.http.rate_limits import ORDINARY_STEPS_S, SETTINGS_STEPS_S


class Kind(Enum):
    """What an operation is. A read may be retried after a lost answer, anything else may not."""

    READ = "read"
    POLL = "poll"
    """A read that the caller repeats, with pauses of its own: a lost answer is not retried at once."""
    WRITE = "write"
    COMMAND = "command"
    """A write that answers "queued" with a correlation id; ``commands/status`` has its outcome."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of the vendor."""

    name: str
    group: str
    """The vendor's restriction group; the operation's own name where the schema gives none."""
    kind: Kind
    may_be_empty: bool = False
    """A 200 without a body is a full answer."""
    ordinary_refusals: tuple[str, ...] = ()
    """Codes of refusals that callers expect; they do not count against us."""
    ordinary_statuses: tuple[int, ...] = ()
    subject: tuple[str, ...] = ()
    """Fields that name the subject of a refusal, where refusals are part of the trade: that one wallet is
    empty does not concern the next. The codes are not documented (docs/iiko.md#refusals-of-wallets)."""
    busy_steps_s: tuple[float, ...] = ORDINARY_STEPS_S
    own_path: str = ""

    @property
    def path(self) -> str:
        return self.own_path or f"/api/1/{self.name}"

    @property
    def is_write(self) -> bool:
        return self.kind in (Kind.WRITE, Kind.COMMAND)


_DICTIONARIES = "Data: dictionaries"
_ORGANIZATION_SETTINGS = "Organizations: settings"
_STATUS = "Order status: changing"
_CHANGING = "Orders: changing"
_PAYMENTS = "Order payments: changing"
_DRIVER = "Order driver: changing"
_RECEIVING = "Orders: receiving"
_GUESTS = "Guests: info"

REVISION_TOO_OLD = "TOO_OLD_REVISION"
TOO_MUCH_DATA = "TOO_MANY_DATA_REQUESTED"
# iiko's codes for "there is no such guest" (docs/iiko.md#unknown-guests).
NO_SUCH_CUSTOMER = ("Validation_IncorrectPhone", "Transport_WrongCustomerNumber")

ORGANIZATIONS = Operation("organizations", _DICTIONARIES, Kind.READ)
TERMINAL_GROUPS = Operation("terminal_groups", _DICTIONARIES, Kind.READ)
TERMINAL_GROUPS_ALIVE = Operation("terminal_groups/is_alive", "POS: availability", Kind.READ)
COURIERS = Operation("employees/couriers", "Drivers: dictionaries", Kind.READ)
CANCEL_CAUSES = Operation("cancel_causes", _DICTIONARIES, Kind.READ)
REMOVAL_TYPES = Operation("removal_types", _DICTIONARIES, Kind.READ)
DISCOUNTS = Operation("discounts", _DICTIONARIES, Kind.READ)
PAYMENT_TYPES = Operation("payment_types", _DICTIONARIES, Kind.READ)
ORDER_TYPES = Operation("deliveries/order_types", _DICTIONARIES, Kind.READ)
STOP_LISTS = Operation("stop_lists", "Data: stoplists", Kind.READ)
NOMENCLATURE = Operation("nomenclature", "Data: menu", Kind.READ)

# 410: the correlation id is no longer known. Not more often than every 2–5 s (docs/iiko.md#command-status).
COMMAND_STATUS = Operation("commands/status", "Commands", Kind.POLL, ordinary_statuses=(410,))

# Two projects report strict limits of these two: minutes, not seconds (docs/iiko.md#rate-limits).
WEBHOOK_SETTINGS = Operation(
    "webhooks/settings", _ORGANIZATION_SETTINGS, Kind.READ, busy_steps_s=SETTINGS_STEPS_S
)
UPDATE_WEBHOOK_SETTINGS = Operation(
    "webhooks/update_settings", "WebHooks: settings", Kind.WRITE, busy_steps_s=SETTINGS_STEPS_S
)

ORDERS_BY_ID = Operation("deliveries/by_id", _RECEIVING, Kind.READ)
ORDERS_BY_REVISION = Operation("deliveries/by_revision", "Orders: receiving by revision", Kind.READ)
ORDERS_BY_DATE = Operation("deliveries/by_delivery_date_and_status", _RECEIVING, Kind.READ)

UPDATE_STATUS = Operation("deliveries/update_order_delivery_status", _STATUS, Kind.COMMAND)
CHANGE_DRIVER = Operation("deliveries/change_driver_info", _DRIVER, Kind.COMMAND)
UPDATE_COURIER = Operation("deliveries/update_order_courier", _DRIVER, Kind.COMMAND)
CHANGE_PAYMENTS = Operation("deliveries/change_payments", _PAYMENTS, Kind.COMMAND)
CANCEL = Operation("deliveries/cancel", _STATUS, Kind.COMMAND)
CLOSE = Operation("deliveries/close", _STATUS, Kind.COMMAND)
CONFIRM = Operation("deliveries/confirm", _STATUS, Kind.COMMAND)
CANCEL_CONFIRMATION = Operation("deliveries/cancel_confirmation", _STATUS, Kind.COMMAND)
CHANGE_COMMENT = Operation("deliveries/change_comment", _CHANGING, Kind.COMMAND)
CREATE_DELIVERY = Operation("deliveries/create", "Orders: creating", Kind.COMMAND)

CUSTOMER_INFO = Operation(
    "loyalty/iiko/customer/info", _GUESTS, Kind.READ, ordinary_refusals=NO_SUCH_CUSTOMER
)
PROGRAMS = Operation("loyalty/iiko/program", "Loyalty: dictionaries", Kind.READ)
_wallet = partial(Operation, group="Loyalty: wallets", kind=Kind.WRITE, subject=("customerId", "walletId"))
TOPUP = _wallet("loyalty/iiko/customer/wallet/topup", may_be_empty=True)
CHARGEOFF = _wallet("loyalty/iiko/customer/wallet/chargeoff", may_be_empty=True)
HOLD = _wallet("loyalty/iiko/customer/wallet/hold")
CANCEL_HOLD = _wallet(
    "loyalty/iiko/customer/wallet/cancel_hold", may_be_empty=True, subject=("transactionId",)
)
TRANSACTIONS_BY_DATE = Operation("loyalty/iiko/customer/transactions/by_date", _GUESTS, Kind.READ)

OPERATIONS = {one.name: one for one in list(globals().values()) if isinstance(one, Operation)}
